// SPDX-License-Identifier: Apache-2.0
#include "delivery/keys.hpp"

#include <algorithm>

#include "base/content_coding.hpp"
#include "base/fields.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace httpdiag::delivery {

namespace {

constexpr std::size_t kMaxShownValue = 64;

template <typename... Parts>
std::uint64_t mix(Parts... parts) {
  const std::uint64_t hash = base::mix64(static_cast<std::uint64_t>(parts)...);
  return hash != 0 ? hash : 1;  // 0 means "none"
}

bool has_value(const base::Field& field) {
  return !field.value.empty() && field.value != "null" && field.value != "0";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
bool is_small(char c) { return c >= 'a' && c <= 'z'; }

/// A mere "id" names an event where its value is made as senders make those of their events:
/// "evt_1NG8Du2eZvKYlo2C…" (Stripe: letters and digits at random), "WH-" and twice 17 capitals and
/// digits (PayPal), "EV-" and a date with a number, 19 digits at least (WeChat Pay v3).
bool names_event(std::string_view id) {
  constexpr std::size_t kRandom = 14, kPayPal = 35, kWechat = 19;
  const std::string_view stripe = id.substr(std::min<std::size_t>(id.size(), 4));
  const std::string_view rest = id.substr(std::min<std::size_t>(id.size(), 3));
  if (id.starts_with("evt_")) {
    return stripe.size() >= kRandom && std::ranges::any_of(stripe, is_digit) &&
           std::ranges::all_of(stripe,
                               [](char c) { return is_digit(c) || is_capital(c) || is_small(c); });
  }
  if (id.starts_with("WH-")) {
    return rest.size() == kPayPal && rest[kPayPal / 2] == '-' &&
           std::ranges::all_of(rest,
                               [](char c) { return is_digit(c) || is_capital(c) || c == '-'; });
  }
  return id.starts_with("EV-") && rest.size() >= kWechat && std::ranges::all_of(rest, is_digit);
}

std::string shown(std::string_view text) { return std::string{text.substr(0, kMaxShownValue)}; }

}  // namespace

bool KeyReader::counts(const ClassifiedField& field, std::uint8_t wanted, std::uint8_t deepest) {
  return field.found.is(wanted) && field.at->depth <= deepest && has_value(*field.at);
}

/// Every occurrence counts: a batch is known by all of its events.
KeyReader::FieldKey KeyReader::key_of(const Classified& fields, std::uint8_t wanted,
                                      std::uint8_t deepest) {
  FieldKey key;
  for (const ClassifiedField& field : fields) {
    if (!counts(field, wanted, deepest)) continue;
    key.hash = mix(key.hash, field.found.lower_hash, base::hash64(field.at->value));
  }
  if (key.hash != 0) key.wanted = wanted, key.deepest = deepest;
  return key;
}

/// What a key was made of, for people.
void KeyReader::describe(const FieldKey& key, const Classified& fields, Keys& keys) {
  for (const ClassifiedField& field : fields) {
    if (!counts(field, key.wanted, key.deepest)) continue;
    if (keys.name.find(field.at->name) == std::string::npos) {
      keys.name += (keys.name.empty() ? "" : "+") + shown(field.at->name);
    }
    if (keys.value.empty()) keys.value = shown(field.at->value);
  }
}

KeyReader::FieldKey KeyReader::field_key(const Classified& fields, const AckProfile& profile) {
  constexpr std::uint8_t kTop = 1, kDeep = 4;
  std::uint8_t any = 0;
  for (const ClassifiedField& field : fields) any |= field.found.bits;
  FieldKey key;
  if ((any & FieldClass::own_id) != 0) {
    const bool deep = profile.id_fields.size() > 1 || profile.wants == Wants::own;
    key = key_of(fields, FieldClass::own_id, deep ? kDeep : kTop);
    key.event = true;
    if (key.hash != 0) return key;
  }
  if ((any & FieldClass::event) != 0) {
    key = key_of(fields, FieldClass::event, kDeep);
    key.event = true;
    if (key.hash != 0) return key;
  }
  if ((any & FieldClass::thing) == 0 || (any & FieldClass::telling) == 0) return {};
  key = key_of(fields, FieldClass::thing, kDeep);
  if (key.hash == 0) return key;
  bool told = false;  // what happened to it; a mere question about it is no callback
  for (const ClassifiedField& field : fields) {
    if (!field.found.is(FieldClass::telling | FieldClass::part) ||
        field.found.is(FieldClass::changing | FieldClass::thing)) {
      continue;
    }
    told = told || field.found.is(FieldClass::telling);
    key.hash = mix(key.hash, field.at->place, field.found.hash, base::hash64(field.at->value));
  }
  return told ? key : FieldKey{};
}

/// The fields in whatever order, the changing ones left out; 0 if none is changing, for then the
/// plain digest says the same.
std::uint64_t KeyReader::canonical_hash(const base::Fields& body) const {
  if (body.kind != base::Document::none && !body.whole) return 0;
  const auto changing = [](const ClassifiedField& field) {
    return field.found.is(FieldClass::changing);
  };
  if (std::none_of(asked_.begin(), asked_.end(), changing) &&
      std::none_of(in_body_.begin(), in_body_.end(), changing)) {
    return 0;
  }
  std::uint64_t sum = 0, kept = 0;
  for (const Classified* fields : {&in_body_, &asked_}) {
    for (const ClassifiedField& field : *fields) {
      if (changing(field)) continue;
      sum += mix(field.at->place, field.found.hash, base::hash64(field.at->value));
      ++kept;
    }
  }
  return kept == 0 ? 0 : mix(sum, kept);
}

void KeyReader::classify(const base::Fields& fields, const AckProfile& profile, Classified& out) {
  out.clear();
  bool cloud_event = false;  // its "id" is that of the event (CloudEvents 1.0 §3.1)
  for (const base::Field& field : fields.list) {
    ClassifiedField& classified = out.emplace_back();
    classified.at = &field;
    classified.found = classes_.of(field.name, profile);
    cloud_event = cloud_event || (field.depth == 1 && field.name == "specversion");
  }
  for (ClassifiedField& field : out) {
    const bool id = field.at->depth == 1 && field.at->name.size() == 2 && field.at->name == "id";
    if (id && (cloud_event || names_event(field.at->value))) field.found.bits |= FieldClass::event;
    // Ids of CloudEvents count for each source.
    if (cloud_event && field.at->depth == 1 && field.at->name == "source")
      field.found.bits |= FieldClass::event;
  }
}

std::string_view path_of(std::string_view target) {
  // Targets are short: a loop is sooner done than a search for a set of characters.
  const auto end =
      std::find_if(target.begin(), target.end(), [](char c) { return c == '?' || c == '#'; });
  return target.substr(0, static_cast<std::size_t>(end - target.begin()));
}

std::string_view query_of(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  return target.substr(mark + 1, target.find('#', mark) - mark - 1);
}

namespace {

/// Letter case does not count, nor does a default port (RFC 9110 §4.2.3).
std::uint64_t host_hash(std::string_view host) {
  for (const std::string_view port : {":80", ":443"}) {
    if (host.ends_with(port)) host.remove_suffix(port.size());
  }
  if (std::ranges::none_of(host, is_capital)) return base::hash64(host);
  return base::hash64(base::lower(host));
}

}  // namespace

std::uint64_t endpoint_hash(std::string_view method, std::string_view host,
                            std::string_view target) {
  return mix(base::hash64(method), host_hash(host), base::hash64(path_of(target)));
}

std::uint64_t plain_key(std::uint64_t endpoint, std::string_view target, const Message& request) {
  if (!request.delivery_id().empty()) {
    return mix(endpoint, static_cast<std::uint64_t>(KeyKind::header),
               base::hash64(request.delivery_id()));
  }
  // Two bodies that were seen in part may differ in the rest.
  if (request.state != MessageState::complete || request.has_gap || request.body_omitted) return 0;
  return mix(endpoint, static_cast<std::uint64_t>(KeyKind::body), base::hash64(query_of(target)),
             request.body_bytes, request.body_bytes == 0 ? 0 : request.digest);
}

Keys KeyReader::body_keys(std::uint64_t endpoint, std::string_view query, const Body& body,
                          const AckProfile& profile, Texts texts) {
  Keys keys;
  std::string decoded;
  std::string_view text = body.text;
  if (!body.coding.empty()) {
    decoded = body.text;
    if (!body.whole || !base::decode_body(body.coding, decoded, base::kMaxDecodedRequest))
      return keys;
    text = decoded;
  }
  base::read_fields(text, body_);
  if (!body.whole) body_.whole = false;
  classify(body_, profile, in_body_);
  base::read_form(query, query_);
  classify(query_, profile, asked_);
  FieldKey field = field_key(in_body_, profile);
  const Classified& source = field.hash != 0 ? in_body_ : asked_;
  if (field.hash == 0) field = field_key(asked_, profile);
  if (field.hash != 0) {
    keys.cascade.add(
        {KeyKind::field, mix(endpoint, static_cast<std::uint64_t>(KeyKind::field), field.hash)});
    keys.event = field.event;
    const std::uint64_t canonical = canonical_hash(body_);
    keys.changes = canonical != 0;
    if (!field.event) keys.words = static_cast<std::uint16_t>(canonical);
    if (texts == Texts::wanted) describe(field, source, keys);
    return keys;  // bodies that are the same but for what changes have these fields too
  }
  if (const std::uint64_t canonical = canonical_hash(body_); canonical != 0) {
    keys.cascade.add({KeyKind::canonical,
                      mix(endpoint, static_cast<std::uint64_t>(KeyKind::canonical), canonical)});
  }
  return keys;
}

Keys KeyReader::all_keys(std::uint64_t endpoint, std::uint64_t plain, std::string_view target,
                         const Message& request, const AckProfile& profile, Texts texts) {
  if (!request.delivery_id().empty()) {
    Keys keys;
    keys.cascade.add({KeyKind::header, plain});
    keys.event = true;
    keys.name = name(request.id_marker);
    keys.value = shown(request.delivery_id());
    return keys;
  }
  const bool whole = plain != 0 && request.body_head.size() == request.body_bytes;
  Keys keys = body_keys(endpoint, query_of(target),
                        {request.body_head, request.content_encoding(), whole}, profile, texts);
  if (plain != 0) keys.cascade.add({KeyKind::body, plain});
  std::sort(keys.cascade.begin(), keys.cascade.end(),
            [](const Keys::Key& a, const Keys::Key& b) { return a.kind < b.kind; });
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
