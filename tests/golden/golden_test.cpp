// SPDX-License-Identifier: Apache-2.0
// Every folder in testdata/golden/ is one test: `args` in, `stdout`, `stderr`
// and `exit` out. To accept new output: HTTPDIAG_UPDATE_GOLDEN=1 ctest -R golden/,
// then read the difference in version control as you would read code.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/commands.hpp"

namespace httpdiag {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path{HTTPDIAG_SOURCE_DIR} / "testdata/golden";

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void expect_same(const fs::path& golden, const std::string& actual) {
  if (std::getenv("HTTPDIAG_UPDATE_GOLDEN") != nullptr) {
    std::ofstream{golden, std::ios::binary} << actual;
    return;
  }
  EXPECT_EQ(read(golden), actual) << golden;
}

/// One argument per line, so that an argument may hold blanks.
std::vector<std::string> arguments(const fs::path& path) {
  std::vector<std::string> args{"httpdiag"};
  std::istringstream lines{read(path)};
  for (std::string line; std::getline(lines, line);) args.push_back(line);
  return args;
}

std::vector<fs::path> cases() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator{kGolden}) {
    if (entry.is_directory()) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

class Golden : public testing::TestWithParam<fs::path> {};

TEST_P(Golden, OutputIsUnchanged) {
  const auto args = arguments(GetParam() / "args");
  std::vector<const char*> argv;
  for (const auto& arg : args) argv.push_back(arg.c_str());
  std::ostringstream out;
  std::ostringstream err;
  const int exit = cli::run(static_cast<int>(argv.size()), argv.data(), {out, err});
  expect_same(GetParam() / "stdout", out.str());
  expect_same(GetParam() / "stderr", err.str());
  expect_same(GetParam() / "exit", std::to_string(exit) + "\n");
}

TEST(Readme, ShowsLinesOfARealReport) {
  const std::string report = read(kGolden / "half_closed" / "stdout");
  std::istringstream lines{read(fs::path{HTTPDIAG_SOURCE_DIR} / "README.md")};
  std::string line;
  while (std::getline(lines, line) && line != "```") {
  }
  std::size_t shown = 0;
  while (std::getline(lines, line) && line != "```") {
    EXPECT_NE(report.find(line + "\n"), std::string::npos) << line;
    ++shown;
  }
  EXPECT_GT(shown, 10u);
}

INSTANTIATE_TEST_SUITE_P(Case, Golden, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.filename().string(); });

}  // namespace
}  // namespace httpdiag
