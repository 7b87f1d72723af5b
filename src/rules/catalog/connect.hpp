// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase connect: from the first SYN to the first byte of payload.
// Before the handshake is complete nothing was delivered, whatever else holds.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kConnectRules{
    RuleInfo{
        .label = Label::connect_refused,
        .id = "connect-refused",
        .title = "Connection refused",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::server_host,
        .confidence = Confidence::high,
        .what =
            "The server's address answers the SYN with a RST that acknowledges it, before any "
            "SYN-ACK. No process listens on that port, or a firewall answers in the host's name. "
            "A RST with another TTL than the host's other packets speaks for the firewall, and one "
            "that a capturing gateway sends itself is the gateway's.",
        .guards = "A RST that does not acknowledge the SYN has no effect and is ignored. An ICMP "
                  "error instead of a RST is connect-unreachable. Windows repeats the SYN after a "
                  "RST: the same ports are the same attempt. A name with several addresses may "
                  "refuse on one and accept on the next, which harms nobody.",
        .symptoms =
            "errno: ECONNREFUSED (111), WSAECONNREFUSED (10061); Java: java.net.ConnectException: "
            "Connection refused; Apache HttpClient: HttpHostConnectException: Connect to "
            "host:80 failed: Connection refused; OkHttp: java.net.ConnectException: Failed to "
            "connect to /1.2.3.4:80; Go: dial tcp 1.2.3.4:80: connect: connection refused; Python: "
            "NewConnectionError: Failed to establish a new connection: [Errno 111] Connection "
            "refused; Node: Error: connect ECONNREFUSED 1.2.3.4:80; curl: (7) Failed to connect to "
            "host port 80: Could not connect to server; .NET: No connection could be made because "
            "the target machine actively refused it; Chrome: net::ERR_CONNECTION_REFUSED; nginx: "
            "connect() failed (111: Connection refused) while connecting to upstream, 502; "
            "HAProxy: "
            "SC, 503; Envoy: UF, 503; ALB: 502",
        .remedy =
            "Server: ss -lntp shows whether a process listens, and whether on 127.0.0.1 only. "
            "Check the container's port mapping, and whether the service was restarting at "
            "that second. If a firewall sent the RST (REJECT with tcp-reset), open it for this "
            "source. Client: check host, port and DNS of the callback URL.",
        .references = "RFC 9293 sections 3.5.2 and 3.10.7.1; connect(2); iptables-extensions(8): "
                      "REJECT",
    },
    RuleInfo{
        .label = Label::syn_retries_exhausted,
        .id = "syn-retries-exhausted",
        .title = "No answer to any SYN until the kernel gave up",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::low,
        .what =
            "The client repeats its SYN to the end of its kernel's schedule and gets no SYN-ACK, "
            "no RST and no ICMP error. Linux with tcp_syn_retries 6 sends at 0, 1, 3, 7, 15, 31 "
            "and 63 s and fails after 127 s. Linux 6.5 and later, with tcp_syn_linear_timeouts "
            "4, sends eleven until 67 s and fails after 131 s. Older Windows sends three and "
            "fails after 21 s. The SYN or its answer is lost on the way, or the server's host is "
            "down, drops the port in its firewall, or drops SYNs because its accept queue is "
            "full. Silence does not tell which.",
        .guards =
            "SYNs that stop before the schedule's end are connect-abandoned. A SYN with a new "
            "initial sequence number is a new attempt, not a retry. Copies of one SYN in the "
            "capture are not retries. If the server's packets are missing from the capture, "
            "see capture-one-way. A capture on the server host shows the SYN even when that "
            "host's own firewall drops it.",
        .symptoms =
            "errno: ETIMEDOUT (110), WSAETIMEDOUT (10060); Java: java.net.ConnectException: "
            "Connection timed out; Go: dial tcp 1.2.3.4:80: connect: connection timed out; Python: "
            "[Errno 110] Connection timed out; Node: Error: connect ETIMEDOUT 1.2.3.4:80; curl: "
            "(7) "
            "or (28); Chrome: net::ERR_CONNECTION_TIMED_OUT; .NET: A connection attempt failed "
            "because the connected party did not properly respond after a period of time; nginx: "
            "upstream timed out (110: Connection timed out) while connecting to upstream; HAProxy: "
            "sC, 503 or 504; Envoy: UF; ALB: 504 after 10 s",
        .remedy =
            "Network: open firewall and security group for this source, check the route there "
            "and the route back. Server host: is it up, does iptables or nftables drop the "
            "port, do ListenOverflows and ListenDrops grow in nstat -az (then raise "
            "net.core.somaxconn and the listen backlog)? Client: set a connect timeout of 3 to "
            "5 s, so that failover does not take 127 s.",
        .references =
            "Linux ip-sysctl: tcp_syn_retries, tcp_syn_linear_timeouts; RFC 6298 section 2 "
            "(1 s initial timeout); RFC 9293 section 3.8.3",
    },
    RuleInfo{
        .label = Label::connect_abandoned,
        .id = "connect-abandoned",
        .title = "SYNs went unanswered, and no more followed",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::low,
        .what =
            "The client's SYNs go unanswered and stop before the kernel's schedule is over, while "
            "the capture goes on: the application's connect timeout struck. Closing such a "
            "socket sends no packet. The client waited at least from its first to its last SYN, "
            "and at most until the next one was due.",
        .guards =
            "If the capture ends before the second SYN was due, nothing is proven: "
            "capture-ended-early. If it ends before a later one was due, whether the client gave "
            "up is open, and the confidence is low; it is an error after 7 s. A late SYN-ACK that "
            "draws a RST is handshake-client-reset. A client that tries two addresses at once "
            "drops the slower one on purpose.",
        .symptoms =
            "Java: java.net.SocketTimeoutException: connect timed out; Java: "
            "java.net.http.HttpConnectTimeoutException: HTTP connect timed out; Apache HttpClient: "
            "ConnectTimeoutException: Connect to host:80 failed: connect timed out; Go: dial tcp "
            "1.2.3.4:80: i/o timeout; Go: net/http: request canceled while waiting for connection "
            "(Client.Timeout exceeded while awaiting headers); Python: ConnectTimeoutError: "
            "Connection to host timed out. (connect timeout=5); undici: UND_ERR_CONNECT_TIMEOUT; "
            "curl: (28) Connection timed out after 10001 milliseconds; nginx: upstream timed out "
            "(110: Connection timed out) while connecting to upstream; HAProxy: sC; Twilio: 11205",
        .remedy =
            "Find out why the SYN gets no answer, as for syn-retries-exhausted: firewall, "
            "route, host down, accept queue full. If other connections to this host took "
            "longer to open than the client waited, raise the client's connect timeout "
            "(defaults: OkHttp and undici 10 s, nginx proxy_connect_timeout 60 s, curl 300 s). "
            "Do not let a failed connect of a secondary notification fail the main job.",
        .references = "Linux ip-sysctl: tcp_syn_retries; RFC 9293 section 3.10.4 (CLOSE in "
                      "SYN-SENT); RFC 8305 (two addresses at once)",
    },
    RuleInfo{
        .label = Label::connect_unreachable,
        .id = "connect-unreachable",
        .title = "A device on the way says unreachable (ICMP)",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::high,
        .what = "An ICMP destination unreachable that quotes the SYN arrives before any SYN-ACK "
                "(ICMPv4 type 3, ICMPv6 type 1). Linux gives up at once. The source address of the "
                "ICMP packet is the device that said no. If that is the server itself, its own "
                "firewall rejects.",
        .guards = "\"Fragmentation needed\" (ICMPv4 type 3 code 4) and \"packet too big\" are no "
                  "refusals. An ICMP error for an established connection is a soft error: TCP goes "
                  "on, and it is only a hint. Where the client gets its connection over the other "
                  "IP version it is only a remark.",
        .symptoms =
            "errno: EHOSTUNREACH (113) No route to host; errno: ENETUNREACH (101) Network is "
            "unreachable; Java: java.net.NoRouteToHostException: No route to host (Host "
            "unreachable); curl: (7) Failed to connect to host port 80; Chrome: "
            "net::ERR_ADDRESS_UNREACHABLE; nginx: connect() failed (113: No route to host) while "
            "connecting to upstream; HAProxy: SC; ALB: 502",
        .remedy = "Fix the route or the access list on the device that sent the ICMP. Host or net "
                  "unreachable: a route is missing, or the host is down. Prohibited (codes 9, 10, "
                  "13): a firewall rule. Port unreachable (code 3): a host firewall that rejects. "
                  "Keep ICMP in the capture filter: host X and (tcp or icmp or icmp6).",
        .references = "RFC 792; RFC 4443 section 3.1; RFC 1122 section 4.2.3.9; RFC 5461; Linux "
                      "net/ipv4/icmp.c (icmp_err_convert)",
    },
    RuleInfo{
        .label = Label::handshake_not_completed,
        .id = "handshake-not-completed",
        .title = "Handshake stuck after the SYN-ACK (SYN_RECV)",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "The server sends its SYN-ACK, repeats it, and the client never acknowledges it. The "
            "server's socket stays in SYN_RECV; Linux repeats after 1, 3, 7, 15 and 31 s "
            "(tcp_synack_retries 5) and drops it after 63 s. Seen near the server: the SYN-ACK "
            "or the client's ACK is lost on the way. Seen near the client: the client's host "
            "gets the SYN-ACK and throws it away. Very many sources at once may be a SYN flood.",
        .guards = "A client that answers with a RST is handshake-client-reset. A server with "
                  "TCP_DEFER_ACCEPT repeats the SYN-ACK although the ACK came, and serves the data "
                  "at once. Later payload proves that the handshake did complete. A capture that "
                  "ends within a second of the SYN-ACK proves nothing.",
        .symptoms =
            "netstat, ss: SYN_RECV, SYN-RECV; Linux kernel log: possible SYN flooding on port 80; "
            "Java: java.net.SocketTimeoutException: connect timed out; Java: "
            "java.net.ConnectException: Connection timed out; Go: dial tcp 1.2.3.4:80: i/o timeout",
        .remedy =
            "Network: check the way back, and stateful firewalls that see one direction only. "
            "Client host: local firewall, rp_filter with asymmetric routes. Server host under "
            "a flood: leave tcp_syncookies at 1 (the default) and raise tcp_max_syn_backlog; "
            "do not lower tcp_synack_retries blindly.",
        .references = "RFC 9293 section 3.5; RFC 4987 (SYN flooding); Linux ip-sysctl: "
                      "tcp_synack_retries, tcp_syncookies, tcp_max_syn_backlog, rp_filter",
    },
    RuleInfo{
        .label = Label::handshake_client_reset,
        .id = "handshake-client-reset",
        .title = "Client answers the SYN-ACK with a RST",
        .scope = Scope::flow,
        .role = Role::primary,
        .phase = Phase::connect,
        .severity = Severity::warning,
        .party = Party::client_app,
        .confidence = Confidence::medium,
        .what =
            "The client sends a RST in answer to a correct SYN-ACK, and no ACK before it. A "
            "kernel does that when the application closed the socket while the SYN was on its "
            "way: the SYN-ACK came after the connect timeout. If it came within 500 ms, this is "
            "rather a port scan or a health check that only asks whether the port is open; where "
            "the way there and back takes 50 ms or more, a client with a shorter limit looks the "
            "same. Where neither side had to repeat anything within a second, the client's limit "
            "is shorter than the way; where it repeated its SYN behind a SYN-ACK, that got lost.",
        .guards =
            "A RST behind the client's ACK resets an established connection. Without a SYN-ACK "
            "it is connect-abandoned. A RST for a SYN-ACK with a wrong acknowledgement number "
            "is required by TCP: the server still held an older connection.",
        .symptoms =
            "Java: java.net.SocketTimeoutException: connect timed out; Apache HttpClient: "
            "ConnectTimeoutException; Go: dial tcp 1.2.3.4:80: i/o timeout; curl: (28) Connection "
            "timed out after 1001 milliseconds; Server application: nothing at all",
        .remedy =
            "Client: raise the connect timeout above the time that the SYN-ACK took. Then find "
            "what delayed it: a lost first SYN (costs 1 s, then more), an overloaded load "
            "balancer, a long path. For a health check or a scan: nothing.",
        .references = "RFC 9293 sections 3.5.2 and 3.10.4",
    },
};

}  // namespace httpdiag::rules::catalog
