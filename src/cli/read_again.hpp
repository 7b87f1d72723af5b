// SPDX-License-Identifier: Apache-2.0
// The files that states were made of, where they are still what they were then.
#pragma once

#include <string>
#include <vector>

#include "httpdiag/packet.hpp"

namespace httpdiag::cli {

struct FilesAgain {
  std::vector<std::string> paths;
  std::string why_not;  // they cannot be read again; empty: they can
};
/// Compares their digests.
FilesAgain files_again(const CaptureSummary& made_of);

}  // namespace httpdiag::cli
