// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase response: the response began, and something is wrong with it.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kResponseRules{
    RuleInfo{
        .label = Label::response_truncated_fin,
        .id = "response-truncated-fin",
        .title = "Response cut short by a FIN",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::response,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what =
            "The server closes with a FIN before its response is as long as Content-Length or "
            "the chunks promise, or inside the headers. Expected and received bytes are stated. "
            "The same short count every time means a wrong Content-Length; varying counts mean a "
            "crash or a timeout.",
        .guards =
            "Responses to HEAD, and 1xx, 204 and 304, have no body. Without Content-Length and "
            "chunks the FIN is the proper end of the body. Missing bytes that the client "
            "acknowledged are capture-gap.",
        .symptoms =
            "Apache HttpClient: Premature end of Content-Length delimited message body (expected: "
            "100, received: 40); Apache HttpClient: Premature end of chunk coded message body: "
            "closing chunk expected; OkHttp: ProtocolException: unexpected end of stream; Go: "
            "unexpected EOF; Python: IncompleteRead(40 bytes read, 60 more expected), "
            "ChunkedEncodingError; Node: Error: aborted; undici: "
            "UND_ERR_RES_CONTENT_LENGTH_MISMATCH; curl: (18) transfer closed with 60 bytes "
            "remaining "
            "to read; .NET: The response ended prematurely, with at least 60 additional bytes "
            "expected.; Chrome: net::ERR_CONTENT_LENGTH_MISMATCH, "
            "net::ERR_INCOMPLETE_CHUNKED_ENCODING; nginx: upstream prematurely closed connection "
            "while reading upstream; HAProxy: SD",
        .remedy = "Server or proxy: read the log at that second for a worker or an upstream that "
                  "died, and fix code or filters that change the body without changing "
                  "Content-Length. Client: treat the callback as not acknowledged.",
        .references = "RFC 9112 sections 6.3 and 8",
    },
    RuleInfo{
        .label = Label::response_truncated_rst,
        .id = "response-truncated-rst",
        .title = "Response cut short by a RST",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::response,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what = "The server resets the connection before its response is complete, or when the "
                "response is complete but its last bytes are not yet acknowledged. In the second "
                "case the client may lose bytes that were already on the wire.",
        .guards =
            "A RST behind a response that was acknowledged to its end is reset-after-complete. "
            "A RST with another TTL than the server's packets may come from a device in "
            "between.",
        .symptoms =
            "errno: ECONNRESET (104) while reading the body; Java: java.net.SocketException: "
            "Connection reset; Python: ProtocolError('Connection broken: "
            "ConnectionResetError(104'; "
            "curl: (56) Recv failure: Connection reset by peer; nginx: recv() failed (104: "
            "Connection reset by peer) while reading upstream; HAProxy: SD",
        .remedy = "Server: close in two steps, first the writing side, then read to the end, then "
                  "close (lingering close). Remove SO_LINGER 0. Read the request body before "
                  "answering. Network: if the TTL of the RST is odd, ask for firewalls in between.",
        .references = "RFC 9112 section 9.6; RFC 2525 section 2.17; socket(7): SO_LINGER",
    },
    RuleInfo{
        .label = Label::response_stalled,
        .id = "response-stalled",
        .title = "Response stopped arriving",
        .scope = Scope::exchange,
        .role = Role::either,
        .phase = Phase::response,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The response began, is not complete, and no new byte comes for 5 s or longer, until "
            "the client closes or the capture ends. If everything sent is acknowledged and the "
            "client's window is open, the server stopped producing. Or all of it was sent, and "
            "sent "
            "again, and the client never acknowledged it.",
        .guards = "If the server repeats unacknowledged bytes, the network loses them: "
                  "loss-recovery-delay says so. If the client's window is closed, the client does "
                  "not read: zero-window-stall. Event streams pause on purpose, and a response "
                  "in chunks may be one: its pauses are stated and nobody is blamed.",
        .symptoms =
            "Java: java.net.SocketTimeoutException: Read timed out while reading the body; Go: "
            "Client.Timeout or context cancellation while reading body; undici: "
            "UND_ERR_BODY_TIMEOUT; curl: (28) Operation timed out after 30000 milliseconds with 40 "
            "out of 100 bytes received; Chrome: net::ERR_TIMED_OUT; nginx: upstream timed out "
            "(110: "
            "Connection timed out) while reading upstream; HAProxy: sD or cD; Envoy: SI or UT",
        .remedy =
            "Server: find what the handler waits for in the middle of its answer; an upstream "
            "that stalls, or a Content-Length larger than the body. Network: if bytes are "
            "repeated, look for loss and for the MTU.",
        .references = "RFC 9112 sections 6.3 and 8; RFC 9293 section 3.8.6 (windows)",
    },
    RuleInfo{
        .label = Label::response_not_acked,
        .id = "response-not-acked",
        .title = "Response sent, never acknowledged by the client",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::response,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "The server sent its response, retransmitted it three times or for 3 s, and bytes of "
            "it were never acknowledged. The way back is cut, or the client's host is gone: the "
            "server did its part, and the client sees a timeout. This is request-not-acked in the "
            "other direction, of flows that are no HTTP, too.",
        .guards =
            "An answer that broke off although everything sent was acknowledged is "
            "response-stalled. Behind a window of 0 it is zero-window-stall. A client that left "
            "before the answer began makes it late-response. Within 3 s of the capture's end it "
            "may be on its way. In a capture that lacks the client's packets its ACKs cannot be "
            "missed.",
        .symptoms =
            "Client: Read timed out, as if there had been no answer; Server: its log says that it "
            "answered; ss: unacknowledged bytes in Send-Q; Wireshark: [TCP Retransmission] of the "
            "response",
        .remedy =
            "Network: find where the direction from server to client is dropped (asymmetric route, "
            "NAT entry gone, firewall, MTU). Treat the callback as delivered and possibly "
            "processed. A capture at the client shows whether anything arrives there.",
        .references = "RFC 9293 section 3.8.1; RFC 6298; RFC 5482",
    },
    RuleInfo{
        .label = Label::response_aborted_by_client,
        .id = "response-aborted-by-client",
        .title = "Client left in the middle of the response",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::response,
        .severity = Severity::warning,
        .party = Party::client_app,
        .confidence = Confidence::high,
        .what =
            "The response had begun, and the client closes or resets before its end. A cancelled "
            "request, a size limit or a timeout for the whole call does this. Closing with "
            "unread data makes the client's kernel send a RST.",
        .guards = "A client FIN after which the response runs to its end and is acknowledged is a "
                  "half-close. A client that closed before the first byte of the response is "
                  "client-timeout or late-response. Where nothing says how long the response is "
                  "and its last bytes are not in the capture, its end may be among them. A client "
                  "that left a server which had promised more and been silent for as long is not "
                  "at fault.",
        .symptoms =
            "Server errno: EPIPE, Broken pipe; Tomcat: ClientAbortException; Jetty: EofException; "
            "HAProxy: CD; nginx: 499, or 200 with fewer bytes than usual; Browser: (canceled); "
            ".NET: "
            "TaskCanceledException",
        .remedy =
            "Client: compare the time with its timeout for the whole call, and look for size "
            "limits and cancellation. Server: if the answer is simply long, send it faster or "
            "in pages.",
        .references = "RFC 9112 sections 9.5 and 9.6; RFC 2525 section 2.17",
    },
    RuleInfo{
        .label = Label::response_malformed,
        .id = "response-malformed",
        .title = "Response is not valid HTTP/1.x",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::response,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what =
            "Where a response must stand, the server's bytes break the HTTP/1.x grammar: status "
            "line, headers, chunks, or bytes behind the end of a complete response. The parser's "
            "error name and the place are stated. A status outside 100 to 599 is none either.",
        .guards =
            "What clients read all the same is a warning; equal lengths given twice are a "
            "remark. After a gap in the capture, the middle of a body is no broken response. A "
            "well-formed response that nobody asked for is response-unsolicited. TLS on a "
            "plain connection is payload-opaque. A SETTINGS frame is the first word of a server "
            "that speaks HTTP/2 only: the client has the wrong port or protocol.",
        .symptoms =
            "Apache HttpClient: ClientProtocolException, MalformedChunkCodingException; Go: "
            "malformed HTTP response; Go: malformed MIME header; Python: BadStatusLine; Node: "
            "Parse "
            "Error: Expected HTTP/ (HPE_INVALID_CONSTANT); curl: (1) Received HTTP/0.9 when not "
            "allowed; curl: (8) Weird server reply; .NET: The server returned an invalid or "
            "unrecognized response; Chrome: net::ERR_INVALID_HTTP_RESPONSE; nginx: upstream sent "
            "invalid header, upstream sent no valid HTTP/1.0 header; HAProxy: PH, 502; Envoy: UPE; "
            "ALB: 502",
        .remedy = "Server: fix the code that writes the response: debug output before the status "
                  "line, a length that does not fit the body, chunks without sizes, line breaks in "
                  "header values. Client: check that URL scheme and port belong together.",
        .references = "RFC 9112 sections 4, 5, 6.3 and 7.1",
    },
    RuleInfo{
        .label = Label::response_unsolicited,
        .id = "response-unsolicited",
        .title = "Response that nobody asked for",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::response,
        .severity = Severity::info,
        .party = Party::server_app,
        .confidence = Confidence::low,
        .what =
            "The server sends a well-formed response while no request is outstanding, typically "
            "408 Request Timeout on an idle connection, and then closes. It is never taken for "
            "the answer to the next request.",
        .guards =
            "A response to a request that the capture missed looks alike: acknowledged client "
            "bytes that are not in the capture rule this label out. Leftover bytes that are no "
            "response are response-malformed.",
        .symptoms =
            "Go: Unsolicited response received on idle HTTP channel starting with \"HTTP/1.1 "
            "408; HAProxy: cR, 408; ALB: 408",
        .remedy =
            "Client: keep idle connections for less time than the server does. HAProxy: option "
            "http-ignore-probes silences it for connections that were never used.",
        .references = "RFC 9110 section 15.5.9 (408); RFC 9112 section 9.5",
    },
};

}  // namespace httpdiag::rules::catalog
