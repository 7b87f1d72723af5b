// SPDX-License-Identifier: Apache-2.0
#include "base/fields.hpp"

#include <gtest/gtest.h>

#include <string>

namespace httpdiag::base {
namespace {

/// "name=value name=value", and a "!" in front of what was not read to its end.
std::string read(std::string_view text) {
  const Fields fields = read_fields(text);
  std::string out = fields.whole ? "" : "!";
  for (const Field& field : fields.list) {
    if (out.size() > 1 || (out.size() == 1 && out != "!")) out += ' ';
    out += std::string{field.name} + "=" + std::string{field.value};
  }
  return out;
}

TEST(Fields, Json) {
  EXPECT_EQ(read(R"({"id":"evt_1","n":12,"ok":true,"none":null})"),
            "id=evt_1 n=12 ok=true none=null");
  EXPECT_EQ(read(R"( { "a" : { "b" : "c" } , "d" : [ 1 , "x" ] } )"), "b=c =1 =x");
  EXPECT_EQ(read(R"({"a":"q\"uo\\","b":"}"})"), R"(a=q\"uo\\ b=})");
  EXPECT_EQ(read("{}"), "");
}

TEST(Fields, PlacesTellEqualNamesApart) {
  const Fields one = read_fields(R"({"a":{"id":1},"b":{"id":1},"c":[{"id":1},{"id":1}]})");
  ASSERT_EQ(one.list.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = i + 1; j < 4; ++j) EXPECT_NE(one.list[i].place, one.list[j].place);
  }
  const Fields other = read_fields(R"({"b":{"id":2},"a":{"id":3}})");
  EXPECT_EQ(one.list[0].place, other.list[1].place);
  EXPECT_EQ(one.list[1].place, other.list[0].place);
}

TEST(Fields, Form) {
  EXPECT_EQ(read("order=1001&status=paid"), "order=1001 status=paid");
  EXPECT_EQ(read("a=1&&b&c=x%3Dy=z\n"), "a=1 b= c=x%3Dy=z");
}

TEST(Fields, Xml) {
  EXPECT_EQ(
      read("<?xml version=\"1.0\"?><xml><appid><![CDATA[wx1]]></appid>\n<n> 12 </n><e/></xml>"),
      "appid=wx1 n=12");
  EXPECT_EQ(read("<a><!-- <b>x</b> --><c k=\"v\">y</c></a>"), "c=y");
}

TEST(Fields, WhatIsBrokenIsReadUpToThere) {
  EXPECT_EQ(read(R"({"a":1,"b":)"), "!a=1");
  EXPECT_EQ(read(R"({"a":1]})"), "!a=1");
  EXPECT_EQ(read(R"({"a":1} trailing)"), "!a=1");
  EXPECT_EQ(read(R"({1:2})"), "!");
  EXPECT_EQ(read("<a><b>1</b><c></a>"), "!b=1");
  EXPECT_EQ(read("success"), "!");
  EXPECT_EQ(read("the end = near"), "!");
  EXPECT_EQ(read(""), "!");
  EXPECT_FALSE(read_fields("{\"a\":" + std::string(5000, '[')).whole);
}

TEST(Fields, TheirNumberIsBounded) {
  std::string text = "[0";
  for (int i = 0; i < 400; ++i) text += ",1";
  EXPECT_FALSE(read_fields(text + "]").whole);
  EXPECT_EQ(read_fields(text + "]").list.size(), kMaxFields);
  std::string form = "a=1";
  for (int i = 0; i < 400; ++i) form += "&a=1";
  EXPECT_FALSE(read_fields(form).whole);
}

TEST(Fields, NamesAreComparedWithoutCaseAndMarks) {
  EXPECT_TRUE(is_named("out_trade_no", "outtradeno"));
  EXPECT_TRUE(is_named("outTradeNo", "outtradeno"));
  EXPECT_TRUE(is_named("Out-Trade-No", "outtradeno"));
  EXPECT_FALSE(is_named("out_trade_no2", "outtradeno"));
  EXPECT_FALSE(is_named("out_trade", "outtradeno"));
}

}  // namespace
}  // namespace httpdiag::base
