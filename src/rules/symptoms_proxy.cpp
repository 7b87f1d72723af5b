// SPDX-License-Identifier: Apache-2.0
// Symptoms of proxies and load balancers, senders of callbacks, and tools that
// read captures. A proxy sits on two legs; the labels are those of the leg that
// the message is about.
#include <array>

#include "rules/symptoms.hpp"

namespace httpdiag::rules {
namespace {

constexpr SymptomKind kCode = SymptomKind::code;
constexpr SymptomKind kCodeInContext = SymptomKind::code_in_context;
constexpr SymptomKind kTermination = SymptomKind::termination;

constexpr std::string_view kStatus =
    "HTTP/# $|HTTP $|status $|status code $|http_code $|code $|returned $|returns $|answered $|"
    "error $|nginx $|cloudflare $|cloudflare error $|nginx log $|nginx access log $|got $|返回 "
    "$|返回$|返回了$";
constexpr std::string_view kTermState =
    "haproxy|termination state|term_state|term state|termination code|#/#/#/#/#|#/#/# # $";
constexpr std::string_view kEnvoy =
    "envoy*$|istio*$|response_flags $|response flags $|response flag $|flags $|HTTP/# # $ ";
constexpr std::string_view kZeek = "zeek*$|conn_state*$|bro*$";
constexpr std::string_view kAws = "ALB*$|ELB*$|elb_status_code $|load balancer*$|$*ALB|$*ELB";

constexpr std::string_view kClientLegLeft =
    "client-timeout late-response response-aborted-by-client request-incomplete";
constexpr std::string_view kClientLegNote = "On the client's leg: the client had left.";
constexpr std::string_view kUpstreamClosed =
    "closed-without-response request-on-half-closed keepalive-close-race";

// clang-format off
constexpr std::array kSymptoms{
    // HTTP status, whoever prints it
    Symptom{"HTTP", "502 Bad Gateway|503 Service Unavailable|504 Gateway Timeout|504 Gateway Time-out|Bad Gateway|Gateway Timeout|Gateway Time-out", "http-gateway-error",
            "The failing leg is the one behind the gateway: capture there."},
    Symptom{"HTTP", "502|503|504", "http-gateway-error", "The failing leg is the one behind the gateway: capture there.", kCode, kStatus},
    Symptom{"Cloudflare", "520|521|522|523|524|525|526|527", "http-gateway-error",
            "The failing leg is the one from the CDN to the origin: capture at the origin.", kCode, kStatus},
    Symptom{"HTTP", "500 Internal Server Error|Internal Server Error", "http-server-error"},
    Symptom{"HTTP", "500|501|505", "http-server-error", {}, kCode, kStatus},
    Symptom{"HTTP", "400|401|403|404|405|406|409|410|411|414|415|417|421|422|426|428|429|431|451", "http-client-error", {}, kCode, kStatus},
    Symptom{"HTTP", "413", "early-response http-client-error", "Often sent while the client is still sending.", kCode, kStatus},
    Symptom{"HTTP", "413 Request Entity Too Large|413 Payload Too Large|Request Entity Too Large|Payload Too Large|Content Too Large",
            "early-response http-client-error", "Often sent while the client is still sending."},
    Symptom{"HTTP", "429 Too Many Requests|Too Many Requests|414 URI Too Long|URI Too Long|431 Request Header Fields Too Large|"
                    "Request Header Fields Too Large|Request Header Or Cookie Too Large", "http-client-error"},
    Symptom{"HTTP", "301|302|303|307|308", "http-redirect", {}, kCode, kStatus},
    Symptom{"HTTP", "408", "request-incomplete response-unsolicited http-client-error", "On an idle connection it answers no request.", kCode, kStatus},
    Symptom{"HTTP", "408 Request Timeout|408 Request Time-out", "request-incomplete response-unsolicited http-client-error", "On an idle connection it answers no request."},

    // nginx
    Symptom{"nginx", "499", kClientLegLeft, kClientLegNote, kCode, kStatus},
    Symptom{"nginx", "client prematurely closed connection|so upstream connection is closed too", kClientLegLeft, kClientLegNote},
    Symptom{"nginx", "connect() failed (111: Connection refused) while connecting to upstream|connect() failed (111*", "connect-refused"},
    Symptom{"nginx", "connect() failed (113: No route to host)|connect() failed (113*", "connect-unreachable"},
    Symptom{"nginx", "connect()*failed (99*|failed (99: Cannot assign requested address)", "timewait-buildup"},
    Symptom{"nginx", "upstream timed out (110: Connection timed out) while connecting to upstream|upstream timed out*while connecting to upstream", "syn-retries-exhausted connect-abandoned"},
    Symptom{"nginx", "upstream timed out (110: Connection timed out) while reading response header from upstream|upstream timed out*while reading response header from upstream",
            "client-timeout slow-response no-response", "On the upstream leg nginx is the client that gave up (proxy_read_timeout, 60 s)."},
    Symptom{"nginx", "upstream timed out (110: Connection timed out) while reading upstream|upstream timed out*while reading upstream", "response-stalled"},
    Symptom{"nginx", "upstream timed out (110: Connection timed out) while sending request to upstream|upstream timed out*while sending request to upstream", "zero-window-stall request-not-acked"},
    Symptom{"nginx", "upstream timed out", "client-timeout slow-response syn-retries-exhausted connect-abandoned response-stalled", "The words behind \"while\" tell which."},
    Symptom{"nginx", "upstream prematurely closed connection while reading response header from upstream|upstream prematurely closed connection", kUpstreamClosed},
    Symptom{"nginx", "upstream prematurely closed connection while reading upstream", "response-truncated-fin"},
    Symptom{"nginx", "recv() failed (104: Connection reset by peer) while reading response header from upstream|recv() failed (104*while reading response header", "reset-without-response idle-conn-reset"},
    Symptom{"nginx", "recv() failed (104: Connection reset by peer) while reading upstream|recv() failed (104*while reading upstream", "response-truncated-rst"},
    Symptom{"nginx", "writev() failed (*while sending request to upstream|send() failed (*while sending request to upstream", "request-on-half-closed early-response"},
    Symptom{"nginx", "no live upstreams while connecting to upstream|no live upstreams", "http-gateway-error", "No packet goes upstream at this moment: earlier failures switched the upstreams off."},
    Symptom{"nginx", "upstream sent invalid header|upstream sent no valid HTTP/1.0 header|upstream sent too big header", "response-malformed"},
    Symptom{"nginx", "client timed out (110|client timed out", "request-incomplete"},
    Symptom{"nginx", "client intended to send too large body", "early-response http-client-error"},
    Symptom{"nginx", "client sent invalid|Invalid character found in method name", "request-malformed"},
    Symptom{"nginx", "client sent plain HTTP request to HTTPS port|The plain HTTP request was sent to HTTPS port", "tls-plaintext-mismatch"},
    Symptom{"nginx", "peer closed connection in SSL handshake|SSL_do_handshake() failed", "tls-handshake-aborted tls-alert"},
    Symptom{"nginx", "444", "closed-without-response", {}, kCode, kStatus},

    // HAProxy: who ended it (capital: by force, small: by timer) and in which state
    Symptom{"HAProxy", "--", "ok slow-response", "A normal end. With a large fourth timer (Tr) it was slow.", kTermination, kTermState},
    Symptom{"HAProxy", "CC|CQ", "client-timeout", "The client left before the server's leg existed.", kTermination, kTermState},
    Symptom{"HAProxy", "CH", "client-timeout late-response", {}, kTermination, kTermState},
    Symptom{"HAProxy", "CD", "response-aborted-by-client late-response", {}, kTermination, kTermState},
    Symptom{"HAProxy", "CR", "request-incomplete connection-unused", {}, kTermination, kTermState},
    Symptom{"HAProxy", "cR", "request-incomplete connection-unused response-unsolicited", {}, kTermination, kTermState},
    Symptom{"HAProxy", "cH", "request-incomplete pmtu-blackhole", {}, kTermination, kTermState},
    Symptom{"HAProxy", "cD", "response-stalled zero-window-stall request-not-acked", "On the client's leg.", kTermination, kTermState},
    Symptom{"HAProxy", "SC", "connect-refused connect-unreachable", "On the server's leg.", kTermination, kTermState},
    Symptom{"HAProxy", "sC", "syn-retries-exhausted connect-abandoned", "On the server's leg.", kTermination, kTermState},
    Symptom{"HAProxy", "SH", "closed-without-response reset-without-response request-on-half-closed keepalive-close-race", "On the server's leg.", kTermination, kTermState},
    Symptom{"HAProxy", "sH", "slow-response client-timeout no-response", "The server took longer than \"timeout server\"; on its leg HAProxy is the client that gave up.", kTermination, kTermState},
    Symptom{"HAProxy", "SD", "response-truncated-fin response-truncated-rst", "On the server's leg.", kTermination, kTermState},
    Symptom{"HAProxy", "sD", "response-stalled idle-conn-blackholed", "On the server's leg.", kTermination, kTermState},
    Symptom{"HAProxy", "sQ|PC|PT", "http-gateway-error", "A limit of the proxy: queue, connections, tarpit.", kTermination, kTermState},
    Symptom{"HAProxy", "RC", "timewait-buildup", "A resource of the proxy ran out: ports, sockets, memory. That produces no packets.", kTermination, kTermState},
    Symptom{"HAProxy", "PR", "request-malformed", {}, kTermination, kTermState},
    Symptom{"HAProxy", "PD|PH", "response-malformed", {}, kTermination, kTermState},
    Symptom{"HAProxy", "LC|LR|LH|KD|DD|UU", "", "HAProxy's own decision: a local answer, an administrator, or a server marked down.", kTermination, kTermState},

    // Envoy
    Symptom{"Envoy", "UF|URX", "connect-refused syn-retries-exhausted connect-abandoned connect-unreachable", "On the upstream leg.", kCode, kEnvoy},
    Symptom{"Envoy", "UH|NC|NR|UO", "http-gateway-error", "No packet goes upstream: no healthy host, no cluster, no route, or overflow.", kCode, kEnvoy},
    Symptom{"Envoy", "UC", "closed-without-response request-on-half-closed keepalive-close-race reset-without-response", "On the upstream leg.", kCode, kEnvoy},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers|reset reason: connection termination|upstream_reset_before_response_started",
            "closed-without-response request-on-half-closed keepalive-close-race reset-without-response", "On the upstream leg."},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers*reset reason connection timeout|reset reason connection timeout",
            "connect-abandoned syn-retries-exhausted", "On the upstream leg."},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers*connection failure|reset reason connection failure|"
                     "reset reason remote connection failure|reset reason local connection failure",
            "connect-refused syn-retries-exhausted connect-abandoned connect-unreachable", "On the upstream leg."},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers*delayed connect error|delayed connect error",
            "connect-refused connect-unreachable syn-retries-exhausted", "On the upstream leg; errno 111 is a refusal."},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers*TLS error|transport failure reason TLS error",
            "tls-alert tls-handshake-aborted tls-plaintext-mismatch", "On the upstream leg."},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers*reset reason protocol error",
            "response-malformed", "On the upstream leg."},
    Symptom{"Envoy", "upstream connect error or disconnect/reset before headers*reset reason overflow|no healthy upstream", "http-gateway-error",
            "No packet goes upstream: no healthy host, or a limit of the proxy's own."},
    Symptom{"Envoy", "upstream request timeout", "client-timeout response-stalled slow-response", "On the upstream leg Envoy is the client that gave up."},
    Symptom{"Envoy", "UR|LR", "reset-without-response", "On the upstream leg.", kCode, kEnvoy},
    Symptom{"Envoy", "UT|UMSDR|SI", "client-timeout response-stalled slow-response", "On the upstream leg Envoy is the client that gave up.", kCode, kEnvoy},
    Symptom{"Envoy", "DC|downstream_remote_disconnect", "client-timeout late-response response-aborted-by-client", kClientLegNote, kCode, kEnvoy},
    Symptom{"Envoy", "DPE", "request-malformed", {}, kCode, kEnvoy},
    Symptom{"Envoy", "UPE", "response-malformed", {}, kCode, kEnvoy},
    Symptom{"Envoy", "DT", "", "The connection reached its maximum age and was closed: not a failure by itself.", kCode, kEnvoy},

    // AWS
    Symptom{"ALB", "460", "client-timeout late-response", kClientLegNote, kCode, kAws},
    Symptom{"ALB", "460", "client-timeout late-response", kClientLegNote, kCode, kStatus},
    Symptom{"ALB", "502", "connect-refused connect-unreachable closed-without-response reset-without-response request-on-half-closed keepalive-close-race response-malformed tls-handshake-aborted",
            "On the leg to the target.", kCodeInContext, kAws},
    Symptom{"ALB", "504", "connect-abandoned slow-response no-response response-stalled", "After 10 s: connecting to the target. After 60 s: waiting for it.", kCodeInContext, kAws},
    Symptom{"ALB", "408", "response-unsolicited request-incomplete", {}, kCodeInContext, kAws},
    Symptom{"AWS", "after 350 s|after 350 seconds|350 seconds|350 s|350s", "idle-conn-reset", "350 s is the idle timer of AWS NLB and NAT gateway."},

    // Google Cloud load balancers (statusDetails), Azure Application Gateway, Apache httpd
    Symptom{"Google Cloud", "backend_timeout", "client-timeout slow-response no-response", "On the leg to the backend the load balancer is the client that gave up."},
    Symptom{"Google Cloud", "backend_connection_closed_before_data_sent_to_client", kUpstreamClosed, "On the leg to the backend."},
    Symptom{"Google Cloud", "backend_connection_closed_after_partial_response_sent", "response-truncated-fin response-truncated-rst", "On the leg to the backend."},
    Symptom{"Google Cloud", "failed_to_connect_to_backend", "connect-refused connect-abandoned syn-retries-exhausted", "On the leg to the backend."},
    Symptom{"Google Cloud", "failed_to_pick_backend", "http-gateway-error", "No packet goes to a backend: none is healthy."},
    Symptom{"Google Cloud", "client_disconnected_before_any_response", "client-timeout late-response", kClientLegNote},
    Symptom{"Google Cloud", "client_disconnected_after_partial_response", "response-aborted-by-client", kClientLegNote},
    Symptom{"Azure", "ERRORINFO_CLIENT_CLOSED_REQUEST", kClientLegLeft, kClientLegNote},
    Symptom{"Azure", "ERRORINFO_CLIENT_TIMED_OUT", "request-incomplete", "On the client's leg."},
    Symptom{"Azure", "ERRORINFO_UPSTREAM_TIMED_OUT", "client-timeout slow-response no-response", "On the leg to the backend the gateway is the client that gave up."},
    Symptom{"Azure", "ERRORINFO_UPSTREAM_CLOSED_CONNECTION", kUpstreamClosed, "On the leg to the backend."},
    Symptom{"Azure", "ERRORINFO_UPSTREAM_NO_LIVE", "http-gateway-error", "No packet goes to a backend: none is healthy."},
    Symptom{"Apache httpd", "AH00957|AH01114|attempt to connect to * failed", "connect-refused connect-abandoned syn-retries-exhausted", "On the upstream leg."},
    Symptom{"Apache httpd", "AH01102|error reading status line from remote server|AH00898|Error reading from remote server", kUpstreamClosed, "On the upstream leg."},
    Symptom{"Apache httpd", "AH01097|AH01084|pass request body failed", "request-on-half-closed early-response", "On the upstream leg."},
    Symptom{"Apache httpd", "AH01110|error reading response", "response-truncated-fin response-stalled", "On the upstream leg."},

    // Senders of callbacks
    Symptom{"Twilio", "11205", "connect-abandoned syn-retries-exhausted connect-refused", {}, kCode, "twilio*$|error $"},
    Symptom{"Twilio", "11200", "http-server-error http-client-error", {}, kCode, "twilio*$|error $"},
    Symptom{"Slack", "http_timeout", "client-timeout late-response", "Slack waits 3 s."},
    Symptom{"Slack", "connection_failed", "connect-refused syn-retries-exhausted connect-abandoned connect-unreachable"},
    Symptom{"Slack", "ssl_error", "tls-alert tls-handshake-aborted"},
    Symptom{"Slack", "http_error", "http-client-error http-server-error http-gateway-error"},
    Symptom{"Slack", "too_many_redirects", "http-redirect"},
    Symptom{"webhook sender", "Stripe*Timed out|GitHub*timed out|Shopify*timeout|webhook*timed out", "client-timeout late-response"},

    // Tools that read captures
    Symptom{"Zeek", "S0", "syn-retries-exhausted connect-abandoned", {}, kCode, kZeek},
    Symptom{"Zeek", "REJ", "connect-refused", {}, kCode, kZeek},
    Symptom{"Zeek", "RSTOS0", "connect-abandoned handshake-client-reset", {}, kCode, kZeek},
    Symptom{"Zeek", "S1", "capture-ended-early no-response", {}, kCode, kZeek},
    Symptom{"Zeek", "S2|S3", "close-wait-lingering", "One side closed and the other never did.", kCode, kZeek},
    Symptom{"Zeek", "RSTO", "client-timeout late-response reset-after-complete", "The client sent the RST.", kCode, kZeek},
    Symptom{"Zeek", "RSTR", "reset-without-response response-truncated-rst request-on-half-closed", "The server sent the RST.", kCode, kZeek},
    Symptom{"Zeek", "SHR|RSTRH|OTH", "capture-one-way capture-started-midstream", {}, kCode, kZeek},
    Symptom{"Zeek", "SH", "capture-one-way capture-started-midstream", {}, kCodeInContext, kZeek},
    Symptom{"Wireshark", "Previous segment not captured", "capture-gap loss-recovery-delay", "Acknowledged later: the capture missed it. Never acknowledged: the network lost it."},
    Symptom{"Wireshark", "ACKed unseen segment", "capture-gap capture-one-way"},
    Symptom{"Wireshark", "Port numbers reused", "stale-port-reuse"},
    Symptom{"Wireshark", "TCP ZeroWindow|TCP Window Full|ZeroWindowProbe|TCP ZeroWindowProbe", "zero-window-stall"},
    Symptom{"Wireshark", "TCP Keep-Alive", "zero-window-stall", "With a closed window these are window probes. With an open one they are keep-alives and harmless."},
    Symptom{"Wireshark", "TCP Retransmission|TCP Fast Retransmission|TCP Spurious Retransmission", "loss-recovery-delay request-not-acked idle-conn-blackholed capture-duplicate-packets"},
    Symptom{"Wireshark", "Packet size limited during capture", "capture-snaplen-cut"},
    Symptom{"tcpdump", "packets dropped by kernel", "capture-gap"},
};
// clang-format on

}  // namespace

std::span<const Symptom> proxy_symptoms() { return kSymptoms; }

}  // namespace httpdiag::rules
