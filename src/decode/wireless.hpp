// SPDX-License-Identifier: Apache-2.0
// IEEE 802.11 data frames that are not encrypted, with and without a radiotap header. Of several
// frames that are sent as one (A-MSDU) the first.
#pragma once

#include "decode/framing.hpp"

namespace httpdiag::decode {

class Wireless : public Framing {
 public:
  using Framing::Framing;
  /// ieee802_11 or radiotap.
  std::optional<Skip> read(LinkType link);

 private:
  std::optional<Skip> radiotap();
  std::optional<Skip> data_frame();

  bool padded_ = false;  // the header is filled up to four bytes
};

}  // namespace httpdiag::decode
