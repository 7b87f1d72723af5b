// SPDX-License-Identifier: Apache-2.0
// Between the peers of a scenario: what they send is recorded at the capture
// point, or not, and arrives, or not, now or later.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "support/scenario.hpp"
#include "support/scenario_action.hpp"
#include "support/wire.hpp"

namespace httpdiag::test {

/// One side of a flow at the moment when it sends.
struct Speaker {
  Flow* flow = nullptr;
  bool client = false;
  Peer& self() const { return flow->side(client); }
  Peer& other() const { return flow->side(!client); }
};

class Network {
 public:
  Nanoseconds now{0};    // since the beginning of the scenario
  Nanoseconds clock{0};  // what the recorder's clock is off by
  LinkType link = LinkType::ethernet;
  std::size_t snap = 0;       // bytes kept of a packet; 0: all
  bool at_server = false;     // cooked captures: which host records
  std::optional<Side> point;  // one of two capture points
  Nanoseconds way{0};         // from one to the other
  Nanoseconds ahead{0};       // the clock of the server's point, and what it gains
  std::int64_t drift_ppm = 0;
  bool recording = true;  // this point
  struct Tunnels {
    std::string kind;  // empty: none
    std::uint32_t id = 0;
    bool also_outside = false;
  } tunnel;  // what all packets are wrapped up in from now on

  /// Sends what `action` says; `line` is for complaints.
  void perform(const Speaker& speaker, const Action& action, const Cursor& line);
  /// An ICMP error to `target` about its last packet.
  void report(const Peer& target, const IpAddress& router, std::uint8_t type, std::uint8_t code,
              std::uint32_t mtu);
  void datagram(const Endpoint& from, const Endpoint& to, const std::string& payload);
  /// `closed` says by ICMP that nobody has the port that this datagram of `sender`'s came to.
  void refuse(const IpAddress& reporter, const Endpoint& to, const Endpoint& sender,
              const std::string& payload, std::uint8_t type, std::uint8_t code);
  /// Records an unrelated packet.
  void mark_end();
  /// Lets arrive what is due.
  void deliver(Nanoseconds until);
  /// All records in the order in which they were written.
  std::vector<Recorded> finish();

 private:
  struct Record {
    Nanoseconds order{};  // when it is written, which decides its place
    Recorded recorded;
  };
  struct Arrival {
    Nanoseconds at{};
    Peer* to = nullptr;
    std::int64_t begin = 0, end = 0;
    std::uint32_t ts_value = 0;
  };

  void send(const Speaker& speaker, const Action& action, const Sent& segment, Nanoseconds at);
  std::string options(const Peer& self, const Peer& other, const Action& action,
                      std::uint8_t flags) const;
  void record_at_point(const Speaker& speaker, const Action& action, TcpHeader tcp, IpHeader ip,
                       const std::string& payload, Nanoseconds at);
  void record_translated(const Speaker& speaker, const Action& action, TcpHeader tcp, IpHeader ip,
                         const std::string& payload, Nanoseconds at);
  void translate(const Speaker& speaker, TcpHeader& tcp, IpHeader& ip) const;
  void record(const Speaker& speaker, const Action& action, const IpHeader& ip,
              std::string_view tcp, Nanoseconds at);
  void write(const FrameHeader& header, std::string_view packet, const Action& action,
             Nanoseconds at);
  void write_frame(const FrameHeader& header, std::string_view packet, const Action& action,
                   Nanoseconds at);
  /// What the clock of the capture point is off by.
  Nanoseconds clock_at(Nanoseconds at) const {
    if (point != Side::server) return clock;
    return clock + ahead + at * drift_ppm / 1'000'000;
  }
  std::uint32_t timestamp() const {
    return 1'000'000 + static_cast<std::uint32_t>(now / std::chrono::milliseconds{1});
  }

  std::map<IpAddress, std::uint16_t> ids_;  // last IP id of each host
  std::vector<Arrival> arrivals_;
  std::vector<Record> records_;
};

}  // namespace httpdiag::test
