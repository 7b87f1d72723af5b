// SPDX-License-Identifier: Apache-2.0
#include "rules/rst_origin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "rules/vantage.hpp"

namespace httpdiag::rules {

namespace {

/// As many routers away under another initial value: some stacks send their RSTs with 255.
bool as_far_as(std::uint8_t rst_ttl, std::uint8_t ttl) {
  const auto distance = hops(rst_ttl);
  return distance && *distance > 0 && distance == hops(ttl);
}

/// A RST in the name of `side` with this TTL would be unlike its other packets.
bool unlike_others(const FlowRecord& flow, Side side, std::uint8_t rst_ttl,
                   const Thresholds& limits) {
  const SideRecord& own = flow.side(side);
  if (own.ttl == 0) return false;
  // A SYN proxy has a TTL of its own in the first packet, so the later ones count as well; paths of
  // equal cost may differ by a router or two (RFC 2991).
  const auto differs = [&](std::uint8_t ttl) {
    return ttl == 0 ||
           (std::abs(int{rst_ttl} - int{ttl}) >= limits.rst_ttl_delta && !as_far_as(rst_ttl, ttl));
  };
  const auto seen = {own.ttl, own.trouble().ttl_before_rst, own.last_ttl, own.other_ttl};
  return std::ranges::all_of(seen, differs);
}

/// By however little, where all other packets of the side have one TTL: no jitter of the path.
bool only_one_with_its_ttl(const SideRecord& own) {
  const SideTrouble& trouble = own.trouble();
  return own.ttl != 0 && own.ttl == trouble.ttl_before_rst && own.other_ttl == 0 &&
         trouble.first_rst_ttl != 0 && trouble.first_rst_ttl != own.ttl;
}

}  // namespace

bool handshake_alone(const SideRecord& own) { return own.packets <= own.trouble().rsts + own.syns; }

RstSigns rst_signs(const FlowRecord& flow, Side side, const Thresholds& limits) {
  const SideRecord& own = flow.side(side);
  const SideTrouble& trouble = own.trouble();
  if (!trouble.first_rst) return {};
  const bool went_on = static_cast<bool>(trouble.after_rst);
  return {.ttl = unlike_others(flow, side, trouble.first_rst_ttl, limits) ||
                 (went_on && only_one_with_its_ttl(own)),
          .ip_id = trouble.rst_ip_id_astray,
          .went_on = went_on,
          .stepped = static_cast<bool>(trouble.stepped_rst)};
}

std::optional<Confidence> sent_by_device(const RstSigns& signs, const SideRecord& own) {
  if (signs.count() == 0) return std::nullopt;
  if (signs.count() >= 2) return Confidence::high;
  if (signs.ip_id || (signs.ttl && handshake_alone(own))) return Confidence::low;
  return Confidence::medium;
}

std::string reasons(const RstSigns& signs, const SideRecord& own, Side side) {
  const SideTrouble& trouble = own.trouble();
  const std::string_view who = side == Side::client ? "client" : "server";
  std::vector<std::string> all;
  if (signs.ttl) {
    all.push_back(fmt::format("its TTL is {}, that of the {}'s other packets {}",
                              trouble.first_rst_ttl, who, own.last_ttl));
  }
  if (signs.ip_id)
    all.push_back(fmt::format("its IP id {} does not follow from the {}'s, which count up",
                              trouble.first_rst_ip_id, who));
  if (signs.went_on)
    all.push_back(fmt::format("the {} went on behind it as if nothing had happened", who));
  if (signs.stepped) all.push_back("another one with a higher number came with it");
  std::string text;
  for (const std::string& reason : all) base::append_item(text, reason, "; ");
  return text;
}

bool rst_has_ttl_of_its_own(const FlowRecord& flow, Side side) {
  const SideRecord& own = flow.side(side);
  const std::uint8_t ttl = own.trouble().rst_ttl;
  return ttl != 0 && own.ttl != 0 && ttl != own.ttl && ttl != own.last_ttl &&
         ttl != own.other_ttl && !as_far_as(ttl, own.last_ttl);
}

bool reset_from_elsewhere(const FlowRecord& flow, Side side, const Thresholds& limits) {
  const SideTrouble& trouble = flow.side(side).trouble();
  if (!trouble.rst) return false;
  if (unlike_others(flow, side, trouble.rst_ttl, limits)) return true;
  if (trouble.rst != trouble.first_rst) return false;
  const auto sure = sent_by_device(rst_signs(flow, side, limits), flow.side(side));
  return sure && *sure >= Confidence::medium;
}

}  // namespace httpdiag::rules
