// SPDX-License-Identifier: Apache-2.0
// The whole analysis over every scenario, held against the expectations in its
// comments; and every label has a scenario where it fires and one where it must not.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "httpdiag/config.hpp"
#include "support/analyse.hpp"
#include "support/expectations.hpp"
#include "support/scenario.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

namespace fs = std::filesystem;
using Kind = Expectation::Kind;

std::string id(Label label) { return std::string{info(label).id}; }

/// A flow or an exchange, as far as they have the same things to say.
struct Verdict {
  Label label = Label::ok;
  const std::vector<Label>* labels = nullptr;
  const std::vector<Finding>* findings = nullptr;

  bool carries(const std::string& word) const {
    const auto is = [&](Label each) { return id(each) == word; };
    return is(label) || std::any_of(labels->begin(), labels->end(), is);
  }
  const Finding* primary() const {
    const auto found = std::find_if(findings->begin(), findings->end(),
                                    [&](const Finding& f) { return f.label == label; });
    return found == findings->end() ? nullptr : &*found;
  }
};

Severity severity_of(const std::string& word) {
  for (const Severity severity : {Severity::ok, Severity::info, Severity::warning}) {
    if (name(severity) == word) return severity;
  }
  ADD_FAILURE() << "no severity that could be a limit: " << word;
  return Severity::error;
}

Verdict verdict(const FlowReport& flow) { return {flow.label, &flow.labels, &flow.findings}; }
Verdict verdict(const ExchangeReport& exchange) {
  return {exchange.label, &exchange.labels, &exchange.findings};
}

Settings settings_of(const std::vector<Expectation>& expectations) {
  for (const Expectation& each : expectations) {
    if (each.kind == Kind::config) return read_config(each.word, "the scenario's config");
  }
  return {};
}

class Scenarios : public testing::TestWithParam<std::string> {
 protected:
  void run(const std::string& pcap, const Settings& settings) {
    const fs::path path = fs::path{testing::TempDir()} / ("scenario-" + GetParam() + ".pcap");
    std::ofstream{path, std::ios::binary} << pcap;
    outcome_ = analyse_file(path, settings);
    fs::remove(path);
  }

  const FlowReport* flow(const Place& place) const {
    const auto found =
        std::find_if(outcome_.flows.begin(), outcome_.flows.end(),
                     [&](const FlowReport& f) { return f.id == FlowId{place.flow}; });
    return found == outcome_.flows.end() ? nullptr : &*found;
  }
  const ExchangeReport* exchange(const Place& place) const {
    const FlowReport* in = flow(place);
    if (in == nullptr) return nullptr;
    const auto found =
        std::find_if(in->exchanges.begin(), in->exchanges.end(),
                     [&](const ExchangeReport& x) { return x.index == place.exchange; });
    return found == in->exchanges.end() ? nullptr : &*found;
  }
  std::optional<Verdict> at(const Place& place) const {
    if (place.exchange != 0) {
      const ExchangeReport* x = exchange(place);
      return x == nullptr ? std::nullopt : std::optional{verdict(*x)};
    }
    const FlowReport* f = flow(place);
    return f == nullptr ? std::nullopt : std::optional{verdict(*f)};
  }

  void check(const Expectation& expected) const;
  void check_annotation(const Expectation& expected) const;
  void check_evidence(const Expectation& expected) const;
  void check_never(const std::string& label) const;
  void check_delivery(const Expectation& expected) const;
  void check_chain(const Expectation& expected) const;
  const Delivery* delivery(const Place& place) const;
  std::string described() const;

  Outcome outcome_;
};

std::string Scenarios::described() const {
  std::string text;
  const auto add = [&](const std::string& name, const Verdict& v) {
    text += "  " + name + ": " + id(v.label);
    for (const Label label : *v.labels) text += " +" + id(label);
    text += '\n';
  };
  for (const FlowReport& f : outcome_.flows) {
    const auto number = static_cast<std::uint32_t>(f.id);
    add(std::to_string(number), verdict(f));
    for (const ExchangeReport& x : f.exchanges)
      add(std::to_string(number) + "." + std::to_string(x.index), verdict(x));
  }
  return text;
}

void Scenarios::check_annotation(const Expectation& expected) const {
  const FlowReport* f = flow(expected.place);
  ASSERT_NE(f, nullptr) << "no such flow";
  bool found = false;
  if (expected.place.exchange == 0) found = verdict(*f).carries(expected.word);
  for (const ExchangeReport& x : f->exchanges) {
    const bool wanted = expected.place.any || x.index == expected.place.exchange;
    found = found || (wanted && verdict(x).carries(expected.word));
  }
  EXPECT_TRUE(found) << "missing: " << expected.word;
}

void Scenarios::check_evidence(const Expectation& expected) const {
  const auto v = at(expected.place);
  ASSERT_TRUE(v) << "no such flow or exchange";
  const Finding* finding = v->primary();
  ASSERT_NE(finding, nullptr) << "the primary label has no finding";
  std::set<PacketNumber> given;
  for (const Evidence& evidence : finding->evidence) given.insert(evidence.packet.number);
  for (const std::uint64_t number : expected.numbers) {
    EXPECT_TRUE(given.contains(number)) << "packet " << number << " is not among the evidence";
  }
}

void Scenarios::check_never(const std::string& label) const {
  const RuleInfo* rule = find_rule(label);
  if (rule == nullptr) return;  // of a later release
  for (const FlowReport& f : outcome_.flows) {
    const auto number = static_cast<std::uint32_t>(f.id);
    EXPECT_FALSE(verdict(f).carries(label)) << "flow " << number << " says " << label;
    for (const ExchangeReport& x : f.exchanges) {
      EXPECT_FALSE(verdict(x).carries(label))
          << "exchange " << number << "." << x.index << " says " << label;
    }
  }
  for (const Finding& finding : outcome_.report.findings)
    EXPECT_NE(id(finding.label), label) << "the capture says it";
}

/// The listed one; a callback that was acknowledged at once is in none.
const Delivery* Scenarios::delivery(const Place& place) const {
  for (const Delivery& candidate : outcome_.report.deliveries.list) {
    for (const Attempt& attempt : candidate.attempts) {
      if (attempt.flow == FlowId{place.flow} && attempt.exchange == place.exchange)
        return &candidate;
    }
  }
  return nullptr;
}

void Scenarios::check_delivery(const Expectation& expected) const {
  const Delivery* listed = delivery(expected.place);
  if (listed == nullptr) {
    const bool plain = expected.word == name(DeliveryVerdict::acknowledged);
    EXPECT_TRUE(plain) << "no delivery has this attempt";
    EXPECT_GT(outcome_.report.deliveries.verdicts[0], 0u);
    return;
  }
  if (expected.kind == Kind::delivery) {
    EXPECT_EQ(name(listed->verdict), expected.word);
  }
  if (expected.kind == Kind::duplicated) {
    EXPECT_EQ(listed->duplicated ? "yes" : "no", expected.word);
  }
  if (expected.kind == Kind::profile) {
    EXPECT_EQ(listed->profile->name, expected.word);
  }
  if (expected.kind == Kind::attempts) {
    std::vector<std::string> classes;
    for (const Attempt& attempt : listed->attempts) {
      classes.emplace_back(name(attempt.outcome));
      if (attempt.auto_retry) classes.back() += "+auto";
      if (attempt.weak) classes.back() += "+weak";
    }
    EXPECT_EQ(classes, expected.words);
  }
}

void Scenarios::check_chain(const Expectation& expected) const {
  const auto place_of = [](const Leg& leg) {
    const std::string flow = std::to_string(static_cast<std::uint32_t>(leg.flow));
    return leg.exchange == 0 ? flow : flow + "." + std::to_string(leg.exchange);
  };
  const std::string wanted =
      std::to_string(expected.place.flow) + "." + std::to_string(expected.place.exchange);
  const Chain* chain = nullptr;
  for (const Chain& candidate : outcome_.report.chains.list) {
    for (const Leg& leg : candidate.legs) {
      if (place_of(leg) == wanted) chain = &candidate;
    }
  }
  if (expected.words == std::vector<std::string>{"none"}) {
    EXPECT_EQ(chain, nullptr) << chain->detail;
    return;
  }
  ASSERT_NE(chain, nullptr);
  if (expected.kind == Kind::decisive) {
    EXPECT_EQ(place_of(chain->legs[chain->decisive]), expected.word) << chain->detail;
    return;
  }
  std::vector<std::string> legs;
  for (const Leg& leg : chain->legs) legs.push_back(place_of(leg));
  EXPECT_EQ(legs, expected.words) << chain->detail;
}

void Scenarios::check(const Expectation& expected) const {
  SCOPED_TRACE("expectation in line " + std::to_string(expected.line));
  switch (expected.kind) {
    case Kind::flow:
    case Kind::exchange: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v) << "no such flow or exchange";
      EXPECT_EQ(id(v->label), expected.word);
      return;
    }
    case Kind::not_primary: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v) << "no such exchange";
      EXPECT_NE(id(v->label), expected.word);
      return;
    }
    case Kind::annotation:
      return check_annotation(expected);
    case Kind::capture: {
      const bool found =
          std::any_of(outcome_.report.findings.begin(), outcome_.report.findings.end(),
                      [&](const Finding& f) { return id(f.label) == expected.word; });
      EXPECT_TRUE(found) << "missing about the capture: " << expected.word;
      return;
    }
    case Kind::never:
      return check_never(expected.word);
    case Kind::evidence:
      return check_evidence(expected);
    case Kind::retry: {
      const ExchangeReport* x = exchange(expected.place);
      ASSERT_NE(x, nullptr) << "no such exchange";
      EXPECT_EQ(name(x->retry), expected.word);
      return;
    }
    case Kind::fault: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v) << "no such flow or exchange";
      ASSERT_NE(v->primary(), nullptr) << "the primary label has no finding";
      EXPECT_EQ(name(v->primary()->fault.party), expected.word);
      return;
    }
    case Kind::confidence: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v && v->primary() != nullptr) << "no such finding";
      EXPECT_EQ(name(v->primary()->fault.confidence), expected.word);
      return;
    }
    case Kind::says: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v && v->primary() != nullptr) << "no such finding";
      const std::string text = v->primary()->detail + " " + v->primary()->remedy;
      EXPECT_NE(text.find(expected.word), std::string::npos) << text;
      return;
    }
    case Kind::lacks: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v && v->primary() != nullptr) << "no such finding";
      const std::string text = v->primary()->detail + " " + v->primary()->remedy;
      EXPECT_EQ(text.find(expected.word), std::string::npos) << text;
      return;
    }
    case Kind::headline:
      EXPECT_NE(outcome_.report.headline.find(expected.word), std::string::npos)
          << outcome_.report.headline;
      return;
    case Kind::settle: {
      const auto v = at(expected.place);
      ASSERT_TRUE(v && v->primary() != nullptr) << "no such finding";
      const auto& settle = v->primary()->settle;
      EXPECT_EQ(!settle ? "none" : settle->at == Side::client ? "client" : "server", expected.word);
      return;
    }
    case Kind::answer: {
      const ExchangeReport* x = exchange(expected.place);
      ASSERT_NE(x, nullptr) << "no such exchange";
      EXPECT_EQ(x->response ? std::to_string(x->response->status) : "none", expected.word);
      return;
    }
    case Kind::config:
      return;
    case Kind::oddity: {
      const FlowReport* f = flow(expected.place);
      ASSERT_NE(f, nullptr) << "no such flow";
      EXPECT_TRUE(
          std::any_of(f->oddities.begin(), f->oddities.end(),
                      [&](const OddityReport& odd) { return name(odd.oddity) == expected.word; }))
          << "missing: " << expected.word;
      return;
    }
    case Kind::deliveries:
      EXPECT_EQ(outcome_.report.deliveries.total, expected.numbers.front());
      return;
    case Kind::delivery:
    case Kind::attempts:
    case Kind::duplicated:
    case Kind::profile:
      return check_delivery(expected);
    case Kind::chain:
    case Kind::decisive:
      return check_chain(expected);
    case Kind::proxied:
      EXPECT_EQ(outcome_.report.chains.requests, expected.numbers.front());
      return;
    case Kind::flows:
      EXPECT_EQ(outcome_.report.flows, expected.numbers.front());
      return;
    case Kind::exchanges:
      EXPECT_EQ(outcome_.report.exchanges, expected.numbers.front());
      return;
    case Kind::vantage:
      EXPECT_EQ(name(outcome_.report.vantage.point), expected.word)
          << testing::PrintToString(outcome_.report.vantage.because);
      return;
    case Kind::worst:
      EXPECT_LE(outcome_.report.worst, severity_of(expected.word))
          << "worst is " << name(outcome_.report.worst);
      return;
  }
}

TEST_P(Scenarios, IsDiagnosed) {
  const std::string text = read_file("scenarios/" + GetParam() + ".txt");
  ASSERT_FALSE(text.empty()) << "run in testdata/";
  const auto expectations = expectations_of(text);
  ASSERT_FALSE(expectations.empty()) << "expects nothing";
  const Capture capture = play(text);
  run(to_pcap(capture), settings_of(expectations));
  for (const Expectation& expected : expectations) check(expected);
  if (HasFailure()) std::printf("%s reports:\n%s", GetParam().c_str(), described().c_str());

  const Ledger& ledger = outcome_.report.ledger;
  std::uint64_t accounted = ledger.decoded + ledger.duplicates;
  for (const std::uint64_t skipped : ledger.skipped) accounted += skipped;
  EXPECT_EQ(accounted, ledger.packets);
  EXPECT_EQ(ledger.packets, capture.records.size() - (capture.cut_bytes > 0 ? 1 : 0));
}

INSTANTIATE_TEST_SUITE_P(All, Scenarios, testing::ValuesIn(scenario_names()),
                         [](const auto& tested) { return test_name(tested.param); });

TEST(ScenarioCoverage, EveryLabelFiresOnceAndStaysSilentOnce) {
  const auto names = scenario_names();
  for (const RuleInfo& rule : rule_catalog()) {
    const std::string label{rule.id};
    const auto fires = std::find(names.begin(), names.end(), label);
    EXPECT_NE(fires, names.end()) << "scenarios/" << label << ".txt";
    const auto near_miss = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      return name.starts_with("not-" + label + "--");
    });
    EXPECT_NE(near_miss, names.end()) << "scenarios/not-" << label << "--*.txt";
    if (fires == names.end()) continue;
    const auto expected = expectations_of(read_file("scenarios/" + label + ".txt"));
    EXPECT_TRUE(std::any_of(expected.begin(), expected.end(),
                            [&](const Expectation& e) {
                              return e.word == label && e.kind != Kind::never &&
                                     e.kind != Kind::not_primary;
                            }))
        << label << ".txt does not expect " << label;
  }
}

TEST(ScenarioCoverage, ExpectationsNameLabelsThatExist) {
  const std::set<Kind> with_label = {Kind::flow,       Kind::exchange, Kind::not_primary,
                                     Kind::annotation, Kind::capture,  Kind::never};
  for (const std::string& name : scenario_names()) {
    const auto expectations = expectations_of(read_file("scenarios/" + name + ".txt"));
    (void)settings_of(expectations);  // adds its own labels
    for (const Expectation& e : expectations) {
      if (!with_label.contains(e.kind)) continue;
      EXPECT_NE(find_rule(e.word), nullptr) << name << ", line " << e.line << ": " << e.word;
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
