// SPDX-License-Identifier: Apache-2.0
// Requests that passed a proxy within the capture, in the JSON formats.
#pragma once

#include "report/json_out.hpp"
#include "report/render.hpp"

namespace httpdiag::report {

/// Member of the document: chains.
void write_chains(JsonOut& json, const Chains& chains, const Options& options);

}  // namespace httpdiag::report
