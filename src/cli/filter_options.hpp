// SPDX-License-Identifier: Apache-2.0
// The options of analyze that say which packets and exchanges are wanted.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "httpdiag/query.hpp"
#include "report/selection.hpp"

namespace httpdiag::cli {

struct FilterOptions {
  std::vector<std::string> hosts, networks, uris, methods, statuses;
  std::vector<std::string> ports;
  std::string time, bpf, find, header_id;
};

void add_filter_options(CLI::App& command, FilterOptions& options);

/// What of them concerns packets, and the texts to be found. Throws Error.
Query query_of(const FilterOptions& options);
/// Adds those that a state says its packets were chosen with. Throws Error.
void add_packet_filters(const std::vector<std::string>& noted, FilterOptions& options);
/// Adds one that a report says was given, of packets or of exchanges. False: it is no filter.
bool add_noted_filter(const std::string& noted, FilterOptions& options);
bool is_packet_filter(const std::string& noted);
/// What of them concerns exchanges. Throws Error.
void add_filters(const FilterOptions& options, report::Selection& selection);

}  // namespace httpdiag::cli
