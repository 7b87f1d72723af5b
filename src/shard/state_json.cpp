// SPDX-License-Identifier: Apache-2.0
// The state of a shard out of its JSON report. The rest of the report is passed over as it is read.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.hpp"
#include "base/open.hpp"
#include "base/text.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag {
namespace {

using Json = nlohmann::json;

/// Whoever wrote the file may have written anything: each member is there once and of its type.
class Handler final : public Json::json_sax_t {
 public:
  explicit Handler(ShardState& state) : state_{state} {}

  /// False: there is no "shard".
  bool finish() const {
    if (!found_) return false;
    for (const std::string_view each :
         {"index", "count", "fingerprint", "filters", "recover", "input", "packets", "events"}) {
      if (!seen_.contains(std::string{each})) refuse(fmt::format("\"shard.{}\" is missing", each));
    }
    if (state_.shard.index >= state_.shard.count)
      refuse(fmt::format("there is no shard {} of {}", state_.shard.index, state_.shard.count));
    if (state_.input.size() == 0) refuse("\"shard.input\" is empty");
    if (state_.tool.empty()) refuse("\"tool.version\" is missing");
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ == 1) part_ = name;
    if (depth_ == 2) member_ = name;
    if (depth_ == 2 && in_shard() && !seen_.insert(name).second)
      refuse(fmt::format("\"shard.{}\" is there twice", member()));
    return true;
  }
  bool start_object(std::size_t) override {
    expect_no_value();
    if (++depth_ == 2 && in_shard()) {
      if (found_) refuse("\"shard\" is there twice");
      found_ = true;
    }
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool start_array(std::size_t) override {
    if (in_shard() && !(depth_ == 2 && is_list())) expect_no_value();
    return ++depth_, true;
  }
  bool end_array() override { return --depth_, true; }

  bool string(string_t& text) override {
    if (depth_ == 2 && part_ == "tool" && member_ == "version") state_.tool = text;
    if (!in_shard()) return true;
    if (depth_ == 2 && member_ == "fingerprint") {
      state_.fingerprint = text;
    } else if (depth_ == 3 && member_ == "filters") {
      state_.filters.push_back(text);
    } else if (depth_ == 3 && member_ == "input") {
      state_.input.add(bytes_of(text));
    } else if (depth_ == 3 && member_ == "packets") {
      state_.packets.add(bytes_of(text));
    } else if (depth_ == 3 && member_ == "events") {
      state_.events.add(bytes_of(text));
    } else {
      expect_no_value();
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (!in_shard()) return true;
    if (depth_ != 2 || (member_ != "index" && member_ != "count")) return expect_no_value(), true;
    if (number > kMostShards)
      refuse(fmt::format("\"shard.{}\" is greater than {}", member_, kMostShards));
    (member_ == "index" ? state_.shard.index : state_.shard.count) =
        static_cast<std::uint32_t>(number);
    return true;
  }
  bool number_integer(number_integer_t) override { return expect_no_value(), true; }
  bool number_float(number_float_t, const string_t&) override { return expect_no_value(), true; }
  bool boolean(bool value) override {
    if (in_shard() && depth_ == 2 && member_ == "recover") {
      state_.recover = value;
    } else if (depth_ != 2 || member_ != "confidential") {
      expect_no_value();
    }
    return true;
  }
  bool null() override { return expect_no_value(), true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) override {
    throw Error{fmt::format("{}: is no JSON at byte {}", state_.name, byte)};
  }

 private:
  bool in_shard() const { return depth_ >= 1 && part_ == "shard"; }
  bool is_list() const {
    return member_ == "filters" || member_ == "input" || member_ == "packets" ||
           member_ == "events";
  }
  std::string member() const { return base::escape_for_terminal(base::shorten(member_, 40)); }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error{fmt::format("{}: is no report of a shard: {}", state_.name, what)};
  }
  /// For all that the state of a shard has not at this place.
  void expect_no_value() const {
    if (!in_shard() || depth_ == 1) return;
    refuse(fmt::format("\"shard.{}\" is of a wrong type", member()));
  }
  std::string bytes_of(const std::string& text) const {
    auto bytes = base::from_base64(text);
    if (!bytes) refuse(fmt::format("\"shard.{}\" is damaged", member_));
    return std::move(*bytes);
  }

  ShardState& state_;
  std::size_t depth_ = 0;
  bool found_ = false;
  std::string part_, member_;
  std::set<std::string> seen_;
};

}  // namespace

std::optional<ShardState> load_shard(const std::string& path) {
  ShardState state;
  state.name = path;
  std::ifstream file = base::open_file(path);
  Handler handler{state};
  // Of lines of JSON only the first is looked at: no shard is written as such.
  Json::sax_parse(file, &handler, Json::input_format_t::json, false);
  if (!handler.finish()) return std::nullopt;
  return state;
}

}  // namespace httpdiag
