// SPDX-License-Identifier: Apache-2.0
#include "dns/reader.hpp"

#include <array>
#include <map>
#include <vector>

#include "dns/message.hpp"

namespace httpdiag::dns {

namespace {

constexpr std::uint16_t kDomain = 53;
// Connections to a resolver are short; what is not read of one is lost for the lookup alone.
constexpr std::size_t kMostStreams = 1024;

/// Messages of one direction of a TCP connection, each behind its length (RFC 1035 §4.2.2).
class MessageStream {
 public:
  template <typename Tell>
  void on_bytes(std::span<const std::byte> bytes, const Tell& tell) {
    for (const std::byte byte : bytes) {
      if (broken_) return;
      buffer_.push_back(byte);
      if (buffer_.size() < 2) continue;
      const std::size_t length =
          std::to_integer<std::size_t>(buffer_[0]) << 8 | std::to_integer<std::size_t>(buffer_[1]);
      if (length == 0) broken_ = true;
      if (buffer_.size() < length + 2) continue;
      tell(std::span<const std::byte>{buffer_}.subspan(2));
      buffer_.clear();
    }
  }
  void stop() {
    broken_ = true;
    buffer_ = {};
  }

 private:
  std::vector<std::byte> buffer_;  // at most 64 KiB
  bool broken_ = false;
};

}  // namespace

class Reader::Impl {
 public:
  explicit Impl(DnsMessageSink& sink) : sink_{sink} {}

  void on_bytes(std::span<const std::byte> bytes, const DnsDatagram& way, bool stream) {
    auto message = read_message(bytes);
    const bool quoted = way.error != DnsError::none;
    if (!message && !quoted) return;
    // Routers may quote no more than the ports (RFC 792).
    if (!message) message.emplace().response = way.source.port == kDomain;
    message->packet = way.packet;
    message->source = way.source;
    message->destination = way.destination;
    message->error = way.error;
    message->reporter = way.reporter;
    message->stream = stream;
    sink_.on_message(*message);
  }

  using Streams = std::array<MessageStream, 2>;
  std::map<FlowId, Streams> streams_;  // looked up, never walked

 private:
  DnsMessageSink& sink_;
};

Reader::Reader(DnsMessageSink& sink) : impl_{std::make_unique<Impl>(sink)} {}
Reader::~Reader() = default;

void Reader::on_datagram(const DnsDatagram& datagram) {
  impl_->on_bytes(datagram.payload, datagram, false);
}

bool Reader::on_opaque(const FlowRecord& flow, std::string_view protocol) {
  const bool wanted =
      flow.server.port == kDomain && protocol == "unknown" && impl_->streams_.size() < kMostStreams;
  if (wanted) impl_->streams_.try_emplace(flow.id);
  return wanted;
}

void Reader::on_chunk(const FlowRecord& flow, const StreamChunk& chunk) {
  const auto found = impl_->streams_.find(flow.id);
  if (found == impl_->streams_.end()) return;
  const Side from = chunk.from;
  DnsDatagram way;
  way.packet = chunk.carried_by;
  way.source = from == Side::client ? flow.client : flow.server;
  way.destination = from == Side::client ? flow.server : flow.client;
  found->second[index(from)].on_bytes(chunk.bytes, [&](std::span<const std::byte> message) {
    impl_->on_bytes(message, way, true);
  });
}

void Reader::on_gap(const FlowRecord& flow, const StreamGap& gap) {
  const auto found = impl_->streams_.find(flow.id);
  if (found != impl_->streams_.end()) found->second[index(gap.from)].stop();
}

void Reader::on_end(const FlowRecord& flow) { impl_->streams_.erase(flow.id); }

}  // namespace httpdiag::dns
