// SPDX-License-Identifier: Apache-2.0
// Where the scenarios and captures are. Tests run in testdata/.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace httpdiag::test {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// What a folder holds and `is_one` accepts, sorted. {"none"} where the folder is missing or
/// holds nothing of the kind, so that no test passes by being empty.
template <typename Predicate>
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder, Predicate is_one) {
  std::vector<std::filesystem::path> found;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
      if (is_one(entry.path())) found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) found.emplace_back("none");
  return found;
}

inline std::vector<std::filesystem::path> files(const std::filesystem::path& folder,
                                                const char* extension) {
  return entries(folder, [&](const auto& path) { return path.extension() == extension; });
}

/// File names without extension.
inline std::vector<std::string> stems(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.stem());
  return names;
}

inline std::vector<std::string> scenario_names() { return stems(files("scenarios", ".txt")); }

/// For googletest, which allows letters, digits and "_".
inline std::string test_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace httpdiag::test
