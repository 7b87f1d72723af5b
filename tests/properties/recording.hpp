// SPDX-License-Identifier: Apache-2.0
// What all properties need: the packets of a capture in memory, where they can be
// changed, and what the whole analysis has to say about them, as text to compare.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/analyse.hpp"

namespace httpdiag::test {

struct RecordedPacket {
  Timestamp at{};
  std::string bytes;
  std::uint32_t wire_length = 0;
};

struct Recording {
  std::string name;
  LinkType link = LinkType::unsupported;
  std::vector<RecordedPacket> packets;
};

/// Every capture in pcaps/, read once; the tests run in testdata/.
const std::vector<Recording>& recordings();
/// Their files.
std::vector<std::filesystem::path> capture_paths();

/// It has packets, whose time never goes back.
bool in_order(const Recording& recording);
/// The numbers of its packets.
std::vector<std::size_t> all_of(const Recording& recording);
/// Those packets, from 0, as a classic pcap file with nanoseconds.
std::string to_pcap(const Recording& recording, const std::vector<std::size_t>& packets);

/// Serves the packets of a recording, which must outlive it.
class Replay final : public PacketSource {
 public:
  explicit Replay(const Recording& recording);
  const Packet* next() override;
  const CaptureSummary& summary() const override { return summary_; }

 private:
  const Recording& recording_;
  std::size_t next_ = 0;
  Packet packet_;
  CaptureSummary summary_;
};

Outcome analyse(const Recording& recording);

/// Which annotations a comparison passes over.
using Ignored = bool (*)(Label);
inline bool ignore_none(Label) { return false; }

/// A line for each flow and each exchange: labels, pairing and content, without
/// packet numbers and times.
std::vector<std::string> verdicts(const Outcome& outcome, Ignored ignored = ignore_none);
/// The lines about exchanges alone.
std::vector<std::string> exchanges(const Outcome& outcome, Ignored ignored = ignore_none);
/// The line about a flow alone.
std::string verdict(const FlowReport& flow, Ignored ignored = ignore_none);
/// Both joined, one line each, as gtest shows them best.
std::string joined(const std::vector<std::string>& lines);

/// What must hold for every report, whatever was read: the accounts balance, the
/// labels add up, every finding names packets of the capture. Empty if all do.
std::string faults_of(const Outcome& outcome);

/// Where the TCP header of a packet is. All offsets are from its first byte.
struct TcpView {
  std::size_t ip = 0, tcp = 0, payload = 0, end = 0;  // `end`: one past the payload
  bool v4 = true;
  bool whole = true;    // neither a fragment nor cut short
  bool quoted = false;  // in an ICMP error: only ports and sequence number are sure to be there

  std::size_t length() const { return end - payload; }
};
/// Whether any of it is in a tunnel, into which find_tcp() does not look.
bool has_tunnels(const Recording& recording);
std::optional<TcpView> find_tcp(const Recording& recording, const RecordedPacket& packet);

/// Addresses and ports in the order of the header; `reverse` for the other direction.
std::string direction_of(const RecordedPacket& packet, const TcpView& view, bool reverse = false);

// Fields of a header, big-endian.
std::uint32_t get(const std::string& bytes, std::size_t at, std::size_t width);
void put(std::string& bytes, std::size_t at, std::size_t width, std::uint64_t value);

inline constexpr std::size_t kSeqAt = 4, kAckAt = 8, kFlagsAt = 13;  // in the TCP header

}  // namespace httpdiag::test
