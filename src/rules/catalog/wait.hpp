// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase wait: the request is out, the response is not there.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kWaitRules{
    RuleInfo{
        .label = Label::client_timeout,
        .id = "client-timeout",
        .title = "Client gave up waiting for the response",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::wait,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The request was complete and acknowledged, no byte of a response came, and the "
            "client is the first to close, with FIN or RST. The wait is stated and compared with "
            "usual timeouts (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 100, 120, 180, 300, 600 "
            "s). The request reached the server's host and may still be executed.",
        .guards =
            "A client FIN within 500 ms of the request is a half-close, not a timeout. A "
            "response into the closed connection makes it late-response. Request bytes without "
            "acknowledgement are request-not-acked or idle-conn-blackholed. A person who "
            "cancels looks the same as a timer; a round number speaks for the timer.",
        .symptoms =
            "Java: java.net.SocketTimeoutException: Read timed out; JDK HttpClient: "
            "HttpTimeoutException: request timed out; OkHttp: InterruptedIOException: timeout, "
            "IOException: Canceled; Feign: RetryableException: Read timed out executing POST; Go: "
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers); Go: "
            "net/http: timeout awaiting response headers; Python: Read timed out. (read "
            "timeout=30); Node: ESOCKETTIMEDOUT, AbortError, UND_ERR_HEADERS_TIMEOUT; axios: "
            "timeout "
            "of 60000ms exceeded; curl: (28) Operation timed out after 10001 milliseconds with 0 "
            "bytes received; .NET: The request was canceled due to the configured "
            "HttpClient.Timeout of 100 seconds elapsing.; Browser: status 0, (canceled), "
            "net::ERR_ABORTED; nginx as the server: 499; HAProxy: CH; Envoy: DC; ALB: 460; Tomcat: "
            "ClientAbortException",
        .remedy = "Server: find the slow call (thread dump at that second); acknowledge first and "
                  "work afterwards. Client: set the timeout above the server's 99th percentile. "
                  "Along a chain of calls the outer timeout must be the longer one. Make the "
                  "operation idempotent, since a retry may execute it twice.",
        .references =
            "RFC 9112 section 9.5; RFC 9110 section 9.2.2; default read timeouts: OkHttp 10 "
            "s, .NET HttpClient 100 s, undici 300 s, Apache HttpClient none",
    },
    RuleInfo{
        .label = Label::late_response,
        .id = "late-response",
        .title = "Response came after the client had left",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::wait,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The client closes while waiting, the server's response arrives afterwards, and the "
            "client's kernel discards it with a RST. Both times are stated: how long the client "
            "waited, how long the server took. The late status often says success: the server "
            "did the work, the client counts it as failed.",
        .guards =
            "A client that only half-closed goes on reading: it acknowledges the response and "
            "sends no RST, and all is well. A RST that the response draws, without a FIN of the "
            "client before it, does not say when or how its socket went: nobody is accused. An "
            "answer right behind the client's FIN, which acknowledges it after a long silence, may "
            "be what the leaving has drawn (a proxy that ends a cancelled request), and no result.",
        .symptoms =
            "Client: the messages of client-timeout; Server access log: 200 with a long duration; "
            "Server errno: EPIPE, Broken pipe on the second write; Tomcat: ClientAbortException: "
            "java.io.IOException: Broken pipe; Go server: write: broken pipe; nginx: 499; HAProxy: "
            "CD or CH",
        .remedy =
            "Server: answer at once (200 or 202) and work in the background, or become faster "
            "than the client's limit. Client: if the server's time is acceptable, raise the "
            "timeout above it. Receiver: recognise repeats by a business key, since senders "
            "send again. Before sending again by hand, look up the result.",
        .references = "RFC 9112 sections 9.5 and 9.6; RFC 9293 sections 3.5.2 and 3.6.1 "
                      "(half-closed connections)",
    },
    RuleInfo{
        .label = Label::closed_without_response,
        .id = "closed-without-response",
        .title = "Server closed after the request without answering",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::wait,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what =
            "The server's kernel had the whole request, as its acknowledgement number shows, and "
            "the server closes with a FIN without one byte of a response. Within 10 ms it is "
            "rather a refusal: no backend, a worker that crashes at once, the wrong protocol. "
            "After a round number of seconds it is rather a timeout that closes in silence. A "
            "killed process closes like this too.",
        .guards = "A FIN that does not cover the request crossed it on the wire: "
                  "keepalive-close-race. A request that already acknowledges the FIN went into a "
                  "half-closed connection: request-on-half-closed. A 1xx does not count as a "
                  "response. Where the server closed within 5 ms, after a rest as long as it "
                  "announced or as it gives its other connections, its idle timer did it: nobody's "
                  "fault.",
        .symptoms =
            "Apache HttpClient: org.apache.http.NoHttpResponseException: host:80 failed to "
            "respond; "
            "Java: java.net.SocketException: Unexpected end of file from server; JDK HttpClient: "
            "HTTP/1.1 header parser received no bytes; OkHttp: unexpected end of stream on "
            "http://host/; Go: EOF; Go: http: server closed idle connection; Python: ('Connection "
            "aborted.', RemoteDisconnected('Remote end closed connection without response')); "
            "Node: "
            "Error: socket hang up; undici: UND_ERR_SOCKET other side closed; curl: (52) Empty "
            "reply "
            "from server; .NET: The response ended prematurely. (ResponseEnded); Chrome: "
            "net::ERR_EMPTY_RESPONSE; nginx: upstream prematurely closed connection while reading "
            "response header from upstream, 502; HAProxy: SH, 502; Envoy: UC, 503; ALB: 502",
        .remedy = "Server: read its error log at that second: crash, out-of-memory kill, PHP-FPM "
                  "request_terminate_timeout, worker recycling, shutdown without draining, nginx "
                  "return 444. Proxy in between: its timeouts and its backend. Client: retry only "
                  "what is idempotent; the request may have been executed.",
        .references =
            "RFC 9112 sections 9.3.1 and 9.5; RFC 9110 section 9.2.2; RFC 9293 section 3.6",
    },
    RuleInfo{
        .label = Label::reset_without_response,
        .id = "reset-without-response",
        .title = "Request was answered with a RST",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::wait,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "A RST from the server's address follows the request, with no byte of a response and "
            "no FIN before it. A RST,ACK whose acknowledgement number covers the request comes "
            "from a live socket: closed with unread data, closed with SO_LINGER 0, or torn down. "
            "A bare RST whose sequence number is the request's acknowledgement number comes from "
            "a host without such a socket: the request bytes were discarded.",
        .guards =
            "After 30 s or more of idleness and without acknowledgement it is idle-conn-reset. "
            "With a server FIN before it, it is request-on-half-closed or "
            "keepalive-close-race. Behind part of a response it is response-truncated-rst. A "
            "RST with another TTL than the server's packets may come from a device in "
            "between. Where it came within 5 ms, acknowledges the request, and the connection had "
            "rested as long as the server announced or as it gives its other connections, its idle "
            "timer did it, and its kernel said so with a RST because the request was unread: "
            "nobody's fault.",
        .symptoms =
            "errno: ECONNRESET (104), WSAECONNRESET (10054); Java: java.net.SocketException: "
            "Connection reset; Go: read tcp 1.2.3.4:80: read: connection reset by peer; Python: "
            "ConnectionResetError(104, 'Connection reset by peer'); Node: Error: read ECONNRESET; "
            "Node: Error: socket hang up; curl: (56) Recv failure: Connection reset by peer; .NET: "
            "An existing connection was forcibly closed by the remote host; Chrome: "
            "net::ERR_CONNECTION_RESET; nginx: recv() failed (104: Connection reset by peer) while "
            "reading response header from upstream, 502; HAProxy: SH; Envoy: UR or UC; ALB: 502",
        .remedy = "Server: look for a crash, a kill or a restart at that second, for SO_LINGER 0, "
                  "and for code that closes without reading the body. Network: web application "
                  "firewall or intrusion prevention that kills connections, load balancer that "
                  "deregistered the target. Client: retry safely only if the request was not "
                  "acknowledged.",
        .references =
            "RFC 9293 sections 3.5.2, 3.5.3 and 3.10.7; RFC 2525 section 2.17; socket(7): "
            "SO_LINGER",
    },
    RuleInfo{
        .label = Label::no_response,
        .id = "no-response",
        .title = "Request acknowledged, no response until capture end",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::wait,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The request was complete and acknowledged, no byte of a response came, and nobody "
            "closed before the capture ended, 1 s later or more. The longer the wait, the surer: "
            "low confidence below 5 s, medium below 30 s, high from there on. The kernel "
            "acknowledges without the application: a process that never accepts the connection "
            "looks the same.",
        .guards = "A capture that ends within 1 s of the request says nothing "
                  "(capture-ended-early). Request bytes without acknowledgement are "
                  "request-not-acked. If the client closed first, it is client-timeout.",
        .symptoms =
            "People: the caller hangs; Java: nothing, since the default read timeout is infinite; "
            "nginx access log: nothing yet, the line is written at the end; HAProxy log: nothing "
            "yet, the line is written at the end; ALB: 504 after 60 s",
        .remedy = "Server: take a thread dump while it hangs, and check that the accept loop runs "
                  "(ss -lnt: Recv-Q of the listening socket stays near 0). Client: set a read "
                  "timeout. Capture longer than the client's timeout to see how it ends.",
        .references = "RFC 9293 section 3.4 (what an acknowledgement means); listen(2); RFC 9112 "
                      "section 9.5",
    },
    RuleInfo{
        .label = Label::slow_response,
        .id = "slow-response",
        .title = "Response came late, but it came",
        .scope = Scope::exchange,
        .role = Role::either,
        .phase = Phase::wait,
        .severity = Severity::warning,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what = "The exchange is complete, but the first byte of the response took 3 s or longer "
                "after the last byte of the request, or the whole exchange took 10 s or longer. It "
                "succeeded for this client. A client with a shorter timeout would have left.",
        .guards =
            "Time spent on retransmissions belongs to the network: loss-recovery-delay. A slow "
            "upload is the client's time, since the wait begins at the last byte of the "
            "request. A capture at the client includes one round trip. Long polling is slow on "
            "purpose: a request that names a timeout or wait that covers it, or says that it "
            "polls, "
            "is only a remark, and so is an answer without news (204, 304, an empty 200) to a GET "
            "after whole seconds. Where the client's receive window was 0 for most of a long "
            "answer, it is the client's.",
        .symptoms = "HAProxy log: a large fourth timer (Tr), 0/0/0/65006/65006 200; nginx: a large "
                    "$upstream_response_time; ALB: a large target_processing_time",
        .remedy = "Server: profile the handler, and look for waits on databases, locks and other "
                  "services. Acknowledge callbacks first and process them afterwards: many senders "
                  "allow 3 to 10 s.",
        .references =
            "RFC 9110 section 15.3.3 (202 Accepted); HAProxy configuration manual: timing "
            "events",
    },
};

}  // namespace httpdiag::rules::catalog
