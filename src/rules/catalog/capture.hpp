// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase capture: what the capture itself cannot tell. Annotations
// only; none of them says that anything went wrong with the traffic.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kCaptureRules{
    RuleInfo{
        .label = Label::capture_file_truncated,
        .id = "capture-file-truncated",
        .title = "Capture file is cut off",
        .scope = Scope::capture,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::warning,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "The capture file stops in the middle of a packet record, or a record header holds a "
            "size or a time that cannot be real. Everything before the damage is analysed. "
            "Nothing after it is known, so the last connections may look unfinished when they "
            "were not. With --recover the program looks for the next plausible record and goes on; "
            "then this says what was passed over.",
        .guards = "A file with a header and no packets is whole: it caught nothing. A capture that "
                  "was stopped normally ends between two packets, and what is still open then is "
                  "capture-ended-early.",
        .symptoms = "Wireshark: The capture file appears to have been cut short in the middle of a "
                    "packet.; tcpdump: truncated dump file; tcpdump: truncated pcapng dump file",
        .remedy =
            "Stop tcpdump with Ctrl-C or SIGTERM, never with kill -9, and watch the free space "
            "on the disk. Use -U to write each packet as it comes, -C or -G with -W to rotate "
            "files, and systemd-run or setsid instead of a bare nohup. Copy the file after "
            "tcpdump has exited, and in binary mode. To see what is behind damage: --recover.",
        .references =
            "tcpdump(1): -U, -C, -G, -W; pcap-savefile(5); libpcap sf-pcap.c, sf-pcapng.c",
    },
    RuleInfo{
        .label = Label::capture_snaplen_cut,
        .id = "capture-snaplen-cut",
        .title = "Packets were recorded only in part",
        .scope = Scope::capture,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::warning,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "At least one TCP segment was recorded shorter than it was on the wire, and payload "
            "bytes are missing from the record. The length in the IP header tells how long it "
            "was. The TCP rules still work, since the headers are whole. HTTP can be read up to "
            "the first missing byte of each direction.",
        .guards =
            "Padding of short Ethernet frames is not payload. A segment that the network card "
            "handed over with an IP length of 0 (segmentation offload) is measured by its "
            "frame. Whole packets that are missing are capture-gap.",
        .symptoms = "Wireshark: [Packet size limited during capture]",
        .remedy = "Capture whole packets: tcpdump -s 0, which is also the default today (262144 "
                  "bytes). The usual cause is an old script with -s 68, -s 96 or -s 1500.",
        .references = "tcpdump(1): -s; pcap-savefile(5): captured length and original length",
    },
    RuleInfo{
        .label = Label::capture_duplicate_packets,
        .id = "capture-duplicate-packets",
        .title = "The same packets were recorded more than once",
        .scope = Scope::capture,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::info,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "The same packet is in the capture two times or more. Two records are one packet "
            "when addresses, ports, sequence and acknowledgement numbers, flags, payload and TCP "
            "timestamps are equal and the second follows within 10 ms (1 ms if the IP id is 0 or "
            "the packet is IPv6; 199 ms under another VLAN tag or on another interface, or in "
            "another file of those that are merged). TTL, checksums, MAC addresses, VLAN tags and "
            "interface may "
            "differ. The first copy is used, the others are only counted.",
        .guards =
            "A retransmission was sent anew by the host: it comes later, mostly 200 ms or more, "
            "and usually with a new IP id. Around a NAT the packet appears with two different "
            "address pairs: that is two flows, not a duplicate.",
        .symptoms = "Wireshark: [TCP Retransmission] on nearly every segment; Wireshark: [TCP Dup "
                    "ACK] on nearly every ACK",
        .remedy = "Capture on one interface (tcpdump -i eth0, not -i any), or one direction of a "
                  "bridge (-Q in). editcap -d cleans an existing file. No verdict rests on the "
                  "copies.",
        .references = "tcpdump(1): -i, -Q; editcap(1): -d, -D, -w; LINKTYPE_LINUX_SLL2 "
                      "(tcpdump.org/linktypes)",
    },
    RuleInfo{
        .label = Label::capture_gap,
        .id = "capture-gap",
        .title = "The capture missed bytes that did arrive",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::warning,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "One side acknowledges bytes that are not in the capture. It received them, so the "
            "network did not lose them: the capture did. HTTP is read again from the next "
            "message start in that direction, and what lies across the hole is marked uncertain.",
        .guards =
            "A hole that nobody ever acknowledges is real loss. Segments that are only out of "
            "order fill the hole a moment later. A keep-alive probe repeats an old sequence "
            "number and is no hole. A packet that is there but cut short is "
            "capture-snaplen-cut.",
        .symptoms = "Wireshark: TCP ACKed unseen segment; Wireshark: TCP Previous segment not "
                    "captured; tcpdump: packets dropped by kernel; Zeek: missed_bytes above 0",
        .remedy =
            "Give tcpdump a larger buffer (-B 4096), a narrower filter and a faster disk, and "
            "read its line \"packets dropped by kernel\" at the end. If everything missing "
            "belongs to one direction, that direction takes another path: see capture-one-way.",
        .references = "tcpdump(1): -B; RFC 9293 section 3.4; Wireshark User's Guide 7.5 (TCP "
                      "Analysis)",
    },
    RuleInfo{
        .label = Label::capture_started_midstream,
        .id = "capture-started-midstream",
        .title = "Connection is older than the capture",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::info,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "The first packet of the connection in the capture carries no SYN: it was opened "
            "before the capture began. Client and server are told apart by the first HTTP "
            "message, else by the port numbers. How the connection was opened is unknown, window "
            "sizes are uncertain, and an idle time before the first packet is a lower bound.",
        .guards =
            "A SYN with a new initial sequence number on the same addresses and ports opens a "
            "new connection. A SYN with the same number is a retry of the old one.",
        .symptoms = "Zeek: conn_state OTH; People: a pooled connection whose opening is not in the "
                    "file",
        .remedy = "Nothing is wrong with the traffic. If the opening or the age of the connection "
                  "matters, start the capture first and the clients afterwards.",
        .references =
            "RFC 9293 section 3.5; RFC 7323 section 2.2 (the window scale is announced in "
            "SYN segments only)",
    },
    RuleInfo{
        .label = Label::capture_ended_early,
        .id = "capture-ended-early",
        .title = "Capture ends while this was still open",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::info,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "The last packet of the capture comes while the connection or the exchange is still "
            "open and nothing has ended it. How long it was watched is stated. Whether an "
            "answer, a timeout or a close came later, nobody can tell from this file.",
        .guards =
            "A connection that was closed or reset inside the capture has an end. A silence "
            "that already exceeds a rule's limit is judged by that rule, with this note beside "
            "it.",
        .symptoms = "Zeek: conn_state S1; People: the application's error is later than the last "
                    "packet",
        .remedy =
            "Let the capture run at least a minute longer than the longest client timeout, and "
            "stop it after the error has appeared in the application's log.",
        .references = "tcpdump(1): -c, -G, -W; RFC 9293 section 3.6",
    },
    RuleInfo{
        .label = Label::capture_one_way,
        .id = "capture-one-way",
        .title = "Only one direction was captured",
        .scope = Scope::flow,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::warning,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "The capture holds 4 packets or more of one side and none of the other, yet the "
            "acknowledgement numbers advance or the handshake goes on: the unseen side did talk. "
            "A shorter connection carries it where others of these hosts show that this direction "
            "is not in the capture, or where data was neither acknowledged nor sent again. No "
            "verdict that rests on the unseen side's silence is given; a request whose answer is "
            "not to be seen for this reason carries the label, too.",
        .guards =
            "A peer that is truly silent never makes acknowledgement numbers advance. SYNs and "
            "nothing else are a matter of the connect labels; where other connections prove that "
            "this direction is not in the capture, those labels are in doubt. A request without an "
            "answer for 30 s on a connection of its own, to a server that is heard on others, is "
            "no-response.",
        .symptoms =
            "Wireshark: TCP ACKed unseen segment on every packet; Zeek: conn_state SH or SHR",
        .remedy = "Capture on the host itself, or on every link that carries the traffic: both "
                  "members of a bond, both legs of a load balancer, both routers of an asymmetric "
                  "path. Check that the filter does not name one direction only (src host, dst "
                  "port).",
        .references = "pcap-filter(7): src, dst; RFC 9293 section 3.4",
    },
    RuleInfo{
        .label = Label::capture_clock_anomaly,
        .id = "capture-clock-anomaly",
        .title = "Timestamps jump",
        .scope = Scope::capture,
        .role = Role::annotation,
        .phase = Phase::capture,
        .severity = Severity::info,
        .party = Party::capture,
        .confidence = Confidence::high,
        .what =
            "A packet's time lies more than 1 ms before that of the packet recorded ahead of it, "
            "or more than 24 hours after it. Durations measured across the jump cannot be "
            "trusted.",
        .guards =
            "Steps back of less than 1 ms come from network cards with several queues and from "
            "merged files, and do no harm.",
        .symptoms = "Wireshark: negative time delta from the previous captured frame",
        .remedy = "Sort the file with reordercap, and join files with mergecap, not with cat. Run "
                  "chrony on the capture host and do not step its clock while capturing.",
        .references = "reordercap(1); mergecap(1); pcap-tstamp(7)",
    },
};

}  // namespace httpdiag::rules::catalog
