// SPDX-License-Identifier: Apache-2.0
// Plays a scenario: reads its lines in order, keeps time, and lets the peers of
// each flow speak. See docs/testing.md for the language.
#include "support/scenario.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "support/scenario_network.hpp"
#include "support/wrap.hpp"

namespace httpdiag::test {

namespace {

class Player {
 public:
  Player() = default;
  explicit Player(Side point) { network_.point = point; }
  Capture play(std::string_view scenario);

 private:
  void directive(Cursor& line);
  void declare(Cursor& line, const std::string& name);
  void set(Cursor& line);
  void translate(Cursor& line);
  void points(Cursor& line);
  void tunnel(Cursor& line);
  void event(Cursor& line);
  void handshake(Cursor& line);
  void icmp(Cursor& line);
  void dns(Cursor& line);
  void end_mark(Cursor& line);
  Flow& flow(Cursor& line, const std::string& name);
  Speaker speaker(Cursor& line);

  Network network_;
  std::size_t cut_ = 0;
  std::uint32_t flows_made_ = 0;
  std::map<std::string, Flow*> flows_;
  std::vector<std::unique_ptr<Flow>> all_;  // replaced ones may still be due for arrivals
};

Capture Player::play(std::string_view scenario) {
  for (const Line& line : lines_of(scenario)) {
    Cursor cursor{line};
    const Token& first = *cursor.peek();
    const bool timed = !first.quoted && (first.text[0] == '+' || first.text[0] == '@');
    timed ? event(cursor) : directive(cursor);
    cursor.expect_end();
  }
  Capture capture{
      .link_type = link_number(network_.link), .records = network_.finish(), .cut_bytes = cut_};
  return capture;
}

void Player::directive(Cursor& line) {
  static const std::map<std::string_view, LinkType> kLinks = {
      {"ethernet", LinkType::ethernet}, {"sll", LinkType::linux_sll},
      {"sll2", LinkType::linux_sll2},   {"null", LinkType::null},
      {"loop", LinkType::loop},         {"raw", LinkType::raw_ip},
      {"ppp", LinkType::ppp},           {"pppoe", LinkType::pppoe},
      {"hdlc", LinkType::cisco_hdlc},   {"frame-relay", LinkType::frame_relay},
      {"wifi", LinkType::ieee802_11},   {"radiotap", LinkType::radiotap},
      {"ppi", LinkType::ppi},           {"pktap", LinkType::pktap},
      {"nflog", LinkType::nflog},       {"pflog", LinkType::pflog},
      {"ipnet", LinkType::ipnet},       {"mpls", LinkType::mpls}};
  if (line.peek()->text == "client") return declare(line, {});
  const std::string verb = line.word("a directive");
  if (verb == "flow") {
    const std::string name = line.word("a name");
    return declare(line, name);
  }
  if (verb == "set") return set(line);
  if (verb == "translate") return translate(line);
  if (verb == "points") return points(line);
  if (verb == "there") {
    Flow& renamed = flow(line, line.peek()->text == "client" ? std::string{} : line.word("a name"));
    line.expect("client");
    renamed.there_client = line.endpoint();
    line.expect("server");
    renamed.there_server = line.endpoint();
    return;
  }
  if (verb == "renumber") {
    const bool unnamed = line.peek()->text == "client" || line.peek()->text == "server";
    Flow& changed = flow(line, unnamed ? std::string{} : line.word("a name"));
    const bool of_client = line.accept("client");
    if (!of_client) line.expect("server");
    (of_client ? changed.client_renumbered : changed.server_renumbered) =
        static_cast<std::uint32_t>(line.number(0, 0xffffffff));
    return;
  }
  if (verb == "record") {
    const Side side = line.accept("client") ? Side::client : (line.expect("server"), Side::server);
    const bool on = line.accept("on");
    if (!on) line.expect("off");
    if (network_.point == side) network_.recording = on;
    return;
  }
  if (verb == "tunnel") return tunnel(line);
  if (verb == "end") return end_mark(line);
  if (verb == "clock") {
    network_.clock += line.duration();
  } else if (verb == "link") {
    const auto found = kLinks.find(line.word("a link type"));
    if (found == kLinks.end()) line.fail("unknown link type");
    network_.link = found->second;
  } else if (verb == "snap") {
    network_.snap = static_cast<std::size_t>(line.number(14, 262144));
  } else if (verb == "vantage") {
    network_.at_server = line.accept("server");
    if (!network_.at_server) line.expect("client");
  } else if (verb == "truncate-file") {
    cut_ = static_cast<std::size_t>(line.number(1, 1 << 20));
  } else {
    line.fail("unknown directive \"" + verb + "\"");
  }
}

void Player::declare(Cursor& line, const std::string& name) {
  auto made = std::make_unique<Flow>();
  line.expect("client");
  made->client.at = line.endpoint();
  line.expect("server");
  made->server.at = line.endpoint();
  if (made->client.at.ip.is_v4() != made->server.at.ip.is_v4())
    line.fail("one address is IPv4, the other IPv6");
  // Later incarnations of a tuple get higher numbers, as RFC 9293 §3.4.1 wants.
  ++flows_made_;
  made->client.isn = 0x1000'0000 + flows_made_ * 0x0100'0000;
  made->server.isn = made->client.isn + 0x0080'0000;
  if (line.accept("established")) {
    for (Peer* peer : {&made->client, &made->server}) peer->next = peer->received = 0;
  }
  if (line.accept("at"))
    made->only_at = line.accept("client") ? Side::client : (line.expect("server"), Side::server);
  flows_[name] = made.get();
  all_.push_back(std::move(made));
}

void Player::translate(Cursor& line) {
  Flow& translated = flow(line, line.word("a name"));
  if (line.accept("off")) {
    translated.translated_client = translated.translated_server = std::nullopt;
    return;
  }
  line.expect("client");
  translated.translated_client = line.endpoint();
  line.expect("server");
  translated.translated_server = line.endpoint();
  if (line.accept("at"))
    translated.translated_at =
        line.accept("client") ? Side::client : (line.expect("server"), Side::server);
}

/// "tunnel KIND ID [also-outside]" or "tunnel off".
void Player::tunnel(Cursor& line) {
  network_.tunnel = {};
  if (line.accept("off")) return;
  network_.tunnel.kind = line.word("a kind of tunnel");
  if (std::ranges::find(tunnel_kinds(), network_.tunnel.kind) == tunnel_kinds().end())
    line.fail("unknown kind of tunnel");
  network_.tunnel.id = static_cast<std::uint32_t>(line.number(0, 0xffffffff));
  network_.tunnel.also_outside = line.accept("also-outside");
}

/// "points 10ms [ahead 3s] [drift 50]": the way from one to the other, the server's clock.
void Player::points(Cursor& line) {
  network_.way = line.duration();
  if (line.accept("ahead")) network_.ahead = line.duration();
  if (line.accept("drift")) network_.drift_ppm = line.number(-1000, 1000);
}

Flow& Player::flow(Cursor& line, const std::string& name) {
  const auto found = flows_.find(name);
  if (found == flows_.end()) {
    line.fail(name.empty() ? "no \"client ... server ...\" line yet"
                           : "unknown flow \"" + name + "\"");
  }
  return *found->second;
}

/// "C", "S", "NAME.C" or "NAME.S".
Speaker Player::speaker(Cursor& line) {
  const std::string text = line.word("C or S");
  const std::size_t dot = text.rfind('.');
  const std::string side = dot == std::string::npos ? text : text.substr(dot + 1);
  if (side != "C" && side != "S") line.fail("expected C or S, not \"" + text + "\"");
  return {.flow = &flow(line, dot == std::string::npos ? std::string{} : text.substr(0, dot)),
          .client = side == "C"};
}

void Player::set(Cursor& line) {
  Peer& peer = speaker(line).self();
  const std::string key = line.word("a setting");
  if (key == "isn") {
    peer.isn = static_cast<std::uint32_t>(line.number(0, 0xffff'ffff));
  } else if (key == "ttl") {
    peer.ttl = static_cast<std::uint8_t>(line.number(1, 255));
  } else if (key == "type") {
    peer.packet_type = static_cast<std::uint8_t>(line.number(0, 255));
  } else if (key == "forwarded") {
    peer.forwarded = !line.accept("off");
  } else if (key == "offload") {
    peer.offload = true;
  } else if (key == "win") {
    peer.window = static_cast<std::uint32_t>(line.number(0, 1 << 30));
  } else if (key == "wscale") {
    peer.wscale = line.accept("off") ? -1 : static_cast<int>(line.number(0, 14));
  } else if (key == "mss") {
    peer.mss =
        line.accept("off") ? std::uint16_t{0} : static_cast<std::uint16_t>(line.number(1, 65535));
  } else if (key == "ts") {
    line.expect("off");
    peer.timestamps = false;
  } else if (key == "vlan") {
    peer.vlans = read_vlans(line);
  } else {
    line.fail("unknown setting \"" + key + "\"");
  }
}

void Player::event(Cursor& line) {
  const std::string text = line.word("a time");
  const auto time = parse_duration(std::string_view{text}.substr(1));
  if (!time) line.fail("\"" + text + "\" is no time, such as +20ms or @1.5s");
  const Nanoseconds at = text[0] == '+' ? network_.now + *time : *time;
  if (at < network_.now) line.fail("\"" + text + "\" lies before the line above");
  network_.now = at;
  network_.deliver(network_.now);
  if (line.accept("handshake")) return handshake(line);
  if (line.accept("icmp")) return icmp(line);
  if (line.accept("dns")) return dns(line);
  const Speaker who = speaker(line);
  network_.perform(who, read_action(line, who.self()), line);
}

/// SYN, SYN-ACK, ACK, as a capture at the client shows it; with a second time, the ACK comes that
/// much behind the SYN-ACK.
void Player::handshake(Cursor& line) {
  Nanoseconds rtt = line.duration();
  Nanoseconds ack_after = std::chrono::microseconds{20};
  if (network_.point) rtt = ack_after = network_.way;  // each as soon as the one before has come
  const Token* next = line.peek();
  if (next != nullptr && !next->quoted && parse_duration(next->text)) ack_after = line.duration();
  std::string name;
  if (line.accept("of")) name = line.word("a flow");
  Flow& of = flow(line, name);
  Action step;
  step.flags = TcpFlags::syn;
  network_.perform({.flow = &of, .client = true}, step, line);
  network_.now += rtt;
  network_.deliver(network_.now);
  step.flags = TcpFlags::syn | TcpFlags::ack;
  network_.perform({.flow = &of, .client = false}, step, line);
  network_.now += ack_after;
  network_.deliver(network_.now);
  step.flags = TcpFlags::ack;
  network_.perform({.flow = &of, .client = true}, step, line);
}

void Player::icmp(Cursor& line) {
  const auto type = static_cast<std::uint8_t>(line.number(0, 255));
  const auto code = static_cast<std::uint8_t>(line.number(0, 255));
  line.expect("from");
  const IpAddress router = line.address();
  const std::uint32_t mtu =
      line.accept("mtu") ? static_cast<std::uint32_t>(line.number(68, 65535)) : 0;
  line.expect("to");
  const Peer& target = speaker(line).self();
  if (target.last_packet.empty()) line.fail("that side has sent nothing that ICMP could quote");
  network_.report(target, router, type, code, mtu);
}

void Player::dns(Cursor& line) {
  const bool unreachable = line.accept("unreachable");
  std::uint8_t icmp_type = 0, icmp_code = 0;
  IpAddress reporter;
  if (unreachable) {
    icmp_type = static_cast<std::uint8_t>(line.number(0, 255));
    icmp_code = static_cast<std::uint8_t>(line.number(0, 255));
    line.expect("from");
    reporter = line.address();
  }
  const bool refused = !unreachable && line.accept("refused");
  const bool answer = refused || (!unreachable && line.accept("answer"));
  if (!answer && !unreachable) line.expect("query");
  const auto id = static_cast<std::uint16_t>(line.number(0, 65535));
  const std::string type = line.word("A or AAAA");
  if (type != "A" && type != "AAAA") line.fail("the type is A or AAAA");
  DnsMessage message;
  message.id = id;
  message.aaaa = type == "AAAA";
  message.name = line.word("a name");
  if (answer) {
    message.outcome = line.accept("nxdomain")   ? DnsMessage::Outcome::nxdomain
                      : line.accept("servfail") ? DnsMessage::Outcome::servfail
                      : line.accept("empty")    ? DnsMessage::Outcome::empty
                                                : DnsMessage::Outcome::address;
    if (message.outcome == DnsMessage::Outcome::address) message.address = line.address();
  }
  line.expect("between");
  const Endpoint client = line.endpoint();
  line.expect("and");
  const Endpoint resolver = line.endpoint();
  line.expect_end();
  if (unreachable)
    return network_.refuse(reporter, resolver, client, dns_message(message), icmp_type, icmp_code);
  if (refused) {
    const bool v4 = client.ip.is_v4();  // port unreachable
    return network_.refuse(client.ip, client, resolver, dns_message(message), v4 ? 3 : 1,
                           v4 ? 3 : 4);
  }
  network_.datagram(answer ? resolver : client, answer ? client : resolver, dns_message(message));
}

/// An unrelated packet shows how long the capture went on.
void Player::end_mark(Cursor& line) {
  const Nanoseconds later = line.duration();
  if (later < Nanoseconds{0}) line.fail("the end lies before the line above");
  network_.now += later;
  network_.mark_end();
}

void put_le(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

}  // namespace

Capture play(std::string_view scenario) { return Player{}.play(scenario); }
Capture play(std::string_view scenario, Side point) { return Player{point}.play(scenario); }

std::string to_pcap(const Capture& capture) {
  std::string out;
  put_le(out, 0xa1b23c4d, 4);  // nanoseconds
  put_le(out, 2, 2);
  put_le(out, 4, 2);
  put_le(out, 0, 8);
  put_le(out, 262144, 4);
  put_le(out, capture.link_type, 4);
  for (const Recorded& record : capture.records) {
    const auto nanoseconds = static_cast<std::uint64_t>(record.at.count());
    put_le(out, nanoseconds / 1'000'000'000, 4);
    put_le(out, nanoseconds % 1'000'000'000, 4);
    put_le(out, record.bytes.size(), 4);
    put_le(out, record.wire_length, 4);
    out += record.bytes;
  }
  out.resize(out.size() - std::min(out.size(), capture.cut_bytes));
  return out;
}

}  // namespace httpdiag::test
