// SPDX-License-Identifier: Apache-2.0
// Reads a report of ours that somebody may have written by hand: what is missing or of another kind
// than it should be is named by its place in the report.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace httpdiag::compare {

/// A value and its place: "summary.flows". Borrows the value and the name of the file. All throw
/// Error "FILE: is no report of ours: PLACE ...".
class Member {
 public:
  using Json = nlohmann::json;
  static constexpr std::uint64_t kMostCount = 1'000'000'000'000;  // no capture has more packets
  static constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 62;

  Member(const Json& value, const std::string& file) : value_{&value}, file_{&file} {}

  Member at(const std::string& name) const;
  std::vector<Member> elements() const;
  std::vector<std::pair<std::string, Member>> members() const;
  const std::string& text() const;
  bool flag() const;
  bool has(const std::string& name) const { return value_->is_object() && value_->contains(name); }
  std::uint64_t count(std::uint64_t most = kMostCount) const;
  bool is_null() const { return value_->is_null(); }
  const Json& json() const { return *value_; }
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  Member(const Json& value, const Member& parent, std::string place)
      : value_{&value}, file_{parent.file_}, place_{std::move(place)} {}

  const Json* value_;
  const std::string* file_;
  std::string place_;
};

}  // namespace httpdiag::compare
