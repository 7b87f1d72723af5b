// SPDX-License-Identifier: Apache-2.0
// Scenarios seen from two points (testdata/pairs), held against the expectations in their comments;
// and what must not matter: whether both captures are one and the same, which is given first.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "httpdiag/analysis.hpp"
#include "properties/capture_bytes.hpp"
#include "support/analyse.hpp"
#include "support/scenario.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

namespace fs = std::filesystem;

/// With the summary that the report borrows.
struct Both {
  std::unique_ptr<PacketSource> client, server;
  std::unique_ptr<BothEnds> ends;
  std::vector<FlowReport> flows;
  Report report;

  Both(const std::string& at_client, const std::string& at_server, bool recover = false,
       const Query& query = {})
      : client{open_capture(at_client, {.digest = false, .recover = recover})},
        server{open_capture(at_server, {.digest = false, .recover = recover})},
        ends{std::make_unique<BothEnds>(*client, *server)} {
    Collector collector;
    report = analyze(*ends, Settings{}, collector, nullptr, query);
    flows = std::move(collector.flows);
    std::sort(flows.begin(), flows.end(),
              [](const FlowReport& a, const FlowReport& b) { return a.id < b.id; });
  }
};

/// A flow or an exchange of it: "2" or "2.1".
struct Place {
  Label label{};
  const std::vector<Finding>* findings = nullptr;
  const ExchangeReport* exchange = nullptr;
  const FlowReport* flow = nullptr;

  const Finding* primary() const {
    const auto found = std::find_if(findings->begin(), findings->end(),
                                    [&](const Finding& each) { return each.label == label; });
    return found == findings->end() ? nullptr : &*found;
  }
};

std::optional<Place> place(const std::vector<FlowReport>& flows, const std::string& text) {
  const auto dot = text.find('.');
  const auto id = static_cast<std::uint32_t>(std::stoul(text.substr(0, dot)));
  for (const FlowReport& flow : flows) {
    if (flow.id != FlowId{id}) continue;
    if (dot == std::string::npos) return Place{flow.label, &flow.findings, nullptr, &flow};
    for (const ExchangeReport& each : flow.exchanges) {
      if (each.index == std::stoul(text.substr(dot + 1)))
        return Place{each.label, &each.findings, &each, &flow};
    }
  }
  return std::nullopt;
}

/// Whether the report says a label of anything, or counts it.
bool carried(const Both& both, Label label) {
  const auto in = [&](const auto& judged) {
    return judged.label == label || std::count(judged.labels.begin(), judged.labels.end(), label) ||
           std::any_of(judged.findings.begin(), judged.findings.end(),
                       [&](const Finding& finding) { return finding.label == label; });
  };
  const auto place = static_cast<std::size_t>(label);
  return both.report.annotations[place] + both.report.flow_labels[place] +
                 both.report.exchange_labels[place] !=
             0 ||
         std::any_of(both.flows.begin(), both.flows.end(), [&](const FlowReport& flow) {
           return in(flow) || std::any_of(flow.exchanges.begin(), flow.exchanges.end(), in);
         });
}

class Pairs : public testing::TestWithParam<std::string> {
 protected:
  static fs::path file(const std::string& end) {
    return fs::path{"pairs"} / (GetParam() + "." + end);
  }
  void check(const std::string& line, const Both& both);
  void check_place(const std::string& what, const std::string& rest, const Both& both);
  static void check_way(const Crossing& way, std::istringstream& words);
};

/// "lost 5", "least-delay 10000" (microseconds, to one millisecond); several with commas.
void Pairs::check_way(const Crossing& way, std::istringstream& words) {
  std::string what;
  for (std::uint64_t count = 0; words >> what >> count; words.ignore(1, ',')) {
    if (what == "least-delay" || what == "most-delay") {
      const auto& delay = what == "least-delay" ? way.least_delay : way.most_delay;
      ASSERT_TRUE(delay);
      EXPECT_NEAR(static_cast<double>(delay->count()) / 1000, static_cast<double>(count), 1000);
      continue;
    }
    const std::uint64_t found = what == "lost"           ? way.lost
                                : what == "sent"         ? way.sent
                                : what == "unknown"      ? way.unknown
                                : what == "not-sent"     ? way.not_sent
                                : what == "not-recorded" ? way.not_recorded
                                                         : ~std::uint64_t{0};
    EXPECT_EQ(found, count) << what;
  }
}

/// "fault 1.2: network", and the like.
void Pairs::check_place(const std::string& what, const std::string& rest, const Both& both) {
  const auto colon = std::min(rest.find(':'), rest.size());
  const auto found = place(both.flows, rest.substr(0, colon));
  ASSERT_TRUE(found);
  const std::string word = colon + 2 < rest.size() ? rest.substr(colon + 2) : std::string{};
  if (what == "expect") {
    EXPECT_EQ(info(found->label).id, word);
  } else if (what == "presence") {
    ASSERT_TRUE(found->flow->views);
    EXPECT_EQ(name(found->flow->views->presence), word);
  } else if (what == "retry") {
    EXPECT_EQ(name(found->exchange->retry), word);
  } else if (what == "delivery") {
    for (const Delivery& each : both.report.deliveries.list) {
      const auto& attempt = each.attempts.front();
      if (attempt.flow == found->flow->id && attempt.exchange == found->exchange->index) {
        EXPECT_EQ(name(each.verdict), word);
      }
    }
  } else {
    const Finding* finding = found->primary();
    ASSERT_NE(finding, nullptr);
    if (what == "fault") {
      EXPECT_EQ(name(finding->fault.party), word);
    } else if (what == "confidence") {
      EXPECT_EQ(name(finding->fault.confidence), word);
    } else if (what == "settle") {
      EXPECT_EQ(finding->settle.has_value(), word != "none");
    } else if (what == "says") {
      EXPECT_NE(finding->detail.find(word), std::string::npos) << finding->detail;
    }
    if (what != "unraised") return;
    const Outcome alone = [] {
      Settings settings;
      settings.vantage = VantagePoint::client;
      return analyse_file(file("client.pcap"), settings);
    }();
    const auto before = place(alone.flows, rest);
    ASSERT_TRUE(before && before->primary());
    EXPECT_EQ(finding->fault.party, before->primary()->fault.party);
    EXPECT_EQ(finding->fault.confidence, before->primary()->fault.confidence);
  }
}

void Pairs::check(const std::string& line, const Both& both) {
  std::istringstream words{line};
  std::string what;
  words >> what;
  const Views& views = *both.report.views;
  std::string rest;
  if (what == "expect") {
    words >> rest;  // "flow" or "exchange"
    std::getline(words >> std::ws, rest);
    check_place(what, rest, both);
  } else if (what == "to-server:" || what == "to-client:") {
    check_way(views.ways[what == "to-server:" ? 0 : 1], words);
  } else if (what == "clock:") {
    std::int64_t offset_us = 0, drift_ppm = 0;
    words >> offset_us >> drift_ppm;
    ASSERT_TRUE(views.clock);
    EXPECT_TRUE(views.clock->steady);
    EXPECT_NEAR(static_cast<double>(views.clock->offset.count()) / 1000,
                static_cast<double>(offset_us), 100);
    EXPECT_NEAR(static_cast<double>(views.clock->uncertainty.count()) / 1000, 10'000, 10);
    EXPECT_NEAR(static_cast<double>(views.clock->drift_ppb.value_or(0)) / 1000,
                static_cast<double>(drift_ppm), 1);
  } else if (what == "headline:") {
    std::getline(words >> std::ws, rest);
    EXPECT_NE(both.report.headline.find(rest), std::string::npos) << both.report.headline;
  } else if (what == "on-the-way:") {
    words >> rest;
    EXPECT_EQ(views.on_the_way, (std::array{rest == "client", rest == "server"}));
  } else if (what == "never:" || what == "noted:") {
    while (words >> rest) {
      if (rest.ends_with(',')) rest.pop_back();
      const RuleInfo* rule = find_rule(rest);
      ASSERT_NE(rule, nullptr) << rest;
      EXPECT_EQ(carried(both, rule->label), what == "noted:") << rest;
    }
  } else if (what == "worst:") {
    words >> rest;
    EXPECT_LE(both.report.worst, rest == "ok" ? Severity::ok : Severity::info);
  } else if (what == "joined:" || what == "translated:" || what == "renumbered:" ||
             what == "replaced:") {
    std::uint64_t count = 0;
    words >> count;
    EXPECT_EQ(what == "joined:"       ? views.joined
              : what == "translated:" ? views.translated
              : what == "renumbered:" ? views.renumbered
                                      : views.replaced,
              count);
  } else {
    for (const char* known :
         {"fault", "confidence", "settle", "retry", "presence", "delivery", "says", "unraised"}) {
      if (what != known) continue;
      std::getline(words >> std::ws, rest);
      check_place(what, rest, both);
    }
  }
}

TEST_P(Pairs, CapturesAreThoseOfTheScenario) {
  const std::string text = read_file(file("txt"));
  EXPECT_TRUE(read_file(file("client.pcap")) == to_pcap(play(text, Side::client)));
  EXPECT_TRUE(read_file(file("server.pcap")) == to_pcap(play(text, Side::server)));
}

TEST_P(Pairs, ProveWhatTheScenarioSays) {
  const Both both{file("client.pcap"), file("server.pcap")};
  ASSERT_TRUE(both.report.views);
  EXPECT_FALSE(both.report.views->swapped);
  // A number alone is that of a packet of either capture.
  const std::regex bare{"packets? [0-9]"};
  for (const FlowReport& flow : both.flows) {
    for (const Finding& each : flow.findings)
      EXPECT_FALSE(std::regex_search(each.detail, bare)) << each.detail;
    for (const ExchangeReport& exchange : flow.exchanges) {
      for (const Finding& each : exchange.findings)
        EXPECT_FALSE(std::regex_search(each.detail, bare)) << each.detail;
    }
  }
  std::istringstream text{read_file(file("txt"))};
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("# ")) continue;
    SCOPED_TRACE(line);
    check(line.substr(2), both);
  }
}

// Whatever was given as --client, nobody is accused because of it.
TEST_P(Pairs, TheWrongWayRoundAreNoticed) {
  const Both both{file("server.pcap"), file("client.pcap")};
  const Views& views = *both.report.views;
  if (views.joined == 0) return;
  EXPECT_TRUE(views.swapped);
  for (const FlowReport& flow : both.flows) {
    for (const ExchangeReport& exchange : flow.exchanges) {
      for (const Finding& finding : exchange.findings)
        EXPECT_EQ(finding.fault.confidence, Confidence::low) << info(finding.label).id;
    }
  }
}

// Cut anywhere, either capture still gives a report, and accounts for its packets.
TEST_P(Pairs, CutCapturesAreJoinedAsFarAsTheyGo) {
  const std::string whole = read_file(file("server.pcap"));
  const fs::path cut = fs::path{testing::TempDir()} / ("pairs-" + GetParam() + ".pcap");
  for (std::size_t size = 24; size < whole.size(); size += 97) {
    std::ofstream{cut, std::ios::binary}.write(whole.data(), static_cast<std::streamsize>(size));
    const Both both{file("client.pcap"), cut};
    const Ledger& ledger = both.report.ledger;
    std::uint64_t sum = ledger.decoded + ledger.duplicates + ledger.filtered;
    for (const std::uint64_t skipped : ledger.skipped) sum += skipped;
    EXPECT_EQ(sum, ledger.packets);
  }
  fs::remove(cut);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Pairs, testing::ValuesIn(stems(files("pairs", ".txt"))),
                         [](const auto& param) { return test_name(param.param); });

class SameTwice : public testing::TestWithParam<std::string> {};

// A capture beside itself: nothing is lost, nothing comes from nowhere, the labels stay; and it is
// noticed, where enough packets tell.
TEST_P(SameTwice, SaysWhatItSaysAlone) {
  const fs::path path = fs::path{"pcaps"} / (GetParam() + ".pcap");
  Settings settings;
  settings.vantage = VantagePoint::client;
  const Outcome alone = analyse_file(path, settings);
  const Both both{path, path};
  const Views& views = *both.report.views;
  EXPECT_FALSE(views.swapped);
  if (views.clock) {
    EXPECT_EQ(views.clock->offset, Duration{0});
    EXPECT_EQ(views.clock->uncertainty, Duration{0});
    EXPECT_FALSE(views.clock->drift_ppb);
  }
  for (const Crossing& way : views.ways) {
    EXPECT_EQ(way.lost, 0u);
    EXPECT_EQ(way.not_sent, 0u);
    EXPECT_EQ(way.altered, 0u);
  }
  EXPECT_EQ(both.report.flow_labels, alone.report.flow_labels);
  EXPECT_EQ(both.report.exchange_labels, alone.report.exchange_labels);
  if (views.same_point) {
    EXPECT_TRUE(both.report.headline.starts_with("Both captures were taken at one point"));
  }
  EXPECT_TRUE(both.report.headline.ends_with(alone.report.headline));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, SameTwice, testing::ValuesIn(stems(files("pcaps", ".pcap"))),
                         [](const auto& param) { return test_name(param.param); });

/// What remains of a classic pcap over Ethernet and IPv4 when only packets towards, or from, the
/// lower port of the two are kept, which is the server's in all pairs.
std::string one_direction(const std::string& pcap, bool to_server) {
  constexpr std::size_t kFileHeader = 24, kRecordHeader = 16, kLength = 8, kPorts = 34;
  const auto port_at = [&](std::size_t at) {
    return static_cast<std::uint8_t>(pcap[at]) << 8 | static_cast<std::uint8_t>(pcap[at + 1]);
  };
  std::string kept = pcap.substr(0, kFileHeader);
  for (std::size_t at = kFileHeader; at + kRecordHeader <= pcap.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, pcap.data() + at + kLength, sizeof length);
    const std::size_t packet = at + kRecordHeader;
    const std::string record = pcap.substr(at, kRecordHeader + length);
    at += record.size();
    if (length < kPorts + 4) continue;  // it marks the end
    const bool towards = port_at(packet + kPorts) > port_at(packet + kPorts + 2);
    if (towards == to_server) kept += record;
  }
  return kept;
}

class OneDirection : public testing::TestWithParam<std::string> {};

// As of a host whose answers leave by another network card: what such a capture cannot hold is not
// said to be missing.
TEST_P(OneDirection, AtTheServerProvesNothingOfTheOther) {
  const fs::path pair = fs::path{"pairs"} / GetParam();
  const std::string server = read_file(pair.string() + ".server.pcap");
  const auto said = [&](bool arrivals) {
    const MemoryFile half{one_direction(server, arrivals)};
    const Both both{pair.string() + ".client.pcap", half.path()};
    std::string all;
    for (const FlowReport& flow : both.flows) {
      for (const Finding& finding : flow.findings) all += finding.detail + '\n';
      for (const ExchangeReport& exchange : flow.exchanges) {
        for (const Finding& finding : exchange.findings) all += finding.detail + '\n';
      }
    }
    return all;
  };
  const std::string of_arrivals = said(true), of_departures = said(false);
  for (const char* claim : {"never left the server", "no answer left it",
                            "nothing left it in reply", "whose TCP never acknowledged it"})
    EXPECT_EQ(of_arrivals.find(claim), std::string::npos) << of_arrivals;
  for (const char* claim : {"none of it reached the server", "none reached the server",
                            "never reached the server", "reached the server in no case"})
    EXPECT_EQ(of_departures.find(claim), std::string::npos) << of_departures;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, OneDirection, testing::ValuesIn(stems(files("pairs", ".txt"))),
                         [](const auto& param) { return test_name(param.param); });

// Which of the two, and up to which packet of it.
TEST(BrokenOff, ACaptureIsNamedByItsEnd) {
  const std::string pair = "pairs/answer-lost.";
  const MemoryFile client{read_file(pair + "client.pcap").substr(0, 1000)};
  const MemoryFile server{read_file(pair + "server.pcap").substr(0, 1500)};
  const Both both{client.path(), server.path()};
  std::string said;
  for (const Finding& each : both.report.findings) said += each.detail + '\n';
  EXPECT_NE(said.find("The client's capture breaks off"), std::string::npos) << said;
  EXPECT_NE(said.find("everything up to packet client:9 of"), std::string::npos) << said;
  EXPECT_NE(said.find("The server's capture breaks off"), std::string::npos) << said;
  EXPECT_NE(said.find("everything up to packet server:13 of"), std::string::npos) << said;
}

// The ids of the report are of the client's flows.
TEST(BrokenOff, WhatWasOpenIsToldOfEither) {
  const std::string pair = "pairs/answer-lost.";
  const MemoryFile client{read_file(pair + "client.pcap").substr(0, 700)};
  const MemoryFile server{read_file(pair + "server.pcap").substr(0, 700)};
  const Both both{client.path(), server.path()};
  ASSERT_EQ(both.report.open_at_damage.size(), 2u);
  for (const auto& open : both.report.open_at_damage) {
    ASSERT_TRUE(open);
    EXPECT_EQ(open->count, 1u);
  }
  EXPECT_EQ(both.report.open_at_damage[0]->first.size(), 1u);
  EXPECT_TRUE(both.report.open_at_damage[1]->first.empty());
}

/// Where the records of a classic pcap, little-endian, begin; and its end.
std::vector<std::size_t> records_of(const std::string& capture) {
  constexpr std::size_t kFileHeader = 24, kRecordHeader = 16;
  std::vector<std::size_t> begins;
  std::size_t at = kFileHeader;
  while (at + kRecordHeader <= capture.size()) {
    begins.push_back(at);
    std::uint32_t length = 0;
    std::memcpy(&length, capture.data() + at + 8, sizeof length);
    at += kRecordHeader + length;
  }
  begins.push_back(capture.size());
  return begins;
}

class Damaged : public testing::TestWithParam<std::string> {};

// What a damaged stretch of the server's capture held may have been an answer, or the request.
TEST_P(Damaged, AtTheServerProvesNothingByWhatIsGone) {
  const std::string pair = "pairs/" + GetParam();
  const std::string client = pair + ".client.pcap", whole = read_file(pair + ".server.pcap");
  const Both both{client, pair + ".server.pcap"};
  const std::vector<std::size_t> begins = records_of(whole);
  const std::size_t count = begins.size() - 1;
  for (std::size_t first = 0; first + 3 < count; first += std::max<std::size_t>(count / 6, 1)) {
    const std::size_t last = std::min(first + count / 3 + 1, count - 1);
    std::string bytes = whole;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begins[first]),
              bytes.begin() + static_cast<std::ptrdiff_t>(begins[last]), '\0');
    const MemoryFile server{bytes};
    const Both cut{client, server.path(), true};
    ASSERT_EQ(cut.flows.size(), both.flows.size());
    for (std::size_t f = 0; f < cut.flows.size(); ++f) {
      const auto& exchanges = cut.flows[f].exchanges;
      ASSERT_EQ(exchanges.size(), both.flows[f].exchanges.size());
      for (std::size_t i = 0; i < exchanges.size(); ++i) {
        const ExchangeReport& known = both.flows[f].exchanges[i];
        EXPECT_FALSE(exchanges[i].retry == Retry::safe && known.retry != Retry::safe)
            << "without records " << first << " to " << last << ": "
            << httpdiag::info(known.label).id;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Damaged, testing::ValuesIn(stems(files("pairs", ".txt"))),
                         [](const auto& param) { return test_name(param.param); });

TEST(Filtered, TheClientsConnectionIsJoinedWithWhatItIsCalledAtTheServer) {
  Query query;
  query.ports = {40001};  // translated on the way
  const Both both{"pairs/nat.client.pcap", "pairs/nat.server.pcap", false, query};
  ASSERT_EQ(both.flows.size(), 1);
  EXPECT_EQ(both.report.views->joined, 1);
  EXPECT_EQ(both.report.views->server_only, 0);
  const ExchangeReport& lost = both.flows[0].exchanges.at(1);
  EXPECT_EQ(lost.label, Label::request_not_acked);
  EXPECT_EQ(lost.findings.front().fault.confidence, Confidence::high);
  EXPECT_EQ(lost.retry, Retry::safe);
}

TEST(OnePoint, IsNoticed) {
  for (const char* name :
       {"request-on-half-closed", "closed-without-response", "capture-one-way"}) {
    const fs::path path = fs::path{"pcaps"} / (std::string{name} + ".pcap");
    EXPECT_TRUE((Both{path, path}.report.views->same_point)) << name;
  }
}

}  // namespace
}  // namespace httpdiag::test
