// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "base/text.hpp"
#include "report/views.hpp"

namespace httpdiag::report {
namespace {

constexpr std::size_t kHang = 10;

std::string apart(Duration offset) {
  return base::duration(offset < Duration{0} ? -offset : offset);
}

/// "the server's is 3 s ahead of the client's, give or take 12 µs; it gains 50 ppm"
std::string clock_text(const ClockRelation& clock) {
  const bool ahead = clock.offset > Duration{0};
  std::string text = clock.offset == Duration{0}
                         ? std::string{"the server's and the client's are the same"}
                         : fmt::format("the server's is {} {} the client's", apart(clock.offset),
                                       ahead ? "ahead of" : "behind");
  if (!clock.steady)
    return fmt::format("one of them was set meanwhile: how they relate is not known (from {}).",
                       base::count(clock.pairs, "packet"));
  if (clock.both_ways && clock.uncertainty == Duration{0}) {
    text += " to the nanosecond";
  } else if (clock.both_ways) {
    text += fmt::format(", give or take {}", base::duration(clock.uncertainty));
  } else {
    text += ", the way included: packets are in both captures in one direction only";
  }
  if (clock.drift_ppb) {
    const double ppm = std::abs(static_cast<double>(*clock.drift_ppb)) / 1000;
    text += fmt::format("; it {} {:.1f} ppm", *clock.drift_ppb > 0 ? "gains" : "loses", ppm);
  }
  return text + fmt::format(" (from {}).", base::count(clock.pairs, "packet"));
}

std::string lost_text(const Crossing& way) {
  if (way.lost == 0) return "none";
  return way.lost_bytes == 0
             ? std::to_string(way.lost)
             : fmt::format("{} ({} of payload)", way.lost, base::bytes(way.lost_bytes));
}

std::string flows_text(const Views& views) {
  std::string text = fmt::format("{} in both captures", base::count(views.joined, "connection"));
  if (views.translated > 0)
    text += fmt::format(" ({} under {} at the server)", views.translated,
                        views.translated == 1 ? "another name" : "other names");
  if (views.renumbered > 0)
    text += fmt::format(" (sequence numbers of {} rewritten on the way)", views.renumbered);
  const auto more = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) text += fmt::format("; {} {}", count, what);
  };
  more(views.lost, "left the client and never arrived");
  more(views.absent, "in the client's alone");
  more(views.replaced, "ended by something between the two points, which speaks TCP itself");
  more(views.server_only, "in the server's alone");
  more(views.not_compared, "not compared, beyond limits.max_view_flows");
  return text + ".";
}

/// ": packets a:4, a:5, ..."
std::string lost_packets(const FlowViews& views, Side from, const CaptureSummary* input) {
  constexpr std::size_t kNamed = 4;
  std::string text;
  std::size_t count = 0;
  for (const LostPacket& each : views.lost) {
    if (each.from != from || ++count > kNamed) continue;
    text += text.empty() ? ": " : ", ";
    text += packet_name(input, each.packet.number);
  }
  return views.ways[index(from)].lost > kNamed ? text + ", ..." : text;
}

std::string forged_text(const FlowViews& views, const CaptureSummary* input) {
  std::string text;
  for (const ForgedPacket& each : views.forged) {
    text += fmt::format("; a {} in the {}'s name that it never sent: {}", each.what,
                        each.from == Side::client ? "client" : "server",
                        packet_name(input, each.packet.number));
  }
  return text;
}

void beware(Page& page, const std::string& text) {
  page.wrapped(0, Ink::yellow, "Beware", kHang, text);
}

}  // namespace

void show_views(Page& page, const Views& views) {
  page.wrapped(0, Ink::bold, "Both ends", kHang, flows_text(views));
  for (const Side side : {Side::client, Side::server}) {
    if (!views.on_the_way[index(side)]) continue;
    const std::string_view end = side == Side::client ? "client" : "server";
    beware(page, fmt::format("The {0}'s capture was taken on the way, as its packets tell, not at "
                             "the {0}: what happened between that point and the {0} is not seen.",
                             end));
  }
  if (apart(views)) return;
  const auto& [forth, back] = views.ways;
  page.wrapped(0, Ink::bold, "Lost", kHang,
               fmt::format("between the two points, packets towards the server: {}; towards the "
                           "client: {}.",
                           lost_text(forth), lost_text(back)));
  if (views.clock) page.wrapped(0, Ink::bold, "Clocks", kHang, clock_text(*views.clock));
  const std::array<std::string_view, 2> whose{"server's", "client's"};
  for (std::size_t i = 0; i < views.ways.size(); ++i) {
    const Crossing& way = views.ways[i];
    if (way.not_recorded > 0) {
      beware(page, fmt::format("{} arrived, being acknowledged, but {} not in the {} capture.",
                               base::count(way.not_recorded, "packet"),
                               way.not_recorded == 1 ? "is" : "are", whose[i]));
    }
    if (way.unknown > 0) {
      beware(page, fmt::format("Of {} it is not known whether {} arrived: the {} capture did not "
                               "run then, as far as can be seen, or shows nothing of that way.",
                               base::count(way.unknown, "packet"), way.unknown == 1 ? "it" : "they",
                               whose[i]));
    }
    if (way.altered > 0) {
      beware(page, fmt::format("{} arrived at the {} end with other payload than {} left with.",
                               base::count(way.altered, "packet"), whose[i],
                               way.altered == 1 ? "it" : "they"));
    }
  }
}

std::string views_text(const FlowViews& views, const CaptureSummary* input) {
  switch (views.presence) {
    case Presence::lost:
      return "none of it reached the server, whose capture ran";
    case Presence::absent:
      return "not in the server's capture; whether it came there is not known";
    case Presence::replaced:
      return views.server.port == 0
                 ? std::string{"not in the server's capture: something between the two points "
                               "ends TCP"}
                 : fmt::format("what it carried is in the server's capture as another connection, "
                               "{} -> {} (from packet {}): something between the two points ends "
                               "TCP",
                               to_string(views.client), to_string(views.server),
                               packet_name(input, views.first.number));
    case Presence::both:
      break;
  }
  std::string text = fmt::format(
      "at the server {} -> {}, packets {} to {}; lost towards the server: {}{}; towards the "
      "client: "
      "{}{}{}",
      to_string(views.client), to_string(views.server), packet_name(input, views.first.number),
      packet_name(input, views.last.number), lost_text(views.ways[0]),
      lost_packets(views, Side::client, input), lost_text(views.ways[1]),
      lost_packets(views, Side::server, input), forged_text(views, input));
  if (views.severity >= Severity::warning)
    text += fmt::format("; that capture alone says {}", info(views.label).id);
  return text;
}

}  // namespace httpdiag::report
