// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase connect: a handshake that came about, or nearly, with trouble.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kHandshakeRules{
    RuleInfo{
        .label = Label::accept_queue_overflow,
        .id = "accept-queue-overflow",
        .title = "Accept queue full: handshake dropped",
        .scope = Scope::flow,
        .role = Role::either,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The client acknowledged the SYN-ACK and sent data, yet the server repeats its SYN-ACK "
            "and never acknowledges that data. The server's kernel throws away the last step of "
            "the handshake because the application does not accept connections fast enough. As an "
            "annotation (warning): it took the data in the end, after the client had sent it again "
            "in vain at least twice.",
        .guards =
            "With TCP_DEFER_ACCEPT a server repeats its SYN-ACK as well, but takes the first data "
            "at once. One SYN-ACK that crosses the client's ACK means nothing. On current Linux a "
            "full queue mostly shows earlier: SYNs stay without an answer, which is "
            "syn-retries-exhausted or connect-abandoned. Seen at the client, loss of everything "
            "that follows the SYN looks the same.",
        .symptoms =
            "Client: the connection opens, then Read timed out or Connection reset; nstat: "
            "TcpExtListenOverflows and TcpExtListenDrops grow; ss -lnt: Recv-Q above Send-Q",
        .remedy =
            "Server: find what keeps the application from accepting (blocked acceptor thread, "
            "long garbage collection, too few workers). Raise net.core.somaxconn and the listen "
            "backlog together (nginx backlog=, Tomcat acceptCount).",
        .references = "listen(2); Linux ip-sysctl: tcp_abort_on_overflow, tcp_max_syn_backlog; "
                      "tcp(7): TCP_DEFER_ACCEPT",
    },
    RuleInfo{
        .label = Label::reset_after_handshake,
        .id = "reset-after-handshake",
        .title = "Server resets right after the handshake",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::server_host,
        .confidence = Confidence::medium,
        .what =
            "The handshake completed, nobody sent a byte of payload, and within a second a RST "
            "came from the server. A listener that was closed with connections still queued, "
            "tcp_abort_on_overflow, a load balancer without a healthy target and an allow-list of "
            "addresses do this. Where it closed with a FIN, as some allow-lists do, it is a "
            "warning.",
        .guards =
            "A RST of the client is not meant: health checks close like that. A later reset puts "
            "an "
            "unused connection away, which is connection-unused. A RST in answer to a request is "
            "reset-without-response.",
        .symptoms =
            "errno: ECONNRESET right after connect; Go: read: connection reset by peer; Node: "
            "ECONNRESET; curl: (56) Recv failure: Connection reset by peer; TLS clients: "
            "SSL_ERROR_SYSCALL",
        .remedy =
            "Server side: check the health of the load balancer's targets, "
            "net.ipv4.tcp_abort_on_overflow, and lists of allowed source addresses; look whether "
            "the process was restarting at that second.",
        .references = "RFC 9293 section 3.5.2; Linux ip-sysctl: tcp_abort_on_overflow",
    },
    RuleInfo{
        .label = Label::stale_port_reuse,
        .id = "stale-port-reuse",
        .title = "SYN met an old connection with the same ports",
        .scope = Scope::flow,
        .role = Role::either,
        .phase = Phase::connect,
        .severity = Severity::warning,
        .party = Party::server_host,
        .confidence = Confidence::medium,
        .what =
            "The SYN was answered by a packet that acknowledges something else: the server still "
            "held an older connection with the same addresses and ports. The client's kernel "
            "answers with a RST, which clears the old state, and repeats the SYN, mostly a second "
            "later. If no connection comes about, this is the flow's label; otherwise it explains "
            "the delay. Where the capture has the older connection too, its state is named.",
        .guards =
            "A late ACK of the previous connection that costs nothing, because the right SYN-ACK "
            "follows without a repeated SYN. A correct SYN-ACK answered by a RST is "
            "handshake-client-reset.",
        .symptoms =
            "People: single connects that take exactly 1 s longer; errno: ETIMEDOUT if something "
            "filters the RST; Wireshark: TCP Port numbers reused, TCP ACKed unseen segment",
        .remedy =
            "Server application: close sockets that sit in CLOSE_WAIT. Client side or NAT: more "
            "source ports, so that none comes round within the minute, or connections that are "
            "kept alive.",
        .references = "RFC 9293 section 3.5.1; RFC 5961 section 4 (challenge ACK); RFC 6191",
    },
    RuleInfo{
        .label = Label::connect_slow,
        .id = "connect-slow",
        .title = "Connection opened late",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::connect,
        .severity = Severity::warning,
        .party = Party::network,
        .confidence = Confidence::low,
        .what =
            "The handshake completed, but a SYN or SYN-ACK had to be repeated, or it took 1 s or "
            "longer. An extra 1, 3 or 7 s means one, two or three lost SYNs (1, 2 or 3 s on "
            "Linux 6.5 and later).",
        .guards = "Copies of one SYN are not repetitions, in the capture or, within a handshake of "
                  "less than 200 ms, on the wire. A long round trip without any repetition is "
                  "distance, unless it reaches 1 s. Two SYNs or more that arrive at the server and "
                  "have no answer are its host's doing, not the network's.",
        .symptoms =
            "People: some calls take almost exactly 1 s or 3 s longer than the others; nstat: "
            "TcpExtListenDrops or TcpExtTCPTimeouts grow",
        .remedy = "Network: look for loss on the path. Server host: if ListenDrops grows, SYNs are "
                  "dropped under load: raise net.core.somaxconn and the listen backlog, and fix a "
                  "stalled accept loop. Client: reuse connections.",
        .references = "RFC 6298 section 2; Linux ip-sysctl: tcp_syn_linear_timeouts; listen(2)",
    },
    RuleInfo{
        .label = Label::syn_ignored_suspect,
        .id = "syn-ignored-suspect",
        .title = "SYN may have been ignored for its timestamp",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::connect,
        .severity = Severity::info,
        .party = Party::server_host,
        .confidence = Confidence::low,
        .what =
            "A SYN got no answer, and its TCP timestamp is lower than that of another connection "
            "from the same address which the same server had closed with within 60 s before; SYNs "
            "with higher timestamps were answered. Several hosts behind one NAT address look like "
            "one host whose clock runs backwards, and old kernels with tcp_tw_recycle drop such "
            "SYNs without a word.",
        .guards =
            "A SYN with as low a timestamp that was answered within these 60 s refutes it. Without "
            "timestamps in both packets nothing is said. The clocks of several hosts differ by "
            "chance as well: this is a hint beside syn-retries-exhausted, connect-abandoned or "
            "connect-slow, never the verdict.",
        .symptoms =
            "nstat: TcpExtPAWSPassive grows; netstat: passive connections rejected because of time "
            "stamp; People: only some of the clients behind one address cannot connect",
        .remedy = "Server host: net.ipv4.tcp_tw_recycle=0 (Linux 4.12 removed it), or a newer "
                  "kernel. Ask "
                  "for the same in load balancers and firewalls on the way.",
        .references = "RFC 7323 section 5 (PAWS) and appendix G; RFC 6191",
    },
    RuleInfo{
        .label = Label::connection_unused,
        .id = "connection-unused",
        .title = "Connection opened and never used",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::info,
        .party = Party::none,
        .confidence = Confidence::high,
        .what = "The handshake completed, nobody sent a byte of payload, and the client closed, or "
                "the server closed after an idle time. Browsers that connect ahead, TCP health "
                "checks and the warm-up of a pool do this.",
        .guards = "Acknowledged bytes that are not in the capture are capture-gap: the connection "
                  "was used. A server that closes or resets right after the handshake turns the "
                  "client away, which is no idleness.",
        .symptoms =
            "HAProxy: cR 408 or CR 400, unless option http-ignore-probes is set; Apache httpd "
            "access log: \"-\" 408",
        .remedy =
            "Usually nothing. If these fill the logs, use option http-ignore-probes in HAProxy "
            "or a health check that sends a request. If the pool opens far more than it uses, "
            "lower its minimum size.",
        .references =
            "HAProxy configuration manual: option http-ignore-probes; RFC 9112 section 9.5",
    },
};

}  // namespace httpdiag::rules::catalog
