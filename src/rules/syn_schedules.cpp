// SPDX-License-Identifier: Apache-2.0
#include "rules/syn_schedules.hpp"

#include <algorithm>
#include <array>

namespace httpdiag::rules {

namespace {

struct Published {
  std::string_view name;
  std::array<int, 12> gaps_s;  // 0 ends; the last one is the wait after the final SYN
};

// Linux: Documentation/networking/ip-sysctl.rst (tcp_syn_retries,
// tcp_syn_linear_timeouts), net/ipv4/tcp_timer.c. Windows: KB 2786464 and
// measured 3 s + 6 s + 12 s = 21 s on Windows 7 and Server 2008 R2.
constexpr std::array kPublished = {
    Published{"Linux 6.5 or later, tcp_syn_retries 6 after 4 linear ones",
              {1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 0}},
    Published{"Linux, tcp_syn_retries 6", {1, 2, 4, 8, 16, 32, 64, 0}},
    Published{"Linux, tcp_syn_retries 5", {1, 2, 4, 8, 16, 32, 0}},
    Published{"Windows, initial timeout 3 s and 2 retransmissions", {3, 6, 12, 0}},
};

bool within(Duration gap, Duration expected, const Thresholds& limits) {
  const auto slack = Duration{static_cast<std::int64_t>(static_cast<double>(expected.count()) *
                                                        limits.connect_backoff_tolerance)} +
                     limits.connect_backoff_slack;
  return gap >= expected - slack && gap <= expected + slack;
}

}  // namespace

std::optional<SynSchedule> match_schedule(std::span<const PacketRef> syns,
                                          const Thresholds& limits) {
  std::optional<SynSchedule> best;
  for (const Published& published : kPublished) {
    const auto end = std::find(published.gaps_s.begin(), published.gaps_s.end(), 0);
    const auto transmissions = static_cast<std::size_t>(end - published.gaps_s.begin());
    if (syns.size() > transmissions) continue;
    bool fits = true;
    for (std::size_t i = 1; fits && i < syns.size(); ++i) {
      fits = within(syns[i].time - syns[i - 1].time, std::chrono::seconds{published.gaps_s[i - 1]},
                    limits);
    }
    if (!fits) continue;
    const SynSchedule found{published.name, syns.size() == transmissions,
                            std::chrono::seconds{published.gaps_s[syns.size() - 1]}};
    if (!best || (found.exhausted && !best->exhausted)) best = found;
  }
  return best;
}

}  // namespace httpdiag::rules
