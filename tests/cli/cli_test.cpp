// SPDX-License-Identifier: Apache-2.0
// The command line as its users meet it: options, exit status, streams, files.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/commands.hpp"
#include "httpdiag/own_rules.hpp"

namespace httpdiag::cli {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

Outcome run_with(std::vector<std::string> arguments, bool terminal = false) {
  arguments.insert(arguments.begin(), "httpdiag");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  outcome.status =
      run(static_cast<int>(argv.size()), argv.data(),
          {.out = out, .err = err, .out_is_terminal = terminal, .err_is_terminal = false});
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void append(std::string& bytes, std::initializer_list<unsigned> values) {
  for (const unsigned value : values) bytes += static_cast<char>(value);
}

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8)
    bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

std::string record(std::uint32_t microseconds, const std::string& packet) {
  const std::string length = little_endian(static_cast<std::uint32_t>(packet.size()));
  return little_endian(1'709'294'400) + little_endian(microseconds) + length + length + packet;
}

/// Header of a little-endian pcap file of raw IP packets.
std::string pcap_header() {
  std::string bytes = little_endian(0xa1b2c3d4);
  append(bytes, {2, 0, 4, 0});
  return bytes + little_endian(0) + little_endian(0) + little_endian(65535) + little_endian(101);
}

/// A TCP segment without payload between 10.0.0.5:40000 and 10.0.0.9:80.
std::string segment(bool from_client, unsigned flags, std::uint32_t seq, std::uint32_t ack) {
  std::string bytes;
  append(bytes, {0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0});
  append(bytes, {10, 0, 0, from_client ? 5u : 9u, 10, 0, 0, from_client ? 9u : 5u});
  append(bytes, from_client ? std::initializer_list<unsigned>{0x9c, 0x40, 0, 80}
                            : std::initializer_list<unsigned>{0, 80, 0x9c, 0x40});
  for (const std::uint32_t number : {seq, ack}) {
    append(bytes, {number >> 24, number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff});
  }
  append(bytes, {0x50, flags, 0xff, 0xff, 0, 0, 0, 0});
  return bytes;
}

/// A folder of its own with a capture in which a server refuses a connection.
class Cli : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "httpdiag-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    write("refused.pcap", pcap_header() + record(0, segment(true, 0x02, 1000, 0)) +
                              record(100, segment(false, 0x14, 0, 1001)));
    ::unsetenv("NO_COLOR");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  void write(std::string_view name, const std::string& bytes) const {
    std::ofstream{folder_ / name, std::ios::binary} << bytes;
  }
  std::string capture() const { return path("refused.pcap"); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{folder_}, fs::directory_iterator{}));
  }

  fs::path folder_;
};

TEST_F(Cli, AnalyzeReportsOnStandardOutputAndNothingElseThere) {
  const Outcome text = run_with({"analyze", capture()});
  EXPECT_EQ(text.status, 0);
  EXPECT_TRUE(contains(text.out, "connect-refused"));
  EXPECT_EQ(text.err, "");
  const Outcome json = run_with({"analyze", capture(), "--format", "json"});
  EXPECT_EQ(json.out.substr(0, 34), "{\"schema\":\"httpdiag.report/1\",\n\"to");
}

TEST_F(Cli, FailOnDecidesTheExitStatus) {
  EXPECT_EQ(run_with({"analyze", capture(), "--fail-on", "error"}).status, 1);
  EXPECT_EQ(run_with({"analyze", capture(), "--fail-on", "info"}).status, 1);
  EXPECT_EQ(run_with({"analyze", capture(), "--fail-on", "error", "--label", "no-response"}).status,
            0);
  EXPECT_EQ(
      run_with({"analyze", capture(), "--fail-on", "error", "--label", "connect-refused"}).status,
      1);
}

TEST_F(Cli, ColourIsForTerminalsUnlessToldOtherwise) {
  const auto coloured = [](const Outcome& outcome) { return contains(outcome.out, "\x1b["); };
  EXPECT_TRUE(coloured(run_with({"analyze", capture()}, true)));
  EXPECT_FALSE(coloured(run_with({"analyze", capture()}, false)));
  EXPECT_TRUE(coloured(run_with({"analyze", capture(), "--color", "always"}, false)));
  EXPECT_FALSE(coloured(run_with({"analyze", capture(), "--color=never"}, true)));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(coloured(run_with({"analyze", capture()}, true)));
  EXPECT_TRUE(coloured(run_with({"analyze", capture(), "--color", "always"}, true)));
  ::unsetenv("NO_COLOR");
}

struct WrongCase {
  std::vector<std::string> arguments;
  const char* says;
};

TEST_F(Cli, SeveralFilesAreOneTimeline) {
  const std::string other = "pcaps/no-response.pcap", first = "pcaps/request-on-half-closed.pcap";
  const Outcome text = run_with({"analyze", first, other});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_TRUE(contains(text.out, "..-half-closed.pcap:10")) << text.out;
  EXPECT_TRUE(contains(text.out, "packet request-on-half-closed.pcap:10")) << text.out;
  const Outcome json = run_with({"analyze", first, other, "--format", "json"});
  EXPECT_TRUE(contains(json.out, R"("packet_in_file":{"file":1,"number":10})")) << json.out;
  EXPECT_TRUE(contains(json.out, R"("files":[{"name":"pcaps/no-response.pcap")")) << json.out;
  // The order in which they are given does not matter.
  EXPECT_EQ(run_with({"analyze", other, first, "--format", "json"}).out, json.out);
  EXPECT_EQ(run_with({"analyze", other, first, "--format", "json", "-o", first}).status, 2);
}

TEST_F(Cli, AFileGivenTwiceIsCountedOnce) {
  const std::string path = "pcaps/request-on-half-closed.pcap";
  const Outcome json = run_with({"analyze", path, path, "--format", "json"});
  EXPECT_TRUE(contains(json.out, R"("ledger":{"decoded":11,"duplicates":11,)")) << json.out;
  EXPECT_TRUE(contains(json.out, R"("summary":{"flows":1,"exchanges":2,)")) << json.out;
}

TEST_F(Cli, AWrongCommandLineSaysWhatWasMeantAndFails) {
  const std::vector<WrongCase> cases{
      {{"analyze", "x.pcap", "--fromat", "json"},
       "unknown option --fromat; did you mean --format?"},
      {{"analyze", "--fialon=error", "x.pcap"}, "unknown option --fialon; did you mean --fail-on?"},
      {{"analyze", "--zzzzzzzz", "x.pcap"}, "analyze: unknown option --zzzzzzzz\n"},
      {{"analyse", "x.pcap"}, "unknown subcommand analyse; did you mean analyze?"},
      {{"x.pcap"}, "did you mean httpdiag analyze x.pcap?"},
      {{"analyze", "x.pcap", "-x"}, "analyze: unknown option -x\n"},
      {{"--verison"}, "unknown option --verison; did you mean --version?"},
      {{}, "subcommand is required"},
      {{"analyze"}, "FILE is required"},
      {{"analyze", "a.pcap", "b.pcap"}, "a.pcap: no such file"},
      {{"analyze", "-", "-"}, "standard input: can be read but once"},
      {{"analyze", "x.pcap", "--format", "xml"}, "xml"},
      {{"analyze", "x.pcap", "-o", ""}, "expected the name of a file"},
      {{"analyze", "x.pcap", "--why", "1", "--format", "json"}, "--why: is told as text only"},
      {{"analyze", "x.pcap", "--flow", "0"}, "--flow"},
      {{"analyze", "x.pcap", "--label", "no-respnse"},
       "there is no label \"no-respnse\"; did you mean no-response?"},
      {{"analyze", "x\n\x1b[31m.pcap"}, "x\\n\\x1b[31m.pcap"},
  };
  for (const WrongCase& wrong : cases) {
    const Outcome outcome = run_with(wrong.arguments);
    EXPECT_EQ(outcome.status, 2) << wrong.says;
    EXPECT_EQ(outcome.out, "") << wrong.says;
    EXPECT_TRUE(contains(outcome.err, wrong.says)) << outcome.err;
    EXPECT_EQ(outcome.err.find("httpdiag: "), 0u) << outcome.err;
  }
}

TEST_F(Cli, HelpShowsAnExampleForEachSubcommand) {
  for (const char* subcommand : {"analyze", "rules", "explain"}) {
    const Outcome outcome = run_with({subcommand, "--help"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_TRUE(contains(outcome.out, std::string{"  httpdiag "} + subcommand)) << outcome.out;
    EXPECT_TRUE(contains(run_with({"--help"}).out, std::string{"  httpdiag "} + subcommand));
  }
}

TEST_F(Cli, VersionGoesToStandardOutput) {
  const Outcome outcome = run_with({"--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out.substr(0, 9), "httpdiag ");
}

TEST_F(Cli, AnInputThatCannotBeReadCreatesNoOutput) {
  const Outcome outcome = run_with({"analyze", path("none.pcap"), "-o", path("report.txt")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(contains(outcome.err, "none.pcap: "));
  EXPECT_FALSE(fs::exists(path("report.txt")));
}

TEST_F(Cli, AnInputOfWhichNothingCanBeDecodedIsAnError) {
  write("junk.pcap", pcap_header() + record(0, "\x99\x01\x02"));
  const Outcome outcome = run_with({"analyze", path("junk.pcap"), "-o", path("report.txt")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(contains(outcome.err, "junk.pcap: nothing in it could be decoded")) << outcome.err;
  EXPECT_EQ(files(), 2u);
}

TEST_F(Cli, ACaptureWithoutTcpIsAReportAndAWarning) {
  write("empty.pcap", pcap_header());
  const Outcome outcome = run_with({"analyze", path("empty.pcap")});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(contains(outcome.err, "empty.pcap: holds no packet")) << outcome.err;
  EXPECT_EQ(run_with({"analyze", path("empty.pcap"), "--quiet"}).err, "");
}

TEST_F(Cli, AFlowThatIsNotThereIsAWrongCommandLine) {
  const Outcome outcome = run_with({"analyze", capture(), "--flow", "7", "-o", path("report.txt")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(contains(outcome.err, "--flow 7: the capture has flows 1 to 1")) << outcome.err;
  EXPECT_EQ(files(), 1u);
}

TEST_F(Cli, OutputFileHoldsTheWholeReportAndIsPrivate) {
  const Outcome outcome = run_with({"analyze", capture(), "-o", path("report.txt")});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(read(path("report.txt")), run_with({"analyze", capture()}).out);
  struct stat status {};
  ASSERT_EQ(::stat(path("report.txt").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_EQ(files(), 2u) << "a temporary file was left behind";
}

TEST_F(Cli, OutputReplacesAnOlderReport) {
  write("report.txt", std::string(100'000, 'x'));
  EXPECT_EQ(run_with({"analyze", capture(), "-o", path("report.txt")}).status, 0);
  EXPECT_EQ(read(path("report.txt")), run_with({"analyze", capture()}).out);
}

TEST_F(Cli, OutputThroughASymbolicLinkReplacesWhatItLeadsTo) {
  write("target.txt", "old");
  fs::create_symlink("target.txt", path("link.txt"));
  EXPECT_EQ(run_with({"analyze", capture(), "-o", path("link.txt")}).status, 0);
  EXPECT_TRUE(fs::is_symlink(path("link.txt")));
  EXPECT_TRUE(contains(read(path("target.txt")), "connect-refused"));
}

TEST_F(Cli, OutputNeverOverwritesTheInput) {
  const std::string before = read(capture());
  fs::create_symlink("refused.pcap", path("link.pcap"));
  fs::create_hard_link(capture(), path("hard.pcap"));
  for (const char* name : {"refused.pcap", "link.pcap", "hard.pcap"}) {
    const Outcome outcome = run_with({"analyze", capture(), "-o", path(name)});
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(contains(outcome.err, std::string{name} + ": is the input")) << outcome.err;
  }
  EXPECT_EQ(read(capture()), before);
}

TEST_F(Cli, OutputNeverOverwritesTheConfiguration) {
  write("c.json", "{}");
  const Outcome outcome =
      run_with({"analyze", capture(), "--config", path("c.json"), "-o", path("c.json")});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(contains(outcome.err, "c.json: is the input")) << outcome.err;
  EXPECT_EQ(read(path("c.json")), "{}");
}

TEST_F(Cli, WhyNamesTheExchangeThatNamesTheFlow) {
  const std::string path = "pcaps/reset-without-response.pcap";
  const Outcome plain = run_with({"analyze", path, "--why", "1"});
  EXPECT_TRUE(contains(plain.out, "exchange 1.1 names it: reset-without-response (--why 1.1)"))
      << plain.out;
}

TEST_F(Cli, AnOwnRuleThatComesFirstNamesTheFlowAlsoWhereAnExchangeWould) {
  const std::string capture = "pcaps/reset-without-response.pcap";
  const auto config = [](const char* first) {
    return fmt::format(
        R"({{"rules": [{{"label": "own-cut", "title": "Cut", "on": "flow", {}
           "when": ["flow.closed_by = server-rst"], "text": "Closed after {{flow.duration}}."}}]}})",
        first);
  };
  write("first.json", config(R"("first": true,)"));
  write("beside.json", config(""));
  const Outcome first = run_with({"analyze", capture, "--config", path("first.json")});
  EXPECT_TRUE(contains(first.out, "own-cut towards")) << first.out << first.err;
  const Outcome why = run_with({"analyze", capture, "--config", path("first.json"), "--why", "1"});
  EXPECT_TRUE(contains(why.out, "own-cut")) << why.out;
  EXPECT_TRUE(contains(why.out, "decides")) << why.out;
  const Outcome beside = run_with({"analyze", capture, "--config", path("beside.json")});
  EXPECT_FALSE(contains(beside.out, "own-cut towards")) << beside.out;
  const Outcome other =
      run_with({"analyze", capture, "--config", path("beside.json"), "--why", "1"});
  EXPECT_FALSE(contains(other.out, "decides")) << other.out;
  forget_own_labels();
}

TEST_F(Cli, AFileBesideOthersThatIsNoCaptureIsAnError) {
  write("readme.txt", "see there");
  const Outcome text = run_with({"analyze", capture(), path("readme.txt")});
  EXPECT_EQ(text.status, 2);
  EXPECT_TRUE(contains(text.err, "readme.txt: not a capture file")) << text.err;
  // What a rotation leaves behind is none.
  write("cut.pcap", pcap_header().substr(0, 10));
  const Outcome cut = run_with({"analyze", capture(), path("cut.pcap")});
  EXPECT_EQ(cut.status, 0);
  EXPECT_TRUE(contains(cut.err, "cut.pcap: passed over")) << cut.err;
}

TEST_F(Cli, AnOutputThatCannotBeWrittenIsNamedWithTheReason) {
  fs::create_symlink("nowhere", path("dangling"));
  const std::vector<std::pair<std::string, const char*>> cases{
      {path("no/such/folder/report.txt"), "No such file or directory"},
      {folder_.string(), "is a directory"},
      {path("dangling"), "leads nowhere"},
      {"/dev/full", "No space left on device"},
      {capture() + "/report.txt", "Not a directory"},
  };
  for (const auto& [output, reason] : cases) {
    const Outcome outcome = run_with({"analyze", capture(), "-o", output});
    EXPECT_EQ(outcome.status, 2) << output;
    EXPECT_TRUE(contains(outcome.err, output + ": ")) << outcome.err;
    EXPECT_TRUE(contains(outcome.err, reason)) << outcome.err;
  }
  EXPECT_EQ(files(), 2u);
}

TEST_F(Cli, DevicesAreWrittenDirectly) {
  EXPECT_EQ(run_with({"analyze", capture(), "-o", "/dev/null"}).status, 0);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(
      contains(run_with({"analyze", capture(), "-o", "/dev/stdout"}).out, "connect-refused"));
}

/// Standard output whose every write fails in the same way.
class Failing final : public std::streambuf {
 public:
  explicit Failing(int reason) : reason_{reason} {}

 protected:
  int overflow(int) override { return fail(); }
  std::streamsize xsputn(const char*, std::streamsize) override {
    fail();
    return 0;
  }

 private:
  int fail() {
    errno = reason_;
    return traits_type::eof();
  }
  int reason_;
};

TEST_F(Cli, AFullDiskIsAnErrorButAReaderThatLeftIsNot) {
  const std::string file = capture();
  const std::array<const char*, 3> argv{"httpdiag", "analyze", file.c_str()};
  for (const auto& [reason, status] : {std::pair{ENOSPC, 2}, std::pair{EPIPE, 0}}) {
    Failing buffer{reason};
    std::ostream out{&buffer};
    std::ostringstream err;
    EXPECT_EQ(run(3, argv.data(), {.out = out, .err = err}), status);
    EXPECT_EQ(err.str().empty(), status == 0) << err.str();
  }
}

}  // namespace
}  // namespace httpdiag::cli
