// SPDX-License-Identifier: Apache-2.0
#include "shard/fingerprint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.hpp"
#include "httpdiag/profile.hpp"
#include "httpdiag/report.hpp"

namespace httpdiag::shard {
namespace {

struct ValueText {
  std::string& text;
  void operator()(Duration value) const { text += fmt::format(" {}", value.count()); }
  void operator()(double value) const { text += fmt::format(" {}", value); }
  void operator()(std::integral auto value) const { text += fmt::format(" {}", value); }
  void operator()(const std::vector<Duration>& values) const {
    for (const Duration value : values) (*this)(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) text += fmt::format(" {}:{}", value.size(), value);
  }
};

bool only_shows(std::string_view key) {
  return key == "limits.max_healthy_flows" || key == "limits.max_healthy_exchanges";
}

std::string text_of(const Settings& given) {
  Settings settings = given;
  std::string text;
  for (const Setting& setting : setting_table()) {
    if (only_shows(setting.key)) continue;
    text += fmt::format("\n{}", setting.key);
    with_value(setting, settings, ValueText{text});
  }
  text +=
      fmt::format("\n{}\n{}\n{}", settings.thresholds.ack_profile, settings.thresholds.ack_token,
                  settings.vantage ? name(*settings.vantage) : "");
  for (const AckProfile* profile : settings.thresholds.own_profiles)
    text += fmt::format("\nprofile {}", profile->name);
  for (const auto& [label, change] : settings.changes) {
    text += fmt::format("\nlabel {} {} {}", info(label).id, change.off,
                        change.severity ? name(*change.severity) : "");
  }
  for (const OwnRule& rule : settings.own_rules)
    text += fmt::format("\nrule {} {}", info(rule.label).id, rule.when.size());
  return text;
}

}  // namespace

namespace {
constexpr std::size_t kDigits = 16;  // of each part
}

std::string fingerprint(const Settings& settings, std::string_view input) {
  return fmt::format("{:016x}{:016x}", base::hash64(input), base::hash64(text_of(settings)));
}

std::string_view capture_part(std::string_view fingerprint) {
  return fingerprint.substr(0, kDigits);
}

std::string_view settings_part(std::string_view fingerprint) {
  return fingerprint.substr(std::min(kDigits, fingerprint.size()));
}

}  // namespace httpdiag::shard
