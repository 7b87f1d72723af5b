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
            "window of 0 is still 0.",
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
            "says failure. A flow is ok when all of its exchanges are, and it was closed in any "
            "harmless way or is still open.",
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
