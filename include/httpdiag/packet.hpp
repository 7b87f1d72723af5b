// SPDX-License-Identifier: Apache-2.0
// What the capture stage hands to the rest of the program: one recorded packet
// at a time, with the number Wireshark shows for it. Knows nothing of networks.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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

/// 1-based position in the order of analysis. With one file whose records are in order that is the
/// number Wireshark shows; otherwise PacketPlaces leads there. 0 means "no packet".
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

/// What recorded a packet: 1-based place in CaptureSummary::devices; 0: nobody knows.
using DeviceId = std::uint16_t;

struct Packet {
  PacketRef ref;
  LinkType link = LinkType::unsupported;
  Direction direction = Direction::unknown;
  DeviceId device = 0;               // where the capture tells devices apart
  std::uint32_t wire_length = 0;     // bytes on the wire as recorded; may lie
  std::span<const std::byte> bytes;  // captured bytes; dies at the next PacketSource::next()
  bool time_guessed = false;         // ref.time is another packet's, maybe far from its own
};

/// Where and why reading stopped before the end of the input, or had to begin anew.
struct CaptureDamage {
  std::string file;
  PacketNumber after_packet = 0;  // last packet that was whole, counted in that file
  std::uint64_t byte_offset = 0;  // first byte that could not be used; of the decompressed capture
  std::string reason;
  std::uint64_t record = 0;  // record of a pcap, block of a pcapng, that begins there; from 1
  std::optional<std::uint64_t> expected_bytes{};  // of that record, if its header can be believed
  std::optional<std::uint64_t> present_bytes{};   // of it, if the input ends inside
  std::optional<Timestamp> last_good{};           // time of packet after_packet
  std::uint64_t hole = 0;  // CaptureSummary::holes behind it; 0: the only file's
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
  PacketNumber packet = 0;  // counted in its file
  std::string text;
  std::uint32_t file = 0;  // of CaptureSummary::files
  PacketNumber order = 0;  // its place in the analysis of several files
  // Ours, on a packet whose recorded time cannot be: the time that it counts with.
  std::optional<Timestamp> corrected{};
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
  std::uint64_t untimed_packets = 0;         // simple packet blocks: their time is that before them
  std::uint64_t decryption_secrets = 0;      // blocks; what is in them is not looked at
  std::uint64_t packets = 0;                 // read of it
  std::optional<Timestamp> first{}, last{};  // of its first and last record
  std::shared_ptr<const CaptureDamage> damage{};  // null: read to its end
  std::string short_name{};  // enough to tell it from the other files; empty: it is the only one
};

/// Where a packet lies.
struct PacketPlace {
  std::uint32_t file = 0;   // of CaptureSummary::files
  PacketNumber number = 0;  // in that file: the one Wireshark shows
};

/// Leads from the order of analysis back to the files.
class PacketPlaces {
 public:
  virtual ~PacketPlaces() = default;
  /// `number` is one that was handed out.
  virtual PacketPlace place(PacketNumber number) const = 0;
  /// The last packet of a file; 0: it has none.
  virtual PacketNumber last_of(std::uint32_t file) const = 0;
};

/// One of several inputs that is no capture, and was passed over.
struct NotRead {
  std::string name, reason;
};

/// An interface of a file, or the file where it does not tell of any.
struct CaptureDevice {
  std::uint32_t file = 0;
  std::optional<std::uint32_t> described{};  // place in CaptureFile::interfaces
  std::optional<std::uint32_t> index{};      // the system's number of it (LINKTYPE_LINUX_SLL2)
};

/// Where one capture ends and the next one begins, one file or one part of a file behind the other,
/// and nothing was recorded for more than kShortPause in between.
struct CaptureBorder {
  static constexpr Duration kShortPause = std::chrono::seconds{1};
  PacketRef last, next;  // the last packet in front, with the latest time so far; the first behind
  Duration longest{};    // pause between two packets within captures, up to here
  // It is no longer than a pause within captures was: nothing speaks against a link at rest.
  // Otherwise nobody may have recorded.
  bool ordinary = false;

  Duration pause() const { return next.time - last.time; }
};

/// What is known of the input as a whole. Complete once next() has returned null.
struct CaptureSummary {
  // How many are told of; all are counted.
  static constexpr std::size_t kMostNotes = 1000, kMostStretches = 256, kMostNotRead = 256;

  std::vector<CaptureFile> files;  // in order of their first packets
  std::uint64_t packets = 0;
  std::unique_ptr<CaptureDamage> damage;  // the first file's that has some; null: read to the end
  std::vector<SkippedStretch> skipped;    // the first ones
  std::uint64_t skipped_stretches = 0;    // all of them
  std::vector<PacketNote> notes;          // the first ones, in packet order
  std::uint64_t omitted_notes = 0;
  // Packets recorded with a time that is hours from those of the packets around them: they count as
  // having come with the one in front.
  std::uint64_t wrong_times = 0;
  std::vector<HostName> names;  // the first ones
  // Counts up where packets are missing in front of those that are handed out: behind a stretch,
  // or the end of a damaged file.
  std::uint64_t holes = 0;
  std::unique_ptr<PacketPlaces> places;  // null: one file, as it was recorded
  std::uint64_t reordered = 0;           // packets that were recorded late and sorted in
  std::vector<CaptureDevice> devices;    // that packets came from
  std::vector<NotRead> not_read;         // the first ones
  std::uint64_t omitted_not_read = 0;
  static constexpr std::size_t kMostBorders = 65536;
  std::vector<CaptureBorder> borders;           // in order, the first ones
  Duration longest_pause{};                     // between two packets within captures
  std::optional<Timestamp> begins{}, newest{};  // of the first packet; the latest time

  /// Behind those that are known.
  void add_border(PacketRef last, PacketRef next, Duration longest);
  /// The first border behind `packet` and in front of `now` where nobody may have recorded; null:
  /// there is none.
  const CaptureBorder* unwatched_behind(PacketNumber packet, Timestamp now) const;
};

/// Where a packet lies, also in a capture that needs no table for that.
PacketPlace place_of(const CaptureSummary* input, PacketNumber number);
/// The number to show for it: the one in the file; with several files that of the analysis.
PacketNumber shown_number(const CaptureSummary* input, PacketNumber number);
/// The same in words: "17", or "b.pcap:17" with several files.
std::string packet_name(const CaptureSummary* input, PacketNumber number);
/// "eth0", "b.pcap", "b.pcap eth0"; empty: not known.
std::string device_name(const CaptureSummary* input, DeviceId device);

/// Gives each of several files a name that is as short as tells it from the others.
void give_short_names(std::vector<CaptureFile>& files);
/// The device of an earlier file that is the same as `device` of `file`, where files follow each
/// other as one capture in pieces: by its name and place; 0: there is none.
DeviceId same_device(const CaptureSummary& earlier, const CaptureDevice& device,
                     const CaptureFile& file);

struct CaptureOptions {
  bool digest =
      false;  // compute CaptureFile::sha256 while reading (costs about as much as reading)
  bool recover = false;  // look for the next plausible record behind damage and go on from there
};

/// What decides whether one packet can have been on the wire in front of another.
struct WireOrder {
  std::uint64_t from = 0, to = 0;           // its ends, hashed; both 0: it is no TCP segment
  std::uint32_t end = 0, acknowledges = 0;  // sequence number behind it; ACK number
  bool has_ack = false, has_content = false;

  /// A sender's own order is as recorded, and what acknowledges a segment came after it.
  bool comes_behind(const WireOrder& earlier) const {
    if (from == 0 && to == 0) return false;
    if (from == earlier.from && to == earlier.to) return true;
    if (from != earlier.to || to != earlier.from) return false;
    return has_ack && earlier.has_content &&
           static_cast<std::int32_t>(acknowledges - earlier.end) >= 0;
  }
};

/// How records that were written late are sorted in.
struct Sorting {
  Duration window{};               // no record is looked for further away
  std::uint32_t most_packets = 0;  // held back for that; 0: nothing is sorted
  std::function<WireOrder(const Packet&)> order{};
};

/// The one seam to the world.
class PacketSource {
 public:
  virtual ~PacketSource() = default;
  /// To be called before any packet is taken. Sources that cannot be in disorder need not listen.
  virtual void sort_by(const Sorting&) {}
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

/// Several of them as one timeline, in whatever order they are given; of a directory all captures
/// in it. Where the files overlap in time their packets are merged. Throws as above, and where too
/// many files overlap.
std::unique_ptr<PacketSource> open_captures(const std::vector<std::string>& paths,
                                            const CaptureOptions& options);

/// The compressions that this build reads: "gzip", ...
std::vector<std::string_view> built_in_compressions();

}  // namespace httpdiag
