// SPDX-License-Identifier: Apache-2.0
// The way back from what people saw to the labels, and what people read about
// the labels: everything that `explain` and `rules` need beside RuleInfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/finding.hpp"

namespace httpdiag {

/// A known message, errno or log code that was found in a text.
struct SymptomMatch {
  std::string_view stack;     // who says it: "Java", "HAProxy"
  std::string symptom;        // as known: "Connection reset by peer"; "..." and N for what varies
  std::vector<Label> labels;  // most likely first; may be empty
  std::string_view not_diagnosed;  // ids that no rule finds yet, "a b"; only when `labels` is empty
  std::string_view note;           // may be empty
  std::size_t literal = 0;         // characters that matched literally
};

/// Known symptoms in a message, a pasted log line, a stack trace or a bare code
/// such as "ECONNRESET" or "499". Longest literal match first, then table order;
/// those with nothing but a note come last. Reads the first 16 KiB of `message`.
std::vector<SymptomMatch> match_symptom(std::string_view message);

/// Whether sending again is safe when this label is the verdict, in a sentence
/// or two. Empty where the label is about no request.
std::string_view retry_advice(Label label);

/// docs/rules.md: every label with all that RuleInfo says.
std::string rules_markdown();

}  // namespace httpdiag
