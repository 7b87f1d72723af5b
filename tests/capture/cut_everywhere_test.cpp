// SPDX-License-Identifier: Apache-2.0
// The same traffic in six forms: the same findings from each, and each cut at
// every byte gives what the longest whole prefix gives, and the right place.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "capture/capture_files.hpp"
#include "capture/compressed.hpp"
#include "properties/capture_bytes.hpp"
#include "properties/recording.hpp"

namespace httpdiag {
namespace {

using namespace testing_capture;
using test::Recording;

struct Form {
  std::string name;
  std::string bytes;
  std::vector<std::size_t> record_ends;  // of the file header, then of every record or block
  std::vector<std::size_t> packet_ends;
};

class Writer {
 public:
  explicit Writer(std::string name) { form.name = std::move(name); }
  void add(const std::string& bytes, bool packet = false) {
    form.bytes += bytes;
    form.record_ends.push_back(form.bytes.size());
    if (packet) form.packet_ends.push_back(form.bytes.size());
  }
  Form form;
};

std::uint64_t nanoseconds(const test::RecordedPacket& packet) {
  return static_cast<std::uint64_t>(packet.at.time_since_epoch().count());
}

Form as_pcap(const Recording& recording, const std::string& name, const PcapShape& shape) {
  Writer writer{name};
  writer.add(pcap_header(shape));
  for (const auto& packet : recording.packets) {
    const std::uint64_t at = nanoseconds(packet);
    const std::uint64_t fraction = at % 1'000'000'000 / (shape.nanoseconds ? 1 : 1000);
    writer.add(pcap_record(packet.bytes, static_cast<std::uint32_t>(at / 1'000'000'000),
                           static_cast<std::uint32_t>(fraction), shape, packet.wire_length),
               true);
  }
  return writer.form;
}

/// A new section, of the other byte order, in front of every third packet.
Form as_sections(const Recording& recording) {
  Writer writer{"sections"};
  const std::string resolution = option(9, "\x09");
  bool le = false;
  for (std::size_t i = 0; i < recording.packets.size(); ++i) {
    if (i % 3 == 0) {
      le = !le;
      writer.add(section_header(le));
      writer.add(interface(1, 0, le, option(9, "\x09", le)));
    }
    const auto& packet = recording.packets[i];
    writer.add(enhanced_packet(packet.bytes, nanoseconds(packet), 0, le), true);
  }
  return writer.form;
}

/// The packets of each side on an interface of their own, with another unit of time.
Form as_interfaces(const Recording& recording) {
  Writer writer{"interfaces"};
  writer.add(section_header());
  writer.add(interface(1, 0, true, option(2, "eth0")));
  writer.add(interface(1, 96, true, option(9, "\x09") + option(2, "eth1")));
  for (std::size_t i = 0; i < recording.packets.size(); ++i) {
    const auto& packet = recording.packets[i];
    const std::uint64_t unit = i % 2 == 0 ? 1000 : 1;
    writer.add(enhanced_packet(packet.bytes, nanoseconds(packet) / unit,
                               static_cast<std::uint32_t>(i % 2)),
               true);
    if (i % 4 == 0) writer.add(block(5, std::string(12, '\0')));
  }
  return writer.form;
}

/// A short exchange; times in whole microseconds, so that every form can hold them.
const Recording& traffic() {
  static const Recording all = [] {
    for (const Recording& each : test::recordings()) {
      if (each.name != "request-on-half-closed") continue;
      Recording rounded = each;
      for (auto& packet : rounded.packets) packet.at -= packet.at.time_since_epoch() % 1000;
      return rounded;
    }
    throw std::runtime_error{"the capture is gone"};
  }();
  return all;
}

std::vector<Form> plain_forms() {
  const Recording& recording = traffic();
  return {as_pcap(recording, "microseconds", {}),
          as_pcap(recording, "nanoseconds", {.nanoseconds = true}),
          as_pcap(recording, "big-endian", {.little_endian = false}), as_sections(recording),
          as_interfaces(recording)};
}

/// What of a cut gzip member can be had, by zlib itself.
std::size_t decompressible(const std::string& bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + 15) != Z_OK) throw std::runtime_error{"inflate"};
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  inflateEnd(&stream);
  return stream.total_out;
}

std::size_t count_up_to(const std::vector<std::size_t>& ends, std::size_t size) {
  return static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), size) - ends.begin());
}

/// Verdicts about the first `count` packets, as they are from memory.
const std::vector<std::string>& expected_after(std::size_t count) {
  static std::map<std::size_t, std::vector<std::string>> known;
  auto found = known.find(count);
  if (found == known.end()) {
    Recording prefix = traffic();
    prefix.packets.resize(count);
    found = known.emplace(count, test::verdicts(test::analyse(prefix))).first;
  }
  return found->second;
}

class CutEverywhere : public ::testing::Test {
 protected:
  /// The first `size` bytes of the capture are there; in what form is not known here.
  void expect_prefix(const Form& form, const std::string& path, std::size_t size, bool in_full) {
    SCOPED_TRACE(form.name + " cut at " + std::to_string(size));
    const std::size_t packets = count_up_to(form.packet_ends, size);
    const auto source = open_capture(path, {});
    if (in_full) {
      const auto [text, outcome] = test::render(*source, report::Format::json);
      EXPECT_TRUE(nlohmann::json::accept(text));
      EXPECT_EQ(test::faults_of(outcome), "");
      EXPECT_EQ(test::verdicts(outcome), expected_after(packets));
    } else {
      while (source->next() != nullptr) {
      }
    }
    EXPECT_EQ(source->summary().packets, packets);
    const std::size_t records = count_up_to(form.record_ends, size);
    const std::size_t begin = form.record_ends[records - 1];
    const CaptureDamage* damage = source->summary().damage.get();
    if (begin == size && form.name != "gzip") {
      EXPECT_EQ(damage, nullptr);
      return;
    }
    ASSERT_NE(damage, nullptr);
    EXPECT_EQ(damage->byte_offset, begin);
    EXPECT_EQ(damage->after_packet, packets);
    EXPECT_EQ(damage->present_bytes, size - begin);
    const bool pcapng = form.name == "sections" || form.name == "interfaces";
    EXPECT_EQ(damage->record, records + (pcapng ? 1 : 0));  // a pcap's header is no record
    EXPECT_EQ(damage->last_good.has_value(), packets > 0);
    if (damage->expected_bytes) {
      EXPECT_EQ(begin + *damage->expected_bytes, form.record_ends.at(records));
    }
  }
};

TEST_F(CutEverywhere, TheSameTrafficInEveryFormGivesTheSameFindings) {
  const auto& expected = expected_after(traffic().packets.size());
  std::vector<Form> forms = plain_forms();
  forms.push_back(
      {.name = "gzip", .bytes = gzip(forms.front().bytes), .record_ends = {}, .packet_ends = {}});
  for (const Form& form : forms) {
    const test::MemoryFile file{form.bytes};
    const auto source = open_capture(file.path(), {});
    const auto outcome = test::analyse(*source);
    EXPECT_EQ(test::joined(test::verdicts(outcome)), test::joined(expected)) << form.name;
    EXPECT_EQ(outcome.report.ledger.packets, traffic().packets.size()) << form.name;
  }
}

/// The whole report, without the name of the file.
std::string report_of(const std::string& path) {
  const auto source = open_capture(path, {.digest = true});
  std::string text = test::render(*source, report::Format::json).text;
  for (std::size_t at = 0; (at = text.find(path)) != std::string::npos;) {
    text.replace(at, path.size(), "FILE");
  }
  return text;
}

TEST_F(CutEverywhere, APipeGivesTheReportOfTheFile) {
  for (const Form& form : plain_forms()) {
    for (const std::string& whole : {form.bytes, gzip(form.bytes)}) {
      const std::string bytes = whole.substr(0, whole.size() - 9);
      const test::MemoryFile file{bytes};
      std::array<int, 2> ends{};
      ASSERT_EQ(::pipe(ends.data()), 0);
      // Less than a pipe holds.
      ASSERT_EQ(::write(ends[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
      ::close(ends[1]);
      EXPECT_EQ(report_of("/proc/self/fd/" + std::to_string(ends[0])), report_of(file.path()))
          << form.name;
      ::close(ends[0]);
    }
  }
}

TEST_F(CutEverywhere, AtEveryByteOfFiveForms) {
  for (const Form& form : plain_forms()) {
    const test::MemoryFile cut{form.bytes};
    std::size_t analysed = 0;
    for (std::size_t size = form.bytes.size(); size > 0; --size) {
      cut.set_size(size);
      if (size < form.record_ends.front()) {
        EXPECT_THROW(open_capture(cut.path(), {}), Error) << form.name << size;
        continue;
      }
      // The whole report once for each number of packets and kind of cut.
      const std::size_t records = count_up_to(form.record_ends, size);
      const std::size_t into = size - form.record_ends[records - 1];
      const bool in_full = into == 0 || into == 7 || into == 19;
      analysed += in_full ? 1 : 0;
      expect_prefix(form, cut.path(), size, in_full);
    }
    EXPECT_GE(analysed, form.packet_ends.size());
  }
}

TEST_F(CutEverywhere, AtEveryByteOfAGzipMember) {
  Form form = plain_forms().front();
  form.name = "gzip";
  const std::string compressed = gzip(form.bytes);
  const test::MemoryFile cut{compressed};
  for (std::size_t size = compressed.size() - 1; size > 0; --size) {
    cut.set_size(size);
    const std::size_t there = decompressible(compressed.substr(0, size));
    if (there < form.record_ends.front()) {
      EXPECT_THROW(open_capture(cut.path(), {}), Error) << size;
    } else {
      expect_prefix(form, cut.path(), there, size % 16 == 0);
    }
  }
}

}  // namespace
}  // namespace httpdiag
