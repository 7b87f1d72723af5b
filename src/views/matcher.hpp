// SPDX-License-Identifier: Apache-2.0
// Which flow of one capture is which of the other. Initial sequence numbers name a connection
// wherever it is seen, whatever address translation does to its ends; where a capture lacks its
// beginning, the numbers and bytes of what it carried do.
#pragma once

#include <vector>

#include "views/trail.hpp"

namespace httpdiag::views {

struct Match {
  std::size_t client = 0, server = 0;  // indices of trails
  bool by_payload = false;
};

struct Matches {
  std::vector<Match> joined;
  // More of a joined flow: what lies between gave it another name while it lived.
  std::vector<Match> renamed;
  // The same bytes under other numbers: the connection ends between the points, and another one
  // begins there.
  std::vector<Match> replaced;
};

/// Puts the server's trail under the sequence numbers of the client's. True: those of a side
/// differed, so that something between the points rewrites them.
bool renumber(const Trail& client, Trail& server);

Matches match(const std::vector<Trail>& client, const std::vector<Trail>& server);

}  // namespace httpdiag::views
