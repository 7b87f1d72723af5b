// SPDX-License-Identifier: Apache-2.0
// Traffic as text: a scenario is played into packets, and packets into the bytes
// of a capture file. Deterministic. The language is described in docs/testing.md.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/flow.hpp"

namespace httpdiag::test {

/// What is wrong with a scenario, and in which line.
class ScenarioError : public std::runtime_error {
 public:
  ScenarioError(std::size_t line, const std::string& reason)
      : std::runtime_error{"line " + std::to_string(line) + ": " + reason} {}
};

/// One record of a capture file.
struct Recorded {
  std::chrono::nanoseconds at{};  // since the epoch
  std::string bytes;              // as captured
  std::uint32_t wire_length = 0;
};

struct Capture {
  std::uint32_t link_type = 1;  // LINKTYPE_ number
  std::vector<Recorded> records;
  std::size_t cut_bytes = 0;  // missing at the end of the file
};

/// Throws ScenarioError.
Capture play(std::string_view scenario);
/// What one of two capture points saw.
Capture play(std::string_view scenario, Side point);

/// A classic pcap file with nanoseconds, little-endian.
std::string to_pcap(const Capture& capture);

}  // namespace httpdiag::test
