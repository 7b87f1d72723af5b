// SPDX-License-Identifier: Apache-2.0
#include "support/expectations.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "support/scenario.hpp"
#include "support/scenario_text.hpp"

namespace httpdiag::test {

namespace {

using Kind = Expectation::Kind;

struct Prefix {
  std::string_view text;
  Kind kind;
  bool with_place;
};

constexpr std::array<Prefix, 29> kPrefixes = {{
    {"expect flow ", Kind::flow, true},
    {"expect exchange ", Kind::exchange, true},
    {"not exchange ", Kind::not_primary, true},
    {"expect annotation ", Kind::annotation, true},
    {"expect capture:", Kind::capture, false},
    {"never:", Kind::never, false},
    {"evidence ", Kind::evidence, true},
    {"retry ", Kind::retry, true},
    {"fault ", Kind::fault, true},
    {"answer ", Kind::answer, true},
    {"flows:", Kind::flows, false},
    {"exchanges:", Kind::exchanges, false},
    {"worst:", Kind::worst, false},
    {"oddity ", Kind::oddity, true},
    {"settle ", Kind::settle, true},
    {"confidence ", Kind::confidence, true},
    {"vantage:", Kind::vantage, false},
    {"config ", Kind::config, false},
    {"deliveries:", Kind::deliveries, false},
    {"delivery ", Kind::delivery, true},
    {"attempts ", Kind::attempts, true},
    {"duplicated ", Kind::duplicated, true},
    {"profile ", Kind::profile, true},
    {"chain ", Kind::chain, true},
    {"decisive ", Kind::decisive, true},
    {"proxied:", Kind::proxied, false},
    {"says ", Kind::says, true},
    {"lacks ", Kind::lacks, true},
    {"headline:", Kind::headline, false},
}};

std::uint32_t small_number(std::string_view text, std::size_t line) {
  const auto value = parse_number(text);
  if (!value || *value < 1 || *value > 100000) {
    throw ScenarioError{line, "\"" + std::string{text} + "\" names no flow or exchange"};
  }
  return static_cast<std::uint32_t>(*value);
}

Place place_of(std::string_view text, std::size_t line) {
  Place place;
  place.any = text.ends_with('*');
  if (place.any) text.remove_suffix(1);
  const std::size_t dot = std::min(text.find('.'), text.size());
  place.flow = small_number(text.substr(0, dot), line);
  if (dot < text.size()) place.exchange = small_number(text.substr(dot + 1), line);
  return place;
}

std::vector<std::string> words_of(std::string_view text) {
  std::string spaced{text};
  std::replace(spaced.begin(), spaced.end(), ',', ' ');
  std::istringstream in{spaced};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

void read(std::string_view comment, std::size_t line, std::vector<Expectation>& out) {
  const auto prefix = std::find_if(kPrefixes.begin(), kPrefixes.end(),
                                   [&](const Prefix& p) { return comment.starts_with(p.text); });
  if (prefix == kPrefixes.end()) {
    if (comment.starts_with("expect"))
      throw ScenarioError{line, "an expectation that cannot be read"};
    return;  // prose
  }
  Expectation expectation{
      .kind = prefix->kind, .line = line, .place = {}, .word = {}, .words = {}, .numbers = {}};
  std::string_view rest = comment.substr(prefix->text.size());
  if (prefix->with_place) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return;  // prose that begins with the same word
    expectation.place = place_of(rest.substr(0, colon), line);
    rest.remove_prefix(colon + 1);
  }
  const bool text = prefix->kind == Kind::config || prefix->kind == Kind::says ||
                    prefix->kind == Kind::lacks || prefix->kind == Kind::headline;
  if (text) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    expectation.word = rest;
    out.push_back(expectation);
    return;
  }
  const std::vector<std::string> words = words_of(rest);
  const bool numbers = prefix->kind == Kind::evidence || prefix->kind == Kind::flows ||
                       prefix->kind == Kind::exchanges || prefix->kind == Kind::deliveries ||
                       prefix->kind == Kind::proxied;
  const bool list = prefix->kind == Kind::attempts || prefix->kind == Kind::chain;
  if (list && !words.empty()) {
    expectation.words = words;
    out.push_back(expectation);
    return;
  }
  if (words.empty() || (prefix->kind != Kind::never && !numbers && words.size() != 1)) {
    throw ScenarioError{line, "expected one word behind \"" + std::string{prefix->text} + "\""};
  }
  for (const std::string& word : words) {
    if (numbers) {
      const auto value = parse_number(word);
      if (!value || *value < 0) throw ScenarioError{line, "\"" + word + "\" is no number"};
      expectation.numbers.push_back(static_cast<std::uint64_t>(*value));
    } else {
      expectation.word = word;
      out.push_back(expectation);
    }
  }
  if (numbers) out.push_back(expectation);
}

}  // namespace

std::vector<Expectation> expectations_of(std::string_view scenario) {
  std::vector<Expectation> out;
  std::istringstream in{std::string{scenario}};
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.starts_with("# ")) read(std::string_view{line}.substr(2), number, out);
  }
  return out;
}

}  // namespace httpdiag::test
