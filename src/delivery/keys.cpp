// SPDX-License-Identifier: Apache-2.0
#include "delivery/keys.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/content_coding.hpp"
#include "base/fields.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace httpdiag::delivery {

namespace {

constexpr std::size_t kMaxShownValue = 64;

std::uint64_t hash_of(std::string_view text) {
  return base::hash64(std::as_bytes(std::span{text.data(), text.size()}));
}

template <typename... Parts>
std::uint64_t mix(Parts... parts) {
  const std::array<std::uint64_t, sizeof...(parts)> all{static_cast<std::uint64_t>(parts)...};
  const std::uint64_t hash = base::hash64(std::as_bytes(std::span{all}));
  return hash != 0 ? hash : 1;  // 0 means "none"
}

using Names = std::span<const std::string_view>;

// All names as in base::is_named(). These name an event: two messages with one value are one.
constexpr std::array<std::string_view, 5> kEventFields = {"notifyid", "eventid", "messageid",
                                                          "msgid", "webhookid"};
// These name what the event is about: an order is paid, then shipped. They count together with
// everything that tells such messages apart.
constexpr std::array<std::string_view, 13> kThingFields = {
    "outtradeno",   "transactionid", "orderno",  "orderid",         "tradeno",
    "pspreference", "paymentid",     "refundno", "merchantorderno", "mchorderno",
    "refundid",     "outrefundno",   "ordersn"};
constexpr std::array<std::string_view, 12> kTellingParts = {"status", "state",  "event",  "type",
                                                            "action", "topic",  "amount", "fee",
                                                            "refund", "method", "result", "code"};
// These change from one attempt to the next.
constexpr std::array<std::string_view, 22> kVolatile = {
    "timestamp", "time",       "ts",          "notifytime", "nonce",     "noncestr",
    "sign",      "signtype",   "signature",   "sentat",     "sendtime",  "retry",
    "attempt",   "retrycount", "retrynum",    "attemptno",  "sendcount", "sentcount",
    "requestid", "traceid",    "requesttime", "notifycount"};

constexpr std::uint32_t letter(char c) { return 1u << (c & 31); }

/// The letters that names begin with: most fields are told by theirs to be none of them.
constexpr std::uint32_t first_letters(Names names) {
  std::uint32_t letters = letter('_') | letter('-');
  for (const std::string_view name : names) letters |= letter(name.front());
  return letters;
}

bool named_like(std::string_view name, Names names, std::uint32_t letters = ~0u) {
  if (name.empty() || (letters & letter(name.front())) == 0) return false;
  const bool marked = name.front() == '_' || name.front() == '-';
  return std::any_of(names.begin(), names.end(), [&](std::string_view plain) {
    const bool may_be = marked || letter(plain.front()) == letter(name.front());
    return may_be && base::is_named(name, plain);
  });
}

constexpr std::uint32_t kVolatileLetters = first_letters(kVolatile);

bool is_volatile(std::string_view name, const AckProfile& profile) {
  return named_like(name, kVolatile, kVolatileLetters) || named_like(name, profile.volatile_fields);
}

bool has_value(const base::Field& field) {
  return !field.value.empty() && field.value != "null" && field.value != "0";
}

/// The part of a name that tells messages about one thing apart: "trade_status", "refundFee".
bool tells_apart(std::string_view name) {
  const std::string low = base::lower(name);
  return std::any_of(kTellingParts.begin(), kTellingParts.end(),
                     [&](std::string_view part) { return low.find(part) != std::string::npos; });
}

struct FieldKey {
  std::uint64_t hash = 0;
  bool event = false;
  std::string name, value;
};

std::string shown(std::string_view text) { return std::string{text.substr(0, kMaxShownValue)}; }

/// Every occurrence counts: a batch is known by all of its events.
FieldKey key_of_names(const base::Fields& fields, Names names, std::uint8_t deepest) {
  FieldKey key;
  const std::uint32_t letters = first_letters(names);
  for (const base::Field& field : fields.list) {
    if (field.depth > deepest || !named_like(field.name, names, letters) || !has_value(field)) {
      continue;
    }
    key.hash = mix(key.hash, hash_of(base::lower(field.name)), hash_of(field.value));
    if (key.name.find(field.name) == std::string::npos) {
      key.name += (key.name.empty() ? "" : "+") + shown(field.name);
    }
    if (key.value.empty()) key.value = shown(field.value);
  }
  return key;
}

FieldKey field_key(const base::Fields& fields, const AckProfile& profile) {
  constexpr std::uint8_t kTop = 1, kDeep = 4;
  FieldKey key;
  if (!profile.id_fields.empty()) {
    const bool deep = profile.id_fields.size() > 1 || profile.wants == Wants::own;
    key = key_of_names(fields, profile.id_fields, deep ? kDeep : kTop);
    key.event = true;
    if (key.hash != 0) return key;
  }
  key = key_of_names(fields, kEventFields, kDeep);
  key.event = true;
  if (key.hash != 0) return key;
  key = key_of_names(fields, kThingFields, kDeep);
  key.event = false;
  if (key.hash == 0) return key;
  bool told = false;  // what happened to it; a mere question about it is no callback
  for (const base::Field& field : fields.list) {
    if (!tells_apart(field.name) || is_volatile(field.name, profile) ||
        named_like(field.name, kThingFields)) {
      continue;
    }
    told = true;
    key.hash = mix(key.hash, field.place, hash_of(field.name), hash_of(field.value));
  }
  return told ? key : FieldKey{};
}

/// The fields in whatever order, the volatile ones left out; 0 if none is volatile, for then the
/// plain digest says the same.
std::uint64_t canonical_hash(const base::Fields& body, const base::Fields& query,
                             const AckProfile& profile) {
  if (body.kind != base::Document::none && !body.whole) return 0;
  const auto any_volatile = [&](const base::Fields& fields) {
    return std::any_of(fields.list.begin(), fields.list.end(),
                       [&](const base::Field& field) { return is_volatile(field.name, profile); });
  };
  if (!any_volatile(query) && !any_volatile(body)) return 0;
  std::uint64_t sum = 0, kept = 0;
  for (const base::Fields* fields : {&body, &query}) {
    for (const base::Field& field : fields->list) {
      if (is_volatile(field.name, profile)) continue;
      sum += mix(field.place, hash_of(field.name), hash_of(field.value));
      ++kept;
    }
  }
  return kept == 0 ? 0 : mix(sum, kept);
}

}  // namespace

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find_first_of("?#"));
}

std::string_view query_of(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  return target.substr(mark + 1, target.find('#', mark) - mark - 1);
}

std::uint64_t endpoint_hash(std::string_view method, std::string_view host,
                            std::string_view target) {
  return mix(hash_of(method), hash_of(host), hash_of(path_of(target)));
}

std::uint64_t plain_key(std::uint64_t endpoint, std::string_view target, const Message& request) {
  if (!request.delivery_id().empty()) {
    return mix(endpoint, static_cast<std::uint64_t>(KeyKind::header),
               hash_of(request.delivery_id()));
  }
  // Two bodies that were seen in part may differ in the rest.
  if (request.state != MessageState::complete || request.has_gap || request.body_omitted) return 0;
  return mix(endpoint, static_cast<std::uint64_t>(KeyKind::body), hash_of(query_of(target)),
             request.body_bytes, request.body_bytes == 0 ? 0 : request.digest);
}

Keys body_keys(std::uint64_t endpoint, std::string_view query, const Body& body,
               const AckProfile& profile) {
  Keys keys;
  std::string decoded;
  std::string_view text = body.text;
  if (!body.coding.empty()) {
    decoded = body.text;
    if (!body.whole || !base::decode_body(body.coding, decoded, base::kMaxDecodedRequest))
      return keys;
    text = decoded;
  }
  base::Fields fields = base::read_fields(text);
  if (!body.whole) fields.whole = false;
  const base::Fields asked = query.empty() ? base::Fields{} : base::read_form(query);
  FieldKey field = field_key(fields, profile);
  if (field.hash == 0) field = field_key(asked, profile);
  if (field.hash != 0) {
    keys.cascade.push_back(
        {KeyKind::field, mix(endpoint, static_cast<std::uint64_t>(KeyKind::field), field.hash)});
    keys.event = field.event;
    keys.name = std::move(field.name);
    keys.value = std::move(field.value);
  }
  if (const std::uint64_t canonical = canonical_hash(fields, asked, profile); canonical != 0) {
    keys.cascade.push_back(
        {KeyKind::canonical,
         mix(endpoint, static_cast<std::uint64_t>(KeyKind::canonical), canonical)});
  }
  return keys;
}

Keys all_keys(std::uint64_t endpoint, std::string_view target, const Message& request,
              const AckProfile& profile) {
  const std::uint64_t plain = plain_key(endpoint, target, request);
  if (!request.delivery_id().empty()) {
    Keys keys;
    keys.cascade.push_back({KeyKind::header, plain});
    keys.event = true;
    keys.name = name(request.id_marker);
    keys.value = shown(request.delivery_id());
    return keys;
  }
  const bool whole = plain != 0 && request.body_head.size() == request.body_bytes;
  Keys keys = body_keys(endpoint, query_of(target),
                        {request.body_head, request.content_encoding(), whole}, profile);
  if (plain != 0) {
    const bool behind_field = !keys.cascade.empty() && keys.cascade.front().kind == KeyKind::field;
    keys.cascade.insert(keys.cascade.begin() + (behind_field ? 1 : 0), {KeyKind::body, plain});
  }
  return keys;
}

bool is_callback_query(std::string_view query) {
  if (query.find("sign") == std::string_view::npos &&
      query.find("notify_id") == std::string_view::npos) {
    return false;
  }
  bool signature = false, told = false;
  for (const base::Field& field : base::read_form(query).list) {
    if (base::is_named(field.name, "notifyid")) return true;
    signature =
        signature || base::is_named(field.name, "sign") || base::is_named(field.name, "signature");
    const std::string low = base::lower(field.name);
    told = told || low.ends_with("status") || low.ends_with("event") || low.ends_with("result");
  }
  return signature && told;
}

}  // namespace httpdiag::delivery
