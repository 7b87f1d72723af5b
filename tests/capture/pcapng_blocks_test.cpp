// SPDX-License-Identifier: Apache-2.0
// One block at a time: options, times, texts.
#include "capture/pcapng_blocks.hpp"

#include "capture/capture_files.hpp"

namespace httpdiag::capture {
namespace {

using namespace testing_capture;

capture::Bytes view(const std::string& bytes) { return std::as_bytes(std::span{bytes}); }
std::int64_t nanoseconds(Timestamp time) { return time.time_since_epoch().count(); }

TEST(TimeUnit, PowersOfTenAndOfTwo) {
  const struct {
    std::uint8_t resolution;
    std::uint64_t units;
    std::int64_t time;
  } cases[] = {
      {6, 1'700'000'000'123'456, 1'700'000'000'123'456'000},
      {9, 1'700'000'000'123'456'789, 1'700'000'000'123'456'789},
      {0, 1'700'000'000, 1'700'000'000'000'000'000},
      {3, 1'700'000'000'123, 1'700'000'000'123'000'000},
      {12, 17'000'000'123'456'789'012u, 17'000'000'123'456'789},
      {0x80, 1'700'000'000, 1'700'000'000'000'000'000},
      {0x80 | 10, 1024 * 5 + 512, 5'500'000'000},
      {0x80 | 32, (std::uint64_t{7} << 32) + (std::uint64_t{1} << 31), 7'500'000'000},
      {0x80 | 63, std::uint64_t{3} << 62, 1'500'000'000},
      {19, 10'000'000'000'000'000'000u, 1'000'000'000},
      {127, ~std::uint64_t{0}, 0},
      {0xff, ~std::uint64_t{0}, 0},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(nanoseconds(TimeUnit(each.resolution, 0).time(each.units)), each.time)
        << int{each.resolution};
  }
}

TEST(TimeUnit, OffsetsAreSecondsAndNonsenseStaysInBounds) {
  EXPECT_EQ(nanoseconds(TimeUnit(6, 1'700'000'000).time(250'000)), 1'700'000'000'250'000'000);
  EXPECT_EQ(nanoseconds(TimeUnit(6, -1).time(250'000)), -750'000'000);
  for (const std::uint8_t resolution : {std::uint8_t{0}, std::uint8_t{6}, std::uint8_t{9},
                                        std::uint8_t{0x80}, std::uint8_t{0x8a}}) {
    for (const std::int64_t offset : {INT64_MIN, INT64_MAX}) {
      EXPECT_LE(std::abs(nanoseconds(TimeUnit(resolution, offset).time(~0ull))), kMostTime);
      EXPECT_LE(std::abs(nanoseconds(TimeUnit(resolution, offset).time(0))), kMostTime);
    }
  }
}

TEST(Options, EndWhereTheyMakeNoSense) {
  const Order order{true};
  const std::string two = option(1, "abc") + option(2, "");
  for (const std::string& rest : {std::string{}, std::string("\0\0\0\0", 4), std::string{"\1"},
                                  testing_capture::Bytes{}.u16(5).u16(9).raw("12345678").text}) {
    const std::string bytes = two + rest;
    Options options{view(bytes), order};
    EXPECT_EQ(options.next()->value.size(), 3u);
    EXPECT_EQ(options.next()->code, 2);
    EXPECT_FALSE(options.next().has_value());
    EXPECT_FALSE(options.next().has_value());
  }
  // The last one's padding may be missing.
  const std::string unpadded = testing_capture::Bytes{}.u16(1).u16(3).raw("abc").text;
  Options options{view(unpadded), order};
  EXPECT_EQ(options.next()->value.size(), 3u);
  EXPECT_FALSE(options.next().has_value());
}

TEST(TextOf, EndsAtItsLimitButNotInsideACharacter) {
  EXPECT_EQ(text_of(view("abc"), 10), "abc");
  EXPECT_EQ(text_of(view(std::string("ab\0c", 4)), 10), "ab");
  EXPECT_EQ(text_of(view("abcdef"), 4), "abcd");
  EXPECT_EQ(text_of(view("ab\xc3\xa4"), 3), "ab");
  EXPECT_EQ(text_of(view("ab\xc3\xa4"
                         "c"),
                    4),
            "ab\xc3\xa4");
  EXPECT_EQ(text_of(view("\xe2\x82\xac\xe2\x82\xac"), 5), "\xe2\x82\xac");
  EXPECT_EQ(text_of(view(std::string(9, '\x80')), 4).size(), 0u);
}

TEST(Interface, SaysWhatItsOptionsSay) {
  for (const bool le : {true, false}) {
    const std::string body =
        testing_capture::Bytes{le}
            .u16(113)
            .u16(0)
            .u32(96)
            .raw(option(2, "eth0", le) + option(3, "uplink", le) + option(9, "\x09", le) +
                 option(11, std::string("\0port 80", 8), le) + option(12, "Linux 6.1", le) +
                 option(14, number64(5, le), le) + option(1, "a comment", le))
            .text;
    const InterfaceDescription interface = read_interface(view(body), Order{le});
    EXPECT_EQ(interface.link, 113);
    EXPECT_EQ(interface.snaplen, 96u);
    EXPECT_EQ(interface.name, "eth0");
    EXPECT_EQ(interface.description, "uplink");
    EXPECT_EQ(interface.filter, "port 80");
    EXPECT_EQ(interface.os, "Linux 6.1");
    EXPECT_EQ(interface.comment, "a comment");
    EXPECT_EQ(nanoseconds(interface.unit.time(7)), 5'000'000'007);
  }
}

TEST(Interface, OptionsOfTheWrongLengthAreNotBelieved) {
  const std::string body =
      testing_capture::Bytes{}
          .u16(1)
          .u16(0)
          .u32(0)
          .raw(option(9, "") + option(14, "abc") + option(11, "") + option(11, "\1ab"))
          .text;
  const InterfaceDescription interface = read_interface(view(body), Order{true});
  EXPECT_EQ(nanoseconds(interface.unit.time(7)), 7'000);
  EXPECT_EQ(interface.filter, "");
}

TEST(Names, OfBothFamiliesAndNothingElse) {
  for (const bool le : {true, false}) {
    const std::string v6(16, '\x20');
    const std::string body = option(3, "macaddr\0name", le) +
                             option(1, std::string("\x0a\0\0\1one.example\0alias\0", 22), le) +
                             option(2, v6 + std::string("six.example\0", 12), le) +
                             option(1, "\x0a", le) + option(0, "", le) + option(1, "after-the-end");
    std::vector<std::string> found;
    read_names(view(body), Order{le}, [&](capture::Bytes address, capture::Bytes name) {
      found.push_back(std::to_string(address.size()) + " " + text_of(name, 255));
    });
    EXPECT_EQ(found, (std::vector<std::string>{"4 one.example", "16 six.example"}));
  }
}

}  // namespace
}  // namespace httpdiag::capture
