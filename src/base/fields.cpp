// SPDX-License-Identifier: Apache-2.0
#include "base/fields.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace httpdiag::base {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

constexpr bool is_space(char c) {
  return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

/// Of the first character from `at` on that is no white space. Mostly that is the one there, for
/// which std::string_view's search is a long way round.
std::size_t past_space(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// The place of what is inside a container: where that stands, and its name or number.
std::uint64_t inside(std::uint64_t place, std::uint64_t step) { return mix64(place, step); }

/// Both scanners add fields until something is wrong; then `whole` stays false.
class JsonScanner {
 public:
  JsonScanner(std::string_view text, Fields& out) : text_{text}, out_{out} {}

  void run() {
    while (step()) {
    }
    out_.whole = done_ && out_.list.size() < kMaxFields;
  }

 private:
  // Without initialisers: there are several for each document, most of which need one or two.
  struct Container {
    std::uint64_t place;
    std::uint64_t elements;
    const char* name;  // of the member whose value comes next
    std::size_t name_size;
    bool array;
    bool named;

    std::string_view name_text() const { return {name, name_size}; }
  };

  Container& top() { return open_[depth_ - 1]; }

  /// One token; false at the end, or where it makes no sense.
  bool step() {
    at_ = past_space(text_, at_);
    if (at_ == text_.size()) return false;
    const char c = text_[at_];
    if (c == '{' || c == '[') return enter(c == '[');
    if (depth_ == 0) return false;
    if (c == '}' || c == ']') return leave(c == ']');
    if (c == ',' || c == ':') {
      ++at_;
      return true;
    }
    return c == '"' ? string() : scalar();
  }

  bool enter(bool array) {
    if (depth_ == open_.size()) return false;
    Container next{};
    next.array = array;
    if (depth_ > 0) {
      Container& holder = top();
      if (!holder.array && !holder.named) return false;
      next.place =
          inside(holder.place, holder.array ? holder.elements++ : hash64(holder.name_text()));
      holder.named = false;
    }
    open_[depth_++] = next;
    ++at_;
    return true;
  }

  bool leave(bool array) {
    if (top().array != array || top().named) return false;
    ++at_;
    if (--depth_ > 0) return true;
    done_ = text_.find_first_not_of(kSpace, at_) == std::string_view::npos;
    return false;
  }

  bool string() {
    const std::size_t begin = at_ + 1;
    std::size_t end = begin;
    for (;; ++end) {
      end = text_.find('"', end);
      if (end == std::string_view::npos) return false;
      std::size_t slashes = 0;
      while (end - slashes > begin && text_[end - slashes - 1] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
    }
    at_ = end + 1;
    return take({text_.data() + begin, end - begin}, true);
  }

  bool scalar() {
    std::size_t end = at_;
    for (; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == ',' || c == ']' || c == '}' || is_space(c)) break;
      if (c == '"' || c == ':' || c == '{' || c == '[') return false;
    }
    const std::string_view token{text_.data() + at_, end - at_};
    at_ = end;
    return take(token, false);
  }

  bool take(std::string_view token, bool quoted) {
    Container& holder = top();
    if (!holder.array && !holder.named) {
      holder.name = token.data();
      holder.name_size = token.size();
      holder.named = true;
      return quoted;
    }
    if (out_.list.size() >= kMaxFields) return false;
    const std::uint64_t place =
        holder.array ? inside(holder.place, holder.elements++) : holder.place;
    Field& field = out_.list.emplace_back();
    if (!holder.array) field.name = holder.name_text();
    field.value = token;
    field.place = place;
    field.depth = static_cast<std::uint8_t>(depth_);
    field.quoted = quoted;
    holder.named = false;
    return true;
  }

  std::string_view text_;
  Fields& out_;
  std::array<Container, kMaxFieldDepth> open_;
  std::size_t depth_ = 0;
  std::size_t at_ = 0;
  bool done_ = false;
};

/// Elements that hold text alone are the fields; attributes are not looked at.
class XmlScanner {
 public:
  XmlScanner(std::string_view text, Fields& out) : text_{text}, out_{out} {}

  void run() {
    while (step()) {
    }
    out_.whole = done_ && out_.list.size() < kMaxFields;
  }

 private:
  struct Element {
    std::string_view name;
    std::uint64_t place = 0;
    std::size_t content = 0;  // where it begins
    bool has_children = false;
  };

  bool step() {
    at_ = text_.find('<', at_);
    if (at_ == std::string_view::npos) return false;
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<![CDATA[")) return skip_past("]]>");
    if (rest.starts_with("<!--")) return skip_past("-->");
    if (rest.starts_with("<?") || rest.starts_with("<!")) return skip_past(">");
    const std::size_t end = rest.find('>');
    if (end == std::string_view::npos) return false;
    const bool closes = rest.starts_with("</");
    const bool empty = rest[end - 1] == '/';
    const std::size_t from = closes ? 2 : 1;
    std::string_view tag = rest.substr(from, end - from);
    tag = tag.substr(0, tag.find_first_of(" \t\r\n/"));
    const std::size_t before = at_;
    at_ += end + 1;
    if (tag.empty()) return false;
    return closes ? close(tag, before) : empty || open(tag);
  }

  bool skip_past(std::string_view mark) {
    const std::size_t end = text_.find(mark, at_);
    if (end == std::string_view::npos) return false;
    at_ = end + mark.size();
    return true;
  }

  bool open(std::string_view tag) {
    if (depth_ == open_.size()) return false;
    Element next{.name = tag, .place = 0, .content = at_, .has_children = false};
    if (depth_ > 0) {
      Element& holder = open_[depth_ - 1];
      holder.has_children = true;
      next.place = inside(holder.place, hash64(holder.name));
    }
    open_[depth_++] = next;
    return true;
  }

  bool close(std::string_view tag, std::size_t content_end) {
    if (depth_ == 0 || open_[depth_ - 1].name != tag) return false;
    const Element element = open_[--depth_];
    if (!element.has_children && !add(element, content_end)) return false;
    if (depth_ > 0) return true;
    done_ = text_.find_first_not_of(kSpace, at_) == std::string_view::npos;
    return false;
  }

  bool add(const Element& element, std::size_t content_end) {
    if (out_.list.size() >= kMaxFields) return false;
    std::string_view value = trim(text_.substr(element.content, content_end - element.content));
    constexpr std::string_view kOpen = "<![CDATA[", kClose = "]]>";
    if (value.starts_with(kOpen) && value.ends_with(kClose)) {
      value = value.substr(kOpen.size(), value.size() - kOpen.size() - kClose.size());
    }
    out_.list.push_back({.name = element.name,
                         .value = value,
                         .place = element.place,
                         .depth = static_cast<std::uint8_t>(depth_),
                         .quoted = false});
    return true;
  }

  std::string_view text_;
  Fields& out_;
  std::array<Element, kMaxFieldDepth> open_;
  std::size_t depth_ = 0;
  std::size_t at_ = 0;
  bool done_ = false;
};

}  // namespace

Document document_kind(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return Document::none;
  switch (text[first]) {
    case '{':
    case '[':
      return Document::json;
    case '<':
      return Document::xml;
    default:
      break;
  }
  const std::size_t end = text.find_first_of("= \r\n\t<>{}\"", first);
  return end != std::string_view::npos && end > first && text[end] == '=' ? Document::form
                                                                          : Document::none;
}

Fields read_fields(std::string_view text) {
  Fields out;
  read_fields(text, out);
  return out;
}

void read_fields(std::string_view text, Fields& out) {
  out.list.clear();
  out.whole = false;
  out.kind = document_kind(text);
  switch (out.kind) {
    case Document::json:
      JsonScanner{text, out}.run();
      break;
    case Document::xml:
      XmlScanner{text, out}.run();
      break;
    case Document::form:
      return read_form(trim(text), out);
    case Document::none:
      break;
  }
}

Fields read_form(std::string_view text) {
  Fields out;
  read_form(text, out);
  return out;
}

void read_form(std::string_view text, Fields& out) {
  out.list.clear();
  out.kind = Document::form;
  while (!text.empty() && out.list.size() < kMaxFields) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.empty()) continue;
    out.list.push_back({.name = pair.substr(0, equals),
                        .value = pair.substr(std::min(equals + 1, pair.size())),
                        .place = 0,
                        .depth = 1,
                        .quoted = false});
  }
  out.whole = text.empty() && out.list.size() < kMaxFields;
}

bool is_named(std::string_view name, std::string_view plain) {
  std::size_t at = 0;
  for (const char c : name) {
    if (c == '_' || c == '-') continue;
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    if (at == plain.size() || low != plain[at]) return false;
    ++at;
  }
  return at == plain.size();
}

}  // namespace httpdiag::base
