// SPDX-License-Identifier: Apache-2.0
// Numbers of the TLS registries as their RFCs name them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "httpdiag/tls.hpp"

namespace httpdiag {

namespace {

using Named = std::pair<std::uint16_t, std::string_view>;

constexpr auto kAlerts = std::to_array<Named>({
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {111, "certificate_unobtainable"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
    {121, "ech_required"},
});

constexpr auto kVersions = std::to_array<Named>({
    {0x0300, "SSL 3.0"},
    {0x0301, "TLS 1.0"},
    {0x0302, "TLS 1.1"},
    {0x0303, "TLS 1.2"},
    {0x0304, "TLS 1.3"},
});

// The suites that servers of today choose; others are shown by number.
constexpr auto kCiphers = std::to_array<Named>({
    {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"},
    {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"},
    {0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"},
    {0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
    {0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"},
    {0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"},
    {0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"},
    {0x1301, "TLS_AES_128_GCM_SHA256"},
    {0x1302, "TLS_AES_256_GCM_SHA384"},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
    {0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    {0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    {0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    {0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    {0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
    {0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
    {0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"},
    {0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
    {0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
});

template <std::size_t size>
std::string_view find(const std::array<Named, size>& names, std::uint16_t number) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [&](const Named& named) { return named.first == number; });
  return found == names.end() ? std::string_view{} : found->second;
}

}  // namespace

std::string tls_alert_name(std::uint8_t code) {
  const std::string_view known = find(kAlerts, code);
  return known.empty() ? fmt::format("alert {}", code) : std::string{known};
}

std::string tls_version_name(std::uint16_t version) {
  const std::string_view known = find(kVersions, version);
  return known.empty() ? fmt::format("0x{:04x}", version) : std::string{known};
}

std::string tls_cipher_name(std::uint16_t cipher) {
  const std::string_view known = find(kCiphers, cipher);
  return known.empty() ? fmt::format("0x{:04x}", cipher) : std::string{known};
}

std::string_view name(TlsStage stage) {
  switch (stage) {
    case TlsStage::unseen:
      return "unseen";
    case TlsStage::client_hello:
      return "client-hello";
    case TlsStage::server_flight:
      return "server-flight";
    case TlsStage::client_flight:
      return "client-flight";
    case TlsStage::done:
      return "done";
  }
  std::abort();
}

bool TlsCertificate::expired(Timestamp at) const {
  return std::chrono::floor<std::chrono::seconds>(at) > not_after;
}

bool TlsCertificate::not_yet_valid(Timestamp at) const {
  return std::chrono::floor<std::chrono::seconds>(at) < not_before;
}

std::string tls_date(std::chrono::sys_seconds time) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

bool TlsSession::may_be_multiplexed() const {
  if (alpn == "h2" || stage == TlsStage::unseen) return true;
  if (server_spontaneous > 0 || client_repeated > 0 || early_data) return true;
  // TLS 1.3 hides the choice: it is HTTP/1.1 for certain only if nothing else was offered. In front
  // of it a server that chooses nothing has not chosen HTTP/2 (RFC 7301 §3.1, RFC 9113 §3.2).
  constexpr std::uint16_t kTls12 = 0x0303;
  const bool chosen_in_clear = server_hello && version != 0 && version <= kTls12;
  return alpn.empty() && !chosen_in_clear &&
         std::any_of(offered_alpn.begin(), offered_alpn.end(),
                     [](const std::string& protocol) { return !protocol.starts_with("http/1"); });
}

}  // namespace httpdiag
