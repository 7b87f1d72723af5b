// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

namespace httpdiag::base {

/// Throws Error, which names the file and the reason. A folder can be opened, and fails later in
/// words that name nothing.
std::ifstream open_file(const std::string& path);

/// The whole of it; throws Error where it has more than `most` bytes.
std::string read_file(const std::string& path, std::size_t most);

}  // namespace httpdiag::base
