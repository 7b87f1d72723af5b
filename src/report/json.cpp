// SPDX-License-Identifier: Apache-2.0
// Formats json and ndjson. In json flows stand in order of id but end in any
// order, so each is rendered at once and spooled.
#include "base/base64.hpp"
#include "report/flow_json.hpp"
#include "report/render.hpp"
#include "report/spool.hpp"
#include "report/summary_json.hpp"

namespace httpdiag::report {
namespace {

/// What json and ndjson do alike: which flows, and how the document ends.
class JsonFormat : public Writer {
 public:
  JsonFormat(const Options& options, Output& out, JsonOut::Layout layout)
      : options_{options}, out_{out}, cap_{options.max_healthy_flows}, layout_{layout} {}

  void on_flow_report(const FlowReport& flow) final {
    if (options_.selection.covers(flow) && cap_.admit(flow)) add(flow);
  }

  void finish(const Report& report) final {
    check_flow_exists(options_.selection, report);
    JsonOut json{layout_};
    json.use(report.input);
    json.object();
    begin(json);
    write_head_fields(json, report, options_);
    write_flows(json);
    write_tail_fields(json, report, options_, cap_);
    if (options_.shard != nullptr) write_shard(json, *options_.shard);
    json.end();
    put(json);
    out_.write("\n");
  }

 protected:
  virtual void add(const FlowReport& flow) = 0;
  virtual void begin(JsonOut&) {}
  virtual void write_flows(JsonOut&) {}

  void put(JsonOut& json) {
    out_.write(json.text());
    json.drain();
  }
  const Options& options() const { return options_; }
  Output& out() { return out_; }

 private:
  void write_shard(JsonOut& json, const ShardState& state) {
    json.line_break().key("shard").object();
    json.field("index", state.shard.index).field("count", state.shard.count);
    json.field("confidential", true).field("fingerprint", state.fingerprint);
    json.key("filters").array();
    for (const std::string& filter : state.filters) json.value(filter);
    json.end().field("recover", state.recover).key("input").array();
    write_blocks(json, state.input);
    json.end().key("packets").array();
    write_blocks(json, state.packets);
    json.end().key("events").array();
    write_blocks(json, state.events);
    json.end().end();
  }

  void write_blocks(JsonOut& json, const StateBlocks& blocks) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      json.line_break().value(base::base64(blocks.at(i)));
      put(json);
    }
  }

  Options options_;
  Output& out_;
  HealthyCap cap_;
  JsonOut::Layout layout_;
};

class JsonWriter final : public JsonFormat {
 public:
  JsonWriter(const Options& options, Output& out)
      : JsonFormat{options, out, JsonOut::Layout::lines} {}

 private:
  void add(const FlowReport& flow) override {
    JsonOut json;
    json.use(options().input);
    json.object();
    write_flow_fields(json, flow, options());
    json.end();
    flows_.add(flow.id, json.text());
  }

  void write_flows(JsonOut& json) override {
    json.line_break().key("flows").array();
    flows_.for_each([&](std::string_view flow) {
      json.line_break().raw(flow);
      put(json);
    });
    json.end();
  }

  Spool flows_;
};

/// A line per flow as it ends, then a line with the rest.
class NdjsonWriter final : public JsonFormat {
 public:
  NdjsonWriter(const Options& options, Output& out)
      : JsonFormat{options, out, JsonOut::Layout::one_line} {}

 private:
  void add(const FlowReport& flow) override {
    JsonOut json;
    json.use(options().input);
    json.object().field("type", "flow");
    write_flow_fields(json, flow, options());
    json.end();
    put(json);
    out().write("\n");
  }

  void begin(JsonOut& json) override { json.field("type", "summary"); }
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
