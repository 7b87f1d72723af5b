// SPDX-License-Identifier: Apache-2.0
// The table of acknowledgement profiles. Sources: the senders' public notes, as
// of the failure taxonomy's section 5.1; where copies disagree the longer time stands.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/content_coding.hpp"
#include "base/fields.hpp"
#include "base/text.hpp"
#include "httpdiag/profile.hpp"
#include "own_profiles.hpp"

namespace httpdiag {

namespace {

using Names = std::string_view;
using Seconds = std::uint32_t;

constexpr Seconds kMinute = 60, kHour = 3600;

constexpr std::array<Names, 1> kNotifyId = {"notifyid"};
constexpr std::array<Names, 1> kWechatV2Ids = {"transactionid"};
constexpr std::array<Names, 1> kPlainId = {"id"};
constexpr std::array<Names, 1> kEventId = {"eventid"};
constexpr std::array<Names, 2> kAdyenIds = {"pspreference", "eventcode"};

constexpr std::array<Seconds, 7> kAlipay = {4 * kMinute, 10 * kMinute, 10 * kMinute, kHour,
                                            2 * kHour,   6 * kHour,    15 * kHour};
constexpr std::array<Seconds, 15> kWechat = {15,           15,           30,           3 * kMinute,
                                             10 * kMinute, 20 * kMinute, 30 * kMinute, 30 * kMinute,
                                             30 * kMinute, kHour,        3 * kHour,    3 * kHour,
                                             3 * kHour,    6 * kHour,    6 * kHour};
constexpr std::array<Seconds, 3> kSlack = {0, kMinute, 5 * kMinute};
constexpr std::array<Seconds, 10> kAdyen = {
    9, 9, 9, 2 * kMinute, 5 * kMinute, 10 * kMinute, 15 * kMinute, 30 * kMinute, kHour, 2 * kHour};
constexpr std::array<Seconds, 9> kStandard = {5,          5 * kMinute, 30 * kMinute,
                                              2 * kHour,  5 * kHour,   10 * kHour,
                                              14 * kHour, 20 * kHour,  24 * kHour};

template <typename... Markers>
constexpr std::uint32_t any_of(Markers... markers) {
  return (bit(markers) | ...);
}

// Told by their headers first, then by their bodies, the more particular first.
// clang-format off
constexpr std::array<AckProfile, 14> kProfiles = {{
    {.name = "wechat-v3", .sender = "WeChat Pay v3",
     .markers = any_of(Marker::wechatpay_signature, Marker::wechatpay_serial, Marker::wechatpay_timestamp,
                       Marker::wechatpay_nonce),
     .wants = Wants::ok_or_no_content, .retries_refusals = false, .deadline_s = 5,
     .id_fields = kPlainId, .retry_gaps_s = kWechat,
     .retries = "15 times in 24 h: 15 s, 15 s, 30 s, 3 min, 10 min, 20 min, 30 min and longer"},
    {.name = "stripe", .sender = "Stripe", .markers = any_of(Marker::stripe_signature),
     .id_fields = kPlainId, .retry_gaps_s = {}, .retries = "up to 3 days, at growing intervals"},
    {.name = "github", .sender = "GitHub",
     .markers = any_of(Marker::github_delivery, Marker::github_event, Marker::hub_signature),
     .deadline_s = 10, .id_fields = {}, .retry_gaps_s = {},
     .retries = "none by itself; somebody redelivers by hand or by the API within 3 days"},
    {.name = "shopify", .sender = "Shopify",
     .markers = any_of(Marker::shopify_webhook_id, Marker::shopify_event_id, Marker::shopify_topic,
                       Marker::shopify_hmac),
     .deadline_s = 5, .id_fields = {}, .retry_gaps_s = {},
     .retries = "8 times in 4 h; the subscription is removed after 8 failures in a row"},
    {.name = "slack", .sender = "Slack Events API",
     .markers = any_of(Marker::slack_signature, Marker::slack_retry_num, Marker::slack_retry_reason),
     .deadline_s = 3, .id_fields = kEventId, .retry_gaps_s = kSlack,
     .retries = "3 times: at once, after 1 min, after 5 min"},
    {.name = "twilio", .sender = "Twilio", .markers = any_of(Marker::twilio_signature, Marker::twilio_token),
     .deadline_s = 15, .id_fields = {}, .retry_gaps_s = {},
     .retries = "none, unless the URL asks for them; then its fallback URL"},
    {.name = "paypal", .sender = "PayPal", .markers = any_of(Marker::paypal_transmission_id),
     .deadline_s = 30, .id_fields = kPlainId, .retry_gaps_s = {}, .retries = "up to 25 times in 3 days"},
    {.name = "square", .sender = "Square", .markers = any_of(Marker::square_signature),
     .deadline_s = 10, .id_fields = kEventId, .retry_gaps_s = {}, .retries = "up to 24 h"},
    {.name = "standard-webhooks", .sender = "a sender of Standard Webhooks",
     .markers = any_of(Marker::webhook_id, Marker::webhook_timestamp, Marker::webhook_signature),
     .deadline_s = 30, .id_fields = {}, .retry_gaps_s = kStandard,
     .retries = "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h"},
    {.name = "wechat-v2", .sender = "WeChat Pay v2", .body_marker = "appid", .body_marker_2 = "mchid",
     .wants = Wants::xml_return_code, .strict = true, .deadline_s = 5,
     .id_fields = kWechatV2Ids, .retry_gaps_s = kWechat,
     .retries = "15 times in 24 h: 15 s, 15 s, 30 s, 3 min, 10 min, 20 min, 30 min and longer"},
    {.name = "adyen", .sender = "Adyen", .body_marker = "pspreference", .body_marker_2 = "eventcode",
     .deadline_s = 10, .id_fields = kAdyenIds, .retry_gaps_s = kAdyen,
     .retries = "3 times within 30 s, then after 2 min, 5 min, 10 min, 15 min, 30 min, 1 h and longer"},
    {.name = "alipay", .sender = "Alipay", .body_marker = "notifyid", .body_marker_2 = "sign",
     .wants = Wants::token, .strict = true,
     .id_fields = kNotifyId, .retry_gaps_s = kAlipay,
     .retries = "8 notifications in 25 h: 4 min, 10 min, 10 min, 1 h, 2 h, 6 h, 15 h"},
    {.name = "token-success", .sender = "a sender that signs its callbacks", .body_marker = "sign",
     .wants = Wants::token, .id_fields = {}, .retry_gaps_s = {}, .retries = "not published"},
    {.name = "generic-2xx", .sender = "a sender that is content with a 2xx",
     .wants = Wants::any_2xx_but_no, .id_fields = {}, .retry_gaps_s = {}, .retries = "not published"},
}};
// clang-format on

bool has_field(const base::Fields& fields, std::string_view name) {
  return std::any_of(fields.list.begin(), fields.list.end(), [&](const base::Field& field) {
    return !field.value.empty() && base::is_named(field.name, name);
  });
}

/// The body as text, as far as it was kept; empty if its coding cannot be undone.
std::string_view text_of(const Message& request, std::string& decoded) {
  if (request.content_encoding().empty()) return request.body_head;
  decoded = request.body_head;
  const bool sound =
      base::decode_body(request.content_encoding(), decoded, base::kMaxDecodedRequest);
  return sound ? std::string_view{decoded} : std::string_view{};
}

/// A field that marks a profile is near the top of its document: names deeper inside a payload are
/// the payload's.
void keep_top(base::Fields& fields) {
  const std::size_t deepest = fields.kind == base::Document::xml ? 1 : 2;
  std::erase_if(fields.list, [&](const base::Field& field) { return field.depth > deepest; });
}

bool told_by_fields(const AckProfile& profile, const base::Fields& fields) {
  if (profile.wants == Wants::xml_return_code && fields.kind != base::Document::xml) return false;
  // Others who borrowed its names want what they like.
  if (profile.strict && profile.wants == Wants::token && fields.kind != base::Document::form) {
    return false;
  }
  return has_field(fields, profile.body_marker) &&
         (profile.body_marker_2.empty() || has_field(fields, profile.body_marker_2));
}

const AckProfile* told_by_body(const Message& request) {
  std::string decoded;
  const std::string_view body = text_of(request, decoded);
  const bool worth_reading =
      base::contains(body, "sign") || base::contains(body, "pspReference") ||
      (base::document_kind(body) == base::Document::xml && base::contains(body, "mch_id"));
  if (!worth_reading) return nullptr;
  base::Fields fields = base::read_fields(body);
  // Adyen's are in an array of objects.
  const bool adyen = has_field(fields, "pspreference") && base::contains(body, "notificationItems");
  keep_top(fields);
  for (const AckProfile& profile : kProfiles) {
    if (profile.body_marker.empty()) continue;
    const bool told = profile.name == "adyen" ? adyen : told_by_fields(profile, fields);
    if (told) return &profile;
  }
  return nullptr;
}

const AckProfile* own_profile(const Message& request, const Thresholds& settings) {
  std::string decoded;
  std::optional<base::Fields> fields;
  for (const AckProfile* own : settings.own_profiles) {
    if (!told_by_head(*own, request)) continue;
    if (own->body_fields.empty()) return own;
    if (!fields) {
      fields = base::read_fields(text_of(request, decoded));
      keep_top(*fields);
    }
    const bool all = std::all_of(own->body_fields.begin(), own->body_fields.end(),
                                 [&](std::string_view name) { return has_field(*fields, name); });
    if (all) return own;
  }
  return nullptr;
}

}  // namespace

std::span<const AckProfile> ack_profiles() { return kProfiles; }
const AckProfile& generic_profile() { return kProfiles.back(); }

const AckProfile* find_ack_profile(std::string_view name) {
  const auto found = std::find_if(kProfiles.begin(), kProfiles.end(),
                                  [&](const AckProfile& profile) { return profile.name == name; });
  return found == kProfiles.end() ? nullptr : &*found;
}

const AckProfile* find_ack_profile(std::string_view name, const Thresholds& settings) {
  for (const AckProfile* own : settings.own_profiles) {
    if (own->name == name) return own;
  }
  return find_ack_profile(name);
}

const AckProfile& ack_profile(const Message& request, const Thresholds& settings) {
  if (!settings.ack_token.empty()) return *find_ack_profile("token-success");
  if (!settings.ack_profile.empty()) {
    if (const AckProfile* set = find_ack_profile(settings.ack_profile, settings)) return *set;
  }
  if (const AckProfile* own = own_profile(request, settings)) return *own;
  if (request.markers != 0) {
    for (const AckProfile& profile : kProfiles) {
      if ((request.markers & profile.markers) != 0) return profile;
    }
  }
  const AckProfile* told = told_by_body(request);
  return told != nullptr ? *told : generic_profile();
}

}  // namespace httpdiag
