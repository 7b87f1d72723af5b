// SPDX-License-Identifier: Apache-2.0
// Merged shards say what the undivided run says, byte for byte; and what does not belong together
// is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "httpdiag/error.hpp"
#include "httpdiag/shard.hpp"
#include "properties/recording.hpp"
#include "shard/blocks.hpp"
#include "shard/events.hpp"
#include "shard/fields.hpp"
#include "shard/player.hpp"
#include "support/command.hpp"
#include "support/testdata.hpp"

namespace httpdiag {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::run;
using test::operator+;
using Outcome = test::CommandOutcome;

class Merge : public testing::Test {
 protected:
  Merge() : folder_{fs::path{testing::TempDir()} / fmt::format("httpdiag-merge-{}", ::getpid())} {
    fs::create_directories(folder_);
  }
  ~Merge() override { fs::remove_all(folder_); }

  std::string part(unsigned index) const {
    return (folder_ / fmt::format("part{}.json", index)).string();
  }
  /// The reports of all shards, the last one first.
  Arguments parts(const Arguments& captures, unsigned count, const Arguments& options = {}) const {
    Arguments paths;
    for (unsigned i = count; i-- > 0;) {
      const Outcome shard = run(Arguments{"analyze"} + captures +
                                Arguments{"--format", "json", "-q", "-o", part(i), "--shard",
                                          fmt::format("{}/{}", i, count)} +
                                options);
      EXPECT_EQ(shard.status, 0) << shard.err;
      paths.push_back(part(i));
    }
    return paths;
  }
  /// `options` are those of both, `shown` of what writes the report.
  void expect_same(const Arguments& captures, unsigned count, const Arguments& options = {},
                   const Arguments& shown = {"--format", "json"}) const {
    const Arguments reports = parts(captures, count, options);
    const Outcome whole = run(Arguments{"analyze"} + captures + options + shown);
    const Outcome merged = run(Arguments{"merge"} + reports + shown);
    EXPECT_EQ(merged.status, whole.status) << captures.front() << ": " << merged.err;
    EXPECT_EQ(merged.err, whole.err) << captures.front();
    EXPECT_TRUE(merged.out == whole.out)
        << captures.front() << " and " << captures.size() - 1 << " more in " << count << " shards";
  }

  fs::path folder_;
};

Arguments captures() {
  Arguments paths;
  for (const fs::path& path : test::capture_paths()) paths.push_back(path.string());
  return paths;
}

TEST_F(Merge, OfThreeShardsIsTheUndividedRun) {
  for (const std::string& path : captures()) expect_same({path}, 3);
}

TEST_F(Merge, OfAnyNumberOfShardsIsTheUndividedRun) {
  const Arguments all = captures();
  for (std::size_t i = 0; i < all.size(); i += 9) {
    for (const unsigned count : {1u, 2u, 7u}) expect_same({all[i]}, count);
  }
}

// Flows of many captures beside each other: tuples are reused, names learnt, hosts shared.
TEST_F(Merge, OfManyCapturesThrownTogether) {
  const Arguments all = captures();
  constexpr std::size_t kTogether = 60;
  for (std::size_t i = 0; i < all.size(); i += kTogether) {
    const auto end = std::min(all.size(), i + kTogether);
    const Arguments some(all.begin() + static_cast<std::ptrdiff_t>(i),
                         all.begin() + static_cast<std::ptrdiff_t>(end));
    expect_same(some, 4);
  }
}

TEST_F(Merge, InAllFormatsAndWithAllOptions) {
  for (const std::string name :
       {"proxy-gave-up", "delivery-rejected--after-six-attempts", "keepalive-mismatch", "dns-slow",
        "tls-alert", "capture-clock-anomaly", "connect-refused--address-translation"}) {
    const std::string path = "pcaps/" + name + ".pcap";
    if (!fs::exists(path)) continue;
    expect_same({path}, 2, {}, {"--format", "text", "--flows", "all"});
    expect_same({path}, 2, {}, {"--format", "ndjson", "--show-payload"});
    expect_same({path}, 2, {}, {"--why", "1"});
    expect_same({path}, 2, {}, {"--flow", "1", "--fail-on", "error"});
    expect_same({path}, 2, {}, {"--find", "POST", "--format", "json"});
    expect_same({path}, 2, {"--host", "203.0.113.9"}, {"--status", "2xx", "--format", "json"});
  }
}

TEST_F(Merge, RefusesWhatIsMissingTwiceOrOfAnotherCapture) {
  const std::string capture = "pcaps/no-response.pcap";
  const Arguments reports = parts({capture}, 3);
  const auto complaint = [](const Arguments& paths) {
    const Outcome outcome = run(Arguments{"merge"} + paths);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    return outcome.err;
  };
  EXPECT_NE(complaint({part(0), part(2)}).find("shard 1 of 3 is missing"), std::string::npos);
  EXPECT_NE(complaint({part(0), part(1)}).find("shard 2 of 3 is missing"), std::string::npos);
  EXPECT_NE(complaint({part(0), part(1), part(1)}).find("is the same shard"), std::string::npos);
  const std::string other = (folder_ / "other.json").string();
  EXPECT_EQ(run({"analyze", "pcaps/connect-refused.pcap", "--shard", "2/3", "--format", "json",
                 "-o", other})
                .status,
            0);
  EXPECT_NE(complaint({part(0), part(1), other}).find("another capture"), std::string::npos);
  EXPECT_NE(complaint(reports + Arguments{"--vantage", "client"}).find("other settings"),
            std::string::npos);
  EXPECT_NE(complaint(reports + Arguments{"--port", "80"}).find("--port"), std::string::npos);
  EXPECT_NE(complaint({capture}).find("no JSON"), std::string::npos);
  EXPECT_EQ(run({"analyze", capture, "--format", "json", "-o", other}).status, 0);
  EXPECT_NE(complaint({other, part(0)}).find("no JSON report of a shard"), std::string::npos);
}

// What is told of single connections cannot be put together again: the table says how often.
TEST_F(Merge, OfDifferentCapturesIsATable) {
  const std::string one = (folder_ / "one.json").string(), two = (folder_ / "two.ndjson").string();
  EXPECT_EQ(run({"analyze", "pcaps/no-response.pcap", "--format", "json", "-o", one}).status, 0);
  EXPECT_EQ(run({"analyze", "pcaps/delivery-rejected--after-six-attempts.pcap", "--format",
                 "ndjson", "-o", two})
                .status,
            0);
  const Outcome text = run({"merge", one, two});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_TRUE(text.out.starts_with("2 captures: 8 requests on 8 connections, 2 deliveries.\n"))
      << text.out;
  EXPECT_NE(text.out.find("client-timeout towards 203.0.113.9:8080\n"
                          "         6 of 8 (75.00 %) of the requests, in 1 of 2 captures"),
            std::string::npos)
      << text.out;
  const Outcome json = run({"merge", one, two, "--format", "json"});
  EXPECT_NE(json.out.find("\"label\":\"no-response\",\"server\":\"203.0.113.9:8080\","
                          "\"annotation\":false,\"severity\":\"error\",\"count\":1,\"of_count\":8,"
                          "\"captures\":1"),
            std::string::npos)
      << json.out;
}

// Half of the packets of one host and half of those of another are the whole of nothing.
TEST_F(Merge, RefusesShardsOfOtherPackets) {
  const auto shard = [&](unsigned index, const Arguments& filter) {
    EXPECT_EQ(run(Arguments{"analyze", "pcaps/no-response.pcap", "--format", "json", "-q", "-o",
                            part(index), "--shard", fmt::format("{}/2", index)} +
                  filter)
                  .status,
              0);
  };
  const auto complaint = [&](const Arguments& first, const Arguments& second) {
    shard(0, first);
    shard(1, second);
    const Outcome outcome = run({"merge", part(0), part(1)});
    EXPECT_EQ(outcome.status, outcome.err.empty() ? 0 : 2);
    return outcome.err;
  };
  const std::string words = part(1) + ": was made of other packets than " + part(0);
  // Both choose all packets, and count alike.
  EXPECT_NE(complaint({"--port", "8080"}, {"--host", "203.0.113.9"})
                .find(words + ": with --host 203.0.113.9, that one with --port 8080;"),
            std::string::npos);
  EXPECT_NE(
      complaint({}, {"--time", "..+1h"}).find(words + ": with --time ..+1h, that one with no"),
      std::string::npos);
  EXPECT_EQ(complaint({"--port", "8080", "--port", "80"}, {"--port", "80", "--port", "8080"}), "");
}

// Not one byte of a state can be changed so that memory is read that is not there.
TEST_F(Merge, SurvivesDamagedStates) {
  parts({"pcaps/proxy-gave-up.pcap"}, 1);
  const std::string report = test::read_file(part(0));
  const std::size_t begin = report.find("\"shard\":");
  ASSERT_NE(begin, std::string::npos);
  for (std::size_t i = begin; i < report.size(); i += 37) {
    std::string damaged = report;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    std::ofstream{part(1), std::ios::binary} << damaged;
    const Outcome outcome = run({"merge", part(1)});
    EXPECT_TRUE(outcome.status == 2 || outcome.status == 0) << i;
  }
}

// A report that somebody wrote by hand: one line says which file, and what is wrong in it.
TEST_F(Merge, NamesWhatIsWrongInAForeignReport) {
  const auto complaint = [&](const std::string& text) {
    std::ofstream{part(8), std::ios::binary} << text;
    const Outcome outcome = run({"merge", part(8), part(8)});
    EXPECT_EQ(outcome.status, 2) << text;
    EXPECT_EQ(outcome.out, "") << text;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.find("json.exception"), std::string::npos) << outcome.err;
    const std::string head = "httpdiag: " + part(8) + ": ";
    EXPECT_TRUE(outcome.err.starts_with(head)) << outcome.err;
    return outcome.err.substr(head.size(), outcome.err.size() - head.size() - 1);
  };
  EXPECT_EQ(complaint("{\"schema\":\"httpdiag.report/1\"}"),
            "is no report of httpdiag: \"tool\" is missing");
  EXPECT_EQ(complaint("{}"), "is no report of httpdiag: \"schema\" is missing");
  EXPECT_EQ(complaint("{\"schema\":7}"), "is no report of httpdiag: \"schema\" is no text");
  EXPECT_EQ(complaint("{\"schema\":\"x\"}"),
            "is no report of httpdiag: \"schema\" is not \"httpdiag.report/1\"");
  EXPECT_EQ(complaint("{\"a\":1e999}"), "is no JSON at byte 10");
  EXPECT_EQ(complaint("{\"shard\":{}}"), "is no report of a shard: \"shard.index\" is missing");
  EXPECT_EQ(complaint("{\"shard\":{\"index\":-1}}"),
            "is no report of a shard: \"shard.index\" is of a wrong type");
  EXPECT_EQ(complaint("{\"shard\":{\"index\":4097}}"),
            "is no report of a shard: \"shard.index\" is greater than 4096");
  EXPECT_EQ(complaint("{\"shard\":{\"index\":0,\"index\":1}}"),
            "is no report of a shard: \"shard.index\" is there twice");
  EXPECT_EQ(complaint("{\"shard\":{\"filters\":[[]]}}"),
            "is no report of a shard: \"shard.filters\" is of a wrong type");
  EXPECT_EQ(complaint("{\"shard\":{\"input\":[\"%\"]}}"),
            "is no report of a shard: \"shard.input\" is damaged");
  const std::string rest =
      ",\"fingerprint\":\"\",\"filters\":[],\"recover\":false,\"input\":[\"\"],\"packets\":[],"
      "\"events\":[]},"
      "\"tool\":{\"version\":\"";
  EXPECT_EQ(complaint("{\"shard\":{\"index\":1,\"count\":1" + rest + "1\"}}"),
            "is no report of a shard: there is no shard 1 of 1");
}

// What a shard keeps is for the rules of its own version.
TEST_F(Merge, RefusesShardsOfAnotherVersion) {
  parts({"pcaps/no-response.pcap"}, 1);
  std::string report = test::read_file(part(0));
  const std::string version = "\"version\":\"";
  report.insert(report.find(version) + version.size(), "9");
  std::ofstream{part(1), std::ios::binary} << report;
  const Outcome outcome = run({"merge", part(1)});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.err.find(part(1) + ": is of httpdiag 9"), std::string::npos) << outcome.err;
  // Without any: it is none of ours.
  const std::size_t tool = report.find("\"tool\"");
  report.replace(tool, 6, "\"toot\"");
  std::ofstream{part(1), std::ios::binary} << report;
  EXPECT_NE(run({"merge", part(1)}).err.find("\"tool.version\" is missing"), std::string::npos);
}

// Every member of a report is checked where a table is made of several.
TEST_F(Merge, SurvivesReportsWithMembersOfOtherTypes) {
  EXPECT_EQ(run({"analyze", "pcaps/proxy-gave-up.pcap", "--format", "json", "-o", part(0)}).status,
            0);
  const auto whole = nlohmann::json::parse(test::read_file(part(0)));
  unsigned refused = 0;
  const auto try_with = [&](const nlohmann::json& changed) {
    std::ofstream{part(1), std::ios::binary} << changed.dump();
    const Outcome outcome = run({"merge", part(0), part(1)});
    EXPECT_EQ(outcome.err.find("json.exception"), std::string::npos) << outcome.err;
    EXPECT_TRUE(outcome.status == 0 || outcome.err.find(part(1)) != std::string::npos);
    refused += outcome.status == 2;
  };
  const auto flat = whole.flatten();
  for (const auto& [name, value] : flat.items()) {
    if (name.starts_with("/flows/") || name.starts_with("/settings/")) continue;
    for (const nlohmann::json& other : {nlohmann::json(-1), nlohmann::json::array({1}),
                                        nlohmann::json("x"), nlohmann::json(~std::uint64_t{0})}) {
      auto changed = whole;
      changed[nlohmann::json::json_pointer{name}] = other;
      try_with(changed);
    }
    auto without = whole;
    without[nlohmann::json::json_pointer{name}.parent_pointer()] = nullptr;
    try_with(without);
  }
  EXPECT_GT(refused, 20u);
}

/// Takes all in.
class Deaf final : public ExchangeSink, public FlowSink, public TlsSink, public DnsMessageSink {
 public:
  void on_exchange(const FlowRecord&, Exchange&, bool, Timestamp) override { ++heard; }
  void on_stray(const FlowRecord&, const Stray&) override { ++heard; }
  void on_flow(const FlowRecord&, EndCause, Timestamp) override { ++heard; }
  void on_tls_server(const Endpoint&) override { ++heard; }
  void on_tls(const FlowRecord&, std::shared_ptr<const TlsSession>) override { ++heard; }
  void on_message(const DnsMessage&) override { ++heard; }
  void on_name(const IpAddress&, const std::string&) override { ++heard; }
  unsigned heard = 0;
};

// Behind the checksum of the encoding: what is out of range is refused, the rest is believed.
TEST_F(Merge, ReadsForgedStatesWithoutHarm) {
  parts({"pcaps/proxy-gave-up.pcap", "pcaps/tls-alert.pcap", "pcaps/dns-slow.pcap"}, 1);
  const ShardState original = load_shard(part(0)).value();
  const std::string events = shard::inflated(original.events.at(0));
  unsigned refused = 0;
  Deaf deaf;
  for (std::size_t i = 0; i < events.size(); i += 3) {
    std::string forged = events;
    forged[i] = static_cast<char>(forged[i] ^ (1 << i % 8));
    std::vector<ShardState> states(1);
    states[0].shard = original.shard;
    states[0].fingerprint = original.fingerprint;
    states[0].input.add(original.input.at(0));
    for (std::size_t block = 1; block < original.input.size(); ++block)
      states[0].input.add(original.input.at(block));
    for (std::size_t block = 0; block < original.packets.size(); ++block)
      states[0].packets.add(original.packets.at(block));
    states[0].events.add(shard::deflated(forged));
    try {
      shard::Player player{std::move(states), {}};
      player.play({deaf, deaf, deaf, deaf}, {[](PacketRef) {}, [] {}, [](Timestamp) {}});
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, events.size() / 20);
  EXPECT_GT(deaf.heard, 0u);
}

/// A state with these bytes for its packets.
ShardState with_packets(const ShardState& original, const std::string& packets) {
  ShardState state;
  state.shard = original.shard;
  state.fingerprint = original.fingerprint;
  for (std::size_t block = 0; block < original.input.size(); ++block)
    state.input.add(original.input.at(block));
  for (std::size_t block = 0; block < original.events.size(); ++block)
    state.events.add(original.events.at(block));
  state.packets.add(shard::deflated(packets));
  return state;
}

// The same of times and of what began with packets, which put captures in order.
TEST_F(Merge, ReadsForgedTimesWithoutHarm) {
  parts({"pcaps/proxy-gave-up.pcap"}, 1);
  const ShardState original = load_shard(part(0)).value();
  parts({"pcaps/tls-alert.pcap"}, 1);
  const ShardState other = load_shard(part(0)).value();
  const std::string packets = shard::inflated(original.packets.at(0));
  const std::string others = shard::inflated(other.packets.at(0));
  unsigned refused = 0;
  Deaf deaf;
  for (std::size_t i = 0; i < packets.size() * 8; ++i) {
    std::string forged = packets;
    forged[i / 8] = static_cast<char>(forged[i / 8] ^ (1 << i % 8));
    for (const bool together : {false, true}) {
      std::vector<ShardState> states;
      states.push_back(with_packets(original, forged));
      if (together) states.push_back(with_packets(other, others));
      try {
        shard::Player player{std::move(states), {}};
        player.play({deaf, deaf, deaf, deaf}, {[](PacketRef) {}, [] {}, [](Timestamp) {}});
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, packets.size());
  EXPECT_GT(deaf.heard, 0u);
}

/// As one shard that was told of `flow` alone.
std::string complaint_about(const ShardState& original, const FlowRecord& flow) {
  shard::Encoder encoder;
  encoder.number(0);  // of no packet
  encoder.number(1);
  encoder.number(static_cast<std::uint64_t>(shard::Event::flow));
  encoder(flow, EndCause::capture_over, Timestamp{}, Waited{});
  std::vector<ShardState> states(1);
  states[0].name = "forged.json";
  states[0].shard = original.shard;
  states[0].fingerprint = original.fingerprint;
  for (std::size_t block = 0; block < original.input.size(); ++block)
    states[0].input.add(original.input.at(block));
  states[0].events.add(shard::deflated(encoder.take()));
  try {
    Deaf deaf;
    shard::Player player{std::move(states), {}};
    player.play({deaf, deaf, deaf, deaf}, {[](PacketRef) {}, [] {}, [](Timestamp) {}});
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

// The rules take for granted what the tracker always writes.
TEST_F(Merge, RefusesASynThatWasRepeatedAtNoTime) {
  parts({"pcaps/connect-abandoned.pcap"}, 1);
  const ShardState original = load_shard(part(0)).value();
  FlowRecord flow;
  flow.id = FlowId{1};
  flow.sides[0].syn = {1, Timestamp{}};
  flow.sides[0].syns = 1;
  EXPECT_EQ(complaint_about(original, flow), "none");
  flow.sides[0].syns = 3;
  EXPECT_EQ(complaint_about(original, flow), "forged.json: the state of the shard is damaged");
}

TEST(Shards, DivideAllFlowsAndTakeBothDirectionsAlike) {
  FlowRecord flow;
  std::array<unsigned, 5> sizes{};
  for (std::uint32_t i = 0; i < 5000; ++i) {
    flow.client = {IpAddress::v4(0x0a000000 + i / 500), static_cast<std::uint16_t>(40000 + i)};
    flow.server = {IpAddress::v4(0xcb007109), 443};
    unsigned owners = 0;
    for (std::uint32_t shard = 0; shard < 5; ++shard) {
      const bool forward = shard::belongs_to({shard, 5}, flow);
      std::swap(flow.client, flow.server);
      EXPECT_EQ(shard::belongs_to({shard, 5}, flow), forward);
      std::swap(flow.client, flow.server);
      owners += forward;
      sizes[shard] += forward;
    }
    EXPECT_EQ(owners, 1u);
  }
  for (const unsigned size : sizes) EXPECT_NEAR(size, 1000, 150);
}

TEST(Coding, GivesBackWhatItTook) {
  shard::Encoder encoder;
  const PacketRef early{7, Timestamp{Duration{-5}}}, late{1, Timestamp::max()};
  encoder(early, late, late, PacketRef{}, std::int8_t{-1}, ~std::uint64_t{0}, INT64_MIN,
          std::string{"\0x", 2}, std::optional<std::uint16_t>{}, std::vector<bool>{}.size());
  const std::string bytes = encoder.take();
  shard::Interned interned;
  shard::Decoder decoder{bytes, interned};
  std::array<PacketRef, 4> packets;
  std::int8_t small = 0;
  std::uint64_t large = 0, size = 1;
  std::int64_t least = 0;
  std::string text;
  std::optional<std::uint16_t> none = 3;
  decoder(packets, small, large, least, text, none, size);
  EXPECT_EQ(packets[0], early);
  EXPECT_EQ(packets[1], late);
  EXPECT_EQ(packets[2], late);
  EXPECT_EQ(packets[3], PacketRef{});
  EXPECT_EQ(small, -1);
  EXPECT_EQ(large, ~std::uint64_t{0});
  EXPECT_EQ(least, INT64_MIN);
  EXPECT_EQ(text, (std::string{"\0x", 2}));
  EXPECT_FALSE(none);
  EXPECT_EQ(size, 0u);
  EXPECT_TRUE(decoder.at_end());
  EXPECT_THROW(decoder.number(), Error);
  EXPECT_THROW(decoder(text), Error);
}

TEST(Coding, RefusesWhatIsOutOfRange) {
  shard::Interned interned;
  const auto refuses = [&](const std::string& bytes, auto value) {
    shard::Decoder decoder{bytes, interned};
    EXPECT_THROW(decoder(value), Error);
  };
  refuses("\x02", Side{});
  refuses("\x02", true);
  refuses(std::string(10, '\xff'), std::uint64_t{});
  refuses("\x80\x08", std::uint8_t{});
  refuses(
      "\x05"
      "abcd",
      std::string{});
  refuses("\xff\xff\x03", std::vector<std::uint64_t>{});
}

}  // namespace
}  // namespace httpdiag
