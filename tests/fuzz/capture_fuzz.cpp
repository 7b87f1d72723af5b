// SPDX-License-Identifier: Apache-2.0
// The readers of all formats. Input: a byte of which the lowest bit is --recover,
// then the file. Refused with Error, or read with accounts that agree.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "fuzz/require.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/packet.hpp"

namespace {

using namespace httpdiag;

void check(const CaptureSummary& summary, PacketNumber last) {
  REQUIRE(summary.packets == last);
  REQUIRE(summary.skipped_stretches >= summary.skipped.size());
  std::uint64_t offset = 0;
  for (const SkippedStretch& each : summary.skipped) {
    REQUIRE(each.damage.byte_offset >= offset && each.end_offset >= each.damage.byte_offset);
    REQUIRE(each.damage.after_packet <= last);
    offset = each.end_offset;
  }
  if (summary.damage) {
    REQUIRE(summary.damage->after_packet == last);
    REQUIRE(summary.damage->byte_offset >= offset);
    REQUIRE(!summary.damage->reason.empty());
    if (summary.damage->expected_bytes && summary.damage->present_bytes) {
      REQUIRE(*summary.damage->present_bytes <= *summary.damage->expected_bytes);
    }
  }
  for (const PacketNote& note : summary.notes) REQUIRE(note.packet <= last && !note.text.empty());
  for (const CaptureInterface& each : summary.files.at(0).interfaces) REQUIRE(each.packets <= last);
}

void read(const std::string& path, bool recover) {
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  const auto source = open_capture(path, {.digest = true, .recover = recover});
  PacketNumber last = 0;
  for (auto batch = source->next_packets(); !batch.empty(); batch = source->next_packets()) {
    REQUIRE(batch.size() <= PacketSource::kMostPackets);
    for (const Packet& packet : batch) {
      REQUIRE(packet.ref.number == ++last);
      REQUIRE(packet.bytes.size() <= 262144);
      const std::int64_t at = packet.ref.time.time_since_epoch().count();
      REQUIRE(at < kMost && at > -kMost);
      fuzz::touch(packet.bytes);
    }
  }
  REQUIRE(source->next_packets().empty() && source->next() == nullptr);
  check(source->summary(), last);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const int file = memfd_create("capture", 0);
  REQUIRE(file >= 0);
  REQUIRE(write(file, data + 1, size - 1) == static_cast<ssize_t>(size - 1));
  try {
    read("/proc/self/fd/" + std::to_string(file), (data[0] & 1) != 0);
  } catch (const Error&) {
    // refused, in one line
  }
  close(file);
  return 0;
}
