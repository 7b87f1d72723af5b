// SPDX-License-Identifier: Apache-2.0
#include "httpdiag/query.hpp"

#include <gtest/gtest.h>

#include "capture/capture_files.hpp"
#include "httpdiag/error.hpp"
#include "properties/recording.hpp"
#include "report/selection.hpp"
#include "support/analyse.hpp"
#include "support/wire.hpp"
#include "support/wrap.hpp"

namespace httpdiag {
namespace {

Endpoint at(const char* ip, std::uint16_t port) { return {read_network(ip)->address, port}; }

TEST(Query, Networks) {
  EXPECT_TRUE(read_network("10.0.0.0/8")->contains(at("10.255.1.2", 0).ip));
  EXPECT_FALSE(read_network("10.0.0.0/8")->contains(at("11.0.0.0", 0).ip));
  EXPECT_TRUE(read_network("10.1.2.0/23")->contains(at("10.1.3.9", 0).ip));
  EXPECT_FALSE(read_network("10.1.2.0/23")->contains(at("10.1.4.9", 0).ip));
  EXPECT_TRUE(read_network("0.0.0.0/0")->contains(at("203.0.113.9", 0).ip));
  EXPECT_FALSE(read_network("0.0.0.0/0")->contains(at("2001:db8::1", 0).ip));
  EXPECT_TRUE(read_network("2001:db8::/33")->contains(at("2001:db8:7fff::1", 0).ip));
  EXPECT_FALSE(read_network("2001:db8::/33")->contains(at("2001:db8:8000::1", 0).ip));
  EXPECT_TRUE(read_network("10.0.0.5")->contains(at("10.0.0.5", 0).ip));
  for (const char* wrong : {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "::/129",
                            "10.0.0.0/-1", "/8", "shop.example"}) {
    EXPECT_FALSE(read_network(wrong)) << wrong;
  }
}

TEST(Query, Ends) {
  const Endpoint client = at("10.0.0.5", 40000), server = at("10.0.0.9", 80);
  Query query;
  EXPECT_TRUE(query.matches(client, server));
  query.networks = {*read_network("10.0.0.9")};
  EXPECT_TRUE(query.matches(client, server));
  EXPECT_TRUE(query.matches(server, client));
  query.ports = {443};
  EXPECT_FALSE(query.matches(client, server));
  query.ports = {443, 80};
  EXPECT_TRUE(query.matches(client, server));
  query.networks = {*read_network("10.0.1.0/24")};
  EXPECT_FALSE(query.matches(client, server));
}

TEST(Query, TimeBounds) {
  using namespace std::chrono_literals;
  const Timestamp first{std::chrono::sys_days{std::chrono::year{2024} / 5 / 14} + 8h};
  const auto time = [&](const char* text) { return read_time_bound(text)->at(first); };
  EXPECT_EQ(time("2024-05-14T08:00:01Z"), first + 1s);
  EXPECT_EQ(time("2024-05-14T10:00:01.25+02:00"), first + 1250ms);
  EXPECT_EQ(time("2024-05-14t03:30:00-04:30"), first);
  EXPECT_EQ(time("2024-05-14 08:00:00"), first);
  EXPECT_EQ(time("08:00:00.000000001"), first + 1ns);
  EXPECT_EQ(time("00:00:00"), first - 8h);
  EXPECT_EQ(time("+10s"), first + 10s);
  EXPECT_EQ(time("+10"), first + 10s);
  EXPECT_EQ(time("+1.5m"), first + 90s);
  EXPECT_EQ(time("+200ms"), first + 200ms);
  EXPECT_EQ(time("+100000h"), first + 100000h);
  EXPECT_EQ(read_time_bound("+1000000h")->at(Timestamp::max() - 1s), Timestamp::max());
  for (const char* wrong :
       {"", "8", "8:00:00", "24:00:00", "08:60:00", "2024-02-30T00:00:00Z", "2024-05-14",
        "2024-05-14T08:00:00+2", "2024-05-14T08:00:00Zx", "+", "+s", "+10d", "+-1s", "+1.s",
        "+99999999999999999999s", "1969-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "now"}) {
    EXPECT_FALSE(read_time_bound(wrong)) << wrong;
  }
}

TEST(Query, Statuses) {
  EXPECT_EQ(report::read_status("404")->low, 404);
  EXPECT_EQ(report::read_status("5xx")->low, 500);
  EXPECT_EQ(report::read_status("5xx")->high, 599);
  EXPECT_EQ(report::read_status("none")->high, 0);
  for (const char* wrong : {"", "5", "5x", "xxx", "5000", "-10", "ok"})
    EXPECT_FALSE(report::read_status(wrong)) << wrong;
}

test::Outcome analyse(const test::Recording& recording, const Query& query) {
  test::Replay source{recording};
  test::Collector collector;
  test::Outcome outcome;
  outcome.report = analyze(source, Settings{}, collector, nullptr, query);
  outcome.report.input = nullptr;
  outcome.flows = std::move(collector.flows);
  return outcome;
}

const test::Recording& recording(std::string_view name) {
  for (const test::Recording& each : test::recordings()) {
    if (each.name == name) return each;
  }
  throw Error{std::string{name} + ": no such capture"};
}

TEST(Query, LeavesOutAndCounts) {
  const test::Recording& capture = recording("request-on-half-closed");
  Query query;
  query.ports = {8080};
  const test::Outcome all = analyse(capture, query);
  EXPECT_EQ(test::faults_of(all), "");
  EXPECT_EQ(all.flows.size(), 1u);
  EXPECT_EQ(all.report.ledger.filtered, 0u);
  EXPECT_EQ(test::joined(test::verdicts(all)),
            test::joined(test::verdicts(test::analyse(capture))));
  query.ports = {8081};
  const test::Outcome none = analyse(capture, query);
  EXPECT_EQ(test::faults_of(none), "");
  EXPECT_EQ(none.flows.size(), 0u);
  EXPECT_GT(none.report.ledger.filtered, 10u);
}

TEST(Query, LooksIntoTunnels) {
  Query query;
  query.networks = {*read_network("203.0.113.0/24")};
  EXPECT_EQ(analyse(recording("request-on-half-closed--in-vxlan"), query).flows.size(), 1u);
  query.networks = {*read_network("192.168.0.0/16")};  // the tunnel's ends
  EXPECT_EQ(analyse(recording("request-on-half-closed--in-vxlan"), query).flows.size(), 0u);
}

TEST(Query, TimeCutsTheCapture) {
  Query query;
  query.to = read_time_bound("+1s");
  const test::Outcome outcome = analyse(recording("request-on-half-closed"), query);
  EXPECT_EQ(test::faults_of(outcome), "");
  ASSERT_EQ(outcome.flows.size(), 1u);
  EXPECT_EQ(outcome.flows[0].exchange_count, 1u);
  query.from = read_time_bound("+1h");
  query.to.reset();
  EXPECT_EQ(analyse(recording("request-on-half-closed"), query).flows.size(), 0u);
}

TEST(Query, BpfIsOfThePacketAsRecorded) {
  Query query;
  query.bpf = "tcp port 8080";
  EXPECT_EQ(analyse(recording("request-on-half-closed"), query).flows.size(), 1u);
  const test::Outcome outcome = analyse(recording("request-on-half-closed--in-vxlan"), query);
  EXPECT_EQ(test::faults_of(outcome), "");
  EXPECT_EQ(outcome.flows.size(), 0u);
  EXPECT_EQ(outcome.report.ledger.passed_bpf, 0u);
  EXPECT_GT(outcome.report.ledger.filtered_wrapped, 9u);
  query.bpf = "tcp prot 80";
  EXPECT_THROW(analyse(recording("request-on-half-closed"), query), Error);
}

/// A packet on Ethernet and the same without a link layer.
class BpfOfSeveralLinks : public testing_capture::CaptureFiles {
 protected:
  Report analysed(const std::string& filter, const std::string& bytes) {
    const auto source = open_capture(write(bytes), {});
    Query query;
    query.bpf = filter;
    test::Collector flows;
    Report report = analyze(*source, Settings{}, flows, nullptr, query);
    report.input = nullptr;
    return report;
  }
  static std::string packet() {
    const test::IpHeader ip{.from = at("10.0.0.5", 0).ip, .to = at("10.0.0.9", 0).ip};
    const test::TcpHeader tcp{.from = at("10.0.0.5", 40000),
                              .to = at("10.0.0.9", 80),
                              .seq = 1,
                              .flags = TcpFlags::syn,
                              .options = {}};
    return test::ip_packet(ip, test::tcp_segment(tcp, ""));
  }
  static std::string framed(std::vector<std::uint16_t> vlans = {},
                            LinkType link = LinkType::ethernet) {
    const test::FrameHeader header{.link = link,
                                   .from = at("10.0.0.5", 0).ip,
                                   .to = at("10.0.0.9", 0).ip,
                                   .vlans = std::move(vlans)};
    return test::frame(header, packet());
  }
  const std::string raw_only = testing_capture::section_header() + testing_capture::interface(101) +
                               testing_capture::enhanced_packet(packet());
  const std::string both = testing_capture::section_header() + testing_capture::interface(101) +
                           testing_capture::interface(1) +
                           testing_capture::enhanced_packet(packet(), 1'000'000, 0) +
                           testing_capture::enhanced_packet(framed(), 1'000'001, 1);
};

TEST_F(BpfOfSeveralLinks, WhatFitsOneOnlyLeavesOutTheOthers) {
  const Report report = analysed("ether[12:2] = 0x800 and not ether multicast", both);
  EXPECT_EQ(report.ledger.passed_bpf, 1u);
  ASSERT_EQ(report.ledger.bpf_unfit.size(), 1u);
  EXPECT_EQ(report.ledger.bpf_unfit[0].link_type, "RAW");
  EXPECT_EQ(report.ledger.bpf_unfit[0].packets, 1u);
  EXPECT_FALSE(report.ledger.bpf_unfit[0].reason.empty());
}

TEST_F(BpfOfSeveralLinks, WhatMatchesWithoutItsTagsIsCountedUnlessTheFilterSpeaksOfTags) {
  using namespace testing_capture;
  std::string cooked = framed({}, LinkType::linux_sll);
  cooked.insert(14, std::string{"\x81\0\0\x09", 4});
  const std::string tagged =
      section_header() + interface(1) + interface(113) + enhanced_packet(framed(), 1'000'000) +
      enhanced_packet(framed({7}), 1'000'001) + enhanced_packet(framed({7, 8}), 1'000'002) +
      enhanced_packet(cooked, 1'000'003, 1);
  struct Case {
    std::string filter;
    std::uint64_t passed, wrapped;
  };
  for (const Case& each :
       {Case{"tcp port 80", 1, 3}, Case{"tcp port 81", 0, 0},
        Case{"tcp port 80 or (vlan and tcp port 80)", 2, 0}, Case{"tcp port 80 and not vlan", 1, 0},
        Case{"ip and not ether host ab:cd:ef:00:00:01", 1, 2}}) {
    const Ledger ledger = analysed(each.filter, tagged).ledger;
    EXPECT_EQ(ledger.passed_bpf, each.passed) << each.filter;
    EXPECT_EQ(ledger.filtered_wrapped, each.wrapped) << each.filter;
  }
}

TEST_F(BpfOfSeveralLinks, WhatFitsAllIsSaidOfNone) {
  const Report report = analysed("tcp port 80", both);
  EXPECT_EQ(report.ledger.passed_bpf, 2u);
  EXPECT_TRUE(report.ledger.bpf_unfit.empty());
}

TEST_F(BpfOfSeveralLinks, WhatFitsNoneIsWrong) {
  EXPECT_THROW(analysed("not ether multicast", raw_only), Error);
  EXPECT_THROW(analysed("tcp prot 80", both), Error);
}

TEST(Query, FindsTextInWhatIsKept) {
  const auto places = [](const char* text) {
    Query query;
    query.text = text;
    std::string found;
    for (const FlowReport& flow : analyse(recording("request-on-half-closed"), query).flows) {
      for (const ExchangeReport& exchange : flow.exchanges)
        found += std::string{exchange.found_in} + ";";
    }
    return found;
  };
  EXPECT_EQ(places("order=1002"), ";request body;");
  EXPECT_EQ(places("/notify"), "request line;request line;");
  EXPECT_EQ(places("shop.example"), "request header;request header;");
  EXPECT_EQ(places("success"), "response body;;");
  EXPECT_EQ(places("order=1003"), ";;");
}

}  // namespace
}  // namespace httpdiag
