// SPDX-License-Identifier: Apache-2.0
// pcapng: what packets are made of its blocks, what is told of the capture, and
// what is said of damaged blocks.
#include "capture/capture_files.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using Lines = std::vector<std::string>;

class PcapngSource : public CaptureFiles {
 protected:
  std::unique_ptr<PacketSource> whole(const std::string& bytes) const {
    auto source = open_capture(write(bytes), {});
    while (source->next() != nullptr) {
    }
    return source;
  }
};

std::string old_packet(const std::string& bytes, std::uint16_t interface_id, std::uint16_t drops,
                       bool le = true) {
  Bytes body{le};
  body.u16(interface_id).u16(drops).u32(0).u32(3'000'000).u32(bytes.size());
  return block(2, body.u32(bytes.size()).raw(bytes).text, le);
}

std::string simple_packet(const std::string& bytes, std::uint32_t length) {
  return block(3, Bytes{}.u32(length).raw(bytes).text);
}

TEST_F(PcapngSource, InterfacesMayDifferInEverything) {
  const std::string nanoseconds = option(9, "\x09");
  const std::string halves = option(9, "\x81") + option(14, number64(100));
  const auto path = write(section_header() + interface(1) + interface(113, 96, true, nanoseconds) +
                          interface(101, 0, true, halves) + enhanced_packet("abc", 1'000'000, 0) +
                          enhanced_packet("defg", 1'000'000'001, 1) + enhanced_packet("hi", 3, 2));
  EXPECT_EQ(read_all(path), (Lines{"1 1000000000 3/3", "2 1000000001 4/4", "3 101500000000 2/2"}));
  const auto source = open_capture(path, {});
  const LinkType links[] = {LinkType::ethernet, LinkType::linux_sll, LinkType::raw_ip};
  for (const LinkType link : links) EXPECT_EQ(source->next()->link, link);
  EXPECT_EQ(source->next(), nullptr);
  EXPECT_EQ(source->summary().files.at(0).link_types, (Lines{"ETHERNET", "LINUX_SLL", "RAW"}));
}

TEST_F(PcapngSource, SectionsOfBothByteOrdersNumberTheirInterfacesAnew) {
  std::string bytes;
  for (const bool le : {true, false, true}) {
    bytes += section_header(le) + interface(le ? 1 : 101, 0, le) +
             enhanced_packet("abc", 1'000'000, 0, le);
  }
  EXPECT_EQ(read_all(write(bytes)),
            (Lines{"1 1000000000 3/3", "2 1000000000 3/3", "3 1000000000 3/3"}));
  const auto source = whole(bytes);
  const auto& interfaces = source->summary().files.at(0).interfaces;
  ASSERT_EQ(interfaces.size(), 3u);
  EXPECT_EQ(interfaces[1].section, 2u);
  EXPECT_EQ(interfaces[1].id, 0u);
  EXPECT_EQ(interfaces[1].link_type, "RAW");
  for (const auto& each : interfaces) EXPECT_EQ(each.packets, 1u);
}

TEST_F(PcapngSource, AnInterfaceOfASectionBeforeIsUnknown) {
  const std::string good = section_header() + interface() + enhanced_packet("abc");
  EXPECT_EQ(read_all(write(good + section_header() + enhanced_packet("def"))),
            (Lines{"1 1000000000 3/3", "after 1 at " +
                                           std::to_string(good.size() + section_header().size()) +
                                           ": corrupt record: its interface 0 is not described"}));
}

TEST_F(PcapngSource, PacketsOfALinkTypeThatIsNotReadAreCountedByItsName) {
  const auto source =
      whole(section_header() + interface(1) + interface(143) + enhanced_packet("abc", 1, 0) +
            enhanced_packet("def", 2, 1) + enhanced_packet("ghi", 3, 1));
  EXPECT_EQ(source->summary().packets, 3u);
  const CaptureFile& file = source->summary().files.at(0);
  ASSERT_EQ(file.unread_links.size(), 1u);
  EXPECT_EQ(file.unread_links[0].first, "DOCSIS (143)");
  EXPECT_EQ(file.unread_links[0].second, 2u);
}

TEST_F(PcapngSource, ReadsObsoletePacketBlocks) {
  for (const bool le : {true, false}) {
    const std::string bytes = section_header(le) + interface(1, 0, le) + interface(1, 0, le) +
                              old_packet("abcde", 1, 7, le) + old_packet("f", 0, 0xffff, le);
    EXPECT_EQ(read_all(write(bytes)), (Lines{"1 3000000000 5/5", "2 3000000000 1/1"}));
    const auto source = whole(bytes);
    EXPECT_EQ(source->summary().files.at(0).interfaces.at(1).dropped_between, 7u);
    EXPECT_EQ(source->summary().files.at(0).interfaces.at(0).dropped_between, 0u);
  }
}

TEST_F(PcapngSource, SimplePacketsHaveTheTimeBeforeThem) {
  const std::string bytes = section_header() + interface(1, 4) + simple_packet("abcd", 4) +
                            enhanced_packet("abc", 5'000'000) + simple_packet("abcd", 1500) +
                            simple_packet("xy", 2);
  EXPECT_EQ(read_all(write(bytes)),
            (Lines{"1 0 4/4", "2 5000000000 3/3", "3 5000000000 4/1500", "4 5000000000 2/2"}));
  EXPECT_EQ(whole(bytes)->summary().files.at(0).untimed_packets, 3u);
  // Without a snapshot length all of it was captured, or what the block has room for.
  EXPECT_EQ(read_all(write(section_header() + interface(1) + simple_packet("abcdefgh", 6) +
                           simple_packet("abcdefgh", 60))),
            (Lines{"1 0 6/6", "2 0 8/60"}));
}

TEST_F(PcapngSource, TellsWhatTheInterfacesWereAndLost) {
  for (const bool le : {true, false}) {
    const std::string described = option(2, "eth0", le) + option(3, "uplink", le) +
                                  option(11, std::string("\0tcp port 80", 12), le) +
                                  option(12, "Linux 6.1", le);
    const auto statistics = [&](std::uint64_t dropped) {
      Bytes body{le};
      return block(
          5,
          body.u32(0)
              .u32(0)
              .u32(1)
              .raw(option(4, number64(1000, le), le) + option(5, number64(dropped, le), le) +
                   option(6, number64(900, le), le) + option(7, number64(3, le), le))
              .text,
          le);
    };
    const auto source =
        whole(section_header(le) + interface(1, 262144, le, described) + statistics(5) +
              packet_with("abc", option(4, number64(2, le), le), 1, le) +
              packet_with("abc", option(4, number64(9, le), le), 2, le) + statistics(12));
    const auto& interfaces = source->summary().files.at(0).interfaces;
    ASSERT_EQ(interfaces.size(), 1u);
    EXPECT_EQ(interfaces[0].name, "eth0");
    EXPECT_EQ(interfaces[0].description, "uplink");
    EXPECT_EQ(interfaces[0].filter, "tcp port 80");
    EXPECT_EQ(interfaces[0].os, "Linux 6.1");
    EXPECT_EQ(interfaces[0].snaplen, 262144u);
    EXPECT_EQ(interfaces[0].packets, 2u);
    EXPECT_EQ(interfaces[0].received, 1000u);
    EXPECT_EQ(interfaces[0].accepted, 900u);
    EXPECT_EQ(interfaces[0].dropped_by_interface, 12u);  // the later count holds
    EXPECT_EQ(interfaces[0].dropped_by_os, 3u);
    EXPECT_EQ(interfaces[0].dropped_between, 11u);
  }
}

TEST_F(PcapngSource, KeepsCommentsAsNotes) {
  const std::string commented =
      block(0x0a0d0d0a,
            Bytes{}
                .u32(0x1a2b3c4d)
                .u16(1)
                .u16(0)
                .number(~0ull, 8)
                .raw(option(1, "from the customer") + option(3, "Linux") + option(4, "dumpcap"))
                .text);
  const auto source =
      whole(commented + interface() + packet_with("abc", option(1, "look here")) +
            enhanced_packet("def") + packet_with("ghi", option(1, "and") + option(1, "here")));
  const auto& notes = source->summary().notes;
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_EQ(notes[0].packet, 0u);
  EXPECT_EQ(notes[0].text, "from the customer");
  EXPECT_EQ(notes[1].packet, 1u);
  EXPECT_EQ(notes[1].text, "look here");
  EXPECT_EQ(notes[3].packet, 3u);
  EXPECT_EQ(source->summary().files.at(0).application, "dumpcap");
  EXPECT_EQ(source->summary().files.at(0).os, "Linux");
}

TEST_F(PcapngSource, TakesTheDirectionFromTheFlags) {
  const auto flags = [](std::uint32_t bits) { return option(2, Bytes{}.u32(bits).text); };
  const auto source =
      open_capture(write(section_header() + interface() + packet_with("a", flags(2)) +
                         packet_with("b", flags(1)) + packet_with("c", flags(1 | 1 << 2)) +
                         packet_with("d", flags(1 | 4 << 2)) + enhanced_packet("e")),
                   {});
  const Direction expected[] = {Direction::out, Direction::unknown, Direction::in,
                                Direction::overheard, Direction::unknown};
  for (const Direction direction : expected) EXPECT_EQ(source->next()->direction, direction);
}

TEST_F(PcapngSource, KeepsNamesAndCountsSecrets) {
  const std::string names = option(1, std::string("\x0a\0\0\1one.example\0", 16)) +
                            option(2, std::string(16, '\x20') + std::string("six.example\0", 12));
  const auto source =
      whole(section_header() + interface() + block(4, names) +
            block(10, Bytes{}.u32(0x544c534b).u32(4).raw("keys").text) + enhanced_packet("abc"));
  const auto& found = source->summary().names;
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(found[0].v4);
  EXPECT_EQ(found[0].name, "one.example");
  EXPECT_FALSE(found[1].v4);
  EXPECT_EQ(found[1].name, "six.example");
  EXPECT_EQ(source->summary().files.at(0).decryption_secrets, 1u);
}

TEST_F(PcapngSource, PassesOverWhatItDoesNotKnow) {
  const std::string custom = block(0xbad, Bytes{}.u32(32473).raw("anything").text);
  EXPECT_EQ(read_all(write(section_header() + interface() + custom + enhanced_packet("abc") +
                           block(0x40000bad, "xxxx") + block(77, "") + block(0x80000001, "local") +
                           enhanced_packet("def") + block(0x7ffffff0, std::string(3 << 20, 'x')) +
                           enhanced_packet("ghi"))),
            (Lines{"1 1000000000 3/3", "2 1000000000 3/3", "3 1000000000 3/3"}));
}

// Longer than what is ever held of a block.
TEST_F(PcapngSource, LongBlocksAreReadAsFarAsTheyMatter) {
  const std::string filler = option(0x7777, std::string(65'000, 'x'));
  std::string options;
  while (options.size() < 2 << 20) options += filler;
  const std::string long_interface = interface(101, 0, true, option(2, "eth7") + options);
  EXPECT_EQ(read_all(write(section_header() + long_interface + packet_with("abc", options) +
                           enhanced_packet("def"))),
            (Lines{"1 1000000000 3/3", "2 1000000000 3/3"}));
  const auto source = whole(section_header() + long_interface + packet_with("abc", options));
  EXPECT_EQ(source->summary().files.at(0).interfaces.at(0).name, "eth7");

  const std::string good = section_header() + interface();
  const std::string cut = block(77, std::string(3 << 20, 'x')).substr(0, 2 << 20);
  EXPECT_EQ(read_all(write(good + cut)),
            Lines{"after 0 at 48: the file ends inside a record: 2097152 of its 3145740 bytes are "
                  "there"});
}

TEST_F(PcapngSource, DamagedBlocksAreNamed) {
  const std::string good = section_header() + interface() + enhanced_packet("abc");
  const std::string where = "after 1 at " + std::to_string(good.size()) + ": corrupt record: ";
  const struct {
    std::string bytes, reason;
  } cases[] = {
      {Bytes{}.u32(6).u32(0).text + std::string(40, '\0'),
       "block length 0, too short for its type"},
      {Bytes{}.u32(6).u32(28).text + std::string(40, '\0'),
       "block length 28, too short for its type"},
      {Bytes{}.u32(6).u32(33).text + std::string(40, '\0'), "block length 33 is no multiple of 4"},
      {Bytes{}.u32(6).u32(32).raw(std::string(20, '\0')).u32(36).text,
       "block length 32 in front and 36 behind"},
      {enhanced_packet("abc", 1, 7), "its interface 7 is not described"},
      {block(6, Bytes{}.u32(0).u32(0).u32(1).u32(5000).u32(5000).raw("abc").text),
       "captured length 5000 in a block of 36 bytes"},
      {block(6, Bytes{}
                    .u32(0)
                    .u32(0)
                    .u32(1)
                    .u32(300'000)
                    .u32(300'000)
                    .raw(std::string(300'000, 'x'))
                    .text),
       "captured length 300000, more than 262144"},
      {Bytes{}.u32(0x0a0d0d0a).u32(28).u32(0x11111111).raw(std::string(12, 'x')).u32(28).text,
       "a section header without byte-order magic"},
      {block(0x0a0d0d0a, Bytes{}.u32(0x1a2b3c4d).u16(9).u16(1).number(~0ull, 8).text),
       "version 9.1 of pcapng"},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(read_all(write(good + each.bytes + enhanced_packet("def"))),
              (Lines{"1 1000000000 3/3", where + each.reason}));
  }
}

// Some writers do not pad what is in a block, or pad it and do not count that.
TEST_F(PcapngSource, BlocksThatAreNotPadded) {
  for (const bool little_endian : {true, false}) {
    for (const std::size_t padding : {0u, 3u}) {
      std::string bytes = section_header(little_endian) + interface(1, 0, little_endian);
      for (const std::uint32_t second : {1u, 2u, 3u}) {
        Bytes body{little_endian};
        body.u32(0).u32(0).u32(second * 1'000'000).u32(5).u32(5).raw("abcde");
        const std::size_t length = body.text.size() + 12;
        Bytes whole{little_endian};
        whole.u32(6).u32(length).raw(body.text + std::string(padding, '\0')).u32(length);
        bytes += whole.text;
      }
      const Lines lines{"1 1000000000 5/5", "2 2000000000 5/5", "3 3000000000 5/5"};
      EXPECT_EQ(read_all(write(bytes)), lines) << padding;
      EXPECT_EQ(read_all(write(bytes), true), lines) << padding;
      EXPECT_EQ(read_all(write(bytes.substr(0, bytes.size() - 1))).size(), 3u) << padding;
    }
  }
}

// 40 bytes of description each: what is kept of them is bounded.
TEST_F(PcapngSource, BombsOfSmallBlocksAreCounted) {
  std::string bytes = section_header();
  const std::string one = interface(1, 0, true, option(2, "lo"));
  for (int i = 0; i < 70'000; ++i) bytes += one;
  const auto source = whole(bytes + enhanced_packet("abc", 1, 65'534));
  EXPECT_EQ(source->summary().packets, 1u);
  const CaptureFile& file = source->summary().files.at(0);
  EXPECT_EQ(file.interfaces.size() + file.omitted_interfaces, 70'000u);
  EXPECT_EQ(file.interfaces.size(), 256u);
  EXPECT_NE(read_all(write(bytes + enhanced_packet("abc", 1, 65'535))).back().find("not described"),
            std::string::npos);

  std::string noted = section_header() + interface();
  for (int i = 0; i < 3000; ++i) noted += packet_with("a", option(1, std::string(900, 'c')));
  const auto with_notes = whole(noted);
  EXPECT_EQ(with_notes->summary().notes.size(), 1000u);
  EXPECT_EQ(with_notes->summary().omitted_notes, 2000u);
  EXPECT_EQ(with_notes->summary().notes[0].text.size(), 512u);
}

}  // namespace
}  // namespace httpdiag
