// SPDX-License-Identifier: Apache-2.0
// The benchmark's captures say what is in them; the analysis has to find just that.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "../bench/traffic.hpp"
#include "httpdiag/analysis.hpp"

namespace httpdiag {
namespace {

using bench::Truth;
using Counts = std::map<std::string, std::uint64_t>;

class StringSink final : public bench::ByteSink {
 public:
  std::string bytes;
  void write(std::string_view more) override { bytes += more; }
};

class Ignore final : public FlowReportSink {
 public:
  void on_flow_report(const FlowReport&) override {}
};

Counts counts(const std::array<std::uint64_t, kMaxLabels>& by_label) {
  Counts result;
  for (std::size_t i = 0; i < kLabelCount; ++i) {
    if (by_label[i] > 0) result[std::string{info(static_cast<Label>(i)).id}] = by_label[i];
  }
  return result;
}

void expect_found(const Truth& truth, const std::string& capture, const std::string& name) {
  const auto path = std::filesystem::path{testing::TempDir()} / ("bench-truth-" + name + ".pcap");
  std::ofstream{path, std::ios::binary} << capture;
  const auto source = open_capture(path.string(), {});
  Ignore ignore;
  const Report report = analyze(*source, Settings{}, ignore);
  std::filesystem::remove(path);
  EXPECT_EQ(report.ledger.packets, truth.packets);
  EXPECT_EQ(report.flows, truth.flows);
  EXPECT_EQ(report.exchanges, truth.exchanges);
  EXPECT_EQ(counts(report.flow_labels), truth.flow_labels);
  EXPECT_EQ(counts(report.exchange_labels), truth.exchange_labels);
}

TEST(BenchTruth, CallbacksAreJudgedAsMade) {
  StringSink out;
  const Truth truth =
      bench::write_callbacks({.bytes = 6 << 20, .flows_per_second = 2000, .seed = 7}, out);
  EXPECT_GE(truth.flow_labels.size(), 16U) << "too small to hold every kind of failure";
  EXPECT_GT(truth.exchange_labels.at("ok") * 100, truth.exchanges * 94);
  expect_found(truth, out.bytes, "callbacks");
}

TEST(BenchTruth, TheSameSeedGivesTheSameBytes) {
  StringSink one, two, other;
  const auto make = [](std::uint64_t seed, StringSink& out) {
    bench::write_callbacks({.bytes = 200000, .flows_per_second = 500, .seed = seed}, out);
  };
  make(1, one);
  make(1, two);
  make(2, other);
  EXPECT_TRUE(one.bytes == two.bytes);
  EXPECT_FALSE(one.bytes == other.bytes);
}

TEST(BenchTruth, IdleFlowsAreHealthy) {
  StringSink out;
  const Truth truth = bench::write_idle_flows(500, out);
  expect_found(truth, out.bytes, "idle");
}

TEST(BenchTruth, SynsAreAbandonedAttempts) {
  StringSink out;
  const Truth truth = bench::write_syns(500, out);
  expect_found(truth, out.bytes, "syns");
}

TEST(BenchTruth, BulkIsHealthy) {
  StringSink out;
  const Truth truth = bench::write_bulk(1 << 20, out);
  EXPECT_EQ(truth.flows, 1U);
  expect_found(truth, out.bytes, "bulk");
}

}  // namespace
}  // namespace httpdiag
