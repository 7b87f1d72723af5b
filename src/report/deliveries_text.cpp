// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "report/deliveries.hpp"
#include "report/redact.hpp"
#include "report/text_parts.hpp"

namespace httpdiag::report {

namespace {

constexpr std::size_t kIndent = 3;
constexpr std::size_t kHang = 14;
constexpr std::size_t kShownAttempts = 12;  // the first ones and the last

/// That it got through in the end is what the reader of a failed attempt wants to know first.
bool is_told(const Delivery& delivery) {
  return delivery.severity >= Severity::warning || delivery.verdict == DeliveryVerdict::recovered;
}

/// The one to look at: the worst, with most attempts, the first of those.
const Delivery* example_of(const Deliveries& deliveries, DeliveryVerdict verdict) {
  const Delivery* best = nullptr;
  for (const Delivery& delivery : deliveries.list) {
    if (delivery.verdict != verdict || !is_told(delivery)) continue;
    if (best == nullptr || delivery.attempt_count > best->attempt_count) best = &delivery;
  }
  return best;
}

std::string key_text(const Delivery& delivery) {
  switch (delivery.key.kind) {
    case KeyKind::header:
      return "the same " + delivery.key.name;
    case KeyKind::field:
      return "the same " + delivery.key.name + " in the body";
    case KeyKind::body:
      return "the same body";
    case KeyKind::canonical:
      return "the same body but for time and signature";
    case KeyKind::none:
      break;
  }
  return {};
}

void show_attempt(Page& page, const Attempt& attempt, Timestamp start, std::size_t number,
                  const CaptureSummary* input) {
  const std::string where = exchange_name(attempt.flow, attempt.exchange);
  std::string what{words(attempt.outcome)};
  if (attempt.label != Label::ok) what += fmt::format(" ({})", info(attempt.label).id);
  if (attempt.status != 0) what += fmt::format(", {}", attempt.status);
  if (attempt.done_exchange != 0)
    what += fmt::format("; {} on {}, behind a proxy", attempt.done_status,
                        exchange_name(attempt.done_flow, attempt.done_exchange));
  if (attempt.auto_retry) what += "; sent again at once by the client library";
  if (attempt.weak) what += "; a connection, may belong to it";
  const Duration after = std::max(attempt.first.time - start, Duration{0});
  page.wrapped(
      kIndent, Ink::plain,
      fmt::format("{:>4} {:>8} {:>12}  {:<8}", number, packet_name(input, attempt.first.number),
                  number == 1 ? "" : "+" + base::duration(after), where),
      41, what);
}

void show_ladder(Page& page, const Delivery& delivery, const CaptureSummary* input) {
  page.line(kIndent, Ink::dim, "   #   packet        after  exchange");
  const std::vector<Attempt>& attempts = delivery.attempts;
  const Timestamp start = attempts.front().first.time;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const bool shown = i + 1 < kShownAttempts || i + 1 == attempts.size();
    if (i + 1 == kShownAttempts && !shown) page.line(kIndent, Ink::dim, "   ...");
    if (shown) show_attempt(page, attempts[i], start, i + 1, input);
  }
}

void show_example(Page& page, const Delivery& delivery, const Options& options) {
  const std::string target =
      options.show_payload ? delivery.target : redact_target(delivery.target);
  const std::string key = delivery.attempts.size() > 1 ? key_text(delivery) : "";
  page.wrapped(
      kIndent, Ink::bold, "Example", kHang,
      fmt::format("{} {}{}, {} at {} UTC{}{}", delivery.method, target,
                  delivery.host.empty() ? "" : " at " + delivery.host,
                  base::count(delivery.attempt_count, "attempt"),
                  clock(delivery.attempts.front().first.time), key.empty() ? "" : "; ", key));
  if (delivery.attempts.size() > 1) show_ladder(page, delivery, options.input);
  page.wrapped(kIndent, Ink::bold, "Outcome", kHang, delivery.detail);
  if (delivery.on_schedule && !*delivery.on_schedule) {
    page.wrapped(kIndent, Ink::bold, "Schedule", kHang,
                 fmt::format("not the one that {} publishes ({})", delivery.profile->sender,
                             delivery.profile->retries));
  }
  if (!delivery.advice.empty()) page.wrapped(kIndent, Ink::bold, "To do", kHang, delivery.advice);
}

/// Endpoints that worked, and then did not: the shares and the times tell what to look for.
void show_endpoints(Page& page, const Deliveries& deliveries, const Options& options) {
  constexpr std::size_t kShown = 3;
  constexpr std::uint64_t kFew = 2;  // single failures have been told
  std::size_t shown = 0;
  for (const CallbackEndpoint& endpoint : deliveries.endpoints) {
    std::uint64_t all = 0;
    for (const std::uint64_t n : endpoint.outcomes) all += n;
    const auto good = endpoint.outcomes[static_cast<std::size_t>(AttemptClass::acknowledged)];
    if (good == 0 || all - good <= kFew || shown == kShown) continue;
    ++shown;
    const bool not_since = endpoint.last_success.number < endpoint.first_failure.number;
    page.wrapped(
        kIndent, Ink::bold, "Endpoint", kHang,
        fmt::format(
            "{} {}{}: {} of {} acknowledged; {} {} UTC, last success {} UTC", endpoint.method,
            options.show_payload ? endpoint.path : redact_target(endpoint.path),
            endpoint.host.empty() ? "" : " at " + endpoint.host, good, base::count(all, "attempt"),
            not_since ? "it worked until the first failure," : "first failure",
            clock(endpoint.first_failure.time), clock(endpoint.last_success.time)));
  }
}

}  // namespace

bool has_delivery_to_tell(const Deliveries& deliveries) {
  return std::any_of(deliveries.list.begin(), deliveries.list.end(), is_told);
}

void show_deliveries(Page& page, const Deliveries& deliveries, const Options& options) {
  if (!has_delivery_to_tell(deliveries)) return;
  page.blank();
  page.line(
      0, Ink::bold, "Deliveries",
      fmt::format("({} in all, a delivery is all attempts of one callback)", deliveries.total));
  const Delivery* longest = nullptr;
  for (std::size_t i = 0; i < kDeliveryVerdictCount; ++i) {
    const auto verdict = static_cast<DeliveryVerdict>(i);
    const Delivery* example = example_of(deliveries, verdict);
    if (example == nullptr) continue;
    if (longest == nullptr || example->attempt_count > longest->attempt_count ||
        (example->attempt_count == longest->attempt_count &&
         example->severity > longest->severity)) {
      longest = example;
    }
    page.wrapped(0, ink_of(example->severity), fmt::format("{:>5}", deliveries.verdicts[i]), 7,
                 words(verdict));
  }
  if (deliveries.duplicated != 0) {
    page.wrapped(0, Ink::yellow, fmt::format("{:>5}", deliveries.duplicated), 7,
                 "of these reached the receiver more than once, or may have");
  }
  const bool worth_it =
      longest != nullptr && (longest->attempt_count > 1 || !longest->proxies.empty());
  if (worth_it) show_example(page, *longest, options);
  show_endpoints(page, deliveries, options);
}

}  // namespace httpdiag::report
