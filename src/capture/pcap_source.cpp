// SPDX-License-Identifier: Apache-2.0
// Classic pcap: draft-ietf-opsawg-pcap, and what older and patched writers made
// of it. Records are taken where they lie.
#include <algorithm>
#include <utility>

#include "capture/formats.hpp"
#include "capture/link_types.hpp"
#include "capture/source.hpp"
#include "capture/text_mode.hpp"
#include "capture/times.hpp"

namespace httpdiag::capture {
namespace {

constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPlainHeader = 16;
constexpr std::size_t kWindow = 1 << 16;  // that is looked into for a transfer in text mode
constexpr std::size_t kMostLinks = 64;    // different link types, told of, as in interfaces.cpp

/// How the records of one file are laid out.
struct Layout {
  Order order;
  std::size_t header = kPlainHeader;
  std::int64_t fraction = 1000;   // nanoseconds in one unit of the fraction of a second
  bool lengths_may_swap = false;  // before version 2.4

  bool plain() const { return order.native() && header == kPlainHeader && !lengths_may_swap; }
};

struct Record {
  std::uint32_t seconds = 0, fraction = 0, captured = 0, length = 0;
  /// Of a packet without a length: zeros, or the header of another file.
  bool empty() const { return (captured | length) == 0; }
  bool nothing() const { return (seconds | fraction | captured | length) == 0; }
};

/// No header of a packet as most programs write them; some do.
bool odd(const Record& record) {
  return record.captured > record.length || record.length > kLargestPacket;
}

Record read_record(const Layout& layout, const std::byte* at) {
  Record record{layout.order.u32(at), layout.order.u32(at + 4), layout.order.u32(at + 8),
                layout.order.u32(at + 12)};
  // No packet is captured longer than it was, so the smaller number is what was captured.
  if (layout.lengths_may_swap && record.captured > record.length) {
    std::swap(record.captured, record.length);
  }
  return record;
}

std::string overlong(const Record& record) {
  return "its length " + std::to_string(record.captured) + " reaches into the records behind it";
}

Timestamp time_of(const Layout& layout, const Record& record) {
  return clamp_time(Wide{record.seconds} * kSecond + Wide{record.fraction} * layout.fraction);
}

struct FileHeader {
  Layout layout;
  LinkType link = LinkType::unsupported;
  std::string link_name;
  std::string version_fault;  // empty: read
};

FileHeader read_file_header(const std::byte* header) {
  FileHeader file;
  Layout& layout = file.layout;
  const std::uint32_t magic = Order{true}.u32(header);
  const bool little = magic == kMicroseconds || magic == kNanoseconds || magic == kKuznetzov;
  layout.order = Order{little};
  const std::uint32_t kind = layout.order.u32(header);
  if (kind == kNanoseconds) layout.fraction = 1;
  // Behind the usual fields: interface, protocol, packet type and a byte of padding.
  if (kind == kKuznetzov) layout.header = 24;

  const std::uint16_t major = layout.order.u16(header + 4);
  const std::uint16_t minor = layout.order.u16(header + 6);
  if (!begins_pcap({header, kFileHeader})) {
    file.version_fault = "its version is " + std::to_string(major) + "." + std::to_string(minor) +
                         ", and 2.4 is the newest";
  }
  layout.lengths_may_swap = major == kDgUx || minor < kPcapMinor;

  // The upper half tells of frame check sequences, and of NetBSD's way of naming raw IP (its
  // DLT_CLASS_NETBSD_RAWAF, with the address family below).
  constexpr std::uint32_t kClass = 0x03ff0000, kRawFamily = 0x02240000;
  const std::uint32_t field = layout.order.u32(header + 20);
  constexpr std::uint32_t kRawIp = 101;
  const std::uint32_t link = (field & kClass) == kRawFamily ? kRawIp : field & 0xffff;
  file.link = known_link(link).type;
  file.link_name = link_name(link);
  return file;
}

/// The header of a file, as a record that no capture program would have written: of the year 2055
/// and without any length. Its magic number alone may be payload.
bool is_file_header(std::span<const std::byte> bytes) {
  return bytes.size() >= kFileHeader && begins_pcap(bytes);
}

/// As a record it would have a captured length of more than any.
bool is_section_header(std::span<const std::byte> bytes) {
  constexpr std::size_t kMagicAt = 8;
  if (bytes.size() < kMagicAt + 4 || format_of(bytes) != Format::pcapng) return false;
  const std::byte* at = bytes.data() + kMagicAt;
  return Order{true}.u32(at) == kByteOrderMagic || Order{false}.u32(at) == kByteOrderMagic;
}

class PcapReader final : public Reader {
 public:
  explicit PcapReader(Source& source);

 private:
  std::span<const Packet> read_batch() override;
  bool chain_at(std::size_t position) override;
  std::optional<Timestamp> first_time() override;
  void begin() override;
  void complete_file(bool last) override;

  std::size_t take_ready(std::span<const std::byte> ready);
  void find_record_header();
  bool fits(int count);
  bool grew();
  bool make_ready();
  bool trust_front();
  std::optional<std::size_t> swallowed_by(const Record& front);
  bool lone_zeros(std::span<const std::byte> records) const;
  bool lone_empty(std::span<const std::byte> records) const;
  bool plausible(const Record& record, std::optional<Timestamp> near) const;
  bool follows(std::size_t position, std::span<const Timestamp> near, int enough);
  bool file_at(std::size_t position, std::size_t end);
  HeaderLook look() const;
  void note_conversion(const std::optional<Conversion>& found, std::uint64_t offset);
  void look_for_conversion(std::span<const std::byte> records, std::uint64_t offset);
  void look_into_front();
  /// Of the record `begin` bytes behind that of ready().
  bool worth_a_look(std::size_t begin) {
    return looks_ != 0 && !converted_at_ && input().offset() + begin != trusted_;
  }

  LinkType link_ = LinkType::unsupported;
  std::string link_name_;
  std::uint64_t before_ = 0;  // packets of the file in front of this capture
  Layout layout_;
  std::optional<std::uint64_t> converted_at_;  // first record that a transfer in text mode changed
  std::string conversion_;
  unsigned looks_ = 16;        // that may be taken in vain: odd headers may be a writer's way
  std::uint64_t trusted_ = 0;  // where the record begins that was looked into last
  bool doubtful_ = false;      // the record at the beginning of ready() is to be looked into
};

PcapReader::PcapReader(Source& source) : Reader{source} {
  if (!input().want(kFileHeader)) {
    refuse_header();
  }
  const FileHeader header = read_file_header(input().ready().data());
  if (!header.version_fault.empty()) refuse("not readable as a capture: " + header.version_fault);
  layout_ = header.layout;
  link_ = header.link;
  link_name_ = header.link_name;
}

std::optional<Timestamp> PcapReader::first_time() {
  if (!input().want(kFileHeader + layout_.header)) return std::nullopt;
  return time_of(layout_, read_record(layout_, input().ready().data() + kFileHeader));
}

/// Where its link type is not read, its packets are counted by the name of that.
void PcapReader::complete_file(bool last) {
  if (link_ != LinkType::unsupported) return;
  if (last && !anything_read()) refuse("link type " + link_name_ + " is not supported");
  if (summary().packets == before_) return;
  auto& unread = file().unread_links;
  const std::uint64_t count = summary().packets - before_;
  const auto known = std::find_if(unread.begin(), unread.end(),
                                  [&](const auto& each) { return each.first == link_name_; });
  if (known != unread.end()) {
    known->second += count;
  } else if (unread.size() < kMostLinks) {
    unread.emplace_back(link_name_, count);
  }
}

void PcapReader::begin() {
  before_ = summary().packets;
  Packet packet;
  packet.link = link_;
  packets().fill(packet);
  std::vector<std::string>& links = file().link_types;
  const bool told = std::find(links.begin(), links.end(), link_name_) != links.end();
  if (!told && links.size() < kMostLinks) links.emplace_back(link_name_);
  input().pass(kFileHeader);
  find_record_header();
  if (file().format.empty()) {
    file().format = "pcap";
    if (!converted_at_) look_for_conversion(input().head().subspan(kFileHeader), kFileHeader);
  } else {
    ++record();
  }
}

/// Patched libpcaps of the 1990s, and Nokia's, wrote longer headers of records under the same magic
/// numbers: what stands where the next ones begin tells.
void PcapReader::find_record_header() {
  constexpr std::array<std::size_t, 2> kPlain{20, 24}, kPatched{28, 28};
  const std::size_t usual = layout_.header;
  if (!input().want(2 * usual)) return;
  const std::uint32_t captured = read_record(layout_, input().ready().data()).captured;
  const bool whole = captured <= kLargestPacket && input().want(2 * usual + captured);
  if (!whole || fits(2) || grew()) return;
  for (const std::size_t longer : usual == kPlainHeader ? kPlain : kPatched) {
    layout_.header = longer;
    if (!fits(3)) continue;
    add_note(0, "The headers of its records are " + std::to_string(longer) +
                    " bytes long, as some patched capture programs wrote them.");
    return;
  }
  layout_.header = usual;
}

/// Whether `count` headers of records that may be some lie at the beginning of ready(), each at the
/// end of the record before.
bool PcapReader::fits(int count) {
  std::size_t position = 0;
  std::optional<Timestamp> before;
  for (; count > 0; --count) {
    if (!input().want(position + layout_.header)) return false;
    const Record record = read_record(layout_, input().ready().data() + position);
    if (record.captured > kLargestPacket || (before && !plausible(record, before))) return false;
    before = time_of(layout_, record);
    position += layout_.header + record.captured;
  }
  return true;
}

/// Whether a transfer in text mode put CRs into the first records: as many as they hold LFs, so
/// that each may have grown by the same few bytes.
bool PcapReader::grew() {
  input().want(kWindow);  // or what there is
  note_conversion(find_inserted(input().ready(), layout_.header, look()), input().offset());
  return converted_at_.has_value();
}

HeaderLook PcapReader::look() const {
  return [this](const std::byte* at) -> std::optional<std::size_t> {
    const Record record = read_record(layout_, at);
    if (!plausible(record, {})) return std::nullopt;
    return record.captured;
  };
}

/// It was found in records that lie at that offset.
void PcapReader::note_conversion(const std::optional<Conversion>& found, std::uint64_t offset) {
  if (!found) return;
  converted_at_ = offset + found->offset;
  conversion_ = found->what;
}

/// `records` lie at that offset.
void PcapReader::look_for_conversion(std::span<const std::byte> records, std::uint64_t offset) {
  note_conversion(find_conversion(records, layout_.header, look()), offset);
}

/// The record at the beginning of ready() is followed by what is hardly one: a transfer in text
/// mode may have changed it.
void PcapReader::look_into_front() {
  --looks_;
  trusted_ = input().offset();
  input().want(kWindow);  // or what there is
  look_for_conversion(input().ready(), input().offset());
}

std::span<const Packet> PcapReader::read_batch() {
  do {
    if (recovers() && !trust_front()) continue;
    std::span<const std::byte> ready = input().ready();
    if (converted_at_) {
      const std::uint64_t good = *converted_at_ - std::min(*converted_at_, input().offset());
      ready = ready.first(static_cast<std::size_t>(std::min<std::uint64_t>(ready.size(), good)));
    }
    if (const std::size_t count = take_ready(ready)) return std::span{packets()}.first(count);
  } while (make_ready());
  return {};
}

/// As many records as are whole, into packets(). Where there is doubt, or --recover, one at a time.
std::size_t PcapReader::take_ready(std::span<const std::byte> ready) {
  const std::size_t most = one_by_one() ? 1 : packets().size();
  const bool plain = layout_.plain();
  std::size_t passed = 0, last = 0;  // behind the last one, and where that begins
  std::size_t count = 0;
  for (; count < most; ++count) {
    const auto rest = ready.subspan(passed);
    if (rest.size() < layout_.header) break;
    Record record;
    if (plain) [[likely]] {
      static_assert(sizeof record == kPlainHeader);
      std::memcpy(&record, rest.data(), sizeof record);
    } else {
      record = read_record(layout_, rest.data());
    }
    if (odd(record)) [[unlikely]] {
      if ((count > 0 && worth_a_look(last)) || record.captured > kLargestPacket) break;
    }
    if (rest.size() - layout_.header < record.captured) break;
    if (record.empty() && !lone_empty(rest)) [[unlikely]]
      break;
    Packet& packet = packets()[count];
    packet.ref.number = ++summary().packets;
    const std::int64_t fraction = std::int64_t{record.fraction} * layout_.fraction;
    packet.ref.time = fraction < kSecond ? Timestamp{Duration{record.seconds * kSecond + fraction}}
                                         : time_of(layout_, record);
    packet.wire_length = record.length;
    packet.bytes = rest.subspan(layout_.header, record.captured);
    last = passed;
    passed += layout_.header + record.captured;
  }
  const auto behind = ready.subspan(passed);
  if (count > 0 && behind.size() >= layout_.header && worth_a_look(last) &&
      odd(read_record(layout_, behind.data()))) [[unlikely]] {
    --summary().packets;
    passed = last;
    doubtful_ = --count == 0;
  }
  record() += count;
  input().pass(passed);
  return count;
}

/// A record of zeros alone is a packet without bytes at no time. Two in a row, or the last one,
/// are the part of a file that was never written.
bool PcapReader::lone_zeros(std::span<const std::byte> records) const {
  return records.size() >= 2 * layout_.header &&
         !read_record(layout_, records.data() + layout_.header).nothing();
}

/// As above, and what is no file's header.
bool PcapReader::lone_empty(std::span<const std::byte> records) const {
  if (!read_record(layout_, records.data()).nothing())
    return records.size() < kFileHeader ? format_of(records) != Format::pcap
                                        : !is_file_header(records);
  return lone_zeros(records);
}

/// Has the whole record at the beginning of ready(). False: reading is over.
bool PcapReader::make_ready() {
  if (finished()) return false;
  if (std::exchange(doubtful_, false)) {
    look_into_front();
    const Record front = read_record(layout_, input().ready().data());
    if (!converted_at_ && !recovers() && swallowed_by(front))
      return corrupt(overlong(front) + "; --recover reads on");
    return true;
  }
  if (converted_at_ && input().offset() >= *converted_at_) {
    converted_at_.reset();
    return corrupt(conversion_);
  }
  if (!input().want(layout_.header)) return cut(0);
  const Record record = read_record(layout_, input().ready().data());
  const bool may_be_file = record.empty() || record.captured > kLargestPacket;
  if (may_be_file && format_of(input().ready()) == Format::pcap) {
    if (!input().want(kFileHeader)) return cut(0);
    if (is_file_header(input().ready())) return next_capture_here();
  }
  if (record.captured > kLargestPacket && is_section_header(input().ready()))
    return next_capture_here();
  if (record.captured > kLargestPacket) {
    return corrupt("captured length " + std::to_string(record.captured) + ", more than " +
                   std::to_string(kLargestPacket));
  }
  if (record.nothing()) {
    input().want(2 * layout_.header);
    return lone_zeros(input().ready()) || corrupt("a header of nothing but zeros");
  }
  const std::uint64_t size = layout_.header + record.captured;
  if (input().want(static_cast<std::size_t>(size))) return true;
  // Its length may be another with CRs in the header.
  if (worth_a_look(0)) {
    look_into_front();
    if (converted_at_) return make_ready();
  }
  return cut(size);
}

/// Whether a header looks as if a capture program had written it, not far in time from a packet.
bool PcapReader::plausible(const Record& record, std::optional<Timestamp> near) const {
  constexpr std::uint32_t kLongest = 1 << 20;  // on the wire: the largest offloads are half of it
  if (record.captured > kLargestPacket || record.captured > record.length) return false;
  if (record.length > kLongest || record.length == 0) return false;
  if (std::int64_t{record.fraction} * layout_.fraction >= kSecond) return false;
  constexpr Duration kNear = std::chrono::hours{24};
  if (!near) return true;
  const Duration apart = time_of(layout_, record) - *near;
  return apart <= kNear && apart >= -kNear;
}

/// That many plausible records in a row, or the last ones of the input: the first near one of
/// `near`, if any are given, each other one near that before it.
bool PcapReader::follows(std::size_t position, std::span<const Timestamp> near, int enough) {
  Timestamp before{};
  for (int count = 0; count < enough; ++count) {
    if (!input().want(position + layout_.header)) {
      const std::size_t left = input().ready().size() - std::min(position, input().ready().size());
      // The last records, and nothing or a part of one behind them.
      return count >= enough - 1 || (count >= enough - 2 && left == 0);
    }
    const Record record = read_record(layout_, input().ready().data() + position);
    const bool fits =
        count > 0 ? plausible(record, before)
                  : plausible(record, {}) &&
                        (near.empty() || std::any_of(near.begin(), near.end(), [&](Timestamp time) {
                           return plausible(record, time);
                         }));
    if (!fits) return false;
    before = time_of(layout_, record);
    position += layout_.header + record.captured;
    if (!input().want(position)) return count >= enough - 1;  // its own bytes are cut
  }
  return true;
}

/// Another file's header, and what fits behind it: some records, or all that there are; and those
/// that reach beyond the record in front, which ends at `end` and would be right if one did there.
bool PcapReader::file_at(std::size_t position, std::size_t end) {
  constexpr int kEnough = 3;
  if (!input().want(position + kFileHeader)) return false;
  const auto header = input().ready().subspan(position);
  if (!is_file_header(header)) return false;
  const Layout layout = read_file_header(header.data()).layout;
  position += kFileHeader;
  for (int count = 0; count < kEnough || position <= end; ++count) {
    if (count > 0 && position == end) return false;
    if (!input().want(position + layout.header)) return true;
    const Record record = read_record(layout, input().ready().data() + position);
    if (record.captured > kLargestPacket || record.captured > record.length) return false;
    if (std::int64_t{record.fraction} * layout.fraction >= kSecond) return false;
    position += layout.header + record.captured;
  }
  return true;
}

/// The time of the last packet may have been a wrong one, and captures pause: what is far from it
/// has to agree with more of its own kind.
bool PcapReader::chain_at(std::size_t position) {
  constexpr int kEnough = 3, kFarEnough = 4;
  if (!anything_read()) return follows(position, {}, kEnough) || file_at(position, 0);
  return follows(position, std::array{last()}, kEnough) || follows(position, {}, kFarEnough) ||
         file_at(position, 0);
}

/// With --recover: false if the record at the beginning of ready() had a wrong length, swallowed
/// good records with it, and was passed over.
bool PcapReader::trust_front() {
  if (finished() || !input().want(layout_.header)) return true;
  const Record front = read_record(layout_, input().ready().data());
  const std::size_t size = layout_.header + front.captured;
  if (front.captured > kLargestPacket || front.nothing()) return true;  // make_ready() finds out
  input().want(size + layout_.header);
  const auto ready = input().ready();
  if (ready.size() < size + layout_.header) return true;  // the last one, or cut
  if (plausible(read_record(layout_, ready.data() + size), time_of(layout_, front))) return true;
  if (worth_a_look(0)) {
    look_into_front();
    if (converted_at_) return true;
  }
  if (const auto position = swallowed_by(front)) {
    pass_over(*position, overlong(front));
    return false;
  }
  return true;
}

/// Where good records begin inside of the one at the beginning of ready(), whose length is wrong
/// then. All of that and of the header behind it is there.
std::optional<std::size_t> PcapReader::swallowed_by(const Record& front) {
  constexpr int kEnough = 3;
  const std::size_t size = layout_.header + front.captured;
  // What looks like a capture inside of a packet may be one that is being transferred: nothing far
  // in time from both, and no file that ends with the packet.
  const std::array near{time_of(layout_, front),
                        anything_read() ? last() : time_of(layout_, front)};
  for (std::size_t position = 1; position < size; ++position) {
    if (follows(position, near, kEnough) || file_at(position, size)) return position;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Reader> make_pcap_reader(Source& source) {
  return std::make_unique<PcapReader>(source);
}

}  // namespace httpdiag::capture
