// SPDX-License-Identifier: Apache-2.0
// Capture files in memory, for the properties that change their bytes.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "properties/recording.hpp"
#include "report/render.hpp"

namespace httpdiag::test {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : file_{memfd_create("capture", 0)} {
    const auto size = static_cast<ssize_t>(bytes.size());
    if (file_ < 0 || ::write(file_, bytes.data(), bytes.size()) != size) {
      throw std::runtime_error{"no file in memory"};
    }
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }
  void set_size(std::size_t size) const {
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0) throw std::runtime_error{"ftruncate"};
  }
  void set_byte(std::size_t at, char value) const {
    if (::pwrite(file_, &value, 1, static_cast<off_t>(at)) != 1) throw std::runtime_error{"pwrite"};
  }

 private:
  int file_;
};

class Text final : public report::Output {
 public:
  std::string text;
  void write(std::string_view bytes) override { text += bytes; }
};

/// Takes down what it passes on.
class Tee final : public FlowReportSink {
 public:
  explicit Tee(FlowReportSink& next) : next_{next} {}
  std::vector<FlowReport> flows;
  void on_flow_report(const FlowReport& flow) override {
    flows.push_back(flow);
    next_.on_flow_report(flow);
  }

 private:
  FlowReportSink& next_;
};

struct Rendered {
  std::string text;  // as it would be printed
  Outcome outcome;
};

inline Rendered render(PacketSource& source, report::Format format) {
  Text out;
  const auto writer = report::make_writer(format, {}, out);
  Tee tee{*writer};
  Rendered rendered;
  rendered.outcome.report = analyze(source, Settings{}, tee);
  writer->finish(rendered.outcome.report);
  rendered.outcome.report.input = nullptr;
  rendered.outcome.flows = std::move(tee.flows);
  rendered.text = std::move(out.text);
  return rendered;
}

}  // namespace httpdiag::test
