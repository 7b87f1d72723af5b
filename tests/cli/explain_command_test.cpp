// SPDX-License-Identifier: Apache-2.0
// httpdiag rules and httpdiag explain: what they print, and how they refuse.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/own_rules.hpp"
#include "httpdiag/symptoms.hpp"

namespace httpdiag::cli {
namespace {

/// Standard output of a command line that is one of the two subcommands.
std::string output(std::vector<std::string> args) {
  CLI::App app;
  Job job;
  add_rules(app, job);
  add_explain(app, job);
  std::reverse(args.begin(), args.end());  // as CLI11 takes them
  app.parse(args);
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(job({out, err}), Exit::clean);
  EXPECT_EQ(err.str(), "");
  return out.str();
}

std::string refusal(const std::string& text) {
  try {
    output({"explain", text});
  } catch (const Error& error) {
    return error.what();
  }
  return "not refused";
}

std::size_t widest(const std::string& text) {
  std::istringstream lines{text};
  std::size_t most = 0;
  for (std::string line; std::getline(lines, line);) most = std::max(most, line.size());
  return most;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(RulesCommand, ListsEveryLabelIn100Columns) {
  const std::string text = output({"rules"});
  EXPECT_LE(widest(text), 100u);
  EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), kLabelCount + 1);
  for (const RuleInfo& rule : rule_catalog())
    EXPECT_TRUE(contains(text, "\n" + std::string{rule.id} + " "));
}

TEST(RulesCommand, WritesJson) {
  const auto json = nlohmann::json::parse(output({"rules", "--format", "json"}));
  ASSERT_EQ(json["rules"].size(), kLabelCount);
  EXPECT_EQ(json["rules"][0]["id"], rule_catalog()[0].id);
  EXPECT_EQ(json["rules"][0]["fault"]["party"], "capture");
}

TEST(RulesCommand, WritesTheDocument) {
  EXPECT_EQ(output({"rules", "--format", "markdown"}), rules_markdown());
}

// Labels of a configuration are those of the run that was given it.
TEST(RulesCommand, LeavesNoOwnLabelsBehind) {
  const std::string path = testing::TempDir() + "httpdiag-own-" + std::to_string(::getpid());
  std::ofstream{path} << R"({"rules": [{"label": "own-slow", "title": "Slow", "text": "Slow.",
                                        "when": ["response.wait > 2 s"]}]})";
  const std::array argv{"httpdiag", "rules", "--config", path.c_str()};
  std::ostringstream out, err;
  EXPECT_EQ(run(static_cast<int>(argv.size()), argv.data(), {.out = out, .err = err}), 0)
      << err.str();
  EXPECT_TRUE(contains(out.str(), "own-slow"));
  EXPECT_EQ(label_count(), kLabelCount);
  EXPECT_EQ(find_rule("own-slow"), nullptr);
  std::filesystem::remove(path);
}

TEST(ExplainCommand, ExplainsEveryLabelIn80Columns) {
  for (const RuleInfo& rule : rule_catalog()) {
    const std::string text = output({"explain", std::string{rule.id}});
    EXPECT_LE(widest(text), 80u) << rule.id;
    EXPECT_TRUE(text.starts_with(std::string{rule.id} + ": " + std::string{rule.title})) << text;
    for (const char* const heading : {"What it is\n", "What it is not\n", "What people see\n",
                                      "Whose fault\n", "What to do\n", "References\n"}) {
      EXPECT_TRUE(contains(text, heading)) << rule.id << ": " << heading;
    }
    EXPECT_EQ(contains(text, "Sending again\n"), !retry_advice(rule.label).empty()) << rule.id;
  }
}

TEST(ExplainCommand, TakesALabelAsPeopleRememberIt) {
  EXPECT_EQ(output({"explain", " No_Response "}), output({"explain", "no-response"}));
}

TEST(ExplainCommand, LeadsFromASymptomToLabelsInOrder) {
  const std::string text =
      output({"explain", "org.apache.http.NoHttpResponseException: host:80 failed to respond"});
  EXPECT_TRUE(text.starts_with("Recognised: org.apache.http.NoHttpResponseException (Java)\n"))
      << text;
  const auto half_closed = text.find("\n  request-on-half-closed\n");
  const auto race = text.find("\n  keepalive-close-race\n");
  ASSERT_NE(half_closed, std::string::npos) << text;
  ASSERT_NE(race, std::string::npos) << text;
  EXPECT_LT(half_closed, race);
  EXPECT_TRUE(
      contains(text, "The first segment of the request already acknowledges the server's FIN"));
  EXPECT_LE(widest(text), 80u);
}

TEST(ExplainCommand, TakesAMessageWithoutQuotes) {
  EXPECT_EQ(output({"explain", "Empty", "reply", "from", "server"}),
            output({"explain", "Empty reply from server"}));
}

TEST(ExplainCommand, SuggestsTheNearestLabel) {
  EXPECT_TRUE(contains(refusal("no-respnse"), "did you mean no-response?"))
      << refusal("no-respnse");
  EXPECT_TRUE(contains(refusal("conect-refused"), "did you mean connect-refused?"));
}

TEST(ExplainCommand, RefusesWhatItDoesNotKnow) {
  const std::string message = refusal("the quick brown fox");
  EXPECT_TRUE(contains(message, "neither a label nor a known symptom")) << message;
  EXPECT_TRUE(contains(message, "httpdiag rules")) << message;
  EXPECT_LT(refusal(std::string(100000, 'x')).size(), 200u);
}

}  // namespace
}  // namespace httpdiag::cli
