// SPDX-License-Identifier: Apache-2.0
// httpdiag facts: what conditions of own rules may use.
#include <fmt/format.h>

#include <memory>
#include <ostream>

#include "cli/commands.hpp"
#include "httpdiag/own_rules.hpp"
#include "report/json_out.hpp"

namespace httpdiag::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  httpdiag facts\n"
    "  httpdiag facts --format json";

std::string_view unit(FactType type) {
  switch (type) {
    case FactType::duration:
      return "ns us ms s min h";
    case FactType::bytes:
      return "B kB MB";
    default:
      return "";
  }
}

void write_table(std::ostream& out) {
  out << fmt::format("{:<25}  {:<8}  {}\n", "FACT", "TYPE", "MEANING");
  for (const FactInfo& fact : fact_catalog())
    out << fmt::format("{:<25}  {:<8}  {}\n", fact.name, name(fact.type), fact.meaning);
  out << "\nDurations are compared with a number and a unit (ns, us, ms, s, min, h), sizes with a\n"
         "number of bytes, kB or MB. What could not be measured fails every condition.\n";
}

void write_json(std::ostream& out) {
  report::JsonOut json;
  json.object().field("schema", "httpdiag.facts/1").key("facts").array();
  for (const FactInfo& fact : fact_catalog()) {
    json.line_break().object();
    json.field("name", fact.name)
        .field("scope", name(fact.scope))
        .field("type", name(fact.type))
        .field("units", unit(fact.type))
        .field("meaning", fact.meaning)
        .end();
  }
  json.end().end();
  out << json.text() << '\n';
}

}  // namespace

void add_facts(CLI::App& app, Job& job) {
  auto format = std::make_shared<std::string>("text");
  CLI::App* command =
      app.add_subcommand("facts", "List the facts that rules of your own may compare");
  command->add_option("--format", *format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  command->footer(kExamples);
  command->callback([format, &job] {
    job = [format](Console console) {
      *format == "json" ? write_json(console.out) : write_table(console.out);
      return Exit::clean;
    };
  });
}

}  // namespace httpdiag::cli
