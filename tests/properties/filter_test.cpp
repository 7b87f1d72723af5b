// SPDX-License-Identifier: Apache-2.0
// A filter that leaves a connection whole leaves its verdict as it was: what it left out still
// shows how long the capture went on.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

Outcome analyse(const Recording& recording, const Query& query) {
  Replay source{recording};
  Collector collector;
  Outcome outcome;
  outcome.report = httpdiag::analyze(source, Settings{}, collector, nullptr, query);
  outcome.report.input = nullptr;
  outcome.flows = std::move(collector.flows);
  return outcome;
}

/// "2 no-response 2.1 no-response", without the number of the flow.
std::string verdict(const FlowReport& flow) {
  std::string text{info(flow.label).id};
  for (const ExchangeReport& each : flow.exchanges)
    text += " " + std::to_string(each.index) + " " + std::string{info(each.label).id};
  return text;
}

/// What other connections show of a port, a direction or a client's second try is gone with them.
constexpr std::array<std::string_view, 4> kExplainedByOthers = {
    "no-response--payload-only-own-connection", "not-connect-abandoned--one-way-capture",
    "ok--happy-eyeballs-dropped-at-the-end", "tls-plaintext-mismatch--http-to-tls"};

TEST(FilterProperty, AConnectionThatIsLeftWholeKeepsItsVerdict) {
  std::size_t compared = 0;
  for (const Recording& recording : recordings()) {
    if (std::ranges::count(kExplainedByOthers, recording.name) != 0) continue;
    const Outcome whole = test::analyse(recording);
    if (whole.flows.size() < 2) continue;
    std::map<std::uint16_t, std::size_t> users;
    for (const FlowReport& flow : whole.flows) {
      ++users[flow.client.port];
      ++users[flow.server.port];
      if (flow.translated) ++users[flow.client.port];
    }
    for (const FlowReport& flow : whole.flows) {
      if (users[flow.client.port] != 1) continue;
      Query query;
      query.ports = {flow.client.port};
      const Outcome alone = analyse(recording, query);
      EXPECT_EQ(faults_of(alone), "") << recording.name;
      ASSERT_EQ(alone.flows.size(), 1) << recording.name;
      EXPECT_EQ(verdict(alone.flows[0]), verdict(flow)) << recording.name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 100);
}

}  // namespace
}  // namespace httpdiag::test
