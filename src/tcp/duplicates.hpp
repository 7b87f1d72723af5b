// SPDX-License-Identifier: Apache-2.0
// Recognises a packet that the capture holds more than once (taxonomy 3):
// -i any, mirrored VLANs, both sides of a router. Must come before any TCP
// analysis, or every copy looks like a retransmission.
#pragma once

#include <array>
#include <memory>

#include "httpdiag/flow.hpp"
#include "httpdiag/segment.hpp"
#include "httpdiag/settings.hpp"
#include "tcp/hashing.hpp"
#include "tcp/options.hpp"

namespace httpdiag::tcp {

/// Remembers a fixed number of recent packets by fingerprint; the oldest of a
/// set gives way. 128 KiB whatever the traffic, to stay in the second-level cache.
class DuplicateFilter {
 public:
  explicit DuplicateFilter(const Thresholds& thresholds);

  /// Without an IP id a repeated ACK, or the RST that each late segment draws, looks like its own
  /// copy; being wrong would hide packets. Such are copies only if they were recorded elsewhere: by
  /// another device, in another VLAN, or routers further on.
  static bool has_identity(const Segment& segment) {
    return segment.ip_id != 0 || segment.payload_length != 0 ||
           segment.flags.has(TcpFlags::syn | TcpFlags::fin);
  }
  /// What makes a packet the one it is, never 0: its ends by their hashes and its fields; below
  /// them its options and the sum of its payload, or 0 if it was cut. One recording may be cut
  /// sooner than the other: a tag or a tunnel takes its bytes from the same snaplen.
  std::uint64_t fingerprint(const Segment& segment, std::uint64_t from, std::uint64_t to,
                            std::uint64_t content) const {
    const std::uint64_t identity =
        mix(from ^ numbers(segment), to ^ fields(segment)) >> kContentBits;
    const bool whole =
        segment.payload.size() == segment.payload_length && segment.options.size() % 4 == 0;
    // Routers lower the segment size in a SYN for the links behind them (MSS clamping).
    const std::uint64_t options =
        segment.flags.has(TcpFlags::syn) ? hash_without_mss(segment) : hash_few(segment.options);
    const std::uint64_t sum = whole ? mix(content, options) >> (64 - kContentBits) | 1 : 0;
    return (identity != 0 ? identity : 1) << kContentBits | sum;
  }
  /// In which set a copy of `segment` would be found. Not by the fingerprint, which differs from
  /// run to run: which entry gives way, and with it which copies are found, may not.
  std::uint32_t place(const Segment& segment) const {
    const std::uint64_t ports = std::uint64_t{segment.source.port} << 16 | segment.destination.port;
    const std::uint64_t word = (numbers(segment) ^ fields(segment) ^ ports) +
                               words_of(segment.source.ip).high +
                               words_of(segment.destination.ip).high;
    const auto place = static_cast<std::uint32_t>(word * 0x9e3779b97f4a7c15 >> 54);
    const auto* set = reinterpret_cast<const std::byte*>(&(*sets_)[place]);
    __builtin_prefetch(set);
    __builtin_prefetch(set + sizeof(Set) / 2);
    return place;
  }
  /// How the recordings differ of the copy that was found last.
  const CopyOrigin& origin() const { return origin_; }
  /// The packet that `segment` is a copy of, or none.
  PacketRef find_or_remember(const Segment& segment, std::uint64_t fingerprint,
                             std::uint32_t place) {
    Set& set = (*sets_)[place];
    for (const std::uint64_t known : set.fingerprints) {
      if (same_identity(known, fingerprint)) [[unlikely]] {
        if (const PacketRef original = original_of(segment, set, fingerprint)) return original;
        break;
      }
    }
    remember(segment, fingerprint, set, set.remembered++ % kWays);
    return {};
  }
  /// The packet that `segment` would be a copy of, or none; nothing is remembered.
  PacketRef find(const Segment& segment, std::uint64_t fingerprint, std::uint32_t place) {
    return original_of(segment, (*sets_)[place], fingerprint);
  }
  /// Whether what was recorded at `time`, under `vlan` and by `device`, is near enough to be a
  /// recording of `segment`.
  bool within_window(const Segment& segment, std::uint32_t vlan, DeviceId device,
                     Timestamp time) const {
    const Duration age = segment.packet.time - time;
    return age < Duration{0} ? -age <= thresholds_.dedup_window_no_id
                             : age <= window(segment, vlan, device);
  }
  Duration longest_window() const { return thresholds_.dedup_window_other_vlan; }
  /// What was found is another packet that looks the same: `segment` takes its place.
  void renew(const Segment& segment, std::uint64_t fingerprint, std::uint32_t place);

 private:
  static constexpr unsigned kContentBits = 24;  // of a fingerprint, the lowest
  static bool same_identity(std::uint64_t a, std::uint64_t b) {
    return (a ^ b) >> kContentBits == 0;
  }
  /// As far as the bytes tell that were recorded of both.
  static bool same_packet(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t kContent = (std::uint64_t{1} << kContentBits) - 1;
    return a == b || (same_identity(a, b) && ((a & kContent) == 0 || (b & kContent) == 0));
  }
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = 1024;  // as many as place() has bits
  struct alignas(128) Set {
    std::array<std::uint64_t, kWays> fingerprints{};  // the IP id is in them
    std::array<PacketRef, kWays> packets;
    std::array<std::uint32_t, kWays> vlans{};
    std::uint32_t remembered = 0;
    std::array<DeviceId, kWays> devices{};
    std::array<std::uint8_t, kWays> ttls{};
  };
  static_assert(sizeof(Set) == 128, "two lines of the cache, which place() fetches");

  static void remember(const Segment& segment, std::uint64_t fingerprint, Set& set,
                       std::size_t way) {
    set.fingerprints[way] = fingerprint;
    set.packets[way] = segment.packet;
    set.vlans[way] = segment.vlan;
    set.devices[way] = segment.device;
    set.ttls[way] = segment.ttl;
  }
  static std::uint64_t numbers(const Segment& segment) {
    return std::uint64_t{segment.seq} << 32 | segment.ack;
  }
  static std::uint64_t fields(const Segment& segment) {
    const std::uint64_t word = std::uint64_t{segment.ip_id} << 48 |
                               std::uint64_t{segment.window} << 32 |
                               std::uint64_t{segment.flags.bits} << 24;
    return word ^ segment.payload_length;
  }
  static bool same_place(const Segment& segment, const Set& set, std::size_t way);
  PacketRef original_of(const Segment& segment, const Set& set, std::uint64_t fingerprint);
  Duration window(const Segment& segment, std::uint32_t vlan, DeviceId device) const;

  const Thresholds& thresholds_;
  CopyOrigin origin_;
  std::unique_ptr<std::array<Set, kSets>> sets_;
};

}  // namespace httpdiag::tcp
