// SPDX-License-Identifier: Apache-2.0
// ClientHello and ServerHello (RFC 8446 §4.1, RFC 5246 §7.4.1), as far as they tell
// who wants to talk to whom and how. Each field is read if its bytes are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace httpdiag::tls {

inline constexpr std::uint16_t kTls13 = 0x0304;

struct ClientHello {
  std::string sni;  // printable ASCII only; bounded
  std::vector<std::string> alpn;
  std::uint16_t newest_version = 0;
};

struct ServerHello {
  std::uint16_t version = 0, cipher = 0;
  std::string alpn;
  bool retry_request = false;  // HelloRetryRequest (RFC 8446 §4.1.3)
};

/// `body` is the handshake message without its header. False: it is none.
bool read_client_hello(std::span<const std::byte> body, ClientHello& hello);
bool read_server_hello(std::span<const std::byte> body, ServerHello& hello);
/// The leaf of a Certificate message up to TLS 1.2; empty where there is none.
std::span<const std::byte> leaf_of(std::span<const std::byte> body);

}  // namespace httpdiag::tls
