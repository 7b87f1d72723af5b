// SPDX-License-Identifier: Apache-2.0
// Captures, shards of them, and two of the same traffic: each through the pipeline.
#include <memory>

#include "analysis/pipeline.hpp"
#include "analysis/wire_order.hpp"
#include "httpdiag/analysis.hpp"
#include "rules/headline.hpp"
#include "shard/player.hpp"

namespace httpdiag {
namespace {

using analysis::FlowSplitter;
using analysis::Pipeline;

/// Reads the source to its end.
Report run(PacketSource& source, const Settings& settings, FlowReportSink& flows,
           ProgressSink* progress, const Query& query, const analysis::Beside& beside = {}) {
  constexpr std::uint64_t kProgressEvery = 1u << 16;
  const Limits& limits = settings.limits;
  Ledger ledger;
  Pipeline pipeline{settings, flows, ledger, query, beside};
  std::uint64_t told = 0;
  std::uint64_t holes = 0;
  std::size_t borders = 0;
  std::size_t names = 0;
  source.sort_by({limits.sort_window, limits.sort_packets, analysis::WireOrderReader{limits}});
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
    for (; borders < input.borders.size(); ++borders) {
      const CaptureBorder& border = input.borders[borders];
      if (!border.ordinary) pipeline.on_pause(border.last.time);
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
bool ShardSet::may_cut_flows() const { return impl_->player.may_cut_flows(); }
std::uint64_t ShardSet::cut_flows() const { return impl_->player.cut_flows(); }

/// The end of the pipeline alone: what is in front of the rules has been done in the shards.
Report ShardSet::analyze(const Settings& settings, FlowReportSink& flows, const Query& query) {
  shard::Player& player = impl_->player;
  delivery::Collector deliveries{settings};
  legs::Joiner legs{settings, flows, deliveries};
  rules::Engine rules{settings, legs, legs};
  analysis::Search search{rules, query};
  dns::Names names{settings, rules};
  FlowSplitter ended{names, rules};
  rules.use(names.table());
  rules.use(player.summary());
  player.play({search, ended, rules, names},
              {[&](PacketRef packet) {
                 rules.on_packet(packet);
                 names.on_packet(packet);
               },
               [&] { rules.forget_open(); }, [&](Timestamp now) { names.settle(now); }});
  names.finish();
  Report report = rules.finish(player.summary(), player.ledger());
  legs.finish(report);
  deliveries.finish(report);
  report.headline = rules::headline(report);
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
  // Filters choose among the client's connections. At the server these may have other addresses,
  // ports and times.
  const Report server =
      run(ends.server_, at_server, joiner.reports(Side::server), progress, query.of_exchanges(),
          {.trail = &joiner.record(Side::server, client.ledger.packets)});
  ends.complete();
  Report report = joiner.join(std::move(client), server, ends.summary(),
                              {&ends.client_.summary(), &ends.server_.summary()});
  if (query.selects_packets()) report.views->server_only = 0;
  report.input = &ends.summary();
  add(report.ledger, server.ledger);
  delivery::revise(report.deliveries, report.views->revisions);
  return report;
}

}  // namespace httpdiag
