// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase teardown: how a connection was put away, or was not.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kTeardownRules{
    RuleInfo{
        .label = Label::close_wait_lingering,
        .id = "close-wait-lingering",
        .title = "One side closed, the other never does",
        .scope = Scope::flow,
        .role = Role::either,
        .phase = Phase::teardown,
        .severity = Severity::warning,
        .party = Party::unknown,
        .confidence = Confidence::medium,
        .what =
            "One side's FIN was acknowledged, and the other side sent neither FIN nor RST nor "
            "payload for 60 s or longer. Its kernel is in CLOSE_WAIT and waits for the application "
            "to close; the side that closed sits in FIN_WAIT_2. On a client whose pool keeps such "
            "a connection it does no harm until the next request is sent on it.",
        .guards =
            "A side that still sends is using the other half of the connection. A FIN that was "
            "never acknowledged is fin-not-acked. When the capture ends within the minute, nothing "
            "is said.",
        .symptoms = "ss: CLOSE-WAIT on one host, FIN-WAIT-2 on the other; netstat: the number of "
                    "CLOSE_WAIT grows; errno: EMFILE (Too many open files)",
        .remedy =
            "The application on the side that did not close: close the socket when read returns "
            "0 (try-with-resources, finally), and evict idle connections from the pool in the "
            "background.",
        .references = "RFC 9293 section 3.3.2 and 3.6; Linux ip-sysctl: tcp_fin_timeout",
    },
    RuleInfo{
        .label = Label::fin_not_acked,
        .id = "fin-not-acked",
        .title = "FIN repeated and never acknowledged",
        .scope = Scope::flow,
        .role = Role::either,
        .phase = Phase::teardown,
        .severity = Severity::warning,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "A FIN was sent three times or more and no ACK covers it. The peer's host has "
            "vanished, or the network between the two was cut after the exchange. If payload in "
            "front of the FIN is unacknowledged too, data may be lost.",
        .guards =
            "A RST in answer to the FIN is an answer. In a capture that lacks the other direction "
            "its ACKs cannot be missed.",
        .symptoms = "ss: FIN-WAIT-1 or LAST-ACK for a minute or longer; Wireshark: [TCP "
                    "Retransmission] of a FIN; nstat: TcpExtTCPAbortOnTimeout grows",
        .remedy =
            "Network: look for a firewall or NAT that drops the entry as soon as it has seen one "
            "FIN. Peer host: was it restarted or suspended? If only idle connections are closed "
            "like this, nothing was lost.",
        .references = "Linux ip-sysctl: tcp_orphan_retries; RFC 9293 section 3.6",
    },
    RuleInfo{
        .label = Label::reset_after_complete,
        .id = "reset-after-complete",
        .title = "Reset after everything was delivered (harmless)",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::teardown,
        .severity = Severity::info,
        .party = Party::none,
        .confidence = Confidence::high,
        .what =
            "A RST ends the connection after all exchanges are complete: sent by the client, or "
            "by the server when the client had acknowledged every byte of the responses. Nothing "
            "was lost. Load testers, health checks and clients that avoid TIME_WAIT close like "
            "this.",
        .guards =
            "A server RST while response bytes are unacknowledged is response-truncated-rst. A "
            "RST while a request is open belongs to that request.",
        .symptoms = "Wireshark: [RST] or [RST, ACK] as the last packet; Client: nothing, or "
                    "ECONNRESET in a log about closing",
        .remedy =
            "Nothing. If the logs disturb, remove SO_LINGER 0 on the side that sends the RST, "
            "and read to the end before closing.",
        .references = "RFC 9293 sections 3.5.2 and 3.10.4; RFC 2525 section 2.17; socket(7): "
                      "SO_LINGER",
    },
    RuleInfo{
        .label = Label::keepalive_probe_failed,
        .id = "keepalive-probe-failed",
        .title = "Keep-alive probes without an answer",
        .scope = Scope::exchange,
        .role = Role::either,
        .phase = Phase::teardown,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "Two or more TCP keep-alive probes stayed without any answer, and the prober reset the "
            "connection or nothing more was seen. The peer, or the state of a device on the path, "
            "is gone although nobody closed. If a request was waiting for its answer, this is why "
            "it ended.",
        .guards =
            "Probes that are answered are no failure. Probes into a closed window belong to "
            "zero-window-stall: the peer's last window decides. In a capture that lacks the other "
            "direction the answers cannot be missed.",
        .symptoms =
            "errno: ETIMEDOUT on read; Java: Connection timed out; Wireshark: [TCP Keep-Alive] "
            "again and again, then RST",
        .remedy =
            "Network: find the device that forgot the connection, and probe more often than its "
            "idle limit (net.ipv4.tcp_keepalive_time, TCP_KEEPIDLE). Peer host: was it restarted "
            "or moved?",
        .references = "RFC 9293 section 3.8.4; Linux ip-sysctl: tcp_keepalive_time, "
                      "tcp_keepalive_intvl, tcp_keepalive_probes",
    },
    RuleInfo{
        .label = Label::timewait_buildup,
        .id = "timewait-buildup",
        .title = "Many connections in TIME_WAIT",
        .scope = Scope::aggregate,
        .role = Role::annotation,
        .phase = Phase::teardown,
        .severity = Severity::warning,
        .party = Party::client_app,
        .confidence = Confidence::medium,
        .what =
            "One host closed so many connections first, within the 60 s that TIME_WAIT lasts, that "
            "they add up: half of the usual port range towards one server, when the host is the "
            "client; 5,000 when it is the server. A client that runs out of ports cannot connect, "
            "and that shows in no packet.",
        .guards =
            "Connections that ended with a RST leave nothing behind. Whoever sends the first FIN "
            "has the TIME_WAIT. The number is what the capture shows; other traffic of the host "
            "adds to it.",
        .symptoms =
            "errno: EADDRNOTAVAIL (99), Cannot assign requested address; Java: BindException: "
            "Address already in use: connect; nginx: connect() to ... failed (99: Cannot assign "
            "requested address); HAProxy: RC; ss: many TIME-WAIT",
        .remedy = "Client: keep connections alive instead of one for each request; "
                  "net.ipv4.tcp_tw_reuse=1 "
                  "on the client; a wider net.ipv4.ip_local_port_range. Never tcp_tw_recycle.",
        .references = "RFC 9293 section 3.6.1; Linux ip-sysctl: tcp_tw_reuse, ip_local_port_range",
    },
};

}  // namespace httpdiag::rules::catalog
