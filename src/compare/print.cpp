// SPDX-License-Identifier: Apache-2.0
#include "compare/print.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "report/json_out.hpp"
#include "report/page.hpp"
#include "report/version.hpp"

namespace httpdiag::compare {
namespace {

using report::printable;

std::string profile_line(std::string_view head, const Profile& profile) {
  return fmt::format("{:<7} {}: {}\n", head, printable(profile.name), words(profile));
}

std::string change_line(const Change& change) {
  std::string kind{name(change.kind)};
  for (char& c : kind) c = static_cast<char>(c - 'a' + 'A');
  std::string line = fmt::format("{:<5}  {}", kind, printable(change.row.label));
  if (change.row.annotation) line += " as annotation";
  if (!change.row.server.empty()) line += " towards " + printable(change.row.server);
  const bool of_capture = change.row.whole == Whole::none;
  line += of_capture
              ? fmt::format("\n       in {} of {} -> in {} of {} captures", change.before,
                            change.before_of, change.after, change.after_of)
              : fmt::format("\n       {} -> {} of the {}", share(change.before, change.before_of),
                            share(change.after, change.after_of), unit(change.row.whole));
  if (change.kind == Kind::same || change.kind == Kind::unmeasured) return line + "\n";
  if (change.graver) {
    line += fmt::format("; {} now", name(change.severity));
  } else if (!of_capture && !change.beyond_chance) {
    line += "; may be chance";
  }
  return line + "\n";
}

void write_share(report::JsonOut& json, std::string_view key, std::uint64_t part,
                 std::uint64_t whole) {
  json.key(key).object().field("count", part).field("of", whole).key("rate");
  whole == 0 ? json.value(nullptr)
             : json.fraction(static_cast<double>(part) / static_cast<double>(whole));
  json.end();
}

}  // namespace

std::string share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return fmt::format("{} of 0", part);
  return fmt::format("{} of {} ({:.2f} %)", part, whole,
                     100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string_view unit(Whole whole) {
  switch (whole) {
    case Whole::exchanges:
      return "requests";
    case Whole::flows:
      return "connections";
    case Whole::deliveries:
      return "deliveries";
    case Whole::none:
      return "";
  }
  return {};
}

void write_capture(report::JsonOut& json, const Profile& profile) {
  json.field("name", profile.name).field("tool_version", profile.tool);
  json.field("flows", profile.flows).field("exchanges", profile.exchanges);
  json.field("deliveries", profile.deliveries);
}

std::string text(const Profile& before, const Profile& after, const Changes& changes) {
  std::string out = profile_line("Before", before) + profile_line("After", after);
  for (const std::string& note : changes.notes) out += "Note    " + printable(note) + "\n";
  out += "\n";
  for (const Change& change : changes.list) out += change_line(change);
  if (changes.worse) return out + "\nWorse than before.\n";
  if (!changes.incomparable.empty()) {
    return out + fmt::format("{}Cannot be compared: {}.\n", changes.list.empty() ? "" : "\n",
                             printable(changes.incomparable));
  }
  if (changes.list.empty()) out += "Nothing went wrong in either.\n";
  return out + "\nNothing got worse.\n";
}

std::string json(const Profile& before, const Profile& after, const Changes& changes) {
  report::JsonOut json;
  json.object().field("schema", "httpdiag.diff/1");
  json.key("tool").object().field("name", report::kToolName);
  json.field("version", report::kToolVersion).end();
  write_capture(json.line_break().key("before").object(), before);
  write_capture(json.end().line_break().key("after").object(), after);
  json.end();
  json.line_break().field("worse", changes.worse).key("incomparable");
  changes.incomparable.empty() ? json.value(nullptr) : json.value(changes.incomparable);
  json.key("notes").array();
  for (const std::string& note : changes.notes) json.value(note);
  json.end().line_break().key("changes").array();
  for (const Change& change : changes.list) {
    json.line_break().object();
    json.field("change", name(change.kind)).field("of", name(change.row.whole));
    json.field("label", change.row.label).key("server");
    change.row.server.empty() ? json.value(nullptr) : json.value(change.row.server);
    json.field("annotation", change.row.annotation).field("severity", name(change.severity));
    write_share(json, "before", change.before, change.before_of);
    write_share(json, "after", change.after, change.after_of);
    json.field("beyond_chance", change.beyond_chance).field("worse", change.worse).end();
  }
  json.end().end();
  return std::string{json.text()} + "\n";
}

}  // namespace httpdiag::compare
