// SPDX-License-Identifier: Apache-2.0
// The state of a shard out of its JSON report. The rest of the report is passed over as it is read.
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag {
namespace {

using Json = nlohmann::json;

class Handler final : public Json::json_sax_t {
 public:
  explicit Handler(ShardState& state) : state_{state} {}

  bool found() const { return found_ && state_.shard.index < state_.shard.count; }

  bool key(string_t& name) override {
    if (depth_ == 1) in_shard_ = name == "shard";
    if (depth_ == 2 && in_shard_) member_ = name;
    return true;
  }
  bool start_object(std::size_t) override {
    if (++depth_ == 2) {
      found_ = found_ || in_shard_;
      member_.clear();
    }
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool start_array(std::size_t) override { return ++depth_, true; }
  bool end_array() override { return --depth_, true; }

  bool string(string_t& text) override {
    if (!in_shard_ || depth_ < 2) return true;
    if (member_ == "fingerprint") state_.fingerprint = text;
    if (member_ == "filters") state_.filters.push_back(text);
    if (member_ == "input") state_.input.add(bytes_of(text));
    if (member_ == "events") state_.events.add(bytes_of(text));
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    if (!in_shard_ || depth_ != 2) return true;
    const auto value = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, kMostShards));
    if (member_ == "index") state_.shard.index = value;
    if (member_ == "count") state_.shard.count = value;
    return true;
  }
  bool number_integer(number_integer_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool boolean(bool) override { return true; }
  bool null() override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) override {
    throw Error{fmt::format("{}: is no JSON at byte {}", state_.name, byte)};
  }

 private:
  std::string bytes_of(const std::string& text) const {
    auto bytes = base::from_base64(text);
    if (!bytes) throw Error{state_.name + ": the state of the shard is damaged"};
    return std::move(*bytes);
  }

  ShardState& state_;
  std::size_t depth_ = 0;
  bool in_shard_ = false, found_ = false;
  std::string member_;
};

}  // namespace

std::optional<ShardState> load_shard(const std::string& path) {
  ShardState state;
  state.name = path;
  std::ifstream file{path, std::ios::binary};
  if (!file) throw Error{path + ": cannot be read"};
  Handler handler{state};
  // Of lines of JSON only the first is looked at: no shard is written as such.
  Json::sax_parse(file, &handler, Json::input_format_t::json, false);
  if (!handler.found()) return std::nullopt;
  return state;
}

}  // namespace httpdiag
