// SPDX-License-Identifier: Apache-2.0
// Which flows and exchanges a report is about: --flow, --label, what exchanges are asked for by
// their content, and the cap on healthy flows. One answer for all formats and for the exit status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/report.hpp"

namespace httpdiag::report {

/// A range of status codes; {0, 0} is no answer at all.
struct StatusRange {
  std::uint16_t low = 0, high = 0;
};
/// "404", "5xx" or "none".
std::optional<StatusRange> read_status(std::string_view text);

struct Selection {
  std::vector<Label>
      labels;  // empty: all; else those that carry one of them, as primary label or annotation
  std::optional<FlowId> flow;               // empty: all
  std::string_view flow_option = "--flow";  // that asked for it

  // Of exchanges; each must hold, where any is asked for. Empty: any.
  std::vector<std::string> uris;     // parts of the target
  std::vector<std::string> methods;  // upper case
  std::vector<StatusRange> statuses;
  bool found = false;                // what the query was found in
  std::vector<std::string> filters;  // all of the command line that restricts, as it was given

  /// Whether exchanges are asked for by what they are, not by what is wrong with them.
  bool by_exchange() const {
    return !uris.empty() || !methods.empty() || !statuses.empty() || found;
  }
  bool asks_for(const ExchangeReport& exchange) const;

  bool has(Label label) const;
  bool covers(const FlowReport& flow_report) const;
  /// In a covered flow: the exchanges that carry a label asked for. Where the
  /// label is the flow's alone, all of its exchanges belong to the picture.
  std::vector<const ExchangeReport*> exchanges(const FlowReport& flow_report) const;
  /// Worst severity of the findings asked for, annotations included.
  Severity worst(const FlowReport& flow_report) const;
  Severity worst(const Report& report) const;  // of the findings about the capture
};

/// Nothing worse than a remark in it, annotations included.
bool is_healthy(const FlowReport& flow);

/// Applies Limits::max_healthy_flows, and counts what it leaves out so that
/// what is shown and what is omitted add up. A flow with a problem is never left out.
class HealthyCap {
 public:
  explicit HealthyCap(std::uint32_t limit) : limit_{limit} {}

  /// True if this covered flow is to be written.
  bool admit(const FlowReport& flow);
  std::uint64_t omitted_flows() const { return omitted_flows_; }
  std::uint64_t omitted_exchanges() const { return omitted_exchanges_; }

 private:
  std::uint32_t limit_;
  std::uint64_t admitted_ = 0;
  std::uint64_t omitted_flows_ = 0;
  std::uint64_t omitted_exchanges_ = 0;
};

/// Throws Error where --flow names a flow that the capture does not have.
void check_flow_exists(const Selection& selection, const Report& report);

}  // namespace httpdiag::report
