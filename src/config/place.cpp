// SPDX-License-Identifier: Apache-2.0
#include "config/place.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace httpdiag::config {

namespace {

/// `quoted` is a JSON string, with its quotation marks.
std::string unescaped(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos)
    return std::string{quoted.substr(1, quoted.size() - 2)};
  return nlohmann::json::parse(quoted).get<std::string>();
}

/// Steps over JSON that a parser has accepted; no syntax is checked again.
class Walker {
 public:
  explicit Walker(std::string_view json) : json_{json} { skip_space(); }

  std::size_t at() const { return at_; }

  /// To the value of member `name`; false: there is none, and nothing is left behind.
  bool enter(std::string_view name, std::size_t& name_at) {
    if (peek() != '{') return false;
    next();
    while (peek() == '"') {
      const std::size_t begin = at_;
      skip_string();
      const std::string_view quoted = json_.substr(begin + 1, at_ - begin - 2);
      skip_space();
      next();  // the colon
      if (quoted == name || unescaped(json_.substr(begin, quoted.size() + 2)) == name) {
        name_at = begin;
        return true;
      }
      skip_value();
      if (peek() == ',') next();
    }
    return false;
  }

  bool enter(std::size_t index) {
    if (peek() != '[') return false;
    next();
    for (; index > 0 && peek() != ']'; --index) {
      skip_value();
      if (peek() == ',') next();
    }
    return index == 0;
  }

 private:
  char peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  void next() {
    if (at_ < json_.size()) ++at_;
    skip_space();
  }
  void skip_space() {
    while (at_ < json_.size() && std::string_view{" \t\r\n"}.find(json_[at_]) != json_.npos) ++at_;
  }
  void skip_string() {
    for (++at_; at_ < json_.size() && json_[at_] != '"'; ++at_) {
      if (json_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, json_.size());
  }
  void skip_value() {
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '\0') return;
      if (c == '"') {
        skip_string();
        skip_space();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth == 0 && c != '}' && c != ']') {  // a number or a word
        at_ = std::min(json_.find_first_of(",]} \t\r\n", at_), json_.size());
        skip_space();
        return;
      }
      next();
    } while (depth > 0);
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::size_t> repeated_member(std::string_view json) {
  struct Level {
    bool object = false, at_name = false;
    std::set<std::string> names;
  };
  std::vector<Level> levels;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (c == '{' || c == '[') levels.push_back({c == '{', true, {}});
    if (levels.empty()) continue;
    Level& level = levels.back();
    if (c == ',') level.at_name = true;
    if (c == '}' || c == ']') levels.pop_back();
    if (c != '"') continue;
    const std::size_t begin = at;
    for (++at; at < json.size() && json[at] != '"'; ++at) {
      if (json[at] == '\\') ++at;
    }
    if (!level.object || !level.at_name) continue;
    level.at_name = false;
    if (!level.names.insert(unescaped(json.substr(begin, at + 1 - begin))).second) return begin;
  }
  return std::nullopt;
}

Place place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_begin = before.rfind('\n');
  return {static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
          line_begin == std::string_view::npos ? before.size() + 1 : before.size() - line_begin};
}

Place place_of(std::string_view json, const Path& path) {
  Walker walker{json};
  std::size_t at = walker.at();
  for (const auto& step : path) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      if (!walker.enter(*name, at)) break;
    } else {
      if (!walker.enter(std::get<std::size_t>(step))) break;
      at = walker.at();
    }
  }
  return place_of(json, at);
}

}  // namespace httpdiag::config
