// SPDX-License-Identifier: Apache-2.0
#include "report/page.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace httpdiag::report {
namespace {

constexpr std::string_view kReset = "\x1b[0m";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

std::string_view sgr(Ink ink) {
  switch (ink) {
    case Ink::plain:
      return "";
    case Ink::bold:
      return "\x1b[1m";
    case Ink::dim:
      return "\x1b[2m";
    case Ink::red:
      return "\x1b[1;31m";
    case Ink::yellow:
      return "\x1b[1;33m";
    case Ink::green:
      return "\x1b[1;32m";
    case Ink::cyan:
      return "\x1b[36m";
  }
  return "";
}

/// Bytes of the UTF-8 sequence that starts at text[0]; text is valid and not empty.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return std::min(length, text.size());
}

std::uint32_t code_point(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead;
  std::uint32_t value = lead & (0xffu >> (sequence.size() + 1));
  for (const char c : sequence.substr(1))
    value = value << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  return value;
}

/// Wide in Unicode's East Asian Width, by block: enough to keep columns straight.
bool is_wide(std::uint32_t c) {
  return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
         (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
         (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
         (c >= 0x20000 && c <= 0x3fffd);
}

/// Bytes of the longest prefix of at most `limit` columns, but at least one character.
std::size_t prefix_bytes(std::string_view text, std::size_t limit) {
  std::size_t bytes = 0;
  std::size_t used = 0;
  while (bytes < text.size()) {
    const std::size_t length = sequence_length(text.substr(bytes));
    const std::size_t wide = is_wide(code_point(text.substr(bytes, length))) ? 2u : 1u;
    if (used + wide > limit && bytes > 0) break;
    bytes += length;
    used += wide;
  }
  return bytes;
}

/// A number and its unit, or a date and its time, do not part.
bool stay_together(std::string_view word, std::string_view next) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (word.empty() || next.empty() || !digit(word.back())) return false;
  const bool time = next.size() > 2 && next[2] == ':';
  return time || (!digit(next.front()) && columns(next) <= 3);
}

/// Takes the next word, with what must stay beside it, from `left`.
std::string_view next_word(std::string_view& left) {
  auto end = std::min(left.find(' '), left.size());
  while (end < left.size()) {
    const auto next_end = std::min(left.find(' ', end + 1), left.size());
    const auto begin = left.substr(0, end).rfind(' ');
    const auto last = left.substr(0, end).substr(begin == std::string_view::npos ? 0 : begin + 1);
    if (!stay_together(last, left.substr(end + 1, next_end - end - 1))) break;
    end = next_end;
  }
  const auto word = left.substr(0, end);
  left.remove_prefix(std::min(end + 1, left.size()));
  return word;
}

/// "::1", and nothing that could be a command, which another "::" ends.
bool is_address(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of(" ,;"));
  return word.size() > 2 && word.find("::", 1) == std::string_view::npos &&
         word.find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
}

}  // namespace

std::string printable(std::string_view data) {
  std::string text = base::escape_for_terminal(data);
  // Azure Pipelines and TeamCity take "##[", "##vso[" and "##teamcity[" for
  // commands anywhere in a line, GitHub takes "::" at its (trimmed) beginning.
  replace_all(text, "##", "#\\x23");
  for (std::size_t at = text.find("::"); at != std::string::npos; at = text.find("::", at + 2)) {
    const bool begins = at == 0 || text[at - 1] == ' ';
    if (begins && !is_address(std::string_view{text}.substr(at))) text.replace(at, 1, "\\x3a");
  }
  return text;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text.substr(i));
    count += is_wide(code_point(text.substr(i, length))) ? 2u : 1u;
    i += length;
  }
  return count;
}

void Page::put(Ink ink, std::string_view printable_text) {
  const bool coloured = colour_ && ink != Ink::plain && !printable_text.empty();
  if (coloured) text_ += sgr(ink);
  text_ += printable_text;
  if (coloured) text_ += kReset;
}

void Page::line(std::size_t indent, Ink ink, std::string_view head, std::string_view text) {
  text_.append(indent, ' ');
  put(ink, printable(head));
  if (!text.empty()) {
    text_ += ' ';
    text_ += printable(text);
  }
  text_ += '\n';
}

void Page::headline(Ink ink, std::string_view text) {
  // The first word is the head, so that further lines are indented: data that
  // is wrapped must not begin a line.
  const auto space = text.find(' ');
  const bool coloured = colour_ && ink != Ink::plain;
  if (coloured) text_ += sgr(ink);
  wrapped(0, Ink::plain, text.substr(0, space), 2,
          space == std::string_view::npos ? std::string_view{} : text.substr(space + 1));
  if (coloured) text_.insert(text_.size() - 1, kReset);
}

void Page::wrapped(std::size_t indent, Ink ink, std::string_view head, std::size_t hang,
                   std::string_view text) {
  const std::string safe_head = printable(head);
  const std::string safe = printable(text);
  text_.append(indent, ' ');
  put(ink, safe_head);
  std::size_t column = indent + columns(safe_head);
  bool fresh = column == 0;  // nothing on this line yet but its indent
  if (column < hang) {
    text_.append(hang - column, ' ');
    column = hang;
    fresh = true;
  }
  const auto next_line = [&] {
    text_ += '\n';
    text_.append(hang, ' ');
    column = hang;
    fresh = true;
  };
  std::string_view left = safe;
  while (!left.empty()) {
    std::string_view word = next_word(left);
    if (word.empty()) continue;
    if (!fresh && column + 1 + columns(word) > kWidth) next_line();
    if (!fresh) {
      text_ += ' ';
      ++column;
    }
    while (column + columns(word) > kWidth) {  // longer than a line: a target, say
      const std::size_t bytes = prefix_bytes(word, kWidth - column);
      text_ += word.substr(0, bytes);
      word.remove_prefix(bytes);
      if (word.empty()) break;
      next_line();
      if (word.starts_with("::")) {  // see printable(): this is the beginning of a line, too
        text_ += "\\x3a";
        column += 4;
        word.remove_prefix(1);
      }
    }
    text_ += word;
    column += columns(word);
    fresh = false;
  }
  text_ += '\n';
}

}  // namespace httpdiag::report
