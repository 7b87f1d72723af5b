// SPDX-License-Identifier: Apache-2.0
// Finished reports of captures that are still there, merged, are what analyze says of all of them;
// and where they are not, a table says why.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/finished_reports.hpp"
#include "report/version.hpp"
#include "support/command.hpp"
#include "support/testdata.hpp"

namespace httpdiag::test {
namespace {

namespace fs = std::filesystem;

class FinishedReports : public testing::Test {
 protected:
  FinishedReports()
      : folder_{fs::path{testing::TempDir()} / fmt::format("httpdiag-finished-{}", ::getpid())} {
    fs::create_directories(folder_);
  }
  ~FinishedReports() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{path(name), std::ios::binary} << text;
    return path(name);
  }
  /// A capture of the project under a name of its own.
  std::string capture(const std::string& name) const {
    fs::copy_file("pcaps/" + name + ".pcap", path(name + ".pcap"),
                  fs::copy_options::overwrite_existing);
    return path(name + ".pcap");
  }
  std::string report(const Arguments& captures, const Arguments& options = {}) const {
    const std::string out = path(fmt::format("{}.json", made_++));
    const CommandOutcome outcome =
        run(Arguments{"analyze", "--format", "json", "-q", "-o", out} + options + captures);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return out;
  }
  /// A report of each.
  Arguments reports(const Arguments& captures, const Arguments& options = {}) const {
    Arguments result;
    for (const std::string& each : captures) result.push_back(report({each}, options));
    return result;
  }
  /// `options` are those of the reports, `again` those of them that merge needs again.
  void expect_one_run(const Arguments& captures, const Arguments& options = {},
                      const Arguments& again = {}) const {
    const Arguments made = reports(captures, options);
    for (const Arguments& shown :
         {Arguments{}, {"--flows", "all"}, {"--format", "json"}, {"--format", "ndjson"}}) {
      const CommandOutcome whole = run(Arguments{"analyze"} + captures + options + shown);
      const CommandOutcome merged = run(Arguments{"merge"} + made + again + shown);
      EXPECT_EQ(merged.status, whole.status) << merged.err;
      EXPECT_TRUE(merged.out == whole.out)
          << captures.front() << " " << testing::PrintToString(options + shown) << merged.out;
      EXPECT_TRUE(merged.err.ends_with(": the captures were read again\n")) << merged.err;
    }
  }
  /// Why there is a table.
  static std::string why(const Arguments& made, const Arguments& options = {}) {
    const CommandOutcome table = run(Arguments{"merge"} + made + options);
    EXPECT_EQ(table.status, 0) << table.err;
    const std::string note = "\nNote: ", end = ": for one report of them give the captures";
    const std::size_t begin = table.out.find(note), last = table.out.find(end);
    if (begin == std::string::npos || last == std::string::npos) return table.out;
    return table.out.substr(begin + note.size(), last - begin - note.size());
  }

  fs::path folder_;
  mutable unsigned made_ = 0;
};

TEST_F(FinishedReports, AreTheOneRunOverTheirCaptures) {
  for (const Arguments& names :
       {Arguments{"no-response", "connect-refused"},
        {"delivery-rejected--after-six-attempts", "close-wait-lingering", "ok--chunked"},
        {"tls-alert", "dns-failed"},
        {"slow-response"}}) {
    Arguments captures;
    for (const std::string& name : names) captures.push_back(capture(name));
    expect_one_run(captures);
  }
}

TEST_F(FinishedReports, AlsoOfSeveralFilesAndOfOneThatBreaksOff) {
  const std::string first = capture("no-response"), second = capture("connect-refused"),
                    whole = capture("ok--chunked");
  const std::string bytes = read_file(whole);
  const std::string cut = write("cut.pcap", bytes.substr(0, bytes.size() - 7));
  const std::string two = report({first, second}), third = report({cut});
  const CommandOutcome merged = run({"merge", two, third, "--format", "json"});
  EXPECT_TRUE(merged.out == run({"analyze", first, second, cut, "--format", "json"}).out);
}

TEST_F(FinishedReports, AreMadeAnewWithTheirOptions) {
  const Arguments captures{capture("no-response"), capture("request-on-half-closed")};
  for (const Arguments& options : {Arguments{"--port", "8080", "--time", "..+1h"},
                                   {"--bpf", "ip and tcp", "--host", "10.1.0.5"},
                                   {"--recover"},
                                   {"--show-payload"},
                                   {"--label", "no-response", "--label", "ok"},
                                   {"--uri", "/", "--method", "get", "--status", "none"},
                                   {"--find", "HTTP/1.1"}})
    expect_one_run(captures, options);
  // A report holds the digest of its settings, and no more.
  const std::string config = write("config.json", R"({
    "schema": "httpdiag.config/1", "labels": {"no-response": "info"},
    "settings": {"limits.max_healthy_exchanges": 0, "no_response.min_ms": 500},
    "rules": [{"label": "own-any", "title": "any", "when": ["response.wait > 1 ms"],
               "text": "it took {response.wait}"}]})");
  for (const Arguments& settings : {Arguments{"--config", config},
                                    {"--vantage", "server"},
                                    {"--ack-token", "thanks"},
                                    {"--profile", "generic-2xx"}})
    expect_one_run(captures, settings, settings);
}

// All packets are read again: more may be asked of them.
TEST_F(FinishedReports, MergeMayAskForMore) {
  const Arguments captures{capture("no-response"), capture("request-on-half-closed")};
  const auto expect_both = [&](const Arguments& made_with, const Arguments& shown) {
    const Arguments made = reports(captures, made_with);
    EXPECT_TRUE(run(Arguments{"merge"} + made + shown).out ==
                run(Arguments{"analyze"} + captures + made_with + shown).out)
        << testing::PrintToString(made_with + shown);
  };
  expect_both({}, {"--flow", "2"});
  expect_both({}, {"--why", "1"});
  expect_both({"--method", "POST"}, {"--status", "none", "--format", "json"});
  expect_both({"--label", "ok"}, {"--label", "request-on-half-closed", "--format", "json"});
  expect_both({"--find", "HTTP", "--uri", "/"}, {"--uri", "a", "--format", "json"});
  // Given again it is the same.
  const Arguments same{"--label", "request-on-half-closed", "--format", "json"};
  const Arguments made = reports(captures, {"--label", "request-on-half-closed"});
  EXPECT_TRUE(run(Arguments{"merge"} + made + same).out ==
              run(Arguments{"analyze"} + captures + same).out);
  const Arguments failing{"--label", "request-on-half-closed", "--fail-on", "error"};
  EXPECT_EQ(run(Arguments{"merge"} + made + failing).status, 1);
}

TEST_F(FinishedReports, AreNotReplaced) {
  const std::string first = capture("no-response");
  for (const Arguments& options : {Arguments{}, {"--shard", "0/1"}}) {
    const std::string made = report({first}, options), before = read_file(made);
    for (const std::string& target : {made, first}) {
      const CommandOutcome refused = run({"merge", made, "-o", target});
      EXPECT_EQ(refused.status, 2);
      EXPECT_EQ(refused.err,
                "httpdiag: " + target + ": is the input; the report would overwrite it\n");
    }
    EXPECT_EQ(read_file(made), before);
  }
}

TEST_F(FinishedReports, WhyThereIsATableIsSaid) {
  const std::string first = capture("no-response"), second = capture("connect-refused");
  const std::string plain = report({first}), other = report({second});
  const auto with = [&](const Arguments& options) { return report({second}, options); };
  const std::string settings =
      "they were made with other settings than those of merge (give it the same --config, "
      "--vantage, --profile and --ack-token)";
  EXPECT_EQ(why({plain, other}, {"--table"}).find("Note: "), std::string::npos);
  EXPECT_EQ(why({plain, plain}), first + " is in two reports");
  const std::string filtered = with({"--port", "8080"}), recovered = with({"--recover"}),
                    labelled = with({"--label", "connect-refused"}), one = with({"--flow", "1"}),
                    server = with({"--vantage", "server"});
  const std::string both = " and ";
  EXPECT_EQ(why({plain, filtered}),
            plain + both + filtered + " were made of differently filtered packets");
  EXPECT_EQ(why({plain, recovered}), recovered + " was read with --recover, " + plain + " without");
  EXPECT_EQ(why({plain, labelled}), plain + both + labelled + " do not show the same");
  EXPECT_EQ(why({plain, one}), one + " shows one flow of its capture");
  EXPECT_EQ(why({plain, server}), plain + both + server + " were made with different settings");
  EXPECT_EQ(why({server}), settings);
  const std::string lines = path("lines.ndjson");
  EXPECT_EQ(run({"analyze", second, "--format", "ndjson", "-o", lines}).status, 0);
  EXPECT_EQ(why({plain, lines}), lines + " is NDJSON");
  const std::string views = report({"--client", "pairs/acknowledgement-lost.client.pcap",
                                    "--server", "pairs/acknowledgement-lost.server.pcap"});
  EXPECT_EQ(why({plain, views}), views + " compares two captures");
  // Whoever has lines wants to count them.
  EXPECT_EQ(why({lines}).find("Note: "), std::string::npos);
  const CommandOutcome of_lines = run({"merge", lines, "--flow", "1"});
  EXPECT_EQ(of_lines.err,
            "httpdiag: merge: --flow is for one report, and of these there is a "
            "table only: " +
                lines + " is NDJSON\n");
  EXPECT_EQ(of_lines.status, 2);
  fs::remove(second);
  EXPECT_EQ(why({plain, other}), second + " is not there");
  std::ofstream{first, std::ios::binary | std::ios::app} << 'x';
  EXPECT_EQ(why({plain, other}), first + " is not what it was");
}

// Whoever wrote a report by hand, or with an older version, gets a table.
TEST_F(FinishedReports, OfWhichNotAllIsKnownAreATable) {
  const std::string whole = report({capture("no-response")});
  const auto changed = [&](const char* pointer, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(read_file(whole));
    json[nlohmann::json::json_pointer{pointer}] = value;
    return write("changed.json", json.dump());
  };
  const std::string name = path("changed.json");
  auto old = nlohmann::json::parse(read_file(whole));
  old["settings"].erase("report.settings_digest");
  EXPECT_EQ(why({write("changed.json", old.dump())}), name + " does not say what it was made with");
  EXPECT_EQ(why({changed("/tool/version", "9")}),
            fmt::format("{} is of httpdiag 9, this is {}", name, report::kToolVersion));
  EXPECT_EQ(why({changed("/settings/report.filters", nlohmann::json::array({"--colour red"}))}),
            name + " was made with --colour red");
  EXPECT_EQ(
      why({changed("/settings/report.filters", nlohmann::json::array({"--find \xef\xbf\xbd"}))}),
      name + " was made with --find \xef\xbf\xbd");
  EXPECT_EQ(why({changed("/input/not_read",
                         nlohmann::json::array({{{"name", "notes.txt"}, {"reason", "none"}}}))}),
            "notes.txt was passed over");
  EXPECT_EQ(why({changed("/input/files/0/bytes", cli::kMostBytesAgain + 1)}),
            "their captures are larger than 10 GB in all");
  const nlohmann::json file = nlohmann::json::parse(read_file(whole))["input"]["files"][0];
  EXPECT_EQ(why({changed("/input/files", nlohmann::json(cli::kMostFilesAgain + 1, file))}),
            "they are of more than 100 files");
}

TEST_F(FinishedReports, ATableCountsNoParts) {
  const std::string first = capture("no-response");
  const std::string part = report({first}, {"--shard", "0/2"}),
                    whole = report({first}, {"--shard", "0/1"});
  EXPECT_TRUE(run({"merge", "--table", whole}).out.starts_with("1 capture: "));
  const CommandOutcome refused = run({"merge", "--table", part});
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.err, "httpdiag: " + part +
                             ": is a part of its capture (--shard 0/2): merge the parts first\n");
}

// Own rules and profiles are part of the settings, however their file is laid out.
TEST_F(FinishedReports, TellSettingsApart) {
  const std::string first = capture("no-response");
  const auto digest = [&](const std::string& config, const Arguments& options = {}) {
    const std::string made =
        report({first}, options + Arguments{"--config", write("config.json", config)});
    return nlohmann::json::parse(read_file(made))["settings"]["report.settings_digest"]
        .get<std::string>();
  };
  const auto rule = [](const std::string& wait) {
    return R"({"rules":[{"label":"own-x","title":"x","when":["response.wait > )" + wait +
           R"("],"text":"x"}]})";
  };
  EXPECT_EQ(digest("{}").size(), 16u);
  EXPECT_NE(digest("{}"), digest(rule("1 s")));
  EXPECT_NE(digest(rule("1 s")), digest(rule("2 s")));
  EXPECT_EQ(digest(rule("1 s")), digest(" " + rule("1 s") + "\n"));
  EXPECT_EQ(digest(R"({"settings":{"limits.max_causes":200}})"), digest("{}"));
  EXPECT_NE(digest("{}"), digest("{}", {"--vantage", "client"}));
  EXPECT_NE(digest("{}"), digest("{}", {"--ack-token", "x"}));
}

}  // namespace
}  // namespace httpdiag::test
