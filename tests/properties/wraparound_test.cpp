// SPDX-License-Identifier: Apache-2.0
// Initial sequence numbers mean nothing: with any others, and wherever they pass
// 2^32, the report is the same.
#include <gtest/gtest.h>

#include <map>

#include "httpdiag/segment.hpp"
#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

/// Added to all sequence numbers of a direction.
using Shifts = std::map<std::string, std::uint32_t>;

std::uint32_t shift_of(const Shifts& shifts, const std::string& direction) {
  const auto found = shifts.find(direction);
  return found == shifts.end() ? 0 : found->second;
}

/// What a host that translates addresses leaves as it is: all but the ports and the checksum.
std::string translated_alike(const RecordedPacket& packet, const TcpView& view) {
  constexpr std::size_t kPorts = 4, kChecksum = 16, kUrgent = 18;
  return std::string{packet.bytes.substr(view.tcp + kPorts, kChecksum - kPorts)} +
         std::string{packet.bytes.substr(view.tcp + kUrgent)};
}

/// So that the first number of each direction is `start`; the same where it is recorded under
/// another name.
Shifts shifts_to(const Recording& recording, std::uint32_t start) {
  Shifts shifts;
  std::map<std::string, const RecordedPacket*> seen;
  std::map<std::string, std::string> other_names;  // of directions
  for (const RecordedPacket& packet : recording.packets) {
    const auto view = find_tcp(recording, packet);
    if (!view || view->quoted) continue;
    const std::uint32_t seq = get(packet.bytes, view->tcp + kSeqAt, 4);
    const std::uint32_t flags = get(packet.bytes, view->tcp + kFlagsAt, 1);
    // RFC 9293 §3.10.7.1: the RST from a closed port has the number 0, which is nobody's.
    if (seq == 0 && (flags & TcpFlags::rst) != 0) continue;
    const std::string alike = translated_alike(packet, *view);
    const auto copy = seen.find(alike);
    const std::string direction = direction_of(packet, *view);
    if (shifts.contains(direction)) {
      seen.emplace(alike, &packet);
    } else if (copy == seen.end()) {
      shifts.emplace(direction, start - seq);
      seen.emplace(alike, &packet);
    } else {
      const auto known = find_tcp(recording, *copy->second);
      shifts.emplace(direction, shifts.at(direction_of(*copy->second, *known)));
      other_names.emplace(direction_of(packet, *view, true),
                          direction_of(*copy->second, *known, true));
    }
  }
  for (const auto& [name, known] : other_names) shifts.emplace(name, shift_of(shifts, known));
  return shifts;
}

/// SACK blocks (RFC 2018) hold sequence numbers of the other direction.
void shift_sack(RecordedPacket& packet, const TcpView& view, std::uint32_t shift) {
  for (std::size_t at = view.tcp + 20; at + 1 < view.payload;) {
    const std::uint32_t kind = get(packet.bytes, at, 1);
    if (kind == 0) return;
    const std::size_t length = kind == 1 ? 1 : get(packet.bytes, at + 1, 1);
    if (length == 0 || at + length > view.payload) return;
    for (std::size_t edge = at + 2; kind == 5 && edge + 4 <= at + length; edge += 4) {
      put(packet.bytes, edge, 4, get(packet.bytes, edge, 4) + shift);
    }
    at += length;
  }
}

Recording shifted(const Recording& recording, const Shifts& shifts) {
  Recording changed = recording;
  for (RecordedPacket& packet : changed.packets) {
    const auto view = find_tcp(recording, packet);
    if (!view) continue;
    const std::uint32_t own = shift_of(shifts, direction_of(packet, *view));
    const std::uint32_t peers = shift_of(shifts, direction_of(packet, *view, true));
    const std::size_t seq_at = view->tcp + kSeqAt;
    const std::uint32_t seq = get(packet.bytes, seq_at, 4);
    if (view->quoted) {
      put(packet.bytes, seq_at, 4, seq + own);
      continue;
    }
    const std::uint32_t flags = get(packet.bytes, view->tcp + kFlagsAt, 1);
    if (seq != 0 || (flags & TcpFlags::rst) == 0) put(packet.bytes, seq_at, 4, seq + own);
    if ((flags & TcpFlags::ack) == 0) continue;
    const std::size_t ack_at = view->tcp + kAckAt;
    put(packet.bytes, ack_at, 4, get(packet.bytes, ack_at, 4) + peers);
    shift_sack(packet, *view, peers);
  }
  return changed;
}

TEST(WraparoundProperty, AnywhereKeepsEveryVerdict) {
  // On the SYN, on the first byte, inside the first head, inside a body; and at the
  // sign change of the difference of two numbers.
  const std::uint32_t starts[] = {0,          1,          0xffffffff, 0xfffffffe, 0xffffffd0,
                                  0xffffffa0, 0xfffffe00, 0xffffe000, 0x7fffffff, 0x7fffffc0};
  for (const Recording& recording : recordings()) {
    if (has_tunnels(recording)) continue;
    const std::string expected = joined(verdicts(analyse(recording)));
    for (const std::uint32_t start : starts) {
      const Outcome outcome = analyse(shifted(recording, shifts_to(recording, start)));
      EXPECT_EQ(faults_of(outcome), "") << recording.name;
      const std::string actual = joined(verdicts(outcome));
      EXPECT_EQ(actual, expected) << recording.name << ", numbers from " << start;
      if (actual != expected) break;
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
