// SPDX-License-Identifier: Apache-2.0
// What two captures are compared by: how often each cause came up, out of how many.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "httpdiag/settings.hpp"

namespace httpdiag::compare {

/// Of what a count is a part.
enum class Whole : std::uint8_t { exchanges, flows, deliveries, none };
std::string_view name(Whole whole);  // "exchanges"

struct Row {
  Whole whole = Whole::none;
  std::string label;   // or the verdict of deliveries
  std::string server;  // "203.0.113.9:8080"; empty: not of one server
  friend auto operator<=>(const Row&, const Row&) = default;
};

struct Entry {
  std::uint64_t count = 0;
  Severity severity = Severity::ok;
};

/// What counts are a part of.
struct Sizes {
  std::uint64_t flows = 0, exchanges = 0, deliveries = 0;

  /// `captures`: for what is no part of any of these.
  std::uint64_t size_of(Whole whole, std::uint64_t captures) const;
};
std::string words(const Sizes& sizes);  // "5 requests on 2 connections, 1 delivery"

struct Profile : Sizes {
  std::string name;  // of the file
  std::string tool;  // version that made the report
  std::map<Row, Entry> rows;
  std::string settings;  // as JSON, to be compared
  std::uint64_t omitted_causes = 0;
  bool damaged = false;

  std::uint64_t size_of(Whole whole) const { return Sizes::size_of(whole, 1); }
};

/// From a JSON or NDJSON report of ours, or from a capture, which is analysed. Throws Error.
Profile load_profile(const std::string& path, const Settings& settings);

}  // namespace httpdiag::compare
