// SPDX-License-Identifier: Apache-2.0
#include "base/open.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "httpdiag/error.hpp"

namespace httpdiag::base {

std::ifstream open_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw Error{path + ": is a folder"};
  errno = 0;
  std::ifstream file{path, std::ios::binary};
  if (file) return file;
  const std::error_code reason{errno, std::generic_category()};
  throw Error{path + ": cannot be read" + (reason ? ": " + reason.message() : std::string{})};
}

std::string read_file(const std::string& path, std::size_t most) {
  std::ifstream file = open_file(path);
  std::string text(most + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) throw Error{path + ": cannot be read"};
  if (!file.eof())
    throw Error{fmt::format("{}: is larger than it may be ({} MiB)", path, most >> 20)};
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace httpdiag::base
