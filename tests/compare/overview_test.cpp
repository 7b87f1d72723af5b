// SPDX-License-Identifier: Apache-2.0
// Reports of different captures side by side.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/command.hpp"

namespace httpdiag::compare {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::CommandOutcome;
using test::run;
using test::operator+;

class Table : public testing::Test {
 protected:
  Table() : folder_{fs::path{testing::TempDir()} / fmt::format("httpdiag-table-{}", ::getpid())} {
    fs::create_directories(folder_);
  }
  ~Table() override { fs::remove_all(folder_); }

  std::string report_of(const std::string& name, const Arguments& options = {}) const {
    const std::string path = (folder_ / (std::to_string(reports_++) + ".json")).string();
    const CommandOutcome made =
        run(Arguments{"analyze", "pcaps/" + name + ".pcap", "--format", "json", "-q", "-o", path} +
            options);
    EXPECT_EQ(made.status, 0) << made.err;
    return path;
  }

  fs::path folder_;
  mutable unsigned reports_ = 0;
};

TEST_F(Table, FailsForTheWorstOfItsFindings) {
  const std::string good = report_of("ok--chunked"), slow = report_of("connect-slow"),
                    bad = report_of("no-response");
  const auto status = [](const Arguments& reports, const char* severity) {
    return run(Arguments{"merge", "--table"} + reports + Arguments{"--fail-on", severity}).status;
  };
  EXPECT_EQ(status({good}, "info"), 0);
  EXPECT_EQ(status({good, slow}, "warning"), 1);
  EXPECT_EQ(status({good, slow}, "error"), 0);
  EXPECT_EQ(status({slow, bad}, "error"), 1);
}

TEST_F(Table, HasARowForAWarningBesideAnotherLabel) {
  const CommandOutcome text =
      run({"merge", "--table", report_of("connect-slow"), report_of("ok--chunked")});
  EXPECT_NE(text.out.find("warning  connect-slow as annotation\n         1 of "), std::string::npos)
      << text.out;
}

TEST_F(Table, RefusesWhatATableCannotHeed) {
  const std::string report = report_of("no-response");
  for (const Arguments& option : {Arguments{"--label", "no-response"},
                                  {"--flow", "1"},
                                  {"--why", "1"},
                                  {"--find", "x"},
                                  {"--flows", "all"},
                                  {"--vantage", "client"},
                                  {"--show-payload"},
                                  {"--status", "5xx"}}) {
    const CommandOutcome outcome = run(Arguments{"merge", "--table", report} + option);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err,
              "httpdiag: merge: " + option.front() +
                  " is for one report, and of these there is a table only: --table asks for it\n");
  }
}

TEST_F(Table, AsLinesIsAnObjectEach) {
  const CommandOutcome lines = run({"merge", "--table", report_of("no-response"),
                                    report_of("connect-refused"), "--format", "ndjson"});
  std::istringstream in{lines.out};
  std::vector<std::string> types;
  for (std::string line; std::getline(in, line);)
    types.push_back(nlohmann::json::parse(line).at("type").get<std::string>());
  ASSERT_GE(types.size(), 5u);
  EXPECT_EQ(types.front(), "capture");
  EXPECT_EQ(types[2], "cause");
  EXPECT_EQ(types.back(), "overview");
}

TEST_F(Table, CountsTheSamePacketsOnce) {
  const std::string first = report_of("no-response"), other = report_of("connect-refused"),
                    again = report_of("no-response", {"--label", "no-response"}),
                    part = report_of("no-response", {"--port", "8080"});
  const CommandOutcome once = run({"merge", "--table", first, other});
  const CommandOutcome twice = run({"merge", "--table", first, other, again});
  EXPECT_NE(twice.out.find("Note: " + again + " is of the same capture as " + first +
                           ": it is counted once.\n"),
            std::string::npos)
      << twice.out;
  EXPECT_EQ(twice.out.substr(0, twice.out.find('\n')), once.out.substr(0, once.out.find('\n')));
  const CommandOutcome shared = run({"merge", "--table", first, part});
  EXPECT_TRUE(shared.out.starts_with("2 captures: ")) << shared.out;
  EXPECT_NE(shared.out.find("have a capture in common"), std::string::npos) << shared.out;
  EXPECT_EQ(run({"merge", "--table", report_of("no-response", {"--host", "203.0.113.9"}), other})
                .out.find("in common"),
            std::string::npos);
}

TEST_F(Table, ShardsThatOverlapMayCountTwice) {
  const auto part = [&](const std::string& shard) {
    const std::string path = (folder_ / (shard.substr(0, 1) + shard.substr(2))).string();
    EXPECT_EQ(run({"analyze", "pcaps/no-response.pcap", "--shard", shard, "--format", "ndjson",
                   "-q", "-o", path})
                  .status,
              0);
    return path;
  };
  const std::string first = part("0/2"), second = part("1/2"), third = part("0/3");
  EXPECT_EQ(run({"merge", "--table", first, second}).out.find("in common"), std::string::npos);
  EXPECT_NE(run({"merge", "--table", first, third}).out.find("in common"), std::string::npos);
}

TEST_F(Table, ACaptureThatOtherSettingsMakeLookBetterIsNoneBetter) {
  const std::string config = (folder_ / "config.json").string();
  std::ofstream{config} << R"({"schema": "httpdiag.config/1", "labels": {"no-response": "info"}})";
  const std::string mild = report_of("no-response", {"--config", config}),
                    plain = report_of("no-response");
  const CommandOutcome both = run({"merge", "--table", mild, plain, "--fail-on", "error"});
  EXPECT_EQ(both.status, 1);
  EXPECT_NE(both.out.find("it is counted once"), std::string::npos) << both.out;
}

}  // namespace
}  // namespace httpdiag::compare
