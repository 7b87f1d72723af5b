// SPDX-License-Identifier: Apache-2.0
// Which requests are attempts of one callback, by their keys.
#include "delivery/keys.hpp"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <string>

namespace httpdiag::delivery {
namespace {

void set_id(Message& message, std::string_view id) {
  message.texts.restart(HeadTexts::delivery_id);
  message.texts.append(HeadTexts::delivery_id, id, id.size());
}

Message post(std::string body) {
  Message message;
  message.texts.append(HeadTexts::method, "POST", 8);
  message.state = MessageState::complete;
  message.body_bytes = body.size();
  message.digest = XXH3_64bits(body.data(), body.size());
  message.body_head = std::move(body);
  return message;
}

Keys keys_of(const Message& request, const AckProfile& profile, std::string_view target = "/n") {
  const std::uint64_t endpoint = endpoint_hash("POST", "h", target);
  return KeyReader{}.all_keys(endpoint, plain_key(endpoint, target, request), target, request,
                              profile);
}

Keys keys_of(const std::string& body, std::string_view profile = "generic-2xx",
             std::string_view target = "/n") {
  return keys_of(post(body), *find_ack_profile(profile), target);
}

/// They share a key; the strongest one that both have decides.
bool same(const Keys& a, const Keys& b) {
  for (const Keys::Key& one : a.cascade) {
    for (const Keys::Key& other : b.cascade) {
      if (one.hash == other.hash) return true;
    }
  }
  return false;
}

TEST(DeliveryKeys, TheSameBytesAreTheSame) {
  EXPECT_TRUE(same(keys_of("order=1001"), keys_of("order=1001")));
  EXPECT_FALSE(same(keys_of("order=1001"), keys_of("order=1002")));
  EXPECT_FALSE(same(keys_of("order=1001"), keys_of("order=1001", "generic-2xx", "/m")));
  EXPECT_FALSE(same(keys_of("order=1001"), keys_of("order=1001", "generic-2xx", "/n?a=1")));
}

TEST(DeliveryKeys, TimeAndSignatureDoNotCount) {
  const Keys first = keys_of(R"({"order":"1","timestamp":1,"sign":"a","attempt":1})");
  EXPECT_TRUE(same(first, keys_of(R"({"attempt":2,"order":"1","sign":"b","timestamp":22})")));
  EXPECT_FALSE(same(first, keys_of(R"({"order":"2","timestamp":1,"sign":"a","attempt":1})")));
  EXPECT_TRUE(same(keys_of("order=1&sign=a&nonce_str=x"), keys_of("sign=b&order=1&nonce_str=y")));
  EXPECT_FALSE(same(keys_of("sign=a&nonce=x"), keys_of("sign=b&nonce=y")));  // nothing is left
}

TEST(DeliveryKeys, AnIdOfTheEventIsEnough) {
  EXPECT_TRUE(same(keys_of("notify_id=n1&a=1"), keys_of("notify_id=n1&a=2")));
  EXPECT_FALSE(same(keys_of("notify_id=n1&a=1"), keys_of("notify_id=n2&a=1")));
  EXPECT_TRUE(same(keys_of(R"({"data":{"eventId":"e1"},"n":1})"),
                   keys_of(R"({"data":{"eventId":"e1"},"n":2})")));
  EXPECT_TRUE(same(keys_of(R"({"id":"evt_1","n":1})", "stripe"),
                   keys_of(R"({"id":"evt_1","n":2})", "stripe")));
  EXPECT_EQ(keys_of("notify_id=n1").name, "notify_id");
  EXPECT_EQ(keys_of("notify_id=n1").value, "n1");
}

TEST(DeliveryKeys, AnOrderNumberIsNot) {
  const Keys paid = keys_of(R"({"order_no":"7","status":"paid","note":"a"})");
  EXPECT_TRUE(same(paid, keys_of(R"({"order_no":"7","status":"paid","note":"b"})")));
  EXPECT_FALSE(same(paid, keys_of(R"({"order_no":"7","status":"shipped","note":"a"})")));
  // A sensor's id, and a question about an order.
  EXPECT_FALSE(
      same(keys_of(R"({"id":"sensor-7","t":20})"), keys_of(R"({"id":"sensor-7","t":21})")));
  EXPECT_FALSE(same(keys_of("order_no=7&page=1"), keys_of("order_no=7&page=2")));
}

TEST(DeliveryKeys, ABatchIsKnownByAllOfItsEvents) {
  const std::string item =
      R"({"NotificationRequestItem":{"pspReference":"A1","eventCode":"AUTHORISATION"}})";
  const std::string other =
      R"({"NotificationRequestItem":{"pspReference":"A2","eventCode":"AUTHORISATION"}})";
  const auto batch = [](const std::string& items) {
    return keys_of(R"({"live":"true","notificationItems":[)" + items + "]}", "adyen");
  };
  EXPECT_TRUE(same(batch(item), batch(item)));
  EXPECT_FALSE(same(batch(item), batch(item + "," + other)));
}

TEST(DeliveryKeys, AHeaderOfTheSendersOutranksTheBody) {
  Message one = post("same"), other = post("same");
  one.id_marker = other.id_marker = Marker::github_delivery;
  set_id(one, "72d3162e");
  set_id(other, "99d3162e");
  const AckProfile& github = *find_ack_profile("github");
  const Keys first = keys_of(one, github);
  EXPECT_FALSE(same(first, keys_of(other, github)));
  set_id(other, "72d3162e");
  other.body_head = "else";
  other.digest = 5;
  EXPECT_TRUE(same(first, keys_of(other, github)));
  EXPECT_EQ(first.name, "x-github-delivery");
}

TEST(DeliveryKeys, ABodyThatWasSeenInPartHasNoDigest) {
  Message cut = post("notify_id=n1&a=1");
  cut.has_gap = true;
  const Keys keys = keys_of(cut, generic_profile());
  ASSERT_EQ(keys.cascade.size(), 1u);
  EXPECT_EQ(keys.cascade[0].kind, KeyKind::field);
  cut.state = MessageState::incomplete;
  cut.body_head = "order=1&sign=a";
  EXPECT_TRUE(keys_of(cut, generic_profile()).cascade.empty());
}

TEST(DeliveryKeys, WhichGetIsACallback) {
  EXPECT_TRUE(is_callback_query("order=1&trade_status=OK&sign=a"));
  EXPECT_TRUE(is_callback_query("notify_id=1"));
  EXPECT_FALSE(is_callback_query("order=1&sign=a"));
  EXPECT_FALSE(is_callback_query("order=1&status=open"));
  EXPECT_FALSE(is_callback_query("design=1&status=open"));
}

}  // namespace
}  // namespace httpdiag::delivery
