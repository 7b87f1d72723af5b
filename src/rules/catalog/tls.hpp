// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase tls: how the handshake of TLS failed, as far as it can be read.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kTlsRules{
    RuleInfo{
        .label = Label::tls_alert,
        .id = "tls-alert",
        .title = "TLS handshake ended by an alert",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::tls,
        .severity = Severity::error,
        .party = Party::unknown,
        .confidence = Confidence::medium,
        .what =
            "One side sent an alert that is readable: a fatal one, or a warning with the close "
            "within 1 s. The alert names the reason: 40 handshake_failure, 42 bad_certificate, 45 "
            "certificate_expired, 46 certificate_unknown, 48 unknown_ca, 70 protocol_version, 112 "
            "unrecognized_name, 116 certificate_required, 120 no_application_protocol. As a rule "
            "it complains of what the other side sent.",
        .guards =
            "close_notify ends every orderly session. Alerts behind the beginning of encryption "
            "cannot be read: in TLS 1.3 that is nearly all that a client sends, see "
            "tls-handshake-aborted.",
        .symptoms =
            "Java: SSLHandshakeException: Received fatal alert; Java: PKIX path building failed; "
            "Go: remote error: tls: handshake failure; Go: x509: certificate signed by unknown "
            "authority; Python: SSLError; curl: (35) or (60); Chrome: "
            "ERR_SSL_VERSION_OR_CIPHER_MISMATCH; nginx: SSL_do_handshake() failed, with the alert "
            "number",
        .remedy =
            "By the alert: install the whole certificate chain for this name, renew it, update "
            "the trust store, enable TLS 1.2 or later on both sides, send SNI, present the client "
            "certificate that is asked for.",
        .references = "RFC 8446 section 6; RFC 5246 section 7.2; RFC 6066 section 3 (SNI)",
    },
    RuleInfo{
        .label = Label::tls_handshake_aborted,
        .id = "tls-handshake-aborted",
        .title = "TLS handshake broken off without a readable word",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::tls,
        .severity = Severity::error,
        .party = Party::unknown,
        .confidence = Confidence::low,
        .what =
            "A ClientHello was sent, and one side closed or reset the connection before the "
            "handshake was finished, with no alert that could be read. In TLS 1.3 a record as long "
            "as an alert in place of the client's Finished means that the client has probably "
            "refused the certificate; one from the server right after the client's Finished, "
            "followed by the close, that it may want another client certificate (a Finished that "
            "came alone shows that none was asked for; an empty Certificate that the client had "
            "none).",
        .guards =
            "A readable alert is tls-alert. After 5 s of silence it is tls-handshake-stalled, "
            "whoever closes. Scanners, health checks and browsers leave in the middle as well: a "
            "client that leaves without a word gets a warning only. Nothing is said where the "
            "handshake is not in the capture as a whole.",
        .symptoms =
            "Java: Remote host terminated the handshake; Go: EOF; Go: read: connection reset by "
            "peer; curl: (35) SSL_ERROR_SYSCALL; nginx: peer closed connection in SSL handshake; "
            "Chrome: ERR_CONNECTION_CLOSED; ALB: 502",
        .remedy =
            "Read the log of the side that did not close, at that second: it has the alert in "
            "clear. Check the certificate with openssl s_client, the SNI and ALPN routing of the "
            "load balancer, allow-lists and WAF, and whether a client certificate is demanded.",
        .references = "RFC 8446 sections 4.4.2 and 6.2; RFC 5246 section 7.3",
    },
    RuleInfo{
        .label = Label::tls_handshake_stalled,
        .id = "tls-handshake-stalled",
        .title = "TLS handshake got no answer",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::tls,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "One side's part of the handshake is on the wire, and for 5 s or longer nothing more "
            "of it came from the other side, until somebody closed or the capture ended. Most "
            "often the ClientHello was acknowledged and no ServerHello followed. Where the bytes "
            "were never acknowledged though sent again and again, the network swallowed them.",
        .guards =
            "Less than 5 s is no stall. Without the other direction in the capture, or with a gap "
            "in the handshake, nothing is said. When only full-size packets are lost, the path "
            "MTU is the reason.",
        .symptoms =
            "Go: net/http: TLS handshake timeout; Java: Read timed out; curl: (28); Chrome: "
            "ERR_TIMED_OUT",
        .remedy =
            "Server: is the TLS terminator overloaded, or does a plain service listen on that "
            "port and wait for more? Network: try ping with 1472 bytes and the don't-fragment bit, "
            "and clamp the MSS if it fails.",
        .references = "RFC 8446 section 2; RFC 1191; RFC 4821",
    },
    RuleInfo{
        .label = Label::tls_plaintext_mismatch,
        .id = "tls-plaintext-mismatch",
        .title = "One side speaks TLS, the other plain HTTP",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::tls,
        .severity = Severity::error,
        .party = Party::client_app,
        .confidence = Confidence::high,
        .what =
            "The client began TLS and the server answered in plain text; or the client sent plain "
            "HTTP and the server answered with a TLS record, with a 400 that says so, or closed "
            "without a byte on a port that speaks TLS on other connections. Scheme and port do "
            "not fit together.",
        .guards =
            "A TLS record in the middle of an HTTP connection is a damaged response. A server "
            "that takes both on one port answers both.",
        .symptoms =
            "Java: Unsupported or unrecognized SSL message; OpenSSL: wrong version number; Go: "
            "server gave HTTP response to HTTPS client; Go: malformed HTTP response; Node: Parse "
            "Error: Expected HTTP/; nginx: client sent plain HTTP request to HTTPS port; Chrome: "
            "ERR_SSL_PROTOCOL_ERROR",
        .remedy =
            "Correct http or https, or the port, in the callback URL; behind a load balancer, the "
            "protocol of the target.",
        .references = "RFC 8446 section 5.1; RFC 9110 section 4.2",
    },
};

}  // namespace httpdiag::rules::catalog
