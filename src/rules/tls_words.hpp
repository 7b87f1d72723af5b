// SPDX-License-Identifier: Apache-2.0
// What is visible of a TLS connection, as sentences and as facts of a finding.
#pragma once

#include <string>

#include "httpdiag/tls.hpp"
#include "rules/finding_builder.hpp"

namespace httpdiag::rules {

/// "TLS 1.3 to pay.example"; the version offered where none was chosen.
std::string tls_words(const TlsSession& tls);
/// " Its certificate is for pay.example, issued by Lab CA, and had expired on 2024-04-01."; empty
/// where none is visible.
std::string certificate_words(const TlsSession& tls, Timestamp at);
/// sni, alpn, version, cipher, certificate: what was seen.
void add_tls_facts(FindingBuilder& finding, const TlsSession& tls, Timestamp at);

}  // namespace httpdiag::rules
