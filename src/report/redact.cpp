// SPDX-License-Identifier: Apache-2.0
#include "report/redact.hpp"

#include "base/text.hpp"

namespace httpdiag::report {
namespace {

/// Path, with the values of ";key=value" parameters replaced (RFC 3986 §3.3).
void append_path(std::string& out, std::string_view path) {
  while (true) {
    const auto semicolon = path.find(';');
    out += path.substr(0, semicolon);
    if (semicolon == std::string_view::npos) return;
    path.remove_prefix(semicolon);
    const auto end = path.find_first_of(";/", 1);
    const auto parameter = path.substr(0, end);
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos) {
      out += parameter;
    } else {
      out += parameter.substr(0, equals + 1);
      out += kRedacted;
    }
    if (end == std::string_view::npos) return;
    path.remove_prefix(end);
  }
}

void append_query(std::string& out, std::string_view query) {
  while (true) {
    const auto end = query.find_first_of("&;");
    const auto part = query.substr(0, end);
    const auto equals = part.find('=');
    if (equals != std::string_view::npos) out += part.substr(0, equals + 1);
    if (!part.empty()) out += kRedacted;
    if (end == std::string_view::npos) return;
    out += query[end];
    query.remove_prefix(end + 1);
  }
}

}  // namespace

std::string redact_target(std::string_view target) {
  std::string out;
  out.reserve(target.size());
  if (const auto begin = base::authority_begin(target); begin != std::string_view::npos) {
    const auto end = target.find_first_of("/?#", begin);
    const auto authority = target.substr(begin, end == std::string_view::npos ? end : end - begin);
    const auto at = authority.rfind('@');
    out += target.substr(0, begin);
    out += at == std::string_view::npos ? authority : authority.substr(at + 1);
    if (end == std::string_view::npos) return out;
    target.remove_prefix(end);
  }
  const auto path_end = target.find_first_of("?#");
  append_path(out, target.substr(0, path_end));
  if (path_end == std::string_view::npos) return out;
  target.remove_prefix(path_end);
  if (target[0] == '?') {
    const auto hash = target.find('#');
    out += '?';
    append_query(out, target.substr(1, hash == std::string_view::npos ? hash : hash - 1));
    if (hash == std::string_view::npos) return out;
  }
  out += '#';
  out += kRedacted;
  return out;
}

}  // namespace httpdiag::report
