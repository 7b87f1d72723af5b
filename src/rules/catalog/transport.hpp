// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase transport, and the label for nothing wrong.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kTransportRules{
    RuleInfo{
        .label = Label::loss_recovery_delay,
        .id = "loss-recovery-delay",
        .title = "Lost packets cost time",
        .scope = Scope::exchange,
        .role = Role::annotation,
        .phase = Phase::transport,
        .severity = Severity::warning,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "Data had to be retransmitted so often or so late that it shows: 5 segments and 2 % "
            "of a direction, or one stall of 1 s or longer that a retransmission ended, or three "
            "timeouts in a row for the same byte. It explains a delay and replaces no verdict.",
        .guards =
            "Packets recorded twice, keep-alive probes, window probes and repeated SYNs or FINs "
            "are no loss. Segments that were sent again although the capture shows them "
            "acknowledged are counted apart. A capture at the sender cannot show where a "
            "packet was lost.",
        .symptoms = "Wireshark: [TCP Retransmission], [TCP Fast Retransmission]; nstat: "
                    "TcpRetransSegs grows; People: single calls take 200 ms, 1 s or 3 s longer",
        .remedy =
            "Network: look for loss on the direction named: interface errors, duplex, "
            "overloaded link, policer, wireless. Capture at both ends to see on which side of "
            "a device the packets vanish.",
        .references = "RFC 6298; RFC 8985 (RACK and tail loss probe); RFC 5681",
    },
    RuleInfo{
        .label = Label::zero_window_stall,
        .id = "zero-window-stall",
        .title = "Receiver closed its window and did not read",
        .scope = Scope::exchange,
        .role = Role::either,
        .phase = Phase::transport,
        .severity = Severity::warning,
        .party = Party::unknown,
        .confidence = Confidence::medium,
        .what = "One side announces a receive window of 0 for 500 ms or longer while the other has "
                "more to send, as window probes, data that is sent again and answered by another "
                "window of 0, or the data right after the reopening show. The application on the "
                "announcing side does not read: the server for uploads, the client for downloads. "
                "If the exchange never completes behind the closed window, or the window was "
                "closed for most of an upload that was broken off, this is its primary label.",
        .guards =
            "A window that is merely small is no zero window. A SYN, FIN or RST with window 0 "
            "does not count. Window probes look like keep-alive probes, and Wireshark may name "
            "them so: the peer's last window decides. If the window scale was not captured, a "
            "window of 0 is still 0. Closed for less than 3 s when the capture ends, it is an "
            "annotation only.",
        .symptoms =
            "Wireshark: [TCP ZeroWindow], [TCP Window Full], [TCP ZeroWindowProbe]; errno: EAGAIN "
            "or "
            "EWOULDBLOCK on send; Java: a thread that hangs in socketWrite0; nginx: upstream timed "
            "out (110: Connection timed out) while sending request to upstream; HAProxy: cD",
        .remedy =
            "Application on the announcing side: find why it stopped reading: blocked thread, "
            "full queue, slow disk, long garbage collection, a paused consumer. Sending side: "
            "set a write timeout (SO_SNDTIMEO).",
        .references = "RFC 9293 section 3.8.6.1 (zero-window probing); RFC 1122 section 4.2.2.17",
    },
    RuleInfo{
        .label = Label::pmtu_blackhole,
        .id = "pmtu-blackhole",
        .title = "Only long packets get lost on the way",
        .scope = Scope::exchange,
        .role = Role::either,
        .phase = Phase::transport,
        .severity = Severity::error,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "Segments of full size, 1000 bytes or more, were sent again three times or more and "
            "never acknowledged, while shorter ones of the same side arrived. Selective ACKs name "
            "bytes behind them, bytes in front that left in one go with them were acknowledged, "
            "something short arrived a moment before and the other side goes on talking, or a "
            "router says that the packet was too big. A hop takes only "
            "shorter packets, and the sender does not learn of it. If the exchange never completes "
            "for it, this is its primary label; if smaller pieces got through in the end, it is an "
            "annotation. Seen behind such a hop: the receiver asks by selective ACK for a full "
            "segment's worth of bytes that never comes past, for 3 s or longer, and none that is "
            "as long arrives.",
        .guards =
            "A segment of full size that was acknowledged shows that the path takes them: this is "
            "loss. Silence after the segment, without a sign of shorter ones, is "
            "request-not-acked or response-not-acked. Packets longer than the MSS are cut up by "
            "the sender's network card and count as one MSS. One ICMP \"fragmentation needed\" "
            "that is followed by smaller segments is path MTU discovery at work.",
        .symptoms =
            "People: small requests work, large ones hang; Go: net/http: TLS handshake timeout; "
            "TLS clients: they hang after the ClientHello; HAProxy: cR or cH; Wireshark: [TCP "
            "Retransmission] of 1514-byte frames only",
        .remedy =
            "Network: let ICMP \"fragmentation needed\" (ICMPv6 \"packet too big\") through to "
            "the "
            "sender, or clamp the MSS on the tunnel's router (--clamp-mss-to-pmtu). Sending host: "
            "net.ipv4.tcp_mtu_probing=1, or a smaller MTU on the interface. ping -M do -s SIZE "
            "finds the limit.",
        .references = "RFC 2923 section 2.1; RFC 1191; RFC 8201; RFC 4821",
    },
    RuleInfo{
        .label = Label::delayed_ack_stall,
        .id = "delayed-ack-stall",
        .title = "Short segment waited for a delayed ACK",
        .scope = Scope::exchange,
        .role = Role::annotation,
        .phase = Phase::transport,
        .severity = Severity::info,
        .party = Party::unknown,
        .confidence = Confidence::medium,
        .what =
            "A message left in two or more writes. The next segment, shorter than the MSS, was "
            "sent "
            "within 5 ms after the bare ACK of all before it, and that ACK took 35 to 220 ms: the "
            "sender's Nagle algorithm waited for the peer's delayed ACK.",
        .guards =
            "An ACK that carries data is an answer, and what follows it a reaction. A segment that "
            "leaves later than 5 ms after the ACK waited for its application. A round trip as long "
            "as the gap explains it without any delay of the ACK. Where the capture lacks the "
            "handshake the round trip is unknown, and nothing is said.",
        .symptoms = "People: every call takes 40 ms (or 200 ms) longer than it should; nstat: "
                    "TcpExtDelayedACKs grows",
        .remedy =
            "Sender: write head and body of a message with one call, or set TCP_NODELAY. Nothing "
            "is lost; only time is.",
        .references = "RFC 896; RFC 1122 sections 4.2.3.2 and 4.2.3.4; tcp(7): TCP_NODELAY",
    },
    RuleInfo{
        .label = Label::rst_injection_suspect,
        .id = "rst-injection-suspect",
        .title = "RST was probably sent by a device in between",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::transport,
        .severity = Severity::warning,
        .party = Party::network,
        .confidence = Confidence::medium,
        .what =
            "A RST does not look as if its sender address had sent it: its TTL is 3 or more away "
            "from that side's packets before and after it, or its IPv4 id is no next one though "
            "that side counts, or that side went on with new data behind its own RST, or further "
            "RSTs with higher numbers came with it. A device between the hosts (firewall, "
            "intrusion prevention, load balancer) probably sent it.",
        .guards =
            "Kernels without a socket send RSTs with IP id 0 and window 0, which is no sign. A "
            "SYN-ACK with a TTL of its own is that of a SYN proxy or load balancer: the RST is "
            "compared with the later packets. Load balancers and NATs reset in a host's name by "
            "right: this says who, not that it was wrong.",
        .symptoms =
            "errno: ECONNRESET; Server: its own log knows of no abort; Wireshark: RST with a TTL "
            "or IP id unlike the other packets",
        .remedy =
            "Network: ask who runs the firewall, intrusion prevention or load balancer on the "
            "path; the TTL tells how many hops away it is. Capture on the host in whose name the "
            "RST came: a RST that does not leave there was made on the way.",
        .references =
            "Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets (NDSS 2009); RFC 3360; "
            "RFC 5961 section 3",
    },
    RuleInfo{
        .label = Label::ok,
        .id = "ok",
        .title = "Nothing went wrong",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::none,
        .severity = Severity::ok,
        .party = Party::none,
        .confidence = Confidence::high,
        .what =
            "The exchange is complete: whole request, whole final response, and nothing in it "
            "says failure. Where the capture cannot show the response and nothing else is wrong, "
            "nobody knows: the exchange is ok with a label beside it that says why "
            "(capture-one-way, capture-gap, capture-ended-early), and is not counted as healthy. A "
            "flow is ok when all of its exchanges are, and it was closed in any harmless way or is "
            "still open.",
        .guards = "A 2xx status says that HTTP worked. Whether the receiver did the work, only its "
                  "own log tells. That bytes reached the client's kernel does not prove that the "
                  "client's application read them.",
        .symptoms = "Access log: 200; HAProxy: ----; Zeek: conn_state SF",
        .remedy = "Nothing to change. If somebody still saw an error at this time, look at other "
                  "connections, at DNS, or at the leg behind a proxy, which are not in this flow.",
        .references = "RFC 9110 section 15.3; RFC 9112 section 8",
    },
};

}  // namespace httpdiag::rules::catalog
