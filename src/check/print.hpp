// SPDX-License-Identifier: Apache-2.0
// The results of a check, for people and for CI systems.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/run.hpp"

namespace httpdiag::check {

enum class Format : std::uint8_t {
  text,
  junit,   // XML as JUnit's Ant task writes it; GitLab and Jenkins read it
  json,    // httpdiag.check/1
  github,  // workflow commands, shown beside the files of a pull request
};

struct PrintOptions {
  bool quiet = false;    // text: only what does not hold
  bool require = false;  // a capture without expectation is a failure
};

std::string print(const std::vector<Result>& results, Format format, const PrintOptions& options);

}  // namespace httpdiag::check
