// SPDX-License-Identifier: Apache-2.0
// Names and values in a body that is JSON, a form or XML: a scanner for documents
// of unknown make, not a validator. Bounded in time, depth and number of fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace httpdiag::base {

enum class Document : std::uint8_t { none, json, form, xml };

/// By its first characters: what the text would be if it were sound.
Document document_kind(std::string_view text);

/// A value that is no container. Both texts are as sent, without quotes, CDATA marks and outer
/// white space; escapes stay.
struct Field {
  std::string_view name;  // empty: an element of an array
  std::string_view value;
  std::uint64_t place = 0;  // of the container that holds it: equal where the paths are
  std::uint8_t depth = 0;   // containers around it
  bool quoted = false;      // JSON: a string
};

struct Fields {
  Document kind = Document::none;
  bool whole = false;  // read to the end: nothing was broken, too deep or too much
  std::vector<Field> list;
};

inline constexpr std::size_t kMaxFields = 256;
inline constexpr std::size_t kMaxFieldDepth = 12;

Fields read_fields(std::string_view text);
/// Into memory that is used again.
void read_fields(std::string_view text, Fields& out);

/// A query or a form.
Fields read_form(std::string_view text);
void read_form(std::string_view text, Fields& out);

/// Whether `name` is `plain`, letter case, "_" and "-" aside; `plain` is lower case without them.
bool is_named(std::string_view name, std::string_view plain);

}  // namespace httpdiag::base
