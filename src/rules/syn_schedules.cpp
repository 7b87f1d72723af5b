// SPDX-License-Identifier: Apache-2.0
#include "rules/syn_schedules.hpp"

#include <algorithm>
#include <array>

namespace httpdiag::rules {

namespace {

struct Published {
  std::string_view name;
  std::array<int, 12> gaps_s;  // 0 ends; the last one is the wait after the final SYN
  bool windows = false;        // another host's application may have given up after such a series
};

/// Its packets begin with a TTL of 128 (taxonomy 6.4).
bool may_be_windows(std::uint8_t ttl) { return ttl > 64 && ttl <= 128; }

// Linux: Documentation/networking/ip-sysctl.rst (tcp_syn_retries,
// tcp_syn_linear_timeouts), net/ipv4/tcp_timer.c. Windows: KB 2786464 and
// measured 3 s + 6 s + 12 s = 21 s on Windows 7 and Server 2008 R2. Windows 10 and Server 2016 have
// an initial timeout of 1 s and 4 retransmissions (netsh interface tcp show global), and give up
// after 21 s as well.
constexpr std::array kPublished = {
    Published{"Linux 6.5 or later, tcp_syn_retries 6 after 4 linear ones",
              {1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 0}},
    Published{"Linux, tcp_syn_retries 6", {1, 2, 4, 8, 16, 32, 64, 0}},
    Published{"Linux, tcp_syn_retries 5", {1, 2, 4, 8, 16, 32, 0}},
    Published{"Windows, initial timeout 3 s and 2 retransmissions", {3, 6, 12, 0}},
    Published{"Windows, initial timeout 1 s and 4 retransmissions", {1, 2, 4, 8, 6, 0}, true},
};

bool within(Duration gap, Duration expected, const Thresholds& limits) {
  const auto slack = Duration{static_cast<std::int64_t>(static_cast<double>(expected.count()) *
                                                        limits.connect_backoff_tolerance)} +
                     limits.connect_backoff_slack;
  return gap >= expected - slack && gap <= expected + slack;
}

/// One of them may have left late, on a busy radio link say: the next one is on time again.
bool follows(std::span<const PacketRef> syns, std::span<const int> gaps_s,
             const Thresholds& limits) {
  Duration due{0};
  bool late = false;
  for (std::size_t i = 1; i < syns.size(); ++i) {
    const Duration gap = std::chrono::seconds{gaps_s[i - 1]};
    due += gap;
    const Duration since = syns[i].time - syns[0].time;
    if (late ? within(since, due, limits) : within(syns[i].time - syns[i - 1].time, gap, limits)) {
      continue;
    }
    if (late || since < due || i + 1 == syns.size()) return false;
    late = true;
  }
  return true;
}

/// The last of a series whose beginning is not in the capture: no kernel waits that long for its
/// first repetition.
std::optional<SynSchedule> match_end(std::span<const PacketRef> syns, std::uint8_t ttl,
                                     const Thresholds& limits) {
  constexpr int kNeverFirst = 4;
  std::optional<SynSchedule> best;
  if (syns.size() < 3) return best;
  for (auto published = kPublished.rbegin(); published != kPublished.rend(); ++published) {
    if (published->windows && !may_be_windows(ttl)) continue;
    const auto& gaps = published->gaps_s;
    const auto transmissions =
        static_cast<std::size_t>(std::find(gaps.begin(), gaps.end(), 0) - gaps.begin());
    for (std::size_t at = 1; at + syns.size() <= transmissions; ++at) {
      if (gaps[at] < kNeverFirst || !follows(syns, std::span{gaps}.subspan(at), limits)) continue;
      const std::size_t sent = at + syns.size();
      const SynSchedule found{published->name, sent == transmissions, true,
                              std::chrono::seconds{gaps[sent - 1]}};
      if (!best || (found.exhausted && !best->exhausted)) best = found;
    }
  }
  return best;
}

}  // namespace

std::optional<SynSchedule> match_schedule(std::span<const PacketRef> syns, std::uint8_t ttl,
                                          const Thresholds& limits) {
  std::optional<SynSchedule> best;
  for (const Published& published : kPublished) {
    if (published.windows && !may_be_windows(ttl)) continue;
    const auto end = std::find(published.gaps_s.begin(), published.gaps_s.end(), 0);
    const auto transmissions = static_cast<std::size_t>(end - published.gaps_s.begin());
    if (syns.size() > transmissions) continue;
    if (!follows(syns, published.gaps_s, limits)) continue;
    const SynSchedule found{published.name, syns.size() == transmissions, false,
                            std::chrono::seconds{published.gaps_s[syns.size() - 1]}};
    if (!best || (found.exhausted && !best->exhausted)) best = found;
  }
  return best ? best : match_end(syns, ttl, limits);
}

}  // namespace httpdiag::rules
