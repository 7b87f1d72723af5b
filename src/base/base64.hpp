// SPDX-License-Identifier: Apache-2.0
// Bytes as text (RFC 4648 §4, with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace httpdiag::base {

std::string base64(std::string_view bytes);
/// None: it is not.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace httpdiag::base
