// SPDX-License-Identifier: Apache-2.0
// Format json: one document, flows in order of id. Flows end in any order, so
// each is rendered at once and spooled.
#include "report/flow_json.hpp"
#include "report/render.hpp"
#include "report/spool.hpp"
#include "report/summary_json.hpp"

namespace httpdiag::report {
namespace {

class JsonWriter final : public Writer {
 public:
  JsonWriter(const Options& options, Output& out)
      : options_{options}, out_{out}, cap_{options.max_healthy_flows} {}

  void on_flow_report(const FlowReport& flow) override {
    if (!options_.selection.covers(flow) || !cap_.admit(flow)) return;
    JsonOut json;
    json.object();
    write_flow_fields(json, flow, options_);
    json.end();
    flows_.add(flow.id, json.text());
  }

  void finish(const Report& report) override {
    check_flow_exists(options_.selection, report);
    JsonOut json;
    json.object();
    write_head_fields(json, report, options_);
    json.line_break().key("flows").array();
    flows_.for_each([&](std::string_view flow) {
      json.line_break().raw(flow);
      out_.write(json.text());
      json.drain();
    });
    json.end();
    write_tail_fields(json, report, cap_);
    json.end();
    out_.write(json.text());
    out_.write("\n");
  }

 private:
  Options options_;
  Output& out_;
  HealthyCap cap_;
  Spool flows_;
};

/// Format ndjson: a line per flow as it ends, then a line with the rest.
class NdjsonWriter final : public Writer {
 public:
  NdjsonWriter(const Options& options, Output& out)
      : options_{options}, out_{out}, cap_{options.max_healthy_flows} {}

  void on_flow_report(const FlowReport& flow) override {
    if (!options_.selection.covers(flow) || !cap_.admit(flow)) return;
    JsonOut json;
    json.object().field("type", "flow");
    write_flow_fields(json, flow, options_);
    json.end();
    out_.write(json.text());
    out_.write("\n");
  }

  void finish(const Report& report) override {
    check_flow_exists(options_.selection, report);
    JsonOut json{JsonOut::Layout::one_line};
    json.object().field("type", "summary");
    write_head_fields(json, report, options_);
    write_tail_fields(json, report, cap_);
    json.end();
    out_.write(json.text());
    out_.write("\n");
  }

 private:
  Options options_;
  Output& out_;
  HealthyCap cap_;
};

}  // namespace

std::unique_ptr<Writer> make_json_writer(const Options& options, Output& out) {
  return std::make_unique<JsonWriter>(options, out);
}

std::unique_ptr<Writer> make_ndjson_writer(const Options& options, Output& out) {
  return std::make_unique<NdjsonWriter>(options, out);
}

std::unique_ptr<Writer> make_writer(Format format, const Options& options, Output& out) {
  switch (format) {
    case Format::text:
      return make_text_writer(options, out);
    case Format::json:
      return make_json_writer(options, out);
    case Format::ndjson:
      return make_ndjson_writer(options, out);
  }
  return nullptr;
}

}  // namespace httpdiag::report
