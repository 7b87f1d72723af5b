// SPDX-License-Identifier: Apache-2.0
// What is in the blocks of a pcapng (draft-ietf-opsawg-pcapng), one block at a
// time. Knows nothing of files and of what came before.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "capture/formats.hpp"
#include "capture/times.hpp"

namespace httpdiag::capture {

using Bytes = std::span<const std::byte>;

enum class BlockType : std::uint32_t {
  interface_description = 1,
  packet = 2,  // obsolete
  simple_packet = 3,
  name_resolution = 4,
  interface_statistics = 5,
  enhanced_packet = 6,
  decryption_secrets = 10,
  custom = 0xbad,
  custom_not_copied = 0x40000bad,
  section_header = kSectionHeader,
};

/// Bytes of a block around its body: type and length, and the length again.
constexpr std::size_t kBlockHead = 8;
constexpr std::size_t kBlockTail = 4;
/// The least length that a block of this type can have.
std::uint32_t least_length(BlockType type);

/// The byte order of the section header block that `block` begins with; none: it is none.
std::optional<Order> section_order(Bytes block);

/// The options behind a block's fixed part (section 3.5).
class Options {
 public:
  struct Option {
    std::uint16_t code = 0;
    Bytes value;
  };
  Options(Bytes bytes, Order order) : rest_{bytes}, order_{order} {}
  /// None: there are no more, or what is there makes no sense.
  std::optional<Option> next();

 private:
  Bytes rest_;
  Order order_;
};

constexpr std::uint16_t kComment = 1;  // an option of any block
/// Text of an option or a name, at most `most` bytes of it and not half a character.
std::string text_of(Bytes value, std::size_t most);

struct InterfaceDescription {
  std::uint16_t link = 0;
  std::uint32_t snaplen = 0;  // 0: no limit
  TimeUnit unit;
  std::string name, description, filter, os, comment;
};
/// `body` is that of a block that is long enough.
InterfaceDescription read_interface(Bytes body, Order order);

struct SectionHeader {
  std::uint16_t major = 0, minor = 0;
  std::string application, os, comment;
};
SectionHeader read_section(Bytes body, Order order);

struct Statistics {
  std::uint32_t interface = 0;
  std::optional<std::uint64_t> received, accepted, dropped_by_interface, dropped_by_os;
};
Statistics read_statistics(Bytes body, Order order);

/// The fixed part of a block that holds a packet.
struct PacketHead {
  std::uint32_t interface = 0;
  std::uint64_t time = 0;
  std::uint32_t captured = 0, length = 0;
  std::uint64_t dropped = 0;  // in front of it
  std::size_t begins = 0;     // of the body: where its bytes are
};
/// `body` holds at least the fixed part.
PacketHead read_packet_head(BlockType type, Bytes body, Order order);

/// Calls `found(address, name)` for the names of a name resolution block (section 4.5); an address
/// has 4 or 16 bytes.
template <typename Found>
void read_names(Bytes body, Order order, Found&& found) {
  constexpr std::uint16_t kIpv4 = 1, kIpv6 = 2;
  Options records{body, order};  // laid out as options are
  while (const auto record = records.next()) {
    const std::size_t size = record->code == kIpv4 ? 4 : 16;
    if ((record->code != kIpv4 && record->code != kIpv6) || record->value.size() <= size) continue;
    found(record->value.first(size), record->value.subspan(size));
  }
}

}  // namespace httpdiag::capture
