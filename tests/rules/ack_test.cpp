// SPDX-License-Identifier: Apache-2.0
// How the senders of the profiles read an answer.
#include "rules/ack.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "httpdiag/config.hpp"

namespace httpdiag::rules {
namespace {

Message answer(std::string body, std::uint16_t status = 200) {
  Message message;
  message.status = status;
  message.state = MessageState::complete;
  message.body_bytes = body.size();
  message.body_head = std::move(body);
  return message;
}

Ack read(std::string_view profile, std::string body, std::uint16_t status = 200) {
  return read_ack(*find_ack_profile(profile), Thresholds{}, answer(std::move(body), status)).ack;
}

std::string_view profile_of(std::string body, std::uint32_t markers = 0) {
  Message request;
  request.texts.append(HeadTexts::method, "POST", 8);
  request.markers = markers;
  request.body_head = std::move(body);
  return ack_profile(request, Thresholds{}).name;
}

TEST(Ack, TokenProfile) {
  for (const char* body :
       {"success", "SUCCESS", " ok\n", "true", R"({"code":0})", R"({"status":"SUCCESS"})"}) {
    EXPECT_EQ(read("token-success", body), Ack::accepted) << body;
  }
  for (const char* body :
       {"fail", "FAIL", "error", R"({"code":"FAIL"})", R"({"success":false})",
        R"({"code":"40004","msg":"Business Failed"})", R"({"code":-1})",
        R"({"code":10001,"msg":"签名错误"})", R"({"code":"SYSTEM_ERROR"})",
        R"({"isSuccess":false})", R"({"success":"N"})", R"({"success":0,"msg":"失败"})",
        "<s:Envelope><s:Body><s:Fault>x</s:Fault></s:Body></s:Envelope>",
        "<xml><return_code><![CDATA[FAIL]]></return_code></xml>"}) {
    EXPECT_EQ(read("token-success", body), Ack::refused) << body;
  }
  for (const char* body :
       {"", "\"success\"", "\xef\xbb\xbfsuccess", "<html><body>success</body></html>",
        "Notice: undefined index\nsuccess", R"({"code":1,"msg":"sign error"})",
        R"({"status":0,"msg":"签名错误"})", R"({"error":"invalid"})"}) {
    EXPECT_EQ(read("token-success", body), Ack::unrecognized) << body;
  }
  for (const char* body :
       {R"({"code":1,"msg":"OK, no error"})", R"({"code":0,"error":null})",
        R"({"code":0,"error":"No error"})", R"({"status":"ok","message":"Processed, 0 failed"})"}) {
    EXPECT_EQ(read("token-success", body), Ack::accepted) << body;
  }
  for (const char* body : {R"({"received":true})", "<ok/>", R"({"code":20000})", "[]"}) {
    EXPECT_EQ(read("token-success", body), Ack::unknown) << body;
  }
}

TEST(Ack, OnePublishedTokenIsStrict) {
  EXPECT_EQ(read("alipay", "success"), Ack::accepted);
  EXPECT_EQ(read("alipay", "fail"), Ack::refused);
  for (const char* body : {"ok", R"({"code":0})", ""}) {
    EXPECT_EQ(read("alipay", body), Ack::unrecognized) << body;
  }
}

TEST(Ack, WechatPay) {
  EXPECT_EQ(read("wechat-v2", "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>"),
            Ack::accepted);
  EXPECT_EQ(read("wechat-v2", "<xml><return_code>FAIL</return_code></xml>"), Ack::refused);
  EXPECT_EQ(read("wechat-v2", "success"), Ack::unrecognized);
  EXPECT_EQ(read("wechat-v3", ""), Ack::accepted);
  EXPECT_EQ(read("wechat-v3", "", 204), Ack::accepted);
  EXPECT_EQ(read("wechat-v3", "", 202), Ack::unrecognized);
  EXPECT_EQ(read("wechat-v3", R"({"code":"FAIL","message":"x"})"), Ack::refused);
}

TEST(Ack, OthersGoByTheStatus) {
  EXPECT_EQ(read("generic-2xx", "anything at all"), Ack::accepted);
  EXPECT_EQ(read("generic-2xx", " Fail \n"), Ack::refused);
  for (const char* profile : {"stripe", "github", "shopify", "slack", "twilio", "paypal", "square",
                              "adyen", "standard-webhooks"}) {
    EXPECT_EQ(read(profile, "fail"), Ack::accepted) << profile;
  }
}

TEST(Ack, ATokenThatWasSetIsTheOnlyOne) {
  Thresholds settings;
  settings.ack_token = "DONE";
  const AckProfile& profile = ack_profile(Message{}, settings);
  EXPECT_EQ(read_ack(profile, settings, answer("DONE\n")).ack, Ack::accepted);
  EXPECT_EQ(read_ack(profile, settings, answer("done")).ack, Ack::unrecognized);
  EXPECT_EQ(read_ack(profile, settings, answer("fail")).ack, Ack::refused);
}

TEST(Ack, WhatTheCaptureLacksIsNotJudged) {
  Message cut = answer("succ");
  cut.has_gap = true;
  EXPECT_EQ(read_ack(*find_ack_profile("alipay"), Thresholds{}, cut).ack, Ack::unknown);
  Message encoded = answer("\x1f\x8b?");
  encoded.texts.append(HeadTexts::content_encoding, "zstd", 8);
  EXPECT_EQ(read_ack(*find_ack_profile("alipay"), Thresholds{}, encoded).ack, Ack::unknown);
  Message page = answer("<!DOCTYPE html><html>" + std::string(491, 'x'));
  page.body_bytes = 9000;
  EXPECT_EQ(read_ack(*find_ack_profile("alipay"), Thresholds{}, page).ack, Ack::unrecognized);
}

TEST(Profiles, AreToldByHeadersAndBodies) {
  EXPECT_EQ(profile_of("{}", bit(Marker::stripe_signature)), "stripe");
  EXPECT_EQ(profile_of("{}", bit(Marker::github_event)), "github");
  EXPECT_EQ(profile_of("{}", bit(Marker::shopify_topic)), "shopify");
  EXPECT_EQ(profile_of("{}", bit(Marker::slack_signature)), "slack");
  EXPECT_EQ(profile_of("a=1", bit(Marker::twilio_signature)), "twilio");
  EXPECT_EQ(profile_of("{}", bit(Marker::paypal_transmission_id)), "paypal");
  EXPECT_EQ(profile_of("{}", bit(Marker::square_signature)), "square");
  EXPECT_EQ(profile_of("{}", bit(Marker::wechatpay_nonce)), "wechat-v3");
  EXPECT_EQ(profile_of("{}", bit(Marker::webhook_id) | bit(Marker::webhook_signature)),
            "standard-webhooks");
  EXPECT_EQ(profile_of("{}", bit(Marker::idempotency_key)), "generic-2xx");
  EXPECT_EQ(profile_of("<xml><appid>wx1</appid><mch_id>1</mch_id></xml>"), "wechat-v2");
  EXPECT_EQ(profile_of("<xml><appid>wx1</appid></xml>"), "generic-2xx");
  EXPECT_EQ(profile_of("notify_id=1&sign=x"), "alipay");
  EXPECT_EQ(profile_of(R"({"order":1,"sign":"x"})"), "token-success");
  EXPECT_EQ(
      profile_of(
          R"({"notificationItems":[{"NotificationRequestItem":{"pspReference":"1","eventCode":"A"}}]})"),
      "adyen");
  EXPECT_EQ(profile_of(R"({"design":"sign","x":{"y":{"sign":"deep inside"}}})"), "generic-2xx");
  EXPECT_EQ(profile_of("order=1&signed=yes"), "generic-2xx");
}

constexpr std::string_view kOwnProfile = R"({"profiles": [{
    "name": "acme", "detect": {"host": "Pay.example", "path": "/n", "body_fields": ["biz_content"]},
    "success": {"statuses": [200, 202], "bodies": ["Done"], "field": {"name": "ret_code", "is": ["0"]}},
    "failure": {"bodies": ["nak"], "field": {"name": "ret_code", "is": ["E1"]}}}]})";

TEST(OwnProfile, IsToldByWhatItWantsOfARequest) {
  const Thresholds settings = read_config(kOwnProfile, "c").thresholds;
  const auto told = [&](std::string_view host, std::string_view target, std::string_view body) {
    Message request;
    request.texts.append(HeadTexts::method, "POST", 8);
    request.texts.append(HeadTexts::start, target, 99);
    request.texts.append(HeadTexts::host, host, 99);
    request.body_head = body;
    return ack_profile(request, settings).name;
  };
  EXPECT_EQ(told("pay.example:8080", "/notify", "bizContent=1&sign=2"), "acme");
  EXPECT_EQ(told("pay.example", "/notify", R"({"biz_content":"x"})"), "acme");
  EXPECT_EQ(told("pay.example", "/m", "biz_content=1"), "generic-2xx");
  EXPECT_EQ(told("play.example", "/notify", "biz_content=1"), "generic-2xx");
  EXPECT_EQ(told("pay.example", "/notify", "content=1&sign=2"), "token-success");
}

TEST(OwnProfile, SaysWhichAnswersAcknowledge) {
  const Thresholds settings = read_config(kOwnProfile, "c").thresholds;
  const AckProfile& acme = *find_ack_profile("acme", settings);
  const auto answered = [&](std::string body, std::uint16_t status = 200) {
    return read_ack(acme, settings, answer(std::move(body), status)).ack;
  };
  EXPECT_EQ(answered("done\n"), Ack::accepted);
  EXPECT_EQ(answered(R"({"retCode":"0"})", 202), Ack::accepted);
  EXPECT_EQ(answered("done", 204), Ack::unrecognized);
  EXPECT_EQ(answered("NAK"), Ack::refused);
  EXPECT_EQ(answered("<r><ret_code>e1</ret_code></r>"), Ack::refused);
  EXPECT_EQ(answered("fail"), Ack::unrecognized);  // it has words of its own for that
  EXPECT_EQ(answered(""), Ack::unrecognized);
  EXPECT_EQ(find_ack_profile("acme"), nullptr);  // of those settings only
}

TEST(Profiles, NamesAreUniqueAndTheLastOneIsForEverybody) {
  std::set<std::string_view> names;
  for (const AckProfile& profile : ack_profiles()) {
    EXPECT_TRUE(names.insert(profile.name).second) << profile.name;
    EXPECT_EQ(find_ack_profile(profile.name), &profile);
  }
  EXPECT_EQ(generic_profile().name, "generic-2xx");
  EXPECT_EQ(find_ack_profile("no-such"), nullptr);
}

}  // namespace
}  // namespace httpdiag::rules
