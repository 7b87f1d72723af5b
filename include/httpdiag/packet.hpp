// SPDX-License-Identifier: Apache-2.0
// What the capture stage hands to the rest of the program: one recorded packet
// at a time, with the number Wireshark shows for it. Knows nothing of networks.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  ethernet,       // LINKTYPE_ETHERNET (1)
  linux_sll,      // LINKTYPE_LINUX_SLL (113)
  linux_sll2,     // LINKTYPE_LINUX_SLL2 (276)
  null,           // LINKTYPE_NULL (0): 32-bit address family, byte order of the capturing host
  loop,           // LINKTYPE_LOOP (108): the same in network byte order
  raw_ip,         // LINKTYPE_RAW (101) and its old numbers 12, 14: version nibble decides
  ipv4,           // LINKTYPE_IPV4 (228)
  ipv6,           // LINKTYPE_IPV6 (229)
  ppp,            // LINKTYPE_PPP (9), PPP_HDLC (50): with or without address and control
  ppp_direction,  // LINKTYPE_PPP_WITH_DIR (204): a byte that says which way in front of it
  pppoe,          // LINKTYPE_PPP_ETHER (51): from the PPPoE header on
  cisco_hdlc,     // LINKTYPE_C_HDLC (104)
  cisco_hdlc_direction,   // LINKTYPE_C_HDLC_WITH_DIR (205)
  frame_relay,            // LINKTYPE_FRELAY (107)
  frame_relay_direction,  // LINKTYPE_FRELAY_WITH_DIR (206)
  ieee802_11,             // LINKTYPE_IEEE802_11 (105)
  radiotap,               // LINKTYPE_IEEE802_11_RADIOTAP (127)
  ppi,                    // LINKTYPE_PPI (192): per-packet information in front of another type
  pktap,                  // LINKTYPE_PKTAP (258): Apple's, likewise
  nflog,                  // LINKTYPE_NFLOG (239)
  pflog,                  // LINKTYPE_PFLOG (117)
  ipnet,                  // LINKTYPE_IPNET (226), Solaris
  mpls,                   // LINKTYPE_MPLS (219)
  unsupported,
};

/// Which way a packet passed the interface, where the capture says so.
enum class Direction : std::uint8_t { unknown, in, out, overheard };

struct Packet {
  PacketRef ref;
  LinkType link = LinkType::unsupported;
  Direction direction = Direction::unknown;
  std::uint32_t wire_length = 0;     // bytes on the wire as recorded; may lie
  std::span<const std::byte> bytes;  // captured bytes; dies at the next PacketSource::next()
};

/// Where and why reading stopped before the end of the input, or had to begin anew.
struct CaptureDamage {
  std::string file;
  PacketNumber after_packet = 0;  // last packet that was whole
  std::uint64_t byte_offset = 0;  // first byte that could not be used; of the decompressed capture
  std::string reason;
  std::uint64_t record = 0;  // record of a pcap, block of a pcapng, that begins there; from 1
  std::optional<std::uint64_t> expected_bytes{};  // of that record, if its header can be believed
  std::optional<std::uint64_t> present_bytes{};   // of it, if the input ends inside
  std::optional<Timestamp> last_good{};           // time of packet after_packet
};

/// What --recover passed over.
struct SkippedStretch {
  CaptureDamage damage;
  std::uint64_t end_offset = 0;     // where the next plausible record begins
  std::optional<Timestamp> next{};  // time of the packet there, if it is one
};

/// An interface of a pcapng. What its writer did not say is empty.
struct CaptureInterface {
  std::uint32_t section = 1, id = 0;
  std::string name{}, description{}, filter{}, os{};
  std::string link_type{};
  std::uint32_t snaplen = 0;  // 0: no limit
  std::uint64_t packets = 0;
  std::optional<std::uint64_t> received{}, accepted{};                   // by it; by its filter
  std::optional<std::uint64_t> dropped_by_interface{}, dropped_by_os{};  // since the capture began
  std::uint64_t dropped_between = 0;  // as the packets say of what was lost in front of them
};

/// A comment of whoever saved the capture; packet 0: on a section or interface.
struct PacketNote {
  PacketNumber packet = 0;
  std::string text;
};

/// From a name resolution block.
struct HostName {
  std::array<std::byte, 16> address{};
  bool v4 = true;  // only the first four bytes of it
  std::string name;
};

struct CaptureFile {
  std::string name;         // as given on the command line; "-" is standard input
  std::uint64_t bytes = 0;  // bytes read
  std::string sha256;  // lower-case hex over the bytes read; empty unless CaptureOptions::digest
  std::string format;  // "pcap" | "pcapng"
  std::vector<std::string> link_types;         // names without LINKTYPE_, e.g. "ETHERNET"
  std::string compression{};                   // "gzip" | "zstd" | "lz4" | "xz"; empty: none
  std::string application{}, os{};             // that wrote it, as a pcapng's first section says
  std::vector<CaptureInterface> interfaces{};  // of a pcapng, the first ones
  std::uint64_t omitted_interfaces = 0;        // further ones
  std::vector<std::pair<std::string, std::uint64_t>> unread_links{};  // type, packets; not decoded
  std::uint64_t untimed_packets = 0;     // simple packet blocks: their time is that before them
  std::uint64_t decryption_secrets = 0;  // blocks; what is in them is not looked at
};

/// What is known of the input as a whole. Complete once next() has returned null.
struct CaptureSummary {
  std::vector<CaptureFile> files;
  std::uint64_t packets = 0;
  std::unique_ptr<CaptureDamage> damage;  // null: read to the end
  std::vector<SkippedStretch> skipped;    // the first ones
  std::uint64_t skipped_stretches = 0;    // all of them
  std::vector<PacketNote> notes;          // the first ones, in packet order
  std::uint64_t omitted_notes = 0;
  std::vector<HostName> names;  // the first ones
};

struct CaptureOptions {
  bool digest =
      false;  // compute CaptureFile::sha256 while reading (costs about as much as reading)
  bool recover = false;  // look for the next plausible record behind damage and go on from there
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

/// Opens a pcap or pcapng file, compressed or not, or standard input for "-".
/// Throws Error when the file cannot be opened, is no capture, or has a link
/// type that nothing can be decoded from.
std::unique_ptr<PacketSource> open_capture(const std::string& path, const CaptureOptions& options);

/// The compressions that this build reads: "gzip", ...
std::vector<std::string_view> built_in_compressions();

}  // namespace httpdiag
