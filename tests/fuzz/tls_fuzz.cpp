// SPDX-License-Identifier: Apache-2.0
// Plays the input as the two tapes of a TLS flow: a byte of instruction, a byte of
// length, then that many bytes. Checks what must hold for any traffic.
#include <algorithm>
#include <cstdint>
#include <span>

#include "fuzz/require.hpp"
#include "tls/reader.hpp"

namespace {

using namespace httpdiag;

bool printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

class Checker final : public TlsSink {
 public:
  Offset client_end = 0;
  int told = 0;
  void on_tls_server(const Endpoint&) override {}
  void on_tls(const FlowRecord&, std::shared_ptr<const TlsSession> session) override {
    ++told;
    REQUIRE(session != nullptr);
    const TlsSession& tls = *session;
    REQUIRE(tls.sni.size() <= 255 && printable(tls.sni) && printable(tls.alpn));
    REQUIRE(tls.server_text_start.size() <= 64 && printable(tls.server_text_start));
    REQUIRE(tls.offered_alpn.size() <= 8);
    REQUIRE(tls.answered_bursts <= tls.bursts);
    REQUIRE(tls.burst.begin <= tls.burst.end && tls.burst.end <= client_end);
    REQUIRE((tls.bursts == 0) == !tls.burst.first);
    REQUIRE(!tls.alert.packet || tls.alert.level == 1 || tls.alert.level == 2);
    REQUIRE(tls.version == 0 || tls.server_hello);
    if (!tls.certificate) return;
    REQUIRE(printable(tls.certificate->subject) && printable(tls.certificate->issuer));
    REQUIRE(tls.certificate->names.size() <= 8);
    REQUIRE(tls_date(tls.certificate->not_after).size() >= 10);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Limits limits;
  limits.tls_message_bytes = 4096;
  limits.tls_total_bytes = 6000;
  Checker checker;
  tls::Reader reader{limits, checker};
  FlowRecord flow;
  flow.id = FlowId{1};
  if (size == 0) return 0;
  REQUIRE(reader.on_opaque(flow, data[0] % 2 == 0 ? "tls" : "connect-tunnel"));
  std::array<Offset, 2> at{};
  PacketRef packet;
  for (std::size_t i = 1; i + 2 <= size;) {
    const std::uint8_t instruction = data[i];
    const Side from = instruction % 2 == 0 ? Side::client : Side::server;
    const std::size_t length = std::min<std::size_t>(data[i + 1] + 1u, size - i - 2);
    i += 2;
    ++packet.number;
    packet.time += std::chrono::milliseconds{(instruction >> 3) * 100};
    if (length == 0) continue;
    const auto bytes = std::as_bytes(std::span{data + i, length});
    i += length;
    SideRecord& side = flow.side(from);
    if ((instruction & 6) == 6) {
      reader.on_gap(flow, {from, at[index(from)], length, GapCause::not_captured, packet});
    } else {
      reader.on_chunk(flow, {.from = from,
                             .offset = at[index(from)],
                             .bytes = bytes,
                             .carried_by = packet,
                             .released_by = packet,
                             .peer_acked = at[index(other(from))]});
    }
    at[index(from)] += length;
    side.next = side.delivered = side.acked = at[index(from)];
    side.acked_by = packet;
    reader.on_ack(flow, from);
    flow.active = packet;
  }
  checker.client_end = at[0];
  reader.on_end(flow);
  REQUIRE(checker.told <= 1);
  return 0;
}
