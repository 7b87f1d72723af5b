// SPDX-License-Identifier: Apache-2.0
// Format text: for an engineer in the middle of an incident. What happened,
// what could mislead, what went wrong by cause, one worked example each.
#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "report/deliveries.hpp"
#include "report/input_text.hpp"
#include "report/oddity_text.hpp"
#include "report/patterns.hpp"
#include "report/render.hpp"
#include "report/spool.hpp"
#include "report/text_parts.hpp"
#include "report/views.hpp"
#include "report/why_text.hpp"

namespace httpdiag::report {
namespace {

constexpr std::size_t kListedFlows = 20;   // lines of the list of problem flows
constexpr std::size_t kListedCauses = 20;  // rows of the table, besides the first of each label
constexpr std::size_t kHang = 10;

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (part != 0 && share < 0.1) return " (under 0.1 %)";
  return share < 10 ? fmt::format(" ({:.1f} %)", share) : fmt::format(" ({:.0f} %)", share);
}

std::string files_text(const CaptureSummary& input) {
  constexpr std::size_t kNamed = 4;
  const std::size_t count = input.files.size();
  std::string text;
  for (std::size_t i = 0; i < (count > kNamed ? kNamed - 1 : count); ++i) {
    const CaptureFile& file = input.files[i];
    base::append_item(text, file.name == "-" ? "standard input" : file.name);
  }
  return count > kNamed ? text + fmt::format(" and {} more files", count - kNamed + 1) : text;
}

std::string capture_text(const Report& report) {
  std::string text = report.input != nullptr ? files_text(*report.input) + ": " : "";
  text += base::count(report.ledger.packets, "packet");
  if (report.first && report.last) {
    text +=
        fmt::format(" in {} from {} UTC", base::duration(report.last->time - report.first->time),
                    clock(report.first->time).substr(0, 19));
  }
  if (report.ledger.duplicates != 0)
    text += fmt::format("; {} captured twice", report.ledger.duplicates);
  if (report.ledger.filtered != 0)
    text += fmt::format("; {} left out by filters", report.ledger.filtered);
  if (report.input != nullptr && report.input->reordered != 0)
    text += fmt::format("; {} recorded late and sorted in", report.input->reordered);
  std::string skipped;
  for (std::size_t i = 0; i < kSkipCount; ++i) {
    if (report.ledger.skipped[i] == 0) continue;
    base::append_item(skipped,
                      fmt::format("{} {}", report.ledger.skipped[i], name(static_cast<Skip>(i))));
  }
  if (!skipped.empty()) text += "; not analysed: " + skipped;
  return text;
}

std::string_view place(VantagePoint point) {
  switch (point) {
    case VantagePoint::unknown:
      return "at an unknown place";
    case VantagePoint::client:
      return "at the client";
    case VantagePoint::server:
      return "at the server";
    case VantagePoint::middle:
      return "between client and server";
    case VantagePoint::loopback:
      return "on one host that is client and server";
    case VantagePoint::proxy:
      return "on a host that is the server of some connections and the client of others";
  }
  return "";
}

std::string vantage_text(const Vantage& vantage) {
  if (vantage.given) return fmt::format("{}, as given by the user", place(vantage.point));
  return fmt::format("{} ({} confidence): {}", place(vantage.point), name(vantage.confidence),
                     vantage.because.front());
}

/// "packets 7 to 99, 2024-03-01 12:00:01.123 to 12:04:00.001 UTC"
std::string period(const PacketRef& first, const PacketRef& last, const CaptureSummary* input) {
  const std::string begin = clock(first.time);
  if (first == last)
    return fmt::format("packet {}, {} UTC", packet_name(input, first.number), begin);
  const std::string end = clock(last.time);
  const bool same_day = begin.substr(0, 10) == end.substr(0, 10);
  return fmt::format("packets {} to {}, {} to {} UTC", packet_name(input, first.number),
                     packet_name(input, last.number), begin, same_day ? end.substr(11) : end);
}

/// Nothing is wrong with the flow, but that the capture has it in part: what stands under "Beware".
bool only_capture_lacks(const FlowReport& flow) {
  const auto of_capture = [](const Finding& finding) {
    return finding.severity < Severity::warning || info(finding.label).phase == Phase::capture;
  };
  return flow.severity < Severity::warning && std::ranges::all_of(flow.findings, of_capture) &&
         std::ranges::all_of(flow.exchanges, [&](const ExchangeReport& exchange) {
           return exchange.severity < Severity::warning &&
                  std::ranges::all_of(exchange.findings, of_capture);
         });
}

class TextWriter final : public Writer {
 public:
  TextWriter(const Options& options, Output& out)
      : options_{options}, out_{out}, page_{options.colour} {}

  void on_flow_report(const FlowReport& flow) override {
    if (!options_.selection.covers(flow)) return;
    ++covered_;
    if (!is_healthy(flow)) ++problems_;
    if (options_.selection.flow) {
      in_full_ = flow;
    } else if (options_.selection.by_exchange()) {
      list_exchanges(flow);
    } else if (options_.all_flows) {
      lines_.add(flow.id, line_of(flow));
    } else if (!options_.selection.labels.empty() ||
               (!is_healthy(flow) && !only_capture_lacks(flow))) {
      list(flow);
    }
  }

  void finish(const Report& report) override {
    check_flow_exists(options_.selection, report);
    show_top(report);
    if (report.why) {
      page_.blank();
      page_.line(0, Ink::bold, "Why", why_title(*report.why));
      page_.blank();
      show_why(page_, *report.why, report.input);
    } else if (options_.selection.flow) {
      page_.blank();
      if (in_full_) {
        show_flow_in_full(page_, *in_full_, options_, report.input);
      } else {
        page_.line(0, Ink::plain, "Nothing in the flow is as asked for.");
      }
    } else if (options_.selection.by_exchange()) {
      show_exchanges(report.input);
    } else {
      show_problems(report);
    }
    out_.write(page_.take());
  }

 private:
  static std::string why_title(const Why& why) {
    const auto flow = static_cast<std::uint32_t>(why.flow);
    return why.exchange == 0 ? fmt::format("flow {}", flow)
                             : fmt::format("exchange {}.{}", flow, why.exchange);
  }
  void list_exchanges(const FlowReport& flow) {
    std::string lines;
    for (const ExchangeReport* exchange : options_.selection.exchanges(flow)) {
      lines += listed(flow, *exchange, options_.show_payload, options_.colour);
      ++exchanges_;
    }
    lines_.add(flow.id, lines);
  }

  void show_exchanges(const CaptureSummary* input) {
    if (exchanges_ == 0) {
      page_.line(0, Ink::plain, "No exchange is as asked for.");
      if (options_.selection.found) {
        page_.wrapped(0, Ink::plain, "", 0,
                      "Looked into was what is kept of an exchange: start lines, Host, Server, "
                      "the headers that name a delivery, a request or a trace, the bodies of POST, "
                      "PUT and PATCH requests and the beginning of those of responses. What is "
                      "elsewhere may be in the capture all the same.");
      }
      return;
    }
    page_.blank();
    page_.line(0, Ink::bold, "Exchanges asked for", std::to_string(exchanges_));
    out_.write(page_.take());
    lines_.for_each([&](std::string_view line) { out_.write(with_packet_names(line, input)); });
    page_.blank();
    page_.line(0, Ink::dim, "More: analyze with --flow N, --format json");
  }

  std::string line_of(const FlowReport& flow) const {
    Page line{options_.colour};
    line.line(0, ink_of(std::max(flow.worst, flow.severity)), mark(flow), flow_line(flow));
    return line.take();
  }

  static std::string_view mark(const FlowReport& flow) {
    switch (std::max(flow.worst, flow.severity)) {
      case Severity::ok:
        return " ";
      case Severity::info:
        return "i";
      case Severity::warning:
        return "W";
      case Severity::error:
        return "E";
    }
    return " ";
  }

  /// Flows arrive as they end: keep the lines of the first few by id.
  void list(const FlowReport& flow) {
    ++listed_;
    if (first_lines_.size() == kListedFlows && flow.id > first_lines_.rbegin()->first) return;
    first_lines_.emplace(flow.id, line_of(flow));
    if (first_lines_.size() > kListedFlows) first_lines_.erase(std::prev(first_lines_.end()));
  }

  void show_top(const Report& report) {
    page_.headline(ink_of(report.worst), report.headline);
    page_.wrapped(0, Ink::bold, "Capture", kHang, capture_text(report));
    if (report.input != nullptr) {
      show_input(page_, *report.input);
      show_unfit(page_, *report.input, report.ledger);
      show_incomplete(page_, report.ledger);
    }
    if (report.views) show_views(page_, *report.views);
    const bool known = report.vantage.point != VantagePoint::unknown && !report.views;
    if ((problems_ != 0 && known) || (report.vantage.given && !report.views))
      page_.wrapped(0, Ink::bold, "Taken", kHang, vantage_text(report.vantage));
    for (const Finding& finding : report.findings) {
      const Scope scope = info(finding.label).scope;
      if (scope == Scope::aggregate) continue;
      if (scope == Scope::lookup) {
        page_.wrapped(0, ink_of(finding.severity), "Name", kHang,
                      fmt::format("{0}: {1} What to do: httpdiag explain {0}.",
                                  info(finding.label).id, finding.detail));
        continue;
      }
      page_.wrapped(0, Ink::yellow, "Beware", kHang,
                    fmt::format("{}: {}", info(finding.label).id, finding.detail));
    }
    for (const OddityTotal& total : report.oddities) {
      if (total.flows != 0 && misleads(total.example.oddity))
        page_.wrapped(0, Ink::yellow, "Beware", kHang, words(total, report.input));
    }
  }

  void show_problems(const Report& report) {
    std::vector<const Cause*> causes;
    for (const Cause& cause : report.causes) {
      if (options_.selection.labels.empty() || options_.selection.has(cause.label))
        causes.push_back(&cause);
    }
    const bool deliveries =
        options_.selection.labels.empty() && has_delivery_to_tell(report.deliveries);
    if (causes.empty() && problems_ == 0 && !deliveries) show_nothing_to_do(report);
    if (!causes.empty()) show_causes(report, causes);
    if (deliveries) show_deliveries(page_, report.deliveries, options_);
    if (!causes.empty()) show_examples(causes, report.input);
    if (options_.selection.labels.empty()) show_patterns(page_, report);
    show_annotations(report);
    show_flows();
    if (!causes.empty() || problems_ != 0) {
      page_.blank();
      page_.line(0, Ink::dim,
                 "More: httpdiag explain LABEL; analyze with --flow N, --label L, --format json");
    }
  }

  void show_nothing_to_do(const Report& report) {
    if (!options_.selection.labels.empty()) {
      if (covered_ == 0) page_.line(0, Ink::plain, "No flow carries the labels asked for.");
      return;
    }
    const bool something =
        std::any_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
          return info(finding.label).scope != Scope::capture &&
                 finding.severity >= Severity::warning;
        });
    const bool compared = !report.views || !apart(*report.views);
    if (report.flows != 0 && !something && compared) {
      page_.line(0, Ink::green,
                 report.findings.empty() ? "Nothing to do."
                                         : "Nothing to do about what the capture shows.");
    }
  }

  void show_causes(const Report& report, const std::vector<const Cause*>& causes) {
    page_.blank();
    page_.line(0, Ink::bold, "What went wrong, by cause");
    std::set<Label> seen;
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < causes.size(); ++i) {
      if (!seen.insert(causes[i]->label).second && i >= kListedCauses) {
        ++left_out;
        continue;
      }
      show_cause(report, *causes[i], i + 1);
    }
    if (left_out + report.omitted_causes != 0) {
      page_.line(kHang, Ink::plain,
                 fmt::format("and {}, see --format json",
                             base::count(left_out + report.omitted_causes, "more row")));
    }
  }

  void show_cause(const Report& report, const Cause& cause, std::size_t number) {
    const bool of_flows = cause.example_exchange == 0;
    const std::string what = base::count(cause.count, of_flows ? "connection" : "exchange") +
                             percent(cause.count, of_flows ? report.flows : report.exchanges);
    page_.line(0, ink_of(cause.severity), fmt::format("{:>3} {:<7}", number, name(cause.severity)),
               fmt::format("{} towards {}", info(cause.label).id, to_string(cause.server)));
    page_.wrapped(0, Ink::plain, "", 12,
                  fmt::format("{} from {}{}; {}", what,
                              cause.clients == 1 ? to_string(cause.example.client.ip)
                                                 : base::count(cause.clients, "client"),
                              cause.regular ? ", at a constant distance as of a health check" : "",
                              period(cause.first, cause.last, report.input)));
  }

  /// One for each label that is a problem; remarks speak for themselves.
  void show_examples(const std::vector<const Cause*>& causes, const CaptureSummary* input) {
    std::set<Label> seen;
    for (std::size_t i = 0; i < causes.size(); ++i) {
      const Cause& cause = *causes[i];
      if (cause.severity < Severity::warning || !seen.insert(cause.label).second) continue;
      page_.blank();
      page_.line(0, ink_of(cause.severity), fmt::format("{:>3} {}", i + 1, info(cause.label).id),
                 fmt::format("- {}", info(cause.label).title));
      show_example(cause, input);
    }
  }

  void show_example(const Cause& cause, const CaptureSummary* input) {
    const FlowReport& flow = cause.example;
    const ExchangeReport* exchange = nullptr;
    for (const ExchangeReport& candidate : flow.exchanges) {
      if (cause.example_exchange != 0 && candidate.index == cause.example_exchange)
        exchange = &candidate;
    }
    const auto& findings = exchange != nullptr ? exchange->findings : flow.findings;
    const auto finding = std::find_if(findings.begin(), findings.end(),
                                      [&](const Finding& f) { return f.label == cause.label; });
    const Timestamp at = exchange != nullptr ? exchange->request.first.time : flow.first.time;
    page_.wrapped(3, Ink::bold, "Example", 14,
                  fmt::format("{}, {}, {} UTC",
                              (exchange != nullptr ? "exchange " : "flow ") +
                                  exchange_name(flow.id, exchange != nullptr ? exchange->index : 0),
                              route(flow), clock(at)));
    show_translation(page_, flow);
    show_tunnel(page_, flow);
    show_other_end(page_, flow, input);
    if (exchange != nullptr) show_exchange(page_, *exchange, options_.show_payload);
    if (finding == findings.end()) return;
    explain_finding(page_, *finding, flow, exchange, input);
    for (const Finding& other : findings) {
      if (other.label == cause.label || other.severity < Severity::warning) continue;
      page_.wrapped(3, Ink::bold, "Also", 14,
                    fmt::format("{}: {}", info(other.label).id, other.detail));
    }
  }

  /// Exchanges whose primary label is no more than a remark, and flows without exchanges of such:
  /// no cause in the table tells of them.
  static std::uint64_t remarks(const Report& report, std::size_t label) {
    if (static_cast<Label>(label) == Label::ok) return 0;
    const std::uint64_t exchanges = report.exchange_labels[label];
    if (exchanges > 0) return exchanges - report.exchange_problems[label].primary.count;
    return report.flow_labels[label] - report.flow_problems[label].primary.count;
  }

  void show_annotations(const Report& report) {
    std::string text;
    for (std::size_t i = 0; i < label_count(); ++i) {
      const auto label = static_cast<Label>(i);
      const std::uint64_t times = report.annotations[i] + remarks(report, i);
      if (times == 0) continue;
      if (!options_.selection.labels.empty() && !options_.selection.has(label)) continue;
      base::append_item(text, fmt::format("{} {}", info(label).id, times));
    }
    if (text.empty()) return;
    page_.blank();
    page_.wrapped(0, Ink::bold, "Also noted", 12, text);
  }

  void show_flows() {
    if (lines_.size() == 0 && first_lines_.empty()) return;
    page_.blank();
    page_.line(0, Ink::bold,
               options_.all_flows                  ? "Flows"
               : options_.selection.labels.empty() ? "Flows with a problem"
                                                   : "Flows with the labels asked for");
    out_.write(page_.take());
    lines_.for_each([&](std::string_view line) { out_.write(line); });
    for (const auto& [id, line] : first_lines_) out_.write(line);
    if (listed_ > first_lines_.size()) {
      page_.line(0, Ink::plain,
                 fmt::format("  and {} more, see --flows all or --format json",
                             listed_ - first_lines_.size()));
    }
  }

  Options options_;
  Output& out_;
  Page page_;
  Spool lines_;                                // with --flows all
  std::map<FlowId, std::string> first_lines_;  // else the first few
  std::uint64_t listed_ = 0;                   // and how many there were
  std::uint64_t covered_ = 0;                  // flows that the report is about
  std::uint64_t exchanges_ = 0;                // asked for
  std::uint64_t problems_ = 0;                 // of these: with a warning or an error
  std::optional<FlowReport> in_full_;          // with --flow
};

}  // namespace

std::unique_ptr<Writer> make_text_writer(const Options& options, Output& out) {
  return std::make_unique<TextWriter>(options, out);
}

}  // namespace httpdiag::report
