// SPDX-License-Identifier: Apache-2.0
#include "report/oddity_text.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace httpdiag::report {
namespace {

std::string_view sentence(Oddity oddity) {
  switch (oddity) {
    case Oddity::midstream:  // these three: capture-started-midstream
    case Oddity::roles_guessed:
    case Oddity::window_unknown:
      return "";
    case Oddity::synack_before_syn:
      return "the SYN-ACK was recorded before the SYN";
    case Oddity::simultaneous_open:
      return "both sides sent a SYN (simultaneous open)";
    case Oddity::syn_with_data:
      return "the SYN carried payload (TCP Fast Open)";
    case Oddity::rst_ignored:
      return "a RST had no effect: not the sequence number that its receiver expects";
    case Oddity::data_after_fin:
      return "payload behind its sender's own FIN; it was left out";
    case Oddity::data_after_rst:
      return "the sender of a RST went on talking";
    case Oddity::differing_copy:
      return "bytes were sent again, and differ; the first copy was read";
    case Oddity::out_of_window:
      return "a segment's numbers are nowhere near the connection's; it was left out";
    case Oddity::buffer_limit:
      return "the wait for missing bytes was given up: too many were held back behind them";
    case Oddity::synack_missing:
      return "the SYN-ACK is not in the capture";
    case Oddity::challenged:
      return "the SYN was answered by an ACK that does not acknowledge it";
    case Oddity::reused_tuple:
      return "an earlier connection in the capture has the same addresses and ports";
    case Oddity::icmp_soft_error:
      return "an ICMP error came about it after it was established";
  }
  return "";
}

std::string packets(const OddityReport& odd, const CaptureSummary* input) {
  std::string text;
  for (const PacketRef& packet : odd.packets) {
    text += fmt::format("{}{}", text.empty() ? "" : " and ", packet_name(input, packet.number));
  }
  return text.empty() ? text : (odd.packets.size() == 1 ? "packet " : "packets ") + text;
}

}  // namespace

bool misleads(Oddity oddity) {
  return oddity == Oddity::differing_copy || oddity == Oddity::buffer_limit;
}

std::string words(const OddityReport& odd, const CaptureSummary* input) {
  const std::string_view what = sentence(odd.oddity);
  if (what.empty() || odd.packets.empty()) return std::string{what};
  const std::string_view from = !odd.from                   ? ""
                                : *odd.from == Side::client ? "client, "
                                                            : "server, ";
  return fmt::format("{} ({}{})", what, from, packets(odd, input));
}

std::string words(const OddityTotal& total, const CaptureSummary* input) {
  const std::string where = packets(total.example, input);
  return fmt::format("{}: on {} {} ({}flow {}{})", name(total.example.oddity),
                     base::count(total.flows, "connection"), sentence(total.example.oddity),
                     total.flows == 1 ? "" : "first on ",
                     static_cast<std::uint32_t>(total.example_flow),
                     where.empty() ? "" : ", " + where);
}

}  // namespace httpdiag::report
