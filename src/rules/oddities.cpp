// SPDX-License-Identifier: Apache-2.0
#include "rules/oddities.hpp"

#include <initializer_list>

namespace httpdiag::rules {

namespace {

class Collection {
 public:
  explicit Collection(const FlowRecord& flow) : flow_{flow} {}

  /// Of the flow as a whole. Packets that were not noted are left out.
  void add(Oddity oddity, std::optional<Side> from, std::initializer_list<PacketRef> packets) {
    OddityReport odd{.oddity = oddity, .from = from, .packets = {}};
    for (const PacketRef& packet : packets) {
      if (packet) odd.packets.push_back(packet);
    }
    all.push_back(std::move(odd));
  }

  void add_of_sides(Oddity oddity) {
    for (const Side side : {Side::client, Side::server}) {
      const SideTrouble& trouble = flow_.side(side).trouble();
      if (oddity == Oddity::rst_ignored && trouble.ignored_rst)
        add(oddity, side, {trouble.ignored_rst});
      if (oddity == Oddity::differing_copy && trouble.differing[0])
        add(oddity, side, {trouble.differing[0], trouble.differing[1]});
    }
  }

  std::vector<OddityReport> all;

 private:
  const FlowRecord& flow_;
};

}  // namespace

std::vector<OddityReport> oddities_of(const FlowRecord& flow) {
  Collection odd{flow};
  for (std::size_t bit = 0; bit < kOddityCount; ++bit) {
    const auto oddity = static_cast<Oddity>(1u << bit);
    if (!flow.has(oddity)) continue;
    switch (oddity) {
      case Oddity::rst_ignored:
      case Oddity::differing_copy:
        odd.add_of_sides(oddity);
        break;
      case Oddity::midstream:
        odd.add(oddity, std::nullopt, {flow.first});
        break;
      case Oddity::synack_before_syn:
        odd.add(oddity, std::nullopt, {flow.s().syn, flow.c().syn});
        break;
      case Oddity::simultaneous_open:
        odd.add(oddity, std::nullopt, {flow.c().syn, flow.s().syn});
        break;
      case Oddity::syn_with_data:
        odd.add(oddity, std::nullopt, {flow.c().syn});
        break;
      case Oddity::challenged:
        odd.add(oddity, Side::server, {flow.trouble().challenge_ack});
        break;
      case Oddity::icmp_soft_error:
        odd.add(oddity, std::nullopt, {flow.trouble().icmp});
        break;
      case Oddity::data_after_fin:
      case Oddity::data_after_rst:
      case Oddity::out_of_window:
      case Oddity::buffer_limit:
      case Oddity::roles_guessed:
      case Oddity::synack_missing:
      case Oddity::reused_tuple:
      case Oddity::window_unknown:
        odd.add(oddity, std::nullopt, {});
        break;
    }
  }
  return std::move(odd.all);
}

}  // namespace httpdiag::rules
