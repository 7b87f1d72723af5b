// SPDX-License-Identifier: Apache-2.0
#include "capture/text_mode.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace httpdiag::capture {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::byte kCr{0x0d};
constexpr std::byte kLf{0x0a};
constexpr std::string_view kInsertedLone =
    "CR was put before each LF that had none, as a transfer in text mode does; copy it again in "
    "binary mode";
constexpr std::string_view kDropped =
    "CR was taken away before LF, as a transfer in text mode does; copy it again in binary mode";

constexpr std::string_view kCrToLf =
    "each CR became LF, as a transfer in text mode does; copy it again in binary mode";
constexpr std::string_view kLfToCr =
    "each LF became CR, as a transfer in text mode does; copy it again in binary mode";

constexpr std::string_view kRecoded =
    "bytes above 127 were written as UTF-8, as if it were text; copy it again in binary mode";

struct Walk {
  std::size_t count = 0;     // plausible records, whole ones
  std::size_t last = 0;      // where the last of them begins
  std::size_t end = 0;       // where it ends
  bool reached_end = false;  // no header behind it that is not plausible
  bool cut = false;          // and the last one is not whole
};

Walk walk(Bytes records, std::size_t header, const HeaderLook& look) {
  Walk walk;
  for (;;) {
    const Bytes rest = records.subspan(walk.end);
    walk.reached_end = rest.size() < header;
    if (walk.reached_end) return walk;
    const auto captured = look(rest.data());
    if (!captured) return walk;
    walk.reached_end = walk.cut = *captured > rest.size() - header;
    if (walk.cut) return walk;
    ++walk.count;
    walk.last = walk.end;
    walk.end += header + *captured;
  }
}

std::size_t line_ends(Bytes bytes) {
  std::size_t count = 0;
  for (std::size_t i = 1; i < bytes.size(); ++i) count += bytes[i] == kLf && bytes[i - 1] == kCr;
  return count;
}

/// Each LF has a CR before it, and without those the records make sense: more of them than as they
/// are. A record that is cut as it is has to hold others then: the length in its header is none.
std::optional<Conversion> inserted(Bytes records, std::size_t header, const HeaderLook& look,
                                   const Walk& as_it_is) {
  const auto lines = static_cast<std::size_t>(std::count(records.begin(), records.end(), kLf));
  const std::size_t pairs = line_ends(records);
  if (pairs == 0 || lines - pairs > (records.front() == kLf ? 1u : 0u)) return std::nullopt;
  const auto [before, first] = without_cr(records);
  const Walk repaired = walk(before, header, look);
  const std::size_t enough = std::max<std::size_t>(2, as_it_is.count + (as_it_is.cut ? 1 : 0));
  if (!repaired.reached_end || repaired.count < enough) return std::nullopt;
  // The record that holds the first inserted CR; up to there nothing has moved.
  Walk changed;
  while (changed.end + header <= before.size()) {
    const auto captured = look(before.data() + changed.end);
    if (!captured || changed.end + header + *captured > first) break;
    changed.end += header + *captured;
  }
  return Conversion{changed.end, kCrInserted};
}

/// Where the record behind the one at `begin` is, if that may have lost as many bytes as there are
/// LFs in it. None: nowhere; the end of `records`: it is the last one there.
std::optional<std::size_t> next_record(Bytes records, std::size_t begin, std::size_t header,
                                       const HeaderLook& look) {
  const auto captured = look(records.data() + begin);
  if (!captured) return std::nullopt;
  const std::size_t end = begin + header + *captured;
  if (end > records.size() || records.size() - end < header) return records.size();
  const Bytes record = records.subspan(begin + header, *captured);
  const auto lost = static_cast<std::size_t>(std::count(record.begin(), record.end(), kLf));
  for (std::size_t less = 0; less <= lost; ++less) {
    const auto next = look(records.data() + end - less);
    if (next && (less == 0 || *next != 0)) return end - less;
  }
  return std::nullopt;
}

/// A line of HTTP that ends in LF alone: hardly anybody writes such.
bool holds_http_line(Bytes record) {
  constexpr std::string_view kVersion = "HTTP/1.";
  const std::string_view text{reinterpret_cast<const char*>(record.data()), record.size()};
  const std::size_t at = text.find(kVersion);
  return at != std::string_view::npos && text.find('\n', at) != std::string_view::npos;
}

/// No LF has a CR before it, and records begin as many bytes too early as their predecessors have
/// lost at most. Where few of them do, what they hold has to tell, or that no CR is left at all.
std::optional<Conversion> dropped(Bytes records, std::size_t header, const HeaderLook& look) {
  constexpr int kProof = 2;  // records behind the first that has lost something
  if (line_ends(records) != 0) return std::nullopt;
  std::optional<std::size_t> first;
  int behind = 0, moved = 0;
  bool text = false, to_the_end = true;
  std::size_t begin = 0;
  while (records.size() - begin >= header) {
    const auto next = next_record(records, begin, header, look);
    to_the_end = next.has_value();
    if (!next) break;
    const auto captured = look(records.data() + begin);
    if (*next < records.size() && *next != begin + header + *captured) {
      if (!first) first = begin;
      ++moved;
      text = text || holds_http_line(records.subspan(begin, *next - begin));
    }
    if (first) ++behind;
    begin = *next;
  }
  const bool no_cr = std::find(records.begin(), records.end(), kCr) == records.end();
  const bool proven = (to_the_end && behind > kProof) || text || (no_cr && moved > kProof);
  return first && proven ? std::optional{Conversion{*first, kDropped}} : std::nullopt;
}

/// Where a line of HTTP ends in two of `end`, with a header right behind: nobody writes that, and
/// CR LF becomes that. None of `gone` is left.
std::optional<std::size_t> doubled_line_end(Bytes records, char end, std::byte gone) {
  constexpr std::string_view kVersion = "HTTP/1.";
  if (std::find(records.begin(), records.end(), gone) != records.end()) return std::nullopt;
  const std::string_view text{reinterpret_cast<const char*>(records.data()), records.size()};
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  for (std::size_t at = 0; (at = text.find(kVersion, at)) != std::string_view::npos; ++at) {
    const std::size_t line = text.find(end, at);
    if (line == std::string_view::npos || line + 2 >= text.size()) return std::nullopt;
    if (text[line + 1] != end || !letter(text[line + 2])) continue;
    const std::string_view header = text.substr(line + 2, 64);
    const std::size_t name = header.find_first_of(":\r\n");
    if (name != std::string_view::npos && header[name] == ':') return at;
  }
  return std::nullopt;
}

/// No byte has moved, so the records make sense: what they hold does not.
std::optional<Conversion> replaced(Bytes records, std::size_t header, const HeaderLook& look) {
  const auto to_lf = doubled_line_end(records, '\n', kCr);
  const auto to_cr = to_lf ? std::nullopt : doubled_line_end(records, '\r', kLf);
  if (!to_lf && !to_cr) return std::nullopt;
  const std::size_t at = to_lf ? *to_lf : *to_cr;
  std::size_t record = 0;
  while (records.size() - record >= header) {
    const auto captured = look(records.data() + record);
    if (!captured || record + header + *captured > at) break;
    record += header + *captured;
  }
  return Conversion{record, to_lf ? kCrToLf : kLfToCr};
}

/// What the header at `begin` says if CRs that stand before LFs do not belong to it, and how long
/// it is with them.
struct Swollen {
  std::optional<std::size_t> captured;
  std::size_t length = 0;
};
Swollen swollen_header(Bytes records, std::size_t begin, std::size_t header,
                       const HeaderLook& look) {
  std::vector<std::byte> before;
  std::size_t at = begin;
  for (; before.size() < header && at < records.size(); ++at) {
    const bool inserted = records[at] == kCr && at + 1 < records.size() && records[at + 1] == kLf;
    if (!inserted) before.push_back(records[at]);
  }
  if (before.size() < header) return {};
  return {look(before.data()), at - begin};
}

/// Where the record behind `begin` is, if as many bytes were put into that as it has line ends at
/// most. None: nowhere; the end of `records`: it is the last one there.
std::optional<std::size_t> next_swollen(Bytes records, std::size_t begin, std::size_t header,
                                        const HeaderLook& look) {
  const Swollen here = swollen_header(records, begin, header, look);
  if (!here.captured) return std::nullopt;
  const std::size_t body = begin + here.length;
  std::size_t end = body + *here.captured;
  if (end >= records.size()) return records.size();
  const auto has_cr = [&](std::size_t at) { return records[at] == kCr && records[at + 1] == kLf; };
  std::size_t more = line_ends(records.subspan(body, *here.captured + 1));  // CRs in front of `end`
  for (std::size_t taken = 0;; ++taken, ++end) {
    if (records.size() - end < 2 * header) return records.size();
    if (swollen_header(records, end, header, look).captured) return end;
    if (taken == more) return std::nullopt;
    more += has_cr(end) ? 1u : 0u;
  }
}

/// Each LF has a CR before it, some had before, and records begin too late.
std::optional<Conversion> inserted_before_lone(Bytes records, std::size_t header,
                                               const HeaderLook& look) {
  constexpr int kProof = 2;  // records that have grown
  const auto lines = static_cast<std::size_t>(std::count(records.begin(), records.end(), kLf));
  if (lines == 0 || lines != line_ends(records)) return std::nullopt;
  std::optional<std::size_t> first;
  int grown = 0;
  for (std::size_t begin = 0; records.size() - begin >= header;) {
    const auto next = next_swollen(records, begin, header, look);
    if (!next) return std::nullopt;
    if (*next == records.size()) break;
    const Swollen here = swollen_header(records, begin, header, look);
    if (*next != begin + header + *here.captured) {
      if (!first) first = begin;
      ++grown;
    }
    begin = *next;
  }
  return grown >= kProof ? std::optional{Conversion{*first, kInsertedLone}} : std::nullopt;
}

std::optional<Conversion> any_inserted(Bytes records, std::size_t header, const HeaderLook& look,
                                       const Walk& as_it_is) {
  if (as_it_is.reached_end && !as_it_is.cut) return std::nullopt;
  if (const auto found = inserted(records, header, look, as_it_is)) return found;
  return as_it_is.cut ? std::nullopt : inserted_before_lone(records, header, look);
}

}  // namespace

WithoutCr without_cr(Bytes bytes) {
  WithoutCr out;
  out.first = bytes.size();
  out.bytes.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool inserted = bytes[i] == kCr && i + 1 < bytes.size() && bytes[i + 1] == kLf;
    if (inserted) out.first = std::min(out.first, out.bytes.size());
    if (!inserted) out.bytes.push_back(bytes[i]);
  }
  return out;
}

std::optional<Conversion> find_conversion(Bytes records, std::size_t header,
                                          const HeaderLook& look) {
  if (records.empty()) return std::nullopt;
  const Walk as_it_is = walk(records, header, look);
  if (const auto found = any_inserted(records, header, look, as_it_is)) return found;
  return as_it_is.reached_end ? replaced(records, header, look) : dropped(records, header, look);
}

std::optional<Conversion> find_inserted(Bytes records, std::size_t header, const HeaderLook& look) {
  if (records.empty()) return std::nullopt;
  return any_inserted(records, header, look, walk(records, header, look));
}

namespace {

bool is_text(std::byte byte) {
  return byte == kLf || (byte >= std::byte{' '} && byte <= std::byte{'~'});
}

}  // namespace

void LineEnds::count(Bytes bytes) {
  bytes_ += bytes.size();
  for (const std::byte byte : bytes) {
    crs_ += byte == kCr ? 1u : 0u;
    lfs_ += byte == kLf ? 1u : 0u;
    const bool pair = byte == kLf && last_ == kCr;
    pairs_ += pair ? 1u : 0u;
    in_text_ += pair && is_text(before_last_) ? 1u : 0u;
    before_last_ = std::exchange(last_, byte);
  }
}

std::string_view LineEnds::conversion() const {
  // Each of 256 values is as likely as any other, and so is each pair of them.
  // Asked only where the data are damaged.
  constexpr std::uint64_t kLines = 4, kMany = 8, kValues = 512;
  // lz4 and zstd leave heads of HTTP as they are: CR CR LF is what their lines end in then.
  if (lfs_ >= kLines && all_with_cr() && in_text_ <= lfs_ / 2) return kCrInserted;
  const bool many = bytes_ >= kMany * kValues;  // so that there would be both
  if (many && lfs_ >= kMany && crs_ == 0) return kCrToLf;
  if (many && crs_ >= kMany && lfs_ == 0) return kLfToCr;
  if (std::min(lfs_, crs_) >= kMany * kValues && pairs_ == 0) return kDropped;
  return {};
}

namespace {

/// How many bytes follow the first one of a character; none: no character begins with it.
std::optional<unsigned> bytes_behind(std::byte first) {
  const auto value = std::to_integer<unsigned>(first);
  if (value >= 0xc2 && value < 0xe0) return 1;
  if (value >= 0xe0 && value < 0xf0) return 2;
  if (value >= 0xf0 && value < 0xf5) return 3;
  return std::nullopt;
}

}  // namespace

void Recoding::count(Bytes bytes) {
  if (!valid_) return;
  for (const std::byte byte : bytes) {
    const bool ascii = byte < std::byte{0x80};
    const bool continues = (byte & std::byte{0xc0}) == std::byte{0x80};
    if (left_ > 0) {
      valid_ = continues;
      --left_;
    } else if (!ascii) {
      const auto behind = bytes_behind(byte);
      valid_ = behind.has_value();
      left_ = behind.value_or(0);
      ++characters_;
    }
    if (!valid_) return;
  }
}

std::string_view Recoding::conversion() const {
  constexpr std::uint64_t kMany = 16;  // that were so by chance: one in 2^60
  return valid_ && characters_ >= kMany ? kRecoded : std::string_view{};
}

std::string_view find_recoding(Bytes head) {
  Recoding recoding;
  recoding.count(head);
  return recoding.conversion();
}

}  // namespace httpdiag::capture
