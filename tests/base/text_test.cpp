// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace httpdiag::base {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

std::string utf8(char32_t c) {
  const auto byte = [](char32_t b) { return std::string(1, static_cast<char>(b)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) return byte(0xc0 | c >> 6) + byte(0x80 | (c & 0x3f));
  if (c < 0x10000)
    return byte(0xe0 | c >> 12) + byte(0x80 | (c >> 6 & 0x3f)) + byte(0x80 | (c & 0x3f));
  return byte(0xf0 | c >> 18) + byte(0x80 | (c >> 12 & 0x3f)) + byte(0x80 | (c >> 6 & 0x3f)) +
         byte(0x80 | (c & 0x3f));
}

TEST(EscapeForTerminal, LeavesPrintableTextAlone) {
  for (const char* text : {"", "POST /notify HTTP/1.1", "größe", "支付回调", "مرحبا", "שלום", "👍",
                           "é (e\xcc\x81)", "\"quoted\" 'too' <b>"}) {
    EXPECT_EQ(escape_for_terminal(text), text);
  }
}

TEST(EscapeForTerminal, ShowsControlsInsteadOfSendingThem) {
  const struct {
    std::string bytes, shown;
  } cases[] = {
      {"a\r\nb\tc", "a\\r\\nb\\tc"},
      {"\0"s, "\\x00"},
      {"\x1b[31mred", "\\x1b[31mred"},
      {"\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"},
      {"\v\f\b\x7f", "\\x0b\\x0c\\x08\\x7f"},
      {"C:\\x1b", "C:\\\\x1b"},  // a backslash of the traffic is told from ours
      {"\x9b"
       "31m",
       "\\x9b"
       "31m"},  // raw C1: CSI in one byte
      {"\xc2\x9b"
       "31m",
       "\\u009b"
       "31m"},                  // the same as UTF-8
      {"\xc2\x85", "\\u0085"},  // NEL
      {utf8(0x202e) + "gpj.exe", "\\u202egpj.exe"},
      {"a" + utf8(0x200b) + "b", "a\\u200bb"},
      {utf8(0xfeff) + "x", "\\ufeffx"},
      {utf8(0xe0041), "\\U000e0041"},
  };
  for (const auto& c : cases) EXPECT_EQ(escape_for_terminal(c.bytes), c.shown);
}

TEST(EscapeForTerminal, ShowsInvalidUtf8AsBytes) {
  const struct {
    std::string bytes, shown;
  } cases[] = {
      {"\xff\xfe", "\\xff\\xfe"},
      {"\x80", "\\x80"},
      {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong '/'
      {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},           // overlong '/'
      {"\xf0\x80\x80\x8a", "\\xf0\\x80\\x80\\x8a"},  // overlong line feed
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond U+10FFFF
      {"\xe6\x94", "\\xe6\\x94"},                    // cut off
      {"\xe6\x94z", "\\xe6\\x94z"},
      {"\xe6\x94\xaf\xe4", "支\\xe4"},
  };
  for (const auto& c : cases) EXPECT_EQ(escape_for_terminal(c.bytes), c.shown);
}

TEST(EscapeForTerminal, LetsNoDangerousCharacterThrough) {
  const auto add = [&](char32_t first, char32_t last) {
    for (char32_t c = first; c <= last; ++c) {
      const std::string one = utf8(c);
      const std::string shown = escape_for_terminal(one);
      EXPECT_EQ(shown.find_first_not_of("\\ntrxuU0123456789abcdef"), std::string::npos)
          << "U+" << std::hex << static_cast<std::uint32_t>(c);
    }
  };
  add(0x00, 0x1f);
  add(0x7f, 0x9f);
  add(0x200b, 0x200f);
  add(0x2028, 0x202e);
  add(0x2060, 0x206f);
  add(0xfe00, 0xfe0f);
  add(0xfff9, 0xfffb);
  add(0xe0000, 0xe01ef);
  for (const char32_t c : {U'\xad', U'\x61c', U'\x180e', U'\x115f', U'\x3164', U'\xfeff'})
    add(c, c);
  add(0xfffe, 0xffff);

  for (int raw = 0x80; raw < 0x100; ++raw) {
    const std::string shown = escape_for_terminal(std::string(1, static_cast<char>(raw)));
    EXPECT_EQ(shown.substr(0, 2), "\\x") << raw;
  }
}

TEST(EscapeForTerminal, StopsAFloodOfCombiningMarks) {
  std::string flood = "Z";
  for (int i = 0; i < 50; ++i) flood += utf8(0x300);
  const std::string shown = escape_for_terminal(flood);
  EXPECT_EQ(shown.substr(0, 9), flood.substr(0, 9));  // four marks may stand
  EXPECT_EQ(shown.substr(9, 12), "\\u0300\\u0300");
}

TEST(ToValidUtf8, ReplacesEachInvalidByteAndNothingElse) {
  EXPECT_EQ(to_valid_utf8("a\0\x1b\n"s), "a\0\x1b\n"s);
  EXPECT_EQ(to_valid_utf8("支付"), "支付");
  EXPECT_EQ(to_valid_utf8("\xff"), "\ufffd");
  EXPECT_EQ(to_valid_utf8("\xe6\x94"), "\ufffd\ufffd");
  EXPECT_EQ(to_valid_utf8("x\xed\xa0\x80y"), "x\ufffd\ufffd\ufffdy");
  EXPECT_EQ(to_valid_utf8("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");  // U+10FFFF
}

TEST(Shorten, KeepsWithinTheLimitAtACharacterBoundary) {
  const struct {
    std::string text;
    std::size_t limit;
    std::string kept;
  } cases[] = {
      {"", 0, ""},
      {"abc", 3, "abc"},
      {"abcdef", 6, "abcdef"},
      {"abcdefg", 6, "abc…"},
      {"abcdefg", 3, "…"},
      {"abcdefg", 2, "ab"},  // no room for the ellipsis
      {"支付回调", 12, "支付回调"},
      {"支付回调", 11, "支付…"},
      {"支付回调", 9, "支付…"},
      {"支付回调", 8, "支…"},
      {"支付", 2, ""},
      {"\x80\x80\x80\x80\x80\x80\x80\x80", 6, "\x80\x80\x80…"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(shorten(c.text, c.limit), c.kept);
    EXPECT_LE(shorten(c.text, c.limit).size(), c.limit);
  }
}

TEST(DurationText, HasThreeDigitsAndAUnitFitForReading) {
  const struct {
    std::chrono::nanoseconds value;
    const char* text;
  } cases[] = {
      {0ns, "0 s"},
      {1ns, "1 ns"},
      {999ns, "999 ns"},
      {1us, "1 µs"},
      {1234ns, "1.23 µs"},
      {24us, "24 µs"},
      {999'499ns, "999 µs"},
      {999'500ns, "1 ms"},
      {51'249us, "51.2 ms"},
      {51'250us, "51.3 ms"},
      {200ms, "200 ms"},
      {999'499us, "999 ms"},
      {999'500us, "1 s"},
      {2667ms, "2.67 s"},
      {5s, "5 s"},
      {99'960ms, "100 s"},
      {133'680ms, "133.7 s"},
      {350s, "350 s"},
      {599'949ms, "599.9 s"},
      {599'960ms, "10 min"},
      {725s, "12 min 5 s"},
      {3599s, "59 min 59 s"},
      {3599'600ms, "1 h"},
      {2h + 3min, "2 h 3 min"},
      {47h + 59min + 40s, "2 d"},
      {432000s, "5 d"},
      {100h, "4 d 4 h"},
      {-2667ms, "-2.67 s"},
      {std::chrono::nanoseconds::min(), "-106752 d"},
      {std::chrono::nanoseconds::max(), "106752 d"},
  };
  for (const auto& c : cases) EXPECT_EQ(duration(c.value), c.text);
}

TEST(ByteText, UsesPowersOfAThousand) {
  const struct {
    std::uint64_t value;
    const char* text;
  } cases[] = {
      {0, "0 bytes"},
      {1, "1 byte"},
      {512, "512 bytes"},
      {999, "999 bytes"},
      {1000, "1 kB"},
      {20'123, "20.1 kB"},
      {999'499, "999 kB"},
      {999'500, "1 MB"},
      {1'650'000, "1.65 MB"},
      {1ull << 30, "1.07 GB"},
      {5'000'000'000'000, "5 TB"},
      {~0ull, "18.4 EB"},
  };
  for (const auto& c : cases) EXPECT_EQ(bytes(c.value), c.text);
}

TEST(Count, AddsAPluralS) {
  EXPECT_EQ(count(0, "request"), "0 requests");
  EXPECT_EQ(count(1, "request"), "1 request");
  EXPECT_EQ(count(3, "request"), "3 requests");
}

TEST(AppendItem, SeparatesAllButTheFirst) {
  std::string list;
  append_item(list, "one");
  EXPECT_EQ(list, "one");
  append_item(list, "two");
  append_item(list, "three", " or ");
  EXPECT_EQ(list, "one, two or three");
}

TEST(Rfc3339, PrintsAny64BitTime) {
  const struct {
    std::int64_t ns;
    const char* text;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000000000Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {1'709'294'400'123'456'789, "2024-03-01T12:00:00.123456789Z"},
      {951'782'400'000'000'000, "2000-02-29T00:00:00.000000000Z"},
      {4'294'967'295'999'999'999, "2106-02-07T06:28:15.999999999Z"},
      {std::numeric_limits<std::int64_t>::max(), "2262-04-11T23:47:16.854775807Z"},
      {std::numeric_limits<std::int64_t>::min(), "1677-09-21T00:12:43.145224192Z"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(
        rfc3339(std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::nanoseconds{c.ns}}),
        c.text);
  }
}

TEST(Lower, ChangesAsciiOnly) { EXPECT_EQ(lower("Content-TYPE: ÄÖ\xff"), "content-type: ÄÖ\xff"); }

TEST(Trim, TakesAsciiWhiteSpaceFromBothEnds) {
  EXPECT_EQ(trim(" \t\r\n a b \v\f"), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\u00a0x"), "\u00a0x");
}

TEST(WithoutUser, KnowsAllFormsOfATarget) {
  EXPECT_EQ(without_user("/notify/a@b"), "/notify/a@b");
  EXPECT_EQ(without_user("http://user:key@shop/x@y"), "http://shop/x@y");
  EXPECT_EQ(without_user("//user:key@shop/x"), "//shop/x");
  EXPECT_EQ(without_user("user:key@shop:443"), "shop:443");
  EXPECT_EQ(without_user("user@x:key@shop"), "shop");
  EXPECT_EQ(without_user("*"), "*");
  EXPECT_EQ(without_user(""), "");
}

TEST(Distance, CountsEdits) {
  const struct {
    const char *a, *b;
    std::size_t edits;
  } cases[] = {
      {"", "", 0},
      {"", "abc", 3},
      {"abc", "", 3},
      {"analyze", "analyse", 1},
      {"formt", "format", 1},
      {"kitten", "sitting", 3},
      {"ab", "ba", 2},
      {"no-response", "no-response", 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(distance(c.a, c.b), c.edits);
    EXPECT_EQ(distance(c.b, c.a), c.edits);
  }
}

}  // namespace
}  // namespace httpdiag::base
