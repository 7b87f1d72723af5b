// SPDX-License-Identifier: Apache-2.0
// What two captures tell of themselves as a whole, before flows are compared.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "httpdiag/report.hpp"
#include "views/crossing.hpp"

namespace httpdiag::views {

Watch watch_of(const Report& report, const CaptureSummary& input);

/// One file given twice, or two captures of one host: the fastest packets took no time at all.
bool at_one_point(const std::optional<ClockRelation>& clock);

/// The server's clock minus the client's at a time of the client's.
Duration drifted(const ClockRelation& clock, Timestamp at);

/// A time of the server's, as its clock would have it if it did not drift.
Timestamp without_drift(const ClockRelation& clock, Timestamp at_server);

/// By direction: captures that hold nothing of it, though it was there.
struct Blindness {
  std::array<bool, 2> sender{}, receiver{};
  bool mute_server =
      false;  // there is nothing of the server's in its capture, nor in the other one
};
/// As of a host with two network cards, or behind a filter that names one direction.
Blindness blindness_of(const std::vector<Trail>& client, const std::vector<Trail>& server);

/// Whether a request that has the same bytes in both captures can be one and the same: it was at
/// the server when it had left the client, and not long before. Requests that are repeated have the
/// same bytes too. `clock`: none where no flow is in both; clocks that are set agree to a second.
bool plausibly_one(const Trail& client, const Trail& server,
                   const std::optional<ClockRelation>& clock);

/// Who of two points is nearer to the client.
class Nearness {
 public:
  /// What passes both and comes back takes longer at the nearer one.
  void on_round_trips(Duration here, Duration away);
  /// The same packet, by what each point saw of it: routers take one off.
  void on_ttl(Side from, std::uint8_t here, std::uint8_t away);
  /// What was given as the client's capture was taken nearer to the server.
  bool swapped() const;

 private:
  struct Votes {
    std::uint64_t client = 0, server = 0;
    bool any() const { return client + server != 0; }
    bool swapped() const { return server > 10 * client; }
  };
  Votes by_time_, by_ttl_;
};

/// That a capture breaks off, as one of two says it: by its end, with packets by their names.
/// `before`: packets in front of it in the common order; `ahead`: of its clock.
std::vector<Finding> breaks_of(const Report& report, Side side, const CaptureSummary& input,
                               PacketNumber before, Duration ahead);

void add(Crossing& total, const Crossing& way);

}  // namespace httpdiag::views
