// SPDX-License-Identifier: Apache-2.0
#include "dns/message.hpp"

#include <gtest/gtest.h>

#include <string>

#include "dns/names.hpp"
#include "dns/reader.hpp"
#include "support/wire.hpp"

namespace httpdiag::dns {
namespace {

using test::DnsMessage;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

std::string answer(const std::string& name) {
  DnsMessage message;
  message.id = 7;
  message.name = name;
  message.outcome = DnsMessage::Outcome::address;
  message.address = IpAddress::v4(0xcb007109);
  return test::dns_message(message);
}

TEST(DnsMessage, IsReadWithItsAddresses) {
  const auto message = read_message(bytes_of(answer("Pay.Example")));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->id, 7);
  EXPECT_TRUE(message->response);
  EXPECT_EQ(message->name, "pay.example");
  EXPECT_EQ(message->type, kTypeA);
  ASSERT_EQ(message->addresses.size(), 1u);
  EXPECT_EQ(to_string(message->addresses[0]), "203.0.113.9");
}

TEST(DnsMessage, CutAnywhereIsNoneOrOneWithFewerAddresses) {
  const std::string whole = answer("pay.example");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string shorter = whole.substr(0, length);
    const auto message = read_message(bytes_of(shorter));
    if (message) {
      EXPECT_EQ(message->name, "pay.example") << length;
      EXPECT_TRUE(message->addresses.empty()) << length;
      EXPECT_TRUE(message->cut) << length;
    }
  }
  EXPECT_FALSE(read_message(bytes_of(whole))->cut);
}

/// An alias of the name asked for, and behind or in front of it the alias's address.
TEST(DnsMessage, WithAnAliasHasTheAddressOfThat) {
  const std::string plain = answer("pay.example");
  const std::size_t question = 12 + 13 + 4;
  const std::string alias = std::string("\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03www\xc0\x10", 18);
  const auto address = [&](std::size_t owner) {
    std::string record = plain.substr(question);
    record[1] = static_cast<char>(owner);
    return record;
  };
  std::string head = plain.substr(0, question);
  head[7] = 2;
  const std::string behind = head + alias + address(question + 12);
  const std::string in_front = head + address(question + 16 + 12) + alias;
  for (const std::string& message : {behind, in_front}) {
    const auto read = read_message(bytes_of(message));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->addresses.size(), 1u);
    EXPECT_FALSE(read->cut);
  }
  const auto half = read_message(bytes_of(head + alias));
  ASSERT_TRUE(half);
  EXPECT_TRUE(half->addresses.empty());
  EXPECT_TRUE(half->cut);
}

TEST(DnsMessage, WithANameThatPointsAtItselfIsNone) {
  std::string query = test::dns_message({});
  query.replace(12, 1, "\xc0\x0c");
  EXPECT_FALSE(read_message(bytes_of(query)));
}

TEST(DnsMessage, EscapesWhatIsNotPrintable) {
  std::string query = answer("ab.example");
  query[13] = '\x1b';
  const auto message = read_message(bytes_of(query));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->name, "\\027b.example");
}

TEST(DnsMessage, OfAnotherKindIsNone) {
  std::string update = answer("pay.example");
  update[2] = '\x28';  // opcode 5, RFC 2136
  EXPECT_FALSE(read_message(bytes_of(update)));
  EXPECT_FALSE(read_message(bytes_of("GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")));
}

class NoLookups final : public DnsSink {
 public:
  void on_lookup(const DnsLookup&) override { ADD_FAILURE(); }
};

/// Two messages over TCP, whatever the segments: their addresses are known by name.
TEST(DnsReader, ReadsMessagesFromAStreamInAnyPieces) {
  const std::string first = answer("pay.example"), second = answer("shop.example");
  std::string stream;
  for (const std::string* message : {&first, &second}) {
    stream += static_cast<char>(message->size() >> 8);
    stream += static_cast<char>(message->size() & 0xff);
    stream += *message;
  }
  const Settings settings;
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    NoLookups sink;
    Names names{settings, sink};
    Reader reader{names};
    FlowRecord flow;
    flow.id = FlowId{1};
    flow.client = {IpAddress::v4(0x0a010005), 40000};
    flow.server = {IpAddress::v4(0x0a000035), 53};
    ASSERT_TRUE(reader.on_opaque(flow, "unknown"));
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      const std::string part = stream.substr(at, piece);
      reader.on_chunk(flow, {.from = Side::server,
                             .offset = at,
                             .bytes = bytes_of(part),
                             .carried_by = {1, {}},
                             .released_by = {1, {}},
                             .peer_acked = 0});
    }
    const IpAddress address = IpAddress::v4(0xcb007109);
    EXPECT_EQ(names.table().name_of({address, flow.client.ip, {}, {}}), "shop.example") << piece;
    reader.on_end(flow);
  }
}

}  // namespace
}  // namespace httpdiag::dns
