// SPDX-License-Identifier: Apache-2.0
// Lays out text for a terminal of 80 columns: wrapping, hanging indents,
// colour. Everything given to it as content is escaped here, once, so that
// nothing from the traffic can steer a terminal or a CI log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace httpdiag::report {

/// `data` for a terminal, on one line, with nothing that a CI system would take for a command.
std::string printable(std::string_view data);

/// Columns that printable text takes: wide East Asian characters take two.
std::size_t columns(std::string_view text);

enum class Ink : std::uint8_t { plain, bold, dim, red, yellow, green, cyan };

class Page {
 public:
  static constexpr std::size_t kWidth = 80;

  explicit Page(bool colour) : colour_{colour} {}

  /// A wrapped paragraph, all of it in ink.
  void headline(Ink ink, std::string_view text);
  /// One line, whatever its length: `indent` spaces, `head` in ink, then `text`.
  void line(std::size_t indent, Ink ink, std::string_view head, std::string_view text = {});
  /// `head` in ink, padded to the column `hang`, then `text` wrapped with a hanging indent of
  /// `hang`.
  void wrapped(std::size_t indent, Ink ink, std::string_view head, std::size_t hang,
               std::string_view text);
  void blank() { text_ += '\n'; }
  /// What another page of the same kind has laid out.
  void append(std::string_view laid_out) { text_ += laid_out; }

  std::string take() { return std::exchange(text_, {}); }

 private:
  void put(Ink ink, std::string_view printable_text);

  bool colour_;
  std::string text_;
};

}  // namespace httpdiag::report
