// SPDX-License-Identifier: Apache-2.0
// docs/rules.md, written from the catalogue. A test holds the file to it.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "httpdiag/symptoms.hpp"

namespace httpdiag {
namespace {

constexpr std::string_view kHead =
    "# Labels\n"
    "\n"
    "<!-- Written by `httpdiag rules --format markdown`. Change the texts in src/rules/catalog/. "
    "-->\n"
    "\n"
    "Every label that a report can carry. A flow and an exchange have exactly one *primary* "
    "label;\n"
    "the others are *annotations* beside it. Severity, fault and confidence are defaults: a "
    "finding\n"
    "may say more when its packets show more. `httpdiag explain LABEL` prints the same on a "
    "terminal.\n";

std::string_view heading(Phase phase) {
  switch (phase) {
    case Phase::capture:
      return "The capture itself";
    case Phase::dns:
      return "In front of the connection: names";
    case Phase::connect:
      return "Connecting";
    case Phase::tls:
      return "TLS";
    case Phase::payload:
      return "Payload";
    case Phase::request:
      return "Sending the request";
    case Phase::wait:
      return "Waiting for the response";
    case Phase::response:
      return "Receiving the response";
    case Phase::http:
      return "What the response says";
    case Phase::reuse:
      return "Reusing a connection";
    case Phase::teardown:
      return "Closing";
    case Phase::transport:
      return "Transport";
    case Phase::own:
      return "Rules of your own";
    case Phase::none:
      return "Nothing wrong";
  }
  return {};
}

/// Plain text that Markdown must not take for markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view{"\\`*_<>[]|$"}.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string_view in_words(Role role) {
  return role == Role::either ? "primary or annotation" : name(role);
}

/// A verbatim message; two backticks, since a message may hold one.
std::string code(std::string_view text) {
  const bool backtick = text.find('`') != std::string_view::npos;
  return backtick ? fmt::format("`` {} ``", text) : fmt::format("`{}`", text);
}

template <typename Visit>
void for_each_part(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("; "), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

void append_index(std::string& out) {
  out += "\n| label | title | severity | role | phase |\n|---|---|---|---|---|\n";
  for (const RuleInfo& rule : rule_catalog()) {
    fmt::format_to(std::back_inserter(out), "| [`{0}`](#{0}) | {1} | {2} | {3} | {4} |\n", rule.id,
                   escaped(rule.title), name(rule.severity), in_words(rule.role), name(rule.phase));
  }
}

void append_rule(std::string& out, const RuleInfo& rule) {
  auto write = std::back_inserter(out);
  fmt::format_to(write, "\n### {}\n\n**{}** · {} · {} of {} {} · fault {} ({})\n", rule.id,
                 escaped(rule.title), name(rule.severity), in_words(rule.role),
                 rule.scope == Scope::exchange || rule.scope == Scope::aggregate ? "an" : "a",
                 name(rule.scope), name(rule.party), name(rule.confidence));
  fmt::format_to(write, "\n**What it is.** {}\n\n**What it is not.** {}\n", escaped(rule.what),
                 escaped(rule.guards));
  fmt::format_to(write, "\n**What people see**\n\n");
  for_each_part(rule.symptoms, [&](std::string_view symptom) {
    const std::size_t colon = symptom.find(": ");
    const std::string_view stack = symptom.substr(0, colon);
    const std::string_view message = symptom.substr(colon + 2);
    fmt::format_to(write, "- {}: {}\n", escaped(stack),
                   stack == "People" ? escaped(message) : code(message));
  });
  fmt::format_to(write, "\n**What to do.** {}\n", escaped(rule.remedy));
  if (const std::string_view retry = retry_advice(rule.label); !retry.empty()) {
    fmt::format_to(write, "\n**Sending again.** {}\n", escaped(retry));
  }
  fmt::format_to(write, "\n**References.** {}\n", escaped(rule.references));
}

}  // namespace

std::string rules_markdown() {
  std::string out{kHead};
  append_index(out);
  const auto catalog = rule_catalog();
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    if (i == 0 || catalog[i].phase != catalog[i - 1].phase) {
      out += fmt::format("\n## {}\n", heading(catalog[i].phase));
    }
    append_rule(out, catalog[i]);
  }
  return out;
}

}  // namespace httpdiag
