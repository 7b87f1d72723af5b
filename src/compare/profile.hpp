// SPDX-License-Identifier: Apache-2.0
// What two captures are compared by: how often each cause came up, out of how many.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "httpdiag/settings.hpp"

namespace httpdiag::compare {

/// Of what a count is a part.
enum class Whole : std::uint8_t { exchanges, flows, deliveries, none };
std::string_view name(Whole whole);  // "exchanges"

struct Row {
  Whole whole = Whole::none;
  std::string label;        // or the verdict of deliveries
  std::string server;       // "203.0.113.9:8080"; empty: not of one server
  bool annotation = false;  // what carries it has another label
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

/// Of what a report was made and how, so that the same can be done again.
struct Origin {
  struct File {
    std::string name, sha256;
    std::uint64_t bytes = 0;
  };
  std::vector<File> files;
  std::string passed_over;          // a file that was no capture; empty: none
  std::string settings_digest;      // empty: it does not say
  std::vector<std::string> labels;  // that were asked for
  std::vector<std::string> filters;
  std::uint64_t flow = 0;  // that was asked for; 0: none
  bool show_payload = false, recover = false;
  bool both_ends = false;  // of two captures, --client and --server
  bool lines = false;      // NDJSON
};

struct Profile : Sizes {
  std::string name;  // of the file
  Origin origin;
  std::string tool;  // version that made the report
  // Causes by server, of which a report lists only so many; deliveries; findings about all of it.
  std::map<Row, Entry> rows;
  // By label, with annotations, whichever server: all that is a warning or an error.
  std::map<Row, Entry> totals;
  std::string settings;               // as JSON, to be compared
  std::vector<std::string> captures;  // the sha256 of each file, or its name and time
  std::set<std::string> filters;      // of the packets
  Severity worst = Severity::ok;      // of all findings, remarks included
  std::uint64_t listed_causes = 0, omitted_causes = 0;
  bool damaged = false;

  std::uint64_t size_of(Whole whole) const { return Sizes::size_of(whole, 1); }
};

/// Labels of which the report does not name all servers.
std::set<std::string> capped_labels(const Profile& profile);
/// "a.json names the servers of its first 200 causes only (limits.max_causes): connect-refused is
/// counted whichever server"; empty: it names all.
std::string capped_note(const Profile& profile);
/// What can be compared with the rows of another profile. `by_server`: causes towards each server,
/// but those of `capped` whichever server, and annotations; else labels and annotations together.
std::map<Row, Entry> comparable_rows(const Profile& profile, bool by_server,
                                     const std::set<std::string>& capped);

/// From a JSON or NDJSON report of ours, or from a capture, which is analysed. Throws Error.
Profile load_profile(const std::string& path, const Settings& settings);

}  // namespace httpdiag::compare
