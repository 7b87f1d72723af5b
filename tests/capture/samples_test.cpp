// SPDX-License-Identifier: Apache-2.0
// testdata/captures: files that no scenario can make, for goldens. They are what
// is built here, byte for byte; HTTPDIAG_UPDATE_GOLDEN=1 writes them.
#include <cstdlib>

#include "capture/capture_files.hpp"
#include "properties/recording.hpp"
#include "support/testdata.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;

const test::Recording& recording(const std::string& name) {
  for (const test::Recording& each : test::recordings()) {
    if (each.name == name) return each;
  }
  throw std::runtime_error{"no capture " + name};
}

std::uint64_t nanoseconds(const test::RecordedPacket& packet) {
  return static_cast<std::uint64_t>(packet.at.time_since_epoch().count());
}

/// Two interfaces, one of them of a kind that is not read; comments, a name, drops.
std::string two_interfaces() {
  const std::string nanosecond = option(9, "\x09");
  std::string bytes =
      block(0x0a0d0d0a, Bytes{}
                            .u32(0x1a2b3c4d)
                            .u16(1)
                            .u16(0)
                            .number(~0ull, 8)
                            .raw(option(1, "Taken while the shop waited for its callback") +
                                 option(3, "Linux 6.1.0") + option(4, "a capture program 1.0"))
                            .text);
  bytes +=
      interface(1, 262144, true,
                option(2, "eth0") + option(11, std::string("\0tcp port 8080", 14)) + nanosecond);
  bytes += interface(220, 262144, true, option(2, "usbmon0") + option(3, "USB") + nanosecond);
  bytes += block(4, option(1, std::string("\xcb\0\x71\x09shop-callbacks.example\0", 27)) +
                        std::string(4, '\0'));
  const auto& packets = recording("request-on-half-closed").packets;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const std::uint64_t at = nanoseconds(packets[i]);
    if (i % 5 == 0) bytes += enhanced_packet(std::string(24, '\x80'), at, 1);
    const bool the_request = i + 3 == packets.size();
    bytes += the_request
                 ? packet_with(packets[i].bytes, option(1, "the callback that was lost"), at)
                 : enhanced_packet(packets[i].bytes, at, 0);
  }
  return bytes + block(5, Bytes{}
                              .u32(0)
                              .u32(0)
                              .u32(0)
                              .raw(option(4, number64(120)) + option(5, number64(3)) +
                                   option(7, number64(1)))
                              .text);
}

/// Zeros over the end of one record and the beginning of others.
std::string zeros_inside() {
  const PcapShape shape{.nanoseconds = true};
  std::string bytes = pcap_header(shape);
  std::vector<std::size_t> begins;
  for (const auto& packet : recording("request-on-half-closed").packets) {
    begins.push_back(bytes.size());
    const std::uint64_t at = nanoseconds(packet);
    bytes += pcap_record(packet.bytes, static_cast<std::uint32_t>(at / 1'000'000'000),
                         static_cast<std::uint32_t>(at % 1'000'000'000), shape, packet.wire_length);
  }
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(begins.at(5));
  std::fill(from, from + static_cast<std::ptrdiff_t>(begins.at(7) - begins.at(5) + 9), '\0');
  return bytes;
}

TEST(Samples, AreWhatIsBuiltHere) {
  const std::pair<const char*, std::string> samples[] = {
      {"two-interfaces.pcapng", two_interfaces()}, {"zeros-inside.pcap", zeros_inside()}};
  for (const auto& [name, bytes] : samples) {
    const auto path = std::filesystem::path{"captures"} / name;
    if (std::getenv("HTTPDIAG_UPDATE_GOLDEN") != nullptr) {
      std::ofstream{path, std::ios::binary} << bytes;
    }
    EXPECT_TRUE(test::read_file(path) == bytes) << path;
  }
}

}  // namespace
}  // namespace httpdiag
