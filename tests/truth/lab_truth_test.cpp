// SPDX-License-Identifier: Apache-2.0
// Captures of real stacks with hand-checked truth files, beside the checkout in
// ../shared/pcaps/lab. Their words are mapped to our labels in one table.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "support/analyse.hpp"
#include "support/testdata.hpp"

namespace httpdiag {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Words = std::set<std::string>;

const fs::path kLab = fs::path{HTTPDIAG_SOURCE_DIR} / "../shared/pcaps/lab";

// A truth word and the primary labels that say the same. Several where the truth's
// word is wider than ours, or where ours needs a rule of a later release.
const std::map<std::string, Words> kSameAs = {
    {"ok", {"ok", "slow-response", "connection-unused", "payload-opaque"}},
    {"retransmission-recovered", {"ok"}},
    {"waiting-at-capture-end", {"ok", "no-response"}},
    {"cut-by-capture", {"ok", "response-stalled"}},
    {"connect-refused", {"connect-refused"}},
    {"connect-timeout", {"syn-retries-exhausted", "connect-abandoned"}},
    {"connect-rejected-icmp", {"connect-unreachable"}},
    {"handshake-incomplete", {"handshake-not-completed"}},
    {"accept-queue-overflow", {"reset-without-response"}},
    {"no-response-fin", {"closed-without-response"}},
    {"no-response-rst", {"reset-without-response"}},
    {"middle-rst", {"reset-without-response"}},
    {"no-response-timeout", {"client-timeout", "late-response"}},
    {"late-response", {"late-response"}},
    {"stale-connection-reused", {"request-on-half-closed", "keepalive-close-race"}},
    {"request-not-acked", {"request-not-acked", "pmtu-blackhole"}},
    {"pmtu-blackhole", {"pmtu-blackhole"}},
    {"early-response", {"early-response"}},
    {"truncated-response-fin", {"response-truncated-fin"}},
    {"truncated-chunked-fin", {"response-truncated-fin"}},
    {"truncated-response-rst", {"response-truncated-rst"}},
    {"client-abort-mid-response", {"response-aborted-by-client"}},
    {"zero-window-stall", {"zero-window-stall"}},
    {"http-error-status", {"http-client-error", "http-server-error", "http-gateway-error"}},
    {"tunnel-refused", {"proxy-tunnel-refused", "http-client-error", "http-gateway-error"}},
    {"business-fail-ack", {"ack-negative"}},
    {"tls-cert-rejected", {"tls-alert", "tls-handshake-aborted"}},
};

const std::map<std::string, Words> kHandshakes = {
    {"complete", {"complete"}},           {"refused", {"refused"}},
    {"unanswered", {"unanswered"}},       {"rejected-icmp", {"unreachable"}},
    {"synack-not-acked", {"incomplete"}}, {"missing-in-capture", {"not-captured"}},
};

const std::map<std::string, Words> kEnds = {
    {"client-fin", {"client-fin"}},           {"server-fin", {"server-fin"}},
    {"client-rst", {"client-rst"}},           {"server-rst", {"server-rst"}},
    {"middle-rst", {"server-rst"}},           {"open-at-end", {"none"}},
    {"never-opened", {"none", "server-rst"}},
};

/// Our parties by the truth's words. That nobody broke a rule is no accusation either.
std::string side_of(Party party) {
  switch (party) {
    case Party::client_app:
    case Party::client_host:
      return "client";
    case Party::server_app:
    case Party::server_host:
      return "server";
    case Party::network:
      return "network";
    case Party::capture:
      return "capture";
    case Party::none:
    case Party::unknown:
      break;
  }
  return "unknown";
}

/// Who is named for what the flow is called by, or, where nothing went wrong, beside it.
Words accused(const FlowReport& flow) {
  Words sides;
  const auto take = [&](const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      if (flow.label == Label::ok || finding.label == flow.label)
        sides.insert(side_of(finding.fault.party));
    }
  };
  take(flow.findings);
  for (const ExchangeReport& exchange : flow.exchanges) take(exchange.findings);
  if (flow.label == Label::ok || sides.empty()) sides.insert("unknown");
  return sides;
}

void expect_fault(const json& truth, const FlowReport& ours) {
  if (truth["failure"].is_null() || truth["fault"].is_null()) return;
  Words right{truth["fault"].get<std::string>()};
  if (truth.contains("fault_acceptable")) {
    for (const auto& word : truth["fault_acceptable"]) right.insert(word.get<std::string>());
  }
  const Words sides = accused(ours);
  EXPECT_TRUE(std::any_of(sides.begin(), sides.end(),
                          [&](const std::string& side) { return right.contains(side); }))
      << "truth says " << truth["fault"] << ", we say " << *sides.begin();
}

bool in(const std::map<std::string, Words>& table, const std::string& word,
        const std::string& ours) {
  const auto row = table.find(word);
  return row != table.end() && row->second.contains(ours);
}

/// As the file counts its packets; analysis takes them in the order of their times.
PacketNumber in_file(const CaptureSummary& input, const PacketRef& packet) {
  return place_of(&input, packet.number).number;
}

void expect_exchange(const json& truth, const ExchangeReport& ours, const std::string& where,
                     const CaptureSummary& input) {
  SCOPED_TRACE(where + "." + std::to_string(ours.index));
  const std::string target = truth["target"];
  EXPECT_EQ(ours.request.method, truth["method"]);
  EXPECT_EQ(ours.request.target, target);
  EXPECT_EQ(ours.request.state == MessageState::complete, truth["request_complete"]);
  EXPECT_EQ(in_file(input, ours.request.first), truth["request_packets"][0]);
  EXPECT_EQ(in_file(input, ours.request.last), truth["request_packets"][1]);
  EXPECT_EQ(ours.response.has_value(), !truth["response_status"].is_null());
  if (ours.response && !truth["response_status"].is_null()) {
    EXPECT_EQ(ours.response->status, truth["response_status"]);
    EXPECT_EQ(ours.response->state == MessageState::complete, truth["response_complete"]);
    EXPECT_EQ(in_file(input, ours.response->first), truth["response_packets"][0]);
    EXPECT_EQ(in_file(input, ours.response->last), truth["response_packets"][1]);
  }
  const std::string outcome = truth["outcome"];
  const std::string label{info(ours.label).id};
  // A page of HTML where a token was due: "a tool may call this suspicious only".
  const bool suspicious = truth.value("body_note", "").find("suspicious only") != std::string::npos;
  EXPECT_TRUE(in(kSameAs, outcome, label) || (suspicious && label == "ok"))
      << "truth says " << outcome << ", we say " << label;
}

void expect_flow(const json& truth, const FlowReport& ours, const CaptureSummary& input) {
  const std::string where = std::to_string(static_cast<std::uint32_t>(ours.id));
  SCOPED_TRACE("flow " + where);
  EXPECT_EQ(to_string(ours.client), truth["client"]);
  EXPECT_EQ(to_string(ours.server), truth["server"]);
  EXPECT_TRUE(in(kHandshakes, truth["handshake"], std::string{name(ours.handshake)}))
      << name(ours.handshake);
  EXPECT_TRUE(in(kEnds, truth["close"], std::string{name(ours.ended_by)}))
      << truth["close"] << " " << name(ours.ended_by);
  EXPECT_EQ(in_file(input, ours.first), truth["first_packet"]);
  // The truth has the highest number, which is not the last time where records were written late.
  if (input.reordered == 0) {
    EXPECT_EQ(in_file(input, ours.last), truth["last_packet"]);
  } else {
    EXPECT_LE(in_file(input, ours.last), truth["last_packet"]);
  }

  const std::string failure =
      truth["failure"].is_null() ? "ok" : truth["failure"].get<std::string>();
  const std::string label{info(ours.label).id};
  EXPECT_TRUE(in(kSameAs, failure, label)) << "truth says " << failure << ", we say " << label;
  for (const auto& word : truth["must_not_say"]) {
    const std::string wrong = word;
    if (in(kSameAs, failure, label) || !kSameAs.contains(wrong)) continue;
    EXPECT_FALSE(in(kSameAs, wrong, label)) << "must not say " << wrong;
  }
  expect_fault(truth, ours);
  if (truth["severity"] == "ok") {
    EXPECT_LT(ours.severity, Severity::error) << label;
  }
  ASSERT_EQ(ours.exchanges.size(), truth["exchanges"].size());
  for (std::size_t i = 0; i < ours.exchanges.size(); ++i)
    expect_exchange(truth["exchanges"][i], ours.exchanges[i], where, input);
}

class LabTruth : public testing::TestWithParam<std::string> {};

TEST_P(LabTruth, AgreesWithThePackets) {
  if (GetParam() == "none") GTEST_SKIP() << kLab << " is not here";
  const fs::path folder = kLab / GetParam();
  const json truth = json::parse(std::ifstream{folder / "truth.json"});
  const auto source = open_capture(folder / truth["capture"]["files"][0].get<std::string>(), {});
  const auto analysed = test::analyse(*source);
  EXPECT_EQ(analysed.report.ledger.packets, truth["capture"]["packets"]);
  // Most of them cannot be told: two neighbours without routers or delay between them.
  const Vantage& vantage = analysed.report.vantage;
  if (vantage.point != VantagePoint::unknown) {
    EXPECT_EQ(name(vantage.point), truth["vantage"]) << vantage.because.front();
  }
  const json& flows = truth["connections"];
  ASSERT_EQ(analysed.flows.size(), flows.size());
  for (std::size_t i = 0; i < flows.size(); ++i)
    expect_flow(flows[i], analysed.flows[i], source->summary());
}

std::vector<std::string> scenarios() {
  return test::stems(
      test::entries(kLab, [](const fs::path& path) { return fs::exists(path / "truth.json"); }));
}

INSTANTIATE_TEST_SUITE_P(Lab, LabTruth, testing::ValuesIn(scenarios()),
                         [](const auto& tested) { return test::test_name(tested.param); });

}  // namespace
}  // namespace httpdiag
