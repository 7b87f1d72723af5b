// SPDX-License-Identifier: Apache-2.0
// The reverse index: which labels a message, an errno or a log code may stand
// for. Data only; symptoms.cpp does the matching.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace httpdiag::rules {

enum class SymptomKind : std::uint8_t {
  text,             // anywhere in the message, case ignored, not inside a longer word
  code,             // the whole message is the code, or `context` surrounds it; case matters
  code_in_context,  // too common to stand alone
  termination,      // HAProxy: the code, alone or with two cookie flags behind it ("SH--", "cDVN")
};

/// Patterns are alternatives separated by '|'. In each, '*' stands for up to
/// 200 characters of one line, '#' for a number, and a space for white space
/// and the marks between a name and its value (: = ' "). A context is a
/// pattern too, in which '$' stands for the code.
struct Symptom {
  std::string_view stack;
  std::string_view pattern;
  std::string_view
      labels;  // ids, most likely first, separated by a space; some may not be built yet
  std::string_view note = {};
  SymptomKind kind = SymptomKind::text;
  std::string_view context = {};
};

// One table for each group of programs, in the order of the taxonomy's section 8.
std::span<const Symptom> system_symptoms();   // errno, states of sockets, what people say
std::span<const Symptom> library_symptoms();  // Java, Go, Python, Node, browsers, curl, .NET
std::span<const Symptom> proxy_symptoms();    // nginx, HAProxy, Envoy, AWS, senders, analysers

}  // namespace httpdiag::rules
