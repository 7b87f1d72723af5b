// SPDX-License-Identifier: Apache-2.0
// DNS over UDP and TCP between three hosts: a byte of instruction, a byte of length, then that many
// bytes. Checks what must hold whatever is in the messages.
#include <algorithm>
#include <cstdint>

#include "dns/message.hpp"
#include "dns/names.hpp"
#include "dns/reader.hpp"
#include "fuzz/require.hpp"

namespace {

using namespace httpdiag;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

class Checker final : public DnsSink {
 public:
  explicit Checker(const Limits& limits) : limits_{limits} {}
  void on_lookup(const DnsLookup& lookup) override {
    REQUIRE(printable(lookup.name) && lookup.name.size() <= 1024);
    REQUIRE(std::all_of(lookup.tried.begin(), lookup.tried.end(), printable));
    REQUIRE(lookup.queries >= 1 && lookup.servers >= 1);
    REQUIRE(lookup.first_query && lookup.last_query);
    REQUIRE(lookup.took >= Duration{0});
    REQUIRE(!name(lookup.outcome).empty());
    REQUIRE((lookup.outcome == DnsOutcome::unreachable) == (lookup.error != DnsError::none));
    REQUIRE(lookup.answer || lookup.outcome == DnsOutcome::unanswered ||
            lookup.outcome == DnsOutcome::unreachable);
    ++told_;
  }

 private:
  const Limits& limits_;
  std::uint64_t told_ = 0;
};

void check_message(std::span<const std::byte> bytes) {
  const auto message = dns::read_message(bytes);
  if (!message) return;
  REQUIRE(printable(message->name) && message->name.size() <= 1024);
  REQUIRE(message->rcode < 16);
}

Endpoint host(unsigned number, std::uint16_t port) {
  return {IpAddress::v4(0x0a000001 + number), port};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Settings settings;
  settings.limits.max_dns_lookups = 8;
  settings.limits.max_names = 8;
  Checker checker{settings.limits};
  dns::Names names{settings, checker};
  dns::Reader reader{names};
  FlowRecord tcp;
  tcp.id = FlowId{1};
  tcp.client = host(0, 40000);
  tcp.server = host(2, 53);
  tcp.first.number = tcp.side(Side::client).syn.number = 1;
  REQUIRE(reader.on_opaque(tcp, "unknown"));
  std::array<Offset, 2> at{};
  PacketRef packet;
  for (std::size_t i = 0; i + 2 <= size;) {
    const std::uint8_t instruction = data[i];
    const std::size_t length = std::min<std::size_t>(data[i + 1], size - i - 2);
    const auto bytes = std::as_bytes(std::span{data + i + 2, length});
    i += 2 + length;
    ++packet.number;
    packet.time += std::chrono::milliseconds{(instruction >> 4) * 300};
    const Endpoint client = host(instruction & 1, 50000 + (instruction & 1));
    const Endpoint server = host(2 + (instruction >> 1 & 1), 53);
    const Side from = (instruction & 4) != 0 ? Side::server : Side::client;
    check_message(bytes);
    if ((instruction & 8) == 0) {
      const bool query = from == Side::client;
      reader.on_datagram({.packet = packet,
                          .source = query ? client : server,
                          .destination = query ? server : client,
                          .payload = bytes});
    } else if (length > 0 && (instruction & 1) != 0) {
      reader.on_gap(tcp, {from, at[index(from)], length, GapCause::not_captured, packet});
      at[index(from)] += length;
    } else if (length > 0) {
      reader.on_chunk(tcp, {.from = from,
                            .offset = at[index(from)],
                            .bytes = bytes,
                            .carried_by = packet,
                            .released_by = packet,
                            .peer_acked = at[index(other(from))]});
      at[index(from)] += length;
    }
    tcp.last = packet;
  }
  reader.on_end(tcp);
  FlowRecord web;
  web.id = FlowId{2};
  web.client = host(0, 40001);
  web.server = host(9, 80);
  web.first = web.last = packet;
  names.on_flow(web, EndCause::closed, packet.time);
  names.settle(packet.time);
  names.on_flow(tcp, EndCause::capture_over, packet.time);
  names.finish();
  for (unsigned i = 0; i < 4; ++i)
    REQUIRE(printable(names.table().name_of(
        {.address = host(i, 0).ip, .client = host(0, 0).ip, .at = packet.time, .asked_for = {}})));
  return 0;
}
