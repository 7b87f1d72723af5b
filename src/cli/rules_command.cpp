// SPDX-License-Identifier: Apache-2.0
// httpdiag rules: the list of all labels.
#include <fmt/format.h>

#include <memory>
#include <ostream>
#include <string>

#include "cli/commands.hpp"
#include "httpdiag/config.hpp"
#include "httpdiag/symptoms.hpp"
#include "report/json_out.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag rules\n"
    "  httpdiag rules --format json | jq -r '.rules[].id'\n"
    "  httpdiag rules --format markdown > docs/rules.md";

struct Options {
  std::string format = "text";
  std::string config;
};

/// Built-in labels, then those of the configuration.
std::vector<const RuleInfo*> all_rules() {
  std::vector<const RuleInfo*> rules;
  for (std::size_t i = 0; i < label_count(); ++i) rules.push_back(&info(static_cast<Label>(i)));
  return rules;
}

std::string table() {
  constexpr const char* kRow = "{:<26}  {:<9}  {:<8}  {}\n";
  std::string out = fmt::format(fmt::runtime(kRow), "LABEL", "PHASE", "SEVERITY", "TITLE");
  for (const RuleInfo* rule : all_rules()) {
    out += fmt::format(fmt::runtime(kRow), rule->id, name(rule->phase), name(rule->severity),
                       rule->title);
  }
  return out;
}

std::string json() {
  report::JsonOut out;
  out.object().field("schema", "httpdiag.rules/1").key("rules").array();
  for (const RuleInfo* each : all_rules()) {
    const RuleInfo& rule = *each;
    out.line_break().object();
    out.field("id", rule.id)
        .field("title", rule.title)
        .field("scope", name(rule.scope))
        .field("role", name(rule.role))
        .field("phase", name(rule.phase))
        .field("severity", name(rule.severity));
    out.key("fault").object();
    out.field("party", name(rule.party)).field("confidence", name(rule.confidence)).end();
    out.field("what", rule.what)
        .field("guards", rule.guards)
        .field("symptoms", rule.symptoms)
        .field("remedy", rule.remedy)
        .field("retry", retry_advice(rule.label))
        .field("references", rule.references)
        .end();
  }
  out.end().end();
  return std::string{out.text()} + "\n";
}

Exit list_rules(const Options& options, Console console) {
  if (!options.config.empty()) (void)load_config(options.config);  // adds its labels
  if (options.format == "json") {
    console.out << json();
  } else if (options.format == "markdown") {
    console.out << rules_markdown();
  } else {
    console.out << table();
  }
  return Exit::clean;
}

}  // namespace

void add_rules(CLI::App& app, Job& job) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("rules", "List every label that a report can carry");
  command->add_option("--format", options->format, "text, json or markdown")
      ->check(CLI::IsMember({"text", "json", "markdown"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_option("--config", options->config, "Add the labels of this configuration")
      ->type_name("FILE");
  command->footer(kExamples);
  command->callback([options, &job] {
    job = [options](Console console) { return list_rules(*options, console); };
  });
}

}  // namespace httpdiag::cli
