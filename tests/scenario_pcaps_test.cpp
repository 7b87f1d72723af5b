// SPDX-License-Identifier: Apache-2.0
// pcaps/ holds what mkpcap builds from scenarios/, byte for byte.
#include <gtest/gtest.h>

#include "support/scenario.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

class ScenarioPcaps : public testing::TestWithParam<std::string> {};

TEST_P(ScenarioPcaps, AreUpToDate) {
  const std::string text = read_file("scenarios/" + GetParam() + ".txt");
  ASSERT_FALSE(text.empty()) << "run in testdata/";
  const std::string built = to_pcap(play(text));
  EXPECT_TRUE(built == read_file("pcaps/" + GetParam() + ".pcap"))
      << "mkpcap scenarios/" << GetParam() << ".txt pcaps/" << GetParam() << ".pcap";
  EXPECT_LT(built.size(), 65536U);
}

INSTANTIATE_TEST_SUITE_P(All, ScenarioPcaps, testing::ValuesIn(scenario_names()),
                         [](const auto& tested) { return test_name(tested.param); });

}  // namespace
}  // namespace httpdiag::test
