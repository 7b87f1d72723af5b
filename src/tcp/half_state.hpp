// SPDX-License-Identifier: Apache-2.0
// What one side of a connection has been seen to send. Two of these make a
// connection. It is an observer's machine, not RFC 9293's: we may join late,
// miss packets and see one direction only, so every state accepts every signal.
#pragma once

#include <cstdlib>

#include "httpdiag/flow.hpp"

namespace httpdiag::tcp {

enum class Signal : std::uint8_t { syn, plain, fin, rst };  // rst beats fin beats syn

/// One row of the grid. Four parameters, so a forgotten cell does not compile.
constexpr HalfState row(Signal on, HalfState syn, HalfState plain, HalfState fin, HalfState rst) {
  switch (on) {
    case Signal::syn:
      return syn;
    case Signal::plain:
      return plain;
    case Signal::fin:
      return fin;
    case Signal::rst:
      return rst;
  }
  std::abort();
}

/// `rst` stands for an effective RST; one without effect is no signal.
constexpr HalfState step(HalfState from, Signal on) {
  using enum HalfState;
  // clang-format off
  switch (from) {  // no default: a forgotten state does not compile either
    //                            syn      plain    fin      rst
    case unseen:  return row(on,  opening, open,    closing, reset);
    case opening: return row(on,  opening, open,    closing, reset);
    // A SYN on an open side is a late retransmission; the handshake is done.
    case open:    return row(on,  open,    open,    closing, reset);
    // Plain after FIN is the ACK of the peer's FIN or a retransmission.
    case closing: return row(on,  closing, closing, closing, reset);
    // Whoever talks after its own RST did not mean it, or did not send it:
    // the tracker cancels the RST once both sides prove that they go on.
    case reset:   return row(on,  reset,   reset,   reset,   reset);
  }
  // clang-format on
  std::abort();
}

}  // namespace httpdiag::tcp
