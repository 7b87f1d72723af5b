// SPDX-License-Identifier: Apache-2.0
#include "support/scenario_action.hpp"

#include <algorithm>

namespace httpdiag::test {

std::vector<std::uint16_t> read_vlans(Cursor& line) {
  const std::string text = line.word("a VLAN number");
  std::vector<std::uint16_t> tags;
  if (text == "off") return tags;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const auto tag = parse_number(std::string_view{text}.substr(at, comma - at));
    if (!tag || *tag < 1 || *tag > 4094) line.fail("\"" + text + "\" is no list of VLAN numbers");
    tags.push_back(static_cast<std::uint16_t>(*tag));
    at = comma + 1;
  }
  return tags;
}

namespace {

constexpr std::int64_t kFarOffset = std::int64_t{1} << 32;

/// "1603 0100": hex digits, up to the end of the word.
std::string read_hex(Cursor& line) {
  const std::string digits = line.word("hex digits");
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    const auto byte = parse_hex(std::string_view{digits}.substr(at, 2));
    if (!byte) line.fail("\"" + digits + "\" is not hex");
    bytes += static_cast<char>(*byte);
  }
  if (digits.empty() || digits.size() % 2 != 0) line.fail("hex digits come in pairs");
  return bytes;
}

/// A TLS record (RFC 5246 §6.2.1) whose body is as good as encrypted.
std::string read_record(Cursor& line) {
  static constexpr std::pair<std::string_view, int> kTypes[] = {
      {"cipher", 20}, {"alert", 21}, {"handshake", 22}, {"data", 23}};
  const std::string type = line.word("a type of record");
  const auto known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto& each) { return each.first == type; });
  if (known == std::end(kTypes)) line.fail("\"" + type + "\" is no type of record");
  const auto length = static_cast<std::size_t>(line.number(1, 16640));
  std::string record{static_cast<char>(known->second), 3, 3, static_cast<char>(length >> 8),
                     static_cast<char>(length & 0xff)};
  if (type == "cipher" && length == 1) return record + '\1';
  for (std::size_t i = 0; i < length; ++i) record += static_cast<char>(i * 37 + 11);
  return record;
}

bool verb(Cursor& line, Action& action, Peer& self) {
  static constexpr std::pair<std::string_view, std::uint8_t> kFlags[] = {
      {"syn", TcpFlags::syn}, {"ack", TcpFlags::ack}, {"fin", TcpFlags::fin},
      {"rst", TcpFlags::rst}, {"psh", TcpFlags::psh}, {"urg", TcpFlags::urg}};
  for (const auto& [word, flag] : kFlags) {
    // "ack 5" is the override, "ack" the flag.
    if (line.peek()->text != word) continue;
    line.expect(word);
    action.flags |= flag;
    if (flag == TcpFlags::ack && line.peek() != nullptr && parse_number(line.peek()->text)) {
      action.ack = line.number(-kFarOffset, kFarOffset);
    }
    return true;
  }
  if (line.accept("body")) {
    const auto length = static_cast<std::size_t>(line.number(1, 1'000'000));
    for (std::size_t i = 0; i < length; ++i) action.payload += static_cast<char>('a' + i % 26);
    return true;
  }
  if (line.accept("hex")) {
    action.payload += read_hex(line);
    return true;
  }
  if (line.accept("tls")) {
    action.payload += read_record(line);
    return true;
  }
  if (line.accept("keepalive") || line.accept("window-probe")) {
    action.flags |= TcpFlags::ack;
    action.probe = true;
    return true;
  }
  if (line.accept("retransmit")) {
    action.again = &self.last;
    if (line.peek() != nullptr && self.named.contains(line.peek()->text))
      action.again = &self.named[line.word("a name")];
    if (action.again->empty()) line.fail("this side has sent nothing to retransmit");
    return true;
  }
  return false;
}

bool modifier(Cursor& line, Action& action) {
  const auto number = [&](std::int64_t low, std::int64_t high) { return line.number(low, high); };
  const auto size = [&](std::int64_t low, std::int64_t high) {
    return static_cast<std::size_t>(line.number(low, high));
  };
  if (line.accept("seq"))
    action.seq = number(-kFarOffset, kFarOffset);
  else if (line.accept("win"))
    action.window = number(0, 1 << 30);
  else if (line.accept("ttl"))
    action.ttl = number(1, 255);
  else if (line.accept("id"))
    action.id = number(0, 65535);
  else if (line.accept("wscale"))
    action.wscale = number(0, 14);
  else if (line.accept("mss"))
    action.mss = number(1, 65535);
  else if (line.accept("ts"))
    action.ts_value = number(0, 0xffff'ffff), action.ts_echo = number(0, 0xffff'ffff);
  else if (line.accept("sack"))
    action.sack_from = number(0, kFarOffset), action.sack_to = number(0, kFarOffset);
  else if (line.accept("type"))
    action.packet_type = number(0, 255);
  else if (line.accept("vlan"))
    action.vlans = read_vlans(line);
  else if (line.accept("split"))
    action.split = size(1, 65535);
  else if (line.accept("gap"))
    action.gap = line.duration();
  else if (line.accept("fragment"))
    action.fragment = size(8, 65528);
  else if (line.accept("pieces"))
    action.pieces = size(1, 8192);
  else if (line.accept("snap"))
    action.snap = size(14, 262144);
  else if (line.accept("delay"))
    action.delay = line.duration();
  else if (line.accept("arrives"))
    action.arrives = line.duration();
  else if (line.accept("stamp"))
    action.stamp = line.duration();
  else if (line.accept("unseen"))
    action.unseen = line.accept("client") ? Side::client : (line.expect("server"), Side::server);
  else if (line.accept("forged"))
    action.forged = true;
  else if (line.accept("cut"))
    action.cut = size(1, 65535);
  else if (line.accept("drop"))
    action.dropped = true;
  else if (line.accept("lose"))
    action.lost = true;
  else if (line.accept("tso"))
    action.zero_length = true;
  else if (line.accept("pad"))
    action.padded = true;
  else if (line.accept("badsum"))
    action.bad_checksum = true;
  else if (line.accept("as"))
    action.name = line.word("a name");
  else
    return false;
  if (action.fragment % 8 != 0) line.fail("fragments are multiples of 8 bytes");
  return true;
}

bool copy_modifier(Cursor& line, Action& action) {
  if (line.accept("dup")) {
    action.twice = true;
    const Token* after = line.peek();
    if (after != nullptr && !after->quoted && parse_duration(after->text))
      action.copy_after = line.duration();
  } else if (line.accept("dup-ttl")) {
    action.copy_ttl = line.number(1, 255);
  } else if (line.accept("dup-mss")) {
    action.copy_mss = line.number(1, 65535);
  } else if (line.accept("dup-vlan")) {
    action.copy_vlans = read_vlans(line);
  } else {
    return false;
  }
  return true;
}

}  // namespace

Action read_action(Cursor& line, Peer& self) {
  Action action;
  bool any = false;
  while (!line.done()) {
    if (line.peek()->quoted) {
      std::string text = line.take("a string").text;
      if (line.accept("*")) {
        const auto times = static_cast<std::size_t>(line.number(1, 1'000'000));
        const std::string once = text;
        for (std::size_t i = 1; i < times; ++i) text += once;
      }
      action.payload += text;
      any = true;
    } else if (verb(line, action, self)) {
      any = true;
    } else if (!modifier(line, action) && !copy_modifier(line, action)) {
      line.fail("unknown word \"" + line.peek()->text + "\"");
    }
  }
  if (!any) line.fail("nothing is sent in this line");
  const bool syn_alone = (action.flags & (TcpFlags::syn | TcpFlags::ack)) == TcpFlags::syn;
  if (!action.payload.empty() && !syn_alone) action.flags |= TcpFlags::psh | TcpFlags::ack;
  if ((action.flags & TcpFlags::fin) != 0) action.flags |= TcpFlags::ack;
  return action;
}

}  // namespace httpdiag::test
