// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase reuse: a kept-alive connection that was no longer what the
// client believed it to be.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kReuseRules{
    RuleInfo{
        .label = Label::request_on_half_closed,
        .id = "request-on-half-closed",
        .title = "Request sent on a connection the server had closed",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::reuse,
        .severity = Severity::error,
        .party = Party::client_app,
        .confidence = Confidence::high,
        .what =
            "The first segment of the request already acknowledges the server's FIN: the "
            "client's kernel knew that the server had closed, and the client wrote all the same. "
            "The usual answer is a bare RST whose sequence number is the request's "
            "acknowledgement number, and then no server application saw the request. A server "
            "that closed one direction only may acknowledge and even read it, but can never "
            "answer. How old the FIN was is stated: below 50 ms the pool may have checked and lost "
            "the race, above that it did not look.",
        .guards = "If the request does not acknowledge the FIN, the two crossed: "
                  "keepalive-close-race. If the server's FIN acknowledges the request, the server "
                  "had it first: closed-without-response. The client's own half-close is something "
                  "else.",
        .symptoms =
            "Apache HttpClient: org.apache.http.NoHttpResponseException: host:80 failed to "
            "respond; "
            "Java: java.net.SocketException: Broken pipe (Write failed); Java: "
            "java.net.SocketException: Connection reset; OkHttp: unexpected end of stream on "
            "http://host/; Go: http: server closed idle connection; Go: EOF; Go: "
            "readLoopPeekFailLocked; Python: RemoteDisconnected('Remote end closed connection "
            "without response'); Node: Error: socket hang up; Node: ECONNRESET with "
            "req.reusedSocket true; .NET: The response ended prematurely. (ResponseEnded); curl: "
            "Connection died, retrying a fresh connect; curl: (52) Empty reply from server; nginx: "
            "upstream prematurely closed connection while reading response header from upstream; "
            "Envoy: UC; ALB: 502; Server application: nothing at all",
        .remedy =
            "Client: let the pool drop idle connections before the server does: idle timeout 1 "
            "to 2 s below the server's keep-alive; check connections before use "
            "(setValidateAfterInactivity: 2 s in HttpClient 4.5, off in 5.x), "
            "evictIdleConnections, setTimeToLive. Allow one retry for this error; most "
            "libraries do not retry a POST by themselves. Server: keep connections longer, "
            "announce Keep-Alive: timeout=N, send Connection: close with the last response.",
        .references =
            "RFC 9112 sections 9.3.1, 9.5 and 9.6; RFC 9293 sections 3.5.2 and 3.6; Linux "
            "net/ipv4/tcp_input.c (tcp_reset: EPIPE in CLOSE_WAIT)",
    },
    RuleInfo{
        .label = Label::keepalive_close_race,
        .id = "keepalive-close-race",
        .title = "Request and server's close crossed on the wire",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::reuse,
        .severity = Severity::error,
        .party = Party::none,
        .confidence = Confidence::high,
        .what = "The server closes an idle connection with a FIN that does not acknowledge the "
                "request, and the request does not acknowledge that FIN: neither side had seen the "
                "other's segment. The server's host then answers the request with a RST, and no "
                "server application sees it. The idle time before the FIN shows the server's "
                "keep-alive timeout.",
        .guards = "Nobody broke a rule: this race is part of HTTP keep-alive. If the request "
                  "acknowledges the FIN, it is request-on-half-closed. If the FIN acknowledges the "
                  "request, it is closed-without-response. A FIN that was sent again and was a "
                  "quarter of a second and three round trips old crossed nothing: it did not "
                  "arrive, and whether the network or the client's host lost it is open.",
        .symptoms =
            "Apache HttpClient: org.apache.http.NoHttpResponseException: host:80 failed to "
            "respond; "
            "OkHttp: unexpected end of stream on http://host/; Go: http: server closed idle "
            "connection; Go: EOF; Python: RemoteDisconnected('Remote end closed connection without "
            "response'); Node: Error: socket hang up; .NET: The response ended prematurely. "
            "(ResponseEnded); nginx: upstream prematurely closed connection while reading response "
            "header from upstream; Envoy: UC; ALB: 502; Server application: nothing at all",
        .remedy = "Make the client's idle timeout 1 to 2 s shorter than the server's keep-alive "
                  "timeout. Client: lower it (defaults: OkHttp 5 min, Go 90 s, nginx upstream "
                  "keepalive_timeout 60 s). Server: raise its own (nginx 75 s, Tomcat 20 s as "
                  "shipped, Apache httpd 5 s, Node 5 s before its default became 65 s); behind an "
                  "AWS ALB above the ALB's 60 s. Allow one retry for this error.",
        .references = "RFC 9112 sections 9.3.1 and 9.5; AWS ALB target keep-alive guidance",
    },
    RuleInfo{
        .label = Label::idle_conn_reset,
        .id = "idle-conn-reset",
        .title = "Idle connection turned out dead: RST",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::reuse,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what = "After 30 s or more of idleness, and with no FIN from the server, the request is "
                "answered with a RST and never acknowledged. A device on the way forgot the "
                "connection, or the server's host did (restart, or a FIN that got lost). The idle "
                "time is compared with known device timers: 60, 240 (Azure), 300, 350 (AWS NLB and "
                "NAT gateway), 600, 900, 1800, 3600 s and 5 days (Linux conntrack).",
        .guards = "With a server FIN before the request it is request-on-half-closed or "
                  "keepalive-close-race. After a short pause it is reset-without-response. If the "
                  "capture began in the middle of the connection, a FIN may have been missed.",
        .symptoms =
            "errno: ECONNRESET (104) on the first request after a pause; Java: "
            "java.net.SocketException: Connection reset; Go: read: connection reset by peer; "
            "Python: "
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer')); Node: "
            "Error: read ECONNRESET; curl: (56) Recv failure: Connection reset by peer; .NET: An "
            "existing connection was forcibly closed by the remote host",
        .remedy =
            "Client: keep idle connections for less time than the device does (below 240 s is "
            "safe nearly everywhere), or send TCP keep-alives more often: SO_KEEPALIVE with "
            "tcp_keepalive_time 60 to 300 instead of 7200. Network: raise the device's idle "
            "timer. A RST with the server's own TTL: look for a restart of the server.",
        .references = "RFC 9293 sections 3.5.1, 3.5.2 and 3.8.4; RFC 5382 section 5 (NAT timers); "
                      "Linux ip-sysctl: tcp_keepalive_time; AWS NLB idle timeout",
    },
    RuleInfo{
        .label = Label::idle_conn_blackholed,
        .id = "idle-conn-blackholed",
        .title = "Idle connection turned out dead: silence",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::reuse,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "After 30 s or more of idleness the request is sent 3 times or more, or waits 3 s or "
            "more, and nothing at all comes back on a connection that had worked. A firewall or "
            "NAT has dropped its entry and now drops the packets in silence, or the server's "
            "host died.",
        .guards =
            "On a connection in recent use it is request-not-acked. With a RST it is "
            "idle-conn-reset. If other connections to the same host fail at the same time, the "
            "host or the path is down. If one direction only was captured, answers may exist.",
        .symptoms =
            "Java: java.net.SocketTimeoutException: Read timed out; errno: ETIMEDOUT (110) "
            "Connection timed out on read, after some 15 minutes; Go: context deadline exceeded "
            "(Client.Timeout exceeded while awaiting headers); curl: (28) Operation timed out "
            "after "
            "10001 milliseconds with 0 bytes received; HAProxy: sD",
        .remedy =
            "Client: keep idle connections for less time than the device does, send TCP "
            "keep-alives (tcp_keepalive_time 60 to 300 instead of 7200), and set "
            "TCP_USER_TIMEOUT or a read timeout, so that the failure does not take 15 minutes. "
            "Network: raise the idle timer, or let the device send RSTs.",
        .references = "RFC 9293 sections 3.8.3 and 3.8.4; RFC 5382 section 5; RFC 5482; Linux "
                      "ip-sysctl: tcp_retries2, tcp_keepalive_time",
    },
    RuleInfo{
        .label = Label::request_after_close_token,
        .id = "request-after-close-token",
        .title = "Request sent after Connection: close",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::reuse,
        .severity = Severity::error,
        .party = Party::client_app,
        .confidence = Confidence::high,
        .what =
            "An earlier message on this connection said Connection: close, or was HTTP/1.0 "
            "without keep-alive, and the client sends another request on it. The client must not "
            "send it and the server must not process it.",
        .guards = "A pipelined request that was on its way before the client had the closing "
                  "response is no mistake: its acknowledgement number does not yet cover that "
                  "response. If the server answers all the same, the exchange is complete.",
        .symptoms = "Apache HttpClient: org.apache.http.NoHttpResponseException: host:80 failed to "
                    "respond; "
                    "llhttp: HPE_CLOSED_CONNECTION, Data after `Connection: close`; Node: Error: "
                    "socket hang "
                    "up; curl: (52) Empty reply from server",
        .remedy = "Client: obey Connection: close before putting a connection back into the pool. "
                  "Proxy in between: do not strip that header while passing the close on.",
        .references = "RFC 9112 sections 9.3 and 9.6",
    },
    RuleInfo{
        .label = Label::keepalive_mismatch,
        .id = "keepalive-mismatch",
        .title = "Clients keep idle connections as long as the server",
        .scope = Scope::aggregate,
        .role = Role::annotation,
        .phase = Phase::reuse,
        .severity = Severity::warning,
        .party = Party::none,
        .confidence = Confidence::high,
        .what =
            "The server closes idle connections after a time that three or more of its closes "
            "agree on, and its clients use connections again after as long a rest, or too late "
            "already. This is the cause behind request-on-half-closed and keepalive-close-race.",
        .guards =
            "Closes that do not agree, or a connection that was used again after a longer rest "
            "without harm, show no limit. A server that closes after every response has none "
            "either, and one that closes after a number of requests has another.",
        .symptoms =
            "Client: NoHttpResponseException, Connection reset or socket hang up now and then, on "
            "the first request after a pause; AWS: 502 from the load balancer",
        .remedy =
            "Client: let the pool give up idle connections 1 to 2 s before the server does. Or "
            "server: keep them longer than its clients (a target behind an ALB longer than 60 s).",
        .references = "RFC 9112 section 9.5; Node.js server.keepAliveTimeout; Apache HttpClient "
                      "setValidateAfterInactivity",
    },
    RuleInfo{
        .label = Label::pipelined_requests,
        .id = "pipelined-requests",
        .title = "Requests sent without waiting for responses",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::reuse,
        .severity = Severity::info,
        .party = Party::none,
        .confidence = Confidence::high,
        .what = "The next request begins before the last byte of the previous response. Responses "
                "are paired in the order of the requests. A close after some of them leaves the "
                "others unanswered.",
        .guards =
            "A repeated segment is no new request. A request after an interim 1xx of the same "
            "exchange is not pipelined.",
        .symptoms = "People: one slow answer delays all behind it; Server log: several requests of "
                    "one connection in the same millisecond",
        .remedy =
            "Nothing, if both sides support it. Otherwise switch pipelining off in the client, "
            "or use HTTP/2. After a failure, retry idempotent requests only, and not pipelined "
            "on a fresh connection.",
        .references = "RFC 9112 section 9.3.2",
    },
};

}  // namespace httpdiag::rules::catalog
