// SPDX-License-Identifier: Apache-2.0
// Plays the input as a flow: a byte of instruction, a byte of length, then that
// many bytes of payload. Checks what must hold for any traffic: exchanges come
// in order and once each, every slot is given back, offsets make sense.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>

#include "base/content_coding.hpp"
#include "http/pairer.hpp"

namespace {

using namespace httpdiag;

#define REQUIRE(condition)                                                 \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

void check_message(const Message& m, const SideRecord& tape, const Limits& limits) {
  REQUIRE(m.begin <= m.end);
  REQUIRE(m.end <= tape.delivered);
  REQUIRE(m.first && m.last);
  REQUIRE(m.first.number <= m.last.number);
  REQUIRE(m.start().size() <= limits.max_target_bytes);
  REQUIRE(m.host().size() <= limits.max_field_bytes);
  const std::size_t kept = m.method().empty() ? limits.body_head_bytes : limits.request_body_bytes;
  REQUIRE(m.body_head.size() <= (m.body_decoded ? base::kMaxDecodedBytes : kept));
  REQUIRE(m.kept_body_bytes == (m.method().empty() ? 0 : m.body_head.size()));
  REQUIRE(m.delivery_id().size() <= limits.max_field_bytes);
  REQUIRE(m.body_bytes <= m.end - m.begin);
  REQUIRE(m.error.empty() || (m.error_offset >= m.begin && m.error_offset <= m.end));
  REQUIRE(!m.fatal || !m.error.empty());
}

class Checker final : public ExchangeSink {
 public:
  explicit Checker(const Limits& limits) : limits_{limits} {}

  void on_exchange(const FlowRecord& flow, Exchange& x, bool settled, Timestamp) override {
    REQUIRE(!ended);
    REQUIRE(x.index == ++last_index_);
    REQUIRE(x.requests_before + 1 == x.index);
    REQUIRE(x.request.begin >= request_end_);
    request_end_ = x.request.end;
    check_message(x.request, flow.c(), limits_);
    REQUIRE(!x.acked_by || flow.c().acked >= x.request.end);
    if (x.response) {
      check_message(*x.response, flow.s(), limits_);
      REQUIRE(x.response->begin >= response_end_);
      REQUIRE(!x.response_missing);
      response_end_ = x.response->end;
    }
    REQUIRE(!settled || x.response || x.response_missing);
    REQUIRE(!settled || x.request.state != MessageState::incomplete);
    const Exchange taken = std::move(x);  // as a sink may
  }
  void on_stray(const FlowRecord&, const Stray& stray) override {
    REQUIRE(!ended && stray.packet);
    if (stray.kind != Stray::Kind::opaque) return;
    // A greeting, and what the connection turned out to be: once each.
    REQUIRE(++(stray.protocol == "preface" ? prefaces_ : opaque_) == 1);
  }

  bool ended = false;
  std::uint32_t exchanges() const { return last_index_; }

 private:
  const Limits& limits_;
  std::uint32_t last_index_ = 0;
  std::uint32_t opaque_ = 0, prefaces_ = 0;
  Offset request_end_ = 0, response_end_ = 0;
};

class Player {
 public:
  Player(const Limits& limits, bool midstream) : checker_{limits}, pairer_{limits, checker_} {
    if (midstream) flow_.oddities = static_cast<std::uint16_t>(Oddity::midstream);
  }

  void play(std::span<const std::uint8_t> input) {
    while (input.size() >= 2) {
      const unsigned op = input[0];
      const std::size_t length = std::min<std::size_t>(input[1], input.size() - 2);
      step(op, input[1], input.subspan(2, (op & 0x70) == 0x40 || (op & 0x70) == 0x50 ? 0 : length));
      input = input.subspan(2 + ((op & 0x70) == 0x40 || (op & 0x70) == 0x50 ? 0 : length));
    }
    pairer_.on_end(flow_, EndCause::capture_over, packet_.time);
    checker_.ended = true;
    REQUIRE(flow_.sink_slot == 0);
  }

 private:
  // op: bit 0 side; bits 4-6 what (4 gap, 5 close, else payload); bit 7 an old ACK number.
  void step(unsigned op, unsigned count, std::span<const std::uint8_t> bytes) {
    if (done_) return;
    packet_.number += 1;
    packet_.time += std::chrono::microseconds{10};
    const Side from = (op & 1) != 0 ? Side::server : Side::client;
    SideRecord& own = flow_.side(from);
    SideRecord& peer = flow_.side(other(from));
    const Offset acks = (op & 0x80) != 0 ? peer.acked : peer.next + ((op & 2) != 0 ? 5 : 0);
    if (acks > peer.acked) {
      peer.acked = acks;
      peer.acked_by = packet_;
      pairer_.on_ack(flow_, other(from));
    }
    if ((op & 0x70) == 0x40) {
      gap(from, own, op, count);
    } else if ((op & 0x70) == 0x50) {
      close(from, own, op);
    } else if (!bytes.empty() && !own.fin) {
      const Offset offset = own.delivered;
      own.delivered += bytes.size();
      own.next = std::max(own.next, own.delivered);
      // A copy of its own, so that reading beyond it is noticed.
      const auto copy = std::make_unique<std::byte[]>(bytes.size());
      std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), copy.get());
      pairer_.on_chunk(flow_, {from, offset, {copy.get(), bytes.size()}, packet_, packet_, acks});
      flow_.active = packet_;
    }
    own.last = flow_.last = packet_;
  }

  void gap(Side from, SideRecord& own, unsigned op, unsigned count) {
    static constexpr GapCause kCauses[] = {GapCause::not_captured, GapCause::snaplen,
                                           GapCause::lost, GapCause::buffer_limit};
    const GapCause cause = kCauses[(op >> 2) & 3];
    if (own.fin || count == 0) return;
    const Offset offset = own.delivered;
    own.delivered += count;
    own.next = std::max(own.next, own.delivered);
    pairer_.on_gap(flow_, {from, offset, count, cause, packet_});
    done_ = cause == GapCause::lost;
  }

  void close(Side from, SideRecord& own, unsigned op) {
    if ((op & 4) != 0) {
      if (!own.trouble_ptr) own.trouble_ptr = std::make_unique<SideTrouble>();
      own.trouble_ptr->rst = packet_;
      pairer_.on_rst(flow_, from);
    } else if (!own.fin) {
      own.fin = packet_;
      own.fin_offset = own.delivered;
      pairer_.on_fin(flow_, from);
    }
  }

  FlowRecord flow_;
  PacketRef packet_;
  Checker checker_;
  http::Pairer pairer_;
  bool done_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  Limits limits;
  limits.max_pipelined = 8;
  limits.max_head_bytes = 600;
  limits.max_target_bytes = 40;
  limits.max_field_bytes = 20;
  limits.body_head_bytes = 16;
  Player{limits, (data[0] & 1) != 0}.play({data + 1, size - 1});
  return 0;
}
