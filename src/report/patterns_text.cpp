// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "report/patterns.hpp"
#include "report/text_parts.hpp"

namespace httpdiag::report {
namespace {

constexpr std::size_t kHang = 14;
constexpr std::size_t kListed = 5;  // of a kind; the rest is in the JSON

void item(Page& page, std::string_view head, const std::string& text) {
  page.wrapped(3, Ink::bold, head, kHang, text);
}

std::string words(const OnsetPattern& onset, const CaptureSummary* input) {
  std::string text = fmt::format(
      "{} UTC (packet {}): failures towards {} begin, with {}. Before, {} went well{}; from then "
      "on "
      "{} failed and {} did not",
      clock(onset.first.time), packet_name(input, onset.first.number), to_string(onset.server),
      info(onset.label).id, base::count(onset.before, "exchange"),
      onset.failed_before > 0 ? fmt::format(" and {} failed", onset.failed_before) : "",
      onset.failed, onset.succeeded);
  if (onset.first_rst) {
    const Duration lead = onset.first.time - onset.first_rst.time;
    text += fmt::format("; the first RST from there (packet {}) came {} {}",
                        packet_name(input, onset.first_rst.number),
                        base::duration(lead < Duration{0} ? -lead : lead),
                        lead < Duration{0} ? "later" : "before");
  }
  return text + ".";
}

std::string words(const ClientLimitPattern& limit) {
  return fmt::format("{} after {} without an answer of {}{}.",
                     limit.samples == 1 ? "once" : fmt::format("{} times", limit.samples),
                     base::duration(limit.limit), to_string(limit.server),
                     limit.known ? ", as with a limit of " + base::duration(*limit.known) : "");
}

std::string words(const BackoffPattern& backoff) {
  if (backoff.kind == Backoff::irregular) return {};
  std::string gaps;
  for (const Duration gap : backoff.gaps) base::append_item(gaps, base::duration(gap));
  return fmt::format("{} tried {} times to connect to {}, {}: {}{}.", to_string(backoff.client),
                     backoff.attempts, to_string(backoff.server),
                     backoff.kind == Backoff::constant   ? "at a constant distance"
                     : backoff.kind == Backoff::doubling ? "doubling the distance"
                                                         : "at growing distances",
                     gaps, backoff.attempts > backoff.gaps.size() + 1 ? ", ..." : "");
}

std::uint64_t count_of(const HostStates& states, TcpState state) {
  return states.by_state[static_cast<std::size_t>(state)];
}

/// States that should not last: a socket that an application forgot, or a handshake that hangs.
std::string words(const HostStates& states) {
  std::string text;
  const auto add = [&](std::string_view part) { base::append_item(text, part, "; "); };
  if (states.close_wait_long != 0) {
    add(fmt::format("{} in CLOSE_WAIT for a minute or longer: its application does not close",
                    states.close_wait_long));
  }
  if (const auto half_open = count_of(states, TcpState::syn_rcvd); half_open != 0)
    add(fmt::format("{} in SYN_RECV: the client's ACK did not come", half_open));
  return text.empty() ? text : fmt::format("{}: {}.", to_string(states.host), text);
}

template <typename Pattern>
void list(Page& page, std::string_view head, const std::vector<Pattern>& patterns,
          const auto& in_words) {
  std::size_t shown = 0;
  for (const Pattern& pattern : patterns) {
    const std::string text = in_words(pattern);
    if (text.empty()) continue;
    if (shown == kListed) {
      item(page, "", "and more, see --format json");
      return;
    }
    item(page, shown++ == 0 ? head : "", text);
  }
}

/// What is worth a line although no finding says so already.
void list_keep_alive(Page& page, const std::vector<KeepAlivePattern>& patterns) {
  std::size_t shown = 0;
  for (const KeepAlivePattern& pattern : patterns) {
    if (!pattern.timeout || pattern.failures != 0 || shown == kListed) continue;
    item(page, shown++ == 0 ? "Keep-alive" : "",
         fmt::format("{} closes idle connections after {} ({}, {} apart).",
                     to_string(pattern.server), base::duration(*pattern.timeout),
                     base::count(pattern.samples, "close"), base::duration(pattern.spread)));
  }
}

}  // namespace

void show_patterns(Page& page, const Report& report) {
  Page part{page};
  (void)part.take();
  const Patterns& patterns = report.patterns;
  const auto in_words = [&](const auto& pattern) { return words(pattern, report.input); };
  const auto without_packets = [](const auto& pattern) { return words(pattern); };
  list(part, "Since", patterns.onsets, in_words);
  for (const Finding& finding : report.findings) {
    if (info(finding.label).scope != Scope::aggregate) continue;
    part.wrapped(3, ink_of(finding.severity), "Pattern", kHang,
                 fmt::format("{}: {} {}", info(finding.label).id, finding.detail, finding.remedy));
  }
  list(part, "Gave up", patterns.client_limits, without_packets);
  list(part, "Retries", patterns.backoffs, without_packets);
  list(part, "Left open", patterns.states, without_packets);
  std::string text = part.take();
  if (text.empty()) return;
  page.blank();
  page.line(0, Ink::bold, "What many connections show together");
  page.append(text);
  list_keep_alive(page, patterns.keep_alive);
}

}  // namespace httpdiag::report
