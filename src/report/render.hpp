// SPDX-License-Identifier: Apache-2.0
// The face of this stage: a Writer takes each FlowReport as its flow ends and
// the Report when all is read, and writes one format. Where the bytes go is the
// caller's business (Output).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "httpdiag/report.hpp"
#include "httpdiag/shard.hpp"
#include "report/selection.hpp"

namespace httpdiag::report {

enum class Format : std::uint8_t { text, json, ndjson };

/// Where a report goes. write() throws Error when it cannot.
class Output {
 public:
  virtual void write(std::string_view bytes) = 0;

 protected:
  ~Output() = default;
};

struct Options {
  Selection selection;                    // what to report on; everything by default
  const CaptureSummary* input = nullptr;  // tells where packets lie, from the first flow on
  bool show_payload = false;              // lift the redaction of request targets
  bool recover = false;                   // the capture was read with it
  bool colour = false;                    // text: use SGR sequences
  bool all_flows = false;  // text: one line for each flow, not only for those with a problem
  const ShardState* shard = nullptr;  // json: what a merge needs of this report
  std::uint32_t max_healthy_flows = Limits{}.max_healthy_flows;
};

/// Of the reports, only `text` and `json` wait for finish() to write; `ndjson`
/// writes each flow at once and runs in constant memory.
class Writer : public FlowReportSink {
 public:
  virtual ~Writer() = default;
  virtual void finish(const Report& report) = 0;
};

std::unique_ptr<Writer> make_text_writer(const Options& options, Output& out);
std::unique_ptr<Writer> make_json_writer(const Options& options, Output& out);
std::unique_ptr<Writer> make_ndjson_writer(const Options& options, Output& out);
std::unique_ptr<Writer> make_writer(Format format, const Options& options, Output& out);

}  // namespace httpdiag::report
