// SPDX-License-Identifier: Apache-2.0
// Symptoms of the operating system, and in the words of people.
#include <array>

#include "rules/symptoms.hpp"

namespace httpdiag::rules {
namespace {

constexpr std::string_view kErrno =
    "errno $|error $|error code $|os error $|code $|WSA*$|($)|($:|[errno $";
constexpr SymptomKind kCode = SymptomKind::code;
constexpr SymptomKind kCodeInContext = SymptomKind::code_in_context;

constexpr std::string_view kRefused = "connect-refused connect-unreachable";
constexpr std::string_view kReset =
    "reset-without-response request-on-half-closed idle-conn-reset response-truncated-rst "
    "keepalive-close-race reset-after-handshake early-response rst-injection-suspect";
constexpr std::string_view kResetNote =
    "A RST arrived. What lies before it decides: a server FIN, a long idle time, part of a "
    "response, "
    "or nothing.";
constexpr std::string_view kBrokenPipe =
    "request-on-half-closed early-response late-response client-timeout response-aborted-by-client";
constexpr std::string_view kBrokenPipeNote =
    "On the client: the first two. On the server: the others, the client had left.";
constexpr std::string_view kTimedOut =
    "syn-retries-exhausted connect-abandoned handshake-not-completed idle-conn-blackholed "
    "request-not-acked keepalive-probe-failed";
constexpr std::string_view kTimedOutNote =
    "While connecting: the first three. While reading or writing: the others.";

constexpr std::string_view kAnyTimeout =
    "client-timeout connect-abandoned syn-retries-exhausted late-response request-not-acked "
    "idle-conn-blackholed response-stalled no-response slow-response";
constexpr std::string_view kUnanswered =
    "no-response request-not-acked client-timeout closed-without-response reset-without-response";
constexpr std::string_view kNotInTheirLog =
    "request-not-acked syn-retries-exhausted connect-abandoned connect-refused "
    "request-on-half-closed keepalive-close-race idle-conn-blackholed idle-conn-reset no-response "
    "client-timeout";

// clang-format off
constexpr std::array kSymptoms{
    Symptom{"errno", "ECONNREFUSED|Connection refused|WSAECONNREFUSED|actively refused|拒绝连接|连接被拒绝|积极拒绝", kRefused},
    Symptom{"errno", "111|10061", kRefused, {}, kCode, kErrno},
    Symptom{"errno", "ECONNRESET|Connection reset by peer|Connection reset|WSAECONNRESET|forcibly closed by the remote host|"
                     "连接被对方重设|连接被对方重置|连接被重置|连接重置|强迫关闭了一个现有的连接", kReset, kResetNote},
    Symptom{"errno", "104|10054", kReset, kResetNote, kCode, kErrno},
    Symptom{"people", "RST|rst|TCP RST|got RST|RST packet|reset|Reset", kReset, kResetNote, kCode, {}},
    Symptom{"people", "FIN|TCP FIN|got FIN|FIN packet", "closed-without-response request-on-half-closed response-truncated-fin keepalive-close-race",
            "The server's FIN before an answer, in the middle of it, or before the request.", kCode, {}},
    Symptom{"errno", "EPIPE|Broken pipe|断开的管道", kBrokenPipe, kBrokenPipeNote},
    Symptom{"errno", "32", kBrokenPipe, kBrokenPipeNote, kCodeInContext, kErrno},
    Symptom{"errno", "ETIMEDOUT|Connection timed out|WSAETIMEDOUT|连接超时", kTimedOut, kTimedOutNote},
    Symptom{"errno", "110|10060", kTimedOut, kTimedOutNote, kCode, kErrno},
    Symptom{"errno", "ETIMEDOUT on read|ETIMEDOUT on write|read ETIMEDOUT|write ETIMEDOUT",
            "idle-conn-blackholed request-not-acked keepalive-probe-failed"},
    Symptom{"getaddrinfo", "EAI_NONAME|EAI_AGAIN|Temporary failure in name resolution|域名解析失败", "dns-failed dns-slow"},
    Symptom{"errno", "EHOSTUNREACH|No route to host|ENETUNREACH|Network is unreachable|Host unreachable|没有到主机的路由|网络不可达",
            "connect-unreachable"},
    Symptom{"errno", "113", "connect-unreachable", {}, kCode, kErrno},
    Symptom{"errno", "101", "connect-unreachable", {}, kCodeInContext, kErrno},
    Symptom{"errno", "EADDRNOTAVAIL|Cannot assign requested address|EADDRINUSE|Address already in use",
            "timewait-buildup", "The client ran out of ports. That produces no packets."},
    Symptom{"Windows", "Only one usage of each socket address", "timewait-buildup", "The client ran out of ports. That produces no packets."},
    Symptom{"errno", "99", "timewait-buildup", "The client ran out of ports. That produces no packets.", kCodeInContext, kErrno},
    Symptom{"errno", "EAGAIN|EWOULDBLOCK|Resource temporarily unavailable", "zero-window-stall client-timeout response-stalled",
            "On send: the first. On recv, or with SO_RCVTIMEO: the others."},
    Symptom{"errno", "EAGAIN on send|EWOULDBLOCK on send|SO_SNDTIMEO", "zero-window-stall"},
    Symptom{"errno", "EAGAIN on recv|EWOULDBLOCK on recv|SO_RCVTIMEO", "client-timeout response-stalled"},
    Symptom{"errno", "EINPROGRESS|Operation now in progress", "connect-abandoned syn-retries-exhausted connect-refused",
            "No error: a connect that is still on its way (SYN_SENT)."},
    Symptom{"errno", "EMFILE|Too many open files", "close-wait-lingering"},
    Symptom{"errno", "ECONNABORTED|WSAECONNABORTED|Software caused connection abort",
            "response-aborted-by-client request-not-acked reset-after-complete"},
    Symptom{"errno", "103|10053", "response-aborted-by-client request-not-acked reset-after-complete", {}, kCodeInContext, kErrno},

    Symptom{"netstat, ss", "SYN_RECV|半连接|SYN-RECV|SYN_RCVD|SYN-RECEIVED|possible SYN flooding", "handshake-not-completed"},
    Symptom{"netstat, ss", "SYN_SENT|SYN-SENT", "syn-retries-exhausted connect-abandoned connect-slow"},
    Symptom{"nstat", "tcp_abort_on_overflow|ListenOverflows|ListenDrops|times the listen queue of a socket overflowed|accept queue|全连接队列",
            "accept-queue-overflow reset-after-handshake reset-without-response connect-abandoned syn-retries-exhausted"},
    Symptom{"dmesg", "nf_conntrack: table full|table full, dropping packet", "syn-retries-exhausted connect-abandoned connect-slow request-not-acked",
            "New connections are dropped on that host, and packets of those that it has forgotten."},
    Symptom{"nstat", "PAWSPassive|TcpExtPAWSPassive|passive connections rejected because of time stamp|tcp_tw_recycle", "syn-ignored-suspect"},
    Symptom{"nstat", "DelayedACKs|TcpExtDelayedACKs|Nagle|TCP_NODELAY|delayed ACK|40 ms longer", "delayed-ack-stall"},
    Symptom{"ping, ICMP", "fragmentation needed|Frag needed|packet too big|Message too long|EMSGSIZE|MTU black hole|PMTU|path MTU", "pmtu-blackhole"},
    Symptom{"netstat, ss", "CLOSE_WAIT|CLOSE-WAIT", "close-wait-lingering request-on-half-closed",
            "The peer closed and this side's application did not. A request that is then sent fails."},
    Symptom{"netstat, ss", "TIME_WAIT|TIME-WAIT", "timewait-buildup"},
    Symptom{"netstat, ss", "FIN_WAIT2|FIN_WAIT_2|FIN-WAIT-2", "close-wait-lingering",
            "This side closed and the peer's application did not."},

    Symptom{"people", "timeout|timed out|time-out|超时", kAnyTimeout,
            "Many things are called a timeout. What the connection was waiting for decides: a SYN-ACK, an acknowledgement, "
            "the first byte of the response, or the rest of it."},
    Symptom{"people", "read timed out|read timeout|读取超时|读超时|响应超时",
            "client-timeout late-response request-not-acked idle-conn-blackholed response-stalled no-response"},
    Symptom{"people", "connect timeout|connect timed out|connection timeout|建立连接超时",
            "connect-abandoned handshake-client-reset syn-retries-exhausted"},
    Symptom{"people", "exactly 1 minute|exactly one minute|exactly 60 s|exactly 60 seconds|正好1分钟|正好一分钟|刚好1分钟|刚好一分钟|整整一分钟",
            "client-timeout late-response", "A round number speaks for a timer."},
    Symptom{"people", "请求丢失|request lost|lost request", "client-timeout late-response request-not-acked no-response"},
    Symptom{"people", "系统繁忙|system busy", "client-timeout late-response"},
    Symptom{"people", "没有正常获得应答|没有应答|没有响应|无响应|未获得应答|no answer|no response|no reply|hangs", kUnanswered},
    Symptom{"people", "没有收到请求|没有收到任何请求|未收到请求|没收到请求|没有收到|未收到|log shows no request|no request in*log|never received the request|nothing in*log",
            kNotInTheirLog,
            "Access logs are written when an exchange ends. If the request was acknowledged, it reached that host whatever "
            "the log says."},
    Symptom{"sender's table", "sent_count|receive_time|recevie_time|通知次数",
            "no-response request-not-acked client-timeout closed-without-response ack-negative",
            "Repeated without acknowledgement. Look at each attempt by itself; they may fail differently."},
    Symptom{"people", "keeps retrying although*200|keeps sending although*200|一直重复通知|重复通知|重复回调",
            "ack-unrecognized http-redirect late-response ack-negative"},
    Symptom{"people", "delivered twice|received twice|sent twice|processed twice|duplicate callback|duplicate notification|"
                      "duplicate delivery|duplicate order|重复收到|收到两次|重复入账",
            "late-response client-timeout response-not-acked closed-without-response",
            "The report says of each delivery whether the receiver got it more than once, and why it was sent again."},
    Symptom{"people", "callback failed|webhook failed|notification failed|回调失败|通知失败",
            "client-timeout no-response connect-refused request-on-half-closed http-server-error ack-negative",
            "Anything can be meant: look at each attempt by itself."},
    Symptom{"TLS", "certificate verify failed|unable to verify the first certificate|unable to get local issuer certificate|"
                   "PKIX path building failed|PKIX path validation failed|x509: certificate|certificate signed by unknown authority|"
                   "certificate has expired|CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|"
                   "self signed certificate|self-signed certificate|SSL certificate problem|证书",
            "tls-alert tls-handshake-aborted",
            "The client refused the server's certificate, so no request was sent. TLS 1.3 hides the alert of some stacks."},
    Symptom{"TLS", "handshake failure|handshake_failure|SSLHandshakeException|SSL handshake failed|TLS handshake failed|握手失败",
            "tls-alert tls-handshake-aborted tls-plaintext-mismatch"},
    Symptom{"people", "文件不完整|cut short in the middle of a packet|truncated dump file|truncated pcapng dump file",
            "capture-file-truncated"},
    Symptom{"people", "半断开|半关闭|half-closed|half-open", "request-on-half-closed keepalive-close-race"},
    Symptom{"response body", "fail|failure|FAIL", "ack-negative", {}, kCode,
            "body $|return_code $|return_code*[$]|返回 $|返回$|返回了$|应答$|replied $|answered $|result $|response $"},
    Symptom{"response body", "return_code*FAIL", "ack-negative"},
};
// clang-format on

}  // namespace

std::span<const Symptom> system_symptoms() { return kSymptoms; }

}  // namespace httpdiag::rules
