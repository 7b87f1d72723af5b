// SPDX-License-Identifier: Apache-2.0
#include "dns/reader.hpp"

#include <array>
#include <map>
#include <string>

#include "dns/lookups.hpp"
#include "dns/name_book.hpp"

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
  Impl(const Settings& settings, DnsSink& sink)
      : names_{settings.limits.max_names}, lookups_{settings, names_, sink} {}

  void learn(const IpAddress& address, const std::string& name) {
    names_.learn(address, name, IpAddress{}, Timestamp::min());
  }

  void on_message(std::span<const std::byte> bytes, const Endpoint& source,
                  const Endpoint& destination, PacketRef packet) {
    const auto message = read_message(bytes);
    if (!message) return;
    if (!message->response) {
      lookups_.on_query(*message, source, destination, packet);
      return;
    }
    lookups_.on_answer(*message, destination, source, packet);
    for (const IpAddress& address : message->addresses) {
      names_.learn(address, message->name, destination.ip, packet.time);
    }
  }

  void on_refused(const DnsDatagram& answer) {
    const auto message = read_message(answer.payload);
    if (message && message->response)
      lookups_.on_refused(*message, answer.destination, answer.source);
  }

  using Streams = std::array<MessageStream, 2>;
  std::map<FlowId, Streams> streams_;  // looked up, never walked
  NameBook names_;
  Lookups lookups_;
};

Reader::Reader(const Settings& settings, DnsSink& sink)
    : impl_{std::make_unique<Impl>(settings, sink)} {}
Reader::~Reader() = default;

void Reader::on_datagram(const DnsDatagram& datagram) {
  if (datagram.refused) return impl_->on_refused(datagram);
  impl_->on_message(datagram.payload, datagram.source, datagram.destination, datagram.packet);
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
  const Endpoint& source = from == Side::client ? flow.client : flow.server;
  const Endpoint& destination = from == Side::client ? flow.server : flow.client;
  found->second[index(from)].on_bytes(chunk.bytes, [&](std::span<const std::byte> message) {
    impl_->on_message(message, source, destination, chunk.carried_by);
  });
}

void Reader::on_gap(const FlowRecord& flow, const StreamGap& gap) {
  const auto found = impl_->streams_.find(flow.id);
  if (found != impl_->streams_.end()) found->second[index(gap.from)].stop();
}

void Reader::on_end(const FlowRecord& flow) { impl_->streams_.erase(flow.id); }

void Reader::on_flow(const FlowRecord& flow, EndCause, Timestamp now) {
  impl_->lookups_.on_flow(flow, now);
}

void Reader::settle(Timestamp now) { impl_->lookups_.settle_all(now); }
void Reader::finish() { impl_->lookups_.finish(); }
void Reader::learn(const IpAddress& address, const std::string& name) {
  impl_->learn(address, name);
}
const NameTable& Reader::names() const { return impl_->names_; }

}  // namespace httpdiag::dns
