// SPDX-License-Identifier: Apache-2.0
// A capture file, whatever its bytes, through the whole program up to the
// rendered reports. Bad files must be refused with Error and nothing else.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "fuzz/require.hpp"
#include "httpdiag/analysis.hpp"
#include "httpdiag/error.hpp"
#include "report/render.hpp"

namespace {

using namespace httpdiag;

void check(const Report& report) {
  std::uint64_t accounted =
      report.ledger.decoded + report.ledger.duplicates + report.ledger.filtered;
  for (const std::uint64_t count : report.ledger.skipped) accounted += count;
  REQUIRE(accounted == report.ledger.packets);
  std::uint64_t flows = 0;
  std::uint64_t exchanges = 0;
  for (const std::uint64_t count : report.flow_labels) flows += count;
  for (const std::uint64_t count : report.exchange_labels) exchanges += count;
  REQUIRE(flows == report.flows && exchanges == report.exchanges);
  REQUIRE(!report.headline.empty());
}

class Text final : public report::Output {
 public:
  std::string text;
  void write(std::string_view bytes) override { text += bytes; }
};

std::string render(const std::string& path, report::Format format) {
  const auto source = open_capture(path, {});
  Text out;
  const auto writer = report::make_writer(format, {}, out);
  const Report report = analyze(*source, Settings{}, *writer);
  check(report);
  writer->finish(report);
  return out.text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("capture", 0);
  REQUIRE(file >= 0);
  REQUIRE(write(file, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  try {
    const std::string json = render(path, report::Format::json);
    REQUIRE(nlohmann::json::accept(json));
    for (const char c : render(path, report::Format::text)) {
      REQUIRE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    }
  } catch (const Error&) {
    // refused, in one line
  }
  close(file);
  return 0;
}
