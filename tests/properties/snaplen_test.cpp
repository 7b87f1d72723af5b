// SPDX-License-Identifier: Apache-2.0
// What was cut off when the packets were recorded is unknown, not absent: a short snaplen may hide
// a problem, and may leave open whose it is, but it makes none, and accuses nobody else.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "properties/recording.hpp"

namespace httpdiag::test {
namespace {

enum class Accused : std::uint8_t { client, server, network };

/// What is said against somebody in a flow and its exchanges.
struct Charges {
  std::set<Accused> any;   // in a warning or an error, however sure
  std::set<Accused> sure;  // of them, with some confidence
  bool trouble = false;    // a warning or an error, whosever fault

  void add(const Finding& finding) {
    if (finding.severity < Severity::warning || info(finding.label).phase == Phase::capture) return;
    trouble = true;
    const auto accused = [&]() -> std::optional<Accused> {
      switch (finding.fault.party) {
        case Party::client_app:
        case Party::client_host:
          return Accused::client;
        case Party::server_app:
        case Party::server_host:
          return Accused::server;
        case Party::network:
          return Accused::network;
        case Party::none:
        case Party::capture:
        case Party::unknown:
          return std::nullopt;
      }
      return std::nullopt;
    }();
    if (!accused) return;
    any.insert(*accused);
    if (finding.fault.confidence > Confidence::low) sure.insert(*accused);
  }
};

using Ends = std::pair<Endpoint, Endpoint>;

/// By the ends of the flow: who is its client may be less certain in the cut one.
std::map<Ends, Charges> charges(const Outcome& outcome) {
  std::map<Ends, Charges> all;
  for (const FlowReport& flow : outcome.flows) {
    Charges& own = all[std::minmax(flow.client, flow.server)];
    for (const Finding& finding : flow.findings) own.add(finding);
    for (const ExchangeReport& exchange : flow.exchanges) {
      for (const Finding& finding : exchange.findings) own.add(finding);
    }
  }
  return all;
}

Recording cut(const Recording& recording, std::size_t snaplen) {
  Recording changed = recording;
  for (RecordedPacket& packet : changed.packets) {
    packet.bytes.resize(std::min(packet.bytes.size(), snaplen));
  }
  return changed;
}

struct Exception {
  std::string_view name;
  std::size_t snaplen;  // the longest that needs it
  std::string_view why;
};

constexpr std::array kExceptions = {
    Exception{"closed-without-response--http2-to-a-port-of-http1", 68,
              "the first two bytes of the preface begin methods, too"},
    Exception{"ok--happy-eyeballs-rejected", 96,
              "which SYN the ICMPv6 error quotes is behind the cut"},
    Exception{"request-not-acked--vantage-in-doubt", 68,
              "what speaks against the place of the capture is a checksum over all of the packet"},
    Exception{"slow-response--long-poll", 68, "what the request asks for is behind the cut"},
    Exception{"slow-response--long-polls-of-products", 128, "likewise"},
    Exception{"tls-plaintext-mismatch--http-to-tls", 68,
              "two bytes of a TLS record do not tell that the port speaks TLS"},
};

bool excepted(const Recording& recording, std::size_t snaplen) {
  return std::any_of(kExceptions.begin(), kExceptions.end(), [&](const Exception& exception) {
    return exception.name == recording.name && snaplen <= exception.snaplen;
  });
}

TEST(SnaplenProperty, AccusesNobodyElse) {
  for (const Recording& recording : recordings()) {
    const auto whole = charges(analyse(recording));
    for (const std::size_t snaplen : {68U, 96U, 128U}) {
      if (excepted(recording, snaplen)) continue;
      const Outcome outcome = analyse(cut(recording, snaplen));
      EXPECT_EQ(faults_of(outcome), "") << recording.name;
      for (const auto& [ends, found] : charges(outcome)) {
        SCOPED_TRACE(recording.name + " at " + std::to_string(snaplen) + "\n" +
                     joined(verdicts(outcome)));
        const auto before = whole.find(ends);
        if (before == whole.end()) {
          EXPECT_FALSE(found.trouble) << "a flow that is not there";
          continue;
        }
        EXPECT_TRUE(before->second.trouble || !found.trouble) << "a healthy flow";
        EXPECT_TRUE(std::includes(before->second.any.begin(), before->second.any.end(),
                                  found.sure.begin(), found.sure.end()))
            << "another side is accused";
      }
    }
  }
}

/// Lookups are findings about the capture: label and sentence as far as the name.
std::set<std::string> lookups(const Outcome& outcome) {
  std::set<std::string> told;
  for (const Finding& finding : outcome.report.findings) {
    if (info(finding.label).phase == Phase::dns)
      told.insert(std::string{info(finding.label).id} +
                  finding.detail.substr(0, finding.detail.find(':')));
  }
  return told;
}

TEST(SnaplenProperty, NoLookupFailsForWhatWasCutOff) {
  for (const Recording& recording : recordings()) {
    const auto whole = lookups(analyse(recording));
    for (std::size_t snaplen = 54; snaplen <= 144; snaplen += 6) {
      const auto found = lookups(analyse(cut(recording, snaplen)));
      EXPECT_TRUE(std::includes(whole.begin(), whole.end(), found.begin(), found.end()))
          << recording.name << " at " << snaplen;
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
