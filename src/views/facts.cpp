// SPDX-License-Identifier: Apache-2.0
#include "views/facts.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "views/clock.hpp"

namespace httpdiag::views {

namespace {

const Trail& sender_of(const Joined& flow, Side from) {
  return from == Side::client ? flow.client : flow.server;
}
const Trail& receiver_of(const Joined& flow, Side from) { return sender_of(flow, other(from)); }

/// Bytes that have come in, in whatever order.
class Covered {
 public:
  void add(std::int64_t begin, std::int64_t end) {
    auto at = parts_.upper_bound(begin);
    if (at != parts_.begin() && std::prev(at)->second >= begin) {
      --at;
      begin = at->first;
      end = std::max(end, at->second);
    }
    while (at != parts_.end() && at->first <= end) {
      end = std::max(end, at->second);
      at = parts_.erase(at);
    }
    parts_[begin] = end;
  }
  bool has(std::int64_t begin, std::int64_t end) const {
    const auto at = parts_.upper_bound(begin);
    return at != parts_.begin() && std::prev(at)->second >= end;
  }

 private:
  std::map<std::int64_t, std::int64_t> parts_;
};

/// Where a request lies in its direction.
std::optional<Stretch> place_of(const Joined& flow, const RequestReport& request) {
  std::optional<Stretch> whole;
  for (const Stretch& each : flow.ways[0].sent) {
    const Seen& seen = flow.client.seen[each.seen];
    const PacketNumber number = seen.packet.number;
    if (seen.length == 0 || number < request.first.number || number > request.last.number) continue;
    if (!whole) whole = Stretch{each.seen, each.begin, each.begin};
    whole->begin = std::min(whole->begin, each.begin);
    whole->end = std::max(whole->end, each.begin + seen.length);
  }
  return whole;
}

/// Where the answer begins: where the server's direction stood when the request left.
std::int64_t answer_begin(const Joined& flow, const Stretch& request) {
  return flow.ways[1].position(flow.client.seen[request.seen].ack, 0);
}

/// Another request was under way with it, and whose an answer is cannot be told from numbers.
bool pipelined(const FlowReport& report, const ExchangeReport& exchange) {
  return std::any_of(
      report.exchanges.begin(), report.exchanges.end(), [&](const ExchangeReport& other) {
        const bool earlier = other.index < exchange.index;
        const ExchangeReport& front = earlier ? other : exchange;
        const ExchangeReport& behind = earlier ? exchange : other;
        return other.index != exchange.index &&
               (!front.response || front.response->last.number > behind.request.first.number);
      });
}

void follow_request(RequestFacts& facts, const Joined& flow, const Stretch& place,
                    std::uint64_t head_bytes) {
  facts.request = fates_of(flow, Side::client, [&](const Seen& seen, const Stretch& each) {
    return seen.length > 0 && each.begin < place.end && each.end > place.begin;
  });
  Covered covered;
  for (const Stretch& each : flow.ways[0].got) {
    if (each.begin >= place.end || each.end <= place.begin || each.begin == each.end) continue;
    facts.begun = true;
    covered.add(each.begin, each.end);
    if (!covered.has(place.begin, place.end)) continue;
    facts.arrived = flow.server.seen[each.seen].packet;
    return;
  }
  const auto head = static_cast<std::int64_t>(head_bytes);
  const bool all_told = facts.request.unknown + facts.request.not_recorded == 0;
  facts.half_a_head = all_told && head > 0 && !covered.has(place.begin, place.begin + head);
}

/// Where the final response begins, if the client has it: interim ones (1xx) are in front of it.
std::int64_t response_begin(const Joined& flow, const ExchangeReport& exchange,
                            std::int64_t answer) {
  if (!exchange.response) return answer;
  for (const Stretch& each : flow.ways[1].got) {
    const Seen& seen = flow.client.seen[each.seen];
    if (seen.packet.number == exchange.response->first.number)
      return seen.length > 0 ? std::max(answer, each.begin) : answer;
  }
  return answer;
}

void follow_answer(RequestFacts& facts, const Joined& flow, const Stretch& place,
                   const ExchangeReport& exchange, std::int64_t answer_end) {
  const std::int64_t begin = response_begin(flow, exchange, answer_begin(flow, place));
  const Way& back = flow.ways[1];
  for (std::size_t i = 0; i < back.sent.size(); ++i) {
    const Seen& seen = flow.server.seen[back.sent[i].seen];
    const bool acks = seen.flags.has(TcpFlags::ack) && !seen.is_rst() &&
                      flow.ways[0].position(seen.ack, place.end) >= place.end;
    if (!acks || seen.packet.number < facts.arrived.number) continue;
    if (!facts.acknowledged) facts.acknowledged = seen.packet;
    facts.ack_arrived = facts.ack_arrived || back.fates[i] == Fate::arrived;
  }
  facts.answer = fates_of(flow, Side::server, [&](const Seen& seen, const Stretch& each) {
    return seen.length > 0 && each.end > begin && each.begin < answer_end &&
           seen.packet.number > facts.arrived.number;
  });
}

}  // namespace

Fates fates_of(const Joined& flow, Side from,
               const std::function<bool(const Seen&, const Stretch&)>& wanted) {
  Fates fates;
  const Way& way = flow.ways[index(from)];
  const Trail& trail = sender_of(flow, from);
  for (std::size_t i = 0; i < way.sent.size(); ++i) {
    const Seen& seen = trail.seen[way.sent[i].seen];
    if (!wanted(seen, way.sent[i])) continue;
    fates.all.push_back(seen.packet);
    const PacketRef& there = way.there[i];
    if (there && (!fates.first_there || there.number < fates.first_there.number))
      fates.first_there = there;
    switch (way.fates[i]) {
      case Fate::arrived:
        ++fates.arrived;
        break;
      case Fate::lost:
        fates.lost.push_back(seen.packet);
        break;
      case Fate::in_part:
        ++fates.in_part;
        break;
      case Fate::not_recorded:
        ++fates.not_recorded;
        break;
      case Fate::unknown:
        ++fates.unknown;
        break;
    }
  }
  return fates;
}

std::optional<RequestFacts> measure(const Joined& flow, const FlowReport& report,
                                    const ExchangeReport& exchange) {
  const auto place = place_of(flow, exchange.request);
  if (!place || pipelined(report, exchange)) return std::nullopt;
  RequestFacts facts;
  follow_request(facts, flow, *place, exchange.request.head_bytes);
  if (!facts.arrived) return facts;
  std::int64_t answer_end = std::numeric_limits<std::int64_t>::max();
  for (const ExchangeReport& other : report.exchanges) {
    if (other.index <= exchange.index) continue;
    if (const auto next = place_of(flow, other.request))
      answer_end = std::min(answer_end, answer_begin(flow, *next));
  }
  follow_answer(facts, flow, *place, exchange, answer_end);
  return facts;
}

std::optional<Span> stall_before(const Joined& flow, const PacketRef& fin) {
  constexpr Duration kLong = std::chrono::milliseconds{500};
  const Way& way = flow.ways[index(Side::client)];
  Span stall{fin.time, fin.time};  // the longest time without anything new
  std::optional<Timestamp> last, repeated;
  std::int64_t most = 0;
  for (const Stretch& each : way.sent) {
    const Seen& seen = flow.client.seen[each.seen];
    if (seen.packet.number > fin.number) break;
    if (seen.is_rst() || each.end <= most) continue;
    most = each.end;
    const Timestamp now = seen.packet.time;
    if (last && between(*last, now) > between(stall.begin, stall.end)) stall = {*last, now};
    last = now;
  }
  for (const Stretch& each : way.sent) {
    const Seen& seen = flow.client.seen[each.seen];
    const Timestamp now = seen.packet.time;
    if (!repeated && seen.length > 0 && now > stall.begin && now < stall.end) repeated = now;
  }
  if (!repeated) return std::nullopt;  // its application paused
  // It is over when what was repeated is acknowledged. Earlier ACKs are for what went before.
  std::int64_t acked = 0;
  for (const Seen& seen : flow.client.seen) {
    if (seen.from == Side::client || !seen.flags.has(TcpFlags::ack)) continue;
    const std::int64_t at = way.position(seen.ack, acked);
    if (at <= acked) continue;
    acked = at;
    if (seen.packet.time < *repeated) continue;
    stall.end = std::min(stall.end, seen.packet.time);
    const Duration length = between(stall.begin, stall.end);
    const bool just_before =
        seen.packet.time <= fin.time && between(stall.end, fin.time) <= length / 10;
    return length >= kLong && just_before ? std::optional{stall} : std::nullopt;
  }
  return std::nullopt;
}

std::optional<Ending> ending_of(const Joined& flow, Side from, std::uint8_t flag,
                                const std::vector<Evidence>& seen) {
  const Way& way = flow.ways[index(from)];
  const Trail& receiver = receiver_of(flow, from);
  const Trail& sender = sender_of(flow, from);
  std::optional<Ending> found;
  for (std::size_t i = 0; i < way.got.size() && !found; ++i) {
    const Seen& got = receiver.seen[way.got[i].seen];
    if (!got.flags.has(flag)) continue;
    const bool meant = std::any_of(seen.begin(), seen.end(), [&](const Evidence& evidence) {
      return evidence.packet.number == got.packet.number;
    });
    if (!seen.empty() && !meant) continue;
    found = Ending{got.packet, {}};
    if (way.not_sent[i]) break;
    for (std::size_t k = 0; k < way.sent.size(); ++k) {
      if (sender.seen[way.sent[k].seen].flags.has(flag) && way.there[k].number == got.packet.number)
        found->sent = sender.seen[way.sent[k].seen].packet;
    }
    // It was sent, or nobody can say: no accusation follows from that.
    if (!found->sent) return std::nullopt;
  }
  return found;
}

bool incomplete(const Joined& flow, Side sender) {
  const Way& way = flow.ways[index(sender)];
  const Trail& receiver = receiver_of(flow, sender);
  for (std::size_t i = 0; i < way.got.size(); ++i) {
    const Seen& got = receiver.seen[way.got[i].seen];
    if (way.not_sent[i] && !got.is_rst() && !got.flags.has(TcpFlags::fin)) return true;
  }
  return false;
}

}  // namespace httpdiag::views
