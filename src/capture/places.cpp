// SPDX-License-Identifier: Apache-2.0
#include "capture/places.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

[[noreturn]] void fail() {
  throw Error{std::string{"temporary file for packet numbers: "} + std::strerror(errno)};
}

}  // namespace

void Places::begin_run(const Run& run) {
  if (runs_.size() >= in_memory_) spill();
  runs_.push_back(run);
}

void Places::add_first(PacketNumber count) {
  if (count == 0) return;
  begin_run({1, 1, 0});
  count_ = last_[0] = ends_[0] = count;
}

void Places::spill() {
  if (!older_) older_.reset(std::tmpfile());
  if (!older_) fail();
  const std::size_t written = std::fwrite(runs_.data(), sizeof(Run), runs_.size(), older_.get());
  if (written != runs_.size() || std::fflush(older_.get()) != 0) fail();
  older_count_ += written;
  runs_.clear();
}

Places::Run Places::spilled(std::uint64_t index) const {
  Run run;
  const auto at = static_cast<off_t>(index * sizeof run);
  if (::pread(::fileno(older_.get()), &run, sizeof run, at) != ssize_t{sizeof run}) fail();
  return run;
}

/// The last run that does not begin behind `number`.
Places::Run Places::find_spilled(PacketNumber number) const {
  std::uint64_t low = 0, high = older_count_;  // [low, high) holds it
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (spilled(middle).first <= number ? low : high) = middle;
  }
  return spilled(low);
}

PacketPlace Places::place(PacketNumber number) const {
  HTTPDIAG_CHECK(number >= 1 && number <= count_);
  const auto behind =
      std::upper_bound(runs_.begin(), runs_.end(), number,
                       [](PacketNumber wanted, const Run& run) { return wanted < run.first; });
  const Run run = behind == runs_.begin() ? find_spilled(number) : *std::prev(behind);
  return {static_cast<std::uint32_t>(run.file), run.number + (number - run.first)};
}

}  // namespace httpdiag::capture
