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
  std::string error{};      // `capture` is a path that cannot be searched: why
  const std::string& name() const { return capture.empty() ? expectation : capture; }
};

/// Of a folder all captures in it and below, by their names (.pcap, .pcapng, .cap in any case, with
/// a number behind it or compressed) or by an expectation beside them; of a file itself, or the
/// captures that an expectation is of. In order of their names. The expectation of a.pcap.gz is
/// a.expect.json or a.pcap.gz.expect.json beside it, that of a.dmp a.expect.json or
/// a.dmp.expect.json. What cannot be read does not stop the others.
std::vector<Case> find_cases(const std::vector<std::string>& paths);

}  // namespace httpdiag::check
