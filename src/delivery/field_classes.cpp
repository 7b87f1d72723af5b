// SPDX-License-Identifier: Apache-2.0
#include "delivery/field_classes.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/fields.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"

namespace httpdiag::delivery {

namespace {

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
// So do these, but a mere question has them, too: a part of the thing, or a party to it.
constexpr std::array<std::string_view, 33> kPartNames = {
    "sku",       "version",   "sequence", "lineno",   "itemno",        "itemid",     "lineid",
    "skuid",     "shopid",    "storeid",  "sellerid", "mchid",         "merchantid", "submchid",
    "tenantid",  "userid",    "openid",   "memberid", "buyerid",       "customerid", "accountid",
    "companyid", "orgid",     "siteid",   "appid",    "deviceid",      "productid",  "goodsid",
    "partnerid", "invoiceid", "billid",   "planid",   "subscriptionid"};
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

FieldClass find_out(std::string_view name, const AckProfile& profile) {
  FieldClass found;
  const std::string low = base::lower(name);
  found.hash = base::hash64(name);
  found.lower_hash = base::hash64(low);
  const auto set = [&](std::uint8_t bit, bool yes) {
    if (yes) found.bits |= bit;
  };
  set(FieldClass::own_id, named_like(name, profile.id_fields));
  set(FieldClass::event, named_like(name, kEventFields));
  set(FieldClass::thing, named_like(name, kThingFields));
  set(FieldClass::changing,
      named_like(name, kVolatile) || named_like(name, profile.volatile_fields));
  set(FieldClass::telling,
      std::any_of(kTellingParts.begin(), kTellingParts.end(),
                  [&](std::string_view part) { return low.find(part) != std::string::npos; }));
  set(FieldClass::part, named_like(name, kPartNames));
  return found;
}

template <typename Word>
std::uint64_t word_at(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// The first and the last bytes of a name, which overlap where it is short; in words that are read
/// as a whole, for a copy of so many bytes as there are is slow to be read back.
template <typename Word>
std::uint64_t ends_of(std::string_view name) {
  return word_at<Word>(name.data()) ^ word_at<Word>(name.data() + name.size() - sizeof(Word)) << 5;
}

/// Which of the remembered names may be this one: by its length and its ends.
std::size_t place_of(std::string_view name) {
  const std::uint64_t ends = name.size() >= 8   ? ends_of<std::uint64_t>(name)
                             : name.size() >= 4 ? ends_of<std::uint32_t>(name)
                                                : ends_of<std::uint8_t>(name);
  return static_cast<std::size_t>((ends ^ name.size()) * 0x9e3779b97f4a7c15 >> 56);
}

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

const FieldClass& FieldClasses::of(std::string_view name, const AckProfile& profile) {
  if (name.empty() || name.size() > kLongest) return other_ = find_out(name, profile);
  Known& known = known_[place_of(name)];
  if (known.profile != &profile || !same(known.name, name)) {
    known.name = name;
    known.profile = &profile;
    known.found = find_out(name, profile);
  }
  return known.found;
}

}  // namespace httpdiag::delivery
