// SPDX-License-Identifier: Apache-2.0
#include "properties/recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "capture/capture_files.hpp"
#include "decode/decoder.hpp"
#include "decode/link.hpp"
#include "support/testdata.hpp"
#include "support/wire.hpp"

namespace httpdiag::test {
namespace {

constexpr std::uint32_t kTcpProtocol = 6, kIcmpProtocol = 1, kIcmp6Protocol = 58;

Recording load(const std::string& path) {
  Recording recording{.name = std::filesystem::path{path}.stem(), .packets = {}};
  const auto source = open_capture(path, {});
  while (const Packet* packet = source->next()) {
    recording.link = packet->link;
    const auto* bytes = reinterpret_cast<const char*>(packet->bytes.data());
    recording.packets.push_back(
        {packet->ref.time, {bytes, packet->bytes.size()}, packet->wire_length});
  }
  return recording;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span{text});
}

std::string labels_of(Label primary, const std::vector<Label>& labels, Ignored ignored) {
  std::string text{info(primary).id};
  for (const Label label : labels) {
    if (!ignored(label)) text += fmt::format(" +{}", info(label).id);
  }
  return text;
}

std::string verdict(const ExchangeReport& exchange, Ignored ignored) {
  const RequestReport& q = exchange.request;
  std::string text = fmt::format("  {}: {} | {} {} {} {} state {}", exchange.index,
                                 labels_of(exchange.label, exchange.labels, ignored), q.method,
                                 q.target, q.body_bytes, q.digest, static_cast<int>(q.state));
  if (exchange.response) {
    const ResponseReport& r = *exchange.response;
    text += fmt::format(" -> {} {} {} {} state {}", r.status, r.reason, r.body_bytes, r.digest,
                        static_cast<int>(r.state));
  }
  return text;
}

std::uint64_t sum(const auto& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

/// Holds a report against itself.
class Audit {
 public:
  explicit Audit(const Outcome& outcome) : outcome_{outcome} {}

  std::string faults() {
    check_sums();
    check("capture", outcome_.report.findings);
    for (const FlowReport& flow : outcome_.flows) check(flow);
    return faults_;
  }

 private:
  void require(bool holds, std::string_view where, std::string_view what) {
    if (!holds) faults_ += fmt::format("{}: {}\n", where, what);
  }

  void check_sums() {
    const Report& report = outcome_.report;
    const Ledger& ledger = report.ledger;
    std::uint64_t told = 0;
    std::uint64_t segments = 0;
    for (const FlowReport& flow : outcome_.flows) {
      told += flow.exchange_count;
      for (const SideReport& side : flow.sides) segments += side.packets;
    }
    const std::uint64_t accounted =
        ledger.decoded + ledger.duplicates + ledger.filtered + sum(ledger.skipped);
    require(accounted == ledger.packets, "ledger", "does not balance");
    require(sum(report.flow_labels) == report.flows, "summary", "flow labels");
    require(sum(report.exchange_labels) == report.exchanges, "summary", "exchange labels");
    require(outcome_.flows.size() == report.flows, "summary", "flows told and counted differ");
    require(told == report.exchanges, "summary", "exchanges told and counted differ");
    require(segments <= ledger.decoded, "summary", "more segments in flows than were decoded");
    require(!report.headline.empty(), "summary", "no headline");
  }

  void check(std::string_view where, const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      const std::string_view label = info(finding.label).id;
      // A file that breaks off in its first record has no packet to name.
      const bool nothing_read =
          finding.label == Label::capture_file_truncated && outcome_.report.ledger.packets == 0;
      require(!finding.evidence.empty() || nothing_read, where,
              fmt::format("{} has no evidence", label));
      PacketNumber previous = 1;
      for (const Evidence& evidence : finding.evidence) {
        const PacketNumber number = evidence.packet.number;
        require(number >= previous && number <= outcome_.report.ledger.packets, where,
                fmt::format("{} names packet {} after {}", label, number, previous));
        previous = number;
      }
    }
  }

  void check(const FlowReport& flow) {
    const std::string where = fmt::format("flow {}", static_cast<std::uint32_t>(flow.id));
    require(flow.exchanges.size() + flow.omitted_exchanges == flow.exchange_count, where,
            "its exchanges do not add up");
    require(flow.first.number >= 1 && flow.first.number <= flow.last.number &&
                flow.last.number <= outcome_.report.ledger.packets,
            where, "its packets are not of this capture");
    for (const SideReport& side : flow.sides) {
      require(side.retransmitted <= side.packets, where, "more retransmitted than sent");
    }
    check(where, flow.findings);
    for (const ExchangeReport& exchange : flow.exchanges) {
      const std::string which = fmt::format("{}.{}", where, exchange.index);
      check(which, exchange.findings);
      const bool proven = std::any_of(exchange.findings.begin(), exchange.findings.end(),
                                      [&](const Finding& f) { return f.label == exchange.label; });
      require(exchange.label == Label::ok || proven, which, "a label without a finding");
      require(exchange.answered || !exchange.response, which, "a response is no answer");
    }
  }

  const Outcome& outcome_;
  std::string faults_;
};

/// A TCP header at `view.tcp`, which follows an IP header that ends there.
std::optional<TcpView> tcp_at(const std::string& bytes, TcpView view, bool quoted) {
  const std::size_t needed = quoted ? 8 : 20;
  if (view.end < view.tcp + needed) return std::nullopt;
  view.quoted = quoted;
  view.payload = view.tcp + (quoted ? needed : get(bytes, view.tcp + 12, 1) / 16 * 4);
  if (view.payload > view.end) return std::nullopt;
  return view;
}

std::optional<TcpView> tcp_in(const std::string& bytes, std::size_t ip, bool quoted) {
  TcpView view{.ip = ip, .end = bytes.size()};
  if (bytes.size() < ip + 20) return std::nullopt;
  view.v4 = get(bytes, ip, 1) >> 4 == 4;
  if (!view.v4 && bytes.size() < ip + 40) return std::nullopt;
  const std::size_t header = view.v4 ? (get(bytes, ip, 1) & 15) * 4 : 40;
  const std::size_t total = view.v4 ? get(bytes, ip + 2, 2) : header + get(bytes, ip + 4, 2);
  const std::uint32_t protocol = get(bytes, ip + (view.v4 ? 9 : 6), 1);
  const std::uint32_t fragment = view.v4 ? get(bytes, ip + 6, 2) & 0x3fff : 0;
  view.tcp = ip + header;
  view.whole = fragment == 0 && ip + total <= bytes.size();
  if (total != 0 && ip + total < bytes.size()) view.end = ip + total;  // behind it is padding
  if ((fragment & 0x1fff) != 0) return std::nullopt;
  if (protocol == kTcpProtocol) return tcp_at(bytes, view, quoted);
  if ((protocol == kIcmpProtocol || protocol == kIcmp6Protocol) && !quoted) {
    return tcp_in(bytes, view.tcp + 8, true);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::filesystem::path> capture_paths() { return files("pcaps", ".pcap"); }

const std::vector<Recording>& recordings() {
  static const std::vector<Recording> all = [] {
    std::vector<Recording> loaded;
    for (const auto& path : capture_paths()) loaded.push_back(load(path));
    return loaded;
  }();
  return all;
}

bool in_order(const Recording& recording) {
  const auto earlier = [](const auto& a, const auto& b) { return a.at < b.at; };
  return !recording.packets.empty() &&
         std::is_sorted(recording.packets.begin(), recording.packets.end(), earlier);
}

std::vector<std::size_t> all_of(const Recording& recording) {
  std::vector<std::size_t> packets(recording.packets.size());
  std::iota(packets.begin(), packets.end(), std::size_t{0});
  return packets;
}

std::string to_pcap(const Recording& recording, const std::vector<std::size_t>& packets) {
  const testing_capture::PcapShape shape{.nanoseconds = true, .link = link_number(recording.link)};
  std::string bytes = testing_capture::pcap_header(shape);
  for (const std::size_t i : packets) {
    const RecordedPacket& packet = recording.packets[i];
    const auto time = packet.at.time_since_epoch().count();
    bytes += testing_capture::pcap_record(
        packet.bytes, static_cast<std::uint32_t>(time / 1'000'000'000),
        static_cast<std::uint32_t>(time % 1'000'000'000), shape, packet.wire_length);
  }
  return bytes;
}

Replay::Replay(const Recording& recording) : recording_{recording} {
  summary_.files.push_back(
      {.name = recording.name, .sha256 = {}, .format = "pcap", .link_types = {}});
}

const Packet* Replay::next() {
  if (next_ == recording_.packets.size()) return nullptr;
  const RecordedPacket& packet = recording_.packets[next_++];
  summary_.packets = next_;
  packet_ = {.ref = {next_, packet.at},
             .link = recording_.link,
             .wire_length = packet.wire_length,
             .bytes = bytes_of(packet.bytes)};
  return &packet_;
}

Outcome analyse(const Recording& recording) {
  Replay source{recording};
  return analyse(source);
}

std::string verdict(const FlowReport& flow, Ignored ignored) {
  return fmt::format("{} > {}: {} | {} {}", to_string(flow.client), to_string(flow.server),
                     labels_of(flow.label, flow.labels, ignored), name(flow.handshake),
                     name(flow.ended_by));
}

std::vector<std::string> verdicts(const Outcome& outcome, Ignored ignored) {
  std::vector<std::string> lines;
  for (const FlowReport& flow : outcome.flows) {
    lines.push_back(verdict(flow, ignored));
    for (const ExchangeReport& exchange : flow.exchanges) {
      lines.push_back(verdict(exchange, ignored));
    }
  }
  return lines;
}

std::vector<std::string> exchanges(const Outcome& outcome, Ignored ignored) {
  std::vector<std::string> lines;
  for (const FlowReport& flow : outcome.flows) {
    for (const ExchangeReport& exchange : flow.exchanges) {
      lines.push_back(fmt::format("{} > {} {}", to_string(flow.client), to_string(flow.server),
                                  verdict(exchange, ignored)));
    }
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

std::string faults_of(const Outcome& outcome) { return Audit{outcome}.faults(); }

bool has_tunnels(const Recording& recording) {
  decode::Decoder decoder{Limits{}};
  Replay replay{recording};
  while (const Packet* packet = replay.next()) {
    const auto* segment = std::get_if<Segment>(&decoder.on_packet(*packet));
    if (segment != nullptr && segment->tunnel.kind != TunnelKind::none) return true;
  }
  return false;
}

std::optional<TcpView> find_tcp(const Recording& recording, const RecordedPacket& packet) {
  const Packet view{.ref = {1, packet.at},
                    .link = recording.link,
                    .wire_length = packet.wire_length,
                    .bytes = bytes_of(packet.bytes)};
  decode::Frame frame;
  if (decode::read_link(view, frame)) return std::nullopt;
  return tcp_in(packet.bytes, packet.bytes.size() - frame.datagram.size(), false);
}

std::string direction_of(const RecordedPacket& packet, const TcpView& view, bool reverse) {
  const std::size_t width = view.v4 ? 4 : 16;
  const std::size_t addresses = view.ip + (view.v4 ? 12 : 8);
  const std::string from = packet.bytes.substr(addresses, width) + packet.bytes.substr(view.tcp, 2);
  const std::string to =
      packet.bytes.substr(addresses + width, width) + packet.bytes.substr(view.tcp + 2, 2);
  return reverse ? to + from : from + to;
}

std::uint32_t get(const std::string& bytes, std::size_t at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(bytes.at(at + i));
  }
  return value;
}

void put(std::string& bytes, std::size_t at, std::size_t width, std::uint64_t value) {
  for (std::size_t i = width; i-- > 0; value >>= 8) {
    bytes.at(at + i) = static_cast<char>(value & 0xff);
  }
}

}  // namespace httpdiag::test
