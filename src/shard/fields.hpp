// SPDX-License-Identifier: Apache-2.0
// Which members of a record are written, for both directions. The structured bindings name all
// members of each: one that is added does not compile until it is here.
#pragma once

#include <tuple>

#include "httpdiag/dns.hpp"
#include "httpdiag/exchange.hpp"
#include "httpdiag/report.hpp"
#include "httpdiag/tls.hpp"
#include "shard/coding.hpp"
#include "shard/events.hpp"

namespace httpdiag::shard {

template <>
inline constexpr std::uint64_t kLast<FlowId> = 0xffffffff;
template <>
inline constexpr auto kLast<Side> = static_cast<std::uint64_t>(Side::server);
template <>
inline constexpr auto kLast<HalfState> = static_cast<std::uint64_t>(HalfState::reset);
template <>
inline constexpr auto kLast<TcpState> = static_cast<std::uint64_t>(TcpState::time_wait);
template <>
inline constexpr auto kLast<EndCause> = static_cast<std::uint64_t>(EndCause::evicted);
template <>
inline constexpr auto kLast<AgeList> = static_cast<std::uint64_t>(AgeList::resting);
template <>
inline constexpr auto kLast<TunnelKind> = static_cast<std::uint64_t>(TunnelKind::gue);
template <>
inline constexpr auto kLast<MessageState> = static_cast<std::uint64_t>(MessageState::unknown);
template <>
inline constexpr auto kLast<Marker> = static_cast<std::uint64_t>(Marker::none);
template <>
inline constexpr auto kLast<Stray::Kind> = static_cast<std::uint64_t>(Stray::Kind::answer_alone);
template <>
inline constexpr auto kLast<DnsError> = static_cast<std::uint64_t>(DnsError::forbidden);
template <>
inline constexpr auto kLast<ClientCertificate> =
    static_cast<std::uint64_t>(ClientCertificate::none);
template <>
inline constexpr auto kLast<TlsStage> = static_cast<std::uint64_t>(TlsStage::done);

/// What an archive takes a record by.
template <typename Archive, typename Record>
using For = std::conditional_t<Archive::kWrites, const Record&, Record&>;

template <typename Archive>
void fields(Archive& archive, For<Archive, SideTrouble> record) {
  auto& [rst, rst_seq, rst_ack, ignored_rst, rsts, rst_ttl, rst_ip_id, rst_window, rst_has_ack,
         rst_from_here, first_rst_ttl, first_rst_ip_id, ttl_before_rst, rst_ip_id_astray, first_rst,
         after_rst, stepped_rst, head_first_retransmit, head_retransmit, head_retransmits,
         most_head_retransmits, head_most_bytes, head_least_bytes, head_smaller, head_in_vain,
         beyond_head, sacked_bytes, shrunk, retransmitted, spurious, out_of_order, longest_stall,
         stall_begin, stall_end, zero_window_since, longest_zero_window, zero_window_begin,
         zero_window_end, zero_window_total, zero_window_last, window_probe, window_probes,
         unanswered_probes, peer_retransmitted, keepalives, unanswered_keepalives, first_keepalive,
         last_keepalive, gap_bytes, snaplen_bytes, lost_bytes, gap_noticed, gap_unacked,
         snaplen_cut, lacks_pieces, told_of, told, syn_times, differing] = record;
  archive(rst, rst_seq, rst_ack, ignored_rst, rsts, rst_ttl, rst_ip_id, rst_window, rst_has_ack,
          rst_from_here, first_rst_ttl, first_rst_ip_id, ttl_before_rst, rst_ip_id_astray,
          first_rst, after_rst, stepped_rst, head_first_retransmit, head_retransmit,
          head_retransmits, most_head_retransmits, head_most_bytes, head_least_bytes, head_smaller,
          head_in_vain, beyond_head, sacked_bytes, shrunk, retransmitted, spurious, out_of_order,
          longest_stall, stall_begin, stall_end, zero_window_since, longest_zero_window,
          zero_window_begin, zero_window_end, zero_window_total, zero_window_last, window_probe,
          window_probes, unanswered_probes, peer_retransmitted, keepalives, unanswered_keepalives,
          first_keepalive, last_keepalive, gap_bytes, snaplen_bytes, lost_bytes, gap_noticed,
          gap_unacked, snaplen_cut, lacks_pieces, told_of, told, syn_times, differing);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, SideTrouble::Shrunk> record) {
  auto& [first, smaller, acked_by, in_vain, most_bytes, bytes, longest_yet] = record;
  archive(first, smaller, acked_by, in_vain, most_bytes, bytes, longest_yet);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Hints> record) {
  auto& [bits] = record;
  archive(bits);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, SideRecord> record) {
  auto& [next, acked, acked_by, sent, delivered, fin_offset, fin_ack, syn, last, fin, last_payload,
         head_sent, payload_bytes, packets, payload_packets, isn, window, syns, fins, mss,
         window_scale, ttl, hints, last_ttl, other_ttl, ip_id_steps, last_ip_id, longest,
         longest_begin, state, isn_known, fin_unseen, trouble_ptr] = record;
  archive(next, acked, acked_by, sent, delivered, fin_offset, fin_ack, syn, last, fin, last_payload,
          head_sent, payload_bytes, packets, payload_packets, isn, window, syns, fins, mss,
          window_scale, ttl, hints, last_ttl, other_ttl, ip_id_steps, last_ip_id, longest,
          longest_begin, state, isn_known, fin_unseen, trouble_ptr);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, IpAddress> record) {
  auto& [bytes] = record;
  archive(bytes);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Endpoint> record) {
  auto& [ip, port] = record;
  archive(ip, port);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Tunnel> record) {
  auto& [kind, depth, has_id, id, network] = record;
  archive(kind, depth, has_id, id, network);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, CopyOrigin> record) {
  auto& [devices, vlans, tunnels, ttls] = record;
  archive(devices, vlans, tunnels, ttls);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, RecordedAt> record) {
  auto& [device, vlan] = record;
  archive(device, vlan);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Waited> record) {
  auto& [list, armed, last_seen, rests] = record;
  archive(list, armed, last_seen, rests);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Begin> record) {
  auto& [flow, source, destination, network, seq, syn, again] = record;
  archive(flow, source, destination, network, seq, syn, again);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, FlowTrouble> record) {
  auto& [icmp, icmp_reporter, icmp_mtu, icmp_type, icmp_code, icmp_v6, challenge_ack, predecessor,
         challenges, predecessor_last, challenge_refused, predecessor_client, predecessor_server,
         duplicates, duplicate, duplicate_of, origin, other_places, other_place_count, forwarded,
         translated_client, translated_server, last_translated, translated_anew,
         translated_client_before, translated_server_before, tunnels, fallback, refused, clock_step,
         clock_set, ahead_from, ahead_to, ahead_really, most_ttl_steps, cut_off, goes_on, untimed] =
      record;
  archive(icmp, icmp_reporter, icmp_mtu, icmp_type, icmp_code, icmp_v6, challenge_ack, predecessor,
          challenges, predecessor_last, challenge_refused, predecessor_client, predecessor_server,
          duplicates, duplicate, duplicate_of, origin, other_places, other_place_count, forwarded,
          translated_client, translated_server, last_translated, translated_anew,
          translated_client_before, translated_server_before, tunnels, fallback, refused,
          clock_step, clock_set, ahead_from, ahead_to, ahead_really, most_ttl_steps, cut_off,
          goes_on, untimed);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Circumstances> record) {
  auto& [index, requests_before, acked_by, interim, interim_status, active_before, pipelined,
         pipelined_behind, previous_said_close, close_token_in, close_token_in_flight,
         announced_keep_alive_s, response_missing, response_gap, response_gap_bytes, response_cut,
         went_on, uncertain, unsolicited_before, unsolicited, unsolicited_status, granted_by,
         granted_status, client_closed_before_response, retransmits_before,
         server_window_closed_before, client_window_closed_before, retransmits_after, longest_stall,
         stall_begin, stall_end, stalled, found_in] = record;
  archive(index, requests_before, acked_by, interim, interim_status, active_before, pipelined,
          pipelined_behind, previous_said_close, close_token_in, close_token_in_flight,
          announced_keep_alive_s, response_missing, response_gap, response_gap_bytes, response_cut,
          went_on, uncertain, unsolicited_before, unsolicited, unsolicited_status, granted_by,
          granted_status, client_closed_before_response, retransmits_before,
          server_window_closed_before, client_window_closed_before, retransmits_after,
          longest_stall, stall_begin, stall_end, stalled, found_in);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, MessageShape> record) {
  auto& [begin, end, first, last, peer_acked, pause_begin, pause_end, pause_acked, body_bytes,
         content_length, digest, keep_alive_timeout_s, status, major, minor, state, markers,
         kept_body_bytes, id_marker, head_complete, close_token, chunked, close_delimited,
         expect_continue, event_stream, authorized, asks_credentials, upgrade, has_gap, snaplen_cut,
         names_http, resynchronised, missing_last_chunk, tls_record, body_omitted, body_decoded,
         fatal, error, error_offset, error_packet] = record;
  archive(begin, end, first, last, peer_acked, pause_begin, pause_end, pause_acked, body_bytes,
          content_length, digest, keep_alive_timeout_s, status, major, minor, state, markers,
          kept_body_bytes, id_marker, head_complete, close_token, chunked, close_delimited,
          expect_continue, event_stream, authorized, asks_credentials, upgrade, has_gap,
          snaplen_cut, names_http, resynchronised, missing_last_chunk, tls_record, body_omitted,
          body_decoded, fatal, error, error_offset, error_packet);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Stray> record) {
  auto& [kind, from, packet, status, protocol] = record;
  archive(kind, from, packet, status, protocol);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, TlsAlert> record) {
  auto& [from, packet, level, code, passed_over] = record;
  archive(from, packet, level, code, passed_over);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, TlsCertificate> record) {
  auto& [subject, issuer, names, not_before, not_after, self_issued, covers_sni] = record;
  archive(subject, issuer, names, not_before, not_after, self_issued, covers_sni);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, TlsBurst> record) {
  auto& [begin, end, first, last, acked_by, active_before, peer_acked, retransmits_before,
         late_answer, late_answer_begin, late_answer_end, whole, answered, maybe_answered] = record;
  archive(begin, end, first, last, acked_by, active_before, peer_acked, retransmits_before,
          late_answer, late_answer_begin, late_answer_end, whole, answered, maybe_answered);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, TlsCutRecord> record) {
  auto& [first, last, begin, announced, arrived] = record;
  archive(first, last, begin, announced, arrived);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, TlsSession> record) {
  auto& [stage, in_tunnel, hidden, unreadable, client_hello, client_hello_end,
         client_hello_end_offset, sni, offered_alpn, newest_offered, server_hello, version, cipher,
         alpn, certificate, asked_again, server_text, server_text_start, not_tls, alert,
         last_flight, last_flight_packet, last_flight_end, finished, client_certificate,
         client_refusal, server_refusal, server_goodbye, server_goodbye_end, server_before_goodbye,
         bursts, answered_bursts, server_spontaneous, client_repeated, early_data, burst, cut] =
      record;
  archive(stage, in_tunnel, hidden, unreadable, client_hello, client_hello_end,
          client_hello_end_offset, sni, offered_alpn, newest_offered, server_hello, version, cipher,
          alpn, certificate, asked_again, server_text, server_text_start, not_tls, alert,
          last_flight, last_flight_packet, last_flight_end, finished, client_certificate,
          client_refusal, server_refusal, server_goodbye, server_goodbye_end, server_before_goodbye,
          bursts, answered_bursts, server_spontaneous, client_repeated, early_data, burst, cut);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, IcmpError> record) {
  auto& [packet, reporter, v6, type, code, mtu, source, destination, seq, network, has_seq] =
      record;
  archive(packet, reporter, v6, type, code, mtu, source, destination, seq, network, has_seq);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Refusal> record) {
  auto& [server, first, at] = record;
  archive(server, first, at);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Unrelated> record) {
  auto& [error, attempts] = record;
  archive(error, attempts);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, DnsMessage> record) {
  auto& [packet, source, destination, error, reporter, id, response, truncated, cut, stream, rcode,
         type, name, addresses] = record;
  archive(packet, source, destination, error, reporter, id, response, truncated, cut, stream, rcode,
          type, name, addresses);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, CaptureDamage> damage) {
  auto& [file, after_packet, byte_offset, reason, record, expected_bytes, present_bytes, last_good,
         hole] = damage;
  archive(file, after_packet, byte_offset, reason, record, expected_bytes, present_bytes, last_good,
          hole);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, CaptureBorder> border) {
  auto& [last, next, longest, ordinary] = border;
  archive(last, next, longest, ordinary);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, SkippedStretch> record) {
  auto& [damage, end_offset, next] = record;
  archive(damage, end_offset, next);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, CaptureInterface> record) {
  auto& [section, id, name, description, filter, os, link_type, snaplen, packets, received,
         accepted, dropped_by_interface, dropped_by_os, dropped_between] = record;
  archive(section, id, name, description, filter, os, link_type, snaplen, packets, received,
          accepted, dropped_by_interface, dropped_by_os, dropped_between);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, PacketNote> record) {
  auto& [packet, text, file, order, corrected] = record;
  archive(packet, text, file, order, corrected);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, CaptureFile> record) {
  auto& [name, bytes, sha256, format, link_types, compression, application, os, interfaces,
         omitted_interfaces, unread_links, untimed_packets, decryption_secrets, packets, first,
         last, damage, short_name] = record;
  archive(name, bytes, sha256, format, link_types, compression, application, os, interfaces,
          omitted_interfaces, unread_links, untimed_packets, decryption_secrets, packets, first,
          last, damage, short_name);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, NotRead> record) {
  auto& [name, reason] = record;
  archive(name, reason);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, CaptureDevice> record) {
  auto& [file, described, index] = record;
  archive(file, described, index);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Ledger::Unfit> record) {
  auto& [link_type, reason, packets] = record;
  archive(link_type, reason, packets);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Ledger> record) {
  auto& [packets, decoded, duplicates, filtered, filtered_wrapped, passed_bpf, bpf_unfit, skipped] =
      record;
  archive(packets, decoded, duplicates, filtered, filtered_wrapped, passed_bpf, bpf_unfit, skipped);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, FlowRecord> record) {
  // The slots are the sinks' own: whoever reads the record has others.
  auto& [id, oddities, client, server, syn_clock, fin_clock, network, sides, first, last,
         handshake_ack, handshake_ack_alone, active, rtt, history, sink_slot, rules_slot,
         trouble_ptr] = record;
  archive(id, oddities, client, server, syn_clock, fin_clock, network, sides, first, last,
          handshake_ack, handshake_ack_alone, active, rtt, history, trouble_ptr);
  std::ignore = sink_slot;
  std::ignore = rules_slot;
  if constexpr (!Archive::kWrites) history.back() = '\0';
}

template <typename Archive>
void fields(Archive& archive, For<Archive, HeadTexts> texts) {
  for (std::uint8_t i = 0; i < HeadTexts::kParts; ++i) {
    const auto part = static_cast<HeadTexts::Part>(i);
    if constexpr (Archive::kWrites) {
      archive(texts[part]);
    } else {
      std::string text;
      archive(text);
      texts.append(part, text, text.size());
    }
  }
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Message> message) {
  archive(static_cast<For<Archive, MessageShape>>(message), message.texts, message.body_head);
}

template <typename Archive>
void fields(Archive& archive, For<Archive, Exchange> exchange) {
  archive(static_cast<For<Archive, Circumstances>>(exchange), exchange.request, exchange.response);
}

/// But for the names, which have been used, and the places, which are written apart.
template <typename Archive>
void fields(Archive& archive, For<Archive, CaptureSummary> summary) {
  auto& [files, packets, damage, skipped, skipped_stretches, notes, omitted_notes, wrong_times,
         names, holes, places, reordered, devices, not_read, omitted_not_read, borders,
         longest_pause, begins, newest] = summary;
  archive(files, packets, damage, skipped, skipped_stretches, notes, omitted_notes, wrong_times,
          holes, reordered, devices, not_read, omitted_not_read, borders, longest_pause, begins,
          newest);
  std::ignore = names;
  std::ignore = places;
}

}  // namespace httpdiag::shard
