// SPDX-License-Identifier: Apache-2.0
#include "views/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "views/verdicts.hpp"

namespace httpdiag::views {

/// "packet a:4", "packets a:4, a:5 and 3 more".
std::string Verdicts::names(const std::vector<PacketRef>& packets) const {
  constexpr std::size_t kNamed = 3;
  const std::size_t count = packets.size();
  std::string text = count == 1 ? "packet " : "packets ";
  const std::size_t named = count > kNamed + 1 ? kNamed : count;
  for (std::size_t i = 0; i < named; ++i) {
    if (i > 0) text += i + 1 == count ? " and " : ", ";
    text += name(packets[i]);
  }
  return named == count ? text : text + fmt::format(" and {} more", count - named);
}

namespace {

/// Of the packet with which the server, or what spoke in its name, ended what a label is about.
std::optional<std::uint8_t> ending_flag(Label label) {
  switch (label) {
    case Label::closed_without_response:
    case Label::response_truncated_fin:
      return TcpFlags::fin;
    case Label::connect_refused:
    case Label::reset_after_handshake:
    case Label::reset_without_response:
    case Label::idle_conn_reset:
    case Label::response_truncated_rst:
    case Label::rst_injection_suspect:
    case Label::request_on_half_closed:
    case Label::keepalive_close_race:
      return TcpFlags::rst;
    default:
      return std::nullopt;
  }
}

/// Labels whose reason may be that the request never arrived.
bool waits_for_answer(Label label) {
  switch (label) {
    case Label::request_not_acked:
    case Label::idle_conn_blackholed:
    case Label::pmtu_blackhole:
    case Label::request_incomplete:
    case Label::client_timeout:
    case Label::no_response:
    case Label::closed_without_response:
      return true;
    default:
      return false;
  }
}

/// One packet may be several things: "last request byte seen, client FIN".
bool tells(const Evidence& row, std::string_view what) {
  return row.what.find(what) != std::string::npos;
}

/// What was measured, without what was concluded from it before it was known who sent it.
void keep_measured(Finding& finding) {
  const std::size_t end = std::min(finding.detail.find("; "), finding.detail.find(": "));
  if (end == std::string::npos) return;
  finding.detail.resize(end);
  finding.detail += '.';
}

}  // namespace

/// The RST of `finding`: the server's, or one in its name.
bool Verdicts::about_reset(Finding& finding, const ExchangeReport* exchange) {
  const auto flag = ending_flag(finding.label);
  if (!flag) return false;
  const auto rst = ending_of(flow_, Side::server, *flag, finding.evidence);
  if (!rst || (rst->sent && *flag == TcpFlags::fin)) return false;
  if (rst->sent) {
    show(finding, rst->sent, Side::server, "leaves the server: RST");
    if (forged_at_server(finding)) {
      tell_request(finding, exchange);
      return true;
    }
    say(finding, fmt::format("The RST left the server (packet {}).", name(rst->sent)));
    if (flow_.renamed_in && rst->sent.number > flow_.renamed_in.number) {
      say(finding,
          fmt::format("From packet {} on the server knew the client as {}, and no such connection: "
                      "what translates addresses between the two points had forgotten it.",
                      name(flow_.renamed_in), to_string(flow_.renamed_client)));
      blame(finding, Party::network, Confidence::high);
      return true;
    }
    if (exchange != nullptr && about_lost_fin(finding, *exchange, rst->sent)) return true;
    if (exchange != nullptr) about_earlier_ones(finding, *exchange);
    if (finding.has_fact("impersonated")) return true;  // whoever did that has ended it
    const bool suspected = finding.fault.party == Party::network;
    blame(finding, suspected ? Party::server_host : finding.fault.party, Confidence::high,
          finding.label == Label::connect_refused
              ? "the host's own firewall rejects it (REJECT with tcp-reset)"
              : "");
    return true;
  }
  const bool doubtful = incomplete(flow_, Side::server);
  std::string where = "never left the server";
  if (!flow_.there) where = "never left the server, whose capture has nothing of this connection";
  keep_measured(finding);
  say(finding, fmt::format("The {} that the client got (packet {}) {}: something between the two "
                           "points sent it in the server's name.",
                           *flag == TcpFlags::rst ? "RST" : "FIN", name(rst->packet), where));
  blame(finding, Party::network, doubtful ? Confidence::medium : Confidence::high,
        doubtful ? "it is among the packets that the server's capture lacks" : "");
  tell_request(finding, exchange);
  return true;
}

/// The server had closed before, and the client could not know: it used what it thought was open.
bool Verdicts::about_lost_fin(Finding& finding, const ExchangeReport& exchange,
                              const PacketRef& rst) {
  const auto facts = measure(flow_, report_, exchange);
  if (!facts || !facts->arrived) return false;
  const Fates fins = fates_of(flow_, Side::server, [&](const Seen& seen, const Stretch&) {
    return seen.flags.has(TcpFlags::fin) && seen.packet.number < facts->arrived.number;
  });
  if (!fins.none_arrived() || rst.number < facts->arrived.number) return false;
  keep_measured(finding);
  show(finding, fins.all.front(), Side::server, "leaves the server: FIN, lost on the way");
  say(finding, fmt::format("The server had closed before the request arrived ({} left it, {}), and "
                           "{} lost on the way: the client could not know. The RST (packet {}) is "
                           "the answer of a host that has no such connection any more.",
                           base::count(fins.all.size(), "FIN"), names(fins.all),
                           fins.all.size() == 1 ? "it was" : "all of them were", name(rst)));
  constexpr std::size_t kNoChance = 2;
  blame(finding, Party::network,
        fins.all.size() < kNoChance ? Confidence::medium : Confidence::high);
  return true;
}

/// The RST answers a request that was never acknowledged, and of which one transmission alone
/// arrived: a kernel threw it away.
bool Verdicts::thrown_away(const ExchangeReport& exchange, const RequestFacts& facts) const {
  if (exchange.label != Label::reset_without_response && exchange.label != Label::idle_conn_reset)
    return false;
  const Fates& sent = facts.request;
  // A recorder that missed one packet of the connection may have missed another.
  if (flow_.ways[0].count.not_recorded > 0) return false;
  if (!facts.arrived || facts.acknowledged || !facts.answer.all.empty() || sent.arrived != 1 ||
      sent.lost.size() + 1 != sent.all.size() || flow_.on_the_way[index(Side::server)]) {
    return false;
  }
  const auto rst = ending_of(flow_, Side::server, TcpFlags::rst, {});
  if (!rst || rst->sent.number <= facts.arrived.number) return false;
  // That of a live socket carries an ACK: its application may have read the request.
  return std::ranges::any_of(flow_.server.seen, [&](const Seen& seen) {
    return seen.packet.number == rst->sent.number && !seen.flags.has(TcpFlags::ack);
  });
}

void Verdicts::about_earlier_ones(Finding& finding, const ExchangeReport& exchange) {
  const auto facts = measure(flow_, report_, exchange);
  if (!facts || !thrown_away(exchange, *facts) || facts->request.lost.empty()) return;
  keep_measured(finding);
  say(finding,
      fmt::format("Of the request one transmission arrived (packet {}), and the server's kernel "
                  "threw it away; {} in front of it ({}) {} lost between the two points. No "
                  "application saw it.",
                  name(facts->arrived), base::count(facts->request.lost.size(), "other"),
                  names(facts->request.lost), facts->request.lost.size() == 1 ? "was" : "were"));
}

/// Beside an ending that was forged: how far the request had come.
void Verdicts::tell_request(Finding& finding, const ExchangeReport* exchange) const {
  const auto facts = exchange == nullptr ? std::nullopt : measure(flow_, report_, *exchange);
  if (!facts) return;
  if (facts->request.none_arrived()) {
    say(finding, "The request never reached the server.");
  } else if (facts->arrived) {
    show(finding, facts->arrived, Side::client, "arrives at the server: request");
    const bool answered = !facts->answer.all.empty();
    if (answered) {
      show(finding, facts->answer.all.front(), Side::server,
           facts->answer.none_arrived() ? "leaves the server: answer, lost on the way"
                                        : "leaves the server: answer");
    }
    say(finding, fmt::format("The request had reached the server (packet {}){}.",
                             name(facts->arrived), answered ? ", which answered it" : ""));
  }
}

std::optional<Revision> Verdicts::revise(ExchangeReport& exchange) const {
  if (exchange.response) return std::nullopt;
  const auto facts = measure(flow_, report_, exchange);
  if (!facts) return std::nullopt;
  const bool lossy = flow_.ran[index(Side::server)]->lossy;
  if (lossy && facts->request.arrived == 0) return std::nullopt;
  // Nobody can act upon half a head.
  const bool unread = facts->half_a_head && !lossy && !flow_.ways[0].receiver_blind;
  if ((facts->request.none_arrived() && !facts->begun) || unread) {
    exchange.retry = Retry::safe;
    return Revision{report_.id, exchange.index, false};
  }
  if (!facts->arrived) return std::nullopt;
  if (!lossy && thrown_away(exchange, *facts)) {
    exchange.retry = Retry::safe;
    return Revision{report_.id, exchange.index, false};
  }
  // An answer that left proves that it was there; that it passed a point on the way does not.
  if (flow_.on_the_way[index(Side::server)] && facts->answer.all.empty()) return std::nullopt;
  // What a kernel without a socket threw away was there and yet was not delivered. Silence proves
  // nothing: answers may leave where that capture does not look.
  if (!facts->acknowledged && !waits_for_answer(exchange.label)) return std::nullopt;
  // What arrived and is no response was an interim one (1xx).
  if (facts->answer.all.size() > facts->answer.arrived) {
    exchange.retry = Retry::do_not;
  } else if (exchange.retry == Retry::safe) {
    exchange.retry = Retry::idempotent_only;
  }
  return Revision{report_.id, exchange.index, true};
}

/// A RST, or a FIN, in the client's name ended the connection at the server.
bool Verdicts::forged_at_server(Finding& finding) {
  for (const auto& [flag, word] : {std::pair{TcpFlags::rst, "RST"}, {TcpFlags::fin, "FIN"}}) {
    const auto ending = ending_of(flow_, Side::client, flag, {});
    if (!ending || ending->sent) continue;
    const bool doubtful = incomplete(flow_, Side::client);
    show(finding, ending->packet, Side::client,
         fmt::format("arrives at the server: {}, never sent", word));
    keep_measured(finding);
    say(finding, fmt::format("The server got a {} in the client's name (packet {}) that the client "
                             "never sent: something between the two points ended the connection.",
                             word, name(ending->packet)));
    blame(finding, Party::network, doubtful ? Confidence::medium : Confidence::high,
          doubtful ? "it is among the packets that the client's capture lacks" : "");
    return true;
  }
  return false;
}

/// True: the request did not arrive, and that is the whole story.
bool Verdicts::about_request(Finding& finding, const RequestFacts& facts) {
  const Fates& request = facts.request;
  if (facts.arrived || request.all.empty()) return false;
  if (flow_.ways[0].receiver_blind) {
    say(finding,
        "The server's capture has nothing of what the client sent, though the server acknowledges "
        "it: it shows one direction only, and does not tell whether the request arrived.");
    return true;
  }
  const std::size_t gone = request.lost.size() + request.in_part;
  if (gone == request.all.size()) {
    const bool none = request.none_arrived();
    say(finding, fmt::format("The request left the client ({}) and {} reached the server: it was "
                             "lost between the two points.",
                             names(request.all), none ? "none of it" : "only a part of it"));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (!request.lost.empty() && request.lost.back() == request.all.back()) {
    say(finding, fmt::format("The rest of the request left the client ({}) and was lost between "
                             "the two points.",
                             names(request.lost)));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (request.not_recorded > 0) {
    say(finding, "The server acknowledged what its capture lacks: that capture is not complete.");
    return true;
  }
  constexpr std::size_t kNoChance = 2;
  const bool rest_unknown = request.lost.size() + request.unknown == request.all.size();
  if (request.lost.size() >= kNoChance && rest_unknown && !facts.begun) {
    say(finding, fmt::format("The request left the client {} while the server's capture ran ({}) "
                             "and did not reach it: lost between the two points. Of {} later ones "
                             "it is not known.",
                             base::count(request.lost.size(), "time"), names(request.lost),
                             request.unknown));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (request.unknown == request.all.size() && !facts.begun) {
    say(finding,
        fmt::format("None of it ({}) is in the server's capture, which {}.", names(request.all),
                    has_gap(finding) ? "has a gap there" : "may have ended before"));
    blame(finding, Party::network, Confidence::medium, capture_end());
    return true;
  }
  return false;
}

/// When the client closed; else when it was last heard in what the finding shows.
Timestamp Verdicts::left_at(const Finding& finding) const {
  Timestamp last{};
  for (const Evidence& row : finding.evidence) {
    if (row.from != Side::client) continue;
    if (tells(row, "client FIN") || tells(row, "client RST")) return row.packet.time;
    last = std::max(last, row.packet.time);
  }
  return last;
}

/// Of what the server sent behind a packet of its capture, and before the client left.
Fates Verdicts::sent_before(Timestamp left, const PacketRef& behind,
                            bool (*wanted)(const Seen&)) const {
  return fates_of(flow_, Side::server, [&](const Seen& seen, const Stretch&) {
    return wanted(seen) && seen.packet.number > behind.number &&
           shifted(seen.packet.time, -flow_.ahead) < left;
  });
}

/// The client left what had stopped coming: the last that the server had sent never arrived.
bool Verdicts::about_leaving(Finding& finding, const RequestFacts& facts) {
  const bool upload = finding.label == Label::request_incomplete;
  const Fates sent =
      sent_before(left_at(finding), upload ? facts.request.first_there : facts.arrived,
                  [](const Seen& seen) { return !seen.is_rst(); });
  constexpr std::size_t kNoChance = 2;
  if (sent.lost.size() < kNoChance || sent.lost.back() != sent.all.back()) return false;
  show(finding, sent.lost.front(), Side::server, "leaves the server, lost on the way");
  say(finding, fmt::format("Before the client left, {} of what the server sent got lost on the way "
                           "back, the last of it too ({}).",
                           base::count(sent.lost.size(), "packet"), names(sent.lost)));
  blame(finding, Party::network, Confidence::high);
  return true;
}

/// The FIN came when a stall had ended in which nothing got through: it waits behind what is not
/// acknowledged (RFC 9293 §3.6), so that the client may have closed in the middle of that.
bool Verdicts::about_late_fin(Finding& finding) {
  constexpr std::size_t kNoChance = 2;
  const auto fin = std::find_if(
      finding.evidence.begin(), finding.evidence.end(),
      [](const Evidence& row) { return row.from == Side::client && tells(row, "client FIN"); });
  if (fin == finding.evidence.end()) return false;
  const auto stall = stall_before(flow_, fin->packet);
  if (!stall) return false;
  const Fates forth = fates_of(flow_, Side::client, [&](const Seen& seen, const Stretch&) {
    return seen.length > 0 && seen.packet.time > stall->begin && seen.packet.time < stall->end;
  });
  const Fates back = fates_of(flow_, Side::server, [&](const Seen& seen, const Stretch&) {
    return !seen.is_rst() && stall->has(shifted(seen.packet.time, -flow_.ahead));
  });
  const std::vector<PacketRef>& lost =
      forth.lost.size() >= back.lost.size() ? forth.lost : back.lost;
  if (lost.size() < kNoChance) return false;
  say(finding,
      fmt::format("Before that nothing got through for {}: {} got lost on the way {} ({}). A "
                  "FIN waits behind what is not acknowledged, so the client may have "
                  "closed long before.",
                  base::duration(between(stall->begin, stall->end)),
                  base::count(lost.size(), "packet"),
                  &lost == &forth.lost ? "to the server" : "back", names(lost)));
  blame(finding, Party::network, Confidence::medium, "the client had closed for another reason");
  return true;
}

/// The client's FINs arrived, and nothing left the server behind them. A kernel that has the
/// connection acknowledges its FIN, however slow the application is.
bool Verdicts::ignored_fins() const {
  const Fates fins = fates_of(flow_, Side::client, [](const Seen& seen, const Stretch&) {
    return seen.flags.has(TcpFlags::fin);
  });
  const Fates replies = fates_of(flow_, Side::server, [&](const Seen& seen, const Stretch&) {
    return seen.packet.number > fins.first_there.number;
  });
  return fins.arrived > 1 && replies.all.empty();
}

/// The request was there; where is its answer?
bool Verdicts::about_answer(Finding& finding, const RequestFacts& facts) {
  const Fates& answer = facts.answer;
  show(finding, facts.arrived, Side::client, "arrives at the server: request");
  const std::string there =
      fmt::format("The request reached the server (packet {})", name(facts.arrived));
  if (!answer.all.empty()) {
    show(finding, answer.all.front(), Side::server,
         answer.none_arrived() ? "leaves the server: answer, lost on the way"
                               : "leaves the server: answer");
    if (!answer.none_arrived()) {
      if (answer.lost.empty() && answer.in_part == 0) return false;
      say(finding, fmt::format("{}; of its answer {} got lost on the way back ({}).", there,
                               base::count(answer.lost.size() + answer.in_part, "packet"),
                               names(answer.lost.empty() ? answer.all : answer.lost)));
      blame(finding, Party::network, Confidence::high);
      return true;
    }
    say(finding, fmt::format("{}, and its answer left the server ({}) and was lost on the way "
                             "back.",
                             there, names(answer.all)));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (flow_.ways[1].sender_blind || incomplete(flow_, Side::server)) {
    say(finding, there +
                     "; packets that the client got from the server are not in the server's "
                     "capture, so whether an answer left it is not known.");
    return true;
  }
  const Fates ends = sent_before(left_at(finding), facts.arrived, [](const Seen& seen) {
    return seen.is_rst() || seen.flags.has(TcpFlags::fin);
  });
  if (ends.none_arrived()) {
    show(finding, ends.all.front(), Side::server,
         "the server ends the connection, lost on the way");
    say(finding, fmt::format("{}; the server ended the connection without an answer ({}), which "
                             "was lost on the way back.",
                             there, names(ends.all)));
    blame(finding, Party::server_app, Confidence::medium,
          "the connection was ended for what the network had done to it");
    finding.remedy =
        std::string{info(Label::closed_without_response).remedy} +
        " Network: what the server sent to end the connection did not reach the client, which had "
        "to wait for its own limit.";
    return true;
  }
  const bool unacked = finding.label == Label::request_not_acked ||
                       finding.label == Label::idle_conn_blackholed ||
                       finding.label == Label::pmtu_blackhole;
  if (unacked && facts.acknowledged && !facts.ack_arrived) {
    show(finding, facts.acknowledged, Side::server, "leaves the server: ACK, lost on the way");
    say(finding, fmt::format("{} and was acknowledged there (packet {}), but the acknowledgement "
                             "was lost on the way back.",
                             there, name(facts.acknowledged)));
    blame(finding, Party::network, Confidence::high);
    return true;
  }
  if (finding.has_fact("answer_unseen")) {
    say(finding, there + "; the answer that left it is not in its capture either.");
    return true;
  }
  const bool silent = !facts.acknowledged;
  const Party party = silent                                  ? Party::server_host
                      : finding.fault.party == Party::network ? Party::server_app
                                                              : finding.fault.party;
  if (!watched(finding)) {
    say(finding, fmt::format("{}; {} left it as far as the server's capture goes.", there,
                             silent ? "no acknowledgement" : "no answer"));
    blame(finding, party, Confidence::medium, capture_end());
    return true;
  }
  if (silent) {
    say(finding, there + ", whose TCP never acknowledged it.");
    blame(finding, party, Confidence::high,
          "its answers leave by an interface that its capture does not see");
    return true;
  }
  if (finding.has_fact("fins_unanswered") && ignored_fins()) {
    say(finding, there +
                     " and was acknowledged there; no answer left it, nor an acknowledgement "
                     "of the client's FINs, which arrived.");
    blame(finding, Party::server_host, Confidence::high,
          "its answers leave by an interface that its capture does not see");
    return true;
  }
  say(finding, there + " and was acknowledged there; no answer left it.");
  // Why it closed is not to be seen at its side either: only the network is out of question.
  if (finding.label == Label::closed_without_response && party == finding.fault.party) {
    finding.settle.reset();
    return true;
  }
  // Whether the client gave up, or half-closed and read on, is not to be seen at the server either.
  const bool may_have_read_on =
      party == Party::client_app && finding.fault.confidence == Confidence::low;
  if (may_have_read_on) return true;
  blame(finding, party, Confidence::high,
        finding.label == Label::closed_without_response
            ? ""
            : "what answers there is a proxy that waits for another host");
  return true;
}

/// The client's FINs before the answer left were lost: the way was cut, and a host sends nothing
/// over a link that is down, whenever its application has answered.
bool Verdicts::about_cut_meanwhile(Finding& finding, const RequestFacts& facts) {
  constexpr std::size_t kNoChance = 2;
  const Timestamp answered = shifted(facts.answer.all.front().time, -flow_.ahead);
  std::vector<PacketRef> lost;
  for (const PacketRef& fin : fates_of(flow_, Side::client, [](const Seen&seen, const Stretch&) {
                                return seen.flags.has(TcpFlags::fin);
                              }).lost) {
    if (fin.time < answered) lost.push_back(fin);
  }
  if (lost.size() < kNoChance) return false;
  // What came through behind them, and not just before the answer, says that the way was open
  // again.
  constexpr Duration kJustBefore = std::chrono::seconds{1};
  const auto meanwhile = [&](Timestamp at_client) {
    return at_client > lost.back().time && at_client < answered - kJustBefore;
  };
  const Fates forth = fates_of(flow_, Side::client, [&](const Seen& seen, const Stretch&) {
    return meanwhile(seen.packet.time);
  });
  const Fates back = fates_of(flow_, Side::server, [&](const Seen& seen, const Stretch&) {
    return meanwhile(shifted(seen.packet.time, -flow_.ahead));
  });
  if (forth.arrived + back.arrived > 0) return false;
  show(finding, facts.arrived, Side::client, "arrives at the server: request");
  show(finding, facts.answer.all.front(), Side::server, "leaves the server: answer");
  say(finding,
      fmt::format("Before the answer left the server, {} of the client's FINs ({}) were lost "
                  "between the two points: the way was cut, and when the application "
                  "answered cannot be told from this.",
                  lost.size(), names(lost)));
  blame(finding, Party::network, Confidence::medium,
        "the application would have been too late without that");
  return true;
}

/// Late answers: how long the server had it, and how long the ways took.
void Verdicts::about_time(Finding& finding, const ExchangeReport& exchange,
                          const RequestFacts& facts) {
  if (!facts.arrived || facts.answer.all.empty()) return;
  if (about_cut_meanwhile(finding, facts)) return;
  const Duration served = between(facts.arrived.time, facts.answer.all.front().time);
  if (served < Duration{0}) return;
  show(finding, facts.arrived, Side::client, "arrives at the server: request");
  show(finding, facts.answer.all.front(), Side::server, "leaves the server: answer");
  const std::optional<Duration> waited =
      exchange.response
          ? std::optional{between(exchange.request.last.time, exchange.response->first.time)}
          : exchange.wait;
  if (!waited || *waited <= Duration{0}) {
    say(finding, fmt::format("The server took {} for it.", base::duration(served)));
    return;
  }
  if (!flow_.steady) {
    const bool alike = served >= *waited - *waited / 4 && served <= *waited + *waited / 4;
    if (alike) return say(finding, "It passed at the server, as its capture tells, too.");
    blame(finding, Party::unknown, Confidence::low);
    return say(finding, fmt::format("The server's capture tells of {}, not {}: one of the two "
                                    "clocks was set meanwhile, and which one is not known.",
                                    base::duration(served), base::duration(*waited)));
  }
  say(finding, fmt::format("Of the {} until the answer came, {} passed at the server.",
                           base::duration(*waited), base::duration(served)));
  constexpr Duration kWorthIt = std::chrono::milliseconds{500};  // less keeps nobody waiting
  if (*waited < kWorthIt) return;
  const bool mostly_there = served >= *waited - *waited / 4;
  if (mostly_there && finding.fault.party != Party::network) {
    finding.fault.confidence = Confidence::high;
    finding.settle.reset();
  } else if (served <= *waited / 4) {
    blame(finding, Party::network, Confidence::high);
  }
}

void Verdicts::raise(Finding& finding, ExchangeReport& exchange) {
  const bool reset = about_reset(finding, &exchange);
  if (!reset && finding.label == Label::loss_recovery_delay) about_loss(finding);
  const auto facts = reset ? std::nullopt : measure(flow_, report_, exchange);
  if (facts && !exchange.response && waits_for_answer(finding.label)) {
    (finding.label == Label::request_incomplete && about_late_fin(finding)) ||
        about_request(finding, *facts) || forged_at_server(finding) ||
        (finding.label == Label::request_incomplete && about_leaving(finding, *facts)) ||
        (facts->arrived && finding.label != Label::request_incomplete &&
         about_answer(finding, *facts));
  } else if (facts &&
             (finding.label == Label::late_response || finding.label == Label::slow_response)) {
    about_time(finding, exchange, *facts);
  } else if (facts && facts->arrived && finding.label == Label::response_aborted_by_client) {
    about_leaving(finding, *facts);
  } else if (facts && facts->arrived && finding.label == Label::response_stalled) {
    if (!about_answer(finding, *facts) && !facts->answer.all.empty())
      say(finding, "All of the answer that left the server arrived.");
  }
}

}  // namespace httpdiag::views
