// SPDX-License-Identifier: Apache-2.0
// pcapng (draft-ietf-opsawg-pcapng), block by block where they lie. Nothing is
// kept of a block but what the next packets need, and what is told of the capture.
#include <algorithm>
#include <utility>
#include <vector>

#include "capture/formats.hpp"
#include "capture/interfaces.hpp"
#include "capture/pcapng_blocks.hpp"
#include "capture/source.hpp"

namespace httpdiag::capture {
namespace {

// A block up to this long is taken in as a whole. Of longer ones, which are no ordinary packets,
// the beginning is read and the rest passed over.
constexpr std::uint32_t kLargestWhole = 1 << 20;
constexpr std::uint32_t kBeginning = 1 << 16;

constexpr std::size_t kMostNote = 512;  // bytes
constexpr std::size_t kMostNames = 16384;
constexpr std::size_t kMostName = 255;  // bytes (RFC 1035 section 2.3.4)

bool holds_packet(BlockType type) {
  return type == BlockType::enhanced_packet || type == BlockType::packet ||
         type == BlockType::simple_packet;
}

/// Minor version 2 is 0 with a mistake of some writers' (section 4.1).
std::string version_fault(const SectionHeader& section) {
  if (section.major == 1 && (section.minor == 0 || section.minor == 2)) return {};
  return "version " + std::to_string(section.major) + "." + std::to_string(section.minor) +
         " of pcapng";
}

class PcapngReader final : public Reader {
 public:
  explicit PcapngReader(Source& source);

 private:
  /// A block, or as much of it as is looked at.
  struct Block {
    BlockType type{};
    Order order;
    std::uint32_t length = 0;  // of all of it
    std::size_t needed = 0;    // bytes that must be there: all of them, or its beginning
    bool there = false;        // they are, and it is a block
    Bytes body;                // then
    std::string fault;         // not empty: it is no block
  };
  enum class Taken : std::uint8_t { packet, other, refused };

  std::span<const Packet> read_batch() override;
  bool chain_at(std::size_t position) override;
  std::optional<Timestamp> first_time() override;
  void begin() override;
  void complete_file(bool last) override;

  Block look(Bytes ready) const;
  static Block look_unpadded(Block block, Bytes ready);
  bool make_ready();
  bool skip_rest();
  Taken take(const Block& block, Packet& packet);
  Taken take_packet(const Block& block, Packet& packet);
  void take_options(Bytes options, Order order, Packet& packet, Interface& interface,
                    std::uint64_t dropped);
  Taken refuse_block(std::string why);
  Taken begin_section(const Block& block);
  void add_names(const Block& block);

  Order order_;
  Interfaces interfaces_{file()};
  Timestamp time_{};                // of the last packet that had one
  std::string fault_;               // why the block at the beginning of ready() was refused
  std::uint64_t large_begin_ = 0;   // where the block began
  std::uint32_t large_length_ = 0;  // whose rest is to be passed over
  std::uint32_t large_left_ = 0;    // of it
};

PcapngReader::PcapngReader(Source& source) : Reader{source} {
  constexpr std::size_t kOrderKnown = 12;
  const bool begun = input().want(kOrderKnown);
  const Block block = begun ? look(input().ready()) : Block{};
  if (!block.fault.empty()) refuse("not readable as a capture: " + block.fault);
  if (!begun || !input().want(block.needed)) {
    refuse_header();
  }
  const Block whole = look(input().ready());
  if (!whole.fault.empty()) refuse("not readable as a capture: " + whole.fault);
  if (const std::string fault = version_fault(read_section(whole.body, whole.order));
      !fault.empty()) {
    refuse("not readable as a capture: " + fault);
  }
  order_ = whole.order;
}

void PcapngReader::begin() {
  if (file().format.empty()) file().format = "pcapng";
}

std::optional<Timestamp> PcapngReader::first_time() {
  std::vector<TimeUnit> units;
  for (std::size_t position = 0;;) {
    const Block block = look(input().ready().subspan(std::min(position, input().ready().size())));
    const bool next_section = position > 0 && block.type == BlockType::section_header;
    if (!block.fault.empty() || next_section) return std::nullopt;
    if (block.length > kLargestWhole || position > kLargestWhole) return std::nullopt;
    if (!block.there) {
      if (!input().want(position + block.needed)) return std::nullopt;
      continue;
    }
    if (block.type == BlockType::interface_description)
      units.push_back(read_interface(block.body, order_).unit);
    if (block.type == BlockType::enhanced_packet || block.type == BlockType::packet) {
      const PacketHead head = read_packet_head(block.type, block.body, order_);
      if (head.interface >= units.size()) return std::nullopt;
      return units[head.interface].time(head.time);
    }
    position += block.length;
  }
}

/// The block that `ready` begins with; its body only if enough of it is there.
PcapngReader::Block PcapngReader::look(Bytes ready) const {
  Block block;
  block.order = order_;
  block.needed = kBlockHead;
  if (ready.size() < kBlockHead) return block;
  block.type = static_cast<BlockType>(order_.u32(ready.data()));
  if (block.type == BlockType::section_header) {
    block.needed = kBlockHead + 4;
    if (ready.size() < block.needed) return block;
    const auto order = section_order(ready);
    if (!order) {
      block.fault = "a section header without byte-order magic";
      return block;
    }
    block.order = *order;
  } else if (block.type > BlockType::section_header && begins_pcap(ready)) {
    // Whose version may look like a length.
    block.fault = "a pcap's header";
    return block;
  }
  block.length = block.order.u32(ready.data() + 4);
  if (block.length < least_length(block.type)) {
    block.fault = "block length " + std::to_string(block.length) + ", too short for its type";
    return block;
  }
  if (block.length % 4 != 0) return look_unpadded(block, ready);
  block.needed = block.length;
  if (block.length > kLargestWhole) {
    block.needed = kBeginning;
    if (holds_packet(block.type)) {
      if (ready.size() < block.needed) return block;
      const PacketHead head = read_packet_head(block.type, ready.subspan(kBlockHead), block.order);
      block.needed = kBlockHead + head.begins + std::min(head.captured, kLargestPacket);
    }
  }
  if (ready.size() < block.needed) return block;
  block.body = ready.first(block.needed).subspan(kBlockHead);
  if (block.length <= kLargestWhole) {
    block.body = block.body.first(block.body.size() - kBlockTail);
    const std::uint32_t again = block.order.u32(ready.data() + block.length - kBlockTail);
    if (again != block.length) {
      block.fault = "block length " + std::to_string(block.length) + " in front and " +
                    std::to_string(again) + " behind";
    }
  }
  block.there = block.fault.empty();
  return block;
}

/// Some writers do not pad what a block holds, or do not count the padding. Its length behind it
/// tells which.
PcapngReader::Block PcapngReader::look_unpadded(Block block, Bytes ready) {
  const std::uint32_t told = block.length, padded = (told + 3) / 4 * 4;
  if (told <= kLargestWhole) {
    for (const std::uint32_t length : {told, padded}) {
      block.length = length;
      block.needed = length;
      if (ready.size() < length) return block;
      if (block.order.u32(ready.data() + length - kBlockTail) != told) continue;
      block.body = ready.first(length - kBlockTail).subspan(kBlockHead);
      block.there = true;
      return block;
    }
  }
  block.fault = "block length " + std::to_string(told) + " is no multiple of 4";
  return block;
}

std::span<const Packet> PcapngReader::read_batch() {
  do {
    if (large_left_ != 0 && !skip_rest()) return {};
    const Bytes ready = input().ready();
    std::size_t passed = 0;
    std::size_t count = 0;
    const std::size_t most = one_by_one() ? 1 : packets().size();
    while (count < most && large_left_ == 0) {
      const Block block = look(ready.subspan(passed));
      if (!block.there || (count > 0 && block.type == BlockType::section_header)) break;
      const Taken taken = take(block, packets()[count]);
      if (taken == Taken::refused) break;
      if (block.needed < block.length) {
        large_begin_ = input().offset() + passed;
        large_length_ = block.length;
        large_left_ = block.length - static_cast<std::uint32_t>(block.needed);
      }
      passed += block.needed;
      ++record();
      if (taken == Taken::packet) ++count;
    }
    input().pass(passed);
    if (count > 0) return std::span{packets()}.first(count);
    if (passed > 0) fault_.clear();  // and the block behind has its turn again
  } while (make_ready());
  return {};
}

/// Something more can be done with the beginning of ready(). False: reading is over.
bool PcapngReader::make_ready() {
  if (finished()) return false;
  if (large_left_ != 0) return true;
  for (;;) {
    const Bytes ready = input().ready();
    const Block block = look(ready);
    if (!block.fault.empty()) {
      if (begins_pcap(ready)) return next_capture_here();
      return corrupt(block.fault);
    }
    if (ready.size() >= block.needed) {
      if (fault_.empty()) return true;
      const std::string fault = std::exchange(fault_, {});
      if (!recovers() || block.length > kLargestWhole) return corrupt(fault, block.length);
      pass_over(block.length, fault);  // where it ends is not in doubt
      return true;
    }
    if (!input().want(block.needed)) return cut(block.length);
  }
}

/// Of a long block. False: reading is over.
bool PcapngReader::skip_rest() {
  const std::uint32_t left = std::exchange(large_left_, 0);
  if (input().skip(left - kBlockTail) < left - kBlockTail || !input().want(kBlockTail)) {
    input().pass(input().ready().size());
    --record();
    cut_behind(large_begin_, large_length_);
    return false;
  }
  if (order_.u32(input().ready().data()) != large_length_) {
    return corrupt("a block of " + std::to_string(large_length_) + " bytes does not end here");
  }
  input().pass(kBlockTail);
  return true;
}

PcapngReader::Taken PcapngReader::refuse_block(std::string why) {
  fault_ = std::move(why);
  return Taken::refused;
}

/// A block that is refused has changed nothing: it may be seen again.
PcapngReader::Taken PcapngReader::take(const Block& block, Packet& packet) {
  switch (block.type) {
    case BlockType::enhanced_packet:
    case BlockType::simple_packet:
    case BlockType::packet:
      return take_packet(block, packet);
    case BlockType::section_header:
      return begin_section(block);
    case BlockType::interface_description: {
      InterfaceDescription described = read_interface(block.body, order_);
      add_note(0, std::move(described.comment));
      interfaces_.add(std::move(described));
      tell_device(file().interfaces.size());
      break;
    }
    case BlockType::interface_statistics:
      interfaces_.add(read_statistics(block.body, order_));
      break;
    case BlockType::name_resolution:
      add_names(block);
      break;
    case BlockType::decryption_secrets:
      ++file().decryption_secrets;
      break;
    case BlockType::custom:
    case BlockType::custom_not_copied:
      break;
  }
  return Taken::other;  // unknown ones are no harm
}

PcapngReader::Taken PcapngReader::take_packet(const Block& block, Packet& packet) {
  PacketHead head = read_packet_head(block.type, block.body, order_);
  Interface* const known = interfaces_.find(head.interface);
  if (known == nullptr) {
    return refuse_block("its interface " + std::to_string(head.interface) + " is not described");
  }
  Interface& interface = *known;
  const Bytes rest = block.body.subspan(head.begins);
  if (block.type == BlockType::simple_packet) {
    // Section 4.4: all of it, up to the snapshot length.
    head.captured = interface.snaplen == 0 ? head.length : std::min(head.length, interface.snaplen);
    head.captured = static_cast<std::uint32_t>(std::min<std::size_t>(head.captured, rest.size()));
  } else {
    time_ = interface.unit.time(head.time);
  }
  if (head.captured > kLargestPacket) {
    return refuse_block("captured length " + std::to_string(head.captured) + ", more than " +
                        std::to_string(kLargestPacket));
  }
  if (head.captured > rest.size()) {
    return refuse_block("captured length " + std::to_string(head.captured) + " in a block of " +
                        std::to_string(block.length) + " bytes");
  }
  ++interface.packets;
  if (block.type == BlockType::simple_packet) ++file().untimed_packets;
  packet.ref = {++summary().packets, time_};
  packet.link = interface.type;
  packet.direction = Direction::unknown;
  packet.device = interface.shown ? static_cast<DeviceId>(*interface.shown + 1) : DeviceId{0};
  packet.wire_length = head.length;
  packet.bytes = rest.first(head.captured);
  const std::size_t padded = (std::size_t{head.captured} + 3) / 4 * 4;
  if (rest.size() > padded || head.dropped != 0) [[unlikely]] {
    take_options(rest.subspan(std::min(padded, rest.size())), order_, packet, interface,
                 head.dropped);
  }
  return Taken::packet;
}

void PcapngReader::take_options(Bytes bytes, Order order, Packet& packet, Interface& interface,
                                std::uint64_t dropped) {
  enum : std::uint16_t { flags = 2, drop_count = 4 };
  Options options{bytes, order};
  while (const auto option = options.next()) {
    if (option->code == kComment) add_note(packet.ref.number, text_of(option->value, kMostNote));
    if (option->code == drop_count && option->value.size() >= 8) {
      dropped += order.u64(option->value.data());
    }
    if (option->code != flags || option->value.size() < 4) continue;
    // Section 4.3.1: two bits of direction, three of how it was received.
    enum : std::uint32_t { inbound = 1, outbound = 2, unicast = 1, promiscuous = 4 };
    const std::uint32_t bits = order.u32(option->value.data());
    const std::uint32_t reception = bits >> 2 & 7;
    if ((bits & 3) == outbound) packet.direction = Direction::out;
    // Inbound alone says nothing: so is all that a mirror port delivers.
    if ((bits & 3) == inbound && reception == unicast) packet.direction = Direction::in;
    if (reception == promiscuous) packet.direction = Direction::overheard;
  }
  if (dropped != 0) interfaces_.add_drops(interface, dropped);
}

PcapngReader::Taken PcapngReader::begin_section(const Block& block) {
  const SectionHeader section = read_section(block.body, block.order);
  if (std::string fault = version_fault(section); !fault.empty()) {
    return refuse_block(std::move(fault));
  }
  interfaces_.begin_section();
  note_section();
  order_ = block.order;
  if (interfaces_.section() == 1) {
    file().application = section.application;
    file().os = section.os;
  }
  add_note(0, section.comment);
  return Taken::other;
}

void PcapngReader::add_names(const Block& block) {
  read_names(block.body, order_, [&](Bytes address, Bytes name) {
    if (summary().names.size() >= kMostNames) return;
    HostName host;
    host.v4 = address.size() == 4;
    std::copy(address.begin(), address.end(), host.address.begin());
    host.name = text_of(name, kMostName);
    if (!host.name.empty()) summary().names.push_back(std::move(host));
  });
}

void PcapngReader::complete_file(bool last) {
  interfaces_.begin_section();
  if (!last) return;
  const std::vector<std::string>& links = file().link_types;
  if (!interfaces_.any_readable() && !links.empty() && !anything_read()) {
    refuse("link type " + links.front() + " is not supported");
  }
}

/// A block of a type we know, with the same length on both sides, and another block or the end
/// behind it.
bool PcapngReader::chain_at(std::size_t position) {
  for (int count = 0; count < 2; ++count) {
    if (!input().want(position + kBlockHead + kBlockTail)) {
      return count == 1 && input().ready().size() == position;
    }
    const std::uint32_t type = order_.u32(input().ready().data() + position);
    constexpr std::uint32_t kMostKnown = 10;
    const bool known = (type >= 1 && type <= kMostKnown) || type == kSectionHeader ||
                       static_cast<BlockType>(type) == BlockType::custom ||
                       static_cast<BlockType>(type) == BlockType::custom_not_copied;
    if (!known) return false;
    const Block head = look(input().ready().subspan(position));
    if (!head.fault.empty() || head.length > kLargestWhole) return false;
    if (!input().want(position + head.length)) return count == 1;
    const Block block = look(input().ready().subspan(position));
    if (!block.fault.empty()) return false;
    if (holds_packet(block.type)) {
      const PacketHead packet = read_packet_head(block.type, block.body, order_);
      if (interfaces_.find(packet.interface) == nullptr) return false;
    }
    position += block.length;
  }
  return true;
}

}  // namespace

std::unique_ptr<Reader> make_pcapng_reader(Source& source) {
  return std::make_unique<PcapngReader>(source);
}

}  // namespace httpdiag::capture
