// SPDX-License-Identifier: Apache-2.0
// Where what leaves one stage goes to two.
#pragma once

#include <string_view>

#include "httpdiag/flow.hpp"
#include "httpdiag/opaque.hpp"
#include "httpdiag/stream.hpp"
#include "views/joiner.hpp"

namespace httpdiag::analysis {

/// What is no HTTP goes to whoever can read it; each passes over the other's flows.
class OpaqueSplitter final : public OpaqueSink {
 public:
  OpaqueSplitter(OpaqueSink& tls, OpaqueSink& dns) : tls_{tls}, dns_{dns} {}
  bool on_opaque(const FlowRecord& flow, std::string_view protocol) override {
    return tls_.on_opaque(flow, protocol) || dns_.on_opaque(flow, protocol);
  }
  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk) override {
    tls_.on_chunk(flow, chunk);
    dns_.on_chunk(flow, chunk);
  }
  void on_gap(const FlowRecord& flow, const StreamGap& gap) override {
    tls_.on_gap(flow, gap);
    dns_.on_gap(flow, gap);
  }
  void on_ack(const FlowRecord& flow, Side side) override {
    tls_.on_ack(flow, side);
    dns_.on_ack(flow, side);
  }
  void on_end(const FlowRecord& flow) override {
    tls_.on_end(flow);
    dns_.on_end(flow);
  }

 private:
  OpaqueSink& tls_;
  OpaqueSink& dns_;
};

/// Flows that ended: names first, so that what failed to resolve finds its connection.
class FlowSplitter final : public FlowSink {
 public:
  FlowSplitter(FlowSink& first, FlowSink& second) : first_{first}, second_{second} {}
  void on_begin(FlowId flow, const Segment& segment, bool again) override {
    first_.on_begin(flow, segment, again);
    second_.on_begin(flow, segment, again);
  }
  void on_attempt(FlowId flow, const Endpoint& server, Timestamp now) override {
    first_.on_attempt(flow, server, now);
    second_.on_attempt(flow, server, now);
  }
  void on_connected(FlowId flow) override {
    first_.on_connected(flow);
    second_.on_connected(flow);
  }
  void on_unrelated(const IcmpError& error) override {
    first_.on_unrelated(error);
    second_.on_unrelated(error);
  }
  void on_open(const FlowRecord& flow) override {
    first_.on_open(flow);
    second_.on_open(flow);
  }
  void on_let_go(const Waited& waited) override {
    first_.on_let_go(waited);
    second_.on_let_go(waited);
  }
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override {
    first_.on_flow(flow, cause, now);
    second_.on_flow(flow, cause, now);
  }

 private:
  FlowSink& first_;
  FlowSink& second_;
};

/// With two captures the trail of a flow is complete before anything else hears of its end.
class FlowTap final : public FlowSink {
 public:
  FlowTap(views::Recorder* recorder, FlowSink& next) : recorder_{recorder}, next_{next} {}
  void on_begin(FlowId flow, const Segment& segment, bool again) override {
    next_.on_begin(flow, segment, again);
  }
  void on_attempt(FlowId flow, const Endpoint& server, Timestamp now) override {
    next_.on_attempt(flow, server, now);
  }
  void on_connected(FlowId flow) override { next_.on_connected(flow); }
  void on_unrelated(const IcmpError& error) override { next_.on_unrelated(error); }
  void on_open(const FlowRecord& flow) override { next_.on_open(flow); }
  void on_let_go(const Waited& waited) override { next_.on_let_go(waited); }
  void on_flow(const FlowRecord& flow, EndCause cause, Timestamp now) override {
    if (recorder_ != nullptr) recorder_->on_flow(flow, cause, now);
    next_.on_flow(flow, cause, now);
  }

 private:
  views::Recorder* recorder_;
  FlowSink& next_;
};

}  // namespace httpdiag::analysis
