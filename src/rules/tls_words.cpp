// SPDX-License-Identifier: Apache-2.0
#include "rules/tls_words.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace httpdiag::rules {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) base::append_item(text, word);
  return text;
}

}  // namespace

std::string tls_words(const TlsSession& tls) {
  std::string text = tls.version != 0 ? tls_version_name(tls.version) : std::string{"TLS"};
  if (!tls.sni.empty()) text += " to " + tls.sni;
  if (!tls.alpn.empty()) text += fmt::format(" (ALPN {})", tls.alpn);
  return text;
}

std::string certificate_words(const TlsSession& tls, Timestamp at) {
  if (!tls.certificate) return {};
  const TlsCertificate& certificate = *tls.certificate;
  std::string text =
      fmt::format(" The server's certificate is for {}, {}",
                  certificate.names.empty() ? certificate.subject : joined(certificate.names),
                  certificate.self_issued ? "self-signed" : "issued by " + certificate.issuer);
  if (certificate.expired(at)) {
    text += fmt::format(", and had expired on {} by the capture's clock",
                        tls_date(certificate.not_after));
  } else if (certificate.not_yet_valid(at)) {
    text += fmt::format(", and is not valid before {} by the capture's clock",
                        tls_date(certificate.not_before));
  } else {
    text += fmt::format(", valid until {}", tls_date(certificate.not_after));
  }
  if (certificate.covers_sni == false) text += fmt::format("; it does not name {}", tls.sni);
  return text + '.';
}

void add_tls_facts(FindingBuilder& finding, const TlsSession& tls, Timestamp at) {
  finding.fact("tls_stage", std::string{name(tls.stage)});
  if (!tls.sni.empty()) finding.fact("sni", tls.sni);
  if (tls.newest_offered != 0) {
    finding.fact("version_offered", tls_version_name(tls.newest_offered));
  }
  if (tls.version != 0) finding.fact("version", tls_version_name(tls.version));
  if (tls.cipher != 0) finding.fact("cipher", tls_cipher_name(tls.cipher));
  if (!tls.offered_alpn.empty()) finding.fact("alpn_offered", joined(tls.offered_alpn));
  if (!tls.alpn.empty()) finding.fact("alpn", tls.alpn);
  if (!tls.certificate) return;
  const TlsCertificate& certificate = *tls.certificate;
  finding.fact("certificate_subject", certificate.subject)
      .fact("certificate_issuer", certificate.issuer)
      .fact("certificate_names", joined(certificate.names))
      .fact("certificate_not_before", tls_date(certificate.not_before))
      .fact("certificate_not_after", tls_date(certificate.not_after))
      .fact("certificate_expired", certificate.expired(at));
  if (certificate.covers_sni) finding.fact("certificate_covers_sni", *certificate.covers_sni);
}

}  // namespace httpdiag::rules
