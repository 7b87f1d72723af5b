// SPDX-License-Identifier: Apache-2.0
// Finds known symptoms in a message. The pattern language is in symptoms.hpp;
// it is small on purpose, so that the tables read like the messages themselves
// and matching needs no regular expression library.
#include "rules/symptoms.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "httpdiag/symptoms.hpp"

namespace httpdiag {
namespace {

using rules::Symptom;
using rules::SymptomKind;

// A stack trace fits; the cost of matching stays bounded.
constexpr std::size_t kMaxMessage = 16384;
constexpr std::size_t kMaxWildcard = 200;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_word(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
}
// What may stand between two words of a pattern, or between a name and its value.
constexpr bool is_separator(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ':' || c == '=' || c == '"' ||
         c == '\'';
}

/// Where a pattern was found, and how much of it was no wildcard.
struct Hit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t literal = 0;
};

bool inside_word(std::string_view text, std::size_t at) {
  return at > 0 && at < text.size() && is_word(text[at - 1]) && is_word(text[at]);
}

std::size_t skip_number(std::string_view text, std::size_t at) {
  std::size_t next = at;
  if (next < text.size() && (text[next] == '-' || text[next] == '+')) ++next;
  if (next >= text.size() || !is_digit(text[next])) return at;
  while (next < text.size() && is_digit(text[next])) ++next;
  while (next + 1 < text.size() && (text[next] == '.' || text[next] == ',') &&
         is_digit(text[next + 1])) {
    ++next;
    while (next < text.size() && is_digit(text[next])) ++next;
  }
  return next;
}

/// End of a match of `pattern` that begins at `at`.
std::optional<std::size_t> match_at(std::string_view text, std::size_t at,
                                    std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*') {
      const std::string_view rest = pattern.substr(i + 1);
      if (rest.empty()) return at;
      const std::size_t last = std::min(text.size(), at + kMaxWildcard);
      for (; at <= last; ++at) {
        if (const auto end = match_at(text, at, rest)) return end;
        if (at < text.size() && text[at] == '\n') break;
      }
      return std::nullopt;
    }
    std::size_t next = at;
    if (pattern[i] == '#') {
      next = skip_number(text, at);
    } else if (pattern[i] == ' ') {
      while (next < text.size() && is_separator(text[next])) ++next;
    } else if (at < text.size() && lower(text[at]) == lower(pattern[i])) {
      ++next;
    }
    if (next == at) return std::nullopt;
    at = next;
  }
  if (inside_word(text, at)) return std::nullopt;
  return at;
}

std::size_t literal_length(std::string_view pattern) {
  return static_cast<std::size_t>(
      std::count_if(pattern.begin(), pattern.end(), [](char c) { return c != '*' && c != '#'; }));
}

std::optional<Hit> find_pattern(std::string_view text, std::string_view pattern) {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    if (inside_word(text, begin)) continue;
    if (const auto end = match_at(text, begin, pattern))
      return Hit{begin, *end, literal_length(pattern)};
  }
  return std::nullopt;
}

/// Calls `visit` with each alternative until it returns true.
template <typename Visit>
bool any_alternative(std::string_view alternatives, Visit visit) {
  while (!alternatives.empty()) {
    const std::size_t bar = alternatives.find('|');
    if (visit(alternatives.substr(0, bar))) return true;
    if (bar == std::string_view::npos) break;
    alternatives.remove_prefix(bar + 1);
  }
  return false;
}

/// The message without what people put around a code when they paste it.
std::string_view bare(std::string_view text) { return base::trim(text, " \t\r\n\"'`().,;:[]{}"); }

/// The alternatives of `context` with `code` in the place of '$'.
template <typename Visit>
bool any_context(std::string_view context, std::string_view code, Visit visit) {
  return any_alternative(context, [&](std::string_view alternative) {
    std::string pattern{alternative};
    if (const std::size_t at = pattern.find('$'); at != std::string::npos)
      pattern.replace(at, 1, code);
    return visit(pattern);
  });
}

/// Where `context` surrounds `code` in `text`; the code's own case must be right.
std::optional<Hit> find_in_context(std::string_view text, std::string_view code,
                                   std::string_view context) {
  std::optional<Hit> found;
  any_context(context, code, [&](std::string_view pattern) {
    const auto hit = find_pattern(text, pattern);
    if (hit && text.substr(hit->begin, hit->end - hit->begin).find(code) != text.npos) found = hit;
    return found.has_value();
  });
  return found;
}

std::optional<Hit> find_code(std::string_view text, std::string_view code, const Symptom& symptom) {
  if (symptom.kind == SymptomKind::code && bare(text) == code)
    return Hit{0, text.size(), code.size()};
  return find_in_context(text, code, symptom.context);
}

/// HAProxy's two characters, alone or followed by the two about cookies (N, I,
/// D, V, E, O, U, or - for the client's; N, I, U, P, R, D or - for the server's).
bool is_termination(std::string_view token, std::string_view code) {
  if (!token.starts_with(code)) return false;
  if (token.size() == 2) return true;
  constexpr std::string_view kClient = "-NIDVEOU";
  constexpr std::string_view kServer = "-NIUPRD";
  return token.size() == 4 && kClient.find(token[2]) != std::string_view::npos &&
         kServer.find(token[3]) != std::string_view::npos;
}

std::optional<Hit> find_termination(std::string_view text, std::string_view code,
                                    const Symptom& symptom) {
  if (is_termination(bare(text), code)) return Hit{0, text.size(), code.size()};
  constexpr std::string_view kBetween = " \t\r\n\"'`(),;:=[]{}";
  const bool haproxy = any_context(symptom.context, code, [&](std::string_view pattern) {
    return find_pattern(text, pattern).has_value();
  });
  std::size_t at = 0;
  while ((at = text.find_first_not_of(kBetween, at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    const std::string_view token = text.substr(at, end - at);
    // "SH--" needs no witness; "SH" alone, or "----", could be anything.
    const bool distinctive = code != "--" && token.size() == 4 && token.ends_with("--");
    if (is_termination(token, code) && (haproxy || distinctive)) return Hit{at, end, token.size()};
    at = end;
  }
  return std::nullopt;
}

std::optional<Hit> find_alternative(std::string_view text, std::string_view alternative,
                                    const Symptom& symptom) {
  switch (symptom.kind) {
    case SymptomKind::text:
      return find_pattern(text, alternative);
    case SymptomKind::code:
    case SymptomKind::code_in_context:
      return find_code(text, alternative, symptom);
    case SymptomKind::termination:
      return find_termination(text, alternative, symptom);
  }
  return std::nullopt;
}

/// A pattern as people read it.
std::string readable(std::string_view pattern) {
  std::string text;
  for (const char c : pattern) {
    if (c == '*') {
      text += "...";
    } else if (c == '#') {
      text += 'N';
    } else {
      text += c;
    }
  }
  return text;
}

struct Found {
  SymptomMatch match;
  Hit hit;
};

std::optional<Found> find_symptom(std::string_view text, const Symptom& symptom) {
  std::string_view best;
  Hit hit;
  any_alternative(symptom.pattern, [&](std::string_view alternative) {
    const auto found = find_alternative(text, alternative, symptom);
    if (found && (best.empty() || found->literal > hit.literal)) {
      best = alternative;
      hit = *found;
    }
    return false;
  });
  if (best.empty()) return std::nullopt;

  Found found;
  found.hit = hit;
  found.match.stack = symptom.stack;
  found.match.symptom = symptom.kind == SymptomKind::text ? readable(best) : std::string{best};
  found.match.note = symptom.note;
  found.match.literal = hit.literal;
  std::string_view ids = symptom.labels;
  while (!ids.empty()) {
    const std::size_t space = std::min(ids.find(' '), ids.size());
    const std::string_view id = ids.substr(0, space);
    if (const RuleInfo* const rule = find_rule(id)) found.match.labels.push_back(rule->label);
    ids.remove_prefix(std::min(space + 1, ids.size()));
  }
  if (found.match.labels.empty()) found.match.not_diagnosed = symptom.labels;
  return found;
}

/// A wrapper around the real message, or a code that stands for no label.
bool only_note(const SymptomMatch& match) {
  return match.labels.empty() && match.not_diagnosed.empty();
}

/// "Connection reset" inside "java.net.SocketException: Connection reset" adds
/// nothing, and neither does "52" beside "Empty reply from server".
bool adds_nothing(const Found& found, const Found& better) {
  const bool inside = better.hit.begin <= found.hit.begin && found.hit.end <= better.hit.end;
  if (inside && better.hit.literal > found.hit.literal) return true;
  return found.match.stack == better.match.stack && found.match.labels == better.match.labels &&
         found.match.not_diagnosed == better.match.not_diagnosed;
}

}  // namespace

std::vector<SymptomMatch> match_symptom(std::string_view message) {
  const std::string_view text = message.substr(0, kMaxMessage);
  std::vector<Found> all;
  for (const auto table :
       {rules::system_symptoms(), rules::library_symptoms(), rules::proxy_symptoms()}) {
    for (const Symptom& symptom : table) {
      if (auto found = find_symptom(text, symptom)) all.push_back(std::move(*found));
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    if (only_note(a.match) != only_note(b.match)) return only_note(b.match);
    return a.match.literal > b.match.literal;
  });

  std::vector<SymptomMatch> matches;
  for (auto found = all.begin(); found != all.end(); ++found) {
    const bool redundant = std::any_of(
        all.begin(), found, [&](const Found& better) { return adds_nothing(*found, better); });
    if (!redundant) matches.push_back(found->match);
  }
  return matches;
}

}  // namespace httpdiag
