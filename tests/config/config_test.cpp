// SPDX-License-Identifier: Apache-2.0
#include "httpdiag/config.hpp"

#include <gtest/gtest.h>

#include "httpdiag/error.hpp"

namespace httpdiag {
namespace {

struct Refused {
  std::string_view json, message;
};

class Refusals : public testing::TestWithParam<Refused> {};

TEST_P(Refusals, PointAtThePlace) {
  try {
    read_config(GetParam().json, "c.json");
    FAIL() << "accepted: " << GetParam().json;
  } catch (const Error& error) {
    EXPECT_EQ(std::string_view{error.what()}, GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Config, Refusals,
    testing::Values(
        Refused{"", "c.json:1:1: is no JSON here"},
        Refused{"{\n  \"settings\": {,}}", "c.json:2:16: is no JSON here"},
        Refused{"[]", "c.json:1:1: a configuration is an object: {\"settings\": {...}}"},
        Refused{"{\"setings\": {}}",
                "c.json:1:2: unknown part \"setings\"; did you mean \"settings\"?"},
        Refused{"{\"schema\": \"httpdiag.config/2\"}",
                "c.json:1:2: the schema is \"httpdiag.config/1\""},
        Refused{"{\"settings\":\n {\"a\\\"b\": {\"x\": [1, {}]},\n  \"idle.min_ms\": 1}}",
                "c.json:2:3: unknown setting \"a\"b\""},
        Refused{"{\"settings\": {\n    \"response.slow\": 2000}}",
                "c.json:2:5: unknown setting \"response.slow\"; did you mean "
                "\"response.slow_ms\"?"},
        Refused{"{\"settings\": {\"response.slow_ms\": \"2 s\"}}",
                "c.json:1:15: expected a whole number of milliseconds from 0 to 315360000000"},
        Refused{"{\"settings\": {\"response.slow_ms\": -1}}",
                "c.json:1:15: expected a whole number of milliseconds from 0 to 315360000000"},
        Refused{"{\"settings\": {\"loss.ratio\": 2}}", "c.json:1:15: expected a share from 0 to 1"},
        Refused{"{\"settings\": {\"client_timeout.known_s\": [5,\n 2.5]}}",
                "c.json:2:2: expected a whole number of seconds from 0 to 315360000"},
        Refused{"{\"settings\": {\"delivery.fail_tokens\": [7]}}", "c.json:1:40: expected a text"},
        Refused{"{\"profiles\": {}}", "c.json:1:2: \"profiles\" is a list of 32 at most"},
        Refused{"{\"profiles\": [{\"name\": \"Acme\"}]}",
                "c.json:1:16: the name of a profile is in a-z, 0-9 and -, 40 characters at most"},
        Refused{"{\"profiles\": [{\"name\": \"stripe\"}]}",
                "c.json:1:16: \"stripe\" is built in: choose another name"},
        Refused{"{\"profiles\": [{\"name\": \"acme\", \"sucess\": {}}]}",
                "c.json:1:32: unknown part \"sucess\"; did you mean \"success\"?"},
        Refused{"{\"profiles\": [{\"name\": \"acme\",\n \"detect\": {\"header\": \"X-Acme\"}}]}",
                "c.json:2:13: only headers that are known to mark callbacks are read"},
        Refused{"{\"profiles\": [{\"name\": \"acme\",\n \"success\": {\"statuses\": [200, 404]}}]}",
                "c.json:2:32: expected a whole number from 200 to 299"},
        Refused{
            "{\"profiles\": [{\"name\": \"acme\",\n \"success\": {\"field\": {\"is\": [\"0\"]}}}]}",
            "c.json:2:14: expected {\"name\": ..., \"is\": [...]}"},
        Refused{"{\"profiles\": [{\"name\": \"acme\"},\n {\"name\": \"acme\"}]}",
                "c.json:2:2: a second profile \"acme\""},
        Refused{"{\"settings\": {\"delivery.profile\": \"acme\"}}",
                "c.json:1:15: unknown profile \"acme\""},
        Refused{"{\"labels\": {\"no-respons\": \"off\"}}",
                "c.json:1:13: unknown label \"no-respons\"; did you mean \"no-response\"?"},
        Refused{"{\"labels\": {\"no-response\": \"loud\"}}",
                "c.json:1:13: expected \"error\", \"warning\", \"info\" or \"off\""},
        Refused{"{\"settings\": {\"limits.max_flows\": 0}}",
                "c.json:1:15: expected a whole number from 16 on"},
        Refused{"{\"settings\":\n {\"loss.ratio\": 1e400}}",
                "c.json:2:17: a number that is too large"},
        Refused{"{\"labels\": {\"ok\": \"off\"}}",
                "c.json:1:13: \"ok\" is the absence of labels and stays"}));

TEST(Config, IsReadOnTopOfTheDefaults) {
  const Settings settings = read_config(
      R"({"schema": "httpdiag.config/1",
          "settings": {"response.slow_ms": 1500, "rst.ttl_delta": 5, "loss.ratio": 0.1,
                       "limits.max_causes": 7, "client_timeout.known_s": [4, 25],
                       "delivery.fail_tokens": ["NAK"]},
          "labels": {"connect-slow": "info", "pipelined-requests": "off"}})",
      "c.json");
  EXPECT_EQ(settings.thresholds.slow_response, std::chrono::milliseconds{1500});
  EXPECT_EQ(settings.thresholds.rst_ttl_delta, 5);
  EXPECT_DOUBLE_EQ(settings.thresholds.loss_ratio, 0.1);
  EXPECT_EQ(settings.limits.max_causes, 7u);
  EXPECT_EQ(settings.thresholds.known_timeouts,
            (std::vector<Duration>{std::chrono::seconds{4}, std::chrono::seconds{25}}));
  EXPECT_EQ(settings.thresholds.negative_acks, std::vector<std::string>{"nak"});
  EXPECT_EQ(settings.thresholds.slow_total, Thresholds{}.slow_total);
  EXPECT_EQ(settings.changes.at(Label::connect_slow).severity, Severity::info);
  EXPECT_TRUE(settings.changes.at(Label::pipelined_requests).off);
}

constexpr std::string_view kRule = R"({"rules": [
  {"label": "own-slow-pay", "title": "Slow payment", "text": "It took {response.wait}.",
   "when": ["request.acked"]}]})";

std::string with(std::string_view old, std::string_view replacement) {
  std::string text{kRule};
  text.replace(text.find(old), old.size(), replacement);
  return text;
}

std::string complaint(const std::string& json) {
  try {
    read_config(json, "c.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

struct Wrong {
  std::string_view condition, message;
};

/// What reads own rules leaves their labels behind, for the life of the process.
class Conditions : public testing::TestWithParam<Wrong> {
 protected:
  ~Conditions() override { forget_own_labels(); }
};

class OwnRules : public testing::Test {
 protected:
  ~OwnRules() override { forget_own_labels(); }
};

TEST_P(Conditions, AreHeldToTheirFacts) {
  EXPECT_EQ(complaint(with("request.acked", GetParam().condition)), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Config, Conditions,
    testing::Values(
        Wrong{"response.wait > 2 s", "accepted"}, Wrong{"request.acked", "accepted"},
        Wrong{"not request.acked", "accepted"}, Wrong{"request.acked = false", "accepted"},
        Wrong{"request.path contains a b", "accepted"},
        Wrong{"flow.client_bytes > 1.5 MB", "accepted"},
        Wrong{"response.status != 200", "accepted"},
        Wrong{"response.wiat > 2 s",
              "c.json:3:13: unknown fact \"response.wiat\"; did you mean \"response.wait\"?"},
        Wrong{
            "response.wait > 2",
            "c.json:3:13: \"response.wait\" is compared with a duration with its unit (ns, us, ms, "
            "s, min, h), such as 1.5 s, not with \"2\""},
        Wrong{
            "response.wait > 2 kB",
            "c.json:3:13: \"response.wait\" is compared with a duration with its unit (ns, us, ms, "
            "s, min, h), such as 1.5 s, not with \"2 kB\""},
        Wrong{"response.wait",
              "c.json:3:13: \"response.wait\" is a duration: say what it is compared "
              "with"},
        Wrong{"response.wait contains 2 s",
              "c.json:3:13: \"response.wait\" is a duration and has no contains"},
        Wrong{"request.acked < true", "c.json:3:13: \"request.acked\" is a flag and has no <"},
        Wrong{"request.acked = yes",
              "c.json:3:13: \"request.acked\" is compared with true or false, not with \"yes\""},
        Wrong{"response.status => 500",
              "c.json:3:13: \"=>\" is no comparison: =, !=, <, <=, >, >=, contains, starts-with, "
              "ends-with"},
        Wrong{
            "response.status > 499.5",
            "c.json:3:13: \"response.status\" is compared with a whole number without a unit, not "
            "with \"499.5\""},
        Wrong{"", "c.json:3:13: unknown fact \"\""}));

TEST_F(OwnRules, AreRefusedAtTheirPlace) {
  EXPECT_EQ(
      complaint(with("own-slow-pay", "slow-pay")),
      "c.json:2:4: an own label is \"own-\" and more, in a-z, 0-9 and -, 40 characters at most");
  EXPECT_EQ(complaint(with("{response.wait}", "{response.wiat}")),
            "c.json:2:54: unknown fact \"response.wiat\"; did you mean \"response.wait\"?");
  EXPECT_EQ(complaint(with("\"when\": [\"request.acked\"]",
                           "\"on\": \"flow\", \"when\": [\"flow.rtt > 1 s\"]")),
            "c.json:2:54: \"response.wait\" is known of an exchange; this rule is on a flow");
  EXPECT_EQ(complaint(with("\"title\"", "\"titel\"")),
            "c.json:2:29: unknown part \"titel\" of a rule; did you mean \"title\"?");
  EXPECT_EQ(complaint(R"({"rules": [{"label": "own-a"}]})"),
            "c.json:1:12: the rule has no \"title\"");
}

TEST_F(OwnRules, AppearLikeBuiltInLabels) {
  const Settings settings = read_config(with("request.acked", "response.wait > 2 s"), "c.json");
  ASSERT_EQ(settings.own_rules.size(), 1u);
  const RuleInfo* rule = find_rule("own-slow-pay");
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->label, settings.own_rules[0].label);
  EXPECT_EQ(&info(rule->label), rule);
  EXPECT_EQ(rule->title, "Slow payment");
  EXPECT_EQ(rule->severity, Severity::warning);
}

TEST(Config, MissingFileIsNamed) {
  try {
    load_config("no/such/config.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no/such/config.json: cannot be read: No such file or directory");
  }
}

TEST(Settings, EveryNameIsThereOnce) {
  for (const Setting& setting : setting_table()) {
    EXPECT_EQ(std::count_if(setting_table().begin(), setting_table().end(),
                            [&](const Setting& other) { return other.key == setting.key; }),
              1)
        << setting.key;
  }
}

}  // namespace
}  // namespace httpdiag
