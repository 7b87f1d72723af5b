// SPDX-License-Identifier: Apache-2.0
// What the capture stage hands to the rest of the program: one recorded packet
// at a time, with the number Wireshark shows for it. Knows nothing of networks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace httpdiag {

/// Nanoseconds since the epoch, UTC, as recorded. Captures may go backwards.
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

/// 1-based position in the capture, the number Wireshark shows. 0 means "no packet".
using PacketNumber = std::uint64_t;

/// Names one packet: all that is kept of a packet once it has passed. 16 bytes.
struct PacketRef {
  PacketNumber number = 0;
  Timestamp time{};

  /// False for "no such packet was seen".
  explicit constexpr operator bool() const { return number != 0; }
  friend constexpr bool operator==(const PacketRef&, const PacketRef&) = default;
};

/// Link types that decode understands; everything else is `unsupported`.
enum class LinkType : std::uint8_t {
  ethernet,    // LINKTYPE_ETHERNET (1)
  linux_sll,   // LINKTYPE_LINUX_SLL (113)
  linux_sll2,  // LINKTYPE_LINUX_SLL2 (276)
  null,        // LINKTYPE_NULL (0): 32-bit address family, byte order of the capturing host
  loop,        // LINKTYPE_LOOP (108): the same in network byte order
  raw_ip,      // LINKTYPE_RAW (101) and its old numbers 12, 14: version nibble decides
  ipv4,        // LINKTYPE_IPV4 (228)
  ipv6,        // LINKTYPE_IPV6 (229)
  unsupported,
};

struct Packet {
  PacketRef ref;
  LinkType link = LinkType::unsupported;
  std::uint32_t wire_length = 0;     // bytes on the wire as recorded; may lie
  std::span<const std::byte> bytes;  // captured bytes; dies at the next PacketSource::next()
};

/// Where and why reading stopped before the end of the input.
struct CaptureDamage {
  std::string file;
  PacketNumber after_packet = 0;  // last packet that was whole
  std::uint64_t byte_offset = 0;  // first byte that could not be used
  std::string reason;
};

struct CaptureFile {
  std::string name;         // as given on the command line; "-" is standard input
  std::uint64_t bytes = 0;  // bytes read
  std::string sha256;  // lower-case hex over the bytes read; empty unless CaptureOptions::digest
  std::string format;  // "pcap" | "pcapng"
  std::vector<std::string> link_types;  // names without LINKTYPE_, e.g. "ETHERNET"
};

/// What is known of the input as a whole. Complete once next() has returned null.
struct CaptureSummary {
  std::vector<CaptureFile> files;
  std::uint64_t packets = 0;
  std::unique_ptr<CaptureDamage> damage;  // null: read to the end
};

struct CaptureOptions {
  bool digest =
      false;  // compute CaptureFile::sha256 while reading (costs about as much as reading)
};

/// The one seam to the world.
class PacketSource {
 public:
  virtual ~PacketSource() = default;
  /// Next packet in recorded order, or null at the end of the input, which may
  /// be a cut: see CaptureSummary::damage. The packet is borrowed until the next call.
  virtual const Packet* next() = 0;
  /// As many of the next packets as lie ready, kMostPackets at most: none only at the end of the
  /// input. They are borrowed until the next call of this or of next().
  static constexpr std::size_t kMostPackets = 16;
  virtual std::span<const Packet> next_packets() {
    const Packet* packet = next();
    return packet == nullptr ? std::span<const Packet>{} : std::span{packet, 1};
  }
  virtual const CaptureSummary& summary() const = 0;
};

/// Opens a pcap or pcapng file, or standard input for "-".
/// Throws Error when the file cannot be opened, is no capture, or has a link
/// type that nothing can be decoded from.
std::unique_ptr<PacketSource> open_capture(const std::string& path, const CaptureOptions& options);

}  // namespace httpdiag
