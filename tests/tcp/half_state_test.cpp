// SPDX-License-Identifier: Apache-2.0
#include "tcp/half_state.hpp"

#include <gtest/gtest.h>

#include <string>

namespace httpdiag::tcp {
namespace {

std::string word(HalfState state) {
  switch (state) {
    case HalfState::unseen:
      return "unseen ";
    case HalfState::opening:
      return "opening";
    case HalfState::open:
      return "open   ";
    case HalfState::closing:
      return "closing";
    case HalfState::reset:
      return "reset  ";
  }
  return "?";
}

TEST(HalfState, WholeGrid) {
  using enum HalfState;
  std::string grid;
  for (const HalfState from : {unseen, opening, open, closing, reset}) {
    grid += word(from) + " |";
    for (const Signal on : {Signal::syn, Signal::plain, Signal::fin, Signal::rst})
      grid += " " + word(step(from, on));
    grid += "\n";
  }
  EXPECT_EQ(grid,
            "unseen  | opening open    closing reset  \n"
            "opening | opening open    closing reset  \n"
            "open    | open    open    closing reset  \n"
            "closing | closing closing closing reset  \n"
            "reset   | reset   reset   reset   reset  \n");
}

}  // namespace
}  // namespace httpdiag::tcp
