// SPDX-License-Identifier: Apache-2.0
#include "shard/fingerprint.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.hpp"

namespace httpdiag::shard {
namespace {

constexpr std::size_t kDigits = 16;  // of each part

/// How much is shown is for the merge to say.
std::string digest_of_rules(Settings settings) {
  settings.limits.max_healthy_flows = 0;
  settings.limits.max_healthy_exchanges = 0;
  return digest(settings);
}

}  // namespace

std::string fingerprint(const Settings& settings, std::string_view input) {
  return fmt::format("{:016x}{}", base::hash64(input), digest_of_rules(settings));
}

std::string_view capture_part(std::string_view fingerprint) {
  return fingerprint.substr(0, kDigits);
}

std::string_view settings_part(std::string_view fingerprint) {
  return fingerprint.substr(std::min(kDigits, fingerprint.size()));
}

}  // namespace httpdiag::shard
