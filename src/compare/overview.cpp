// SPDX-License-Identifier: Apache-2.0
#include "compare/overview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "compare/print.hpp"
#include "report/json_out.hpp"
#include "report/page.hpp"
#include "report/version.hpp"

namespace httpdiag::compare {
namespace {

using report::printable;

std::vector<std::string> notes_on(const std::vector<Profile>& captures) {
  std::vector<std::string> notes;
  const Profile& first = captures.front();
  const auto differ = [&](auto member) {
    return std::ranges::any_of(captures,
                               [&](const Profile& each) { return each.*member != first.*member; });
  };
  if (differ(&Profile::settings))
    notes.push_back("Not all were analysed with the same settings; labels may differ for that.");
  if (differ(&Profile::tool)) notes.push_back("They are of different versions of httpdiag.");
  for (const Profile& each : captures) {
    if (each.damaged)
      notes.push_back(fmt::format("{} breaks off: what followed is not counted.", each.name));
    if (each.omitted_causes != 0)
      notes.push_back(fmt::format("{} lacks {} beyond limits.max_causes.", each.name,
                                  base::count(each.omitted_causes, "cause")));
  }
  return notes;
}

void add(OverviewRow& sum, const Entry& entry, std::size_t capture) {
  sum.severity = std::max(sum.severity, entry.severity);
  sum.count += entry.count;
  ++sum.captures;
  if (entry.count <= sum.most) return;
  sum.most = entry.count;
  sum.most_in = capture;
}

std::string row_text(const OverviewRow& row, const Overview& overview) {
  std::string line = fmt::format("{:<8} {}", name(row.severity), printable(row.row.label));
  if (!row.row.server.empty()) line += " towards " + printable(row.row.server);
  line += "\n         ";
  if (row.row.whole != Whole::none)
    line += share(row.count, overview.size_of(row.row.whole)) + " of the " +
            std::string{unit(row.row.whole)} + ", ";
  line +=
      fmt::format("in {} of {}", row.captures, base::count(overview.captures.size(), "capture"));
  if (row.captures > 1 && row.row.whole != Whole::none)
    line +=
        fmt::format(", most in {}: {}", printable(overview.captures[row.most_in].name), row.most);
  return line + "\n";
}

void write_row(report::JsonOut& json, const OverviewRow& row, const Overview& overview) {
  json.line_break().object();
  json.field("of", name(row.row.whole)).field("label", row.row.label).key("server");
  row.row.server.empty() ? json.value(nullptr) : json.value(row.row.server);
  json.field("severity", name(row.severity)).field("count", row.count);
  json.field("of_count", overview.size_of(row.row.whole)).field("captures", row.captures);
  json.field("most_in", overview.captures[row.most_in].name).field("most", row.most).end();
}

}  // namespace

Overview overview_of(std::vector<Profile> captures) {
  Overview result;
  std::map<Row, OverviewRow> rows;
  for (std::size_t i = 0; i < captures.size(); ++i) {
    result.flows += captures[i].flows;
    result.exchanges += captures[i].exchanges;
    result.deliveries += captures[i].deliveries;
    for (const auto& [row, entry] : captures[i].rows) add(rows[row], entry, i);
  }
  for (auto& [row, sum] : rows) {
    sum.row = row;
    result.rows.push_back(std::move(sum));
  }
  std::ranges::stable_sort(result.rows, std::ranges::greater{}, [](const OverviewRow& row) {
    return std::tuple{row.severity, row.count};
  });
  result.notes = notes_on(captures);
  result.captures = std::move(captures);
  return result;
}

std::string text(const Overview& overview) {
  std::string out =
      fmt::format("{}: {}.\n", base::count(overview.captures.size(), "capture"), words(overview));
  for (const std::string& note : overview.notes) out += "Note: " + printable(note) + "\n";
  out += "\n";
  for (const OverviewRow& row : overview.rows) out += row_text(row, overview);
  if (overview.rows.empty()) out += "Nothing went wrong in any of them.\n";
  return out;
}

std::string json(const Overview& overview) {
  report::JsonOut json;
  json.object().field("schema", "httpdiag.overview/1");
  json.key("tool").object().field("name", report::kToolName);
  json.field("version", report::kToolVersion).end();
  json.line_break().field("flows", overview.flows).field("exchanges", overview.exchanges);
  json.field("deliveries", overview.deliveries).key("notes").array();
  for (const std::string& note : overview.notes) json.value(note);
  json.end().line_break().key("captures").array();
  for (const Profile& each : overview.captures) write_capture(json.line_break(), each);
  json.end().line_break().key("causes").array();
  for (const OverviewRow& row : overview.rows) write_row(json, row, overview);
  json.end().end();
  return std::string{json.text()} + "\n";
}

}  // namespace httpdiag::compare
