// SPDX-License-Identifier: Apache-2.0
// The captures of the laboratory (docs/lab.md): what each truth.json says, the program says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "support/analyse.hpp"
#include "support/testdata.hpp"

namespace httpdiag {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Words = std::vector<std::string>;

/// Tests run in testdata/; what the laboratory has made anew may be elsewhere.
fs::path folder_of_captures() {
  const char* elsewhere = std::getenv("HTTPDIAG_LAB_CAPTURES");
  return elsewhere == nullptr ? "pcaps/lab" : elsewhere;
}
const fs::path kCaptures = folder_of_captures();

std::string id(Label label) { return std::string{info(label).id}; }

bool among(const json& words, std::string_view word) {
  return std::any_of(words.begin(), words.end(), [&](const json& each) { return each == word; });
}

std::string address_of(const Endpoint& endpoint) {
  std::string text = to_string(endpoint);
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });  // tshark has none
  return text;
}

Words carried(const ExchangeReport& exchange) {
  Words words{id(exchange.label)};
  for (const Label label : exchange.labels) words.push_back(id(label));
  return words;
}

/// A flow's own and those of its exchanges.
Words carried(const FlowReport& flow) {
  Words words{id(flow.label)};
  for (const Label label : flow.labels) words.push_back(id(label));
  for (const ExchangeReport& exchange : flow.exchanges) {
    for (std::string& word : carried(exchange)) words.push_back(std::move(word));
  }
  return words;
}

/// What a flow and an exchange have in common.
template <typename Subject>
void expect_verdict(const json& truth, const Subject& ours, const json& nowhere) {
  EXPECT_TRUE(among(truth["label"], id(ours.label))) << "says " << id(ours.label);
  const Words words = carried(ours);
  for (const std::string label : truth["also"]) {
    EXPECT_NE(std::find(words.begin(), words.end(), label), words.end()) << "lacks " << label;
  }
  for (const std::string& word : words) {
    EXPECT_FALSE(among(truth["never"], word) || among(nowhere, word)) << "must not say " << word;
  }
  const auto primary = std::find_if(ours.findings.begin(), ours.findings.end(),
                                    [&](const Finding& f) { return f.label == ours.label; });
  if (!truth["fault"].empty() && primary != ours.findings.end()) {
    EXPECT_TRUE(among(truth["fault"], name(primary->fault.party)))
        << "blames " << name(primary->fault.party);
  }
}

void expect_exchange(const json& truth, const ExchangeReport& ours, const json& nowhere) {
  EXPECT_EQ(ours.request.method, truth["method"]);
  EXPECT_EQ(ours.request.target, truth["target"]);
  EXPECT_EQ(ours.response ? json(ours.response->status) : json(nullptr), truth["status"]);
  if (truth.contains("retry")) {
    EXPECT_EQ(name(ours.retry), truth["retry"]);
  }
  expect_verdict(truth, ours, nowhere);
}

void expect_flow(const json& truth, const FlowReport& ours, const json& nowhere) {
  EXPECT_EQ(address_of(ours.client), truth["client"]);
  EXPECT_EQ(address_of(ours.server), truth["server"]);
  EXPECT_EQ(ours.first.number, truth["first_packet"]);
  if (truth.contains("last_packet")) {
    EXPECT_EQ(ours.last.number, truth["last_packet"]);
  }
  if (truth.contains("worst")) {
    const json severities = {"ok", "info", "warning", "error"};
    const auto limit = std::find(severities.begin(), severities.end(), truth["worst"]);
    EXPECT_LE(static_cast<std::ptrdiff_t>(ours.worst), limit - severities.begin())
        << "worst is " << name(ours.worst);
  }
  expect_verdict(truth, ours, nowhere);
  ASSERT_EQ(ours.exchanges.size(), truth["exchanges"].size());
  for (std::size_t i = 0; i < ours.exchanges.size(); ++i) {
    SCOPED_TRACE("exchange " + std::to_string(ours.exchanges[i].index));
    expect_exchange(truth["exchanges"][i], ours.exchanges[i], nowhere);
  }
}

std::string place(FlowId flow, std::uint32_t exchange) {
  const std::string number = std::to_string(static_cast<std::uint32_t>(flow));
  return exchange == 0 ? number : number + "." + std::to_string(exchange);
}

/// The places of attempts or legs.
template <typename Parts>
Words places(const Parts& parts) {
  Words all;
  for (const auto& part : parts) all.push_back(place(part.flow, part.exchange));
  return all;
}

void expect_delivery(const json& truth, const Deliveries& ours) {
  const auto attempts = truth["attempts"].get<Words>();
  const auto found = std::find_if(ours.list.begin(), ours.list.end(), [&](const Delivery& each) {
    return places(each.attempts) == attempts;
  });
  ASSERT_NE(found, ours.list.end()) << "no delivery has the attempts " << truth["attempts"];
  EXPECT_EQ(name(found->verdict), truth["verdict"]);
  if (truth.contains("duplicated")) {
    EXPECT_EQ(found->duplicated, truth["duplicated"]);
  }
}

void expect_about_capture(const json& truth, const Report& ours) {
  Words findings;
  for (const Finding& finding : ours.findings) findings.push_back(id(finding.label));
  for (const std::string label : truth["capture_labels"]) {
    EXPECT_NE(std::find(findings.begin(), findings.end(), label), findings.end())
        << "lacks " << label;
  }
  for (const std::string& word : findings) {
    EXPECT_FALSE(among(truth["never"], word)) << "must not say " << word;
  }
  for (const json& delivery : truth["deliveries"]) expect_delivery(delivery, ours.deliveries);
  for (const Delivery& each : ours.deliveries.list) {
    const auto attempts = places(each.attempts);
    const json& told = truth["deliveries"];
    EXPECT_TRUE(!each.duplicated ||
                std::any_of(told.begin(), told.end(),
                            [&](const json& delivery) { return delivery["attempts"] == attempts; }))
        << "must not say that what came with exchange " << attempts.front() << " came twice";
  }
  for (const json& chain : truth["chains"]) {
    const auto legs = chain.get<Words>();
    EXPECT_TRUE(std::any_of(ours.chains.list.begin(), ours.chains.list.end(),
                            [&](const Chain& each) { return places(each.legs) == legs; }))
        << "no request has the legs " << chain;
  }
  // What the program does not dare to say is no error.
  if (ours.vantage.point != VantagePoint::unknown) {
    EXPECT_EQ(name(ours.vantage.point), truth["vantage"]);
  }
}

class CapturesTruth : public testing::TestWithParam<std::string> {};

TEST_P(CapturesTruth, IsSaid) {
  ASSERT_NE(GetParam(), "none") << kCaptures << " holds no captures";
  const fs::path folder = kCaptures / GetParam();
  const json truth = json::parse(std::ifstream{folder / "truth.json"});
  const std::string file = truth["capture"]["file"];
  const auto analysed = test::analyse_file(folder / file);

  EXPECT_EQ(analysed.report.ledger.packets, truth["capture"]["packets"]);
  const json& flows = truth["flows"];
  ASSERT_EQ(analysed.flows.size(), flows.size());
  for (std::size_t i = 0; i < flows.size(); ++i) {
    SCOPED_TRACE("flow " + std::to_string(i + 1));
    expect_flow(flows[i], analysed.flows[i], truth["never"]);
  }
  expect_about_capture(truth, analysed.report);
}

/// A misspelt label in a truth file would never be found missing.
TEST_P(CapturesTruth, NamesLabelsThatExist) {
  const json truth = json::parse(std::ifstream{kCaptures / GetParam() / "truth.json"});
  std::vector<json> lists{truth["never"], truth["capture_labels"]};
  for (const json& flow : truth["flows"]) {
    for (const char* key : {"label", "also", "never"}) lists.push_back(flow[key]);
    for (const json& exchange : flow["exchanges"]) {
      for (const char* key : {"label", "also", "never"}) lists.push_back(exchange[key]);
    }
  }
  for (const json& list : lists) {
    for (const std::string label : list) EXPECT_NE(find_rule(label), nullptr) << label;
  }
}

std::vector<std::string> captures() {
  return test::stems(test::entries(
      kCaptures, [](const fs::path& path) { return fs::exists(path / "truth.json"); }));
}

/// Every label is in the truth of a capture, or docs/lab.md says why not.
TEST(CapturesTruthCoverage, EveryLabelHasACaptureOrAReason) {
  std::set<std::string> seen;
  const auto take = [&](const json& list) {
    for (const std::string label : list) seen.insert(label);
  };
  for (const std::string& name : captures()) {
    const json truth = json::parse(std::ifstream{kCaptures / name / "truth.json"});
    take(truth["capture_labels"]);
    for (const json& flow : truth["flows"]) {
      if (flow["label"].size() == 1) take(flow["label"]);
      take(flow["also"]);
    }
  }
  std::string reasons = test::read_file(fs::path{HTTPDIAG_SOURCE_DIR} / "docs/lab.md");
  reasons.erase(0, reasons.find("## Labels without a capture"));
  for (const RuleInfo& rule : rule_catalog()) {
    const std::string label{rule.id};
    const bool excused = reasons.find("| `" + label + "` |") != std::string::npos;
    EXPECT_NE(seen.contains(label), excused) << label;
  }
}

INSTANTIATE_TEST_SUITE_P(Lab, CapturesTruth, testing::ValuesIn(captures()),
                         [](const auto& tested) { return test::test_name(tested.param); });

}  // namespace
}  // namespace httpdiag
