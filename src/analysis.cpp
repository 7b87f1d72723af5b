// SPDX-License-Identifier: Apache-2.0
// The pipeline. Data is pushed left to right; a stage may keep only what its
// limit in Limits allows, so memory does not grow with the capture. The only
// file that includes more than one stage.
#include "httpdiag/analysis.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/byte_reader.hpp"
#include "base/hash.hpp"
#include "capture/bpf.hpp"
#include "decode/decoder.hpp"
#include "decode/plain.hpp"
#include "delivery/collector.hpp"
#include "dns/reader.hpp"
#include "http/pairer.hpp"
#include "httpdiag/shard.hpp"
#include "legs/joiner.hpp"
#include "rules/engine.hpp"
#include "shard/player.hpp"
#include "shard/recorder.hpp"
#include "tcp/tracker.hpp"
#include "tls/reader.hpp"
#include "views/joiner.hpp"

namespace httpdiag {

namespace {

/// What is no HTTP goes to whoever can read it; each passes over the other's flows.
class OpaqueSplitter final : public OpaqueSink {
 public:
  OpaqueSplitter(OpaqueSink& tls, OpaqueSink& dns) : tls_{tls}, dns_{dns} {}
  bool on_opaque(const FlowRecord& flow, std::string_view protocol) override {
    return tls_.on_opaque(flow, protocol) || dns_.on_opaque(flow, protocol);
  }
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override {
    tls_.on_chunk(flow, chunk);
    dns_.on_chunk(flow, chunk);
  }
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override {
    tls_.on_gap(flow, gap);
    dns_.on_gap(flow, gap);
  }
  void on_ack(const FlowRecord& flow, Side side) override {
    tls_.on_ack(flow, side);
    dns_.on_ack(flow, side);
  }
  void on_end(const FlowRecord& flow) override {
    tls_.on_end(flow);
    dns_.on_end(flow);
  }

 private:
  OpaqueSink& tls_;
  OpaqueSink& dns_;
};

/// Flows that ended: names first, so that what failed to resolve finds its connection.
class FlowSplitter final : public FlowSink {
 public:
  FlowSplitter(FlowSink& first, FlowSink& second) : first_{first}, second_{second} {}
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override {
    first_.on_flow(flow, cause, now);
    second_.on_flow(flow, cause, now);
  }

 private:
  FlowSink& first_;
  FlowSink& second_;
};

/// With two captures the trail of a flow is complete before anything else hears of its end.
class FlowTap final : public FlowSink {
 public:
  FlowTap(views::Recorder* recorder, FlowSink& next) : recorder_{recorder}, next_{next} {}
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override {
    if (recorder_ != nullptr) recorder_->on_flow(flow, cause, now);
    next_.on_flow(flow, cause, now);
  }

 private:
  views::Recorder* recorder_;
  FlowSink& next_;
};

/// Marks the exchanges that a query asks for, in what is kept of them.
class Search final : public ExchangeSink {
 public:
  Search(ExchangeSink& next, const Query& query) : next_{next}, query_{query} {}
  void on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                   Timestamp now) override {
    if (query_.selects_exchanges()) exchange.found_in = place_of(exchange);
    next_.on_exchange(flow, exchange, settled, now);
  }
  void on_stray(const FlowRecord& flow, const Stray& stray) override {
    next_.on_stray(flow, stray);
  }

 private:
  std::string_view place_of(const Exchange& exchange) const {
    const Message& q = exchange.request;
    // The second part of a traceparent is what its users know (W3C Trace Context §3.2.2.3).
    const bool named = query_.header_id == q.delivery_id() || query_.header_id == q.trace_id() ||
                       q.trace_id().find("-" + query_.header_id + "-") != std::string_view::npos;
    if (!query_.header_id.empty() && !named) return {};
    if (query_.text.empty()) return "request header";
    const auto holds = [&](std::string_view part) {
      return part.find(query_.text) != std::string_view::npos;
    };
    if (holds(q.method()) || holds(q.start())) return "request line";
    if (holds(q.host()) || holds(q.content_encoding()) || holds(q.delivery_id()) ||
        holds(q.trace_id()) || holds(q.forwarded_for())) {
      return "request header";
    }
    if (holds(q.body_head)) return "request body";
    if (!exchange.response) return {};
    const Message& r = *exchange.response;
    if (holds(r.start())) return "status line";
    if (holds(r.host()) || holds(r.content_encoding())) return "response header";
    return holds(r.body_head) ? "response body" : std::string_view{};
  }

  ExchangeSink& next_;
  const Query& query_;
};

/// What a packet tells of its place among others. Asked only of captures in disorder.
class WireOrderReader {
 public:
  explicit WireOrderReader(const Limits& limits) : limits_{limits} {}

  WireOrder operator()(const Packet& packet) {
    if (!decoder_) decoder_ = std::make_shared<decode::Decoder>(limits_);
    const Decoded& decoded = decoder_->on_packet(packet);
    WireOrder order;
    if (const auto* segment = std::get_if<Segment>(&decoded)) {
      const std::uint32_t flags = std::uint32_t{segment->flags.has(TcpFlags::syn)} +
                                  std::uint32_t{segment->flags.has(TcpFlags::fin)};
      set_ends(order, segment->source, segment->destination);
      order.end = segment->seq + segment->payload_length + flags;
      order.has_content = segment->payload_length + flags > 0;
      order.acknowledges = segment->ack;
      order.has_ack = segment->flags.has(TcpFlags::ack);
    } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
      set_ends(order, error->source, error->destination);  // it comes behind what it quotes
    } else if (const auto* datagram = std::get_if<DnsDatagram>(&decoded)) {
      // Query and answer keep their order.
      set_ends(order, datagram->source, datagram->destination);
      order.has_content = order.has_ack = true;
    }
    return order;
  }

 private:
  static void set_ends(WireOrder& order, const Endpoint& from, const Endpoint& to) {
    order.from = hash(from);
    order.to = hash(to);
  }
  /// Unseeded: what meets by chance keeps the order in which it was recorded.
  static std::uint64_t hash(const Endpoint& end) {
    std::array<std::uint64_t, 3> words{0, 0, end.port};
    std::memcpy(words.data(), end.ip.bytes.data(), end.ip.bytes.size());
    return base::hash64(std::as_bytes(std::span{words})) | 1;
  }

  const Limits& limits_;
  std::shared_ptr<decode::Decoder> decoder_;
};

/// What stands beside the pipeline and is null in a plain run: the state of a shard, or what is
/// kept to be compared with the capture of the other end.
struct Beside {
  Shard shard{};
  ShardState* state = nullptr;
  views::Recorder* trail = nullptr;
};

/// The packets of one batch, decoded and announced to the tracker ahead of their turn where that
/// needs nothing but their own bytes.
class Pipeline {
 public:
  Pipeline(const Settings& settings, FlowReportSink& flows, Ledger& ledger, const Query& query,
           const Beside& beside = {})
      : ledger_{ledger},
        query_{query},
        trail_{beside.trail},
        selects_{trail_ != nullptr || query.selects_ends() || query.from || query.to ||
                 !query.bpf.empty()},
        bpf_{query.bpf},
        decoder_{settings.limits},
        deliveries_{settings},
        legs_{settings, flows, deliveries_},
        rules_{settings, legs_, legs_},
        recorder_{recorder_of(beside, settings, rules_)},
        tls_{settings.limits, judge<TlsSink>()},
        dns_{settings, judge<DnsSink>()},
        opaque_{tls_, dns_},
        search_{judge<ExchangeSink>(), query},
        http_{settings.limits, search_, settings.digest_bodies, &opaque_},
        gate_{beside.shard, http_},
        ended_{dns_, judge<FlowSink>()},
        tap_{trail_, ended_},
        tcp_{settings, ledger, streams(), tap_} {
    rules_.use(dns_.names());
    if (recorder_) recorder_->use(dns_.names());
  }

  void use(const CaptureSummary& input) { rules_.use(input); }

  void on_packets(std::span<const Packet> packets) {
    if (selects_) return select(packets);
    last_ = packets.back().ref.time;
    // How many packets before its turn a flow is fetched: long enough for main memory.
    constexpr std::size_t kAhead = 4;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      plain_[i] = decode::read_plain(packets[i], arrivals_[i].segment);
      if (plain_[i]) tcp_.announce(arrivals_[i]);
    }
    for (std::size_t i = 0; i < std::min(kAhead, packets.size()); ++i) approach(i);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      if (i + kAhead < packets.size()) approach(i + kAhead);
      ++ledger_.packets;
      tell_time(packets[i].ref);
      if (plain_[i]) {
        tcp_.on_segment(arrivals_[i]);
      } else {
        on_packet(packets[i]);
      }
    }
  }

  /// Packets are missing here, nobody knows which: what was open has ended as it does with the
  /// capture, and silence across the hole proves nothing.
  void on_holes(std::uint64_t count) {
    dns_.settle(last_);
    tcp_.finish();
    for (std::uint64_t i = 0; i < count; ++i) {
      rules_.forget_open();
      if (recorder_) recorder_->forget_open();
    }
  }

  void on_name(const HostName& host) {
    IpAddress address;
    if (host.v4) {
      address = IpAddress::v4(base::ByteReader{host.address}.u32());
    } else {
      std::copy(host.address.begin(), host.address.end(),
                std::as_writable_bytes(std::span{address.bytes}).begin());
    }
    dns_.learn(address, host.name);
  }

  Report finish(const CaptureSummary& input) {
    ledger_.bpf_unfit = bpf_.finish();
    dns_.settle(last_);
    tcp_.finish();  // ends every open stream, which flushes http, which feeds rules
    dns_.finish();
    if (recorder_) recorder_->finish(input, ledger_);
    Report report = rules_.finish(input, ledger_);
    legs_.finish(report);
    deliveries_.finish(report);
    return report;
  }

 private:
  static std::optional<shard::Recorder> recorder_of(const Beside& beside, const Settings& settings,
                                                    rules::Engine& rules) {
    if (beside.state == nullptr) return std::nullopt;
    return std::optional<shard::Recorder>{std::in_place, beside.shard, settings,
                                          shard::Sinks{rules, rules, rules, rules}, *beside.state};
  }
  /// The rules, or who stands in front of them.
  template <typename Sink>
  Sink& judge() {
    return recorder_ ? static_cast<Sink&>(*recorder_) : rules_;
  }
  StreamSink& streams() { return recorder_ ? static_cast<StreamSink&>(gate_) : http_; }

  void tell_time(PacketRef packet) {
    rules_.on_packet(packet);
    if (recorder_) recorder_->on_packet(packet);
  }

  void approach(std::size_t i) {
    if (plain_[i]) tcp_.approach(arrivals_[i]);
  }

  /// One by one, and only what was asked for.
  void select(std::span<const Packet> packets) {
    for (const Packet& packet : packets) {
      ++ledger_.packets;
      if (!first_) first_ = packet.ref.time;
      if (in_time(packet.ref.time) && passes_bpf(packet)) {
        last_ = packet.ref.time;
        on_selected(packet);
      } else {
        ++ledger_.filtered;
      }
    }
  }

  bool in_time(Timestamp time) const {
    return (!query_.from || time >= query_.from->at(*first_)) &&
           (!query_.to || time <= query_.to->at(*first_));
  }

  bool passes_bpf(const Packet& packet) {
    if (query_.bpf.empty()) return true;
    if (bpf_.matches(packet)) {
      ++ledger_.passed_bpf;
      return true;
    }
    // As long as nothing passed, the reason may be what the packets are wrapped up in.
    if (ledger_.passed_bpf != 0) return false;
    const auto* segment = std::get_if<Segment>(&decoder_.on_packet(packet));
    if (segment != nullptr && segment->vlan != 0) ++ledger_.filtered_wrapped;
    return false;
  }

  void on_selected(const Packet& packet) {
    if (query_.selects_ends() && !matches(decoder_.on_packet(packet))) {
      ++ledger_.filtered;
      return;
    }
    tell_time(packet.ref);
    query_.selects_ends() ? take(decoder_.last(), packet.ref) : on_packet(packet);
  }

  /// What is neither of a flow nor about one is accounted for as ever.
  bool matches(const Decoded& decoded) const {
    if (const auto* segment = std::get_if<Segment>(&decoded))
      return query_.matches(segment->source, segment->destination);
    if (const auto* error = std::get_if<IcmpError>(&decoded))
      return query_.matches(error->source, error->destination);
    if (const auto* dns = std::get_if<DnsDatagram>(&decoded))
      return query_.matches(dns->source, dns->destination);
    return true;
  }

  void on_packet(const Packet& packet) { take(decoder_.on_packet(packet), packet.ref); }

  void take(const Decoded& decoded, PacketRef packet) {
    if (const auto* segment = std::get_if<Segment>(&decoded)) {
      const std::uint64_t copies = ledger_.duplicates;
      tcp_.on_segment(*segment);
      if (trail_ == nullptr || copies != ledger_.duplicates) return;
      const tcp::Home home = tcp_.home_of(*segment);
      trail_->on_segment(*segment, home.flow, home.source);
    } else if (const auto* error = std::get_if<IcmpError>(&decoded)) {
      tcp_.on_icmp_error(*error);
    } else if (const auto* datagram = std::get_if<DnsDatagram>(&decoded)) {
      ++ledger_.decoded;
      dns_.on_datagram(*datagram);
      tcp_.on_other_packet(packet);
    } else {
      ++ledger_.skipped[static_cast<std::size_t>(std::get<Skip>(decoded))];
      tcp_.on_other_packet(packet);
    }
  }

  Ledger& ledger_;
  const Query& query_;
  views::Recorder* trail_;
  const bool selects_;  // some packets only, or packets one by one
  capture::Bpf bpf_;
  std::optional<Timestamp> first_;  // the first packet's
  decode::Decoder decoder_;         // packet -> segment
  delivery::Collector deliveries_;  // verdict -> delivery
  legs::Joiner legs_;               // verdicts -> chains
  rules::Engine rules_;             // exchange, flow -> findings
  std::optional<shard::Recorder> recorder_;
  tls::Reader tls_;  // what is no HTTP -> handshakes, bursts
  dns::Reader dns_;  // query, answer -> lookup
  OpaqueSplitter opaque_;
  Search search_;
  http::Pairer http_;  // chunk -> message -> exchange
  shard::StreamGate gate_;
  FlowSplitter ended_;
  FlowTap tap_;
  tcp::Tracker tcp_;  // segment -> flow -> chunk
  std::array<tcp::Arrival, PacketSource::kMostPackets> arrivals_;
  std::array<bool, PacketSource::kMostPackets> plain_{};
  Timestamp last_{};  // the capture clock
};

/// Reads the source to its end.
Report run(PacketSource& source, const Settings& settings, FlowReportSink& flows,
           ProgressSink* progress, const Query& query, const Beside& beside = {}) {
  constexpr std::uint64_t kProgressEvery = 1u << 16;
  const Limits& limits = settings.limits;
  Ledger ledger;
  Pipeline pipeline{settings, flows, ledger, query, beside};
  std::uint64_t told = 0;
  std::uint64_t holes = 0;
  std::size_t names = 0;
  source.sort_by({limits.sort_window, limits.sort_packets, WireOrderReader{limits}});
  const CaptureSummary& input = source.summary();
  pipeline.use(input);
  const auto learn_names = [&] {
    for (; names < input.names.size(); ++names) pipeline.on_name(input.names[names]);
  };
  for (auto packets = source.next_packets(); !packets.empty(); packets = source.next_packets()) {
    learn_names();
    if (holes != input.holes) {
      pipeline.on_holes(input.holes - holes);
      holes = input.holes;
    }
    pipeline.on_packets(packets);
    if (progress != nullptr && ledger.packets - told >= kProgressEvery) {
      told = ledger.packets;
      progress->on_progress(told);
    }
  }
  learn_names();
  return pipeline.finish(input);
}

void add(Ledger& ledger, const Ledger& more) {
  ledger.packets += more.packets;
  ledger.decoded += more.decoded;
  ledger.duplicates += more.duplicates;
  ledger.filtered += more.filtered;
  ledger.filtered_wrapped += more.filtered_wrapped;
  ledger.passed_bpf += more.passed_bpf;
  ledger.bpf_unfit.insert(ledger.bpf_unfit.end(), more.bpf_unfit.begin(), more.bpf_unfit.end());
  for (std::size_t i = 0; i < kSkipCount; ++i) ledger.skipped[i] += more.skipped[i];
}

}  // namespace

Report analyze(PacketSource& source, const Settings& settings, FlowReportSink& flows,
               ProgressSink* progress, const Query& query) {
  return run(source, settings, flows, progress, query);
}

Report analyze_shard(PacketSource& source, const Settings& settings, Shard shard,
                     FlowReportSink& flows, ProgressSink* progress, const Query& query,
                     ShardState& state) {
  return run(source, settings, flows, progress, query, {.shard = shard, .state = &state});
}

class ShardSet::Impl {
 public:
  Impl(std::vector<ShardState> states, const Settings& settings)
      : player{std::move(states), settings} {}
  shard::Player player;
};

ShardSet::ShardSet(std::vector<ShardState> states, const Settings& settings)
    : impl_{std::make_unique<Impl>(std::move(states), settings)} {}
ShardSet::~ShardSet() = default;
const CaptureSummary& ShardSet::summary() const { return impl_->player.summary(); }

/// The end of the pipeline alone: what is in front of the rules has been done in the shards.
Report ShardSet::analyze(const Settings& settings, FlowReportSink& flows, const Query& query) {
  shard::Player& player = impl_->player;
  delivery::Collector deliveries{settings};
  legs::Joiner legs{settings, flows, deliveries};
  rules::Engine rules{settings, legs, legs};
  Search search{rules, query};
  rules.use(static_cast<const NameTable&>(player));
  rules.use(player.summary());
  player.play({search, rules, rules, rules},
              {[&](PacketRef packet) { rules.on_packet(packet); }, [&] { rules.forget_open(); }});
  Report report = rules.finish(player.summary(), player.ledger());
  legs.finish(report);
  deliveries.finish(report);
  return report;
}

Report analyze(BothEnds& ends, const Settings& settings, FlowReportSink& flows,
               ProgressSink* progress, const Query& query) {
  views::Joiner joiner{settings, flows};
  Settings at_client = settings, at_server = settings;
  at_client.vantage = VantagePoint::client;
  at_server.vantage = VantagePoint::server;
  at_server.why.reset();
  Report client = run(ends.client_, at_client, joiner.reports(Side::client), progress, query,
                      {.trail = &joiner.record(Side::client, 0)});
  const Report server = run(ends.server_, at_server, joiner.reports(Side::server), progress, query,
                            {.trail = &joiner.record(Side::server, client.ledger.packets)});
  ends.complete();
  Report report = joiner.join(std::move(client), server, ends.summary());
  report.input = &ends.summary();
  add(report.ledger, server.ledger);
  delivery::revise(report.deliveries, report.views->revisions);
  return report;
}

}  // namespace httpdiag
