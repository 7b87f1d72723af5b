// SPDX-License-Identifier: Apache-2.0
#include "check/print.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "report/json_out.hpp"
#include "report/page.hpp"
#include "report/version.hpp"

namespace httpdiag::check {
namespace {

using report::printable;

std::string words(const Difference& difference) {
  if (difference.expected.empty()) return "is new: " + difference.found;
  if (difference.found.empty()) return "is gone: " + difference.expected;
  return fmt::format("expected {}, found {}", difference.expected, difference.found);
}

/// "1.2: expected no-response, found slow-response (the finding's sentence)"
std::string line(const Difference& difference) {
  return printable(fmt::format("{}: {}{}", difference.where, words(difference),
                               difference.detail.empty() ? "" : " (" + difference.detail + ")"));
}

/// Where both kinds come together, what --update has written is told from what it has left.
std::string line(const Difference& difference, Status status) {
  const bool mark = status == Status::differs && difference.settled;
  return (mark ? "written: " : "") + line(difference);
}

bool is_failure(Status status, const PrintOptions& options) {
  return status == Status::differs || status == Status::no_capture ||
         status == Status::unreadable || (options.require && status == Status::no_expectation);
}

std::string_view status_words(Status status) {
  switch (status) {
    case Status::holds:
      return "holds";
    case Status::differs:
      return "DIFFERS";
    case Status::created:
      return "created";
    case Status::updated:
      return "updated";
    case Status::no_expectation:
      return "NO EXPECTATION";
    case Status::no_capture:
      return "NO CAPTURE";
    case Status::unreadable:
      return "UNREADABLE";
  }
  return {};
}

/// What to say of a failure in one sentence.
std::string reason(const Result& result) {
  switch (result.status) {
    case Status::no_capture:
      return "the capture of this expectation is missing";
    case Status::no_expectation:
      return "no expectation beside it; --update writes one";
    case Status::unreadable:
      return printable(result.error);
    default:
      return base::count(static_cast<std::uint64_t>(
                             std::ranges::count(result.differences, false, &Difference::settled)),
                         "difference");
  }
}

std::string summary(const Totals& totals) {
  std::string text = fmt::format("{} checked: {} {}, {} {}", base::count(totals.checked, "capture"),
                                 totals.hold, totals.hold == 1 ? "holds" : "hold", totals.differ,
                                 totals.differ == 1 ? "differs" : "differ");
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) text += fmt::format(", {} {}", count, what);
  };
  add(totals.written, "written");
  add(totals.without_expectation, "without expectation");
  add(totals.without_capture, "without capture");
  add(totals.unreadable, "unreadable");
  return text + ".\n";
}

std::string text(const std::vector<Result>& results, const PrintOptions& options) {
  std::string out;
  for (const Result& result : results) {
    if (options.quiet && !is_failure(result.status, options)) continue;
    out +=
        fmt::format("{:<14}  {}\n", status_words(result.status), printable(result.subject.name()));
    if (result.status == Status::unreadable) out += "    " + reason(result) + "\n";
    for (const Difference& difference : result.differences)
      out += "    " + line(difference, result.status) + "\n";
  }
  return out + summary(totals_of(results));
}

/// Of text that printable() has made harmless: XML 1.0 §2.4.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// What --update wrote, shown beside what came of it.
std::string junit_written(const Result& result) {
  std::string lines;
  for (const Difference& difference : result.differences) {
    if (difference.settled) lines += "\nwritten: " + xml(line(difference));
  }
  return lines.empty() ? lines : "<system-out>" + lines + "</system-out>";
}

std::string junit_case(const Result& result, const PrintOptions& options) {
  std::string out = fmt::format("<testcase classname=\"httpdiag.check\" name=\"{}\"",
                                xml(printable(result.subject.name())));
  const std::string why = xml(reason(result));
  if (result.status == Status::unreadable) {
    out += fmt::format("><error message=\"{}\"/></testcase>\n", why);
  } else if (is_failure(result.status, options)) {
    out += fmt::format("><failure message=\"{}\">", why);
    for (const Difference& difference : result.differences) {
      if (!difference.settled) out += "\n" + xml(line(difference));
    }
    out += "</failure>" + junit_written(result) + "</testcase>\n";
  } else if (result.status == Status::no_expectation) {
    out += fmt::format("><skipped message=\"{}\"/></testcase>\n", why);
  } else if (const std::string written = junit_written(result); !written.empty()) {
    out += ">" + written + "</testcase>\n";
  } else {
    out += "/>\n";
  }
  return out;
}

std::string junit(const std::vector<Result>& results, const PrintOptions& options) {
  const Totals totals = totals_of(results);
  const std::uint64_t required = options.require ? totals.without_expectation : 0;
  const std::uint64_t nothing = nothing_checked(totals) ? 1 : 0;
  const std::string counts =
      fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", results.size() + nothing,
                  totals.differ + totals.without_capture + required, totals.unreadable + nothing);
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {0}>\n"
      "<testsuite name=\"httpdiag check\" {0} skipped=\"{1}\">\n",
      counts, totals.without_expectation - required);
  for (const Result& result : results) out += junit_case(result, options);
  if (nothing != 0) {
    out += fmt::format(
        "<testcase classname=\"httpdiag.check\" name=\"all\"><error message=\"{}\"/></testcase>\n",
        kNothingChecked);
  }
  return out + "</testsuite>\n</testsuites>\n";
}

void write_differences(report::JsonOut& json, const std::vector<Difference>& differences) {
  json.key("differences").array();
  for (const Difference& each : differences) {
    json.object().field("where", each.where);
    json.key("expected");
    each.expected.empty() ? json.value(nullptr) : json.value(each.expected);
    json.key("found");
    each.found.empty() ? json.value(nullptr) : json.value(each.found);
    json.field("detail", each.detail).field("settled", each.settled).end();
  }
  json.end();
}

std::string json(const std::vector<Result>& results, const PrintOptions& options) {
  const Totals totals = totals_of(results);
  report::JsonOut json;
  json.object().field("schema", "httpdiag.check/1");
  json.key("tool").object().field("name", report::kToolName);
  json.field("version", report::kToolVersion).end().line_break();
  json.key("totals").object().field("checked", totals.checked);
  json.field("hold", totals.hold).field("differ", totals.differ).field("written", totals.written);
  json.field("without_expectation", totals.without_expectation);
  json.field("without_capture", totals.without_capture);
  json.field("unreadable", totals.unreadable).end().line_break();
  json.field("verdict", name(verdict_of(totals, options.require))).key("error");
  nothing_checked(totals) ? json.value(kNothingChecked) : json.value(nullptr);
  json.line_break().key("results").array();
  for (const Result& result : results) {
    json.line_break().object();
    json.key("capture");
    result.subject.capture.empty() ? json.value(nullptr) : json.value(result.subject.capture);
    json.key("expectation");
    const std::string& expectation = result.subject.expectation;
    expectation.empty() ? json.value(nullptr) : json.value(expectation);
    json.field("status", name(result.status));
    json.field("failure", is_failure(result.status, options)).field("written", result.written);
    if (!result.error.empty()) json.field("error", result.error);
    write_differences(json, result.differences);
    json.end();
  }
  json.end().end();
  return std::string{json.text()} + "\n";
}

/// As workflow commands want it: data, or a property of the command.
std::string escape_command(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

/// One workflow command, at a place of a file: ",line=3,col=7".
std::string annotation(std::string_view level, const std::string& file, std::string_view place,
                       std::string_view message) {
  return fmt::format("::{} file={}{},title=httpdiag check::{}\n", level,
                     escape_command(printable(file), true), place, escape_command(message, false));
}

std::string github(const std::vector<Result>& results, const PrintOptions& options) {
  std::string out;
  for (const Result& result : results) {
    const std::string& name = result.subject.name();
    const std::string_view level = is_failure(result.status, options) ? "error" : "warning";
    if (result.line != 0) {  // where it can be mended, and is shown
      out += annotation(level, result.subject.expectation,
                        fmt::format(",line={},col={}", result.line, result.column), reason(result));
    } else if (result.status == Status::no_expectation || result.status == Status::no_capture ||
               result.status == Status::unreadable) {
      out += annotation(level, name, {}, reason(result));
    }
    for (const Difference& difference : result.differences) {
      out += difference.settled ? annotation("notice", result.subject.expectation, {},
                                             "written: " + line(difference))
                                : annotation(level, name, {}, line(difference));
    }
  }
  const Totals totals = totals_of(results);
  if (nothing_checked(totals))
    out += fmt::format("::error title=httpdiag check::{}\n", kNothingChecked);
  return out + summary(totals);
}

}  // namespace

std::string print(const std::vector<Result>& results, Format format, const PrintOptions& options) {
  switch (format) {
    case Format::junit:
      return junit(results, options);
    case Format::json:
      return json(results, options);
    case Format::github:
      return github(results, options);
    case Format::text:
      break;
  }
  return text(results, options);
}

}  // namespace httpdiag::check
