// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "report/builder.hpp"
#include "report/page.hpp"
#include "report/render.hpp"

namespace httpdiag::report::test {
namespace {

std::string render(ReportBuilder& builder, const std::vector<FlowReport>& flows,
                   const Options& options = {}) {
  StringOutput out;
  const auto writer = make_text_writer(options, out);
  for (const FlowReport& flow : flows) builder.flow(*writer, flow);
  writer->finish(builder.report);
  return out.text;
}

std::string render_problem(const Options& options = {}) {
  ReportBuilder builder;
  builder.report.headline = "1 of 2 requests failed.";
  builder.report.causes = {cause_of(half_closed_flow(1), 1), cause_of(refused_flow(2), 1)};
  return render(builder, {half_closed_flow(1), refused_flow(2), healthy_flow(3)}, options);
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> all;
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(TextReport, AHealthyCaptureTakesThreeLines) {
  ReportBuilder builder;
  builder.report.ledger.duplicates = 0;
  builder.report.ledger.skipped = {};
  EXPECT_EQ(render(builder, {healthy_flow(1)}),
            "No problem found.\n"
            "Capture   callback.pcap: 100 packets in 9 s from 2024-03-01 12:00:00 UTC\n"
            "Nothing to do.\n");
}

TEST(TextReport, SaysWhichFilterRecordsEveryPieceOfADatagram) {
  ReportBuilder builder;
  builder.report.ledger.skipped[static_cast<std::size_t>(Skip::fragment_incomplete)] = 3;
  const std::string text = render(builder, {healthy_flow(1)});
  EXPECT_TRUE(contains(text, "3 fragment-incomplete")) << text;
  EXPECT_TRUE(contains(text, "Beware    3 pieces of fragmented IP datagrams")) << text;
}

TEST(TextReport, BeginsWithTheHeadlineAndWhatCouldMislead) {
  ReportBuilder builder;
  Finding gap = half_closed_finding();
  gap.label = Label::capture_gap;
  gap.detail = "12 packets are missing";
  builder.report.findings = {gap};
  builder.report.headline = "1 of 2 requests failed.";
  builder.report.causes = {cause_of(half_closed_flow(1), 1)};
  const std::string text = render(builder, {half_closed_flow(1)});
  EXPECT_EQ(text.find("1 of 2 requests failed."), 0u);
  EXPECT_LT(text.find("Beware    capture-gap: 12 packets are missing"),
            text.find("What went wrong"));
}

TEST(TextReport, WarnsWhereBytesWereSentAgainWithOtherContent) {
  ReportBuilder builder;
  OddityTotal& total = builder.report.oddities[7];
  total = {.flows = 2,
           .example_flow = FlowId{3},
           .example = {Oddity::differing_copy, Side::client, {packet(5, 0), packet(9, 1)}}};
  builder.report.oddities[13] = {// no reason to doubt anything
                                 .flows = 1,
                                 .example_flow = FlowId{4},
                                 .example = {Oddity::reused_tuple, std::nullopt, {}}};
  const std::string text = render(builder, {healthy_flow(1)});
  EXPECT_TRUE(contains(text, "Beware    differing-copy: on 2 connections bytes were sent again"));
  EXPECT_TRUE(contains(text, "first on flow 3, packets 5 and 9"));
  EXPECT_FALSE(contains(text, "reused-tuple"));
}

TEST(TextReport, AFlowInFullNamesItsOddities) {
  FlowReport flow = healthy_flow(1);
  flow.oddities = {{Oddity::rst_ignored, Side::client, {packet(9, 1)}},
                   {Oddity::window_unknown, std::nullopt, {}}};
  Options options;
  options.selection.flow = FlowId{1};
  ReportBuilder builder;
  const std::string text = render(builder, {flow}, options);
  EXPECT_TRUE(contains(text, "Odd        a RST had no effect"));
  EXPECT_TRUE(contains(text, "(client, packet 9)"));
  EXPECT_EQ(text.find("Odd "), text.rfind("Odd "));  // the rest is said elsewhere
}

TEST(TextReport, GivesOneWorkedExampleForEachLabel) {
  ReportBuilder builder;
  Cause elsewhere = cause_of(half_closed_flow(1), 1);
  elsewhere.server = endpoint(77, 80);
  builder.report.causes = {cause_of(half_closed_flow(1), 3), elsewhere};
  const std::string text = render(builder, {half_closed_flow(1)});
  EXPECT_TRUE(contains(text, "request-on-half-closed towards 10.0.0.9:8080"));
  EXPECT_TRUE(contains(text, "request-on-half-closed towards 10.0.0.77:80"));
  EXPECT_EQ(text.find("Example"), text.rfind("Example"));
}

TEST(TextReport, AnExampleAnswersTheQuestionsOfAnIncident) {
  const std::string text = render_problem();
  for (const std::string_view part :
       {"exchange 1.2, 10.0.0.5:53122 -> 10.0.0.9:8080",
        "7    2.667123  ------------>  POST /notify", "8    2.667145  <------------  RST",
        "Fault      client application, high confidence; unless",
        "Delivery   sent (packet 7); not acknowledged; not answered", "Retry      safe",
        "Seen as    client: NoHttpResponseException", "Remedy     Close pooled connections"}) {
    EXPECT_TRUE(contains(text, part)) << part << "\n" << text;
  }
}

TEST(TextReport, AConnectionThatFailedHasItsOwnExample) {
  const std::string text = render_problem();
  EXPECT_TRUE(contains(text, "flow 2, 10.0.0.5:53122 -> 10.0.0.9:8080"));
  EXPECT_TRUE(contains(text, "Delivery   nothing sent"));
  EXPECT_TRUE(contains(text, "ECONNREFUSED")) << "symptoms of the rule where the finding has none";
}

TEST(TextReport, FitsEightyColumns) {
  for (const std::string& line : lines(render_problem())) EXPECT_LE(columns(line), 80u) << line;
}

TEST(TextReport, ListsProblemFlowsOrAllFlows) {
  const std::string problems = render_problem();
  EXPECT_TRUE(contains(problems, "\nE     2  connect-refused"));
  EXPECT_FALSE(contains(problems, "     3  ok"));
  Options options;
  options.all_flows = true;
  EXPECT_TRUE(contains(render_problem(options), "\n      3  ok"));
}

TEST(TextReport, ListsTheFirstFlowsByIdAndCountsTheRest) {
  ReportBuilder builder;
  std::vector<FlowReport> flows;
  for (std::uint32_t id = 30; id >= 1; --id) flows.push_back(refused_flow(id));
  const std::string text = render(builder, flows);
  EXPECT_LT(text.find("E     1  connect"), text.find("E    20  connect"));
  EXPECT_FALSE(contains(text, "E    21  connect"));
  EXPECT_TRUE(contains(text, "and 10 more"));
}

TEST(TextReport, FlowShowsEverythingOfThatFlow) {
  Options options;
  options.selection.flow = FlowId{1};
  const std::string text = render_problem(options);
  EXPECT_TRUE(contains(text, "Flow 1 10.0.0.5:53122 -> 10.0.0.9:8080"));
  EXPECT_TRUE(contains(text, "Exchange 1.1\n"));
  EXPECT_TRUE(contains(text, "Exchange 1.2\n"));
  EXPECT_FALSE(contains(text, "What went wrong"));
}

TEST(TextReport, LabelRestrictsCausesAndFlows) {
  Options options;
  options.selection.labels = {Label::connect_refused};
  const std::string text = render_problem(options);
  EXPECT_TRUE(contains(text, "connect-refused towards"));
  EXPECT_FALSE(contains(text, "request-on-half-closed"));
  options.selection.labels = {Label::no_response};
  EXPECT_TRUE(contains(render_problem(options), "No flow carries the labels asked for."));
}

TEST(TextReport, HidesSecretsUnlessAskedNotTo) {
  EXPECT_FALSE(contains(render_problem(), "s3cret"));
  Options options;
  options.show_payload = true;
  EXPECT_TRUE(contains(render_problem(options), "s3cret"));
}

TEST(TextReport, ColourAddsNothingButItself) {
  Options options;
  options.colour = true;
  std::string coloured = render_problem(options);
  EXPECT_TRUE(contains(coloured, "\x1b[1;31m"));
  for (auto at = coloured.find('\x1b'); at != std::string::npos; at = coloured.find('\x1b')) {
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  }
  EXPECT_EQ(coloured, render_problem());
}

TEST(TextReport, ShowsAddressesThatBeginWithColons) {
  EXPECT_EQ(printable("from ::1; and ::ffff:10.0.0.1"), "from ::1; and ::ffff:10.0.0.1");
  EXPECT_EQ(printable("::error::x"), "\\x3a:error::x");
  EXPECT_EQ(printable(":::: ::add::"), "\\x3a::: \\x3a:add::");
}

TEST(TextReport, DataCannotSteerTheTerminalOrBeginALine) {
  const std::string hostile = "\x1b]0;x\x07\r\n::error::x\xe2\x80\xae##vso[task]\xc2\x9b" +
                              std::string(200, 'A') + " ::set-env " + std::string(300, ':');
  FlowReport flow = half_closed_flow(1);
  for (ExchangeReport& exchange : flow.exchanges) {
    exchange.request.target = exchange.request.host = exchange.request.method = hostile;
    if (exchange.response) exchange.response->reason = hostile;
    for (Finding& finding : exchange.findings) {
      finding.detail = finding.remedy = finding.seen_as = finding.fault.unless = hostile;
      for (Evidence& evidence : finding.evidence) evidence.what = hostile;
    }
  }
  for (const bool full : {false, true}) {
    Options options;
    options.show_payload = true;
    if (full) options.selection.flow = FlowId{1};
    ReportBuilder builder;
    builder.report.headline = "Host " + hostile;
    builder.report.causes = {cause_of(flow, 1)};
    const std::string text = render(builder, {flow}, options);
    EXPECT_TRUE(contains(text, "AAAA"));
    for (const char c : text) EXPECT_TRUE(c == '\n' || c >= ' ' || c < 0) << static_cast<int>(c);
    EXPECT_FALSE(contains(text, "\xe2\x80\xae"));
    EXPECT_FALSE(contains(text, "\xc2\x9b"));
    EXPECT_FALSE(contains(text, "##"));
    for (const std::string& line : lines(text)) {
      const auto begin = line.find_first_not_of(' ');
      EXPECT_FALSE(begin != std::string::npos && line.substr(begin, 2) == "::") << line;
      EXPECT_NE(line.substr(0, 2), "AA") << line;
      EXPECT_LE(columns(line), 80u) << line;
    }
  }
}

TEST(Page, WrapsWithAHangingIndentAndKeepsNumbersWithTheirUnits) {
  Page page{false};
  page.wrapped(1, Ink::bold, "Head", 10, std::string(60, 'a') + " waited 12 ms in all");
  EXPECT_EQ(page.take(), " Head     " + std::string(60, 'a') + " waited\n          12 ms in all\n");
}

TEST(Page, BreaksAWordThatIsLongerThanALine) {
  Page page{false};
  page.wrapped(0, Ink::plain, "", 10, std::string(100, 'b'));
  EXPECT_EQ(page.take(), std::string(10, ' ') + std::string(70, 'b') + "\n" + std::string(10, ' ') +
                             std::string(30, 'b') + "\n");
}

TEST(Page, CountsColumnsAsATerminalDoes) {
  EXPECT_EQ(columns("abc"), 3u);
  EXPECT_EQ(columns("24 µs"), 5u);
  EXPECT_EQ(columns("订单"), 4u);
}

}  // namespace
}  // namespace httpdiag::report::test
