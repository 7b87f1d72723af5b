// SPDX-License-Identifier: Apache-2.0
#include "capture/pcapng_blocks.hpp"

#include <algorithm>
#include <limits>

namespace httpdiag::capture {
namespace {

constexpr std::size_t kMostText = 512;  // of a description; filters can be long

constexpr std::size_t padded(std::size_t length) { return (length + 3) / 4 * 4; }

std::optional<std::uint64_t> number(const Options::Option& option, Order order) {
  if (option.value.size() < 8) return std::nullopt;
  return order.u64(option.value.data());
}

}  // namespace

std::uint32_t least_length(BlockType type) {
  switch (type) {
    case BlockType::section_header:
      return 28;
    case BlockType::interface_description:
      return 20;
    case BlockType::packet:
    case BlockType::enhanced_packet:
      return 32;
    case BlockType::simple_packet:
      return 16;
    case BlockType::interface_statistics:
      return 24;
    default:
      return kBlockHead + kBlockTail;
  }
}

std::optional<Order> section_order(Bytes block) {
  if (block.size() < 12 || Order{true}.u32(block.data()) != kSectionHeader) return std::nullopt;
  for (const bool little_endian : {true, false}) {
    const Order order{little_endian};
    if (order.u32(block.data() + kBlockHead) == kByteOrderMagic) return order;
  }
  return std::nullopt;
}

std::optional<Options::Option> Options::next() {
  constexpr std::size_t kHead = 4;
  if (rest_.size() < kHead) return std::nullopt;
  const std::uint16_t code = order_.u16(rest_.data());
  const std::size_t length = order_.u16(rest_.data() + 2);
  const Bytes value = rest_.subspan(kHead);
  if (code == 0 || length > value.size()) return std::nullopt;
  rest_ = value.subspan(std::min(padded(length), value.size()));
  return Option{code, value.first(length)};
}

std::string text_of(Bytes value, std::size_t most) {
  std::string text{reinterpret_cast<const char*>(value.data()), std::min(value.size(), most)};
  text.resize(std::min(text.find('\0'), text.size()));  // some writers terminate their strings
  if (value.size() > most && text.size() == most) {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
    std::size_t end = most;
    if (continues(static_cast<char>(value[most]))) {
      while (end > 0 && continues(text[end - 1])) --end;
      if (end > 0) --end;
    }
    text.resize(end);
  }
  return text;
}

InterfaceDescription read_interface(Bytes body, Order order) {
  enum : std::uint16_t {
    name = 2,
    description = 3,
    resolution = 9,
    filter = 11,
    os = 12,
    offset = 14
  };
  InterfaceDescription interface;
  interface.link = order.u16(body.data());
  interface.snaplen = order.u32(body.data() + 4);
  std::uint8_t unit = 6;  // microseconds
  std::int64_t seconds = 0;
  Options options{body.subspan(8), order};
  while (const auto option = options.next()) {
    const Bytes value = option->value;
    switch (option->code) {
      case kComment:
        interface.comment = text_of(value, kMostText);
        break;
      case name:
        interface.name = text_of(value, kMostText);
        break;
      case description:
        interface.description = text_of(value, kMostText);
        break;
      case resolution:
        if (!value.empty()) unit = std::to_integer<std::uint8_t>(value[0]);
        break;
      case filter:  // its first byte says of which kind it is: 0 is libpcap's language
        if (!value.empty() && value[0] == std::byte{0}) {
          interface.filter = text_of(value.subspan(1), kMostText);
        }
        break;
      case os:
        interface.os = text_of(value, kMostText);
        break;
      case offset:
        seconds = static_cast<std::int64_t>(number(*option, order).value_or(0));
        break;
      default:
        break;
    }
  }
  interface.unit = TimeUnit{unit, seconds};
  return interface;
}

SectionHeader read_section(Bytes body, Order order) {
  enum : std::uint16_t { os = 3, application = 4 };
  SectionHeader section{.major = order.u16(body.data() + 4),
                        .minor = order.u16(body.data() + 6),
                        .application = {},
                        .os = {},
                        .comment = {}};
  Options options{body.subspan(16), order};
  while (const auto option = options.next()) {
    if (option->code == kComment) section.comment = text_of(option->value, kMostText);
    if (option->code == os) section.os = text_of(option->value, kMostText);
    if (option->code == application) section.application = text_of(option->value, kMostText);
  }
  return section;
}

Statistics read_statistics(Bytes body, Order order) {
  enum : std::uint16_t { received = 4, dropped = 5, accepted = 6, os_dropped = 7 };
  Statistics statistics;
  statistics.interface = order.u32(body.data());
  Options options{body.subspan(12), order};
  while (const auto option = options.next()) {
    auto count = number(*option, order);
    // All ones: writers that have no such number say so, as they do for times.
    if (count == std::numeric_limits<std::uint64_t>::max()) count.reset();
    if (option->code == received) statistics.received = count;
    if (option->code == dropped) statistics.dropped_by_interface = count;
    if (option->code == accepted) statistics.accepted = count;
    if (option->code == os_dropped) statistics.dropped_by_os = count;
  }
  return statistics;
}

PacketHead read_packet_head(BlockType type, Bytes body, Order order) {
  const std::byte* const at = body.data();
  PacketHead head;
  if (type == BlockType::simple_packet) {
    head.captured = head.length = order.u32(at);
    head.begins = 4;
    return head;
  }
  if (type == BlockType::packet) {
    constexpr std::uint16_t kUnknown = 0xffff;
    head.interface = order.u16(at);
    const std::uint16_t dropped = order.u16(at + 2);
    head.dropped = dropped == kUnknown ? 0 : dropped;
  } else {
    head.interface = order.u32(at);
  }
  head.time = order.halves(at + 4);
  head.captured = order.u32(at + 12);
  head.length = order.u32(at + 16);
  head.begins = 20;
  return head;
}

}  // namespace httpdiag::capture
