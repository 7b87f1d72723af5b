// SPDX-License-Identifier: Apache-2.0
// The conformance files of pcapng-test-generator, beside the checkout in
// ../shared/pcaps/formats: as many packets as the list beside each says.
#include <filesystem>
#include <regex>

#include "capture/capture_files.hpp"
#include "support/testdata.hpp"

namespace httpdiag {
namespace {

namespace fs = std::filesystem;

const fs::path kFormats = fs::path{HTTPDIAG_SOURCE_DIR} / "../shared/pcaps/formats";

/// Blocks of that kind, as the list counts them.
std::uint64_t listed(const std::string& list, const std::string& kind) {
  std::smatch found;
  if (!std::regex_search(list, found, std::regex{"\n\\s+" + kind + ": (\\d+)"})) return 0;
  return std::stoull(found[1]);
}

TEST(Formats, AllConformanceFilesAreRead) {
  if (!fs::is_directory(kFormats)) GTEST_SKIP() << kFormats << " is not there";
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator{kFormats}) {
    if (entry.path().extension() != ".pcapng") continue;
    ++files;
    SCOPED_TRACE(entry.path());
    const std::string list = test::read_file(fs::path{entry.path()}.replace_extension(".txt"));
    const auto source = open_capture(entry.path(), {});
    std::uint64_t packets = 0;
    while (source->next() != nullptr) ++packets;
    EXPECT_EQ(packets, listed(list, "EPB") + listed(list, "SPB") + listed(list, "PB"));
    EXPECT_EQ(source->summary().damage, nullptr);
    EXPECT_EQ(source->summary().files.at(0).interfaces.size(), listed(list, "IDB"));
    EXPECT_EQ(source->summary().files.at(0).untimed_packets, listed(list, "SPB"));
  }
  EXPECT_EQ(files, 48u);
}

}  // namespace
}  // namespace httpdiag
