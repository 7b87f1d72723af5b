// SPDX-License-Identifier: Apache-2.0
#include "shard/recorder.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/happy_eyeballs.hpp"
#include "base/hash.hpp"
#include "shard/blocks.hpp"
#include "shard/fields.hpp"
#include "shard/fingerprint.hpp"
#include "shard/open_flows.hpp"

namespace httpdiag::shard {
namespace {

std::uint64_t hash_of(const Endpoint& end) {
  std::array<std::uint64_t, 3> words{0, 0, end.port};
  std::memcpy(words.data(), end.ip.bytes.data(), end.ip.bytes.size());
  return base::hash64(std::as_bytes(std::span{words}));
}

}  // namespace

bool belongs_to(const Shard& shard, const FlowRecord& flow) {
  if (shard.count == 1) return true;
  // The sum is the same from either side; the multiplication mixes it once more.
  const std::uint64_t sum = hash_of(flow.client) + hash_of(flow.server) + flow.network;
  return (sum * 0x9e3779b97f4a7c15 >> 32) % shard.count == shard.index;
}

bool is_everybodys(const FlowRecord& flow) {
  constexpr std::uint16_t kDomain = 53;
  return flow.client.port == kDomain || flow.server.port == kDomain;
}

template <typename... Values>
void Recorder::write(Event event, const Values&... values) {
  encoder_.number(moment_.packet - written_.packet);
  encoder_.number(moment_.step - (moment_.packet == written_.packet ? written_.step : 0));
  written_ = moment_;
  encoder_.number(static_cast<std::uint64_t>(event));
  encoder_(values...);
  if (encoder_.size() >= kBlockBytes) flush();
}

void Recorder::flush() {
  if (encoder_.size() == 0) return;
  out_.events.add(deflated(encoder_.take()));
  encoder_.restart();
  written_ = {};
}

void Recorder::on_packet(PacketRef packet) {
  write_packet();
  moment_ = {packet.number, 0};
  if (!begin_) begin_ = packet.time;
  packet_ = packet;
}

/// With what it began, once that is known.
void Recorder::write_packet() {
  if (!packet_ || !first()) return;
  packets_.add(packet_, std::exchange(occasions_, {}));
}

void Recorder::forget_open() {
  ++moment_.step;
  if (first()) write(Event::forget_open);
}

void Recorder::on_all_end(Event why, Timestamp now) {
  ++moment_.step;  // what the last packet brought about is not of the ends
  if (first()) write(why, now);
}

void Recorder::on_pause(Timestamp until) {
  ++moment_.step;
  if (first()) write(Event::pause, until);
}

void Recorder::on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                           Timestamp now) {
  if (!own(flow)) return;
  write(Event::exchange, flow, exchange, settled, now);
  next_.exchanges.on_exchange(flow, exchange, settled, now);
}

void Recorder::on_stray(const FlowRecord& flow, const Stray& stray) {
  if (!own(flow)) return;
  write(Event::stray, flow.id, stray);
  next_.exchanges.on_stray(flow, stray);
}

void Recorder::on_tls_server(const Endpoint& server) {
  write(Event::tls_server, server);
  next_.tls.on_tls_server(server);
}

void Recorder::on_tls(const FlowRecord& flow, std::shared_ptr<const TlsSession> session) {
  if (!own(flow)) return;
  write(Event::tls, flow.id, session);
  next_.tls.on_tls(flow, std::move(session));
}

void Recorder::on_message(const DnsMessage& message) {
  if (first()) write(Event::message, message);
  next_.messages.on_message(message);
}

void Recorder::on_name(const IpAddress& address, const std::string& name) {
  if (first()) write(Event::name, address, name);
  next_.messages.on_name(address, name);
}

void Recorder::on_begin(FlowId flow, const Segment& segment, bool again) {
  if (!first()) return;
  const bool syn =
      segment.flags.has(TcpFlags::syn) && !segment.flags.has(TcpFlags::ack | TcpFlags::rst);
  occasions_.begins.push_back(
      {flow, segment.source, segment.destination, segment.tunnel.network, segment.seq, syn, again});
}

// It may take the place of one of the capture before that was refused there (RFC 8305), or is here.
void Recorder::on_attempt(FlowId flow, const Endpoint& server, Timestamp now) {
  ++attempts_;
  const Duration most = settings_.thresholds.happy_eyeballs;
  const bool early = now - *begin_ <= std::max(most, base::kMostBetweenAttempts);
  const bool behind_error = unrelated_ && now - *unrelated_ <= most;
  // Not all of a flood.
  constexpr std::size_t kMostTold = 4096;
  if (!first() || (!early && !behind_error) || told_attempts_.size() == kMostTold) return;
  write(Event::attempt, flow, server, now, attempts_);
  told_attempts_.insert(flow);
}

void Recorder::on_connected(FlowId flow) {
  if (told_attempts_.erase(flow) != 0) write(Event::connected, flow);
}

void Recorder::on_unrelated(const IcmpError& error) {
  unrelated_ = error.packet.time;
  if (first()) occasions_.unrelated.push_back({error, attempts_});
}

void Recorder::on_let_go(const Waited& waited) {
  ++moment_.step;
  waited_ = waited;
}

void Recorder::on_open(const FlowRecord& flow) {
  if (own(flow)) {
    write(Event::open, flow);
    next_.flows.on_open(flow);
  }
  ++moment_.step;
}

void Recorder::on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) {
  if (const auto at = first() ? refused_at(flow) : std::nullopt)
    occasions_.refusals.push_back({flow.server, flow.first.time, *at});
  if (own(flow)) {
    write(Event::flow, flow, cause, now, waited_);
    next_.flows.on_flow(flow, cause, now);
  }
  ++moment_.step;
}

void Recorder::write_places(const PacketPlaces& places, PacketNumber packets) {
  constexpr std::uint64_t kRunsPerBlock = 1u << 16;
  Encoder runs;
  std::uint64_t count = 0;
  const auto flush_runs = [&] {
    if (runs.size() != 0) out_.input.add(deflated(runs.take()));
    count = 0;
  };
  PacketPlace run;
  std::uint64_t length = 0;
  for (PacketNumber number = 1; number <= packets + 1; ++number) {
    const PacketPlace place = number > packets ? PacketPlace{} : places.place(number);
    const bool goes_on = number <= packets && length != 0 && place.file == run.file &&
                         place.number == run.number + length;
    if (goes_on) {
      ++length;
      continue;
    }
    if (length != 0) runs(run.file, run.number, length);
    if (++count == kRunsPerBlock) flush_runs();
    run = place;
    length = 1;
  }
  flush_runs();
}

void Recorder::finish(const CaptureSummary& input, const Ledger& ledger) {
  write_packet();
  packets_.flush();
  flush();
  Encoder whole;
  whole(kVersion, input, ledger, input.places != nullptr);
  const std::string bytes = whole.take();
  out_.input.add(deflated(bytes));
  if (input.places) write_places(*input.places, ledger.packets);
  out_.shard = shard_;
  out_.fingerprint = fingerprint(settings_, bytes);
}

}  // namespace httpdiag::shard
