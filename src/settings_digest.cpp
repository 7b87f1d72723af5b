// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <concepts>

#include "base/hash.hpp"
#include "httpdiag/profile.hpp"
#include "httpdiag/report.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag {
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

std::string text_of(const Settings& given) {
  Settings settings = given;
  std::string text;
  for (const Setting& setting : setting_table()) {
    text += fmt::format("\n{}", setting.key);
    with_value(setting, settings, ValueText{text});
  }
  text +=
      fmt::format("\n{}\n{}\n{}", settings.thresholds.ack_profile, settings.thresholds.ack_token,
                  settings.vantage ? name(*settings.vantage) : "");
  for (const auto& [label, change] : settings.changes) {
    text += fmt::format("\nlabel {} {} {}", info(label).id, change.off,
                        change.severity ? name(*change.severity) : "");
  }
  text += fmt::format("\nown {:016x}", settings.own_parts);
  return text;
}

}  // namespace

std::string digest(const Settings& settings) {
  return fmt::format("{:016x}", base::hash64(text_of(settings)));
}

}  // namespace httpdiag
