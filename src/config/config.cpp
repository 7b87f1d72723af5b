// SPDX-License-Identifier: Apache-2.0
#include "httpdiag/config.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "base/open.hpp"
#include "base/text.hpp"
#include "config/document.hpp"
#include "config/profile_reader.hpp"
#include "config/rule_reader.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag {

namespace {

using Json = nlohmann::json;
using config::below;
using config::nearest;
using config::Path;
using config::shown;

constexpr std::size_t kMaxBytes = 1u << 20;
// Ten years; what is longer is a unit mistaken.
constexpr std::int64_t kMaxMilliseconds = 315'360'000'000;

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : document_{text, name} {}

  Settings read() {
    const auto root = document_.parse<Json>();
    document_.expect(root.is_object(), {}, "a configuration is an object: {\"settings\": {...}}");
    for (const auto& [key, value] : root.items()) {
      const Path path{key};
      if (key == "schema") {
        document_.expect(value == "httpdiag.config/1", path, "the schema is \"httpdiag.config/1\"");
      } else if (key == "settings") {
        read_settings(value, path);
      } else if (key == "labels" || key == "rules" || key == "profiles") {
        continue;  // below: labels may name those of the rules
      } else {
        document_.fail(path,
                       fmt::format("unknown part \"{}\"", shown(key)) +
                           nearest(key, {"schema", "settings", "rules", "labels", "profiles"}));
      }
    }
    if (const auto rules = root.find("rules"); rules != root.end())
      settings_.own_rules = config::read_own_rules(document_, *rules, {"rules"});
    if (const auto profiles = root.find("profiles"); profiles != root.end()) {
      settings_.thresholds.own_profiles =
          config::read_own_profiles(document_, *profiles, {"profiles"});
    }
    for (const char* own : {"rules", "profiles"}) {
      if (const auto part = root.find(own); part != root.end())
        settings_.own_parts = base::mix64(settings_.own_parts, base::hash64(part->dump()));
    }
    check_profile();
    if (const auto labels = root.find("labels"); labels != root.end())
      read_labels(*labels, {"labels"});
    return std::move(settings_);
  }

 private:
  void read_settings(const Json& object, const Path& path) {
    document_.expect(object.is_object(), path, "\"settings\" is an object of names and numbers");
    for (const auto& member : object.items()) {
      const std::string& key = member.key();
      const Json& value = member.value();
      const Path here = below(path, key);
      if (read_delivery_text(key, value, here)) continue;
      const auto table = setting_table();
      const auto setting = std::find_if(table.begin(), table.end(),
                                        [&](const Setting& each) { return each.key == key; });
      if (setting == table.end()) {
        std::vector<std::string_view> known;
        for (const Setting& each : table) known.push_back(each.key);
        document_.fail(here,
                       fmt::format("unknown setting \"{}\"", shown(key)) + nearest(key, known));
      }
      refuse_too_small(key, value, here);
      with_value(*setting, settings_, [&](auto& target) { set(target, value, here); });
    }
  }

  /// A table without room would end each connection with its first packet.
  void refuse_too_small(const std::string& key, const Json& value, const Path& path) const {
    constexpr std::int64_t kLeast = 16;
    if (key != "limits.max_flows" && key != "limits.max_attempts") return;
    document_.expect(value.is_number_integer() && value >= kLeast, path,
                     fmt::format("expected a whole number from {} on", kLeast));
  }

  /// The two settings that are texts.
  bool read_delivery_text(const std::string& key, const Json& value, const Path& path) {
    std::string* target = key == "delivery.profile"     ? &settings_.thresholds.ack_profile
                          : key == "delivery.ack_token" ? &settings_.thresholds.ack_token
                                                        : nullptr;
    if (target == nullptr) return false;
    document_.expect(value.is_string() && !value.get_ref<const std::string&>().empty(), path,
                     "expected a text");
    *target = value.get<std::string>();
    return true;
  }

  /// Once the own ones are known.
  void check_profile() {
    std::string& profile = settings_.thresholds.ack_profile;
    if (profile == "auto") profile.clear();
    if (profile.empty() || find_ack_profile(profile, settings_.thresholds) != nullptr) return;
    document_.fail({"settings", "delivery.profile"},
                   fmt::format("unknown profile \"{}\"", shown(profile)));
  }

  std::int64_t whole(const Json& value, const Path& path, std::int64_t most,
                     std::string_view unit) const {
    const bool fits = value.is_number_integer() && value >= 0 && value <= most;
    document_.expect(fits, path, fmt::format("expected a whole number{} from 0 to {}", unit, most));
    return value.get<std::int64_t>();
  }

  void set(Duration& target, const Json& value, const Path& path) const {
    target = std::chrono::milliseconds{whole(value, path, kMaxMilliseconds, " of milliseconds")};
  }
  void set(std::uint32_t& target, const Json& value, const Path& path) const {
    target = static_cast<std::uint32_t>(
        whole(value, path, std::numeric_limits<std::uint32_t>::max(), ""));
  }
  void set(std::uint64_t& target, const Json& value, const Path& path) const {
    target = static_cast<std::uint64_t>(
        whole(value, path, std::numeric_limits<std::int64_t>::max(), ""));
  }
  void set(int& target, const Json& value, const Path& path) const {
    target = static_cast<int>(whole(value, path, 255, ""));
  }
  void set(double& target, const Json& value, const Path& path) const {
    document_.expect(value.is_number() && value >= 0.0 && value <= 1.0, path,
                     "expected a share from 0 to 1");
    target = value.get<double>();
  }
  void set(std::vector<Duration>& target, const Json& value, const Path& path) const {
    document_.expect(value.is_array(), path, "expected a list of whole seconds");
    target.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      target.push_back(std::chrono::seconds{
          whole(value[i], below(path, i), kMaxMilliseconds / 1000, " of seconds")});
    }
  }
  void set(std::vector<std::string>& target, const Json& value, const Path& path) const {
    document_.expect(value.is_array(), path, "expected a list of texts");
    target.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      document_.expect(value[i].is_string(), below(path, i), "expected a text");
      target.push_back(base::lower(value[i].get<std::string>()));
    }
  }

  void read_labels(const Json& object, const Path& path) {
    document_.expect(object.is_object(), path, "\"labels\" is an object of labels and severities");
    for (const auto& [key, value] : object.items()) {
      const Path here = below(path, key);
      const RuleInfo* rule = find_rule(key);
      if (rule == nullptr) {
        std::vector<std::string_view> known;
        for (const RuleInfo& each : rule_catalog()) known.push_back(each.id);
        document_.fail(here, fmt::format("unknown label \"{}\"", shown(key)) + nearest(key, known));
      }
      document_.expect(rule->label != Label::ok, here, "\"ok\" is the absence of labels and stays");
      settings_.changes[rule->label] = change(value, here);
    }
  }

  LabelChange change(const Json& value, const Path& path) const {
    LabelChange result;
    if (value == "off") {
      result.off = true;
      return result;
    }
    for (const Severity severity : {Severity::info, Severity::warning, Severity::error}) {
      if (value == name(severity)) result.severity = severity;
    }
    document_.expect(result.severity.has_value(), path,
                     "expected \"error\", \"warning\", \"info\" or \"off\"");
    return result;
  }

  config::Document document_;
  Settings settings_;
};

}  // namespace

Settings read_config(std::string_view json, const std::string& name) {
  return Reader{json, name}.read();
}

Settings load_config(const std::string& path) {
  return read_config(base::read_file(path, kMaxBytes), path);
}

}  // namespace httpdiag
