// SPDX-License-Identifier: Apache-2.0
// IEEE 802.11 data frames that are not encrypted, with and without a radiotap header, and several
// that are sent as one (A-MSDU).
#pragma once

#include "decode/framing.hpp"

namespace httpdiag::decode {

class Wireless : public Framing {
 public:
  using Framing::Framing;
  /// ieee802_11 or radiotap.
  std::optional<Skip> read(LinkType link);
  /// One of several that are sent as one; the others are behind it in the frame.
  std::optional<Skip> subframe();

 private:
  std::optional<Skip> radiotap();
  std::optional<Skip> data_frame();

  bool padded_ = false;  // the header is filled up to four bytes
};

}  // namespace httpdiag::decode
