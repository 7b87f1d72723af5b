// SPDX-License-Identifier: Apache-2.0
#include "rules/syn_clocks.hpp"

#include "rules/ip_slot.hpp"

namespace httpdiag::rules {

namespace {

/// RFC 7323 §5.2: compared like sequence numbers; TCP_PAWS_WINDOW of Linux is one tick.
bool later(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) > 1; }

/// Clocks tick once a millisecond on Linux, seldom faster elsewhere.
std::uint32_t advanced(std::uint32_t clock, Duration by) {
  return clock + static_cast<std::uint32_t>(
                     std::chrono::duration_cast<std::chrono::milliseconds>(by).count());
}

}  // namespace

SynClocks::SynClocks()
    : entries_{std::make_unique<std::array<Entry, kEntries>>()},
      latest_{std::make_unique<std::array<std::uint64_t, kEntries>>()} {}

void SynClocks::note(const FlowRecord& flow) {
  const bool answered =
      flow.syn_clock != 0 && flow.c().syns == 1 && handshake(flow) == Handshake::complete;
  const bool closed = flow.fin_clock != 0 && !flow.c().fin_unseen;
  if (!answered && !closed) return;
  std::uint64_t& latest = (*latest_)[ip_slot(flow.client.ip, kEntries)];
  (*entries_)[count_ % kEntries] = {.client = flow.client,
                                    .server = flow.server,
                                    .syn = answered ? flow.c().syn : PacketRef{},
                                    .fin = closed ? flow.c().fin : PacketRef{},
                                    .syn_clock = flow.syn_clock,
                                    .fin_clock = flow.fin_clock,
                                    .before = latest};
  latest = ++count_;
}

template <typename Visit>
void SynClocks::each(const FlowRecord& flow, Visit visit) const {
  std::uint64_t at = (*latest_)[ip_slot(flow.client.ip, kEntries)];
  for (int i = 0; i < kFarthest && at != 0 && count_ - at < kEntries; ++i) {
    const Entry& entry = (*entries_)[(at - 1) % kEntries];
    const bool same = entry.client.ip == flow.client.ip && entry.server == flow.server;
    if (same && visit(entry)) return;
    at = entry.before;
  }
}

std::optional<ClosedClock> SynClocks::older_of(const FlowRecord& flow,
                                               const Thresholds& thresholds) const {
  const std::uint32_t clock = flow.syn_clock;
  const PacketRef syn = flow.c().syn;
  if (clock == 0 || !syn) return std::nullopt;
  std::optional<ClosedClock> found;
  bool others_answered = false;
  each(flow, [&](const Entry& entry) {
    if (entry.syn && later(entry.syn_clock, clock)) others_answered = true;
    const bool before = entry.fin && entry.fin.number < syn.number &&
                        syn.time - entry.fin.time <= thresholds.syn_clock_memory;
    const bool newer = !found || later(entry.fin_clock, found->fin_clock);
    if (before && later(entry.fin_clock, clock) && newer)
      found = ClosedClock{entry.client, entry.fin, entry.fin_clock};
    return false;
  });
  if (!found || !others_answered) return std::nullopt;
  const auto refutes = [&](PacketRef asked, std::uint32_t asked_clock) {
    const Duration after = asked.time - found->fin.time;
    return asked.number > found->fin.number && after <= thresholds.syn_clock_memory &&
           later(found->fin_clock, asked_clock);
  };
  bool refuted = false;
  each(flow, [&](const Entry& entry) {
    return refuted = entry.syn && refutes(entry.syn, entry.syn_clock);
  });
  // Its own SYN was answered in the end, perhaps before its clock had caught up.
  const PacketRef synack = flow.s().syn;
  if (synack) refuted = refuted || refutes(synack, advanced(clock, synack.time - syn.time));
  return refuted ? std::nullopt : found;
}

}  // namespace httpdiag::rules
