// SPDX-License-Identifier: Apache-2.0
// What a file is that is no capture: told from its first bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace httpdiag::capture {

/// For an error message, e.g. "it begins with 1f 8b 08 00 00 00 00 00: gzip, decompress it first".
std::string describe_first_bytes(std::span<const std::byte> head);

}  // namespace httpdiag::capture
