// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.hpp"

#include <fmt/format.h>

#include <ostream>

namespace httpdiag::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto kFirst = 1s;
constexpr auto kEvery = 200ms;

}  // namespace

Progress::Progress(std::ostream& terminal) : terminal_{terminal}, next_{Clock::now() + kFirst} {}

Progress::~Progress() {
  if (shown_) terminal_ << "\r\x1b[K" << std::flush;
}

void Progress::on_progress(std::uint64_t packets) {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + kEvery;
  shown_ = true;
  terminal_ << fmt::format("\r{} packets read\x1b[K", packets) << std::flush;
}

}  // namespace httpdiag::cli
