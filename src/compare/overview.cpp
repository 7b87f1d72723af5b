// SPDX-License-Identifier: Apache-2.0
#include "compare/overview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <tuple>

#include "base/text.hpp"
#include "compare/print.hpp"
#include "report/json_out.hpp"
#include "report/page.hpp"
#include "report/version.hpp"

namespace httpdiag::compare {
namespace {

using report::printable;

constexpr std::string_view kSchema = "httpdiag.overview/1";

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
    if (std::string note = capped_note(each); !note.empty()) notes.push_back(std::move(note));
  }
  return notes;
}

/// "--shard I/N" of a profile, and its other filters.
struct Part {
  std::string shard;
  std::set<std::string> rest;
};

Part part_of(const Profile& profile) {
  Part part;
  for (const std::string& each : profile.filters) {
    if (each.starts_with("--shard")) {
      part.shard = each;
    } else {
      part.rest.insert(each);
    }
  }
  return part;
}

/// Different shards of as many, of the same packets: nothing is in both.
bool complement(const Profile& a, const Profile& b) {
  const Part one = part_of(a), two = part_of(b);
  const auto count = [](const Part& part) { return part.shard.substr(part.shard.find('/') + 1); };
  return !one.shard.empty() && !two.shard.empty() && one.shard != two.shard &&
         count(one) == count(two) && one.rest == two.rest;
}

/// The same packets count once, whatever was asked of them. Where only some are the same, nobody
/// can tell which.
void keep_once(Profile profile, std::vector<Profile>& kept, std::vector<std::string>& notes) {
  const std::set<std::string> files{profile.captures.begin(), profile.captures.end()};
  const Profile* shares = nullptr;
  for (Profile& each : kept) {
    if (!files.empty() && each.captures == profile.captures && each.filters == profile.filters) {
      notes.push_back(fmt::format("{} is of the same capture as {}: it is counted once.",
                                  profile.name, each.name));
      each.worst = std::max(each.worst, profile.worst);
      return;
    }
    const bool share = std::ranges::any_of(
        each.captures, [&](const std::string& file) { return files.contains(file); });
    if (share && shares == nullptr && !complement(each, profile)) shares = &each;
  }
  if (shares != nullptr) {
    notes.push_back(
        fmt::format("{} and {} have a capture in common: what is of it may be counted twice.",
                    shares->name, profile.name));
  }
  kept.push_back(std::move(profile));
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
  if (row.row.annotation) line += " as annotation";
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
  json.field("of", name(row.row.whole)).field("label", row.row.label).key("server");
  row.row.server.empty() ? json.value(nullptr) : json.value(row.row.server);
  json.field("annotation", row.row.annotation).field("severity", name(row.severity));
  json.field("count", row.count);
  json.field("of_count", overview.size_of(row.row.whole)).field("captures", row.captures);
  json.field("most_in", overview.captures[row.most_in].name).field("most", row.most);
}

void write_totals(report::JsonOut& json, const Overview& overview) {
  json.key("tool").object().field("name", report::kToolName);
  json.field("version", report::kToolVersion).end();
  json.line_break().field("flows", overview.flows).field("exchanges", overview.exchanges);
  json.field("deliveries", overview.deliveries).key("notes").array();
  for (const std::string& note : overview.notes) json.value(note);
  json.end();
}

/// One object, on a line of its own.
template <typename Write>
std::string line(std::string_view type, const Write& write) {
  report::JsonOut json{report::JsonOut::Layout::one_line};
  write(json.object().field("type", type));
  json.end();
  return std::string{json.text()} + "\n";
}

}  // namespace

Overview overview_of(std::vector<Profile> given) {
  Overview result;
  std::vector<Profile> captures;
  for (Profile& each : given) keep_once(std::move(each), captures, result.notes);
  std::set<std::string> capped;
  for (const Profile& each : captures) capped.merge(capped_labels(each));
  std::map<Row, OverviewRow> rows;
  for (std::size_t i = 0; i < captures.size(); ++i) {
    result.flows += captures[i].flows;
    result.exchanges += captures[i].exchanges;
    result.deliveries += captures[i].deliveries;
    result.worst = std::max(result.worst, captures[i].worst);
    for (const auto& [row, entry] : comparable_rows(captures[i], true, capped))
      add(rows[row], entry, i);
  }
  for (auto& [row, sum] : rows) {
    sum.row = row;
    result.rows.push_back(std::move(sum));
  }
  std::ranges::stable_sort(result.rows, std::ranges::greater{}, [](const OverviewRow& row) {
    return std::tuple{row.severity, row.count};
  });
  std::ranges::move(notes_on(captures), std::back_inserter(result.notes));
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

std::string ndjson(const Overview& overview) {
  std::string out;
  for (const Profile& each : overview.captures)
    out += line("capture", [&](report::JsonOut& json) { write_capture(json, each); });
  for (const OverviewRow& row : overview.rows)
    out += line("cause", [&](report::JsonOut& json) { write_row(json, row, overview); });
  return out + line("overview", [&](report::JsonOut& json) {
           write_totals(json.field("schema", kSchema), overview);
         });
}

std::string json(const Overview& overview) {
  report::JsonOut json;
  json.object().field("schema", kSchema);
  write_totals(json, overview);
  json.line_break().key("captures").array();
  for (const Profile& each : overview.captures) {
    write_capture(json.line_break().object(), each);
    json.end();
  }
  json.end().line_break().key("causes").array();
  for (const OverviewRow& row : overview.rows) {
    write_row(json.line_break().object(), row, overview);
    json.end();
  }
  json.end().end();
  return std::string{json.text()} + "\n";
}

}  // namespace httpdiag::compare
