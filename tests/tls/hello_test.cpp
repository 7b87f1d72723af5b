// SPDX-License-Identifier: Apache-2.0
// Handshake messages as far as their bytes go.
#include "tls/hello.hpp"

#include <gtest/gtest.h>

#include <string>

#include "httpdiag/tls.hpp"
#include "support/wire.hpp"

namespace httpdiag::tls {
namespace {

using test::Bytes;

std::string with_length16(const std::string& content) {
  return Bytes{}.u16(content.size()).text(content).take();
}

std::string extension(std::uint16_t type, const std::string& content) {
  return Bytes{}.u16(type).text(with_length16(content)).take();
}

std::string server_name(const std::string& host) {
  return extension(0, with_length16(Bytes{}.u8(0).text(with_length16(host)).take()));
}

std::string client_hello(const std::string& extensions) {
  return Bytes{}
      .u16(0x0303)
      .text(std::string(32, 'r'))
      .u8(0)
      .text(with_length16("\x13\x01"))
      .text(std::string{"\x01\x00", 2})
      .text(with_length16(extensions))
      .take();
}

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span{text}); }

TEST(ClientHello, TellsNameProtocolsAndVersions) {
  const std::string message =
      client_hello(server_name("pay.example") + extension(16, with_length16("\x02h2\x08http/1.1")) +
                   // GREASE (RFC 8701) is no version.
                   extension(43, std::string{"\x06\x7a\x7a\x03\x04\x03\x03", 7}));
  ClientHello hello;
  ASSERT_TRUE(read_client_hello(bytes(message), hello));
  EXPECT_EQ(hello.sni, "pay.example");
  EXPECT_EQ(hello.alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(hello.newest_version, 0x0304);
}

TEST(ClientHello, OfAnOlderVersionHasNoExtensions) {
  std::string message = client_hello("");
  message.resize(message.size() - 2);
  ClientHello hello;
  ASSERT_TRUE(read_client_hello(bytes(message), hello));
  EXPECT_EQ(hello.newest_version, 0x0303);
  EXPECT_TRUE(hello.sni.empty());
}

TEST(ClientHello, NameIsPrintableAndBounded) {
  ClientHello hello;
  ASSERT_TRUE(read_client_hello(bytes(client_hello(server_name("a\x1b[2J\n\xff"))), hello));
  EXPECT_EQ(hello.sni, "a?[2J??");
  ASSERT_TRUE(read_client_hello(bytes(client_hello(server_name(std::string(5000, 'x')))), hello));
  EXPECT_EQ(hello.sni.size(), 255u);
}

TEST(ClientHello, CutAnywhereReadsWhatIsThere) {
  const std::string message = client_hello(server_name("pay.example") + extension(16, "\x01"));
  for (std::size_t length = 0; length <= message.size(); ++length) {
    ClientHello hello;
    EXPECT_EQ(read_client_hello(bytes(message.substr(0, length)), hello), length >= 34) << length;
    EXPECT_TRUE(hello.sni.empty() || hello.sni == "pay.example") << length;
  }
}

TEST(ServerHello, OfTls13HidesItsVersionInAnExtension) {
  const std::string message = Bytes{}
                                  .u16(0x0303)
                                  .text(std::string(32, 'r'))
                                  .u8(0)
                                  .u16(0x1301)
                                  .u8(0)
                                  .text(with_length16(extension(43, "\x03\x04")))
                                  .take();
  ServerHello hello;
  ASSERT_TRUE(read_server_hello(bytes(message), hello));
  EXPECT_EQ(hello.version, 0x0304);
  EXPECT_EQ(hello.cipher, 0x1301);
  EXPECT_FALSE(hello.retry_request);
}

TEST(Certificate, LeafIsTheFirstAndNeverBeyondTheMessage) {
  const std::string message{
      "\x00\x00\x06\x00\x00\x03"
      "abc",
      9};
  EXPECT_EQ(leaf_of(bytes(message)).size(), 3u);
  EXPECT_TRUE(leaf_of(bytes(message.substr(0, 8))).empty());
  EXPECT_TRUE(leaf_of(bytes(std::string{"\x00\x00\x06\xff\xff\xff"
                                        "abc",
                                        9}))
                  .empty());
}

TEST(TlsSession, MayBeMultiplexedUnlessTheServerChoseOtherwiseInClear) {
  TlsSession session;
  session.stage = TlsStage::done;
  session.offered_alpn = {"h2", "http/1.1"};
  EXPECT_TRUE(session.may_be_multiplexed());  // the ServerHello was not seen
  session.server_hello = {.number = 6, .time = {}};
  session.version = 0x0304;
  EXPECT_TRUE(session.may_be_multiplexed());  // hidden
  session.version = 0x0303;
  EXPECT_FALSE(session.may_be_multiplexed());
  session.alpn = "h2";
  EXPECT_TRUE(session.may_be_multiplexed());
}

TEST(TlsNames, UnknownNumbersAreShownAsNumbers) {
  EXPECT_EQ(tls_alert_name(48), "unknown_ca");
  EXPECT_EQ(tls_alert_name(200), "alert 200");
  EXPECT_EQ(tls_version_name(0x0304), "TLS 1.3");
  EXPECT_EQ(tls_version_name(0x7f1c), "0x7f1c");
  EXPECT_EQ(tls_cipher_name(0xc02b), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  EXPECT_EQ(tls_cipher_name(0xc0a3), "0xc0a3");
}

}  // namespace
}  // namespace httpdiag::tls
