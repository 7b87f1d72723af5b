// SPDX-License-Identifier: Apache-2.0
// Before and after: which difference is one, and which may be chance.
#include "compare/changes.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/commands.hpp"
#include "compare/print.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::compare {
namespace {

TEST(Chance, FishersExactTest) {
  EXPECT_FALSE(differs_beyond_chance(1, 2, 0, 1));
  EXPECT_FALSE(differs_beyond_chance(3, 100, 6, 100));
  EXPECT_TRUE(differs_beyond_chance(3, 100, 15, 100));
  EXPECT_TRUE(differs_beyond_chance(15, 100, 3, 100));
  EXPECT_FALSE(differs_beyond_chance(5, 50, 50, 500));
  EXPECT_TRUE(differs_beyond_chance(0, 1'000'000, 20, 1'000'000));
  EXPECT_TRUE(differs_beyond_chance(400'000, 1'000'000, 600'000, 1'000'000));
  EXPECT_FALSE(differs_beyond_chance(5, 0, 5, 10));
  EXPECT_FALSE(differs_beyond_chance(11, 10, 5, 10));
  // Of 5 and 5, all on one side: 2/252 is the chance. Of 3 and 3: 2/20.
  EXPECT_TRUE(differs_beyond_chance(5, 5, 0, 5));
  EXPECT_FALSE(differs_beyond_chance(3, 3, 0, 3));
}

Profile profile(std::uint64_t exchanges, std::map<Row, Entry> rows) {
  Profile result;
  result.exchanges = exchanges;
  result.flows = 10;
  result.deliveries = exchanges;
  result.rows = std::move(rows);
  for (const auto& [row, entry] : result.rows) {
    if (row.whole != Whole::exchanges && row.whole != Whole::flows) continue;
    if (entry.severity < Severity::warning) continue;
    Entry& total = result.totals[{row.whole, row.label, {}}];
    total.count += entry.count;
    total.severity = std::max(total.severity, entry.severity);
  }
  return result;
}

Row cause(std::string label, std::string server = "10.0.0.1:80") {
  return {Whole::exchanges, std::move(label), std::move(server)};
}

std::string kinds(const Changes& changes) {
  std::string text;
  for (const Change& each : changes.list)
    text += each.row.label + " " + std::string{name(each.kind)} + "\n";
  return text;
}

TEST(Changes, AreOfRatesNotOfCounts) {
  const Profile before = profile(1000, {{cause("no-response"), {100, Severity::error}},
                                        {cause("slow-response"), {10, Severity::warning}},
                                        {cause("client-timeout"), {5, Severity::error}}});
  const Profile after = profile(100, {{cause("no-response"), {10, Severity::error}},
                                      {cause("slow-response"), {10, Severity::warning}},
                                      {cause("ack-negative"), {1, Severity::error}}});
  const Changes changes = changes_between(before, after, true);
  EXPECT_EQ(kinds(changes),
            "ack-negative new\nslow-response more\nclient-timeout gone\nno-response same\n");
  EXPECT_TRUE(changes.worse);
  const Changes back = changes_between(after, before, true);
  EXPECT_EQ(kinds(back),
            "client-timeout new\nslow-response fewer\nack-negative gone\nno-response same\n");
}

TEST(Changes, NothingIsWorseThatIsOnlyFewerOrARemark) {
  const Profile before = profile(100, {{cause("no-response"), {50, Severity::error}}});
  const Profile after =
      profile(100, {{cause("no-response"), {1, Severity::error}},
                    {cause("http-client-error"), {1, Severity::info}},
                    {{Whole::none, "capture-gap", {}}, {1, Severity::warning}},
                    {{Whole::deliveries, "delivery-recovered", {}}, {10, Severity::ok}}});
  EXPECT_FALSE(changes_between(before, after, true).worse);
}

// It is there or it is not, in one capture each.
TEST(Changes, OfACaptureAsAWholeThereIsNoRate) {
  const auto with = [](const char* label) {
    return profile(100, {{{Whole::none, label, {}}, {2, Severity::warning}}});
  };
  const Profile clean = profile(100, {}), cut = with("capture-file-truncated"),
                pattern = with("keepalive-mismatch");
  const Changes quality = changes_between(clean, cut, true);
  EXPECT_EQ(kinds(quality), "capture-file-truncated new\n");
  EXPECT_FALSE(quality.list[0].beyond_chance);
  EXPECT_FALSE(quality.worse);
  EXPECT_NE(text(clean, cut, quality)
                .find("NEW    capture-file-truncated\n       in 0 of 1 -> in 1 of 1 captures\n"),
            std::string::npos)
      << text(clean, cut, quality);
  // What many connections show together is of the traffic.
  EXPECT_TRUE(changes_between(clean, pattern, true).worse);
  EXPECT_FALSE(changes_between(clean, pattern, true).list[0].beyond_chance);
  EXPECT_EQ(kinds(changes_between(pattern, pattern, true)), "keepalive-mismatch same\n");
}

TEST(Changes, ByLabelPutsServersTogether) {
  const Profile before =
      profile(100, {{cause("no-response", "10.0.0.1:80"), {5, Severity::error}}});
  const Profile after = profile(100, {{cause("no-response", "10.0.0.2:80"), {5, Severity::error}}});
  EXPECT_EQ(kinds(changes_between(before, after, true)), "no-response new\nno-response gone\n");
  EXPECT_EQ(changes_between(before, after, true).notes.size(), 1u);
  EXPECT_EQ(kinds(changes_between(before, after, false)), "no-response same\n");
}

/// `servers` refused, of 3000 connections; the report names two servers only.
Profile refused(std::uint64_t servers) {
  Profile result;
  result.name = "refused.json";
  result.flows = 3000;
  for (const char* server : {"10.0.0.1:80", "10.0.0.2:80"})
    result.rows[{Whole::flows, "connect-refused", server}] = {1, Severity::error};
  result.totals[{Whole::flows, "connect-refused", {}}] = {servers, Severity::error};
  result.listed_causes = 2;
  result.omitted_causes = servers - 2;
  return result;
}

TEST(Changes, RatesAreOfAllCausesThoughNotAllAreListed) {
  for (const bool by_server : {false, true}) {
    const Changes changes = changes_between(refused(200), refused(2900), by_server);
    EXPECT_EQ(kinds(changes), "connect-refused more\n") << by_server;
    EXPECT_EQ(changes.list[0].before, 200u);
    EXPECT_EQ(changes.list[0].after, 2900u);
    EXPECT_TRUE(changes.worse);
    EXPECT_FALSE(changes_between(refused(2900), refused(200), by_server).worse);
  }
}

TEST(Changes, WhatIsNotListedByServerPassesNoGate) {
  const Changes by_server = changes_between(refused(200), refused(200), true);
  EXPECT_NE(by_server.incomparable.find("limits.max_causes"), std::string::npos);
  EXPECT_EQ(by_server.notes,
            std::vector<std::string>(2,
                                     "refused.json names the servers of its first 2 causes only "
                                     "(limits.max_causes): connect-refused is counted whichever "
                                     "server."));
  EXPECT_EQ(changes_between(refused(200), refused(200), false).incomparable, "");
}

Profile with_annotation(const char* label, std::uint64_t count, Severity severity) {
  Profile result = profile(100, {});
  result.totals[{Whole::exchanges, label, {}, true}] = {count, severity};
  return result;
}

TEST(Changes, AWarningBesideAnotherLabelCounts) {
  const Profile healthy = profile(100, {});
  for (const bool by_server : {false, true}) {
    const Changes changes = changes_between(
        healthy, with_annotation("loss-recovery-delay", 5, Severity::warning), by_server);
    EXPECT_EQ(kinds(changes), "loss-recovery-delay new\n");
    EXPECT_TRUE(changes.worse);
    EXPECT_EQ(changes.list[0].row.annotation, by_server);
    EXPECT_EQ(changes.list[0].after_of, 100u);
  }
}

TEST(Changes, AnAnnotationAboutTheCaptureIsShownAndNoWorse) {
  const Changes changes =
      changes_between(profile(100, {}), with_annotation("capture-gap", 5, Severity::warning), true);
  EXPECT_EQ(kinds(changes), "capture-gap new\n");
  EXPECT_FALSE(changes.worse);
}

// Where it is the label or stands beside another one, it happened.
TEST(Changes, ByLabelLabelAndAnnotationAreOne) {
  const Profile label = profile(100, {{cause("slow-response"), {5, Severity::warning}}});
  const Changes changes =
      changes_between(with_annotation("slow-response", 5, Severity::warning), label, false);
  EXPECT_EQ(kinds(changes), "slow-response same\n");
  EXPECT_FALSE(changes.worse);
}

// What could not be counted is neither gone nor fine.
TEST(Changes, WhereNothingWasMeasuredNothingIsGone) {
  const Profile before = profile(100, {{cause("no-response"), {5, Severity::error}},
                                       {{Whole::none, "host-failing", {}}, {1, Severity::error}}});
  Profile empty;
  empty.name = "empty.pcap";
  const Changes after_nothing = changes_between(before, empty, true);
  EXPECT_EQ(kinds(after_nothing), "no-response unmeasured\nhost-failing unmeasured\n");
  EXPECT_EQ(after_nothing.incomparable, "empty.pcap holds no connection");
  EXPECT_EQ(text(before, empty, after_nothing).find("got worse"), std::string::npos);
  EXPECT_NE(json(before, empty, after_nothing).find("\"incomparable\":\"empty.pcap"),
            std::string::npos);
  const Changes before_nothing = changes_between(empty, before, true);
  EXPECT_EQ(kinds(before_nothing), "no-response unmeasured\nhost-failing unmeasured\n");
  EXPECT_FALSE(before_nothing.worse);
  EXPECT_EQ(before_nothing.incomparable, "empty.pcap holds no connection");
  EXPECT_FALSE(changes_between(empty, empty, true).incomparable.empty());
}

TEST(Changes, WhatIsFoundIsMeasured) {
  Profile mute = profile(0, {{{Whole::none, "dns-failed", {}}, {1, Severity::error}}});
  mute.flows = 0;
  const Changes changes = changes_between(profile(100, {}), mute, true);
  EXPECT_EQ(kinds(changes), "dns-failed new\n");
  EXPECT_TRUE(changes.worse);
}

TEST(Changes, AWarningThatHasBecomeAnErrorIsWorse) {
  const Profile warned = profile(100, {{cause("connect-abandoned"), {5, Severity::warning}}});
  const Profile failed = profile(100, {{cause("connect-abandoned"), {5, Severity::error}}});
  const Changes changes = changes_between(warned, failed, true);
  EXPECT_EQ(kinds(changes), "connect-abandoned more\n");
  EXPECT_TRUE(changes.worse);
  EXPECT_NE(text(warned, failed, changes).find("; error now"), std::string::npos);
  EXPECT_FALSE(changes_between(failed, warned, true).worse);
}

TEST(Changes, RequestsAreNotMeasuredByConnectionsWithoutOne) {
  const Profile before =
      profile(100, {{cause("no-response"), {5, Severity::error}},
                    {{Whole::flows, "connect-refused", {}}, {1, Severity::error}}});
  const Profile mute = profile(0, {});
  const Changes changes = changes_between(before, mute, true);
  EXPECT_EQ(kinds(changes), "no-response unmeasured\nconnect-refused gone\n");
  EXPECT_NE(changes.incomparable, "");
  // The other way round: what fails now could not fail before.
  EXPECT_TRUE(changes_between(mute, before, true).worse);
  EXPECT_EQ(changes_between(mute, before, true).incomparable, "");
}

/// Exit status of httpdiag diff, and what it printed.
std::pair<int, std::string> diff(const char* before, const char* after, bool gate) {
  std::vector<const char*> argv{"httpdiag", "diff", before, after};
  if (gate) argv.push_back("--fail-on-new");
  std::ostringstream out, err;
  const int status = cli::run(static_cast<int>(argv.size()), argv.data(), {.out = out, .err = err});
  return {status, out.str()};
}

TEST(Diff, AFreshCaptureThatHoldsNothingPassesNoGate) {
  const auto path = (std::filesystem::path{testing::TempDir()} /
                     ("httpdiag-nothing-" + std::to_string(::getpid())))
                        .string();
  std::ofstream{path, std::ios::binary}
      << std::string("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0", 24);
  const char* full = "pcaps/no-response.pcap";
  for (const auto& [before, after] : {std::pair{full, path.c_str()}, {path.c_str(), full}}) {
    const auto [status, text] = diff(before, after, true);
    EXPECT_EQ(status, 2);
    EXPECT_EQ(text.find("GONE"), std::string::npos) << text;
    EXPECT_NE(text.find("Cannot be compared: " + path + " holds no connection."), std::string::npos)
        << text;
    EXPECT_EQ(diff(before, after, false).first, 0);
  }
  EXPECT_EQ(diff(full, full, true).first, 0);
  std::filesystem::remove(path);
}

TEST(Profiles, OfACaptureAndOfItsReportsAreTheSame) {
  const std::string pcap = "pcaps/delivery-rejected--after-six-attempts.pcap";
  const Profile profile = load_profile(pcap, {});
  EXPECT_EQ(profile.exchanges, 7u);
  EXPECT_EQ(profile.rows.at({Whole::deliveries, "delivery-rejected", {}}).count, 1u);
  EXPECT_EQ(profile.rows.at({Whole::exchanges, "client-timeout", "203.0.113.9:8080"}).count, 6u);
}

TEST(Profiles, CountAllThoughTheReportListsOneCause) {
  const std::string pcap = "pcaps/tls-plaintext-mismatch--http-to-tls.pcap";
  const Profile whole = load_profile(pcap, {});
  ASSERT_GE(whole.listed_causes, 3u);
  EXPECT_TRUE(capped_labels(whole).empty());
  Settings few;
  few.limits.max_causes = 1;
  const Profile cut = load_profile(pcap, few);
  EXPECT_EQ(cut.listed_causes, 1u);
  EXPECT_FALSE(capped_labels(cut).empty());
  const auto counts = [](const Profile& profile, bool by_server, const std::set<std::string>& cap) {
    std::map<std::string, std::uint64_t> sums;
    for (const auto& [row, entry] : comparable_rows(profile, by_server, cap))
      sums[row.label] += entry.count;
    return sums;
  };
  EXPECT_EQ(counts(cut, true, capped_labels(cut)), counts(whole, true, {}));
  EXPECT_EQ(counts(cut, false, {}), counts(whole, false, {}));
}

TEST(Profiles, ARequestStaysOneThoughTheReportHasNoRoomForIt) {
  Settings few;
  few.limits.max_exchanges_per_flow = 1;
  const Profile profile = load_profile("pcaps/http-server-error--switched-off.pcap", few);
  std::set<std::string> of_exchanges, of_flows;
  for (const auto& [row, entry] : profile.rows) {
    if (row.whole == Whole::exchanges) of_exchanges.insert(row.label);
    if (row.whole == Whole::flows) of_flows.insert(row.label);
  }
  EXPECT_EQ(of_exchanges, (std::set<std::string>{"http-gateway-error", "http-server-error"}));
  EXPECT_EQ(of_flows, std::set<std::string>{});
}

TEST(Profiles, WhatIsNoReportIsRefused) {
  const auto path = std::filesystem::path{testing::TempDir()} /
                    ("httpdiag-no-report-" + std::to_string(::getpid()));
  for (const char* text : {"{", "{}", "{\"schema\":\"httpdiag.report/2\"}", "{\"type\":\"flow\"}",
                           "{\"schema\":\"httpdiag.report/1\",\"tool\":3}",
                           "{\"type\":\"summary\",\"schema\":\"httpdiag.report/1\""}) {
    std::ofstream{path} << text;
    EXPECT_THROW(load_profile(path.string(), {}), Error) << text;
  }
  std::filesystem::remove(path);
  EXPECT_THROW(load_profile("pcaps/not-there.pcap", {}), Error);
}

}  // namespace
}  // namespace httpdiag::compare
