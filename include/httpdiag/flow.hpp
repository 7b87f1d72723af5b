// SPDX-License-Identifier: Apache-2.0
// What TCP knows of a flow: one incarnation of a connection, seen from where
// the capture was taken. The tracker writes it; http reads it while the flow
// lives, rules read it when the flow has ended. About 600 bytes for a flow
// without trouble, so that half a million idle ones fit anywhere.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "httpdiag/segment.hpp"

namespace httpdiag {

enum class FlowId : std::uint32_t {};  // 1-based, in order of first packet
/// Unique among the exchanges of a capture; exchange 0 is the flow itself.
constexpr std::uint64_t exchange_key(FlowId flow, std::uint32_t exchange) {
  return static_cast<std::uint64_t>(flow) << 32 | exchange;
}
std::string exchange_name(FlowId flow, std::uint32_t exchange);  // "3.1"; "3" for the flow itself
enum class Side : std::uint8_t { client, server };

constexpr Side other(Side side) { return side == Side::client ? Side::server : Side::client; }
constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

/// Position on a side's tape of payload bytes: 0 is the first byte after the
/// SYN (or the first byte that the capture could have shown, in a flow that
/// began before it). A FIN occupies the offset after the last byte, so an
/// `acked` of fin_offset + 1 acknowledges it. 64-bit: wraparound ends in tcp/seq.hpp.
using Offset = std::uint64_t;

/// What one side has been seen to send (an observer's machine, not RFC 9293's;
/// grid in tcp/half_state.hpp).
enum class HalfState : std::uint8_t { unseen, opening, open, closing, reset };

/// RFC 9293 §3.3.2 names, derived from both half states at the end of the flow.
enum class TcpState : std::uint8_t {
  unknown,
  closed,
  listen,
  syn_sent,
  syn_rcvd,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};
std::string_view name(TcpState state);  // "FIN_WAIT_2"

/// Odd but usable; a bit each in FlowRecord::oddities.
enum class Oddity : std::uint16_t {
  midstream = 1,          // first packet carried no SYN
  synack_before_syn = 2,  // recorded in the wrong order
  simultaneous_open = 4,
  syn_with_data = 8,
  rst_ignored = 16,         // a RST that had no effect (wrong sequence number, RFC 5961 §3.2)
  data_after_fin = 32,      // payload beyond the sender's own FIN
  data_after_rst = 64,      // the sender of a RST went on talking
  differing_copy = 128,     // a retransmission with other bytes: see SideTrouble::differing
  out_of_window = 256,      // sequence number nowhere near the stream; ignored
  buffer_limit = 512,       // reassembly gave up waiting for a hole because of a limit
  roles_guessed = 1024,     // no SYN: client and server told apart by payload or port
  synack_missing = 2048,    // SYN seen, SYN-ACK not in the capture, yet the connection was used
  challenged = 4096,        // SYN answered by an ACK that does not acknowledge it
  reused_tuple = 8192,      // an earlier incarnation of the same 4-tuple is in the capture
  window_unknown = 16384,   // window scale not seen: window sizes other than 0 are guesses
  icmp_soft_error = 32768,  // an ICMP error quoted this flow after it was established
};
inline constexpr std::size_t kOddityCount = 16;
std::string_view name(Oddity oddity);  // "differing-copy"

/// Transmission times kept of a repeated SYN or SYN-ACK, for the retry schedules.
/// Linux with tcp_syn_retries 6 sends 11 (tcp_syn_linear_timeouts, 6.5 and later).
inline constexpr std::size_t kMaxSynTimes = 12;

/// What did not go by the book on one side: resets, loss recovery, closed
/// windows, gaps. Most flows have none, so it is allocated on first use.
struct SideTrouble {
  // RSTs. Effective: exact sequence number (RFC 5961 §3.2), or it ACKs the SYN in SYN-SENT.
  PacketRef rst;           // first effective RST
  Offset rst_seq = 0;      // its sequence number on this tape
  Offset rst_ack = 0;      // its ACK number on the peer's tape; valid if rst_has_ack
  PacketRef ignored_rst;   // first RST without effect
  std::uint32_t rsts = 0;  // all RSTs, effective or not
  std::uint8_t rst_ttl = 0;
  std::uint16_t rst_ip_id = 0;
  std::uint16_t rst_window = 0;
  bool rst_has_ack = false;
  bool rst_from_here = false;  // by its link header, the capturing host sent it
  // Who else may have sent it (taxonomy 65). Of the first RST that was effective, also where it
  // proved to be without effect later.
  std::uint8_t first_rst_ttl = 0;
  std::uint16_t first_rst_ip_id = 0;
  std::uint8_t ttl_before_rst = 0;  // of the last segment in front of it; 0: there was none
  bool rst_ip_id_astray = false;    // this side's IPv4 ids count up, and its own is no next one
  PacketRef first_rst;
  PacketRef after_rst;    // this side's first segment behind it that cannot have been overtaken by
                          // it, or a SYN-ACK that no SYN asked for again
  PacketRef stepped_rst;  // a RST beyond its number, though nothing was sent in between

  // Loss recovery. "Head" is the first byte not yet acknowledged.
  PacketRef head_first_retransmit,
      head_retransmit;                      // first and last retransmission covering the head
  std::uint32_t head_retransmits = 0;       // of the present head
  std::uint32_t most_head_retransmits = 0;  // of any head so far
  // What the retransmissions of the present head carried: a path may lose long packets only.
  std::uint32_t head_most_bytes = 0, head_least_bytes = 0;
  PacketRef head_smaller;          // the first that was shorter than those before it
  std::uint32_t head_in_vain = 0;  // those before it
  PacketRef beyond_head;           // the peer's first selective ACK of bytes beyond it (RFC 2018)
  std::uint32_t sacked_bytes = 0;  // the longest block of such an ACK
  // A head that came through only when it was sent in smaller pieces: the one that took longest.
  struct Shrunk {
    PacketRef first, smaller, acked_by;  // retransmissions, and the ACK
    std::uint32_t in_vain = 0;           // retransmissions before the first smaller one
    std::uint32_t most_bytes = 0, bytes = 0;
    bool longest_yet = false;  // nothing as long had been acknowledged
  } shrunk;
  std::uint32_t retransmitted =
      0;  // segments that carried bytes (or a FIN) seen before; probes excluded
  std::uint32_t spurious = 0;      // of these: every byte was already acknowledged in the capture
  std::uint32_t out_of_order = 0;  // came late but had not been seen before
  Duration longest_stall{
      0};  // longest wait that a retransmission ended, or that a hole stayed open (>= 200 ms)
  PacketRef stall_begin, stall_end;

  // Zero window announced by this side (RFC 9293 §3.8.6.1).
  PacketRef zero_window_since;      // open zero-window period; none while the window is open
  Duration longest_zero_window{0};  // of an ended period in which the peer had more to send
  PacketRef zero_window_begin, zero_window_end;  // that period
  Duration zero_window_total{0};                 // of all ended periods
  PacketRef zero_window_last;                    // the last announcement of one
  PacketRef window_probe;  // last probe that the *peer* sent into this side's closed window
  std::uint32_t window_probes =
      0;  // probes by the peer in the open period; kept when it ends unanswered
  std::uint32_t unanswered_probes = 0;        // of these: since this side was last heard
  std::uint32_t peer_retransmitted = 0;       // the peer's `retransmitted` when the period began
  std::uint32_t keepalives = 0;               // keep-alive probes sent by this side
  std::uint32_t unanswered_keepalives = 0;    // since the peer was last heard
  PacketRef first_keepalive, last_keepalive;  // of those

  // Bytes that the capture does not have.
  std::uint64_t gap_bytes = 0;      // acknowledged by the peer, never in the capture
  std::uint64_t snaplen_bytes = 0;  // in the capture with their length only
  std::uint64_t lost_bytes = 0;  // never acknowledged and never seen: holes at the end of the flow
  PacketRef gap_noticed;         // packet that proved the first gap
  bool gap_unacked = false;      // and it is this side's own: nobody acknowledged those bytes
  PacketRef snaplen_cut;         // first packet cut short
  bool lacks_pieces = false;     // one was, since later pieces of its IP datagram are not there
  // First segment without payload whose number told of bytes that had been sent and were not in
  // the capture by then, and that number: they may come later, when they are sent again.
  PacketRef told_of;
  Offset told = 0;

  // Transmissions of the SYN (client) or SYN-ACK (server): the first ones, and behind them the last
  // one, which of more than kMaxSynTimes is not the next.
  std::array<PacketRef, kMaxSynTimes> syn_times{};
  std::array<PacketRef, 2>
      differing;  // first two segments that carry different bytes for the same offsets
};

inline const SideTrouble kNoSideTrouble;

/// What is known of one direction. "tape" = the bytes that this side sends.
struct SideRecord {
  Offset next = 0;  // one past the highest payload byte seen (FIN not counted)
  Offset acked =
      0;  // highest cumulative ACK from the peer on a segment without RST; FIN counts one
  PacketRef acked_by;  // the peer's segment that last advanced `acked`
  Offset sent = 0;  // highest sequence number on any segment without RST, its payload included; a
                    // bare ACK may tell of bytes that the capture lacks
  Offset delivered = 0;   // one past the last byte handed to the stream sink, gaps included
  Offset fin_offset = 0;  // valid if fin
  Offset fin_ack = 0;     // ACK number of the first FIN, as offset on the *peer's* tape

  PacketRef syn;           // first SYN (client) or SYN-ACK (server)
  PacketRef last;          // last segment of any kind
  PacketRef fin;           // first FIN; none if number is 0
  PacketRef last_payload;  // last segment with new payload
  PacketRef head_sent;  // when the first unacknowledged byte became that: sent on an idle tape, or
                        // the last ACK progress

  std::uint64_t payload_bytes = 0;  // distinct bytes seen
  std::uint32_t packets = 0;        // copies excluded: a packet captured twice counts once
  std::uint32_t payload_packets = 0;
  std::uint32_t isn =
      0;  // valid if isn_known; by the peer's SYN-ACK where the SYN was not captured
  std::uint32_t window = 0;  // last window, in bytes; a guess if Oddity::window_unknown
  std::uint16_t syns = 0;    // SYN (client) or SYN-ACK (server) transmissions
  std::uint16_t fins = 0;    // FIN transmissions
  std::uint16_t mss = 0;
  std::int8_t window_scale = -1;  // -1: not seen
  std::uint8_t ttl = 0;           // of the first segment that was no RST
  Hints hints;                    // of the same
  std::uint8_t last_ttl = 0;      // of the last one that was no RST
  std::uint8_t other_ttl = 0;     // the one before it that differed; 0: all have one TTL
  std::uint8_t ip_id_steps = 0;   // IPv4 ids that followed each other; kNoCounter: some did not
  std::uint16_t last_ip_id = 0;   // the last that was not 0
  std::uint16_t longest = 0;      // longest payload of a segment
  // Where on the tape the first segment begins whose length is within a tenth of `longest`; what
  // the network card is to cut up counts as one MSS.
  std::uint32_t longest_begin = 0;
  static constexpr std::uint8_t kNoCounter = 0xff;
  HalfState state = HalfState::unseen;
  bool isn_known = false;
  // `fin` is the first to prove a FIN that the capture lacks: the peer's ACK of it, or the segment
  // of this side that follows it (`told_of`); fin_ack is unknown.
  bool fin_unseen = false;

  std::unique_ptr<SideTrouble> trouble_ptr;  // written by the tracker only
  /// An empty one if there was none.
  const SideTrouble& trouble() const { return trouble_ptr ? *trouble_ptr : kNoSideTrouble; }
};

enum class Handshake : std::uint8_t {
  complete,
  refused,
  unanswered,
  unreachable,
  incomplete,
  not_captured
};
std::string_view name(Handshake handshake);  // "not-captured"

/// Packets so close to each other may have been delivered or recorded the wrong way round (as
/// Wireshark's tcp.analysis.out_of_order has it).
inline constexpr Duration kReordering = std::chrono::milliseconds{3};

enum class EndedBy : std::uint8_t { none, client_fin, server_fin, client_rst, server_rst };
std::string_view name(EndedBy ended_by);  // "client-fin"

/// Why the tracker let go of a flow.
enum class EndCause : std::uint8_t {
  capture_over,  // still in the table when the capture ended
  closed,        // both sides closed or reset, and the linger time passed
  idle,          // nothing for Limits::idle_* of capture time
  tuple_reused,  // a new SYN took the 4-tuple and the old flow was at rest
  evicted,       // Limits::max_flows, max_attempts or max_unanswered
};

struct Limits;

/// The lists of flows by the time they were last looked at.
enum class AgeList : std::uint8_t {
  opening,    // attempts: SYNs without any answer
  open,       // flows that go on
  lingering,  // closed flows that wait for stragglers
  resting,    // flows that have said nothing for Limits::idle_flow, with nothing under way
};
/// In the order in which those are let go of that have waited for too long.
inline constexpr std::array<AgeList, 4> kAgeLists{AgeList::opening, AgeList::lingering,
                                                  AgeList::open, AgeList::resting};
/// How long a flow waits for its next packet.
Duration patience(AgeList list, const Limits& limits);
/// Why it is let go of then.
constexpr EndCause end_cause(AgeList list) {
  return list == AgeList::lingering ? EndCause::closed : EndCause::idle;
}

/// How long a flow had waited when the tracker let go of it.
struct Waited {
  AgeList list{};
  Timestamp armed{};  // when it was last looked at, or came into the list
  Timestamp last_seen{};
  bool rests = false;  // not in_progress(), before its end told what had been held back
};

/// How the two recordings of a packet differ.
struct CopyOrigin {
  std::array<DeviceId, 2> devices{};     // of the first recording and of the copy
  std::array<std::uint32_t, 2> vlans{};  // as Segment::vlan
  std::array<TunnelKind, 2> tunnels{};   // that they were recorded in
  std::array<std::uint8_t, 2> ttls{};
};

/// A place where packets of a flow were recorded.
struct RecordedAt {
  DeviceId device{};
  std::uint32_t vlan = 0;  // as Segment::vlan

  friend constexpr bool operator==(const RecordedAt&, const RecordedAt&) = default;
};

/// Rare things that concern the flow as a whole; allocated on first use.
struct FlowTrouble {
  PacketRef icmp;  // first ICMP error that quotes this flow
  IpAddress icmp_reporter;
  std::uint32_t icmp_mtu = 0;
  std::uint8_t icmp_type = 0, icmp_code = 0;
  bool icmp_v6 = false;
  PacketRef challenge_ack;  // first answer to a SYN that does not acknowledge it
  // The connection that had the same ports before, where `challenge_ack` is of it.
  FlowId predecessor{};
  std::uint32_t challenges = 0;                         // such answers
  PacketRef predecessor_last;                           // its last segment in front of them
  PacketRef challenge_refused;                          // the client's RST in return
  TcpState predecessor_client{}, predecessor_server{};  // how its ends stood then
  std::uint32_t duplicates = 0;                         // packets captured more than once
  PacketRef duplicate, duplicate_of;  // the first such packet, and the one it repeats
  CopyOrigin origin;                  // of that one
  // Where other copies were recorded beside those two places: the first of them.
  std::array<RecordedAt, 4> other_places;
  std::uint8_t other_place_count = 0;
  PacketRef forwarded;  // the first with a TTL one apart: recorded before and behind
                        // a router
  Endpoint translated_client, translated_server;  // its other name, where the capturing host
                                                  // translates addresses; port 0: none
  PacketRef last_translated;  // the last packet that was recorded under that name
  // The first packet under that name where an earlier one was another, and that one: the
  // translation was forgotten and made anew meanwhile.
  PacketRef translated_anew;
  Endpoint translated_client_before, translated_server_before;
  // How either side's packets are wrapped up, by the first of each that is in a tunnel.
  std::array<Tunnel, 2> tunnels;
  // 0, or the flow that replaced this attempt, which was refused or not answered yet (RFC 8305).
  FlowId fallback{};
  PacketRef refused;       // RST for a SYN that was sent again and accepted then (Windows does so)
  Duration clock_step{0};  // largest step back of the clock inside this flow
  // The capture's clock was set in front of these packets of the flow, the first ones: back by more
  // than records change places, or further ahead than the sender's own clock (TSval, RFC 7323).
  std::array<PacketRef, 4> clock_set{};
  // The largest such jump ahead: the packets, and how far its sender's clock went at most.
  PacketRef ahead_from, ahead_to;
  Duration ahead_really{0};
  std::uint8_t most_ttl_steps = 0;  // between two recordings of one packet
  bool cut_off = false;  // behind its last packet the clock jumped: another flow goes on there
  bool goes_on = false;  // it is what goes on behind such a jump
  std::array<PacketRef, 4> untimed{};  // packets whose times are guessed, the first ones
};

inline const FlowTrouble kNoFlowTrouble;

struct FlowRecord {
  FlowId id{};
  std::uint16_t oddities = 0;
  Endpoint client, server;
  // The client's clock (RFC 7323 §3.2) in its SYN and in its first FIN; 0: not there.
  std::uint32_t syn_clock = 0, fin_clock = 0;
  std::uint32_t network = 0;  // as Tunnel::network: the same ends elsewhere are another flow
  std::array<SideRecord, 2> sides;

  PacketRef first, last;
  PacketRef handshake_ack;  // the client's first segment that acknowledges the SYN-ACK
  bool handshake_ack_alone =
      false;  // and does nothing else: no data, no FIN, nothing in front of it
  PacketRef
      active;       // last segment with payload, SYN or FIN, of either side, before the current one
  Duration rtt{0};  // 0: not measured; see docs/tcp.md
  std::array<char, 30> history{};  // letters of docs/tcp.md, NUL-terminated

  /// For the own use of the sinks, one each, so that they need no hash table of
  /// their own. 0 at creation; the tracker never looks at them again.
  mutable std::uint32_t sink_slot = 0;   // the StreamSink's
  mutable std::uint32_t rules_slot = 0;  // the FlowSink's

  std::unique_ptr<FlowTrouble> trouble_ptr;  // written by the tracker, and where its work goes on
  /// An empty one if there was none.
  const FlowTrouble& trouble() const { return trouble_ptr ? *trouble_ptr : kNoFlowTrouble; }

  SideRecord& side(Side s) { return sides[index(s)]; }
  const SideRecord& side(Side s) const { return sides[index(s)]; }
  const SideRecord& c() const { return sides[0]; }
  const SideRecord& s() const { return sides[1]; }
  bool has(Oddity oddity) const { return (oddities & static_cast<std::uint16_t>(oddity)) != 0; }
};

/// It opens, or bytes of a side are unacknowledged where packets of both are in the capture: TCP
/// itself waits, and will not do so for long.
bool awaits_ack(const FlowRecord& flow);
/// Something is under way: a handshake, bytes without ACK, a client's without an answer. One that
/// is half-closed rests, in a pool that has not noticed.
bool in_progress(const FlowRecord& flow);

/// Pure functions over a record; defined in tcp/flow_state.cpp, table-tested there.
Handshake handshake(const FlowRecord& flow);
/// The client's ACK is not in the capture, yet the connection was opened: a host in SYN_RECV sends
/// no FIN and no data and acknowledges none, and a client that has had no SYN-ACK knows none of its
/// numbers.
bool opened_unseen(const FlowRecord& flow);
EndedBy ended_by(const FlowRecord& flow);
TcpState tcp_state(const FlowRecord& flow, Side side);
/// Both sides have closed, or one has reset.
bool closed(const FlowRecord& flow);
/// How much time lay between the two packets cannot be said: they have none, or the capture's clock
/// was set meanwhile.
bool time_unknown(const FlowRecord& flow, PacketRef from, PacketRef to);
/// The capture began within the connection, and of this side it has bare ACKs only: a FIN of its
/// may have come before them all.
bool fin_may_precede(const FlowRecord& flow, Side side);

/// Notes an ICMP error that quotes the flow; the first one counts.
void note_icmp_error(FlowRecord& flow, const IcmpError& error);

/// Told once per flow, after its streams have ended.
class FlowSink {
 public:
  // As they happen, for whoever knows of flows that the tracker does not.
  /// With this segment; `again`: another one between its ends is still waited for.
  virtual void on_begin(FlowId, const Segment&, bool /*again*/) {}
  /// A client asks for a connection, not for the first time between the same ends perhaps.
  virtual void on_attempt(FlowId, const Endpoint& /*server*/, Timestamp /*now*/) {}
  /// It has got it.
  virtual void on_connected(FlowId) {}
  /// An ICMP error that quotes no flow.
  virtual void on_unrelated(const IcmpError&) {}

  /// Of every flow that is open when the capture ends, before any of them has ended.
  virtual void on_open(const FlowRecord&) {}
  /// In front of all that is told of the end of a flow.
  virtual void on_let_go(const Waited&) {}
  /// `now` is the capture clock when the tracker let go. Flows arrive in no particular order.
  virtual void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) = 0;

 protected:
  ~FlowSink() = default;
};

}  // namespace httpdiag
