// SPDX-License-Identifier: Apache-2.0
// From what people saw back to the labels: every row of the taxonomy's reverse
// index, in the form in which it is pasted.
#include "rules/symptoms.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/symptoms.hpp"

namespace httpdiag {
namespace {

/// The ids of the best match, most likely first; "-" in front of one that no rule finds yet.
std::string best(std::string_view message) {
  const auto matches = match_symptom(message);
  if (matches.empty()) return "nothing";
  if (matches.front().labels.empty()) return "-" + std::string{matches.front().not_diagnosed};
  std::string ids;
  for (const Label label : matches.front().labels) {
    ids += (ids.empty() ? "" : " ") + std::string{info(label).id};
  }
  return ids;
}

std::string first(std::string_view message) {
  const std::string ids = best(message);
  return ids.substr(0, ids.find(' '));
}

struct Case {
  std::string_view message;
  std::string_view label;  // the most likely one
};

class Symptoms : public testing::TestWithParam<Case> {};

TEST_P(Symptoms, LeadsToItsFirstLabel) {
  EXPECT_EQ(first(GetParam().message), GetParam().label) << GetParam().message;
}

// clang-format off
constexpr Case kSystem[] = {
    {"RST", "reset-without-response"},
    {"FIN", "closed-without-response"},
    {"kernel: nf_conntrack: nf_conntrack: table full, dropping packet", "syn-retries-exhausted"},
    {"Only one usage of each socket address (protocol/network address/port) is normally permitted", "timewait-buildup"},
    {"ECONNREFUSED", "connect-refused"},
    {"connect: Connection refused", "connect-refused"},
    {"WSAECONNREFUSED 10061", "connect-refused"},
    {"os error 111", "connect-refused"},
    {"ECONNRESET", "reset-without-response"},
    {"Connection reset by peer", "reset-without-response"},
    {"[Errno 104]", "reset-without-response"},
    {"SocketException (10054)", "reset-without-response"},
    {"远程主机强迫关闭了一个现有的连接。", "reset-without-response"},
    {"EPIPE", "request-on-half-closed"},
    {"write failed: Broken pipe", "request-on-half-closed"},
    {"ETIMEDOUT", "syn-retries-exhausted"},
    {"Connection timed out", "syn-retries-exhausted"},
    {"read ETIMEDOUT", "idle-conn-blackholed"},
    {"No route to host", "connect-unreachable"},
    {"ENETUNREACH", "connect-unreachable"},
    {"Cannot assign requested address", "timewait-buildup"},
    {"EAGAIN on send", "zero-window-stall"},
    {"EWOULDBLOCK on recv", "client-timeout"},
    {"SO_RCVTIMEO", "client-timeout"},
    {"EINPROGRESS", "connect-abandoned"},
    {"accept: Too many open files", "close-wait-lingering"},
    {"ECONNABORTED", "response-aborted-by-client"},
    {"tcp 0 0 10.0.0.9:80 10.0.0.5:1234 SYN_RECV", "handshake-not-completed"},
    {"nstat: TcpExtPAWSPassive 17", "syn-ignored-suspect"},
    {"12 passive connections rejected because of time stamp", "syn-ignored-suspect"},
    {"set TCP_NODELAY", "delayed-ack-stall"},
    {"From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)", "pmtu-blackhole"},
    {"CLOSE_WAIT", "close-wait-lingering"},
    {"TIME_WAIT", "timewait-buildup"},
    {"FIN_WAIT2", "close-wait-lingering"},
    {"connect timed out", "connect-abandoned"},
    {"请求没有正常获得应答", "no-response"},
    {"对方日志显示并没有收到请求", "request-not-acked"},
    {"sent_count", "no-response"},
    {"web界面报系统繁忙", "client-timeout"},
    {"提示文件不完整", "capture-file-truncated"},
    {"it always fails after exactly 60 s", "client-timeout"},
    {"fail", "ack-negative"},
    {"response body: fail", "ack-negative"},
    {"<return_code><![CDATA[FAIL]]></return_code>", "ack-negative"},
    {"sender keeps retrying although we return 200", "ack-unrecognized"},
    {"our log shows no request", "request-not-acked"},
};
constexpr Case kLibraries[] = {
    {"java.io.IOException: Premature EOF", "response-truncated-fin"},
    {"reactor.netty.http.client.PrematureCloseException: Connection prematurely closed BEFORE response", "request-on-half-closed"},
    {"reactor.netty.http.client.PrematureCloseException: Connection prematurely closed DURING response", "response-truncated-fin"},
    {"httpx.RemoteProtocolError: Server disconnected without sending a response.", "closed-without-response"},
    {"aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected", "closed-without-response"},
    {"EOFError: end of file reached", "closed-without-response"},
    {"Net::OpenTimeout", "connect-abandoned"},
    {"hyper::Error(IncompleteMessage)", "request-on-half-closed"},
    {"connection closed before message completed", "request-on-half-closed"},
    {"SoapFault: Error Fetching http headers", "client-timeout"},
    {"Client sent an HTTP request to an HTTPS server.", "tls-plaintext-mismatch"},
    {"read tcp 10.0.0.1:43210->10.0.0.9:80: use of closed network connection", "client-timeout"},
    {"curl: (35) OpenSSL SSL_connect: Connection reset by peer in connection to x:443", "tls-handshake-aborted"},
    {"curl: (35) Recv failure: Connection reset by peer", "tls-handshake-aborted"},
    {"curl: (28) SSL connection timeout", "tls-handshake-stalled"},
    {"curl: (56) Received HTTP code 407 from proxy after CONNECT", "proxy-tunnel-refused"},
    {"exit code 28", "client-timeout"},
    {"The underlying connection was closed: A connection that was expected to be kept alive was closed by the server.", "request-on-half-closed"},
    {"The underlying connection was closed: The connection was closed unexpectedly.", "closed-without-response"},
    {"java.net.ConnectException: Connection refused (Connection refused)", "connect-refused"},
    {"java.net.ConnectException: Connection timed out", "syn-retries-exhausted"},
    {"java.net.SocketTimeoutException: connect timed out", "connect-abandoned"},
    {"org.apache.http.conn.ConnectTimeoutException: Connect to host:80 [host/1.2.3.4] failed: connect timed out", "connect-abandoned"},
    {"java.net.http.HttpConnectTimeoutException: HTTP connect timed out", "connect-abandoned"},
    {"java.net.SocketTimeoutException: Read timed out", "client-timeout"},
    {"feign.RetryableException: Read timed out executing POST http://pay/notify", "client-timeout"},
    {"java.net.http.HttpTimeoutException: request timed out", "client-timeout"},
    {"java.net.NoRouteToHostException: No route to host (Host unreachable)", "connect-unreachable"},
    {"org.apache.http.NoHttpResponseException: host:80 failed to respond\n\tat org.apache.http.impl.conn.DefaultHttpResponseParser.parseHead(DefaultHttpResponseParser.java:141)", "request-on-half-closed"},
    {"NoHttpResponseException", "request-on-half-closed"},
    {"The target server failed to respond", "request-on-half-closed"},
    {"java.net.SocketException: Connection reset", "reset-without-response"},
    {"java.net.SocketException: Broken pipe (Write failed)", "request-on-half-closed"},
    {"java.net.SocketException: Unexpected end of file from server", "closed-without-response"},
    {"java.io.IOException: HTTP/1.1 header parser received no bytes", "closed-without-response"},
    {"java.io.IOException: unexpected end of stream on http://10.0.0.9:8080/...", "closed-without-response"},
    {"Caused by: java.io.EOFException: \\n not found: limit=0 content=\xE2\x80\xA6", "closed-without-response"},
    {"java.net.ProtocolException: unexpected end of stream", "response-truncated-fin"},
    {"Premature end of Content-Length delimited message body (expected: 100; received: 40)", "response-truncated-fin"},
    {"Premature end of chunk coded message body: closing chunk expected", "response-truncated-fin"},
    {"java.io.IOException: Canceled", "client-timeout"},
    {"java.io.InterruptedIOException: timeout", "client-timeout"},
    {"org.apache.catalina.connector.ClientAbortException: java.io.IOException: Broken pipe", "client-timeout"},
    {"javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure", "tls-alert"},
    {"SSLHandshakeException: Remote host terminated the handshake", "tls-handshake-aborted"},
    {"Unsupported or unrecognized SSL message", "tls-plaintext-mismatch"},
    {"java.net.BindException: Address already in use: connect", "timewait-buildup"},
    {"Seek to current after exception", "-"},
    {"java.net.UnknownHostException: pay.example: Name or service not known", "dns-failed"},
    {"dial tcp: lookup pay.example on 10.0.0.53:53: no such host", "dns-failed"},
    {"Error: getaddrinfo ENOTFOUND pay.example", "dns-failed"},
    {"curl: (6) Could not resolve host: pay.example", "dns-failed"},
    {"Temporary failure in name resolution", "dns-failed"},
    {"dial tcp 10.0.0.9:80: connect: connection refused", "connect-refused"},
    {"Post \"http://10.0.0.9/notify\": dial tcp 10.0.0.9:80: i/o timeout", "connect-abandoned"},
    {"dial tcp 10.0.0.9:80: connect: connection timed out", "syn-retries-exhausted"},
    {"net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", "connect-abandoned"},
    {"context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "client-timeout"},
    {"net/http: timeout awaiting response headers", "client-timeout"},
    {"Client.Timeout or context cancellation while reading body", "response-stalled"},
    {"Post \"http://h/notify\": EOF", "request-on-half-closed"},
    {"http: server closed idle connection", "request-on-half-closed"},
    {"unexpected EOF", "response-truncated-fin"},
    {"read tcp 10.0.0.5:1->10.0.0.9:80: read: connection reset by peer", "reset-without-response"},
    {"write tcp 10.0.0.5:1->10.0.0.9:80: write: broken pipe", "reset-without-response"},
    {"net/http: TLS handshake timeout", "tls-handshake-stalled"},
    {"http: server gave HTTP response to HTTPS client", "tls-plaintext-mismatch"},
    {"net/http: HTTP/1.x transport connection broken: malformed HTTP response \"\\x15\\x03\\x01\\x00\\x02\\x02\"", "tls-plaintext-mismatch"},
    {"malformed HTTP response \"xyz\"", "response-malformed"},
    {"Unsolicited response received on idle HTTP channel starting with \"HTTP/1.1 408 Request Timeout", "response-unsolicited"},
    {"connect: cannot assign requested address", "timewait-buildup"},
    {"proxyconnect tcp: EOF", "proxy-tunnel-refused"},
    {"HTTPConnectionPool(host='h', port=80): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))", "connect-refused"},
    {"Max retries exceeded with url: / (Caused by ConnectTimeoutError(<HTTPConnection>, 'Connection to h timed out. (connect timeout=5)'))", "connect-abandoned"},
    {"ReadTimeout: HTTPConnectionPool(host='h', port=80): Read timed out. (read timeout=30)", "client-timeout"},
    {"('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))", "closed-without-response"},
    {"('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", "reset-without-response"},
    {"('Connection aborted.', BrokenPipeError(32, 'Broken pipe'))", "early-response"},
    {"IncompleteRead(40 bytes read, 60 more expected)", "response-truncated-fin"},
    {"http.client.BadStatusLine: xyz", "response-malformed"},
    {"Max retries exceeded with url", "-"},
    {"Error: connect ECONNREFUSED 127.0.0.1:80", "connect-refused"},
    {"Error: connect ETIMEDOUT 1.2.3.4:80", "syn-retries-exhausted"},
    {"UND_ERR_CONNECT_TIMEOUT", "connect-abandoned"},
    {"Error: socket hang up", "closed-without-response"},
    {"Error: read ECONNRESET", "reset-without-response"},
    {"Error: write EPIPE", "early-response"},
    {"SocketError: other side closed (UND_ERR_SOCKET)", "closed-without-response"},
    {"UND_ERR_HEADERS_TIMEOUT", "client-timeout"},
    {"UND_ERR_BODY_TIMEOUT", "response-stalled"},
    {"Parse Error: Expected HTTP/", "response-malformed"},
    {"HPE_INVALID_CONSTANT", "response-malformed"},
    {"HPE_CLOSED_CONNECTION", "request-after-close-token"},
    {"timeout of 60000ms exceeded", "client-timeout"},
    {"AbortError", "client-timeout"},
    {"status 0", "client-timeout"},
    {"xhr status: 0", "client-timeout"},
    {"(canceled)", "client-timeout"},
    {"net::ERR_ABORTED", "client-timeout"},
    {"(failed) net::ERR_EMPTY_RESPONSE", "closed-without-response"},
    {"net::ERR_CONNECTION_RESET", "reset-without-response"},
    {"net::ERR_CONNECTION_CLOSED", "closed-without-response"},
    {"net::ERR_CONNECTION_REFUSED", "connect-refused"},
    {"net::ERR_CONNECTION_TIMED_OUT", "syn-retries-exhausted"},
    {"ERR_ADDRESS_UNREACHABLE", "connect-unreachable"},
    {"net::ERR_CONNECTION_ABORTED", "request-not-acked"},
    {"net::ERR_CONTENT_LENGTH_MISMATCH", "response-truncated-fin"},
    {"net::ERR_INCOMPLETE_CHUNKED_ENCODING 200", "response-truncated-fin"},
    {"net::ERR_INVALID_HTTP_RESPONSE", "response-malformed"},
    {"net::ERR_SSL_PROTOCOL_ERROR", "tls-plaintext-mismatch"},
    {"net::ERR_TUNNEL_CONNECTION_FAILED", "proxy-tunnel-refused"},
    {"curl: (7) Failed to connect to h port 80 after 1 ms: Could not connect to server", "connect-refused"},
    {"7", "connect-refused"},
    {"curl: (8) Weird server reply", "response-malformed"},
    {"curl: (1) Received HTTP/0.9 when not allowed", "response-malformed"},
    {"curl: (18) transfer closed with 60 bytes remaining to read", "response-truncated-fin"},
    {"curl: (22) The requested URL returned error: 404", "http-client-error"},
    {"curl: (28) Connection timed out after 5001 milliseconds", "connect-abandoned"},
    {"curl: (28) Operation timed out after 10001 milliseconds with 0 bytes received", "client-timeout"},
    {"cURL error 28: Operation timed out after 10001 milliseconds with 0 out of 0 bytes received", "client-timeout"},
    {"curl: (28) Operation timed out after 10001 milliseconds with 40 out of 100 bytes received", "response-stalled"},
    {"curl: (35) ssl failed", "tls-alert"},
    {"curl: (52) Empty reply from server", "closed-without-response"},
    {"cURL error 52", "closed-without-response"},
    {"52", "closed-without-response"},
    {"curl: (55) Send failure: Broken pipe", "early-response"},
    {"curl: (56) Recv failure: Connection reset by peer", "reset-without-response"},
    {"curl: (92) HTTP/2 stream 1 was not closed cleanly", "payload-opaque"},
    {"curl: (97) proxy", "proxy-tunnel-refused"},
    {"Connection died, retrying a fresh connect (retry count: 1)", "request-on-half-closed"},
    {"No connection could be made because the target machine actively refused it.", "connect-refused"},
    {"A connection attempt failed because the connected party did not properly respond after a period of time", "syn-retries-exhausted"},
    {"System.Net.Http.HttpIOException: The response ended prematurely. (ResponseEnded)", "closed-without-response"},
    {"An existing connection was forcibly closed by the remote host.", "reset-without-response"},
    {"The request was canceled due to the configured HttpClient.Timeout of 100 seconds elapsing.", "client-timeout"},
    {"The server returned an invalid or unrecognized response.", "response-malformed"},
};
constexpr Case kProxies[] = {
    {"upstream connect error or disconnect/reset before headers. reset reason: connection timeout", "connect-abandoned"},
    {"upstream connect error or disconnect/reset before headers. reset reason: connection failure", "connect-refused"},
    {"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: delayed connect error: 111", "connect-refused"},
    {"upstream connect error or disconnect/reset before headers. reset reason: connection termination", "closed-without-response"},
    {"upstream request timeout", "client-timeout"},
    {"no healthy upstream", "http-gateway-error"},
    {"413 Request Entity Too Large", "early-response"},
    {"HTTP 429", "http-client-error"},
    {"HTTP 460", "client-timeout"},
    {"Cloudflare 520", "http-gateway-error"},
    {"statusDetails: \"backend_timeout\"", "client-timeout"},
    {"ERRORINFO_UPSTREAM_CLOSED_CONNECTION", "closed-without-response"},
    {"AH00957: HTTP: attempt to connect to 10.0.0.9:8080 (10.0.0.9) failed", "connect-refused"},
    {"AH01102: error reading status line from remote server 10.0.0.9:8080", "closed-without-response"},
    {"499", "client-timeout"},
    {"10.0.0.5 - - [01/Mar/2024:12:00:00 +0000] \"POST /notify HTTP/1.1\" 499 0 \"-\" \"-\"", "client-timeout"},
    {"client prematurely closed connection, so upstream connection is closed too while sending request to upstream", "client-timeout"},
    {"connect() failed (111: Connection refused) while connecting to upstream", "connect-refused"},
    {"connect() failed (113: No route to host) while connecting to upstream", "connect-unreachable"},
    {"upstream timed out (110: Connection timed out) while connecting to upstream", "syn-retries-exhausted"},
    {"upstream timed out (110: Connection timed out) while reading response header from upstream", "client-timeout"},
    {"upstream timed out (110: Connection timed out) while reading upstream", "response-stalled"},
    {"upstream timed out (110: Connection timed out) while sending request to upstream", "zero-window-stall"},
    {"upstream prematurely closed connection while reading response header from upstream", "closed-without-response"},
    {"upstream prematurely closed connection while reading upstream", "response-truncated-fin"},
    {"recv() failed (104: Connection reset by peer) while reading response header from upstream", "reset-without-response"},
    {"writev() failed (32: Broken pipe) while sending request to upstream", "request-on-half-closed"},
    {"no live upstreams while connecting to upstream", "http-gateway-error"},
    {"upstream sent invalid header while reading response header from upstream", "response-malformed"},
    {"client timed out (110: Connection timed out) while reading client request body", "request-incomplete"},
    {"client intended to send too large body: 2097152 bytes", "early-response"},
    {"client sent plain HTTP request to HTTPS port while reading client request headers", "tls-plaintext-mismatch"},
    {"peer closed connection in SSL handshake", "tls-handshake-aborted"},
    {"444", "closed-without-response"},
    {"502 Bad Gateway", "http-gateway-error"},
    {"status 503", "http-gateway-error"},
    {"404", "http-client-error"},
    {"HTTP/1.1 500 Internal Server Error", "http-server-error"},
    {"haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 0/0/0/65006/65006 200 2750 - - ---- 1/1/1/1/0 0/0 \"GET / HTTP/1.1\"", "ok"},
    {"----", "ok"},
    {"CC--", "client-timeout"},
    {"HAProxy termination state CH", "client-timeout"},
    {"CH", "client-timeout"},
    {"CD--", "response-aborted-by-client"},
    {"CR--", "request-incomplete"},
    {"cR--", "request-incomplete"},
    {"cH--", "request-incomplete"},
    {"cD--", "response-stalled"},
    {"SC--", "connect-refused"},
    {"sC--", "syn-retries-exhausted"},
    {"SH--", "closed-without-response"},
    {"http-in static/srv1 0/0/1/-1/5 502 204 - - SHVN 1/1/1/1/0 0/0 \"GET / HTTP/1.1\"", "closed-without-response"},
    {"sH--", "slow-response"},
    {"SD--", "response-truncated-fin"},
    {"sD--", "response-stalled"},
    {"PR--", "request-malformed"},
    {"PH--", "response-malformed"},
    {"sQ--", "http-gateway-error"},
    {"RC--", "timewait-buildup"},
    {"LC--", "-"},
    {"UF", "connect-refused"},
    {"response_flags=UC", "closed-without-response"},
    {"UC", "closed-without-response"},
    {"\"POST /notify HTTP/1.1\" 503 UC 120 95 4 - \"-\"", "closed-without-response"},
    {"upstream connect error or disconnect/reset before headers. reset reason: connection termination", "closed-without-response"},
    {"UR", "reset-without-response"},
    {"UT", "client-timeout"},
    {"DC", "client-timeout"},
    {"DPE", "request-malformed"},
    {"UPE", "response-malformed"},
    {"UH", "http-gateway-error"},
    {"ALB 460", "client-timeout"},
    {"ALB 502", "connect-refused"},
    {"ALB 504", "connect-abandoned"},
    {"ALB 408", "response-unsolicited"},
    {"reset after 350 s", "idle-conn-reset"},
    {"Twilio error 11205", "connect-abandoned"},
    {"X-Slack-Retry-Reason: http_timeout", "client-timeout"},
    {"too_many_redirects", "http-redirect"},
    {"Stripe dashboard: Timed out", "client-timeout"},
    {"conn_state=S0", "syn-retries-exhausted"},
    {"REJ", "connect-refused"},
    {"RSTOS0", "connect-abandoned"},
    {"RSTO", "client-timeout"},
    {"RSTR", "reset-without-response"},
    {"S1", "capture-ended-early"},
    {"S2", "close-wait-lingering"},
    {"OTH", "capture-one-way"},
    {"TCP Previous segment not captured", "capture-gap"},
    {"TCP ACKed unseen segment", "capture-gap"},
    {"TCP Port numbers reused", "stale-port-reuse"},
    {"TCP Keep-Alive", "zero-window-stall"},
};
// clang-format on

INSTANTIATE_TEST_SUITE_P(System, Symptoms, testing::ValuesIn(kSystem));
INSTANTIATE_TEST_SUITE_P(Libraries, Symptoms, testing::ValuesIn(kLibraries));
INSTANTIATE_TEST_SUITE_P(Proxies, Symptoms, testing::ValuesIn(kProxies));

TEST(SymptomMatching, NothingInTextWithoutSymptoms) {
  constexpr std::string_view kTexts[] = {
      "",
      " ",
      "the quick brown fox jumps over the lazy dog",
      "everything is fine",
      "please fail over to the other site",  // "fail" alone would be a body
      "there are 52 weeks and 7 days",       // curl's codes need curl
      "the DC in room 499 has 32 racks",     // so do Envoy's, nginx's and errno's
      "we use CD and SH and PR",             // HAProxy's need its log around them
      "EOFX ECONNRESETTING XUC",             // parts of longer words
      "GET /notify HTTP/1.1 200 OK",
      "before ---- after",
  };
  for (const std::string_view text : kTexts) {
    EXPECT_EQ(best(text), "nothing") << text;
  }
}

TEST(SymptomMatching, ATimeoutMayBeManyThings) {
  const auto matches = match_symptom("timeout");
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_GE(matches[0].labels.size(), 5u);
  EXPECT_FALSE(matches[0].note.empty());
}

TEST(SymptomMatching, TheLongestLiteralMatchComesFirst) {
  const auto matches = match_symptom(
      "2024/03/01 12:00:00 [error] 7#7: *1 upstream prematurely closed connection while reading "
      "upstream, client: 10.0.0.5; then 499 in the nginx access log 499");
  ASSERT_GE(matches.size(), 2u);
  for (std::size_t i = 1; i < matches.size(); ++i)
    EXPECT_GE(matches[i - 1].literal, matches[i].literal);
  EXPECT_EQ(matches[0].symptom, "upstream prematurely closed connection while reading upstream");
}

TEST(SymptomMatching, AMatchInsideALongerOneIsLeftOut) {
  const auto matches = match_symptom("java.net.SocketException: Connection reset");
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].stack, "Java");
}

TEST(SymptomMatching, WrappersComeAfterWhatTheyWrap) {
  const auto matches = match_symptom(
      "Seek to current after exception ... java.net.SocketTimeoutException: connect timed out");
  ASSERT_EQ(matches.size(), 2u);
  EXPECT_EQ(matches[0].labels.front(), Label::connect_abandoned);
  EXPECT_TRUE(matches[1].labels.empty());
  EXPECT_FALSE(matches[1].note.empty());
}

TEST(SymptomMatching, CaseMattersForCodesOnly) {
  EXPECT_EQ(first("econnrefused"), "connect-refused");
  EXPECT_EQ(first("EMPTY REPLY FROM SERVER"), "closed-without-response");
  EXPECT_EQ(first("sC"), "syn-retries-exhausted");
  EXPECT_EQ(first("SC"), "connect-refused");
  EXPECT_EQ(best("uc"), "nothing");
}

TEST(SymptomMatching, LineBreaksDoNotHideAMessage) {
  EXPECT_EQ(first("Empty reply\nfrom server"), "closed-without-response");
  EXPECT_EQ(first("upstream timed out\n...\n while connecting to upstream"),
            "client-timeout");  // '*' stays on its line
}

TEST(SymptomMatching, HugeAndBinaryInputIsBounded) {
  const std::string huge(1 << 20, 'u');
  EXPECT_EQ(best(huge), "nothing");
  EXPECT_EQ(best(huge + " ECONNRESET"), "nothing");  // beyond what is read
  std::string nasty;
  for (int i = 0; i < 4000; ++i) nasty += "dial tcp ";
  EXPECT_EQ(best(nasty), "nothing");
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(best(bytes), "nothing");
}

// Every id in the tables is a label, or one of the taxonomy that no rule finds yet.
TEST(SymptomTables, HoldNoUnknownIds) {
  const std::set<std::string_view> planned{"proxy-gave-up"};
  for (const auto table :
       {rules::system_symptoms(), rules::library_symptoms(), rules::proxy_symptoms()}) {
    for (const rules::Symptom& symptom : table) {
      std::string_view ids = symptom.labels;
      EXPECT_FALSE(ids.empty() && symptom.note.empty()) << symptom.pattern;
      while (!ids.empty()) {
        const std::size_t space = std::min(ids.find(' '), ids.size());
        const std::string_view id = ids.substr(0, space);
        EXPECT_TRUE(find_rule(id) != nullptr || planned.contains(id))
            << symptom.pattern << ": " << id;
        ids.remove_prefix(std::min(space + 1, ids.size()));
      }
    }
  }
}

// A label that people can see should be reachable from what they saw.
TEST(SymptomTables, ReachEveryProblemOfAnExchange) {
  std::set<std::string_view> reached;
  for (const auto table :
       {rules::system_symptoms(), rules::library_symptoms(), rules::proxy_symptoms()}) {
    for (const rules::Symptom& symptom : table) {
      for (const RuleInfo& rule : rule_catalog()) {
        const std::string spaced = " " + std::string{symptom.labels} + " ";
        if (spaced.find(" " + std::string{rule.id} + " ") != std::string::npos)
          reached.insert(rule.id);
      }
    }
  }
  for (const RuleInfo& rule : rule_catalog()) {
    if (rule.severity == Severity::error) {
      EXPECT_TRUE(reached.contains(rule.id)) << rule.id;
    }
  }
}

}  // namespace
}  // namespace httpdiag
