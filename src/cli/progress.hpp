// SPDX-License-Identifier: Apache-2.0
// The line that shows a person at a terminal that work goes on. It appears
// after a second and is gone when the work is done.
#pragma once

#include <chrono>
#include <iosfwd>

#include "httpdiag/analysis.hpp"

namespace httpdiag::cli {

class Progress final : public ProgressSink {
 public:
  explicit Progress(std::ostream& terminal);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void on_progress(std::uint64_t packets) override;

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream& terminal_;
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace httpdiag::cli
