// SPDX-License-Identifier: Apache-2.0
// UTF-8 by the table of RFC 3629 §4, and numbers in the form people read.
#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <vector>

namespace httpdiag::base {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // 0: the first byte does not begin a valid sequence
};

/// Decodes the first code point of non-empty `text`. Overlong forms,
/// surrogates and values beyond U+10FFFF are invalid (RFC 3629 §3).
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
  };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};

  std::size_t length = 0;
  char32_t least = 0;
  char32_t value = 0;
  if (first >= 0xc2 && first < 0xe0) {
    length = 2, least = 0x80, value = first & 0x1f;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3, least = 0x800, value = first & 0x0f;
  } else if (first >= 0xf0 && first < 0xf5) {
    length = 4, least = 0x10000, value = first & 0x07;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

struct Range {
  char32_t first, last;
};

template <std::size_t kSize>
bool in(const std::array<Range, kSize>& ranges, char32_t value) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return value >= range.first && value <= range.last;
  });
}

// Characters beyond ASCII that a terminal obeys, or that a reader cannot see.
constexpr std::array kUnseen{
    Range{0x80, 0x9f},        // C1 controls: CSI, OSC, DCS, NEL
    Range{0xad, 0xad},        // soft hyphen
    Range{0x61c, 0x61c},      // Arabic letter mark
    Range{0x115f, 0x1160},    // Hangul fillers
    Range{0x17b4, 0x17b5},    // Khmer inherent vowels
    Range{0x180b, 0x180f},    // Mongolian variation selectors and vowel separator
    Range{0x200b, 0x200f},    // zero width space, joiners, direction marks
    Range{0x2028, 0x202e},    // line and paragraph separator, bidirectional embeddings
    Range{0x2060, 0x206f},    // word joiner, invisible operators, bidirectional isolates
    Range{0x2800, 0x2800},    // Braille blank
    Range{0x3164, 0x3164},    // Hangul filler
    Range{0xfe00, 0xfe0f},    // variation selectors
    Range{0xfeff, 0xfeff},    // byte order mark
    Range{0xffa0, 0xffa0},    // half-width Hangul filler
    Range{0xfff0, 0xfffb},    // unassigned specials, interlinear annotation
    Range{0xfffe, 0xffff},    // noncharacters
    Range{0x1bca0, 0x1bca3},  // shorthand format controls
    Range{0x1d173, 0x1d17a},  // musical format controls
    Range{0xe0000, 0xe0fff},  // tags, variation selectors supplement
};

constexpr std::array kCombining{
    Range{0x300, 0x36f},   Range{0x483, 0x489},   Range{0x591, 0x5bd},   Range{0x610, 0x61a},
    Range{0x64b, 0x65f},   Range{0xe31, 0xe3a},   Range{0xe47, 0xe4e},   Range{0x1ab0, 0x1aff},
    Range{0x1dc0, 0x1dff}, Range{0x20d0, 0x20ff}, Range{0xfe20, 0xfe2f},
};
// Marks stacked higher than any language does climb over the neighbouring lines.
constexpr int kMostCombining = 4;

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\\':
      out += "\\\\";
      return;  // so that "\x1b" in the traffic does not read as an ESC
    default:
      break;
  }
  if (c < 0x20 || c == 0x7f) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  } else {
    out += c;
  }
}

void append_escaped(std::string& out, char32_t value) {
  const auto number = static_cast<std::uint32_t>(value);
  out += number > 0xffff ? fmt::format("\\U{:08x}", number) : fmt::format("\\u{:04x}", number);
}

/// Thousandths of a unit as a decimal number without trailing zeros.
std::string decimal(std::uint64_t thousandths) {
  std::string text = fmt::format("{}.{:03}", thousandths / 1000, thousandths % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

constexpr std::uint64_t round_to(std::uint64_t value, std::uint64_t step) {
  const std::uint64_t rest = value % step;
  return value - rest + (rest >= step - rest ? step : 0);
}

/// Three significant digits of a value below a million thousandths.
constexpr std::uint64_t three_digits(std::uint64_t thousandths) {
  if (thousandths < 10'000) return round_to(thousandths, 10);
  if (thousandths < 100'000) return round_to(thousandths, 100);
  return round_to(thousandths, 1000);
}

std::string long_duration(std::uint64_t seconds) {
  const auto two = [](std::uint64_t a, const char* unit_a, std::uint64_t b, const char* unit_b) {
    return b == 0 ? fmt::format("{} {}", a, unit_a)
                  : fmt::format("{} {} {} {}", a, unit_a, b, unit_b);
  };
  if (seconds < 3600) return two(seconds / 60, "min", seconds % 60, "s");
  const std::uint64_t minutes = round_to(seconds, 60) / 60;
  if (minutes < 48 * 60) return two(minutes / 60, "h", minutes % 60, "min");
  const std::uint64_t hours = round_to(minutes, 60) / 60;
  return two(hours / 24, "d", hours % 24, "h");
}

}  // namespace

std::string escape_for_terminal(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  int combining = 0;
  while (!bytes.empty()) {
    const CodePoint point = decode(bytes);
    const bool mark = point.length > 1 && in(kCombining, point.value);
    combining = mark ? combining + 1 : 0;
    if (point.length == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    } else if (point.length == 1) {
      append_ascii(out, bytes[0]);
    } else if (in(kUnseen, point.value) || combining > kMostCombining) {
      append_escaped(out, point.value);
    } else {
      out += bytes.substr(0, point.length);
    }
    bytes.remove_prefix(std::max<std::size_t>(point.length, 1));
  }
  return out;
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = decode(bytes).length;
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string shorten(std::string_view text, std::size_t limit) {
  constexpr std::string_view kEllipsis = "…";
  if (text.size() <= limit) return std::string{text};
  const bool room = limit >= kEllipsis.size();
  std::size_t cut = room ? limit - kEllipsis.size() : limit;
  // Step back to the start of the character that the cut would split. Invalid
  // UTF-8 has no such start within three bytes and is cut where it stands.
  for (std::size_t back = 0; back < 4 && back <= cut; ++back) {
    const std::size_t start = cut - back;
    if ((static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) continue;
    if (decode(text.substr(start)).length > back) cut = start;
    break;
  }
  std::string out{text.substr(0, cut)};
  if (room) out += kEllipsis;
  return out;
}

std::string duration(std::chrono::nanoseconds value) {
  const std::int64_t signed_count = value.count();
  if (signed_count == 0) return "0 s";
  const std::string sign = signed_count < 0 ? "-" : "";
  const auto ns = signed_count < 0 ? 0 - static_cast<std::uint64_t>(signed_count)
                                   : static_cast<std::uint64_t>(signed_count);
  if (ns < 1000) return fmt::format("{}{} ns", sign, ns);

  // In thousandths of the unit; a value that rounds up to the next unit goes there.
  constexpr std::uint64_t kNext = 1'000'000;
  if (const auto us = three_digits(ns); us < kNext) return sign + decimal(us) + " µs";
  if (const auto ms = three_digits(ns / 1000); ms < kNext) return sign + decimal(ms) + " ms";
  const std::uint64_t in_ms = ns / 1'000'000;
  if (in_ms < 100'000) return sign + decimal(three_digits(in_ms)) + " s";
  // 350 s is a timer's setting, 5 min 50 s is not: seconds up to ten minutes.
  if (round_to(in_ms, 100) < 600'000) return sign + decimal(round_to(in_ms, 100)) + " s";
  return sign + long_duration(round_to(in_ms, 1000) / 1000);
}

std::string bytes(std::uint64_t value) {
  if (value == 1) return "1 byte";
  if (value < 1000) return fmt::format("{} bytes", value);
  constexpr std::array kUnits{"kB", "MB", "GB", "TB", "PB", "EB"};
  std::size_t unit = 0;
  std::uint64_t thousandths = value;
  while (thousandths >= 999'500 && unit + 1 < kUnits.size()) {  // rounds up to the next unit
    thousandths = thousandths / 1000;
    ++unit;
  }
  return fmt::format("{} {}", decimal(three_digits(thousandths)), kUnits[unit]);
}

std::string count(std::uint64_t value, std::string_view noun) {
  return fmt::format("{} {}{}", value, noun, value == 1 ? "" : "s");
}

void append_item(std::string& list, std::string_view item, std::string_view separator) {
  if (!list.empty()) list += separator;
  list += item;
}

std::string rfc3339(std::chrono::sys_time<std::chrono::nanoseconds> time) {
  using namespace std::chrono;
  // Divided by hand: floor() steps below the smallest value when it rounds down.
  const std::int64_t ns = time.time_since_epoch().count();
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t fraction = (ns % kSecond + kSecond) % kSecond;
  const std::int64_t seconds = ns / kSecond - (ns % kSecond < 0 ? 1 : 0);
  constexpr std::int64_t kDay = 86'400;
  const std::int64_t second_of_day = (seconds % kDay + kDay) % kDay;
  const year_month_day date{sys_days{days{(seconds - second_of_day) / kDay}}};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60, fraction);
}

namespace {

/// Of the letters of `word` the one that is least likely in texts and names.
std::size_t rarest_in(std::string_view word) {
  constexpr std::string_view kOften = "etaoinsrdlcumphgyf";
  std::size_t rarest = 0, rank = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const std::size_t own = std::min(kOften.find(word[i]), kOften.size());
    if (own < rank) continue;
    rarest = i;
    rank = own;
  }
  return rarest;
}

}  // namespace

bool contains(std::string_view text, std::string_view word) {
  if (word.empty()) return true;
  if (text.size() < word.size()) return false;
  // By a letter that few places have: for a short word memmem() looks at each of them.
  const std::size_t rare = rarest_in(word);
  const char* at = text.data() + rare;
  const char* const end = text.data() + text.size() - word.size() + rare + 1;
  while ((at = static_cast<const char*>(
              std::memchr(at, word[rare], static_cast<std::size_t>(end - at)))) != nullptr) {
    if (std::memcmp(at - rare, word.data(), word.size()) == 0) return true;
    if (++at == end) return false;
  }
  return false;
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text, std::string_view around) {
  const auto goes = [&](char c) {
    return std::find(around.begin(), around.end(), c) != around.end();
  };
  while (!text.empty() && goes(text.front())) text.remove_prefix(1);
  while (!text.empty() && goes(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string base_name(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
}

std::size_t authority_begin(std::string_view target) {
  const auto slashes = target.find("//");
  const auto first_slash = target.find_first_of("/?#");
  if (slashes != std::string_view::npos && slashes == first_slash) return slashes + 2;
  return !target.empty() && target[0] == '/' ? std::string_view::npos : 0;
}

std::string without_user(std::string_view target) {
  std::string text{target};
  const std::size_t begin = authority_begin(target);
  if (begin == std::string_view::npos) return text;
  const std::size_t end = std::min(target.find_first_of("/?#", begin), target.size());
  const std::size_t at = target.substr(begin, end - begin).rfind('@');
  if (at != std::string_view::npos) text.erase(begin, at + 1);
  return text;
}

}  // namespace httpdiag::base
