// SPDX-License-Identifier: Apache-2.0
#include "rules/tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/text.hpp"
#include "rules/finding_builder.hpp"
#include "rules/judge.hpp"

namespace httpdiag::rules {

namespace {

// Distinct clients per cause are counted up to here; beyond, the number means "at least".
constexpr std::size_t kMaxClients = 64;

// A clock that goes backwards all the time needs no more examples.
constexpr std::size_t kMaxSteps = 64;

std::uint64_t& at(std::array<std::uint64_t, kMaxLabels>& counts, Label label) {
  return counts[static_cast<std::size_t>(label)];
}

void count_problems(std::array<LabelProblems, kMaxLabels>& problems, Label primary,
                    const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity < Severity::warning) continue;
    LabelProblems& of = problems[static_cast<std::size_t>(finding.label)];
    LabelProblems::Count& sum = finding.label == primary ? of.primary : of.annotation;
    ++sum.count;
    sum.severity = std::max(sum.severity, finding.severity);
  }
}

bool about_capture(Label label) { return info(label).phase == Phase::capture; }

}  // namespace

// The first packet, one that does not come after all others, or one that comes after a gap.
void Tally::on_step(PacketRef packet) {
  const Thresholds& limits = settings_.thresholds;
  note_latest();
  if (packet.time == Timestamp{}) {  // it has none, or a clock that nobody has set
    if (report_.first) note_step_back({previous_, packet});
    return;
  }
  if (!report_.first || packet.time < report_.first->time) report_.first = packet;
  if (!report_.last || packet.time > report_.last->time) report_.last = packet;
  if (previous_) {
    const Duration step = packet.time - previous_.time;
    if (step < -limits.clock_step_back) {
      note_step_back({previous_, packet});
    } else if (step > limits.clock_gap && jumps_.size() < kMaxJumps) {
      jumps_.push_back({previous_, packet});
    }
  }
  previous_ = packet;
  rising_ = report_.last == packet;
}

void Tally::note_step_back(const ClockStep& back) {
  ++steps_back_;
  if (back.size() > largest_step_.size()) largest_step_ = back;
  last_steps_.push_back(back);
  if (last_steps_.size() > kMaxSteps) last_steps_.pop_front();
}

Tally::Watched Tally::watched(const FlowRecord& flow, EndCause cause, Timestamp now,
                              const CaptureSummary* input) const {
  if (input != nullptr) {
    if (const auto* border = input->unwatched_behind(flow.last.number, now)) {
      cause = EndCause::capture_over;
      now = border->last.time;
    }
  }
  if (flow.trouble().cut_off) return {EndCause::capture_over, flow.last.time};
  for (const Jump& jump : jumps_) {
    if (flow.last.number <= jump.from.number && now > jump.from.time)
      return {EndCause::capture_over, jump.from.time};
  }
  return {cause, now};
}

std::optional<ClockStep> Tally::largest_step(PacketNumber first, PacketNumber last) const {
  std::optional<ClockStep> largest;
  for (const ClockStep& step : last_steps_) {
    if (step.from.number < first || step.to.number > last) continue;
    if (!largest || step.size() > largest->size()) largest = step;
  }
  return largest;
}

void Tally::forget_open() {
  OpenFlows open{report_.open_at_end, std::move(report_.open_flows)};
  report_.open_at_end = 0;
  report_.open_flows.clear();
  // Two files may break off with no packet between: the same was open at both places.
  const bool again = holes_ != 0 && at_hole_ == previous_ && open_at_holes_.size() == holes_;
  if (again && open.count == 0) open = open_at_holes_.back();
  at_hole_ = previous_;
  ++holes_;
  if (open_at_holes_.size() < kMostHoles) open_at_holes_.push_back(std::move(open));
}

/// Behind the last hole that was read, there is nothing but the end.
void Tally::note_open_at_damage(const CaptureSummary& input) {
  report_.open_at_damage.resize(input.files.size());
  for (std::size_t i = 0; i < input.files.size(); ++i) {
    if (!input.files[i].damage) continue;
    const std::uint64_t hole = input.files[i].damage->hole;
    if (hole == 0 || hole > holes_) {
      report_.open_at_damage[i] = {report_.open_at_end, report_.open_flows};
    } else if (hole <= open_at_holes_.size()) {
      report_.open_at_damage[i] = open_at_holes_[hole - 1];
    }
  }
}

void Tally::count_exchange(Label primary, const std::vector<Finding>& findings,
                           const std::vector<Label>& annotations) {
  ++report_.exchanges;
  ++at(report_.exchange_labels, primary);
  for (const Label label : annotations) ++at(report_.annotations, label);
  count_problems(report_.exchange_problems, primary, findings);
  report_.worst = std::max(report_.worst, worst_of(findings));
}

void Tally::count_flow(const FlowReport& flow) {
  ++report_.flows;
  ++at(report_.flow_labels, flow.label);
  for (const Label label : flow.labels) ++at(report_.annotations, label);
  count_problems(report_.flow_problems, flow.label, flow.findings);
  report_.worst = std::max(report_.worst, worst_of(flow.findings));
  report_.omitted_exchanges += flow.omitted_exchanges;
  note_quality(flow.findings);
  count_oddities(flow);

  const bool flow_itself = !flow.findings.empty() && flow.findings.front().label == flow.label;
  if (flow_itself && flow.severity >= Severity::warning)
    count_cause(flow.label, flow.severity, flow, nullptr);
  for (const ExchangeReport& exchange : flow.exchanges) {
    if (exchange.severity >= Severity::warning)
      count_cause(exchange.label, exchange.severity, flow, &exchange);
  }
}

void Tally::count_oddities(const FlowReport& flow) {
  std::uint16_t counted = 0;
  for (const OddityReport& odd : flow.oddities) {
    const auto bit = static_cast<std::uint16_t>(odd.oddity);
    if ((counted & bit) != 0) continue;  // both sides have it
    counted |= bit;
    OddityTotal& total = report_.oddities[static_cast<std::size_t>(std::countr_zero(bit))];
    ++total.flows;
    // The first by id, so that it does not depend on which flow ended first.
    if (total.flows > 1 && total.example_flow < flow.id) continue;
    total.example_flow = flow.id;
    total.example = odd;
  }
}

void Tally::count_unshown(Label label, Severity severity, const FlowReport& flow,
                          std::uint64_t count) {
  if (severity < Severity::warning) return;
  if (Cause* cause = cause_for(label, severity, flow)) cause->count += count;
}

Cause* Tally::cause_for(Label label, Severity severity, const FlowReport& flow) {
  const CauseKey key{label, flow.server};
  auto row = causes_.find(key);
  if (row == causes_.end()) {
    if (causes_.size() >= settings_.limits.max_causes) {
      ++report_.omitted_causes;
      return nullptr;
    }
    row = causes_.emplace(key, CauseRow{}).first;
    row->second.cause.label = label;
    row->second.cause.server = flow.server;
  }
  auto& [cause, clients] = row->second;
  cause.severity = std::max(cause.severity, severity);
  if (clients.size() < kMaxClients) clients.insert(flow.client.ip);
  cause.clients = clients.size();
  return &cause;
}

void Tally::count_cause(Label label, Severity severity, const FlowReport& flow,
                        const ExchangeReport* exchange) {
  Cause* cause = cause_for(label, severity, flow);
  if (cause == nullptr) return;
  ++cause->count;
  const PacketRef first = exchange != nullptr ? exchange->request.first : flow.first;
  if (!cause->last || first.number > cause->last.number) cause->last = first;
  if (cause->first && first.number >= cause->first.number) return;
  // The earliest one is the worked example, so that it does not depend on which flow ended first.
  cause->first = first;
  cause->example_flow = flow.id;
  cause->example_exchange = exchange != nullptr ? exchange->index : 0;
  cause->example = flow;
  if (exchange != nullptr) cause->example.exchanges = {*exchange};
}

namespace {

// As flow_duplicate_packets() calls them.
constexpr std::string_view kRecorded = "recorded", kDuplicates = "duplicates";

void note_origin(std::map<std::string, std::uint64_t>& origins, const Finding& finding) {
  constexpr std::size_t kMostOrigins = 64;
  for (const NamedFact& fact : finding.facts) {
    const auto* text = fact.name == kRecorded ? std::get_if<std::string>(&fact.value) : nullptr;
    if (text == nullptr) continue;
    if (origins.size() < kMostOrigins || origins.contains(*text)) ++origins[*text];
  }
}

/// "; recorded on eth0 and docker0 (3 connections), under VLAN 10 and 20 (1)", the commonest first.
std::string origins_text(const std::map<std::string, std::uint64_t>& origins) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [text, flows] : origins) order.emplace_back(flows, text);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, order.size()); ++i) {
    text += fmt::format("{}{} ({})", i == 0 ? " They were recorded " : "; ", order[i].second,
                        base::count(order[i].first, "connection"));
  }
  if (order.size() > kNamed) text += "; and in other ways";
  return text.empty() ? text : text + ".";
}

}  // namespace

void Tally::note_quality(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (!about_capture(finding.label)) continue;
    Quality& quality = quality_[finding.label];
    const bool earlier = quality.flows == 0 || finding.evidence.front().packet.number <
                                                   quality.example.evidence.front().packet.number;
    ++quality.flows;
    note_origin(quality.origins, finding);
    if (earlier) quality.example = finding;
  }
}

namespace {

/// "; 2 connections were open there: flow 3, 7"
std::string open_flows_text(std::uint64_t count, const std::vector<FlowId>& flows) {
  constexpr std::size_t kNamed = 5;
  if (count == 0) return "; no connection was open there";
  std::string text =
      fmt::format("; {} open there: ",
                  count == 1 ? "1 connection was" : fmt::format("{} connections were", count));
  for (std::size_t i = 0; i < std::min(kNamed, flows.size()); ++i) {
    text += fmt::format("{}{}", i == 0 ? "flow " : ", ", static_cast<std::uint32_t>(flows[i]));
  }
  return text + (count > kNamed ? ", ..." : "");
}

}  // namespace

Finding Tally::file_broken_off(const CaptureDamage& damage) const {
  const std::string where = fmt::format("The file breaks off at byte {}, record {} ({})",
                                        damage.byte_offset, damage.record, damage.reason);
  // One without a time is not among those that were counted on.
  const PacketRef last =
      previous_ ? previous_
                : PacketRef{damage.after_packet, damage.last_good.value_or(Timestamp{})};
  const std::string time = base::rfc3339(last.time);  // 2024-03-01T12:00:01.123456789Z
  FindingBuilder broken{
      Label::capture_file_truncated,
      last ? fmt::format("{}; everything up to packet {} of {} {} UTC was analysed{}.", where,
                         damage.after_packet, time.substr(0, 10), time.substr(11, 12),
                         open_flows_text(report_.open_at_end, report_.open_flows))
           : where + ", before the end of its first packet."};
  if (!last) broken.without_evidence();
  broken.evidence(last, std::nullopt, "last whole packet")
      .fact("byte_offset", static_cast<std::int64_t>(damage.byte_offset))
      .fact("record", static_cast<std::int64_t>(damage.record))
      .fact("open_flows", static_cast<std::int64_t>(report_.open_at_end));
  return broken.build();
}

/// One of several: the others go on, and no connection is held to what it does not show.
Finding Tally::file_broken_off(const CaptureSummary& input, std::uint32_t file) const {
  const CaptureDamage& damage = *input.files[file].damage;
  const PacketNumber last = input.places->last_of(file);
  const std::optional<OpenFlows>& open = report_.open_at_damage[file];
  FindingBuilder broken{
      Label::capture_file_truncated,
      fmt::format("{} breaks off at byte {}, record {} ({}); what was read in front of it and what "
                  "the other files hold was analysed, connections before and behind that place as "
                  "if they were two{}.",
                  input.files[file].short_name, damage.byte_offset, damage.record, damage.reason,
                  open ? open_flows_text(open->count, open->first) : std::string{})};
  broken.without_evidence();
  if (last != 0 && damage.last_good) {
    broken.evidence({last, *damage.last_good}, std::nullopt, "its last whole packet");
  }
  if (open) broken.fact("open_flows", static_cast<std::int64_t>(open->count));
  return broken.fact("file", damage.file)
      .fact("byte_offset", static_cast<std::int64_t>(damage.byte_offset))
      .fact("record", static_cast<std::int64_t>(damage.record))
      .build();
}

void Tally::add_damage(const CaptureSummary& input) {
  constexpr std::size_t kMost = 16;  // all are in input.files
  if (input.files.size() < 2) {
    if (input.damage) report_.findings.push_back(file_broken_off(*input.damage));
    return;
  }
  std::size_t told = 0;
  for (std::uint32_t i = 0; i < input.files.size() && told < kMost; ++i) {
    if (!input.files[i].damage) continue;
    ++told;
    report_.findings.push_back(file_broken_off(input, i));
  }
}

/// With --recover: what was open before a stretch has ended for us, and what is behind is new.
Finding Tally::stretches_skipped(const CaptureSummary& input) const {
  const SkippedStretch& first = input.skipped.front();
  std::uint64_t bytes = 0;
  for (const SkippedStretch& each : input.skipped)
    bytes += each.end_offset - each.damage.byte_offset;
  const bool one = input.skipped_stretches == 1;
  FindingBuilder skipped{
      Label::capture_file_truncated,
      fmt::format(
          "{} passed over, {} bytes{}: {} byte {}{} ({}) to byte {}. Connections were judged "
          "before and behind it as if they were two.",
          one ? "A damaged stretch of the file was"
              : fmt::format("{} damaged stretches of the file were", input.skipped_stretches),
          bytes, input.skipped.size() < input.skipped_stretches ? " and more" : "",
          one ? "from" : "the first from", first.damage.byte_offset,
          input.files.size() > 1 ? " of " + first.damage.file : std::string{}, first.damage.reason,
          first.end_offset)};
  skipped.without_evidence();
  // Packets are numbered as in the file, unless there are several or it was sorted.
  if (first.damage.last_good && first.damage.after_packet != 0 && !input.places) {
    skipped.evidence({first.damage.after_packet, *first.damage.last_good}, std::nullopt,
                     "last packet before it");
  }
  if (first.next && !input.places) {
    skipped.evidence({first.damage.after_packet + 1, *first.next}, std::nullopt,
                     "first packet behind it");
  }
  return skipped.fact("stretches", static_cast<std::int64_t>(input.skipped_stretches))
      .fact("bytes", static_cast<std::int64_t>(bytes))
      .build();
}

/// What the flows lack of the capture's quality, once for each label.
void Tally::add_quality_findings(const Ledger& ledger) {
  for (auto& [label, quality] : quality_) {
    // The clock is judged over all packets.
    if (label == Label::capture_clock_anomaly) continue;
    Finding finding = quality.example;
    if (quality.flows > 1) {
      finding.detail = fmt::format("{} connections are affected, for example: {}", quality.flows,
                                   finding.detail);
    }
    finding.facts.push_back({"flows", static_cast<std::int64_t>(quality.flows)});
    if (label == Label::capture_duplicate_packets) {
      finding.detail =
          fmt::format("{} of {} packets are copies of others and were left out.{}",
                      ledger.duplicates, ledger.packets, origins_text(quality.origins));
      for (NamedFact& fact : finding.facts) {
        if (fact.name == kDuplicates) fact.value = static_cast<std::int64_t>(ledger.duplicates);
      }
    }
    report_.findings.push_back(std::move(finding));
  }
}

namespace {

Finding wrong_times(const CaptureSummary& input) {
  FindingBuilder finding{
      Label::capture_clock_anomaly,
      fmt::format("{} recorded with a time that is hours from those of the packets around it: {} "
                  "as having come with the one next to {}.",
                  input.wrong_times == 1 ? "One packet was"
                                         : fmt::format("{} packets were", input.wrong_times),
                  input.wrong_times == 1 ? "it counts" : "they count",
                  input.wrong_times == 1 ? "it" : "them")};
  for (const PacketNote& note : input.notes) {
    if (!note.corrected) continue;
    const PacketNumber number = note.order != 0 ? note.order : note.packet;
    finding.evidence({number, *note.corrected}, std::nullopt, "its recorded time cannot be");
  }
  return finding.fact("wrong_times", static_cast<std::int64_t>(input.wrong_times)).build();
}

}  // namespace

/// Steps back before jumps forward: durations suffer from those alone.
std::optional<Finding> Tally::clock_anomaly(const CaptureSummary& input) const {
  if (steps_back_ > 0) {
    return FindingBuilder{
        Label::capture_clock_anomaly,
        fmt::format("Timestamps go backwards {}, by up to {}; durations across it are unreliable.",
                    times(steps_back_), base::duration(largest_step_.size()))}
        .evidence(largest_step_.from, std::nullopt, "before the step")
        .evidence(largest_step_.to, std::nullopt, "recorded after it, with an earlier time")
        .fact("steps", static_cast<std::int64_t>(steps_back_))
        .fact("largest_step_us", std::optional{largest_step_.size()})
        .build();
  }
  if (jumps_.empty())
    return input.wrong_times > 0 ? std::optional{wrong_times(input)} : std::nullopt;
  const Jump& jump = jumps_.front();
  return FindingBuilder{
      Label::capture_clock_anomaly,
      fmt::format(
          "Between two packets lie {}: the clock jumped, captures were joined, or nothing was "
          "recorded for so long.",
          base::duration(jump.to.time - jump.from.time))}
      .evidence(jump.from, std::nullopt, "before the jump")
      .evidence(jump.to, std::nullopt, "after it")
      .build();
}

void Tally::add_capture_findings(const CaptureSummary& input, const Ledger& ledger) {
  std::vector<Finding>& findings = report_.findings;
  if (!input.skipped.empty()) findings.push_back(stretches_skipped(input));
  add_damage(input);
  add_quality_findings(ledger);
  if (auto clock = clock_anomaly(input)) findings.push_back(std::move(*clock));
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& a, const Finding& b) { return a.label < b.label; });
  report_.worst = std::max(report_.worst, worst_of(findings));
}

namespace {

/// All of a cause are the attempts of one client, which come again and again at one distance.
bool is_regular(const Cause& cause, const std::vector<BackoffPattern>& backoffs) {
  constexpr std::uint64_t kFewest = 4;
  const auto even = [](const std::vector<Duration>& gaps) {  // a timer's, not a user's
    const auto [least, most] = std::ranges::minmax(gaps);
    return most - least <= std::max<Duration>(std::chrono::milliseconds{20}, most / 50);
  };
  if (cause.example_exchange != 0 || cause.clients != 1 || cause.count < kFewest) return false;
  return std::any_of(backoffs.begin(), backoffs.end(), [&](const BackoffPattern& backoff) {
    return backoff.kind == Backoff::constant && backoff.server == cause.server &&
           backoff.attempts == cause.count && even(backoff.gaps);
  });
}

}  // namespace

Report Tally::finish(const CaptureSummary& input, const Ledger& ledger,
                     const PatternCollector& patterns, std::vector<Finding> lookups) {
  report_.input = &input;
  report_.ledger = ledger;
  note_latest();
  report_.settings = settings_;
  report_.findings = std::move(lookups);
  patterns.finish(report_);
  note_open_at_damage(input);
  add_capture_findings(input, ledger);
  for (auto& [key, row] : causes_) report_.causes.push_back(std::move(row.cause));
  causes_.clear();
  const bool requests_failed =
      std::any_of(report_.causes.begin(), report_.causes.end(), [](const Cause& cause) {
        return cause.severity == Severity::error && cause.example_exchange != 0;
      });
  for (Cause& cause : report_.causes) {
    cause.regular = requests_failed && is_regular(cause, report_.patterns.backoffs) &&
                    !patterns.was_asked(cause.server);
  }
  std::sort(report_.causes.begin(), report_.causes.end(), [](const Cause& a, const Cause& b) {
    if (a.severity != b.severity) return a.severity > b.severity;
    if (a.regular != b.regular) return b.regular;
    if (a.count != b.count) return a.count > b.count;
    return a.first.number < b.first.number;
  });
  return std::move(report_);
}

}  // namespace httpdiag::rules
