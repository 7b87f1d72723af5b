// SPDX-License-Identifier: Apache-2.0
// NAME.expect.json: what the analysis of a capture is held to. Written by hand or by
// `httpdiag check --update`; docs/expect.schema.json is its schema.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace httpdiag::check {

/// A flow ("3", exchange 0) or an exchange ("3.1").
struct ItemName {
  std::uint64_t flow = 0, exchange = 0;
  friend auto operator<=>(const ItemName&, const ItemName&) = default;
};
std::string to_string(ItemName item);
/// As the schema has it: numbers of up to ten digits, the first of which is not 0.
std::optional<ItemName> read_item(std::string_view text);

/// Both ends belong to it.
struct Range {
  std::uint64_t low = 0, high = 0;
  bool has(std::uint64_t value) const { return value >= low && value <= high; }
};
std::string to_string(const Range& range);  // "3", "3 to 5"

/// The labels that one flow or exchange is to carry.
struct ExpectedLabels {
  std::vector<std::string> primary;  // one of these; never empty
  std::set<std::string> annotations{};
  bool any_of = false;  // it was a person who gave the choice
};

/// Differences that are no failure.
struct Tolerance {
  bool any_annotation = false;        // further annotations, whatever they are
  std::set<std::string> annotations;  // these may be there or not
  bool unlisted = false;              // flows and exchanges without an entry may carry any label
  std::uint64_t timing_us = 0;        // by which a time given as one number may be off

  /// `extra`: it is there, and nobody listed it; else it is listed, and not there.
  bool lets_pass(const std::string& annotation, bool extra) const {
    return (extra && any_annotation) || annotations.contains(annotation);
  }
};

struct Expectation {
  std::string note;  // for people
  std::optional<Range> flows, exchanges;
  std::map<ItemName, ExpectedLabels> labels;     // others are plainly ok
  std::optional<std::set<std::string>> capture;  // findings about it, or about many flows together
  std::optional<std::map<std::string, Range>> deliveries;   // by verdict; others: none
  std::set<std::string> must_not;                           // labels that nothing may carry
  std::map<ItemName, std::map<std::string, Range>> timing;  // "wait_us"
  Tolerance tolerate;
};

/// The names that `timing` may use.
inline constexpr std::string_view kTimings[] = {"idle_us", "send_us", "wait_us", "receive_us"};

/// Throws Error "NAME:LINE:COLUMN: what is wrong" at the first thing that is not understood.
Expectation read_expectation(std::string_view json, const std::string& name);
/// From a file of at most 4 MiB.
Expectation load_expectation(const std::string& path);
/// One line for each flow or exchange; ends with a line feed.
std::string write(const Expectation& expectation);

}  // namespace httpdiag::check
