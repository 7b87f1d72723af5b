// SPDX-License-Identifier: Apache-2.0
// Captures from public repositories with hand-checked truth files, beside the
// checkout in ../shared/pcaps/public.
#include <gtest/gtest.h>

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

const fs::path kPublic = fs::path{HTTPDIAG_SOURCE_DIR} / "../shared/pcaps/public";

const std::map<std::string, Words> kSameAs = {
    {"ok", {"ok", "slow-response"}},
    {"ok-non-http", {"payload-opaque", "ok"}},
    {"ok-after-pmtu-retransmit", {"ok"}},
    {"ok-despite-bogus-reset", {"ok"}},
    {"syn-retry-then-ok", {"ok"}},
    {"unsolicited-response", {"ok"}},  // all requests answered; the annotation says the rest
    {"unused-connection", {"connection-unused"}},
    {"unused-connection-reset", {"connection-unused"}},
    {"closed-by-server-no-data", {"ok", "connection-unused"}},
    {"handshake-incomplete", {"handshake-not-completed", "handshake-client-reset"}},
    {"handshake-syn-not-captured", {"ok", "connection-unused"}},
    {"tail-of-earlier-connection", {"ok"}},
    {"midstream-no-http", {"ok", "payload-opaque"}},
    {"refused", {"connect-refused"}},
    {"syn-unanswered", {"syn-retries-exhausted", "connect-abandoned", "ok"}},
    {"no-response-yet", {"ok", "no-response"}},
    {"response-not-captured", {"ok"}},
    {"client-timeout-no-response", {"client-timeout"}},
    {"request-never-acked", {"request-not-acked"}},
    {"request-on-half-closed-connection", {"request-on-half-closed"}},
    {"closed-without-response", {"closed-without-response"}},
    {"reset-without-response", {"reset-without-response"}},
    {"http-error-status", {"http-client-error", "http-server-error", "http-gateway-error"}},
    {"malformed-response", {"response-malformed"}},
    {"response-truncated-client-abort", {"response-aborted-by-client"}},
    {"response-truncated-server-reset", {"response-truncated-rst"}},
    {"early-response-and-reset", {"early-response"}},
};

/// `input`: late records are sorted in, and the truth counts as the file does.
void expect_pairs(const json& truth, const FlowReport& ours, const CaptureSummary& input) {
  const auto frame = [&](const PacketRef& packet) { return shown_number(&input, packet.number); };
  ASSERT_EQ(ours.exchanges.size(), truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) {
    SCOPED_TRACE("request " + std::to_string(i + 1));
    const json& wanted = truth[i];
    const ExchangeReport& x = ours.exchanges[i];
    EXPECT_EQ(frame(x.request.first), wanted["frame"]);
    EXPECT_EQ(x.request.method, wanted["method"]);
    EXPECT_EQ(x.response.has_value(), !wanted["response_frame"].is_null());
    if (!x.response || wanted["response_frame"].is_null()) continue;
    EXPECT_EQ(frame(x.response->first), wanted["response_frame"]);
    EXPECT_EQ(x.response->status, wanted.value("status", x.response->status));
    EXPECT_EQ(frame(x.response->last),
              wanted.value("response_last_frame", frame(x.response->last)));
  }
}

void expect_flow(const json& truth, const FlowReport& ours, const CaptureSummary& input) {
  SCOPED_TRACE("conversation " + truth["tcp_stream"].dump() + ": " +
               truth["diagnosis"].get<std::string>());
  EXPECT_EQ(to_string(ours.client), truth["client"]);
  EXPECT_EQ(to_string(ours.server), truth["server"]);
  const std::string word = truth["wanted_label"];
  const std::string label{info(ours.label).id};
  const auto row = kSameAs.find(word);
  ASSERT_NE(row, kSameAs.end()) << word;
  EXPECT_TRUE(row->second.contains(label)) << "truth says " << word << ", we say " << label;
  expect_pairs(truth["http"], ours, input);
}

class PublicTruth : public testing::TestWithParam<std::string> {};

TEST_P(PublicTruth, AgreesWithThePackets) {
  if (GetParam() == "none") GTEST_SKIP() << kPublic << " is not here";
  const json truth = json::parse(std::ifstream{kPublic / (GetParam() + ".truth.json")});
  const auto source = open_capture(kPublic / (GetParam() + ".pcap"), {});
  const auto analysed = test::analyse(*source);
  EXPECT_EQ(analysed.report.ledger.packets, truth["packets"]);
  if (GetParam() == "zeek-vlan-collisions") {  // one exchange with three recordings of each packet
    ASSERT_EQ(analysed.flows.size(), 1u);
    EXPECT_EQ(analysed.flows[0].exchanges.size(), 1u);
    EXPECT_EQ(analysed.flows[0].label, Label::ok);
    EXPECT_EQ(analysed.flows[0].sides[0].retransmitted + analysed.flows[0].sides[1].retransmitted,
              0u);
    return;
  }
  json flows = truth["conversations"];
  // Its conversation 13 is the header of a packet that a switch sampled and sent over UDP (sFlow).
  if (GetParam() == "suri-filestore5408-pmtu") flows.erase(flows.size() - 1);
  ASSERT_EQ(analysed.flows.size(), flows.size());
  for (std::size_t i = 0; i < flows.size(); ++i) {
    expect_flow(flows[i], analysed.flows[i], source->summary());
  }
}

INSTANTIATE_TEST_SUITE_P(Public, PublicTruth,
                         testing::ValuesIn(test::stems(test::files(kPublic, ".pcap"))),
                         [](const auto& tested) { return test::test_name(tested.param); });

}  // namespace
}  // namespace httpdiag
