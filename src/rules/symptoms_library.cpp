// SPDX-License-Identifier: Apache-2.0
// Symptoms of HTTP clients and servers that are linked into applications.
#include <array>

#include "rules/symptoms.hpp"

namespace httpdiag::rules {
namespace {

constexpr SymptomKind kCode = SymptomKind::code;
constexpr SymptomKind kCodeInContext = SymptomKind::code_in_context;
constexpr std::string_view kCurl =
    "curl: ($)|curl ($)|curl error $|curl exit code $|curl_errno $|curl code $|curl exit $|curl "
    "$|curl_errno() $|exit code $";

// What a client reports when the server closed before a first byte came.
constexpr std::string_view kReusedOrClosed =
    "request-on-half-closed keepalive-close-race closed-without-response";
constexpr std::string_view kClosedOrReused =
    "closed-without-response request-on-half-closed keepalive-close-race";
constexpr std::string_view kReusedNote =
    "On a connection used before: the pool. On a fresh one: the server.";

// clang-format off
constexpr std::array kSymptoms{
    // Java
    Symptom{"Java", "java.net.ConnectException: Connection refused|HttpHostConnectException|ConnectException: Failed to connect to", "connect-refused"},
    Symptom{"Java", "java.net.ConnectException: Connection timed out", "syn-retries-exhausted"},
    Symptom{"Java", "SocketTimeoutException: connect timed out|SocketTimeoutException: failed to connect to|ConnectTimeoutException|"
                    "HttpConnectTimeoutException|HTTP connect timed out", "connect-abandoned handshake-client-reset"},
    Symptom{"Java", "SocketTimeoutException: Read timed out|SocketTimeoutException: timeout|HttpTimeoutException: request timed out|HttpTimeoutException|"
                    "RetryableException: Read timed out|RetryableException*timed out executing|ReadTimeoutException",
            "client-timeout late-response request-not-acked idle-conn-blackholed response-not-acked response-stalled pmtu-blackhole accept-queue-overflow"},
    Symptom{"Java", "SocketTimeoutException", "client-timeout connect-abandoned late-response request-not-acked idle-conn-blackholed response-stalled",
            "\"connect timed out\" is connect-abandoned; \"Read timed out\" is one of the others."},
    Symptom{"Java", "NoRouteToHostException", "connect-unreachable"},
    Symptom{"Java", "java.net.UnknownHostException|UnknownHostException|UnresolvedAddressException", "dns-failed dns-slow"},
    Symptom{"Go", "no such host|server misbehaving", "dns-failed"},
    Symptom{"Python", "NameResolutionError|Failed to resolve|getaddrinfo failed", "dns-failed"},
    Symptom{"Node", "getaddrinfo ENOTFOUND|ENOTFOUND|getaddrinfo EAI_AGAIN", "dns-failed dns-slow"},
    Symptom{"curl", "Could not resolve host|Resolving timed out", "dns-failed dns-slow"},
    Symptom{".NET", "No such host is known|Name or service not known", "dns-failed"},
    Symptom{"Java", "org.apache.http.NoHttpResponseException|NoHttpResponseException|failed to respond|The target server failed to respond",
            "request-on-half-closed keepalive-close-race closed-without-response request-after-close-token", kReusedNote},
    Symptom{"Java", "java.net.SocketException: Connection reset", "reset-without-response idle-conn-reset request-on-half-closed response-truncated-rst"},
    Symptom{"Java", "java.net.SocketException: Broken pipe|SocketException: Software caused connection abort", "request-on-half-closed early-response"},
    Symptom{"Java", "Unexpected end of file from server|HTTP/1.1 header parser received no bytes|EOF reached while reading",
            "closed-without-response request-on-half-closed keepalive-close-race payload-opaque",
            "Java's own client tries HTTP/2 first; a server that closes on the upgrade gives the same message. Pin HTTP/1.1 to find out."},
    Symptom{"OkHttp", "unexpected end of stream on|\\n not found: limit 0", kClosedOrReused, kReusedNote},
    Symptom{"Java", "ProtocolException: unexpected end of stream|Premature end of Content-Length delimited message body|"
                    "Premature end of chunk coded message body|closing chunk expected|ConnectionClosedException",
            "response-truncated-fin response-truncated-rst"},
    Symptom{"Java", "java.io.IOException: Premature EOF|Premature EOF", "response-truncated-fin response-truncated-rst"},
    Symptom{"reactor-netty", "PrematureCloseException|Connection prematurely closed BEFORE response", kReusedOrClosed, kReusedNote},
    Symptom{"reactor-netty", "PrematureCloseException*Connection prematurely closed DURING response|Connection prematurely closed DURING response",
            "response-truncated-fin response-truncated-rst"},
    Symptom{"OkHttp", "IOException: Canceled|InterruptedIOException: timeout", "client-timeout response-aborted-by-client"},
    Symptom{"Java server", "ClientAbortException|org.eclipse.jetty.io.EofException|EofException", "client-timeout late-response response-aborted-by-client"},
    Symptom{"Java server", "EOFException: Unexpected EOF read on the socket|Unexpected EOF read on the socket", "request-incomplete"},
    Symptom{"Java", "ConnectionPoolTimeoutException|Timeout waiting for connection from pool|ConnectionRequestTimeoutException",
            "slow-response no-response client-timeout",
            "The pool had no connection left: this request made no packets. Look at what keeps the others busy."},
    Symptom{"Java", "Received fatal alert", "tls-alert"},
    Symptom{"Java", "Remote host terminated the handshake|closed connection during handshake", "tls-handshake-aborted"},
    Symptom{"Java", "Unsupported or unrecognized SSL message|plaintext connection?", "tls-plaintext-mismatch"},
    Symptom{"Java", "BindException: Address already in use: connect", "timewait-buildup"},
    Symptom{"Kafka", "Seek to current after exception", "", "A wrapper: look up the nested exception. The message will be consumed again, so the callback may be sent twice."},
    Symptom{"Dubbo", "Invoke remote method timeout", "payload-opaque client-timeout", "Dubbo is no HTTP: TCP verdicts only. It may have run on the provider, and Dubbo retries by default."},
    Symptom{"Spring", "ResourceAccessException|I/O error on POST request", "", "A wrapper: look up the nested exception behind it."},

    // Go
    Symptom{"Go", "connect: connection refused", "connect-refused"},
    Symptom{"Go", "dial tcp*i/o timeout", "connect-abandoned"},
    Symptom{"Go", "connect: connection timed out", "syn-retries-exhausted"},
    Symptom{"Go", "i/o timeout", "client-timeout connect-abandoned late-response response-stalled", "With \"dial tcp\" in front: connect-abandoned."},
    Symptom{"Go", "request canceled while waiting for connection|request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", "connect-abandoned tls-handshake-stalled"},
    Symptom{"Go", "Client.Timeout exceeded while awaiting headers|context deadline exceeded|timeout awaiting response headers",
            "client-timeout late-response request-not-acked idle-conn-blackholed"},
    Symptom{"Go", "Client.Timeout or context cancellation while reading body", "response-stalled response-aborted-by-client"},
    Symptom{"Go", "EOF|http: server closed idle connection|readLoopPeekFailLocked", kReusedOrClosed, kReusedNote},
    Symptom{"Go", "unexpected EOF", "response-truncated-fin closed-without-response"},
    Symptom{"Go", "read: connection reset by peer|write: broken pipe|transport connection broken|write: connection reset by peer",
            "reset-without-response request-on-half-closed idle-conn-reset early-response"},
    Symptom{"Go", "TLS handshake timeout", "tls-handshake-stalled pmtu-blackhole"},
    Symptom{"Go", "server gave HTTP response to HTTPS client|malformed HTTP response*\\x15\\x03", "tls-plaintext-mismatch"},
    Symptom{"Go", "Client sent an HTTP request to an HTTPS server", "tls-plaintext-mismatch"},
    Symptom{"Go", "use of closed network connection", "client-timeout response-aborted-by-client",
            "The program had closed the connection itself, as at a timeout, while it was still in use."},
    Symptom{"Go", "malformed HTTP response|malformed MIME header|malformed HTTP status code", "response-malformed"},
    Symptom{"Go", "Unsolicited response received on idle HTTP channel", "response-unsolicited"},
    Symptom{"Go", "connect: cannot assign requested address", "timewait-buildup"},
    Symptom{"Go", "proxyconnect tcp", "proxy-tunnel-refused"},

    // Python
    Symptom{"Python", "IncompleteRead", "response-truncated-fin response-truncated-rst"},
    Symptom{"Python", "NewConnectionError*[Errno 111]|ConnectionRefusedError", "connect-refused"},
    Symptom{"Python", "NewConnectionError", "connect-refused connect-unreachable syn-retries-exhausted"},
    Symptom{"Python", "ConnectTimeoutError|ConnectTimeout|timed out. (connect timeout", "connect-abandoned"},
    Symptom{"Python", "ReadTimeoutError|ReadTimeout|Read timed out. (read timeout", "client-timeout late-response request-not-acked response-stalled response-not-acked"},
    Symptom{"Python", "RemoteDisconnected|Remote end closed connection without response", kClosedOrReused, kReusedNote},
    Symptom{"Python", "Server disconnected without sending a response|ServerDisconnectedError: Server disconnected|ServerDisconnectedError|Server disconnected",
            kClosedOrReused, kReusedNote},
    Symptom{"Python", "ConnectionResetError(104|ConnectionResetError|[Errno 104] Connection reset by peer", "reset-without-response idle-conn-reset request-on-half-closed"},
    Symptom{"Python", "BrokenPipeError(32|BrokenPipeError|[Errno 32] Broken pipe", "early-response request-on-half-closed"},
    Symptom{"Python", "IncompleteRead(|ChunkedEncodingError|Connection broken", "response-truncated-fin response-truncated-rst"},
    Symptom{"Python", "BadStatusLine", "response-malformed"},
    Symptom{"Python", "Max retries exceeded with url", "", "A wrapper: look up what stands behind \"Caused by\"."},

    // Ruby, Rust, PHP
    Symptom{"Ruby", "EOFError: end of file reached|end of file reached|EOFError", kClosedOrReused, kReusedNote},
    Symptom{"Ruby", "Net::OpenTimeout", "connect-abandoned syn-retries-exhausted tls-handshake-stalled"},
    Symptom{"Ruby", "Net::ReadTimeout", "client-timeout late-response request-not-acked response-stalled"},
    Symptom{"hyper", "connection closed before message completed|IncompleteMessage",
            "request-on-half-closed keepalive-close-race closed-without-response response-truncated-fin", kReusedNote},
    Symptom{"PHP", "Error Fetching http headers", "client-timeout closed-without-response reset-without-response late-response",
            "default_socket_timeout (60 s) gives the same message as a server that closes."},

    // Node and browsers
    Symptom{"Node", "connect ECONNREFUSED", "connect-refused"},
    Symptom{"Node", "connect ETIMEDOUT", "syn-retries-exhausted"},
    Symptom{"undici", "UND_ERR_CONNECT_TIMEOUT|ConnectTimeoutError: Connect Timeout Error", "connect-abandoned"},
    Symptom{"Node", "socket hang up", "closed-without-response request-on-half-closed keepalive-close-race reset-without-response", kReusedNote},
    Symptom{"Node", "read ECONNRESET", "reset-without-response idle-conn-reset"},
    Symptom{"Node", "write EPIPE", "early-response"},
    Symptom{"undici", "UND_ERR_SOCKET|other side closed", "closed-without-response request-on-half-closed response-truncated-fin"},
    Symptom{"undici", "UND_ERR_HEADERS_TIMEOUT|Headers Timeout Error", "client-timeout"},
    Symptom{"undici", "UND_ERR_BODY_TIMEOUT|Body Timeout Error", "response-stalled"},
    Symptom{"undici", "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH", "request-incomplete"},
    Symptom{"undici", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "response-truncated-fin"},
    Symptom{"Node", "HPE_*|Parse Error", "response-malformed tls-plaintext-mismatch request-after-close-token"},
    Symptom{"Node", "HPE_CLOSED_CONNECTION|Data after `Connection: close`", "request-after-close-token"},
    Symptom{"Node", "ESOCKETTIMEDOUT", "client-timeout late-response"},
    Symptom{"axios", "timeout of #ms exceeded|timeout of #*exceeded|AxiosError*ECONNABORTED|ECONNABORTED*timeout", "client-timeout"},
    Symptom{"Node", "AbortError|The operation was aborted|This operation was aborted", "client-timeout"},
    Symptom{"browser", "status 0|status code 0|(canceled)|net::ERR_ABORTED|ERR_ABORTED|status canceled|xhr error", "client-timeout late-response response-aborted-by-client",
            "Without packets: cross-origin rules, a page that was left, no network, DNS."},
    Symptom{"browser", "canceled|cancelled", "client-timeout late-response response-aborted-by-client"},
    Symptom{"Chrome", "ERR_EMPTY_RESPONSE", "closed-without-response request-on-half-closed"},
    Symptom{"Chrome", "ERR_CONNECTION_RESET", "reset-without-response"},
    Symptom{"Chrome", "ERR_CONNECTION_CLOSED", "closed-without-response tls-handshake-aborted"},
    Symptom{"Chrome", "ERR_CONNECTION_REFUSED", "connect-refused"},
    Symptom{"Chrome", "ERR_CONNECTION_TIMED_OUT", "syn-retries-exhausted"},
    Symptom{"Chrome", "ERR_ADDRESS_UNREACHABLE", "connect-unreachable"},
    Symptom{"Chrome", "ERR_CONNECTION_ABORTED", "request-not-acked"},
    Symptom{"Chrome", "ERR_TIMED_OUT", "response-stalled client-timeout syn-retries-exhausted"},
    Symptom{"Chrome", "ERR_CONTENT_LENGTH_MISMATCH|ERR_INCOMPLETE_CHUNKED_ENCODING", "response-truncated-fin"},
    Symptom{"Chrome", "ERR_INVALID_HTTP_RESPONSE|ERR_INVALID_CHUNKED_ENCODING", "response-malformed"},
    Symptom{"Chrome", "ERR_SSL_PROTOCOL_ERROR|ERR_SSL_VERSION_OR_CIPHER_MISMATCH", "tls-plaintext-mismatch tls-alert"},
    Symptom{"Chrome", "ERR_TUNNEL_CONNECTION_FAILED", "proxy-tunnel-refused"},

    // curl
    Symptom{"curl", "Failed to connect to|Could not connect to server|CURLE_COULDNT_CONNECT", "connect-refused connect-unreachable syn-retries-exhausted"},
    Symptom{"curl", "6", "dns-failed", {}, kCode, kCurl},
    Symptom{"curl", "7", "connect-refused connect-unreachable syn-retries-exhausted", {}, kCode, kCurl},
    Symptom{"curl", "Weird server reply|Received HTTP/0.9 when not allowed", "response-malformed tls-plaintext-mismatch"},
    Symptom{"curl", "1|8", "response-malformed tls-plaintext-mismatch", {}, kCodeInContext, "curl: ($)|curl ($)|curl error $"},
    Symptom{"curl", "transfer closed with*remaining to read|outstanding read data remaining|end of response with # bytes missing|CURLE_PARTIAL_FILE", "response-truncated-fin"},
    Symptom{"curl", "18", "response-truncated-fin", {}, kCode, kCurl},
    Symptom{"curl", "The requested URL returned error|CURLE_HTTP_RETURNED_ERROR", "http-client-error http-server-error http-gateway-error"},
    Symptom{"curl", "22", "http-client-error http-server-error http-gateway-error", {}, kCodeInContext, kCurl},
    Symptom{"curl", "Connection timed out after # milliseconds|Connection timeout after # ms|Failed to connect to*Timeout was reached", "connect-abandoned"},
    Symptom{"curl", "Operation timed out after # milliseconds with 0 bytes received|Operation timed out after # milliseconds with 0 out of # bytes received",
            "client-timeout late-response request-not-acked idle-conn-blackholed response-not-acked"},
    Symptom{"curl", "Operation timed out after # milliseconds with # out of # bytes received", "response-stalled",
            "With 0 bytes received it is client-timeout or its relatives."},
    Symptom{"curl", "Operation timed out after|CURLE_OPERATION_TIMEDOUT|Timeout was reached",
            "client-timeout late-response request-not-acked idle-conn-blackholed connect-abandoned response-stalled"},
    Symptom{"curl", "28", "client-timeout connect-abandoned late-response request-not-acked idle-conn-blackholed response-stalled",
            "The text behind the code tells connecting from waiting.", kCode, kCurl},
    Symptom{"curl", "curl: (35) Recv failure: Connection reset by peer|curl: (35)*Connection reset by peer|SSL_connect: Connection reset by peer|SSL_connect: SSL_ERROR_SYSCALL", "tls-handshake-aborted",
            "During the TLS handshake."},
    Symptom{"curl", "curl: (28) SSL connection timeout|SSL connection timeout", "tls-handshake-stalled pmtu-blackhole"},
    Symptom{"curl", "curl: (56)*from proxy after CONNECT|HTTP code # from proxy after CONNECT", "proxy-tunnel-refused"},
    Symptom{"curl", "35|60", "tls-alert tls-handshake-aborted tls-plaintext-mismatch", {}, kCodeInContext, kCurl},
    Symptom{"curl", "Empty reply from server|CURLE_GOT_NOTHING", "closed-without-response request-on-half-closed"},
    Symptom{"curl", "52", "closed-without-response request-on-half-closed", {}, kCode, kCurl},
    Symptom{"curl", "Send failure: Broken pipe|Send failure: Connection*reset|CURLE_SEND_ERROR", "early-response request-on-half-closed"},
    Symptom{"curl", "55", "early-response request-on-half-closed", {}, kCode, kCurl},
    Symptom{"curl", "Recv failure: Connection reset by peer|Recv failure: Connection*reset|CURLE_RECV_ERROR", "reset-without-response response-truncated-rst idle-conn-reset"},
    Symptom{"curl", "56", "reset-without-response response-truncated-rst idle-conn-reset", {}, kCode, kCurl},
    Symptom{"curl", "HTTP/2 stream*was not closed cleanly|HTTP/2 framing layer", "payload-opaque"},
    Symptom{"curl", "92", "payload-opaque", {}, kCodeInContext, kCurl},
    Symptom{"curl", "97|CONNECT tunnel failed", "proxy-tunnel-refused", {}, kCodeInContext, kCurl},
    Symptom{"curl", "CONNECT tunnel failed", "proxy-tunnel-refused"},
    Symptom{"curl", "Connection died, retrying a fresh connect", "request-on-half-closed keepalive-close-race", "curl sent it again on a new connection by itself."},

    // .NET
    Symptom{".NET", "target machine actively refused it", "connect-refused"},
    Symptom{".NET", "connected party did not properly respond|连接方在一段时间后没有正确答复", "syn-retries-exhausted connect-abandoned"},
    Symptom{".NET", "The response ended prematurely|ResponseEnded", "closed-without-response request-on-half-closed keepalive-close-race response-truncated-fin"},
    Symptom{".NET", "The response ended prematurely, with at least # additional bytes expected", "response-truncated-fin"},
    Symptom{".NET", "An existing connection was forcibly closed by the remote host", "reset-without-response idle-conn-reset request-on-half-closed"},
    Symptom{".NET", "The underlying connection was closed: A connection that was expected to be kept alive was closed by the server|expected to be kept alive was closed by the server",
            "request-on-half-closed keepalive-close-race idle-conn-reset"},
    Symptom{".NET", "The underlying connection was closed: The connection was closed unexpectedly|The connection was closed unexpectedly|The underlying connection was closed",
            "closed-without-response request-on-half-closed response-truncated-fin keepalive-close-race", kReusedNote},
    Symptom{".NET", "due to the configured HttpClient.Timeout|TaskCanceledException", "client-timeout late-response"},
    Symptom{".NET", "The server returned an invalid or unrecognized response", "response-malformed"},
};
// clang-format on

}  // namespace

std::span<const Symptom> library_symptoms() { return kSymptoms; }

}  // namespace httpdiag::rules
