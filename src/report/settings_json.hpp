// SPDX-License-Identifier: Apache-2.0
// The settings that were in force, under their documented names.
#pragma once

#include "httpdiag/settings.hpp"
#include "report/json_out.hpp"
#include "report/render.hpp"

namespace httpdiag::report {

/// The field "settings", into an object that the caller has opened.
void write_settings(JsonOut& json, const Settings& settings, const Options& options);

}  // namespace httpdiag::report
