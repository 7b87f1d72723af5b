// SPDX-License-Identifier: Apache-2.0
// open_capture() through libpcap, and the only file that includes its header.
// libpcap decides what a packet is; records in which nothing is left to decide
// are taken where they lie. Where and why reading stopped is told here.
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "capture/first_bytes.hpp"
#include "capture/input.hpp"
#include "capture/link_types.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag {
namespace {

using capture::Format;

struct Close {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};

constexpr std::int64_t kSecond = 1'000'000'000;

/// Times are kept within 146 years of 1970, so that the difference of any two
/// fits in 64 bits; only nonsense lies outside. `seconds` of a pcap is unsigned
/// on disk, but libpcap 1.10 hands it out signed.
Timestamp to_timestamp(const timeval& time, bool unsigned_seconds) {
  constexpr std::int64_t kMost = (std::int64_t{1} << 62) - 1;
  std::int64_t seconds = time.tv_sec;
  if (unsigned_seconds && seconds < 0) seconds = static_cast<std::uint32_t>(seconds);
  seconds = std::clamp(seconds, -kMost / kSecond, kMost / kSecond);
  // With nanosecond precision libpcap puts nanoseconds into tv_usec; a damaged one may be anything.
  const std::int64_t fraction = std::clamp<std::int64_t>(time.tv_usec, -4 * kSecond, 4 * kSecond);
  return Timestamp{Duration{std::clamp(seconds * kSecond + fraction, -kMost, kMost)}};
}

std::string link_name(int number) {
  if (const auto known = capture::known_link(number); !known.name.empty()) {
    return std::string{known.name};
  }
  const char* name = pcap_datalink_val_to_name(number);
  return (name != nullptr ? std::string{name} + " (" : "number (") + std::to_string(number) + ")";
}

class PcapSource final : public PacketSource {
 public:
  PcapSource(const std::string& path, const CaptureOptions& options);

  const Packet* next() override {
    if (first_waits_) {
      first_waits_ = false;
      return &packet_;
    }
    return read() ? &packet_ : nullptr;
  }
  std::span<const Packet> next_packets() override {
    if (first_waits_ || !handle_) return PacketSource::next_packets();
    const std::span<const std::byte> ready = input_.ready();
    std::size_t passed = 0;
    std::size_t count = 0;
    for (; count < packets_.size(); ++count) {
      const auto rest = ready.subspan(passed);
      const std::size_t length = capture::RecordWalker::plain_length(rest);
      if (length == 0 || length > rest.size()) break;
      take(rest.first(length), packets_[count]);
      passed += length;
    }
    input_.pass(passed);
    return count > 0 ? std::span{packets_}.first(count) : PacketSource::next_packets();
  }
  const CaptureSummary& summary() const override { return summary_; }

 private:
  bool read();
  void take(std::span<const std::byte> record, Packet& packet);
  void open_failed(const char* reason);
  void read_failed();
  void finish();
  std::string cut_reason(std::uint64_t position);
  void note_damage(std::uint64_t position, std::string reason);
  CaptureFile& file() { return summary_.files.front(); }

  std::string name_;  // for messages
  CaptureSummary summary_;
  capture::Input input_;
  std::FILE* stream_ = nullptr;  // owned by handle_, or closed in open_failed()
  std::unique_ptr<pcap_t, Close> handle_;
  Packet packet_;
  std::array<Packet, kMostPackets> packets_;  // of next_packets(), read in place
  bool first_waits_ = false;                  // the first packet was read on opening
  bool unsigned_seconds_ = false;
  std::int64_t plain_fraction_ = 1;  // nanoseconds in one unit of a plain pcap's fractions
};

PcapSource::PcapSource(const std::string& path, const CaptureOptions& options)
    : name_{path == "-" ? "standard input" : path}, input_{path, options.digest} {
  const Format format = capture::format_of(input_.head());
  if (format == Format::unknown) {
    throw Error{name_ + ": not a capture file: " + capture::describe_first_bytes(input_.head())};
  }
  unsigned_seconds_ = format == Format::pcap;
  plain_fraction_ = capture::counts_nanoseconds(input_.head()) ? 1 : 1000;
  summary_.files.push_back({.name = path,
                            .bytes = 0,
                            .sha256 = {},
                            .format = format == Format::pcap ? "pcap" : "pcapng",
                            .link_types = {}});

  std::array<char, PCAP_ERRBUF_SIZE> reason{};
  stream_ = input_.stream();
  handle_.reset(
      pcap_fopen_offline_with_tstamp_precision(stream_, PCAP_TSTAMP_PRECISION_NANO, reason.data()));
  if (!handle_) {
    open_failed(reason.data());
    return;
  }

  const int link = pcap_datalink(handle_.get());
  const auto known = capture::known_link(link);
  if (known.type == LinkType::unsupported) {
    throw Error{name_ + ": link type " + link_name(link) + " is not supported"};
  }
  packet_.link = known.type;
  for (Packet& packet : packets_) packet.link = known.type;
  file().link_types.emplace_back(known.name);
  // A file that cannot be read at all is found out here, not half-way through an analysis.
  first_waits_ = read();
}

// What libpcap does for a record without a fault.
void PcapSource::take(std::span<const std::byte> record, Packet& packet) {
  struct {
    std::uint32_t seconds, fraction, captured, length;
  } header;
  static_assert(sizeof header == capture::RecordWalker::kPlainHeader);
  std::memcpy(&header, record.data(), sizeof header);
  packet.ref.number = ++summary_.packets;
  const std::int64_t fraction = header.fraction * plain_fraction_;
  if (fraction < kSecond) {  // nothing to clamp: 32 bits of seconds fit
    packet.ref.time = Timestamp{Duration{header.seconds * kSecond + fraction}};
  } else {
    const timeval at{.tv_sec = static_cast<std::int32_t>(header.seconds),
                     .tv_usec = static_cast<std::int32_t>(header.fraction) * plain_fraction_};
    packet.ref.time = to_timestamp(at, unsigned_seconds_);
  }
  packet.wire_length = header.length;
  packet.bytes = record.subspan(capture::RecordWalker::kPlainHeader);
}

bool PcapSource::read() {
  if (!handle_) return false;
  if (const auto record = input_.next_record(); !record.empty()) {
    take(record, packet_);
    return true;
  }
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int result = pcap_next_ex(handle_.get(), &header, &bytes);
  if (result != 1) {
    if (result != PCAP_ERROR_BREAK) read_failed();
    finish();
    return false;
  }
  packet_.ref = {++summary_.packets, to_timestamp(header->ts, unsigned_seconds_)};
  packet_.wire_length = header->len;
  packet_.bytes = {reinterpret_cast<const std::byte*>(bytes), header->caplen};
  return true;
}

/// Plain words if the input ended, or could not be read on, inside the record
/// that libpcap was taking in; empty if that is not what stopped it.
std::string PcapSource::cut_reason(std::uint64_t position) {
  if (input_.error() != 0) {
    return std::string{"reading failed: "} + std::strerror(input_.error());
  }
  if (!input_.at_end() || position < input_.bytes()) return {};
  const auto record = input_.walker().record_before(position);
  if (!record) return {};
  const std::string present = std::to_string(input_.bytes() - record->begin);
  if (record->header_cut)
    return "the file ends inside a record header, after " + present + " bytes of it";
  if (!record->end || *record->end <= input_.bytes()) return {};
  return "the file ends inside a record: " + present + " of its " +
         std::to_string(*record->end - record->begin) + " bytes are there";
}

/// libpcap refused the file. A pcapng that ends before its first interface is
/// a capture without packets all the same.
void PcapSource::open_failed(const char* reason) {
  const std::uint64_t position = input_.stop(stream_);
  std::fclose(stream_);
  const auto record = input_.walker().record_before(position);
  const std::string cut = cut_reason(position);
  if (!cut.empty() && (!record || record->begin == 0)) {
    throw Error{name_ + ": cut off inside the file header: " + std::to_string(input_.bytes()) +
                " bytes in all"};
  }
  const bool no_interface = input_.walker().format() == Format::pcapng && input_.at_end() &&
                            position == input_.bytes() && record && record->end == position;
  if (cut.empty() && !no_interface) {
    throw Error{name_ + ": not readable as a capture: " + reason};
  }
  if (!cut.empty()) note_damage(position, cut);
  finish();
}

void PcapSource::read_failed() {
  const std::string reason = pcap_geterr(handle_.get());
  const std::uint64_t position = input_.stop(stream_);

  // libpcap takes the link type of the first interface for all of them.
  unsigned other_link = 0;
  if (std::sscanf(reason.c_str(), "an interface has a type %u", &other_link) == 1) {
    const std::string links = "its interfaces have different link types, " +
                              link_name(pcap_datalink(handle_.get())) + " and " +
                              link_name(static_cast<int>(other_link));
    if (summary_.packets == 0) throw Error{name_ + ": " + links + "; only one is supported"};
    return note_damage(position, links);
  }
  const std::string cut = cut_reason(position);
  note_damage(position, cut.empty() ? "corrupt record: " + reason : cut);
}

void PcapSource::note_damage(std::uint64_t position, std::string reason) {
  const auto record = input_.walker().record_before(position);
  summary_.damage = std::make_unique<CaptureDamage>(
      CaptureDamage{.file = file().name,
                    .after_packet = summary_.packets,
                    .byte_offset = record ? record->begin : position,
                    .reason = std::move(reason)});
}

void PcapSource::finish() {
  handle_.reset();
  input_.drain();
  file().bytes = input_.bytes();
  file().sha256 = input_.sha256();
}

}  // namespace

std::unique_ptr<PacketSource> open_capture(const std::string& path, const CaptureOptions& options) {
  return std::make_unique<PcapSource>(path, options);
}

}  // namespace httpdiag
