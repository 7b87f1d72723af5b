// SPDX-License-Identifier: Apache-2.0
#include "rules/dns_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace httpdiag::rules {
namespace {

using namespace std::chrono_literals;

const Endpoint kServer{IpAddress::v4(0x0a000035), 53};

/// One that began `at` and was decided 2 s later.
DnsLookup lookup(std::string name, std::chrono::seconds at, DnsOutcome outcome) {
  static PacketNumber number = 0;
  DnsLookup told;
  told.client = IpAddress::v4(0x0a010005);
  told.server = kServer;
  told.name = std::move(name);
  told.outcome = outcome;
  told.queries = 2;
  told.servers = 1;
  told.first_query = {++number, Timestamp{at}};
  told.last_query = told.decided = {++number, Timestamp{at + 2s}};
  told.took = 2s;
  return told;
}

std::vector<Finding> findings_of(const std::vector<DnsLookup>& lookups, bool deaf = false) {
  const Settings settings;
  LookupFindings findings{settings};
  for (const DnsLookup& each : lookups) findings.on_lookup(each);
  return findings.finish([&](const IpAddress&) { return deaf; });
}

// A capture of what the client sends alone lacks the answers, whatever they were.
TEST(LookupFindings, SilenceTowardsAHostThatNothingIsSentToIsNoFailure) {
  const std::vector<DnsLookup> unanswered = {lookup("a.example", 1000s, DnsOutcome::unanswered),
                                             lookup("b.example", 1001s, DnsOutcome::unanswered),
                                             lookup("c.example", 1002s, DnsOutcome::unanswered)};
  EXPECT_EQ(findings_of(unanswered).size(), 1u);
  EXPECT_TRUE(findings_of(unanswered, true).empty());
  std::vector<DnsLookup> others = unanswered;
  for (DnsLookup& each : others) each.server_heard = true;
  EXPECT_EQ(findings_of(others, true).size(), 1u);
  EXPECT_EQ(findings_of({lookup("a.example", 1000s, DnsOutcome::no_such_name)}, true).size(), 1u);
}

TEST(LookupFindings, ManyNamesOfOneSilentServerAreOneOutage) {
  std::vector<DnsLookup> lookups;
  for (int i = 0; i < 20; ++i)
    lookups.push_back(
        lookup("n" + std::to_string(i % 5) + ".example", 1000s + 3s * i, DnsOutcome::unanswered));
  const auto findings = findings_of(lookups);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].detail,
            "For 59 s 10.0.0.53:53 did not answer in 20 lookups of 5 names by 1 host: n0.example, "
            "n1.example, n2.example, n3.example, n4.example. No connection followed.");
  EXPECT_EQ(findings[0].severity, Severity::error);
}

TEST(LookupFindings, OneNameIsOneFindingHoweverOften) {
  const auto findings = findings_of({lookup("a.example", 0s, DnsOutcome::unanswered),
                                     lookup("a.example", 10s, DnsOutcome::unanswered),
                                     lookup("a.example", 600s, DnsOutcome::unanswered)});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].detail.find("could not resolve a.example (3 times in 10 min 2 s)"),
            std::string::npos)
      << findings[0].detail;
}

TEST(LookupFindings, NamesThatDoNotExistAreNoOutage) {
  EXPECT_EQ(findings_of({lookup("a.example", 0s, DnsOutcome::no_such_name),
                         lookup("b.example", 1s, DnsOutcome::no_such_name),
                         lookup("c.example", 2s, DnsOutcome::no_such_name)})
                .size(),
            3u);
}

TEST(LookupFindings, FailuresFarFromEachOtherAreNoOutage) {
  EXPECT_EQ(findings_of({lookup("a.example", 0s, DnsOutcome::unanswered),
                         lookup("b.example", 100s, DnsOutcome::unanswered),
                         lookup("c.example", 200s, DnsOutcome::unanswered)})
                .size(),
            3u);
}

TEST(LookupFindings, AreBoundedWhateverIsAsked) {
  std::vector<DnsLookup> lookups;
  for (int i = 0; i < 10'000; ++i)
    lookups.push_back(lookup("n" + std::to_string(i) + ".example", 1s * i, DnsOutcome::no_address));
  EXPECT_EQ(findings_of(lookups).size(), 256u);
}

}  // namespace
}  // namespace httpdiag::rules
