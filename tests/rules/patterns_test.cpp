// SPDX-License-Identifier: Apache-2.0
// What many flows show together: limits of clients, retries of connecting, when failures began.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "properties/capture_bytes.hpp"
#include "support/scenario.hpp"

namespace httpdiag::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kRequest =
    R"("POST /notify HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n" "ok")";

Patterns patterns_of(const std::string& scenario) {
  const MemoryFile file{to_pcap(play(scenario))};
  return analyse_file(file.path()).report.patterns;
}

std::string flow(int number) {
  return fmt::format("flow f{0} client 10.1.0.5:{1} server 203.0.113.9:8080\n", number,
                     40000 + number);
}

/// One connection, whose client leaves `wait` after its request, unanswered.
std::string given_up(int number, milliseconds wait) {
  return flow(number) + fmt::format(
                            "+1s handshake 20ms of f{0}\n"
                            "+1ms f{0}.C {1}\n"
                            "+20ms f{0}.S ack\n"
                            "+{2}ms f{0}.C fin\n"
                            "+20ms f{0}.S fin\n"
                            "+0ms f{0}.C ack\n",
                            number, kRequest, wait.count() - 20);
}

std::string answered(int number, std::string_view status) {
  return flow(number) +
         fmt::format(
             "+1s handshake 20ms of f{0}\n"
             "+1ms f{0}.C {1}\n"
             "+20ms f{0}.S \"HTTP/1.1 {2}\\r\\nContent-Length: 2\\r\\n\\r\\n\" \"no\"\n"
             "+0ms f{0}.C ack\n"
             "+1ms f{0}.C fin\n"
             "+20ms f{0}.S fin\n"
             "+0ms f{0}.C ack\n",
             number, kRequest, status);
}

std::string refused(int number, milliseconds after) {
  return flow(number) +
         fmt::format("+{1}ms f{0}.C syn\n+1ms f{0}.S rst ack\n", number, after.count() - 1);
}

TEST(ClientLimit, IsInferredFromWaitsThatAgree) {
  std::string scenario;
  for (int i = 0; i < 6; ++i) scenario += given_up(i, milliseconds{3000 + i * 2});
  const Patterns patterns = patterns_of(scenario);
  ASSERT_EQ(patterns.client_limits.size(), 1U);
  const ClientLimitPattern& limit = patterns.client_limits[0];
  EXPECT_EQ(limit.samples, 6U);
  EXPECT_EQ(limit.known, std::optional<Duration>{seconds{3}});
  EXPECT_GE(limit.limit, Duration{seconds{3}});
  EXPECT_LE(limit.limit, Duration{milliseconds{3040}});
  EXPECT_LE(limit.spread, Duration{milliseconds{11}});
}

TEST(ClientLimit, IsNotInferredFromWaitsApart) {
  std::string scenario;
  for (int i = 0; i < 6; ++i) scenario += given_up(i, milliseconds{1500 + i * 1700});
  EXPECT_TRUE(patterns_of(scenario).client_limits.empty());
}

TEST(ClientLimit, IsToldOfEachThatClientsHave) {
  std::string scenario;
  for (int i = 0; i < 7; ++i) scenario += given_up(i, milliseconds{i < 4 ? 30000 : 5000});
  const Patterns patterns = patterns_of(scenario);
  ASSERT_EQ(patterns.client_limits.size(), 2U);
  EXPECT_EQ(patterns.client_limits[0].known, std::optional<Duration>{seconds{30}});
  EXPECT_EQ(patterns.client_limits[1].known, std::optional<Duration>{seconds{5}});
}

struct BackoffCase {
  const char* name;
  std::vector<int> gaps_ms;
  Backoff kind;
};

class ConnectBackoff : public testing::TestWithParam<BackoffCase> {};

TEST_P(ConnectBackoff, IsRecognised) {
  std::string scenario = refused(0, milliseconds{1000});
  int number = 0;
  for (const int gap : GetParam().gaps_ms) scenario += refused(++number, milliseconds{gap});
  const Patterns patterns = patterns_of(scenario);
  ASSERT_EQ(patterns.backoffs.size(), 1U);
  const BackoffPattern& backoff = patterns.backoffs[0];
  EXPECT_EQ(backoff.kind, GetParam().kind) << name(backoff.kind);
  EXPECT_EQ(backoff.attempts, GetParam().gaps_ms.size() + 1);
  ASSERT_EQ(backoff.gaps.size(), GetParam().gaps_ms.size());
  EXPECT_EQ(backoff.gaps[0], Duration{milliseconds{GetParam().gaps_ms[0]}});
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ConnectBackoff,
    testing::Values(BackoffCase{"constant", {5000, 5000, 5000}, Backoff::constant},
                    BackoffCase{"doubling", {2000, 4000, 8000}, Backoff::doubling},
                    BackoffCase{"growing", {2000, 3000, 10000}, Backoff::growing},
                    BackoffCase{"irregular", {9000, 2000, 30000}, Backoff::irregular}),
    [](const auto& kind) { return kind.param.name; });

TEST(ConnectBackoff, NeedsMoreThanOneGap) {
  EXPECT_TRUE(patterns_of(refused(0, seconds{1}) + refused(1, seconds{5})).backoffs.empty());
}

TEST(Onset, IsTheFirstFailureBehindAGoodTime) {
  std::string scenario;
  for (int i = 0; i < 40; ++i) scenario += answered(i, "200 OK");
  for (int i = 40; i < 60; ++i) scenario += answered(i, "500 Internal Server Error");
  const Patterns patterns = patterns_of(scenario);
  ASSERT_EQ(patterns.onsets.size(), 1U);
  const OnsetPattern& onset = patterns.onsets[0];
  EXPECT_EQ(onset.label, Label::http_server_error);
  EXPECT_EQ(onset.failed, 20U);
  EXPECT_EQ(onset.first_rst.number, 0U);
  // 9 packets a connection; the request is the fourth of them.
  EXPECT_EQ(onset.first.number, 40U * 9 + 4);
}

TEST(Onset, NamesTheResetThatCameBeforeIt) {
  std::string scenario;
  for (int i = 0; i < 40; ++i) scenario += answered(i, "200 OK");
  scenario +=
      flow(100) +
      fmt::format("+1s handshake 20ms of f100\n+1ms f100.C {}\n+20ms f100.S rst ack\n", kRequest);
  for (int i = 40; i < 60; ++i) scenario += answered(i, "500 Internal Server Error");
  const Patterns patterns = patterns_of(scenario);
  ASSERT_EQ(patterns.onsets.size(), 1U);
  EXPECT_EQ(patterns.onsets[0].label, Label::reset_without_response);
  EXPECT_TRUE(patterns.onsets[0].first_rst);
}

/// `good` exchanges, one that failed, good ones again, and from then on failures alone.
std::string outage_behind_a_stray(int good, int again, int bad) {
  std::string scenario;
  int i = 0;
  for (; i < good; ++i) scenario += answered(i, "200 OK");
  scenario += answered(i++, "404 Not Found");
  for (; i <= good + again; ++i) scenario += answered(i, "200 OK");
  for (; i <= good + again + bad; ++i) scenario += answered(i, "502 Bad Gateway");
  return scenario;
}

TEST(Onset, IsNotTheFailureThatCameLongBefore) {
  for (const int good : {0, 3, 20}) {
    const Patterns patterns = patterns_of(outage_behind_a_stray(good, 40, 60));
    ASSERT_EQ(patterns.onsets.size(), 1U) << good;
    const OnsetPattern& onset = patterns.onsets[0];
    EXPECT_EQ(onset.label, Label::http_gateway_error);
    EXPECT_EQ(onset.before, static_cast<std::uint64_t>(good) + 40U);
    EXPECT_EQ(onset.failed_before, 1U);
    EXPECT_EQ(onset.failed, 60U);
    EXPECT_EQ(onset.succeeded, 0U);
  }
}

TEST(Onset, IsThereWhereOneBackendOfThreeFails) {
  std::string scenario;
  for (int i = 0; i < 120; ++i)
    scenario += answered(i, i >= 60 && i % 3 == 0 ? "502 Bad Gateway" : "200 OK");
  const Patterns patterns = patterns_of(scenario);
  ASSERT_EQ(patterns.onsets.size(), 1U);
  EXPECT_EQ(patterns.onsets[0].before, 60U);
  EXPECT_EQ(patterns.onsets[0].failed, 20U);
  EXPECT_EQ(patterns.onsets[0].succeeded, 40U);
}

TEST(Onset, IsNotThereWhereFailuresComeNowAndThen) {
  std::string scenario;
  for (int i = 0; i < 60; ++i)
    scenario += answered(i, i % 5 == 4 ? "500 Internal Server Error" : "200 OK");
  EXPECT_TRUE(patterns_of(scenario).onsets.empty());
}

}  // namespace
}  // namespace httpdiag::test
