// SPDX-License-Identifier: Apache-2.0
#include "compare/profile.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "httpdiag/analysis.hpp"
#include "httpdiag/error.hpp"
#include "report/render.hpp"

namespace httpdiag::compare {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSchema = "httpdiag.report/1";
constexpr std::string_view kSummaryLine = "{\"type\":\"summary\"";
constexpr std::string_view kFlowLine = "{\"type\":\"flow\"";

Severity severity_of(const std::string& text) {
  for (const Severity each : {Severity::info, Severity::warning, Severity::error}) {
    if (text == name(each)) return each;
  }
  return Severity::ok;
}

/// IPv6 in brackets, as in RFC 3986 §3.2.2.
std::string endpoint_text(const Json& server) {
  const auto& ip = server.at("ip").get_ref<const std::string&>();
  const bool v6 = ip.find(':') != ip.npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", ip, v6 ? "]" : "",
                     server.at("port").get<std::uint32_t>());
}

void add(Profile& profile, Row row, std::uint64_t count, Severity severity) {
  Entry& entry = profile.rows[std::move(row)];
  entry.count += count;
  entry.severity = std::max(entry.severity, severity);
}

/// Verdicts that say that something went wrong. What recovered did not stay so.
Severity severity_of_verdict(const std::string& verdict) {
  for (const DeliveryVerdict bad :
       {DeliveryVerdict::never_delivered, DeliveryVerdict::unacknowledged,
        DeliveryVerdict::ack_late, DeliveryVerdict::rejected, DeliveryVerdict::ack_unrecognized,
        DeliveryVerdict::duplicated}) {
    if (verdict == name(bad)) return Severity::warning;
  }
  return Severity::ok;
}

Profile profile_of(const Json& report) {
  Profile profile;
  profile.tool = report.at("tool").at("version").get<std::string>();
  const Json& summary = report.at("summary");
  profile.flows = summary.at("flows").get<std::uint64_t>();
  profile.exchanges = summary.at("exchanges").get<std::uint64_t>();
  profile.deliveries = summary.at("deliveries").get<std::uint64_t>();
  profile.settings = report.at("settings").dump(-1, ' ', false, Json::error_handler_t::replace);
  profile.omitted_causes = report.at("omitted").at("causes").get<std::uint64_t>();
  profile.damaged = !report.at("input").at("damage").is_null();
  for (const Json& cause : report.at("causes")) {
    const bool of_flow =
        cause.at("example").get_ref<const std::string&>().find('.') == std::string::npos;
    add(profile,
        {of_flow ? Whole::flows : Whole::exchanges, cause.at("label").get<std::string>(),
         endpoint_text(cause.at("server"))},
        cause.at("count").get<std::uint64_t>(), severity_of(cause.at("severity")));
  }
  for (const Json& finding : report.at("findings")) {
    add(profile, {Whole::none, finding.at("label").get<std::string>(), {}}, 1,
        severity_of(finding.at("severity")));
  }
  for (const auto& [verdict, count] : summary.at("delivery_verdicts").items()) {
    add(profile, {Whole::deliveries, verdict, {}}, count.get<std::uint64_t>(),
        severity_of_verdict(verdict));
  }
  return profile;
}

/// Without its flows, which may be many and are not needed.
Json parse_without_flows(std::istream& in) {
  return Json::parse(in, [](int depth, Json::parse_event_t event, Json& parsed) {
    return !(depth == 1 && event == Json::parse_event_t::key && parsed == "flows");
  });
}

Profile read_report(const std::string& path, std::istream& in) {
  try {
    std::string line;
    Json report;
    const auto begin = in.tellg();
    if (std::getline(in, line) && (line.starts_with(kFlowLine) || line.starts_with(kSummaryLine))) {
      while (!line.starts_with(kSummaryLine) && std::getline(in, line)) {
      }
      report = Json::parse(line);
    } else {
      in.clear();
      in.seekg(begin);
      report = parse_without_flows(in);
    }
    if (report.at("schema") != kSchema)
      throw Error{fmt::format("{}: is no report of schema {}", path, kSchema)};
    return profile_of(report);
  } catch (const Json::exception& error) {
    throw Error{fmt::format("{}: is no report of schema {}: {}", path, kSchema, error.what())};
  }
}

class TextOutput final : public report::Output {
 public:
  void write(std::string_view bytes) override { text += bytes; }
  std::string text;
};

class NoFlows final : public FlowReportSink {
 public:
  void on_flow_report(const FlowReport&) override {}
};

Profile analyse(const std::string& path, const Settings& settings) {
  Settings own = settings;
  own.digest_bodies = false;
  own.limits.max_healthy_exchanges = 0;
  const auto source = open_captures({path}, {});
  NoFlows flows;
  Report report = analyze(*source, own, flows);
  report.settings = settings;  // the cap on what is listed changes no label
  TextOutput out;
  report::Options options;
  options.input = &source->summary();
  report::make_json_writer(options, out)->finish(report);
  return profile_of(Json::parse(out.text));
}

}  // namespace

std::string_view name(Whole whole) {
  switch (whole) {
    case Whole::exchanges:
      return "exchanges";
    case Whole::flows:
      return "flows";
    case Whole::deliveries:
      return "deliveries";
    case Whole::none:
      return "capture";
  }
  return {};
}

std::uint64_t Sizes::size_of(Whole whole, std::uint64_t captures) const {
  switch (whole) {
    case Whole::exchanges:
      return exchanges;
    case Whole::flows:
      return flows;
    case Whole::deliveries:
      return deliveries;
    case Whole::none:
      return captures;
  }
  return 0;
}

std::string words(const Sizes& sizes) {
  return fmt::format(
      "{} on {}, {}", base::count(sizes.exchanges, "request"),
      base::count(sizes.flows, "connection"),
      sizes.deliveries == 1 ? "1 delivery" : fmt::format("{} deliveries", sizes.deliveries));
}

Profile load_profile(const std::string& path, const Settings& settings) {
  std::ifstream file{path, std::ios::binary};
  Profile profile =
      file && (file >> std::ws).peek() == '{' ? read_report(path, file) : analyse(path, settings);
  profile.name = path;
  return profile;
}

}  // namespace httpdiag::compare
