// SPDX-License-Identifier: Apache-2.0
#include "compare/profile.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "compare/member.hpp"
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
std::string endpoint_text(const Member& server) {
  const std::string& ip = server.at("ip").text();
  const bool v6 = ip.find(':') != ip.npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", ip, v6 ? "]" : "",
                     server.at("port").count(0xffff));
}

void add(std::map<Row, Entry>& rows, Row row, std::uint64_t count, Severity severity) {
  Entry& entry = rows[std::move(row)];
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

bool is_of_traffic(const Row& row) {
  return row.whole == Whole::flows || row.whole == Whole::exchanges;
}

/// The totals say it; of a label that both kinds carry, the example. Where exchanges are beyond
/// limits.max_exchanges_per_flow, it may name a flow.
Whole whole_of(const Profile& profile, const Member& cause) {
  const std::string& label = cause.at("label").text();
  const bool flows = profile.totals.contains({Whole::flows, label, {}});
  const bool exchanges = profile.totals.contains({Whole::exchanges, label, {}});
  if (flows != exchanges) return flows ? Whole::flows : Whole::exchanges;
  const bool of_flow = cause.at("example").text().find('.') == std::string::npos;
  return of_flow ? Whole::flows : Whole::exchanges;
}

void add_causes(Profile& profile, const Member& causes) {
  for (const Member& cause : causes.elements()) {
    add(profile.rows,
        {whole_of(profile, cause), cause.at("label").text(), endpoint_text(cause.at("server"))},
        cause.at("count").count(), severity_of(cause.at("severity").text()));
    ++profile.listed_causes;
  }
}

void add_totals(Profile& profile, const Member& problems) {
  for (const Member& problem : problems.elements()) {
    const std::string& of = problem.at("of").text();
    const std::string& role = problem.at("role").text();
    if (of != name(Whole::flows) && of != name(Whole::exchanges))
      problem.at("of").refuse("is neither flows nor exchanges");
    if (role != name(Role::primary) && role != name(Role::annotation))
      problem.at("role").refuse("is neither primary nor annotation");
    add(profile.totals,
        {.whole = of == name(Whole::flows) ? Whole::flows : Whole::exchanges,
         .label = problem.at("label").text(),
         .server = {},
         .annotation = role == name(Role::annotation)},
        problem.at("count").count(), severity_of(problem.at("severity").text()));
  }
}

void add_identity(Profile& profile, const Member& report) {
  for (const Member& file : report.at("input").at("files").elements()) {
    const Member sha256 = file.at("sha256");
    const bool known = !sha256.is_null() && !sha256.text().empty();
    profile.captures.push_back(
        known ? sha256.text()
              : fmt::format("{} {}", file.at("name").text(), file.at("first_at").json().dump()));
  }
  for (const Member& filter : report.at("settings").at("report.filters").elements()) {
    const std::string& text = filter.text();
    for (const std::string_view each : {"--host", "--net", "--port", "--time", "--bpf", "--shard"})
      if (text.starts_with(each)) profile.filters.insert(text);
  }
}

std::vector<std::string> texts(const Member& list) {
  std::vector<std::string> result;
  for (const Member& each : list.elements()) result.push_back(each.text());
  return result;
}

Origin origin_of(const Member& report) {
  Origin origin;
  const Member input = report.at("input"), settings = report.at("settings");
  for (const Member& file : input.at("files").elements()) {
    const Member sha256 = file.at("sha256");
    origin.files.push_back({file.at("name").text(), sha256.is_null() ? "" : sha256.text(),
                            file.at("bytes").count(Member::kMostBytes)});
  }
  if (const auto passed_over = input.at("not_read").elements(); !passed_over.empty())
    origin.passed_over = passed_over.front().at("name").text();
  origin.labels = texts(settings.at("report.labels"));
  origin.filters = texts(settings.at("report.filters"));
  const Member flow = settings.at("report.flow");
  origin.flow = flow.is_null() ? 0 : flow.count();
  origin.show_payload = settings.at("report.show_payload").flag();
  origin.both_ends = report.has("views");
  if (!settings.has("report.settings_digest")) return origin;
  origin.settings_digest = settings.at("report.settings_digest").text();
  origin.recover = settings.at("report.recover").flag();
  return origin;
}

Profile profile_of(const Json& json, const std::string& path) {
  const Member report{json, path};
  const Member schema = report.at("schema");
  if (schema.text() != kSchema) schema.refuse(fmt::format("is not \"{}\"", kSchema));
  Profile profile;
  profile.tool = report.at("tool").at("version").text();
  const Member summary = report.at("summary");
  profile.flows = summary.at("flows").count();
  profile.exchanges = summary.at("exchanges").count();
  profile.deliveries = summary.at("deliveries").count();
  profile.settings =
      report.at("settings").json().dump(-1, ' ', false, Json::error_handler_t::replace);
  profile.omitted_causes = report.at("omitted").at("causes").count();
  profile.damaged = !report.at("input").at("damage").is_null();
  add_totals(profile, summary.at("problems"));
  add_causes(profile, report.at("causes"));
  add_identity(profile, report);
  profile.origin = origin_of(report);
  profile.worst = severity_of(summary.at("worst_severity").text());
  for (const Member& finding : report.at("findings").elements()) {
    add(profile.rows, {Whole::none, finding.at("label").text(), {}}, 1,
        severity_of(finding.at("severity").text()));
  }
  for (const auto& [verdict, count] : summary.at("delivery_verdicts").members()) {
    add(profile.rows, {Whole::deliveries, verdict, {}}, count.count(),
        severity_of_verdict(verdict));
  }
  return profile;
}

constexpr int kMostDepth = 64;  // of nested objects and lists; ours have fewer than ten

void expect_shallow(int depth, const std::string& path) {
  if (depth > kMostDepth) throw Error{path + ": is no report of httpdiag: it is nested too deeply"};
}

/// Without its flows, which may be many and are not needed.
Json parse_without_flows(std::istream& in, const std::string& path) {
  return Json::parse(in, [&](int depth, Json::parse_event_t event, Json& parsed) {
    expect_shallow(depth, path);
    return !(depth == 1 && event == Json::parse_event_t::key && parsed == "flows");
  });
}

Profile read_report(const std::string& path, std::istream& in) {
  try {
    std::string line;
    Json report;
    const auto begin = in.tellg();
    const bool lines =
        std::getline(in, line) && (line.starts_with(kFlowLine) || line.starts_with(kSummaryLine));
    if (lines) {
      while (!line.starts_with(kSummaryLine) && std::getline(in, line)) {
      }
      report = Json::parse(line, [&](int depth, Json::parse_event_t, Json&) {
        expect_shallow(depth, path);
        return true;
      });
    } else {
      in.clear();
      in.seekg(begin);
      report = parse_without_flows(in, path);
    }
    Profile profile = profile_of(report, path);
    profile.origin.lines = lines;
    return profile;
  } catch (const Json::parse_error& error) {
    throw Error{fmt::format("{}: is no JSON at byte {}", path, error.byte)};
  } catch (const Json::exception&) {
    throw Error{path + ": is no JSON that can be read: a number in it is too large"};
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
  return profile_of(Json::parse(out.text), path);
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

std::set<std::string> capped_labels(const Profile& profile) {
  if (profile.omitted_causes == 0) return {};
  std::map<std::string, std::uint64_t> listed;
  for (const auto& [row, entry] : profile.rows) {
    if (is_of_traffic(row)) listed[row.label] += entry.count;
  }
  std::map<std::string, std::uint64_t> all;
  for (const auto& [row, entry] : profile.totals) {
    if (!row.annotation) all[row.label] += entry.count;
  }
  std::set<std::string> capped;
  for (const auto& [label, count] : all) {
    if (listed[label] < count) capped.insert(label);
  }
  return capped;
}

std::string capped_note(const Profile& profile) {
  std::string labels;
  const std::set<std::string> capped = capped_labels(profile);
  for (const std::string& label : capped) base::append_item(labels, label);
  if (capped.empty()) return {};
  return fmt::format(
      "{} names the servers of its first {} only (limits.max_causes): {} {} counted whichever "
      "server.",
      profile.name, base::count(profile.listed_causes, "cause"), labels,
      capped.size() == 1 ? "is" : "are");
}

std::map<Row, Entry> comparable_rows(const Profile& profile, bool by_server,
                                     const std::set<std::string>& capped) {
  std::map<Row, Entry> rows;
  for (const auto& [row, entry] : profile.rows) {
    if (is_of_traffic(row) && (!by_server || capped.contains(row.label))) continue;
    rows.emplace(row, entry);
  }
  for (const auto& [row, entry] : profile.totals) {
    if (by_server && !row.annotation && !capped.contains(row.label)) continue;
    Row sum = row;
    sum.annotation = by_server && row.annotation;
    add(rows, std::move(sum), entry.count, entry.severity);
  }
  return rows;
}

Profile load_profile(const std::string& path, const Settings& settings) {
  std::ifstream file{path, std::ios::binary};
  Profile profile =
      file && (file >> std::ws).peek() == '{' ? read_report(path, file) : analyse(path, settings);
  profile.name = path;
  return profile;
}

}  // namespace httpdiag::compare
