// SPDX-License-Identifier: Apache-2.0
// Where the scenarios are. Tests run in testdata/.
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

/// Names without extension, sorted. {"none"} where the folder is missing, so that
/// the tests that need them fail by name.
inline std::vector<std::string> scenario_names() {
  const std::filesystem::path folder{"scenarios"};
  std::vector<std::string> names;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
      if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
    }
  }
  std::sort(names.begin(), names.end());
  if (names.empty()) names.push_back("none");
  return names;
}

/// For googletest, which allows letters, digits and "_".
inline std::string test_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace httpdiag::test
