// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "httpdiag/error.hpp"
#include "report/builder.hpp"
#include "report/render.hpp"

namespace httpdiag::report::test {
namespace {

using Json = nlohmann::ordered_json;

/// Renders flows in the given order, in the given format.
std::string render(Format format, const std::vector<FlowReport>& flows,
                   const Options& options = {}) {
  StringOutput out;
  ReportBuilder builder;
  const auto writer = make_writer(format, options, out);
  for (const FlowReport& flow : flows) builder.flow(*writer, flow);
  writer->finish(builder.report);
  return out.text;
}

Json json(const std::vector<FlowReport>& flows, const Options& options = {}) {
  return Json::parse(render(Format::json, flows, options));
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

TEST(JsonReport, HasTheFieldsOfTheContractInOrder) {
  const Json report = json({half_closed_flow(1)});
  EXPECT_EQ(keys(report), (Names{"schema", "tool", "input", "settings", "summary", "findings",
                                 "causes", "patterns", "flows", "chains", "deliveries",
                                 "callback_endpoints", "failed_connections", "omitted"}));
  EXPECT_EQ(keys(report["input"]),
            (Names{"files", "packets", "first_at", "last_at", "damage", "ledger", "vantage",
                   "passed_over", "notes", "omitted_notes", "reordered_packets", "not_read",
                   "omitted_not_read"}));
  EXPECT_EQ(keys(report["summary"]),
            (Names{"flows", "exchanges", "proxied_requests", "deliveries", "delivery_verdicts",
                   "deliveries_duplicated", "flow_labels", "exchange_labels", "annotations",
                   "problems", "oddities", "worst_severity", "headline"}));
  const Json& flow = report["flows"][0];
  EXPECT_EQ(keys(flow), (Names{"id",
                               "client",
                               "server",
                               "translated",
                               "tunnel",
                               "server_name",
                               "first_packet",
                               "last_packet",
                               "first_at",
                               "last_at",
                               "history",
                               "handshake",
                               "ended_by",
                               "states",
                               "packets",
                               "payload_bytes",
                               "retransmitted",
                               "duplicates",
                               "rtt_us",
                               "tls",
                               "label",
                               "severity",
                               "labels",
                               "findings",
                               "chain",
                               "oddities",
                               "exchanges"}));
  EXPECT_EQ(
      keys(flow["exchanges"][1]),
      (Names{"id", "request", "response", "sent", "acked", "acked_by_packet", "answered", "timing",
             "retry", "label", "severity", "labels", "findings", "chain", "found_in"}));
  EXPECT_EQ(keys(flow["exchanges"][1]["findings"][0]),
            (Names{"label", "severity", "fault", "detail", "evidence", "facts", "settle", "remedy",
                   "seen_as"}));
}

TEST(JsonReport, SaysWhatHappenedInAnExchange) {
  const Json flow = json({half_closed_flow(1)})["flows"][0];
  const Json& fine = flow["exchanges"][0];
  EXPECT_EQ(fine["acked"], "all");
  EXPECT_EQ(fine["answered"], true);
  EXPECT_EQ(fine["response"]["status"], 200);
  EXPECT_EQ(fine["timing"]["wait_us"], 10'000);
  EXPECT_TRUE(fine["timing"]["idle_us"].is_null());
  const Json& failed = flow["exchanges"][1];
  EXPECT_EQ(failed["id"], "1.2");
  EXPECT_EQ(failed["acked"], false);
  EXPECT_TRUE(failed["response"].is_null());
  EXPECT_EQ(failed["retry"], "safe");
  const Json& finding = failed["findings"][0];
  EXPECT_EQ(finding["evidence"][1]["packet"], 7);
  EXPECT_EQ(finding["evidence"][1]["at"], "2024-03-01T12:00:03.667123000Z");
  EXPECT_EQ(finding["evidence"][1]["from"], "client");
  EXPECT_EQ(
      finding["facts"],
      Json::parse(R"({"half_closed_age_us":2667123,"outcome":"rst","server_fin_seen":true})"));
}

TEST(JsonReport, CountsOnlyLabelsThatOccurInOrderOfId) {
  const Json summary = json({refused_flow(1), half_closed_flow(2), healthy_flow(3)})["summary"];
  EXPECT_EQ(keys(summary["flow_labels"]),
            (Names{"connect-refused", "ok", "request-on-half-closed"}));
  EXPECT_EQ(keys(summary["exchange_labels"]), (Names{"ok", "request-on-half-closed"}));
}

TEST(JsonReport, LedgerAddsUpToPackets) {
  const Json input = json({})["input"];
  std::uint64_t sum = input["ledger"]["decoded"].get<std::uint64_t>() +
                      input["ledger"]["duplicates"].get<std::uint64_t>() +
                      input["ledger"]["filtered"].get<std::uint64_t>();
  for (const auto& [name, count] : input["ledger"]["skipped"].items())
    sum += count.get<std::uint64_t>();
  EXPECT_EQ(sum, input["packets"]);
}

TEST(JsonReport, IsTheSameWhateverTheOrderInWhichFlowsEnd) {
  std::vector<FlowReport> flows{healthy_flow(1), half_closed_flow(2), refused_flow(3)};
  const std::string expected = render(Format::json, flows);
  std::reverse(flows.begin(), flows.end());
  EXPECT_EQ(render(Format::json, flows), expected);
  EXPECT_LT(expected.find("\"id\":1,"), expected.find("\"id\":2,"));
  EXPECT_LT(expected.find("\"id\":2,"), expected.find("\"id\":3,"));
}

TEST(JsonReport, LeavesOutOnlyHealthyFlowsAndCountsWhatIsMissing) {
  Options options;
  options.max_healthy_flows = 1;
  const Json report =
      json({healthy_flow(1), healthy_flow(2), half_closed_flow(3), healthy_flow(4)}, options);
  ASSERT_EQ(report["flows"].size(), 2u);
  EXPECT_EQ(report["flows"][1]["id"], 3);
  EXPECT_EQ(report["omitted"]["flows"], 2);
  EXPECT_EQ(report["omitted"]["exchanges"], 2);
  EXPECT_EQ(report["summary"]["flows"], 4);
  EXPECT_EQ(report["settings"]["limits.max_healthy_flows"], 1);
}

TEST(JsonReport, AnAnnotationWorthAWarningKeepsAFlowIn) {
  Options options;
  options.max_healthy_flows = 0;
  FlowReport flow = healthy_flow(1);
  flow.labels = {Label::loss_recovery_delay};
  flow.worst = Severity::warning;
  EXPECT_EQ(json({flow}, options)["flows"].size(), 1u);
}

TEST(JsonReport, HidesQueryValuesUnlessAskedNotTo) {
  const std::string hidden = render(Format::json, {healthy_flow(1)});
  EXPECT_EQ(hidden.find("s3cret"), std::string::npos);
  EXPECT_NE(hidden.find("/notify?token=<redacted>&id=<redacted>"), std::string::npos);
  Options options;
  options.show_payload = true;
  EXPECT_NE(render(Format::json, {healthy_flow(1)}, options).find("/notify?token=s3cret&id=7"),
            std::string::npos);
}

TEST(JsonReport, NamesOdditiesWithTheirPackets) {
  FlowReport flow = healthy_flow(1);
  flow.oddities = {{Oddity::differing_copy, Side::server, {packet(5, 0), packet(9, 1)}},
                   {Oddity::reused_tuple, std::nullopt, {}}};
  EXPECT_EQ(json({flow})["flows"][0]["oddities"],
            Json::parse(R"([{"name":"differing-copy","from":"server","packets":[5,9]},
                            {"name":"reused-tuple","from":null,"packets":[]}])"));
}

TEST(JsonReport, HostileTextIsHarmlessAndStillReadable) {
  FlowReport flow = healthy_flow(1);
  flow.exchanges[0].request.target = "/a\"\\\n\x1b[31m\x7f";
  flow.exchanges[0].request.host = "\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xff";
  const std::string text = render(Format::json, {flow});
  for (const char c : text) EXPECT_TRUE(c == '\n' || (c >= ' ' && c != 0x7f) || c < 0);
  for (const std::string_view raw : {"\xc2\x9b", "\xe2\x80\xa8", "\xe2\x80\xae"}) {
    EXPECT_EQ(text.find(raw), std::string::npos);
  }
  const Json request = Json::parse(text)["flows"][0]["exchanges"][0]["request"];
  EXPECT_EQ(request["target"], "/a\"\\\n\x1b[31m\x7f");
  EXPECT_EQ(request["host"], "\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xef\xbf\xbd");
}

TEST(JsonReport, LabelRestrictsFlowsAndTheirExchanges) {
  Options options;
  options.selection.labels = {Label::request_on_half_closed};
  const Json report = json({healthy_flow(1), half_closed_flow(2), refused_flow(3)}, options);
  ASSERT_EQ(report["flows"].size(), 1u);
  ASSERT_EQ(report["flows"][0]["exchanges"].size(), 1u);
  EXPECT_EQ(report["flows"][0]["exchanges"][0]["id"], "2.2");
  EXPECT_EQ(report["settings"]["report.labels"], Json::parse(R"(["request-on-half-closed"])"));
}

TEST(JsonReport, LabelOfTheFlowAloneKeepsAllItsExchanges) {
  FlowReport flow = half_closed_flow(1);
  flow.labels = {Label::capture_started_midstream};
  Options options;
  options.selection.labels = {Label::capture_started_midstream};
  EXPECT_EQ(json({flow}, options)["flows"][0]["exchanges"].size(), 2u);
}

TEST(JsonReport, FlowRestrictsToThatFlowAndRefusesOneThatIsNotThere) {
  Options options;
  options.selection.flow = FlowId{2};
  const Json report = json({healthy_flow(1), healthy_flow(2)}, options);
  ASSERT_EQ(report["flows"].size(), 1u);
  EXPECT_EQ(report["flows"][0]["id"], 2);
  options.selection.flow = FlowId{3};
  EXPECT_THROW(json({healthy_flow(1), healthy_flow(2)}, options), Error);
}

TEST(JsonReport, DamageSaysWhereTheCaptureBroke) {
  StringOutput out;
  ReportBuilder builder;
  builder.damage({.file = "callback.pcap",
                  .after_packet = 412,
                  .byte_offset = 81920,
                  .reason = "record cut short",
                  .record = 413,
                  .expected_bytes = 82,
                  .present_bytes = 61,
                  .last_good = Timestamp{std::chrono::seconds{1'700'000'000}}});
  builder.report.open_at_end = 2;
  builder.report.open_flows = {FlowId{3}, FlowId{7}};
  make_json_writer({}, out)->finish(builder.report);
  EXPECT_EQ(
      Json::parse(out.text)["input"]["damage"],
      Json::parse(
          R"({"file":"callback.pcap","after_packet":412,"byte_offset":81920,"reason":"record cut short",
              "record":413,"expected_bytes":82,"present_bytes":61,
              "last_good_at":"2023-11-14T22:13:20.000000000Z","open_flows":2,"open_flow_ids":[3,7]})"));
}

TEST(NdjsonReport, WritesEachFlowAtOnceAndTheRestInTheLastLine) {
  StringOutput out;
  ReportBuilder builder;
  const auto writer = make_ndjson_writer({}, out);
  builder.flow(*writer, half_closed_flow(2));
  EXPECT_EQ(Json::parse(out.text)["type"], "flow");
  builder.flow(*writer, healthy_flow(1));
  writer->finish(builder.report);
  std::istringstream lines{out.text};
  std::vector<Json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(Json::parse(line));
  ASSERT_EQ(parsed.size(), 3u);
  EXPECT_EQ(parsed[1]["id"], 1);
  EXPECT_EQ(parsed[2]["type"], "summary");
  EXPECT_EQ(parsed[2]["summary"]["flows"], 2);
  EXPECT_FALSE(parsed[2].contains("flows"));
}

TEST(NdjsonReport, AFlowIsTheSameAsInJson) {
  const Json whole = json({half_closed_flow(1)})["flows"][0];
  const std::string text = render(Format::ndjson, {half_closed_flow(1)});
  Json line = Json::parse(text.substr(0, text.find('\n')));
  line.erase("type");
  EXPECT_EQ(line, whole);
}

}  // namespace
}  // namespace httpdiag::report::test
