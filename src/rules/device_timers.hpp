// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "httpdiag/packet.hpp"

namespace httpdiag::rules {

/// Devices that are known to forget idle connections after `timer`; empty: none in particular.
std::string_view known_device(Duration timer);

}  // namespace httpdiag::rules
