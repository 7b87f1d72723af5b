// SPDX-License-Identifier: Apache-2.0
// What became of a delivery, and what that means for both sides (taxonomy 5.4).
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "delivery/collector.hpp"
#include "delivery/group.hpp"

namespace httpdiag::delivery {

namespace {

using enum AttemptClass;

std::size_t count(const Delivery& delivery, AttemptClass outcome) {
  return static_cast<std::size_t>(
      std::count_if(delivery.attempts.begin(), delivery.attempts.end(),
                    [&](const Attempt& attempt) { return attempt.outcome == outcome; }));
}

const Attempt* last_of(const Delivery& delivery, AttemptClass outcome) {
  const auto found =
      std::find_if(delivery.attempts.rbegin(), delivery.attempts.rend(),
                   [&](const Attempt& attempt) { return attempt.outcome == outcome; });
  return found == delivery.attempts.rend() ? nullptr : &*found;
}

/// The last one that reached anybody.
AttemptClass last_delivered(const Delivery& delivery) {
  const auto found =
      std::find_if(delivery.attempts.rbegin(), delivery.attempts.rend(),
                   [](const Attempt& attempt) { return attempt.outcome != not_delivered; });
  return found == delivery.attempts.rend() ? not_delivered : found->outcome;
}

bool may_have_been_acted_on(const Attempt& attempt) {
  return attempt.outcome == acknowledged || attempt.outcome == late || attempt.outcome == unknown;
}

/// How many bodies reached the receiver under the sender's own id.
std::size_t bodies_under_one_key(const Delivery& delivery) {
  if (delivery.key.kind != KeyKind::header) return 1;
  std::set<std::uint64_t> bodies;
  for (const Attempt& attempt : delivery.attempts) {
    if (may_have_been_acted_on(attempt) && attempt.body_digest != 0) {
      bodies.insert(attempt.body_digest);
    }
  }
  return bodies.size();
}

/// How often the receiver acted on it: as answers say, and at most.
struct Acts {
  std::size_t sure = 0, most = 0;
};
Acts acts_of(const Delivery& delivery) {
  Acts acts;
  for (const Attempt& attempt : delivery.attempts) {
    const bool sure = attempt.outcome == acknowledged || attempt.outcome == late;
    const bool may_be = may_have_been_acted_on(attempt);
    acts.sure += std::max<std::size_t>(attempt.done, sure ? 1 : 0);
    acts.most += std::max<std::size_t>(attempt.may_be_done, may_be ? 1 : 0);
  }
  return acts;
}

bool sent_again_by_proxy(const Delivery& delivery) {
  return std::any_of(delivery.attempts.begin(), delivery.attempts.end(),
                     [](const Attempt& attempt) { return attempt.may_be_done > 1; });
}

void look_for_duplicates(Delivery& delivery) {
  const auto [sure, most] = acts_of(delivery);
  delivery.bodies_differ = bodies_under_one_key(delivery) > 1;
  delivery.duplicate_certain = sure >= 2 && !delivery.bodies_differ;
  delivery.duplicated = most >= 2 && !delivery.bodies_differ;
  bool success = false;
  delivery.after_success = false;
  for (const Attempt& attempt : delivery.attempts) {
    delivery.after_success = delivery.after_success || success;
    success = success || attempt.outcome == acknowledged;
  }
}

/// The last answer was 409 (Conflict, RFC 9110 §15.5.10) to an id that had come before: so a
/// receiver says that it has the event already.
bool known_already(const Delivery& delivery) {
  const Attempt* answered = last_of(delivery, refused);
  const bool named = delivery.key.kind == KeyKind::header || delivery.key.kind == KeyKind::field;
  return named && !delivery.bodies_differ && answered != nullptr && answered->status == 409 &&
         last_delivered(delivery) == refused &&
         std::any_of(delivery.attempts.data(), answered, may_have_been_acted_on);
}

DeliveryVerdict verdict_of(const Delivery& delivery) {
  const std::size_t attempts = delivery.attempts.size();
  const std::size_t good = count(delivery, acknowledged);
  const AttemptClass end = delivery.attempts.back().outcome;
  if (good == attempts) {
    return attempts == 1 && !delivery.duplicate_certain ? DeliveryVerdict::acknowledged
                                                        : DeliveryVerdict::duplicated;
  }
  if (end == acknowledged) return DeliveryVerdict::recovered;
  if (end == open) return DeliveryVerdict::in_progress;
  const bool done_before = known_already(delivery) && (good > 0 || count(delivery, late) > 0);
  if (last_delivered(delivery) == refused && !done_before) return DeliveryVerdict::rejected;
  if (good > 0) {
    const bool again = delivery.duplicated || delivery.bodies_differ;
    return again ? DeliveryVerdict::duplicated : DeliveryVerdict::acknowledged;
  }
  if (count(delivery, late) > 0) return DeliveryVerdict::ack_late;
  if (count(delivery, unrecognized) > 0) return DeliveryVerdict::ack_unrecognized;
  // What the capture does not show may have been the acknowledgement.
  if (count(delivery, unseen) > 0) return DeliveryVerdict::unseen;
  if (count(delivery, not_delivered) == attempts) return DeliveryVerdict::never_delivered;
  return DeliveryVerdict::unacknowledged;
}

/// For a callback that is a failure; for a form in a browser it is how things are done.
bool redirected(const Delivery& delivery) {
  const Attempt* answered = last_of(delivery, refused);
  return answered != nullptr && answered->label == Label::http_redirect;
}

Severity severity_of_verdict(const Delivery& delivery) {
  switch (delivery.verdict) {
    case DeliveryVerdict::in_progress:
    case DeliveryVerdict::unseen:
      return Severity::info;
    case DeliveryVerdict::acknowledged:
      return sent_again_by_proxy(delivery) ? Severity::warning : Severity::info;
    case DeliveryVerdict::recovered:
      return delivery.duplicated || delivery.bodies_differ ? Severity::warning : Severity::info;
    case DeliveryVerdict::ack_unrecognized:
      return Severity::warning;
    case DeliveryVerdict::duplicated:
      return delivery.repeats_a_message ? Severity::info : Severity::warning;
    case DeliveryVerdict::rejected:
      return redirected(delivery) ? Severity::warning : Severity::error;
    case DeliveryVerdict::never_delivered:
    case DeliveryVerdict::unacknowledged:
    case DeliveryVerdict::ack_late:
      break;
  }
  return Severity::error;
}

/// No worse than the worst of its attempts, whose severity users may have changed: but delivered
/// twice is worse than each of them.
Severity severity_of(const Delivery& delivery) {
  const bool again = delivery.duplicated || delivery.bodies_differ;
  Severity worst = again ? Severity::warning : Severity::info;
  for (const Attempt& attempt : delivery.attempts) worst = std::max(worst, attempt.severity);
  return std::min(worst, severity_of_verdict(delivery));
}

/// Not below zero where the clock has stepped back in between.
Duration gap(const Attempt& before, const Attempt& after) {
  return std::max(after.first.time - before.first.time, Duration{0});
}

void measure_gaps(Delivery& delivery) {
  delivery.gaps.clear();
  delivery.on_schedule.reset();
  const Attempt* before = nullptr;
  for (const Attempt& attempt : delivery.attempts) {
    if (attempt.auto_retry) continue;
    if (before != nullptr) delivery.gaps.push_back(gap(*before, attempt));
    before = &attempt;
  }
  const auto schedule = delivery.profile->retry_gaps_s;
  if (schedule.empty() || delivery.gaps.empty()) return;
  // The capture may have begun in the middle of it. Timers start when the answer came or the wait
  // was over, so that gaps are longer by up to the deadline.
  const Duration slack =
      std::chrono::seconds{delivery.profile->deadline_s} + std::chrono::seconds{5};
  const auto fits = [&](std::size_t from) {
    for (std::size_t i = 0; i < delivery.gaps.size(); ++i) {
      const Duration due = std::chrono::seconds{schedule[from + i]};
      if (delivery.gaps[i] < due - due / 10 || delivery.gaps[i] > due + due / 10 + slack)
        return false;
    }
    return true;
  };
  delivery.on_schedule = false;
  for (std::size_t from = 0; from + delivery.gaps.size() <= schedule.size(); ++from) {
    if (fits(from)) delivery.on_schedule = true;
  }
}

std::string times(std::size_t n) {
  return n == 1 ? "once" : n == 2 ? "twice" : fmt::format("{} times", n);
}

std::string reached_text(const Delivery& delivery) {
  const std::size_t n = count(delivery, unknown);
  const bool sure = std::none_of(
      delivery.attempts.begin(), delivery.attempts.end(),
      [](const Attempt& attempt) { return attempt.outcome == unknown && attempt.unacked; });
  const bool in_part =
      std::all_of(delivery.attempts.begin(), delivery.attempts.end(), [](const Attempt& attempt) {
        return attempt.outcome != unknown || attempt.label == Label::request_incomplete;
      });
  const std::string_view what = in_part ? "a part of the request" : "the request";
  const std::string_view reached = sure ? "reached" : "may have reached";
  return n == 1 ? fmt::format("{} {} the other side", what, reached)
                : fmt::format("{} {} the other side {}", what, reached, times(n));
}

std::string span_text(const Delivery& delivery) {
  const Duration span = gap(delivery.attempts.front(), delivery.attempts.back());
  if (delivery.attempts.size() == 1) return "1 attempt";
  return fmt::format("{} in {}", base::count(delivery.attempt_count, "attempt"),
                     base::duration(span));
}

std::string recovered_text(const Delivery& delivery) {
  const auto good = [](const Attempt& attempt) { return attempt.outcome == acknowledged; };
  // The first success, unless one stands in front of all failures.
  const auto begin = delivery.attempts.begin();
  const auto found = std::find_if(begin, delivery.attempts.end(), good);
  const Attempt& last = found == begin ? delivery.attempts.back() : *found;
  const auto failed = static_cast<std::uint64_t>(
      std::count_if(begin, begin + (&last - delivery.attempts.data()), std::not_fn(good)));
  std::string text = fmt::format("{} failed, then it was acknowledged, {} after the first.",
                                 base::count(failed, "attempt"),
                                 base::duration(gap(delivery.attempts.front(), last)));
  if (last.auto_retry) text += " The client library sent again by itself.";
  return text;
}

std::string answer_text(const Attempt& attempt) {
  return attempt.status == 0 ? "without a status" : fmt::format("with {}", attempt.status);
}

/// Silence alone does not prove that nothing arrived: the ACKs may have been lost (taxonomy 4, 26).
bool may_have_arrived(const Delivery& delivery) {
  return std::any_of(delivery.attempts.begin(), delivery.attempts.end(),
                     [](const Attempt& attempt) {
                       return !attempt.proven && (attempt.label == Label::request_not_acked ||
                                                  attempt.label == Label::idle_conn_blackholed ||
                                                  attempt.label == Label::pmtu_blackhole);
                     });
}

std::string what_came_back(const Delivery& delivery) {
  const Attempt* last = last_of(delivery, unknown);
  if (last == nullptr || !is_gateway_error(last->status)) return "no acknowledgement came back";
  return fmt::format("what came back was a gateway's {}, no word of the receiver's", last->status);
}

/// An attempt that the receiver had answered with success, in time or not.
const Attempt* done_before_refusal(const Delivery& delivery) {
  const Attempt* refusal = last_of(delivery, refused);
  const auto done = [&](const Attempt& attempt) {
    return (attempt.outcome == acknowledged || attempt.outcome == late) &&
           attempt.first.number < refusal->first.number;
  };
  if (refusal == nullptr || known_already(delivery)) return nullptr;
  const auto found = std::find_if(delivery.attempts.begin(), delivery.attempts.end(), done);
  return found == delivery.attempts.end() ? nullptr : &*found;
}

std::string done_before_text(const Delivery& delivery) {
  const Attempt* done = done_before_refusal(delivery);
  if (done == nullptr) return {};
  return fmt::format(
      " An earlier attempt ({}) was answered with success{}: what was refused is a "
      "repetition of it.",
      exchange_name(done->flow, done->exchange),
      done->outcome == late ? ", too late for its sender" : "");
}

std::string outcome_text(const Delivery& delivery) {
  switch (delivery.verdict) {
    case DeliveryVerdict::acknowledged:
      return delivery.attempts.size() == 1
                 ? "Acknowledged."
                 : "It was acknowledged, and sent again all the same; that attempt failed.";
    case DeliveryVerdict::recovered:
      return recovered_text(delivery);
    case DeliveryVerdict::never_delivered:
      if (may_have_arrived(delivery)) {
        return fmt::format(
            "{}; no byte of the request was acknowledged. Unless only the ACKs were lost, the "
            "receiving application has seen nothing.",
            span_text(delivery));
      }
      return fmt::format(
          "{}; no byte of the request reached the receiving application, whose log "
          "will show nothing.",
          span_text(delivery));
    case DeliveryVerdict::unacknowledged:
      return fmt::format("{}; {}, and {}. The receiver may have acted on it.", span_text(delivery),
                         reached_text(delivery), what_came_back(delivery));
    case DeliveryVerdict::ack_late: {
      const Attempt& answered = *last_of(delivery, late);
      if (answered.done_exchange != 0) {
        return fmt::format(
            "{}; behind a proxy the receiver answered {} (on {}), and the sender never had that "
            "answer: done for the receiver, failed for the sender.",
            span_text(delivery), answered.done_status,
            exchange_name(answered.done_flow, answered.done_exchange));
      }
      return fmt::format(
          "{}; the receiver answered {}{}: done for the receiver, failed for the sender.",
          span_text(delivery), answer_text(answered),
          answered.label == Label::late_response ? " when the sender had given up"
                                                 : ", as far as is known in vain");
    }
    case DeliveryVerdict::rejected: {
      const Attempt& answered = *last_of(delivery, refused);
      if (redirected(delivery)) {
        return fmt::format(
            "{}; the answer was {}, a redirect, which senders of callbacks count as a "
            "failure.",
            span_text(delivery), answered.status);
      }
      return fmt::format("{}; the receiver answered {} and refused it ({}).{}", span_text(delivery),
                         answer_text(answered), info(answered.label).id,
                         done_before_text(delivery));
    }
    case DeliveryVerdict::ack_unrecognized:
      return fmt::format("{}; answered with 2xx, but not with what {} waits for.",
                         span_text(delivery), delivery.profile->sender);
    case DeliveryVerdict::duplicated:
      return fmt::format("{}.", span_text(delivery));
    case DeliveryVerdict::in_progress:
      return fmt::format("{}; the last one was under way when the capture ended.",
                         span_text(delivery));
    case DeliveryVerdict::unseen:
      return fmt::format("{}; what was answered is not in the capture.", span_text(delivery));
  }
  return {};
}

std::string duplicate_text(const Delivery& delivery) {
  if (delivery.bodies_differ) {
    return fmt::format(
        " One {} came with {} different bodies: by the key they are one callback, by their bodies "
        "they are not. What the receiver did with each, its answers do not tell.",
        delivery.key.name, bodies_under_one_key(delivery));
  }
  if (!delivery.duplicated) return {};
  const auto [sure, most] = acts_of(delivery);
  if (delivery.repeats_a_message) {
    return fmt::format(
        " The same body was acknowledged {} within a moment; nothing in it names the event, so "
        "these may be {} messages.",
        times(sure), sure == 2 ? "two" : std::to_string(sure));
  }
  if (sure == most) return fmt::format(" Delivered {}.", times(sure));
  return sure == 0 ? fmt::format(" It may have been acted on up to {}.", times(most))
                   : fmt::format(" Delivered {}; acted on up to {}.", times(sure), times(most));
}

std::string known_text(const Delivery& delivery) {
  if (!known_already(delivery)) return {};
  return delivery.verdict == DeliveryVerdict::rejected
             ? " 409 to an id that had come before may say that an earlier attempt was acted on."
             : " The repetition was answered 409, as by a receiver that has it already.";
}

std::string advice_of(const Delivery& delivery) {
  std::string text;
  if (known_already(delivery)) {
    return delivery.verdict == DeliveryVerdict::rejected
               ? "Look it up at the receiver before anything is repeated by hand. Receiver: answer "
                 "a "
                 "repetition of what was done as a success."
               : "Receiver: answer a repetition as a success, not with 409. Sender: take 409 to a "
                 "known id as done, or look the result up.";
  }
  switch (delivery.verdict) {
    case DeliveryVerdict::never_delivered:
      text =
          may_have_arrived(delivery)
              ? "Sender: send it again if doing it twice does no harm; else look it up first. The "
                "labels of the attempts name what is in the way."
              : "Sender: send it again, nothing has happened yet. The labels of the attempts name "
                "what is in the way.";
      break;
    case DeliveryVerdict::unacknowledged:
      text = "Look it up at the receiver before anything is repeated by hand.";
      break;
    case DeliveryVerdict::ack_late:
      if (const Attempt& last = *last_of(delivery, late);
          last.done_exchange == 0 && last.label != Label::response_not_acked)
        text = "Receiver: acknowledge first, work afterwards. ";
      text += "Sender: take the result by a query; the receiver counts it as done.";
      break;
    case DeliveryVerdict::rejected: {
      if (done_before_refusal(delivery) != nullptr) {
        text =
            "Look it up at the receiver before anything is repeated or taken back by hand: it may "
            "have been done. Receiver: answer a repetition as the first time.";
        break;
      }
      if (redirected(delivery)) {
        text = "Register the URL that the redirect leads to; if it leads back, mend the loop.";
        break;
      }
      const bool again = delivery.profile->retries_refusals ||
                         last_of(delivery, refused)->label != Label::ack_negative;
      text = again ? "Receiver: find the reason in the business log of that second."
                   : fmt::format("{} will not send it again: repair it by hand.",
                                 delivery.profile->sender);
      break;
    }
    case DeliveryVerdict::ack_unrecognized:
      text = "Receiver: answer with the agreed word alone, or the sender goes on sending.";
      break;
    case DeliveryVerdict::acknowledged:
    case DeliveryVerdict::recovered:
    case DeliveryVerdict::duplicated:
    case DeliveryVerdict::in_progress:
    case DeliveryVerdict::unseen:
      break;
  }
  if (delivery.bodies_differ) {
    return fmt::format(
        "{}{}Sender: a key of its own for each message, and the very same bytes whenever it is "
        "sent again. Receiver: refuse a known {} that comes with another body (409 or 422), and "
        "look up which of them it acted on.",
        text, text.empty() ? "" : " ", delivery.key.name);
  }
  const bool repeated = delivery.duplicated || delivery.after_success;
  if (repeated) {
    text += fmt::format(
        "{}Receiver: make sure that it acted once (deduplicate by {}), and answer a "
        "repetition as a success.",
        text.empty() ? "" : " ",
        delivery.key.kind == KeyKind::header || delivery.key.kind == KeyKind::field
            ? delivery.key.name
            : "the id of the event");
  }
  if (sent_again_by_proxy(delivery)) {
    text += fmt::format(
        "{}Proxy: send on again only what is safe to repeat (nginx: proxy_next_upstream without "
        "non_idempotent; HAProxy: retry-on conn-failure).",
        text.empty() ? "" : " ");
  }
  return text;
}

}  // namespace

void judge(Delivery& delivery) {
  look_for_duplicates(delivery);
  delivery.verdict = verdict_of(delivery);
  const bool named = delivery.key.kind == KeyKind::header || delivery.key.kind == KeyKind::field;
  delivery.repeats_a_message = delivery.verdict == DeliveryVerdict::duplicated && !named &&
                               !sent_again_by_proxy(delivery) &&
                               count(delivery, acknowledged) == delivery.attempts.size();
  delivery.severity = severity_of(delivery);
  measure_gaps(delivery);
  delivery.detail =
      outcome_text(delivery) + known_text(delivery) + duplicate_text(delivery) + delivery.proxies;
  delivery.advice = advice_of(delivery);
}

void count_again(std::vector<CallbackEndpoint>& endpoints, const Delivery& delivery,
                 AttemptClass before, AttemptClass now) {
  const std::string path = delivery.target.substr(0, delivery.target.find('?'));
  for (CallbackEndpoint& each : endpoints) {
    auto& was = each.outcomes[static_cast<std::size_t>(before)];
    if (each.method != delivery.method || each.host != delivery.host || each.path != path) continue;
    if (was == 0) continue;
    --was;
    ++each.outcomes[static_cast<std::size_t>(now)];
    return;
  }
}

void revise(Deliveries& deliveries, std::span<const Revision> revisions) {
  std::map<std::pair<FlowId, std::uint32_t>, bool> arrived;
  for (const Revision& each : revisions) arrived[{each.flow, each.exchange}] = each.arrived;
  for (Delivery& delivery : deliveries.list) {
    bool changed = false;
    for (Attempt& attempt : delivery.attempts) {
      const auto revision = arrived.find({attempt.flow, attempt.exchange});
      const bool open_question = attempt.outcome == not_delivered || attempt.outcome == unknown;
      if (revision == arrived.end() || !open_question) continue;
      const AttemptClass now = revision->second ? unknown : not_delivered;
      if (now != attempt.outcome) count_again(deliveries.endpoints, delivery, attempt.outcome, now);
      attempt.outcome = now;
      attempt.proven = changed = true;
    }
    if (!changed) continue;
    --deliveries.verdicts[static_cast<std::size_t>(delivery.verdict)];
    if (delivery.duplicated) --deliveries.duplicated;
    judge(delivery);
    ++deliveries.verdicts[static_cast<std::size_t>(delivery.verdict)];
    if (delivery.duplicated) ++deliveries.duplicated;
  }
}

}  // namespace httpdiag::delivery
