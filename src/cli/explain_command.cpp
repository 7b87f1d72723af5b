// SPDX-License-Identifier: Apache-2.0
// httpdiag explain: what a label means, or which labels a symptom may stand for.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/suggest.hpp"
#include "httpdiag/config.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/symptoms.hpp"
#include "report/page.hpp"

namespace httpdiag::cli {
namespace {

using report::Ink;
using report::Page;

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag explain request-on-half-closed\n"
    "  httpdiag explain \"org.apache.http.NoHttpResponseException: host:80 failed to respond\"\n"
    "  httpdiag explain \"curl: (52) Empty reply from server\"\n"
    "  httpdiag explain 499";

constexpr std::size_t kMaxMatches = 6;  // a whole log may be pasted

struct Options {
  std::string config;
  std::vector<std::string> words;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// People write labels as they remember them: "Connect_Refused".
const RuleInfo* find_label(std::string_view text) {
  std::string id = base::lower(base::trim(text));
  std::replace(id.begin(), id.end(), '_', '-');
  return find_rule(id);
}

std::string_view first_sentence(std::string_view text) {
  const std::size_t end = text.find(". ");
  return end == std::string_view::npos ? text : text.substr(0, end + 1);
}

void paragraph(Page& page, std::size_t indent, std::string_view text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  page.wrapped(indent, Ink::plain, text.substr(0, space), indent,
               text.substr(std::min(space + 1, text.size())));
}

void section(Page& page, std::string_view heading, std::string_view text) {
  page.blank();
  page.line(0, Ink::bold, heading);
  paragraph(page, 2, text);
}

/// The parts of "stack: message; stack: message", one a line, the stacks in a column.
void symptoms(Page& page, std::string_view text) {
  page.blank();
  page.line(0, Ink::bold, "What people see");
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("; "), text.size());
    const std::string_view part = text.substr(0, end);
    const std::size_t colon = std::min(part.find(": "), part.size());
    page.wrapped(2, Ink::plain, fmt::format("{}:", part.substr(0, colon)), 4,
                 part.substr(std::min(colon + 2, part.size())));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

std::string_view in_words(Party party) {
  switch (party) {
    case Party::none:
      return "Nobody.";
    case Party::unknown:
      return "It depends on the case; each finding says.";
    case Party::capture:
      return "The capture, not the traffic.";
    case Party::client_app:
      return "The client application";
    case Party::client_host:
      return "The client's host: kernel, firewall";
    case Party::network:
      return "The network, or a device on the way";
    case Party::server_host:
      return "The server's host: kernel, listener, firewall";
    case Party::server_app:
      return "The server application, or a proxy in front of it";
  }
  return {};
}

std::string whose_fault(const RuleInfo& rule) {
  const std::string_view party = in_words(rule.party);
  if (party.ends_with('.')) return std::string{party};
  return fmt::format("{}. Confidence {}, unless a finding says otherwise.", party,
                     name(rule.confidence));
}

std::string explain_label(const RuleInfo& rule) {
  Page page{false};
  page.wrapped(0, Ink::bold, fmt::format("{}:", rule.id), rule.id.size() + 2, rule.title);
  paragraph(
      page, 0,
      fmt::format("Severity {}, phase {}, {} of {} {}.", name(rule.severity), name(rule.phase),
                  rule.role == Role::annotation ? "annotation"
                  : rule.role == Role::primary  ? "primary label"
                                                : "primary label or annotation",
                  rule.scope == Scope::exchange ? "an" : "a", name(rule.scope)));
  section(page, "What it is", rule.what);
  section(page, "What it is not", rule.guards);
  symptoms(page, rule.symptoms);
  section(page, "Whose fault", whose_fault(rule));
  section(page, "What to do", rule.remedy);
  if (const auto retry = retry_advice(rule.label); !retry.empty())
    section(page, "Sending again", retry);
  section(page, "References", rule.references);
  return page.take();
}

std::string ids(const SymptomMatch& match) {
  std::string text;
  for (const Label label : match.labels) {
    base::append_item(text, info(label).id);
  }
  return text;
}

/// What to say where no label of ours is behind a symptom.
std::string without_label(const SymptomMatch& match) {
  if (match.not_diagnosed.empty()) return "No label stands behind it.";
  std::string planned{match.not_diagnosed};
  for (std::size_t at = 0; (at = planned.find(' ', at)) != std::string::npos; at += 2) {
    planned.replace(at, 1, ", ");
  }
  return fmt::format("It stands for {} (not diagnosed yet).", planned);
}

std::string in_short(const SymptomMatch& match) {
  if (!match.labels.empty()) return ids(match);
  return match.note.empty() ? without_label(match) : std::string{match.note};
}

std::string explain_symptom(const std::vector<SymptomMatch>& matches) {
  Page page{false};
  const SymptomMatch& best = matches.front();
  page.wrapped(0, Ink::plain, "Recognised:", 12, fmt::format("{} ({})", best.symptom, best.stack));
  if (!best.note.empty()) paragraph(page, 0, best.note);
  if (best.labels.empty()) {
    // A wrapper's note says all there is to say.
    if (best.note.empty() || !best.not_diagnosed.empty()) paragraph(page, 0, without_label(best));
  } else {
    page.blank();
    page.line(0, Ink::bold,
              best.labels.size() == 1 ? "In a capture this is"
                                      : "In a capture this is, most likely first");
    for (const Label label : best.labels) {
      page.line(2, Ink::bold, info(label).id);
      paragraph(page, 4, first_sentence(info(label).what));
    }
  }
  if (matches.size() > 1) {
    page.blank();
    page.line(0, Ink::bold, "Also recognised in it");
    const std::size_t shown = std::min(matches.size(), kMaxMatches);
    for (std::size_t i = 1; i < shown; ++i) {
      page.wrapped(2, Ink::plain, fmt::format("{} ({}):", matches[i].symptom, matches[i].stack), 4,
                   in_short(matches[i]));
    }
  }
  if (best.labels.empty()) return page.take();
  page.blank();
  paragraph(
      page, 0,
      "httpdiag analyze CAPTURE tells which one it was. httpdiag explain LABEL tells more about "
      "each.");
  return page.take();
}

[[noreturn]] void refuse(const std::string& text) {
  std::vector<std::string> known;
  for (const RuleInfo& rule : rule_catalog()) known.emplace_back(rule.id);
  const std::string hint = did_you_mean(base::lower(base::trim(text)), known);
  throw Error{fmt::format("explain: neither a label nor a known symptom is in \"{}\"{}",
                          base::shorten(base::trim(text), 60),
                          hint.empty() ? "; httpdiag rules lists the labels" : hint)};
}

Exit explain(const Options& options, Console console) {
  if (!options.config.empty()) (void)load_config(options.config);  // adds its labels
  const std::string text = joined(options.words);
  if (const RuleInfo* const rule = find_label(text)) {
    console.out << explain_label(*rule);
    return Exit::clean;
  }
  const auto matches = match_symptom(text);
  if (matches.empty()) refuse(text);
  console.out << explain_symptom(matches);
  return Exit::clean;
}

}  // namespace

void add_explain(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("explain", "Explain a label, or find the labels behind an error message");
  command->add_option("LABEL", options->words, "A label, or a message, log line or code in quotes")
      ->required()
      ->type_name("");
  command->add_option("--config", options->config, "Know the labels of this configuration too")
      ->type_name("FILE");
  command->footer(kExamples);
  command->callback(
      [options, &job] { job = [options](Console console) { return explain(*options, console); }; });
}

}  // namespace httpdiag::cli
