// SPDX-License-Identifier: Apache-2.0
// What a fuzz target demands of its subject.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

/// Ends the program, for the fuzzer to see, and says what did not hold.
#define REQUIRE(condition)                                                 \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

namespace httpdiag::fuzz {

/// Reads every byte, so that AddressSanitizer sees one that must not be read.
inline void touch(std::span<const std::byte> bytes) {
  volatile unsigned sum = 0;
  for (const std::byte byte : bytes) sum = sum + std::to_integer<unsigned>(byte);
}

}  // namespace httpdiag::fuzz
