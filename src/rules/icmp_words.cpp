// SPDX-License-Identifier: Apache-2.0
#include "rules/icmp_words.hpp"

#include <fmt/format.h>

namespace httpdiag::rules {

namespace {

std::string_view meaning_v6(std::uint8_t type, std::uint8_t code) {  // RFC 4443 §3
  switch (type) {
    case 2:
      return "packet too big";
    case 3:
      return code == 0 ? "hop limit exceeded" : "fragment reassembly time exceeded";
    case 4:
      return "parameter problem";
    default:
      break;
  }
  switch (code) {  // of type 1
    case 0:
      return "no route";
    case 1:
      return "administratively prohibited";
    case 3:
      return "address unreachable";
    case 4:
      return "port unreachable";
    default:
      return "destination unreachable";
  }
}

std::string_view meaning_v4(std::uint8_t type, std::uint8_t code) {  // RFC 792
  switch (type) {
    case 4:
      return "source quench";
    case 11:
      return code == 0 ? "time to live exceeded" : "fragment reassembly time exceeded";
    case 12:
      return "parameter problem";
    default:
      break;
  }
  switch (code) {  // of type 3; RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1
    case 0:
      return "network unreachable";
    case 1:
      return "host unreachable";
    case 2:
      return "protocol unreachable";
    case 3:
      return "port unreachable";
    case 4:
      return "fragmentation needed";
    case 9:
      return "network administratively prohibited";
    case 10:
      return "host administratively prohibited";
    case 13:
      return "communication administratively prohibited";
    default:
      return "destination unreachable";
  }
}

}  // namespace

std::string_view icmp_meaning(const FlowTrouble& trouble) {
  return trouble.icmp_v6 ? meaning_v6(trouble.icmp_type, trouble.icmp_code)
                         : meaning_v4(trouble.icmp_type, trouble.icmp_code);
}

std::string icmp_evidence(const FlowTrouble& trouble) {
  return fmt::format("ICMP {} from {}", icmp_meaning(trouble), to_string(trouble.icmp_reporter));
}

bool rejected_by_rule(const FlowTrouble& trouble) {
  if (!trouble.icmp) return false;
  if (trouble.icmp_v6) return trouble.icmp_type == 1 && trouble.icmp_code == 1;
  const std::uint8_t code = trouble.icmp_code;
  return trouble.icmp_type == 3 && (code == 9 || code == 10 || code == 13);
}

bool time_exceeded(const FlowTrouble& trouble) {
  return trouble.icmp && trouble.icmp_type == (trouble.icmp_v6 ? 3 : 11) && trouble.icmp_code == 0;
}

bool has_no_way_on(const FlowTrouble& trouble) {
  if (!trouble.icmp) return false;
  const std::uint8_t code = trouble.icmp_code;
  return trouble.icmp_v6 ? trouble.icmp_type == 1 && (code == 0 || code == 3)
                         : trouble.icmp_type == 3 && code <= 1;
}

bool too_big(const FlowTrouble& trouble) {
  if (!trouble.icmp) return false;
  return trouble.icmp_v6 ? trouble.icmp_type == 2
                         : trouble.icmp_type == 3 && trouble.icmp_code == 4;
}

bool reassembly_time_exceeded(const FlowTrouble& trouble) {
  return trouble.icmp && trouble.icmp_type == (trouble.icmp_v6 ? 3 : 11) && trouble.icmp_code == 1;
}

}  // namespace httpdiag::rules
