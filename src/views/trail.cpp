// SPDX-License-Identifier: Apache-2.0
#include "views/trail.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"

namespace httpdiag::views {

namespace {

constexpr std::size_t kHead = 16;  // captures with short snapshot lengths have that much, too

std::uint32_t short_hash(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(base::hash64(bytes)) | 1;
}

Seen seen(const Segment& segment, PacketNumber before) {
  Seen seen{.packet = {before + segment.packet.number, segment.packet.time},
            .seq = segment.seq,
            .ack = segment.flags.has(TcpFlags::ack) ? segment.ack : 0,
            .length = segment.payload_length,
            .ip_id = segment.ip_id,
            .ttl = segment.ttl,
            .flags = segment.flags};
  if (!segment.options.empty()) seen.options = short_hash(segment.options);
  const auto payload = segment.payload;
  if (payload.empty()) return seen;
  if (payload.size() >= kHead) seen.head = short_hash(payload.first(kHead));
  if (payload.size() == segment.payload_length) seen.content = short_hash(payload);
  return seen;
}

}  // namespace

Recorder::Ends Recorder::ends_of(const Endpoint& a, const Endpoint& b, std::uint32_t network) {
  return a < b ? Ends{a, b, network} : Ends{b, a, network};
}

void Recorder::on_segment(const Segment& segment) {
  const Ends ends = ends_of(segment.source, segment.destination, segment.tunnel.network);
  auto open = open_.find(ends);
  if (open == open_.end()) {
    if (packets_left_ == 0 || open_.size() >= flows_left_) return;
    open = open_.emplace(ends, Open{}).first;
  }
  Open& trail = open->second;
  if (packets_left_ == 0) trail.whole = false;
  if (!trail.whole) return;
  --packets_left_;
  trail.seen.push_back(seen(segment, before_));
  const bool lower = segment.source == std::get<0>(ends);
  trail.seen.back().from = lower ? Side::client : Side::server;
  const Seen& last = trail.seen.back();
  if (last.is_rst() || last.flags.has(TcpFlags::fin)) endings_.insert(ending_key(last));
}

void Recorder::on_flow(const FlowRecord& flow, EndCause, Timestamp) {
  auto open = open_.find(ends_of(flow.client, flow.server, flow.network));
  if (open == open_.end()) {
    const FlowTrouble& trouble = flow.trouble();
    if (trouble.translated_server.port != 0) {
      open =
          open_.find(ends_of(trouble.translated_client, trouble.translated_server, flow.network));
    }
  }
  if (open == open_.end() || flows_left_ == 0) {
    ++dropped_;
    if (open != open_.end()) open_.erase(open);
    return;
  }
  const bool client_is_lower = flow.client == std::get<0>(open->first);
  Trail trail;
  trail.flow = flow.id;
  trail.client = flow.client;
  trail.server = flow.server;
  trail.first = {before_ + flow.first.number, flow.first.time};
  trail.last = {before_ + flow.last.number, flow.last.time};
  trail.seen = std::move(open->second.seen);
  trail.whole = open->second.whole;
  open_.erase(open);
  for (Seen& each : trail.seen) {
    if (!client_is_lower) each.from = other(each.from);
    const bool acks = each.flags.has(TcpFlags::ack);
    if (!each.flags.has(TcpFlags::syn) || acks != (each.from == Side::server)) continue;
    const std::size_t side = index(each.from);
    if (!trail.began[side]) trail.isn[side] = each.seq;
    trail.began[side] = true;
  }
  trail.seen.shrink_to_fit();
  --flows_left_;
  trails_.push_back(std::move(trail));
}

}  // namespace httpdiag::views
