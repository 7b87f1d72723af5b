// SPDX-License-Identifier: Apache-2.0
// Names are "topic.number_unit"; docs/report-format.md lists them.
#include "report/settings_json.hpp"

#include <chrono>
#include <concepts>

#include "httpdiag/profile.hpp"

namespace httpdiag::report {
namespace {

/// Whole numbers of milliseconds: see settings.hpp.
std::int64_t ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

struct ValueWriter {
  JsonOut& json;

  void operator()(Duration duration) const { json.value(ms(duration)); }
  void operator()(double share) const { json.fraction(share); }
  void operator()(std::integral auto number) const { json.value(number); }
  void operator()(const std::vector<Duration>& durations) const {
    json.array();
    for (const Duration duration : durations)
      json.value(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
    json.end();
  }
  void operator()(const std::vector<std::string>& texts) const {
    json.array();
    for (const std::string& text : texts) json.value(text);
    json.end();
  }
};

/// What was asked of the report, so that a restricted one cannot pass for a full one.
void write_selection(JsonOut& json, const Options& options) {
  json.key("report.labels").array();
  for (const Label label : options.selection.labels) json.value(info(label).id);
  json.end();
  json.key("report.flow");
  if (options.selection.flow) {
    json.value(static_cast<std::uint32_t>(*options.selection.flow));
  } else {
    json.value(nullptr);
  }
  json.field("report.show_payload", options.show_payload);
  json.key("report.filters").array();
  for (const std::string& filter : options.selection.filters) json.value(filter);
  json.end();
  json.field("report.recover", options.recover);
}

}  // namespace

void write_settings(JsonOut& json, const Settings& settings, const Options& options) {
  json.key("settings").object();
  Settings shown = settings;
  shown.limits.max_healthy_flows = options.max_healthy_flows;
  for (const Setting& setting : setting_table()) {
    json.key(setting.key);
    with_value(setting, shown, ValueWriter{json});
  }
  const std::string& profile = settings.thresholds.ack_profile;
  json.field("delivery.profile", profile.empty() ? std::string_view{"auto"} : profile);
  json.key("delivery.own_profiles").array();
  for (const AckProfile* own : settings.thresholds.own_profiles) json.value(own->name);
  json.end();
  json.field("delivery.ack_token_set", !settings.thresholds.ack_token.empty());
  write_selection(json, options);
  json.field("report.settings_digest", digest(shown));
  json.end();
}

}  // namespace httpdiag::report
