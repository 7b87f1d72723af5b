// SPDX-License-Identifier: Apache-2.0
// The catalogue of labels: complete, readable, and the same as docs/rules.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "httpdiag/finding.hpp"
#include "httpdiag/symptoms.hpp"

namespace httpdiag {
namespace {

// "... Label L = httpdiag::Label::connect_refused]" in both GCC and Clang.
template <Label label>
std::string identifier() {
  std::string text = __PRETTY_FUNCTION__;
  text.erase(0, text.find("Label::") + 7);
  text.erase(text.find_first_of("];,"));
  return text;
}

template <std::size_t... labels>
std::vector<std::string> identifiers(std::index_sequence<labels...>) {
  return {identifier<static_cast<Label>(labels)>()...};
}

std::vector<std::string_view> parts(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("; "), text.size());
    all.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return all;
}

std::vector<std::string_view> texts(const RuleInfo& rule) {
  return {rule.title, rule.what, rule.guards, rule.symptoms, rule.remedy, rule.references};
}

TEST(Catalog, HasOneEntryForEveryLabelInOrder) {
  const auto catalog = rule_catalog();
  ASSERT_EQ(catalog.size(), kLabelCount);
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    const auto label = static_cast<Label>(i);
    EXPECT_EQ(catalog[i].label, label);
    EXPECT_EQ(&info(label), &catalog[i]);
    EXPECT_EQ(find_rule(catalog[i].id), &catalog[i]);
  }
}

TEST(Catalog, IdsAreTheIdentifiersInKebabCase) {
  auto names = identifiers(std::make_index_sequence<kLabelCount>{});
  ASSERT_EQ(names.size(), rule_catalog().size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::replace(names[i].begin(), names[i].end(), '_', '-');
    EXPECT_EQ(rule_catalog()[i].id, names[i]);
  }
}

TEST(Catalog, IdsAreUnique) {
  std::set<std::string_view> seen;
  for (const RuleInfo& rule : rule_catalog()) EXPECT_TRUE(seen.insert(rule.id).second) << rule.id;
}

TEST(Catalog, FindsNoRuleThatIsNotThere) {
  EXPECT_EQ(find_rule(""), nullptr);
  EXPECT_EQ(find_rule("connect"), nullptr);
  EXPECT_EQ(find_rule("connect-refused "), nullptr);
  EXPECT_EQ(find_rule("Connect-Refused"), nullptr);
}

TEST(Catalog, TitlesFitATable) {
  for (const RuleInfo& rule : rule_catalog()) {
    EXPECT_LE(rule.title.size(), 52u) << rule.id;  // the table of `httpdiag rules` has 100 columns
    EXPECT_FALSE(rule.title.ends_with('.')) << rule.id;
  }
}

TEST(Catalog, EveryTextIsThereAndInPlainAscii) {
  for (const RuleInfo& rule : rule_catalog()) {
    for (const std::string_view text : texts(rule)) {
      EXPECT_FALSE(text.empty()) << rule.id;
      EXPECT_TRUE(
          std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
          << rule.id << ": " << text;
      EXPECT_EQ(text.find("  "), std::string_view::npos) << rule.id << ": " << text;
    }
  }
}

TEST(Catalog, ProseIsSentences) {
  for (const RuleInfo& rule : rule_catalog()) {
    for (const std::string_view text : {rule.what, rule.guards, rule.remedy}) {
      EXPECT_TRUE(text.ends_with('.') || text.ends_with('?')) << rule.id << ": " << text;
    }
    // The first sentence stands alone where `explain` compares labels.
    EXPECT_LE(rule.what.find(". "), 300u) << rule.id;
  }
}

TEST(Catalog, SymptomsSayWhoSaysWhat) {
  for (const RuleInfo& rule : rule_catalog()) {
    for (const std::string_view symptom : parts(rule.symptoms)) {
      const std::size_t colon = symptom.find(": ");
      ASSERT_NE(colon, std::string_view::npos) << rule.id << ": " << symptom;
      EXPECT_GT(colon, 0u) << rule.id << ": " << symptom;
      EXPECT_LT(colon, 30u) << rule.id << ": " << symptom;
      EXPECT_GT(symptom.size(), colon + 2) << rule.id << ": " << symptom;
    }
  }
}

TEST(Catalog, LabelsNamedInTextsExist) {
  // Words that look like labels because they start like some.
  const std::set<std::string_view> prefixes{"capture-",   "connect-",   "request-",   "response-",
                                            "keepalive-", "idle-conn-", "handshake-", "http-"};
  const std::set<std::string> not_labels{"http-in", "http-ignore-probes"};
  for (const RuleInfo& rule : rule_catalog()) {
    for (const std::string_view text : {rule.what, rule.guards, rule.remedy}) {
      std::size_t at = 0;
      while (at < text.size()) {
        const std::size_t end =
            std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at), text.size());
        const std::string word{text.substr(at, end - at)};
        at = end + 1;
        const bool like_a_label =
            std::any_of(prefixes.begin(), prefixes.end(),
                        [&](std::string_view p) { return word.starts_with(p); });
        if (like_a_label && !not_labels.contains(word)) {
          EXPECT_NE(find_rule(word), nullptr) << rule.id << ": " << word;
        }
      }
    }
  }
}

TEST(Catalog, NothingThatIsNobodysFaultIsAnErrorButTheRace) {
  for (const RuleInfo& rule : rule_catalog()) {
    if (rule.severity == Severity::error && rule.party == Party::none) {
      EXPECT_EQ(rule.label, Label::keepalive_close_race);
    }
    EXPECT_EQ(rule.party == Party::capture, rule.phase == Phase::capture) << rule.id;
    EXPECT_EQ(rule.severity == Severity::ok, rule.label == Label::ok) << rule.id;
  }
}

struct Default {
  Label label;
  Severity severity;
  Party party;
  Role role;
};

TEST(Catalog, DefaultsAreThoseOfTheTaxonomy) {
  using enum Label;
  const std::array defaults{
      Default{capture_gap, Severity::warning, Party::capture, Role::annotation},
      Default{capture_ended_early, Severity::info, Party::capture, Role::annotation},
      Default{connect_refused, Severity::error, Party::server_host, Role::primary},
      Default{syn_retries_exhausted, Severity::error, Party::network, Role::primary},
      Default{connect_unreachable, Severity::error, Party::network, Role::primary},
      Default{handshake_client_reset, Severity::warning, Party::client_app, Role::primary},
      Default{connect_slow, Severity::warning, Party::network, Role::annotation},
      Default{connection_unused, Severity::info, Party::none, Role::primary},
      Default{payload_opaque, Severity::info, Party::none, Role::either},
      Default{client_timeout, Severity::error, Party::server_app, Role::primary},
      Default{slow_response, Severity::warning, Party::server_app, Role::either},
      Default{response_aborted_by_client, Severity::warning, Party::client_app, Role::primary},
      Default{response_unsolicited, Severity::info, Party::server_app, Role::annotation},
      Default{http_redirect, Severity::warning, Party::server_app, Role::primary},
      Default{request_on_half_closed, Severity::error, Party::client_app, Role::primary},
      Default{keepalive_close_race, Severity::error, Party::none, Role::primary},
      Default{idle_conn_blackholed, Severity::error, Party::network, Role::primary},
      Default{reset_after_complete, Severity::info, Party::none, Role::annotation},
      Default{zero_window_stall, Severity::warning, Party::unknown, Role::either},
  };
  for (const Default& expected : defaults) {
    const RuleInfo& rule = info(expected.label);
    EXPECT_EQ(rule.severity, expected.severity) << rule.id;
    EXPECT_EQ(rule.party, expected.party) << rule.id;
    EXPECT_EQ(rule.role, expected.role) << rule.id;
  }
}

TEST(Catalog, RetryAdviceIsGivenForEveryPrimaryProblem) {
  for (const RuleInfo& rule : rule_catalog()) {
    const bool problem = rule.role == Role::primary && rule.severity >= Severity::warning;
    if (problem) {
      EXPECT_FALSE(retry_advice(rule.label).empty()) << rule.id;
    }
    if (rule.role == Role::annotation) {
      EXPECT_TRUE(retry_advice(rule.label).empty()) << rule.id;
    }
  }
}

TEST(Catalog, DocumentIsUpToDate) {
  const std::string path = std::string{HTTPDIAG_SOURCE_DIR} + "/docs/rules.md";
  std::ifstream file{path, std::ios::binary};
  ASSERT_TRUE(file) << path;
  const std::string written{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(written, rules_markdown()) << "run: httpdiag rules --format markdown > docs/rules.md";
}

}  // namespace
}  // namespace httpdiag
