// SPDX-License-Identifier: Apache-2.0
// Large captures of made-up traffic whose verdicts are known, for benchmarks and
// for the test that compares them with the report. Deterministic: the same
// options give the same bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace httpdiag::bench {

/// Takes the bytes of the capture file as they are made.
class ByteSink {
 public:
  virtual void write(std::string_view bytes) = 0;

 protected:
  ~ByteSink() = default;
};

/// What an analysis of the capture has to find, by primary label.
struct Truth {
  std::uint64_t packets = 0, flows = 0, exchanges = 0;
  std::map<std::string, std::uint64_t> flow_labels, exchange_labels;
};
std::string to_json(const Truth& truth);

struct CallbackOptions {
  std::uint64_t bytes = std::uint64_t{1} << 30;  // about; the last flows are finished
  std::uint64_t flows_per_second = 2000;
  std::uint64_t seed = 1;
};

/// Many short keep-alive connections with POST callbacks and the usual failures.
Truth write_callbacks(const CallbackOptions& options, ByteSink& out);
/// `flows` connections, each with one good exchange, all open at the end.
Truth write_idle_flows(std::uint64_t flows, ByteSink& out);
/// `syns` SYNs from as many tuples, none answered.
Truth write_syns(std::uint64_t syns, ByteSink& out);
/// A few connections with large downloads in 1514-byte packets.
Truth write_bulk(std::uint64_t bytes, ByteSink& out);

}  // namespace httpdiag::bench
