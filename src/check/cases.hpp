// SPDX-License-Identifier: Apache-2.0
// Which captures are to be checked, and the expectation of each.
#pragma once

#include <string>
#include <vector>

namespace httpdiag::check {

/// A capture and its expectation; one of them may be missing.
struct Case {
  std::string capture;      // empty: there is none
  std::string expectation;  // where it is, or where --update puts it
  bool expected = false;    // it is there
  const std::string& name() const { return capture.empty() ? expectation : capture; }
};

/// Of a folder all captures in it and below, by their names (.pcap, .pcapng, .cap, with a number
/// behind it or compressed); of a file itself, or the captures that an expectation is of. In order
/// of their names. The expectation of a.pcap.gz is a.expect.json or a.pcap.gz.expect.json beside
/// it. Throws Error where a path cannot be read.
std::vector<Case> find_cases(const std::vector<std::string>& paths);

}  // namespace httpdiag::check
