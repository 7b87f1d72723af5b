// SPDX-License-Identifier: Apache-2.0
#include "cli/report_run.hpp"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <ostream>

#include "base/text.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/suggest.hpp"
#include "httpdiag/config.hpp"
#include "report/views.hpp"

namespace httpdiag::cli {
namespace {

const std::map<std::string, report::Format> kFormats{{"json", report::Format::json},
                                                     {"ndjson", report::Format::ndjson},
                                                     {"text", report::Format::text}};
const std::map<std::string, Severity> kFailOn{
    {"error", Severity::error}, {"info", Severity::info}, {"warning", Severity::warning}};
const std::map<std::string, VantagePoint> kVantages{{"client", VantagePoint::client},
                                                    {"middle", VantagePoint::middle},
                                                    {"proxy", VantagePoint::proxy},
                                                    {"server", VantagePoint::server},
                                                    {"unknown", VantagePoint::unknown}};
enum class Colour : std::uint8_t { automatic, always, never };
const std::map<std::string, Colour> kColours{
    {"always", Colour::always}, {"auto", Colour::automatic}, {"never", Colour::never}};

report::Selection selection(const ReportOptions& options) {
  report::Selection selection;
  for (const std::string& id : options.labels) {
    const RuleInfo* rule = find_rule(id);
    if (rule == nullptr) {
      std::vector<std::string> known;
      for (const RuleInfo& candidate : rule_catalog()) known.emplace_back(candidate.id);
      throw Error{fmt::format("--label: there is no label \"{}\"{}", id, did_you_mean(id, known))};
    }
    selection.labels.push_back(rule->label);
  }
  if (options.flow) selection.flow = FlowId{*options.flow};
  add_filters(options.filters, selection);
  return selection;
}

/// What is wrong with it; empty: nothing.
std::string number_of_flow(const std::string& text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool number = error == std::errc{} && end == text.data() + text.size() && id > 0;
  return number ? "" : fmt::format("expected the number of a flow, from 1 on, not \"{}\"", text);
}

/// "12" or "12.3".
WhyQuestion why_question(const std::string& text) {
  std::uint32_t flow = 0, exchange = 0;
  const char* const end = text.data() + text.size();
  auto [next, error] = std::from_chars(text.data(), end, flow);
  bool right = error == std::errc{} && flow != 0;
  if (right && next != end) {
    const auto [after, other] = std::from_chars(next + 1, end, exchange);
    right = *next == '.' && other == std::errc{} && after == end && exchange != 0;
  }
  if (!right)
    throw Error{
        fmt::format("--why: expected FLOW or FLOW.EXCHANGE, such as 12.3, not \"{}\"", text)};
  return {FlowId{flow}, exchange};
}

bool set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

/// https://no-color.org: any value but the empty one switches colours off.
bool coloured(const ReportOptions& options, const Console& console) {
  switch (kColours.at(options.colour)) {
    case Colour::always:
      return true;
    case Colour::never:
      return false;
    case Colour::automatic:
      break;
  }
  return console.out_is_terminal && options.output.empty() && !set("NO_COLOR");
}

/// Passes flows on, and remembers the worst of what the report is about.
class Watch final : public FlowReportSink {
 public:
  Watch(report::Writer& writer, const report::Selection& asked) : writer_{writer}, asked_{asked} {}
  void on_flow_report(const FlowReport& flow) override {
    worst_ = std::max(worst_, asked_.worst(flow));
    writer_.on_flow_report(flow);
  }
  Severity worst() const { return worst_; }

 private:
  report::Writer& writer_;
  const report::Selection& asked_;
  Severity worst_ = Severity::ok;
};

std::string skipped_text(const Ledger& ledger) {
  std::string text;
  for (std::size_t i = 0; i < kSkipCount; ++i) {
    if (ledger.skipped[i] == 0) continue;
    base::append_item(text, fmt::format("{} {}", ledger.skipped[i], name(static_cast<Skip>(i))));
  }
  return text;
}

/// A capture of UDP alone was readable, and its report says that there is
/// nothing in it. One in which no packet could be taken apart was not.
bool nothing_decodable(const Ledger& ledger) {
  std::uint64_t broken = 0;
  for (const Skip skip :
       {Skip::truncated_header, Skip::malformed_link, Skip::malformed_ip, Skip::malformed_tcp,
        Skip::unsupported_link, Skip::protected_frame, Skip::nested_too_deep}) {
    broken += ledger.skipped[static_cast<std::size_t>(skip)];
  }
  return ledger.packets != 0 && broken == ledger.packets;
}

/// "; link type IEEE802_11 (105)"
std::string unread_text(const CaptureSummary& input) {
  std::string text;
  for (const CaptureFile& file : input.files) {
    for (const auto& [type, packets] : file.unread_links) {
      text += (text.empty() ? "; link type " : ", ") + type;
    }
  }
  return text;
}

/// Filters that leave nothing over deserve a word.
void tell_filtered(spdlog::logger& log, const std::string& shown, const Ledger& ledger) {
  for (const Ledger::Unfit& each : ledger.bpf_unfit) {
    log.warn("{}: --bpf cannot be applied to link type {} ({}): {} left out", shown, each.link_type,
             each.reason, base::count(each.packets, "packet"));
  }
  if (ledger.passed_bpf != 0 && ledger.filtered_wrapped > 0) {
    log.warn(
        "{}: --bpf left out {} that {}: connections may lack a direction; add \"or (vlan and "
        "...)\", or use --host, --net and --port, which look behind tags",
        shown, base::count(ledger.filtered_wrapped, "packet"),
        ledger.filtered_wrapped == 1 ? "matches without its VLAN tags"
                                     : "match without their VLAN tags");
  }
  if (ledger.filtered == 0 || ledger.decoded + ledger.duplicates != 0) return;
  if (ledger.filtered == ledger.packets) {
    log.warn("{}: the filters left out all of {}", shown, base::count(ledger.packets, "packet"));
  } else {
    log.warn("{}: the filters left out {} of {}, and the others are no TCP", shown, ledger.filtered,
             base::count(ledger.packets, "packet"));
  }
  if (ledger.passed_bpf == 0 && ledger.filtered_wrapped > 0) {
    log.warn(
        "{}: --bpf does not look behind VLAN tags or into tunnels, where {} of them are: use "
        "--host, "
        "--net and --port, which do, or for tags alone put \"vlan and\" in front",
        shown, base::count(ledger.filtered_wrapped, "packet"));
  }
}

void tell(spdlog::logger& log, const std::string& path, const CaptureSummary& input,
          const Report& result) {
  const std::string shown = base::escape_for_terminal(path);
  for (const NotRead& each : input.not_read) {
    log.warn("{}: passed over: {}", base::escape_for_terminal(each.name),
             base::escape_for_terminal(each.reason));
  }
  for (const CaptureFile& file : input.files) {
    if (!file.damage) continue;
    log.warn("{}: cut after packet {} (byte {}): {}; analysed up to there",
             base::escape_for_terminal(file.name), file.damage->after_packet,
             file.damage->byte_offset, base::escape_for_terminal(file.damage->reason));
  }
  if (input.skipped_stretches != 0) {
    log.warn("{}: {} passed over (--recover), the first after packet {} (byte {})", shown,
             base::count(input.skipped_stretches, "damaged place"),
             input.skipped.front().damage.after_packet, input.skipped.front().damage.byte_offset);
  }
  tell_filtered(log, shown, result.ledger);
  if (result.ledger.decoded + result.ledger.duplicates + result.ledger.filtered == 0) {
    const std::string skipped = skipped_text(result.ledger);
    const bool cut = result.ledger.skipped[static_cast<std::size_t>(Skip::truncated_header)] != 0;
    log.warn(
        "{}: {}{}{}", shown, result.ledger.packets == 0 ? "holds no packet" : "holds no TCP",
        skipped.empty() ? "" : " (" + skipped + ")",
        cut ? "; packets were cut within their headers: record them whole (tcpdump -s 0)" : "");
  }
  if (result.views && report::apart(*result.views)) {
    log.warn(result.views->swapped      ? "--client and --server seem to be the wrong way round"
             : result.views->same_point ? "both captures were taken at one point"
                                        : "no connection is in both captures");
  }
  for (const Side side : {Side::client, Side::server}) {
    if (!result.views || !result.views->on_the_way[index(side)]) continue;
    const std::string_view end = side == Side::client ? "client" : "server";
    log.warn("what --{0} names was taken on the way, not at the {0}", end);
  }
  log.info("{}: {}, {}, {}", shown, base::count(result.ledger.packets, "packet"),
           base::count(result.flows, "flow"), base::count(result.exchanges, "exchange"));
}

spdlog::logger make_log(const ReportOptions& options, std::ostream& err) {
  spdlog::logger log{"httpdiag", std::make_shared<spdlog::sinks::ostream_sink_st>(err)};
  log.set_pattern("httpdiag: %l: %v");
  log.set_level(options.quiet     ? spdlog::level::err
                : options.verbose ? spdlog::level::info
                                  : spdlog::level::warn);
  return log;
}

/// The input in words: "a.pcap", or "a.pcap and 2 more files".
std::string input_text(const CaptureSummary& input) {
  const std::string& first = input.files.front().name;
  return input.files.size() == 1
             ? first
             : fmt::format("{} and {}", first, base::count(input.files.size() - 1, "more file"));
}

std::vector<std::string> names_of(const CaptureSummary& input) {
  std::vector<std::string> names;
  for (const CaptureFile& file : input.files) names.push_back(file.name);
  return names;
}

void set_profile(Thresholds& settings, const std::string& name) {
  settings.ack_profile = name == "auto" ? std::string{} : name;
  if (name == "auto" || find_ack_profile(name, settings) != nullptr) return;
  std::string known;
  for (const AckProfile* own : settings.own_profiles) known += fmt::format(", {}", own->name);
  for (const AckProfile& each : ack_profiles()) known += fmt::format(", {}", each.name);
  throw Error{fmt::format("--profile: no such profile; known are auto{}", known)};
}

}  // namespace

ReportPlan plan_of(const ReportOptions& options, const Console& console) {
  ReportPlan plan;
  report::Options& wanted = plan.wanted;
  wanted.show_payload = options.show_payload;
  wanted.colour = coloured(options, console);
  wanted.all_flows = options.flows == "all";
  plan.format = kFormats.at(options.format);
  Settings& settings = plan.settings;
  if (!options.config.empty()) settings = load_config(options.config);
  wanted.selection = selection(options);  // own labels among them
  if (!options.why.empty()) {
    if (plan.format != report::Format::text)
      throw Error{"--why: is told as text only; leave --format out"};
    settings.why = why_question(options.why);
    wanted.selection.flow = settings.why->flow;
    wanted.selection.flow_option = "--why";
  }
  if (!options.ack_profile.empty()) set_profile(settings.thresholds, options.ack_profile);
  if (!options.ack_token.empty()) settings.thresholds.ack_token = options.ack_token;
  if (!options.vantage.empty()) settings.vantage = kVantages.at(options.vantage);
  plan.settings_digest = digest(settings);
  wanted.max_healthy_flows = settings.limits.max_healthy_flows;
  settings.digest_bodies = plan.format != report::Format::text;
  // The text shows healthy exchanges only where one flow or label is asked for.
  if (plan.format == report::Format::text && !options.flow && options.labels.empty() &&
      !wanted.selection.by_exchange()) {
    settings.limits.max_healthy_exchanges = 0;
  }
  return plan;
}

Exit write_report(const ReportOptions& options, ReportPlan& plan, const CaptureSummary& input,
                  const Analysis& analysis, Console console) {
  report::Options& wanted = plan.wanted;
  wanted.input = &input;
  const std::string path = input_text(input);
  std::vector<std::string> inputs = names_of(input);
  inputs.insert(inputs.end(), plan.reports.begin(), plan.reports.end());
  if (!options.config.empty()) inputs.push_back(options.config);
  const auto output = options.output.empty() ? stream_output(console.out)
                                             : file_output(options.output, inputs, console.out);
  const auto writer = report::make_writer(plan.format, wanted, *output);
  Watch watch{*writer, wanted.selection};

  const bool streams_to_terminal =
      plan.format == report::Format::ndjson && console.out_is_terminal && options.output.empty();
  std::optional<Progress> progress;
  if (console.err_is_terminal && !options.quiet && !streams_to_terminal)
    progress.emplace(console.err);
  const Report result = analysis(plan, watch, progress ? &*progress : nullptr);
  progress.reset();

  if (nothing_decodable(result.ledger)) {
    const std::string damage =
        input.damage == nullptr
            ? ""
            : fmt::format("; it breaks off at byte {} ({}), and --recover looks for what is behind",
                          input.damage->byte_offset, input.damage->reason);
    throw Error{fmt::format(
        "{}: nothing in it could be decoded ({} of {}{}){}", path, skipped_text(result.ledger),
        base::count(result.ledger.packets, "packet"), unread_text(input), damage)};
  }
  const auto& why = plan.settings.why;
  if (why && !result.why && result.flows >= static_cast<std::uint32_t>(why->flow)) {
    throw Error{fmt::format("--why: flow {} has no exchange {}",
                            static_cast<std::uint32_t>(why->flow), why->exchange)};
  }
  writer->finish(result);
  output->commit();
  auto log = make_log(options, console.err);
  tell(log, path, input, result);

  const Severity worst = std::max(watch.worst(), wanted.selection.worst(result));
  return fails(options, worst) ? Exit::findings : Exit::clean;
}

void warn(const ReportOptions& options, Console console, const std::string& what) {
  make_log(options, console.err).warn(what);
}

bool fails(const ReportOptions& options, Severity worst) {
  return !options.fail_on.empty() && worst >= kFailOn.at(options.fail_on);
}

void add_report_options(CLI::App& command, ReportOptions& options) {
  command.add_option("--format", options.format, "text, json or ndjson")
      ->check(CLI::IsMember(kFormats))
      ->type_name("FORMAT")
      ->capture_default_str();
  command
      .add_option("-o,--output", options.output,
                  "Write the report to this file instead of standard output")
      ->check(names_a_file)
      ->type_name("OUT");
  command
      .add_option("--config", options.config,
                  "Take thresholds and severities from this JSON file (docs/configuration.md)")
      ->type_name("FILE");
  command
      .add_option(
          "--fail-on", options.fail_on,
          "Exit with 1 if there is a finding of this severity (error, warning, info) or worse")
      ->check(CLI::IsMember(kFailOn))
      ->type_name("SEVERITY");
  command
      .add_option("--label", options.labels,
                  "Report only on flows and exchanges that carry this label; repeatable")
      ->type_name("LABEL")
      ->take_all()
      ->allow_extra_args(false);
  add_filter_options(command, options.filters);
  command.add_option("--flow", options.flow, "Show this flow in full, with all of its exchanges")
      ->check(&number_of_flow)
      ->type_name("N");
  command
      .add_option("--why", options.why,
                  "Text: why this flow or exchange (12 or 12.3) got its label: facts, rules, what "
                  "would have changed it")
      ->type_name("N[.M]");
  command
      .add_option("--vantage", options.vantage,
                  "Where the capture was taken, if it is known better than the packets tell: "
                  "client, server, proxy, middle or unknown")
      ->check(CLI::IsMember(kVantages))
      ->type_name("WHERE");
  command.add_option("--flows", options.flows, "Text: flows to list, problems or all")
      ->check(CLI::IsMember({"problems", "all"}))
      ->type_name("WHICH")
      ->capture_default_str();
  command
      .add_option(
          "--profile", options.ack_profile,
          "How the sender wants callbacks acknowledged (docs/deliveries.md); told from each "
          "request if not given, or auto")
      ->type_name("NAME");
  command
      .add_option("--ack-token", options.ack_token,
                  "The body that acknowledges a callback; any other one with a 2xx does not")
      ->type_name("TEXT");
  command.add_flag("--show-payload", options.show_payload,
                   "Show query values and ids from bodies: may reveal secrets");
  command.add_option("--color", options.colour, "auto, always or never")
      ->check(CLI::IsMember(kColours))
      ->type_name("WHEN")
      ->capture_default_str();
  command.add_flag("-v,--verbose", options.verbose, "Say more about the run on standard error");
  command.add_flag("-q,--quiet", options.quiet,
                   "Say nothing about the run on standard error but errors");
}

}  // namespace httpdiag::cli
