// SPDX-License-Identifier: Apache-2.0
// Catalogue, phases payload and request: what the client put on the wire, and
// whether it arrived.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kRequestRules{
    RuleInfo{
        .label = Label::payload_opaque,
        .id = "payload-opaque",
        .title = "Payload is not readable HTTP/1.x",
        .scope = Scope::flow,
        .role = Role::either,
        .phase = Phase::payload,
        .severity = Severity::info,
        .party = Party::none,
        .confidence = Confidence::high,
        .what =
            "The bytes on this connection are no HTTP/1.x that can be read: TLS, HTTP/2, what "
            "follows an Upgrade or a CONNECT, or another protocol. Handshake, loss, idle times, "
            "resets and closing are still judged, and of TLS its readable part: server name, "
            "version, certificate up to TLS 1.2, alerts, and bursts as long as a request that got "
            "no answer. A greeting of the server's in front of exchanges that are HTTP is noted "
            "with this label, too. It is a warning where the server resets what an Upgrade or a "
            "CONNECT had handed over.",
        .guards = "A damaged request still starts with a method and is request-malformed. Right "
                  "after a mid-stream start or a gap the middle of a body looks opaque too, until "
                  "the next start line.",
        .symptoms = "Wireshark: Application Data; curl: (92) HTTP/2 stream was not closed cleanly; "
                    "Java: HTTP/1.1 header parser received no bytes",
        .remedy = "To see more, capture behind the TLS terminator, on the plain leg to the "
                  "application, or on the loopback of the host that terminates. For HTTP/2 without "
                  "TLS, pin the client to HTTP/1.1 during the test. To check whether "
                  "both ends saw the same bytes, capture at both and compare.",
        .references =
            "RFC 8446 section 5 (TLS records); RFC 9113 section 3.4 (HTTP/2 preface); RFC "
            "9110 sections 7.8 (Upgrade) and 9.3.6 (CONNECT)",
    },
    RuleInfo{
        .label = Label::request_not_acked,
        .id = "request-not-acked",
        .title = "Request was sent and never acknowledged",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::request,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "Request bytes get no acknowledgement, although the client sends the first of them 3 "
            "times or more, or 3 s pass, and no RST comes. The connection was in use shortly "
            "before. The bytes or the acknowledgements are lost on the way, or the server's host "
            "is gone. Linux repeats after about 0.2, 0.4, 0.8, 1.7, 3.3 s and so on, and gives "
            "up after 15 minutes (tcp_retries2 15). Of a flow: what is not acknowledged is no HTTP "
            "that can be read.",
        .guards =
            "After 30 s or more of idleness it is idle-conn-blackholed. A request held back "
            "because the server closed its window is zero-window-stall. If one direction only "
            "was captured, the acknowledgements may exist. A request larger than the first window, "
            "of which nothing was acknowledged, is this rather than request-incomplete: the client "
            "did not stop. A capture that ends within 3 s of it proves little: three "
            "retransmissions may be over in one. What the client did not send again for 10 s, or "
            "followed by keep-alive probes, was acknowledged: the ACK is missing from the "
            "capture. The client's own give-up is invisible here: its FIN waits behind the "
            "unacknowledged bytes.",
        .symptoms =
            "Java: java.net.SocketTimeoutException: Read timed out; Python: Read timed out. (read "
            "timeout=30); curl: (28) Operation timed out after 10001 milliseconds with 0 bytes "
            "received; errno: ETIMEDOUT (110) on read, after some 15 minutes; Chrome: "
            "net::ERR_CONNECTION_ABORTED; nginx: upstream timed out (110: Connection timed out) "
            "while sending request to upstream; HAProxy: cD or sH",
        .remedy =
            "Network: find the break between the hosts: VPN, NAT or firewall state, a link; "
            "the MTU if only large requests hang. Server host: if a capture there shows the "
            "segments arriving, its kernel drops them (conntrack INVALID, rp_filter, iptables, "
            "bad checksums). Client: set a request timeout or TCP_USER_TIMEOUT, so that this "
            "costs seconds instead of 15 minutes.",
        .references = "RFC 9293 section 3.8.3; RFC 6298; RFC 5482; Linux ip-sysctl: tcp_retries2",
    },
    RuleInfo{
        .label = Label::request_incomplete,
        .id = "request-incomplete",
        .title = "Request never became complete",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::request,
        .severity = Severity::error,
        .party = Party::client_app,
        .confidence = Confidence::medium,
        .what =
            "The request stops before the end that Content-Length or its chunks promise, and the "
            "connection ends or stands still for 5 s. Who ended it is stated: the client closed "
            "or reset, the server closed, reset or answered 408, or the bytes just stopped.",
        .guards =
            "A body that the capture cut or missed is capture-snaplen-cut or capture-gap. A "
            "client that sent Expect: 100-continue may pause for a second before the body; if "
            "neither 100 nor an answer comes, it waits for the server: client-timeout, "
            "closed-without-response, no-response. While its kernel still sends again what "
            "was not acknowledged, it has not stopped: request-not-acked. A FIN behind a complete "
            "request is a legal half-close. If a final response came "
            "first, it is early-response. Where bytes behind the missing ones came past and "
            "the server asks for those by selective ACK, the client had sent them: they were "
            "lost on the way. A close within 5 ms of its first byte, after a rest as long as "
            "the server gives its other connections, is the server's idle timer.",
        .symptoms =
            "nginx: client prematurely closed connection, 400 or 499; nginx: client timed out "
            "(110: Connection timed out) while reading client request body, 408; HAProxy: CR, cR "
            "or cH; Tomcat: java.io.EOFException: Unexpected EOF read on the socket; Go server: "
            "unexpected EOF; Go client: http: ContentLength=100 with Body length 80; undici: "
            "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
        .remedy = "Client closed or stalled: make Content-Length match the body, and find why the "
                  "source of the body stopped. Server closed after its body timeout (nginx "
                  "client_body_timeout 60 s): send faster or raise it. Server closed at once: size "
                  "limit or web application firewall. Always stuck after the first one or two full "
                  "segments: MTU.",
        .references = "RFC 9112 sections 6.3 and 8; RFC 9110 sections 10.1.1 (Expect) and 15.5.9 "
                      "(408)",
    },
    RuleInfo{
        .label = Label::request_malformed,
        .id = "request-malformed",
        .title = "Request is not valid HTTP/1.x",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::request,
        .severity = Severity::error,
        .party = Party::client_app,
        .confidence = Confidence::high,
        .what = "The request breaks the HTTP/1.x grammar in its request line, its headers or its "
                "chunks. Content-Length together with Transfer-Encoding, and several lengths that "
                "differ, count as well, and so does a body that no header announces. The parser's "
                "error name and the place are stated. Of a flow: HTTP/2 was sent to a port that "
                "speaks HTTP/1.1.",
        .guards =
            "What the server took all the same is a warning; equal lengths given twice are a "
            "remark. "
            "Bytes that never looked like HTTP are payload-opaque. After a gap or a mid-stream "
            "start, the middle of a body is no broken request.",
        .symptoms =
            "nginx: client sent invalid method while reading client request line, 400; Tomcat: "
            "Invalid character found in method name. HTTP method names must be tokens; HAProxy: "
            "PR, "
            "400; Envoy: DPE, 400; ALB: 400; Node server: Parse Error: Invalid header token",
        .remedy =
            "Client: fix the library or the hand-written socket code: line ends must be CR LF, "
            "Host must be there once, header values may hold no line breaks, and one way of "
            "framing the body is enough.",
        .references = "RFC 9112 sections 2.2, 3, 5, 6.1, 6.3, 7.1 and 11.2 (request smuggling)",
    },
    RuleInfo{
        .label = Label::early_response,
        .id = "early-response",
        .title = "Server answered before the request was complete",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::request,
        .severity = Severity::warning,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The final response, with a status of 300 or above, starts before the client has sent "
            "the last byte of its request. When the server then closes with request bytes "
            "unread, its kernel sends a RST right behind the response. That RST can wipe out the "
            "response in the client's receive buffer: the client sees a reset instead of the 413 "
            "or 401.",
        .guards =
            "Answering early is legal. A 2xx after which the rest of the body still flows is "
            "fine. A 1xx is no final response. Without any response it is request-incomplete.",
        .symptoms =
            "Java: java.net.SocketException: Broken pipe (Write failed); Java: Connection reset by "
            "peer: socket write error; Go: write: broken pipe; Go: readLoopPeekFailLocked; Python: "
            "('Connection aborted.', BrokenPipeError(32, 'Broken pipe')); curl: (55) Send failure: "
            "Broken pipe; curl: (56) Recv failure: Connection reset by peer; nginx: client "
            "intended "
            "to send too large body, 413",
        .remedy =
            "Server: read and drop the rest of the body before closing (nginx lingering_close, "
            "Tomcat maxSwallowSize), or raise the limit that was hit (nginx "
            "client_max_body_size, 1 MB by default). Client: read while writing, obey the "
            "early status, send Expect: 100-continue with large bodies.",
        .references =
            "RFC 9112 sections 9.5 and 9.6; RFC 9110 section 10.1.1; RFC 2525 section 2.17",
    },
};

}  // namespace httpdiag::rules::catalog
