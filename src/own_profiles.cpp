// SPDX-License-Identifier: Apache-2.0
// Acknowledgement profiles of the user's own: what they are made of, and which requests they are
// for.
#include "own_profiles.hpp"

#include <algorithm>
#include <deque>

#include "base/text.hpp"

namespace httpdiag {

namespace {

using Views = std::vector<std::string_view>;

/// What a profile borrows from. A deque's elements stay where they are.
struct Kept {
  OwnProfile texts;
  std::string sender, retries;
  Views body_fields, id_fields, volatile_fields, yes, yes_values, no, no_values;
  AckProfile profile;
};

Views views_of(const OwnProfile::Texts& texts) { return {texts.begin(), texts.end()}; }

std::string retries_text(const std::vector<std::uint32_t>& gaps) {
  std::string text;
  for (const std::uint32_t gap : gaps) {
    text += (text.empty() ? "after " : ", ") + base::duration(std::chrono::seconds{gap});
  }
  return text.empty() ? "not given in the configuration" : text;
}

std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool literal = host.ends_with(']');  // IPv6, no port behind it
  return colon == std::string_view::npos || literal ? host : host.substr(0, colon);
}

}  // namespace

const AckProfile& add_own_profile(OwnProfile profile) {
  static std::deque<Kept> all;
  Kept& kept = all.emplace_back();
  kept.texts = std::move(profile);
  const OwnProfile& texts = kept.texts;
  kept.sender = "the sender of " + texts.name;
  kept.retries = retries_text(texts.retry_gaps_s);
  kept.body_fields = views_of(texts.body_fields);
  kept.id_fields = views_of(texts.id_fields);
  kept.volatile_fields = views_of(texts.volatile_fields);
  kept.yes = views_of(texts.success.bodies);
  kept.yes_values = views_of(texts.success.values);
  kept.no = views_of(texts.failure.bodies);
  kept.no_values = views_of(texts.failure.values);
  kept.profile = {.name = texts.name,
                  .sender = kept.sender,
                  .markers = texts.markers,
                  .wants = Wants::own,
                  .strict = true,
                  .retries_refusals = texts.retries_refusals,
                  .deadline_s = texts.deadline_s,
                  .id_fields = kept.id_fields,
                  .retry_gaps_s = texts.retry_gaps_s,
                  .retries = kept.retries,
                  .host = texts.host,
                  .path_prefix = texts.path_prefix,
                  .body_fields = kept.body_fields,
                  .volatile_fields = kept.volatile_fields,
                  .statuses = texts.statuses,
                  .success = {kept.yes, texts.success.field, kept.yes_values},
                  .failure = {kept.no, texts.failure.field, kept.no_values},
                  .empty_body_ok = texts.empty_body_ok};
  return kept.profile;
}

bool told_by_head(const AckProfile& own, const Message& request) {
  const bool tells =
      !own.host.empty() || !own.path_prefix.empty() || own.markers != 0 || !own.body_fields.empty();
  if (!tells) return false;  // only by its name
  if (!own.host.empty() && base::lower(without_port(request.host())) != own.host) return false;
  if (!request.start().starts_with(own.path_prefix)) return false;
  return own.markers == 0 || (own.markers & request.markers) != 0;
}

}  // namespace httpdiag
