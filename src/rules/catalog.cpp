// SPDX-License-Identifier: Apache-2.0
// The list of all labels: joins the tables of the phases in the order of Label
// and refuses to compile when order, ids or texts are wrong. The list is the
// table of contents; nothing registers itself.
#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>

#include "httpdiag/error.hpp"
#include "httpdiag/finding.hpp"
#include "httpdiag/own_rules.hpp"
#include "rules/catalog/capture.hpp"
#include "rules/catalog/connect.hpp"
#include "rules/catalog/dns.hpp"
#include "rules/catalog/handshake.hpp"
#include "rules/catalog/http.hpp"
#include "rules/catalog/request.hpp"
#include "rules/catalog/response.hpp"
#include "rules/catalog/reuse.hpp"
#include "rules/catalog/teardown.hpp"
#include "rules/catalog/tls.hpp"
#include "rules/catalog/transport.hpp"
#include "rules/catalog/wait.hpp"

namespace httpdiag {
namespace {

template <std::size_t... sizes>
constexpr auto join(const std::array<RuleInfo, sizes>&... tables) {
  static_assert((sizes + ...) == kLabelCount, "every Label needs exactly one RuleInfo");
  std::array<RuleInfo, kLabelCount> all{};
  std::size_t next = 0;
  const auto append = [&](const auto& table) {
    for (const RuleInfo& rule : table) all[next++] = rule;
  };
  (append(tables), ...);
  return all;
}

constexpr std::array<RuleInfo, kLabelCount> kCatalog = join(
    rules::catalog::kCaptureRules, rules::catalog::kDnsRules, rules::catalog::kConnectRules,
    rules::catalog::kHandshakeRules, rules::catalog::kTlsRules, rules::catalog::kRequestRules,
    rules::catalog::kWaitRules, rules::catalog::kResponseRules, rules::catalog::kHttpRules,
    rules::catalog::kReuseRules, rules::catalog::kTeardownRules, rules::catalog::kTransportRules);

constexpr bool in_label_order() {
  for (std::size_t i = 0; i < kCatalog.size(); ++i) {
    if (static_cast<std::size_t>(kCatalog[i].label) != i) return false;
  }
  return true;
}

constexpr bool ids_are_kebab_case_and_unique() {
  for (const RuleInfo& rule : kCatalog) {
    if (rule.id.empty() || rule.id.front() == '-' || rule.id.back() == '-') return false;
    for (const char c : rule.id) {
      if (c != '-' && (c < 'a' || c > 'z')) return false;
    }
    if (std::count_if(kCatalog.begin(), kCatalog.end(),
                      [&](const RuleInfo& other) { return other.id == rule.id; }) != 1) {
      return false;
    }
  }
  return true;
}

static_assert(in_label_order(), "the tables must follow the order of enum Label");
static_assert(ids_are_kebab_case_and_unique());

}  // namespace

std::span<const RuleInfo> rule_catalog() { return kCatalog; }

namespace {

struct OwnEntry {
  OwnLabel texts;
  RuleInfo info;
};

// The user's, from a configuration that was read once before anything is analysed.
std::deque<OwnEntry>& own_entries() {
  static std::deque<OwnEntry> entries;
  return entries;
}

OwnEntry* find_own(std::string_view id) {
  auto& entries = own_entries();
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const OwnEntry& entry) { return entry.info.id == id; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

Label add_own_label(OwnLabel label) {
  OwnEntry* entry = find_own(label.id);
  if (entry == nullptr) {
    HTTPDIAG_CHECK(own_entries().size() < kMaxOwnLabels);
    entry = &own_entries().emplace_back();
    entry->info.label = static_cast<Label>(kLabelCount + own_entries().size() - 1);
  }
  entry->texts = std::move(label);
  const OwnLabel& texts = entry->texts;
  RuleInfo& info = entry->info;
  info.id = texts.id;
  info.title = texts.title;
  info.scope = texts.scope;
  info.role = Role::either;
  info.phase = Phase::own;
  info.severity = texts.severity;
  info.party = texts.party;
  info.confidence = texts.confidence;
  info.what = "A rule of your own: see the configuration file.";
  info.guards = "Its conditions, and nothing else, decide.";
  info.symptoms = "Own rule: as its author says";
  info.remedy = texts.remedy;
  info.references = "The configuration file";
  return info.label;
}

void forget_own_labels() { own_entries().clear(); }

std::size_t label_count() { return kLabelCount + own_entries().size(); }

const RuleInfo& info(Label label) {
  const auto position = static_cast<std::size_t>(label);
  if (position < kCatalog.size()) return kCatalog[position];
  HTTPDIAG_CHECK(position < label_count());
  return own_entries()[position - kCatalog.size()].info;
}

const RuleInfo* find_rule(std::string_view id) {
  if (const OwnEntry* own = find_own(id)) return &own->info;
  const auto* const found = std::find_if(kCatalog.begin(), kCatalog.end(),
                                         [&](const RuleInfo& rule) { return rule.id == id; });
  return found == kCatalog.end() ? nullptr : found;
}

}  // namespace httpdiag
