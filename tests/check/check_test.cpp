// SPDX-License-Identifier: Apache-2.0
// Expectations: what they say, what they let pass, and what --update keeps.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "check/compare.hpp"
#include "check/print.hpp"
#include "check/run.hpp"
#include "httpdiag/error.hpp"
#include "support/command.hpp"

namespace httpdiag::check {
namespace {

namespace fs = std::filesystem;

Expectation expectation(const std::string& members) {
  return read_expectation("{\"schema\": \"httpdiag.expect/1\"" + members + "}", "x.expect.json");
}

std::string complaint(const std::string& json) {
  try {
    read_expectation(json, "x.expect.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

OutcomeItem item(std::string label, std::set<std::string> annotations = {}) {
  return {.label = std::move(label),
          .annotations = std::move(annotations),
          .detail = "No answer came in 5 s.",
          .timing = {{"wait_us", 5000}}};
}

/// One flow of two exchanges; the second got no answer.
Outcome outcome() {
  Outcome out;
  out.flows = 1;
  out.exchanges = 2;
  out.exchanges_of = {2};
  out.items[{1, 0}] = item("no-response");
  out.items[{1, 2}] = item("no-response", {"delayed-ack-stall"});
  out.deliveries = {{"delivery-acknowledged", 1}, {"delivery-unacknowledged", 1}};
  return out;
}

constexpr const char* kRight =
    R"(, "counts": {"flows": 1, "exchanges": [1, 3]},
       "labels": {"1": "no-response", "1.2": ["no-response", "delayed-ack-stall"]},
       "deliveries": {"delivery-acknowledged": 1, "delivery-unacknowledged": 1})";

std::string differences(const std::string& members, const Outcome& found = outcome()) {
  std::string text;
  for (const Difference& each : compare(expectation(members), found))
    text += each.where + "|" + each.expected + "|" + each.found + "\n";
  return text;
}

TEST(Expectation, HoldsWhereAllIsAsWritten) { EXPECT_EQ(differences(kRight), ""); }

TEST(Expectation, WhatIsNotListedIsPlainlyOk) {
  EXPECT_EQ(differences(R"(, "labels": {"1": "no-response"})"),
            "1.2|ok|no-response\n1.2||annotation delayed-ack-stall\n");
  EXPECT_EQ(differences(R"(, "labels": {"1": "no-response"}, "tolerate": {"unlisted": true})"), "");
}

TEST(Expectation, NamesWhatIsNewGoneAndOther) {
  EXPECT_EQ(differences(R"(, "labels": {"1": "slow-response", "1.1": ["ok", "connect-slow"],
                            "1.2": ["no-response", "delayed-ack-stall"], "2.1": "ok"})"),
            "1|slow-response|no-response\n1.1|annotation connect-slow|\n"
            "2.1|ok|no such exchange\n");
  EXPECT_EQ(differences(R"(, "counts": {"flows": 3}, "deliveries": {"delivery-recovered": 1},
                            "tolerate": {"unlisted": true})"),
            "counts|3 flows|1\ndeliveries|1 delivery-recovered|0\n"
            "deliveries||1 delivery-acknowledged\ndeliveries||1 delivery-unacknowledged\n");
}

TEST(Expectation, AnyOfSeveralLabelsWillDo) {
  EXPECT_EQ(differences(R"(, "labels": {"1": {"any_of": ["client-timeout", "no-response"]},
                            "1.2": {"any_of": ["no-response"], "with": ["delayed-ack-stall"]}})"),
            "");
}

TEST(Expectation, TolerancesAreOfAnnotationsAndTimes) {
  const std::string labels = R"(, "labels": {"1": "no-response", "1.2": "no-response"})";
  EXPECT_EQ(differences(labels), "1.2||annotation delayed-ack-stall\n");
  EXPECT_EQ(differences(labels + R"(, "tolerate": {"annotations": true})"), "");
  EXPECT_EQ(differences(labels + R"(, "tolerate": {"annotations": ["delayed-ack-stall"]})"), "");
  const std::string timing = std::string{kRight} + R"(, "timing": {"1.2": {"wait_us": 5200}})";
  EXPECT_EQ(differences(timing), "1.2|wait_us of 5200|5000\n");
  EXPECT_EQ(differences(timing + R"(, "tolerate": {"timing_us": 200})"), "");
  EXPECT_EQ(differences(timing + R"(, "tolerate": {"timing_us": 199})"),
            "1.2|wait_us of 5001 to 5399|5000\n");
  EXPECT_EQ(differences(std::string{kRight} + R"(, "timing": {"1.2": {"idle_us": [0, 9]}})"),
            "1.2|idle_us of 0 to 9|not measured\n");
}

TEST(Expectation, WhatMustNotBeIsNeverTolerated) {
  EXPECT_EQ(differences(std::string{kRight} + R"(, "must_not": ["delayed-ack-stall"])"),
            "1.2|must not carry delayed-ack-stall|delayed-ack-stall\n");
  EXPECT_EQ(differences(R"(, "must_not": ["no-response"],
                            "tolerate": {"unlisted": true, "annotations": true})"),
            "1|must not carry no-response|no-response\n"
            "1.2|must not carry no-response|no-response\n");
}

TEST(Expectation, OfTheCaptureItself) {
  Outcome found = outcome();
  found.capture["capture-gap"] = "Bytes are missing.";
  EXPECT_EQ(differences(kRight, found), "");  // not spoken of
  EXPECT_EQ(differences(std::string{kRight} + R"(, "capture": [])", found),
            "capture||capture-gap\n");
  EXPECT_EQ(
      differences(std::string{kRight} + R"(, "capture": ["capture-gap", "dns-failed"])", found),
      "capture|dns-failed|\n");
}

TEST(Expectation, ErrorsNameTheirPlace) {
  EXPECT_EQ(complaint("{\n  \"schema\": 1}"),
            "x.expect.json:2:3: the schema is \"httpdiag.expect/1\"");
  const std::string head = "{\"schema\": \"httpdiag.expect/1\",\n";
  EXPECT_EQ(complaint(head + "\"labels\": {\"1.x\": \"ok\"}}").substr(0, 19),
            "x.expect.json:2:12:");
  EXPECT_EQ(complaint(head + "\"must_not\": [\"no-respnse\"]}"),
            "x.expect.json:2:14: unknown label \"no-respnse\"; did you mean \"no-response\"?");
  EXPECT_EQ(complaint(head + "\"lables\": {}}"),
            "x.expect.json:2:1: unknown part \"lables\"; did you mean \"labels\"?");
  EXPECT_NE(complaint(head + "\"counts\": {\"flows\": -1}}"), "none");
  EXPECT_NE(complaint(head + "\"counts\": {\"flows\": [3, 2]}}"), "none");
  EXPECT_NE(complaint(head + "\"labels\": {\"1\": []}}"), "none");
  EXPECT_NE(complaint(head + "\"labels\": {\"1\": {\"with\": []}}}"), "none");
  EXPECT_NE(complaint(head + "\"timing\": {\"1\": {}}}"), "none");
  EXPECT_EQ(complaint(head + "\"must_not\": [\"no-response\", \"ok\"]}"),
            "x.expect.json:2:1: \"ok\" is what nothing is wrong with: say in \"labels\" what is "
            "expected instead");
  EXPECT_NE(complaint("[]"), "none");
  EXPECT_NE(complaint(std::string(100000, '[')), "none");
}

TEST(Expectation, AMemberThatIsThereTwiceIsRefused) {
  const std::string head = "{\"schema\": \"httpdiag.expect/1\",\n";
  EXPECT_EQ(complaint(head + "\"labels\": {\"1\": \"ok\", \"2\": \"ok\",\n \"1\": \"ok\"}}"),
            "x.expect.json:3:2: \"1\" is in this object twice");
  EXPECT_EQ(complaint(head + "\"note\": \"a\", \"no\\u0074e\": \"b\"}"),
            "x.expect.json:2:14: \"no\\\\u0074e\" is in this object twice");
  EXPECT_EQ(complaint(head + "\"schema\": \"httpdiag.expect/1\"}"),
            "x.expect.json:2:1: \"schema\" is in this object twice");
  // The same name in another object, in a list or as a value is another thing.
  EXPECT_EQ(complaint(head + R"("note": "note", "capture": [], "deliveries": {},
      "labels": {"1.1": {"any_of": ["ok"], "with": []}, "1.2": {"any_of": ["ok"], "with": []}},
      "timing": {"1.1": {"wait_us": 1}, "1.2": {"wait_us": 1}}})"),
            "none");
}

TEST(Update, WritesWhatHolds) {
  const Expectation fresh = updated(std::nullopt, outcome());
  EXPECT_TRUE(compare(fresh, outcome()).empty());
  const Expectation read = read_expectation(write(fresh), "x");
  EXPECT_TRUE(compare(read, outcome()).empty());
  EXPECT_EQ(write(read), write(fresh));
}

TEST(Update, KeepsWhatOnlyPeopleCanWrite) {
  const Expectation before = expectation(
      R"(, "note": "why", "labels": {"1": {"any_of": ["client-timeout", "no-response"]},
          "1.1": "slow-response"}, "must_not": ["zero-window-stall"],
          "timing": {"1.2": {"wait_us": 5000}}, "tolerate": {"timing_us": 5})");
  const Expectation now = updated(before, outcome());
  EXPECT_EQ(now.note, "why");
  EXPECT_EQ(now.labels.at({1, 0}).primary.size(), 2u);
  EXPECT_EQ(now.labels.at({1, 1}).primary, std::vector<std::string>{"ok"});
  EXPECT_EQ(now.must_not, before.must_not);
  EXPECT_FALSE(now.flows);  // was not spoken of
  EXPECT_TRUE(compare(now, outcome()).empty());
  const Expectation again = read_expectation(write(now), "x");
  EXPECT_EQ(write(again), write(now));
}

TEST(Expectation, ItemsAndNumbersAreThoseOfTheSchema) {
  for (const char* item : {"01", "1.01", "0", "1.0", "12345678901", "+1", " 1", "1."})
    EXPECT_FALSE(read_item(item)) << item;
  EXPECT_TRUE(read_item("4294967297.9999999999"));
  const std::string head = "{\"schema\": \"httpdiag.expect/1\", \"counts\": {\"flows\": ";
  for (const char* number : {"1.5", "-1", "-0.5", "9007199254740993", "1e300", "true", "null"})
    EXPECT_NE(complaint(head + number + "}}"), "none") << number;
  for (const char* number : {"1.0", "1e3", "9007199254740992", "-0"})
    EXPECT_EQ(complaint(head + number + "}}"), "none") << number;
  EXPECT_EQ(expectation(R"(, "counts": {"flows": [1.0, 1e1]})").flows->high, 10u);
}

TEST(Update, KeepsAChoiceThatDoesNotHold) {
  const Expectation before = expectation(
      R"(, "counts": {"flows": 9}, "labels": {"1": {"any_of": ["ok", "client-timeout"]},
          "1.2": {"any_of": ["slow-response"]}, "7": {"any_of": ["no-response", "ok"]}})");
  const Expectation now = updated(before, outcome());
  EXPECT_EQ(now.flows->low, 1u);
  EXPECT_EQ(now.labels.at({1, 0}).primary, before.labels.at({1, 0}).primary);
  EXPECT_EQ(now.labels.at({7, 0}).primary, before.labels.at({7, 0}).primary);
  EXPECT_EQ(now.labels.at({1, 2}).primary, std::vector<std::string>{"slow-response"});
  EXPECT_NE(
      write(now).find(R"("1.2": {"any_of": ["slow-response"], "with": ["delayed-ack-stall"]})"),
      std::string::npos)
      << write(now);
  std::string text;
  for (const Difference& each : differences_of_update(before, now, outcome()))
    text += (each.settled ? "+" : "-") + each.where + "|" + each.expected + "|" + each.found + "\n";
  EXPECT_EQ(text,
            "+counts|9 flows|1\n+1.2||annotation delayed-ack-stall\n"
            "-1|client-timeout or ok|no-response\n-1.2|slow-response|no-response\n"
            "-7|no-response or ok|no such flow\n");
}

// What holds is not written anew, though the tolerances let it be otherwise.
TEST(Update, LeavesAloneWhatHolds) {
  const Expectation before = expectation(
      R"(, "labels": {"1": ["no-response", "connect-slow"], "1.2": "no-response"},
          "capture": ["capture-gap"], "deliveries": {"delivery-acknowledged": 1,
          "delivery-unacknowledged": 1, "delivery-recovered": [0, 2]},
          "tolerate": {"annotations": ["connect-slow", "delayed-ack-stall", "capture-gap"]})");
  EXPECT_TRUE(compare(before, outcome()).empty());
  EXPECT_EQ(write(updated(before, outcome())), write(before));
}

/// A folder with copies of some captures.
class CheckFolder : public testing::Test {
 protected:
  CheckFolder()
      : folder_{fs::path{testing::TempDir()} / ("httpdiag-check-" + std::to_string(::getpid()))} {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "below");
    copy("no-response.pcap", "a.pcap");
    copy("ack-negative.pcap", "b.pcap");
    copy("connect-refused.pcap", "below/c.pcap");
  }
  ~CheckFolder() override { fs::remove_all(folder_); }

  void copy(const std::string& from, const std::string& to) const {
    fs::copy_file(fs::path{"pcaps"} / from, folder_ / to);
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream{folder_ / name} << text;
  }
  std::vector<Result> run_all(bool update = false, unsigned jobs = 1) const {
    RunOptions options;
    options.update = update;
    options.jobs = jobs;
    return run(find_cases({folder_.string()}), options);
  }
  static std::string statuses(const std::vector<Result>& results) {
    std::string text;
    for (const Result& each : results)
      text += fs::path{each.subject.name()}.filename().string() + " " +
              std::string{name(each.status)} + "\n";
    return text;
  }

  fs::path folder_;
};

TEST_F(CheckFolder, SaysWhatIsMissing) {
  put("lost.expect.json", R"({"schema": "httpdiag.expect/1"})");
  put("b.expect.json", R"({"schema": "httpdiag.expect/1", "must_not": ["no-response"],
                           "tolerate": {"unlisted": true}})");
  EXPECT_EQ(statuses(run_all()),
            "a.pcap no-expectation\nb.pcap holds\nc.pcap no-expectation\n"
            "lost.expect.json no-capture\n");
}

TEST_F(CheckFolder, UpdateMakesAllHoldOnAnyNumberOfThreads) {
  EXPECT_EQ(statuses(run_all(true, 3)), "a.pcap created\nb.pcap created\nc.pcap created\n");
  const auto one = run_all(false, 1), three = run_all(false, 3);
  EXPECT_EQ(statuses(one), "a.pcap holds\nb.pcap holds\nc.pcap holds\n");
  for (const Format format : {Format::text, Format::junit, Format::json, Format::github})
    EXPECT_EQ(print(one, format, {}), print(three, format, {}));
  fs::copy_file(folder_ / "b.pcap", folder_ / "a.pcap", fs::copy_options::overwrite_existing);
  EXPECT_EQ(statuses(run_all()), "a.pcap differs\nb.pcap holds\nc.pcap holds\n");
  const auto renewed = run_all(true);
  EXPECT_EQ(statuses(renewed), "a.pcap updated\nb.pcap holds\nc.pcap holds\n");
  EXPECT_FALSE(renewed.front().differences.empty());
  EXPECT_EQ(statuses(run_all()), "a.pcap holds\nb.pcap holds\nc.pcap holds\n");
}

TEST_F(CheckFolder, UpdateDoesNotGiveWayWhereALabelMustNotBe) {
  put("a.expect.json", R"({"schema": "httpdiag.expect/1", "must_not": ["no-response"]})");
  EXPECT_EQ(run_all(true).front().status, Status::differs);
  EXPECT_EQ(run_all().front().status, Status::differs);
}

TEST_F(CheckFolder, AnUpdateShowsWhatItWritesThoughSomethingIsLeft) {
  for (const char* name : {"b.pcap", "below/c.pcap"}) fs::remove(folder_ / name);
  put("a.expect.json",
      R"({"schema": "httpdiag.expect/1", "labels": {"1": "ok"}, "must_not": ["no-response"]})");
  const auto results = run_all(true);
  EXPECT_EQ(results.front().status, Status::differs);
  EXPECT_TRUE(results.front().written);
  const std::string text = print(results, Format::text, {});
  EXPECT_NE(text.find("    written: 1: expected ok, found no-response"), std::string::npos) << text;
  EXPECT_NE(text.find("    1: expected must not carry no-response"), std::string::npos) << text;
  EXPECT_NE(text.find("1 capture checked: 0 hold, 1 differs, 1 written.\n"), std::string::npos)
      << text;
  EXPECT_NE(print(results, Format::github, {}).find("::notice file="), std::string::npos);
  EXPECT_NE(
      print(results, Format::junit, {}).find("</failure><system-out>\nwritten: 1: expected ok"),
      std::string::npos);
  const std::string json = print(results, Format::json, {});
  EXPECT_NE(json.find("\"written\":true,"), std::string::npos) << json;
  EXPECT_NE(json.find("\"settled\":true}"), std::string::npos) << json;
  const auto again = run_all(true);
  EXPECT_FALSE(again.front().written);
  EXPECT_EQ(again.front().status, Status::differs);
}

TEST_F(CheckFolder, OneUnreadableFileDoesNotStopTheOthers) {
  put("a.expect.json", "{");
  put("b.pcap", "no capture");
  put("b.expect.json", R"({"schema": "httpdiag.expect/1"})");
  run_all(true);
  EXPECT_EQ(statuses(run_all()), "a.pcap unreadable\nb.pcap unreadable\nc.pcap holds\n");
}

TEST_F(CheckFolder, AnExpectationThatIsSharedIsOfTheFirstAlone) {
  copy("no-response.pcap", "ring.pcap");
  copy("ack-negative.pcap", "ring.pcap1");
  run_all(true);
  put("ring.expect.json", R"({"schema": "httpdiag.expect/1", "labels": {"1": "ok"}})");
  fs::remove(folder_ / "ring.pcap.expect.json");
  fs::remove(folder_ / "ring.pcap1.expect.json");
  const std::string rest = "a.pcap holds\nb.pcap holds\nc.pcap holds\n";
  EXPECT_EQ(statuses(run_all(true, 4)), rest + "ring.pcap updated\nring.pcap1 created\n");
  EXPECT_EQ(statuses(run_all(true, 4)), rest + "ring.pcap holds\nring.pcap1 holds\n");
}

TEST_F(CheckFolder, ACaptureOfAnotherNameLeavesItsNeighboursExpectationAlone) {
  run_all(true);
  copy("ack-negative.pcap", "a.dmp");
  const auto cases = find_cases({(folder_ / "a.dmp").string()});
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].expectation, (folder_ / "a.dmp.expect.json").string());
}

std::string shown_as(const std::vector<Result>& results, Format format) {
  return print(results, format, {});
}

TEST_F(CheckFolder, APathThatIsNotThereDoesNotStopTheOthers) {
  run_all(true);
  const std::string gone = (folder_ / "gone.pcap").string();
  const auto results = run(find_cases({folder_.string(), gone}), {});
  EXPECT_EQ(statuses(results), "a.pcap holds\nb.pcap holds\nc.pcap holds\ngone.pcap unreadable\n");
  EXPECT_EQ(verdict_of(totals_of(results), false), Verdict::failed);
  for (const Format format : {Format::text, Format::junit, Format::json, Format::github}) {
    EXPECT_NE(shown_as(results, format).find(gone + ": is not there"), std::string::npos)
        << shown_as(results, format);
  }
}

// Of a job that keeps its results in a file, the log shows no more.
TEST_F(CheckFolder, WhatCannotBeReadIsAlsoOnStandardError) {
  const std::string gone = (folder_ / "gone.pcap").string(), none = (folder_ / "none").string(),
                    to = (folder_ / "check.xml").string();
  const auto outcome = test::run({"check", gone, none, "--format", "junit", "-o", to});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(
      outcome.err,
      "httpdiag: " + gone + ": is not there, or cannot be read (and 1 more that cannot be read)\n");
  EXPECT_TRUE(fs::exists(to));
}

TEST_F(CheckFolder, ALockedFolderIsNamedAndDoesNotStopTheOthers) {
  run_all(true);
  const fs::path locked = folder_ / "below" / "locked";
  fs::create_directory(locked);
  fs::permissions(locked, fs::perms::none);
  const bool root = ::geteuid() == 0;  // whom no permission stops
  ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);
  const auto results = run_all();
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  EXPECT_EQ(statuses(results), "a.pcap holds\nb.pcap holds\nc.pcap holds\nlocked unreadable\n");
  for (const Format format : {Format::text, Format::junit, Format::json, Format::github}) {
    EXPECT_NE(shown_as(results, format).find(locked.string() + ": cannot be read"),
              std::string::npos)
        << shown_as(results, format);
  }
}

TEST_F(CheckFolder, FindsCapturesWhateverTheirNameBesideTheirExpectation) {
  const std::string any =
      R"({"schema": "httpdiag.expect/1", "tolerate": {"unlisted": true, "annotations": true}})";
  copy("no-response.pcap", "D.PCAP");
  copy("no-response.pcap", "e.dmp");
  copy("no-response.pcap", "f");
  copy("no-response.pcap", "g.trace");
  put("e.dmp.expect.json", any);
  put("f.expect.json", any);
  put("g.expect.json", any);
  put("g.log", "what the programs said");
  put("h.log", "what the programs said");
  copy("no-response.pcap", "i.out");
  put("h.expect.json", any);
  EXPECT_EQ(statuses(run_all()),
            "D.PCAP no-expectation\na.pcap no-expectation\nb.pcap no-expectation\n"
            "c.pcap no-expectation\ne.dmp holds\nf holds\ng.trace holds\n"
            "h.expect.json no-capture\ni.out no-expectation\n");
  const auto named = find_cases({(folder_ / "g.expect.json").string()});
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(named.front().capture, (folder_ / "g.trace").string());
  EXPECT_EQ(find_cases({(folder_ / "g.trace").string()}).front().expectation,
            (folder_ / "g.expect.json").string());
}

TEST_F(CheckFolder, CompressedCopiesShareAnExpectation) {
  put("below/c.pcap.gz", "");
  put("below/c.expect.json", R"({"schema": "httpdiag.expect/1", "tolerate": {"unlisted": true}})");
  const auto cases = find_cases({(folder_ / "below").string()});
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].expectation, cases[1].expectation);
  EXPECT_EQ(find_cases({(folder_ / "below/c.expect.json").string()}).size(), 2u);
  put("below/c.pcap.gz.expect.json", "{}");
  EXPECT_NE(find_cases({folder_.string()})[3].expectation, cases[0].expectation);
}

Result result_of(const std::string& name, Status status) {
  return {.subject = {name + ".pcap", name + ".expect.json", status != Status::no_expectation},
          .status = status};
}

// Whatever fails the job is in what the job shows.
TEST(Print, AnExpectationThatIsRequiredIsAFailureInEveryFormat) {
  const std::vector<Result> results{result_of("a", Status::holds),
                                    result_of("b", Status::no_expectation)};
  const PrintOptions required{.quiet = true, .require = true}, quiet{.quiet = true};
  EXPECT_EQ(verdict_of(totals_of(results), false), Verdict::holds);
  EXPECT_EQ(verdict_of(totals_of(results), true), Verdict::differs);
  EXPECT_EQ(print(results, Format::text, required),
            "NO EXPECTATION  b.pcap\n"
            "1 capture checked: 1 holds, 0 differ, 1 without expectation.\n");
  EXPECT_EQ(print(results, Format::text, quiet).find("b.pcap"), std::string::npos);
  const std::string xml = print(results, Format::junit, required);
  const std::string counts = "tests=\"2\" failures=\"1\" errors=\"0\"";
  EXPECT_NE(xml.find("<testsuites " + counts + ">"), std::string::npos) << xml;
  EXPECT_NE(xml.find(counts + " skipped=\"0\">"), std::string::npos) << xml;
  EXPECT_NE(xml.find("name=\"b.pcap\"><failure message=\"no expectation"), std::string::npos)
      << xml;
  EXPECT_NE(print(results, Format::junit, quiet).find("<skipped"), std::string::npos);
  EXPECT_TRUE(print(results, Format::github, required).starts_with("::error file=b.pcap,title="));
  EXPECT_TRUE(print(results, Format::github, quiet).starts_with("::warning file=b.pcap,title="));
  const std::string json = print(results, Format::json, required);
  EXPECT_NE(json.find("\"verdict\":\"differs\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"status\":\"no-expectation\",\"failure\":true"), std::string::npos) << json;
}

TEST(Print, ThatNothingWasCheckedIsAnErrorInEveryFormat) {
  for (const std::vector<Result>& results :
       {std::vector<Result>{}, {result_of("b", Status::no_expectation)}}) {
    EXPECT_EQ(verdict_of(totals_of(results), false), Verdict::failed);
    const std::string xml = print(results, Format::junit, {});
    EXPECT_NE(xml.find("errors=\"1\""), std::string::npos) << xml;
    EXPECT_NE(xml.find("<error message=\"nothing was checked"), std::string::npos) << xml;
    EXPECT_NE(print(results, Format::github, {}).find("::error title=httpdiag check::nothing was"),
              std::string::npos);
    const std::string json = print(results, Format::json, {});
    EXPECT_NE(json.find("\"verdict\":\"failed\",\"error\":\"nothing was checked"),
              std::string::npos)
        << json;
  }
}

TEST_F(CheckFolder, AMalformedExpectationIsNamedAtItsLine) {
  put("a.expect.json", "{\"schema\": \"httpdiag.expect/1\",\n \"lables\": {}}");
  const auto results = run_all();
  const std::string place = (folder_ / "a.expect.json").string() + ",line=2,col=2,title=";
  EXPECT_TRUE(print(results, Format::github, {}).starts_with("::error file=" + place))
      << print(results, Format::github, {});
}

TEST(Print, EscapesForItsReader) {
  const std::vector<Result> results{
      {.subject = {"a,b:<&>\"\x1b[31m.pcap", "x", true},
       .status = Status::differs,
       .differences = {{"1", "ok", "no-response", "100 %\n::error::"}}}};
  const std::string github = print(results, Format::github, {});
  EXPECT_TRUE(github.starts_with("::error file=a%2Cb%3A<&>")) << github;
  EXPECT_NE(github.find("100 %25"), std::string::npos);
  EXPECT_EQ(github.find('\x1b'), std::string::npos);
  const std::string xml = print(results, Format::junit, {});
  EXPECT_NE(xml.find("&lt;&amp;&gt;&quot;"), std::string::npos);
  EXPECT_EQ(xml.find('\x1b'), std::string::npos);
  EXPECT_EQ(print(results, Format::text, {}).find("\n::"), std::string::npos);
}

}  // namespace
}  // namespace httpdiag::check
