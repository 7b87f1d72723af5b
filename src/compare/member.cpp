// SPDX-License-Identifier: Apache-2.0
#include "compare/member.hpp"

#include <fmt/format.h>

#include "httpdiag/error.hpp"

namespace httpdiag::compare {

void Member::refuse(const std::string& what) const {
  throw Error{fmt::format("{}: is no report of httpdiag: {} {}", *file_,
                          place_.empty() ? "it" : '"' + place_ + '"', what)};
}

Member Member::at(const std::string& name) const {
  if (!value_->is_object()) refuse("is no object");
  const auto found = value_->find(name);
  const std::string place = place_.empty() ? name : place_ + "." + name;
  if (found == value_->end()) Member{*value_, *this, place}.refuse("is missing");
  return {*found, *this, place};
}

std::vector<Member> Member::elements() const {
  if (!value_->is_array()) refuse("is no list");
  std::vector<Member> result;
  for (const Json& each : *value_)
    result.push_back({each, *this, fmt::format("{}[{}]", place_, result.size())});
  return result;
}

std::vector<std::pair<std::string, Member>> Member::members() const {
  if (!value_->is_object()) refuse("is no object");
  std::vector<std::pair<std::string, Member>> result;
  for (const auto& [name, each] : value_->items()) result.emplace_back(name, at(name));
  return result;
}

const std::string& Member::text() const {
  if (!value_->is_string()) refuse("is no text");
  return value_->get_ref<const std::string&>();
}

bool Member::flag() const {
  if (!value_->is_boolean()) refuse("is neither true nor false");
  return value_->get<bool>();
}

std::uint64_t Member::count(std::uint64_t most) const {
  // A number that begins with a minus sign is of another type.
  if (!value_->is_number_unsigned() || value_->get<std::uint64_t>() > most)
    refuse(fmt::format("is no whole number from 0 to {}", most));
  return value_->get<std::uint64_t>();
}

}  // namespace httpdiag::compare
