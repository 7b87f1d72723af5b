// SPDX-License-Identifier: Apache-2.0
// What a scenario says about itself in its comments: the labels that must and
// must not be found. The words are described in docs/testing.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace httpdiag::test {

/// "2" is flow 2, "2.1" its first exchange, "2*" either of flow 2 and its exchanges.
struct Place {
  std::uint32_t flow = 0;
  std::uint32_t exchange = 0;  // 0: the flow itself
  bool any = false;
};

struct Expectation {
  enum class Kind : std::uint8_t {
    flow,         // primary label of a flow
    exchange,     // primary label of an exchange
    not_primary,  // of an exchange
    annotation,   // among the labels of a place, primary or not
    capture,      // a finding about the capture as a whole
    never,        // nowhere
    evidence,     // packets among the evidence of the place's primary finding
    retry,        // retry advice of an exchange
    fault,        // party of the place's primary finding
    answer,       // status of the response, or "none"
    flows,        // how many there are
    exchanges,    // in the whole capture
    worst,        // no finding is worse than this
    oddity,       // noted about a flow
    settle,       // where a second capture would settle the place's finding: a side, or "none"
    confidence,   // in the fault of the place's primary finding
    vantage,      // where the capture was taken, or "unknown"
    config,       // `word` is a configuration to analyse with
    deliveries,   // how many
    delivery,     // verdict of the delivery that an exchange, or a connection, is an attempt of
    attempts,     // the classes of its attempts, in time order
    duplicated,   // "yes" or "no"
    profile,      // how it is to be acknowledged
    chain,        // the legs of its request, or "none"
    decisive,     // the one that decided how the others went
    proxied,      // how many requests were seen on several legs
    says,         // words of the place's primary finding: its sentence or remedy
    lacks,        // words that are not there
    headline,     // words of the report's
  };
  Kind kind{};
  std::size_t line = 0;
  Place place;
  std::string word;                    // label, party, advice, severity, status or text
  std::vector<std::string> words;      // attempts, legs
  std::vector<std::uint64_t> numbers;  // packets, or the one count
};

/// Throws ScenarioError for an expectation that cannot be read.
std::vector<Expectation> expectations_of(std::string_view scenario);

}  // namespace httpdiag::test
