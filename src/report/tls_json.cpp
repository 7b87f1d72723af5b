// SPDX-License-Identifier: Apache-2.0
#include "report/tls_json.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace httpdiag::report {

namespace {

void write_text(JsonOut& json, std::string_view key, const std::string& text) {
  json.key(key);
  text.empty() ? json.value(nullptr) : json.value(text);
}

void write_list(JsonOut& json, std::string_view key, const std::vector<std::string>& words) {
  json.key(key).array();
  for (const std::string& word : words) json.value(word);
  json.end();
}

std::string version_text(std::uint16_t version) {
  return version == 0 ? std::string{} : tls_version_name(version);
}

void write_certificate(JsonOut& json, const TlsCertificate* certificate, Timestamp at) {
  json.key("certificate");
  if (certificate == nullptr) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("subject", certificate->subject);
  json.field("issuer", certificate->issuer);
  write_list(json, "names", certificate->names);
  json.field("not_before", tls_date(certificate->not_before));
  json.field("not_after", tls_date(certificate->not_after));
  json.field("expired", certificate->expired(at));
  json.field("covers_sni", certificate->covers_sni);
  json.end();
}

void write_alert(JsonOut& json, const TlsAlert& alert) {
  json.key("alert");
  if (!alert.packet) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("name", tls_alert_name(alert.code));
  json.field("code", alert.code);
  json.field("level", alert.level);
  json.field("from", alert.from == Side::client ? "client" : "server");
  json.packet("packet", alert.packet);
  json.end();
}

}  // namespace

void write_tls(JsonOut& json, const FlowReport& flow) {
  json.key("tls");
  if (!flow.tls) {
    json.value(nullptr);
    return;
  }
  const TlsSession& tls = *flow.tls;
  json.object();
  json.field("stage", name(tls.stage));
  write_text(json, "sni", tls.sni);
  write_list(json, "alpn_offered", tls.offered_alpn);
  write_text(json, "alpn", tls.alpn);
  write_text(json, "version_offered", version_text(tls.newest_offered));
  write_text(json, "version", version_text(tls.version));
  write_text(json, "cipher", tls.cipher == 0 ? std::string{} : tls_cipher_name(tls.cipher));
  write_certificate(json, tls.certificate.get(), flow.first.time);
  write_alert(json, tls.alert);
  json.field("bursts", tls.bursts);
  json.field("answered_bursts", tls.answered_bursts);
  json.end();
}

std::string tls_text(const FlowReport& flow) {
  if (!flow.tls) return {};
  const TlsSession& tls = *flow.tls;
  std::string text = tls.version != 0 ? tls_version_name(tls.version) : std::string{"TLS"};
  if (!tls.sni.empty()) text += " to " + tls.sni;
  if (!tls.alpn.empty()) text += ", ALPN " + tls.alpn;
  if (tls.cipher != 0) text += ", " + tls_cipher_name(tls.cipher);
  text += fmt::format(", handshake seen up to {}", name(tls.stage));
  if (tls.bursts > 0) {
    text += fmt::format("; {} of the client, {} answered for certain",
                        base::count(tls.bursts, "burst"), tls.answered_bursts);
  }
  return text;
}

}  // namespace httpdiag::report
