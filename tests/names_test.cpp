// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "httpdiag/report.hpp"

namespace httpdiag {
namespace {

template <typename Enum>
std::string all_names(Enum last) {
  std::string names;
  for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i) {
    names += (i == 0 ? "" : " ") + std::string{name(static_cast<Enum>(i))};
  }
  return names;
}

TEST(Names, AreThoseOfTheReportContract) {
  EXPECT_EQ(all_names(Severity::error), "ok info warning error");
  EXPECT_EQ(all_names(Scope::lookup), "capture flow exchange aggregate lookup");
  EXPECT_EQ(all_names(Role::either), "primary annotation primary|annotation");
  EXPECT_EQ(
      all_names(Phase::none),
      "capture dns connect tls payload request wait response http reuse teardown transport own "
      "none");
  EXPECT_EQ(all_names(Party::unknown),
            "none client-app client-host network server-host server-app capture unknown");
  EXPECT_EQ(all_names(Confidence::high), "low medium high");
  EXPECT_EQ(all_names(Retry::do_not), "safe idempotent-only do-not");
  EXPECT_EQ(all_names(Acked::all), "none part all");
  EXPECT_EQ(all_names(TcpState::time_wait),
            "UNKNOWN CLOSED LISTEN SYN_SENT SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT "
            "CLOSING LAST_ACK TIME_WAIT");
  EXPECT_EQ(all_names(Handshake::not_captured),
            "complete refused unanswered unreachable incomplete not-captured");
  EXPECT_EQ(all_names(EndedBy::server_rst), "none client-fin server-fin client-rst server-rst");
}

TEST(Names, EveryOddityHasItsOwn) {
  std::string names;
  for (std::size_t bit = 0; bit < kOddityCount; ++bit) {
    names += (bit == 0 ? "" : " ") + std::string{name(static_cast<Oddity>(1u << bit))};
  }
  EXPECT_EQ(names,
            "midstream synack-before-syn simultaneous-open syn-with-data rst-ignored "
            "data-after-fin data-after-rst differing-copy out-of-window buffer-limit "
            "roles-guessed synack-missing challenged reused-tuple window-unknown icmp-soft-error");
}

TEST(Names, EveryAccountOfTheLedgerHasItsOwn) {
  EXPECT_EQ(all_names(static_cast<Skip>(kSkipCount - 1)),
            "not-ip not-tcp icmp-other ip-fragment fragment-refused truncated-header "
            "malformed-link malformed-ip malformed-tcp unsupported-link unrelated-icmp "
            "protected-frame nested-too-deep esp l2tpv3 mpls-in-udp vn-tag macsec "
            "nsh trill pbb fabricpath cisco-metadata arista-time edsa wccp tzsp "
            "vxlan-gpe ivxlan capwap lisp gre-in-udp fragment-incomplete stt");
}

IpAddress v6(const std::vector<unsigned>& groups) {
  IpAddress address;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    address.bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    address.bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return address;
}

TEST(Addresses, AreWrittenAsRfc5952Says) {
  const struct {
    std::vector<unsigned> groups;
    const char* text;
  } cases[] = {
      {{0, 0, 0, 0, 0, 0, 0, 0}, "::"},
      {{0, 0, 0, 0, 0, 0, 0, 1}, "::1"},
      {{1, 0, 0, 0, 0, 0, 0, 0}, "1::"},
      {{0x2001, 0xdb8, 0, 0, 0, 0, 2, 1}, "2001:db8::2:1"},
      {{0x2001, 0xdb8, 0, 1, 1, 1, 1, 1}, "2001:db8:0:1:1:1:1:1"},  // one group is not shortened
      {{0x2001, 0, 0, 1, 0, 0, 0, 1}, "2001:0:0:1::1"},             // the longer run
      {{0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}, "2001:db8::1:0:0:1"},     // the first of equals
      {{0, 0, 1, 0, 0, 0, 0, 0}, "0:0:1::"},
      {{0, 1, 2, 3, 4, 5, 6, 0}, "0:1:2:3:4:5:6:0"},
      {{0xfe80, 0, 0, 0, 0xa00, 0x27ff, 0xfe4e, 0x66a1}, "fe80::a00:27ff:fe4e:66a1"},
      {{0, 0, 0, 0, 0, 0xffff, 0x0a00, 0x0005}, "10.0.0.5"},  // how IPv4 is held
      {{0, 0, 0, 0, 0, 0, 0x0a00, 0x0005}, "::a00:5"},
  };
  for (const auto& c : cases) EXPECT_EQ(to_string(v6(c.groups)), c.text);
}

TEST(Addresses, EndpointsPutIpv6InBrackets) {
  EXPECT_EQ(to_string(Endpoint{IpAddress::v4(0x0a000005), 80}), "10.0.0.5:80");
  EXPECT_EQ(to_string(Endpoint{v6({0, 0, 0, 0, 0, 0, 0, 1}), 65535}), "[::1]:65535");
}

}  // namespace
}  // namespace httpdiag
