// SPDX-License-Identifier: Apache-2.0
#include "cli/read_again.hpp"

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <system_error>

#include "base/sha256.hpp"
#include "base/text.hpp"

namespace httpdiag::cli {
namespace {

namespace fs = std::filesystem;

std::string sha256_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  base::Sha256 digest;
  std::array<char, 1u << 16> block;
  while (file) {
    file.read(block.data(), block.size());
    digest.update(std::as_bytes(std::span{block}.first(static_cast<std::size_t>(file.gcount()))));
  }
  return digest.hex();
}

/// Why a file cannot be read again; empty: it can.
std::string why_not(const CaptureFile& file) {
  if (file.name == "-") return "standard input can be read but once";
  const std::string shown = base::escape_for_terminal(file.name);
  std::error_code error;
  // A device or a pipe may have no end.
  if (!fs::is_regular_file(file.name, error)) return shown + " is not there";
  const bool same = fs::file_size(file.name, error) == file.bytes && !error &&
                    sha256_of(file.name) == file.sha256;
  return same ? "" : shown + " is not what it was";
}

}  // namespace

FilesAgain files_again(const CaptureSummary& made_of) {
  FilesAgain again;
  // Whoever gave a folder may have got more since.
  if (!made_of.not_read.empty()) {
    again.why_not = base::escape_for_terminal(made_of.not_read.front().name) + " was passed over";
    return again;
  }
  std::set<std::string> different;
  for (const CaptureFile& file : made_of.files) {
    again.why_not = different.insert(file.name).second
                        ? why_not(file)
                        : base::escape_for_terminal(file.name) + " is in two reports";
    if (!again.why_not.empty()) return again;
    again.paths.push_back(file.name);
  }
  return again;
}

}  // namespace httpdiag::cli
