// SPDX-License-Identifier: Apache-2.0
// Name and number of the tool, as reports and --version give them.
#pragma once

#include <string_view>

namespace httpdiag::report {

inline constexpr std::string_view kToolName = "httpdiag";
inline constexpr std::string_view kToolVersion = "0.1.0";
inline constexpr std::string_view kSchema = "httpdiag.report/1";

}  // namespace httpdiag::report
