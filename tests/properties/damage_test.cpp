// SPDX-License-Identifier: Apache-2.0
// Single bytes of a capture file changed: refused in one line, or accounted for and
// reported in valid JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "httpdiag/error.hpp"
#include "properties/capture_bytes.hpp"
#include "properties/recording.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

/// Empty if all is well.
std::string trouble_with(const std::string& path) {
  try {
    const auto source = open_capture(path, {});
    const Rendered rendered = render(*source, report::Format::json);
    if (!nlohmann::json::accept(rendered.text)) return "no valid JSON";
    return faults_of(rendered.outcome);
  } catch (const Error&) {
    return {};  // refused
  }
}

TEST(DamageProperty, OfSingleBytesIsReported) {
  constexpr std::size_t kPerFile = 5;
  std::size_t file = 0;
  for (const auto& path : capture_paths()) {
    const std::string bytes = read_file(path);
    ++file;
    if (bytes.size() > 3072 || bytes.size() < 2 * kPerFile) continue;
    const MemoryFile damaged{bytes};
    // Spread over the file, each time elsewhere: headers of all kinds are met by some file.
    const std::size_t step = bytes.size() / kPerFile;
    for (std::size_t at = file * 13 % step; at < bytes.size(); at += step) {
      const char was = bytes[at];
      for (const int value : {0x00, 0xff, was ^ 0x80}) {
        damaged.set_byte(at, static_cast<char>(value));
        EXPECT_EQ(trouble_with(damaged.path()), "") << path << ": byte " << at << " is " << value;
      }
      damaged.set_byte(at, was);
    }
  }
}

}  // namespace
}  // namespace httpdiag::test
