// SPDX-License-Identifier: Apache-2.0
#include "capture/input.hpp"

#include <algorithm>

#include "capture/decompress.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

// Enough to see what a transfer in text mode has done to the first records.
constexpr std::size_t kHead = 1 << 16;
// Where little room is left, more is made.
constexpr std::size_t kPiece = 1 << 16;
// Fits into the second-level cache beside the flows.
constexpr std::size_t kBlock = 1 << 17;

}  // namespace

Input::Input(const std::string& path, bool digest) : file_{path, digest} {
  const std::string name = path == "-" ? "standard input" : path;
  buffer_.resize(kBlock);
  want(kHead);
  if (!file_.trouble().empty() && ready().empty()) {
    throw Error{name + ": cannot be read: " + file_.trouble()};
  }
  if (ready().empty()) throw Error{name + ": empty file (0 bytes)"};
  const Compression* found = compression_of(ready());
  const Passed passed = found != nullptr && found->skips ? pass_frames() : Passed{};
  if (passed.bytes > 0) {
    const Compression* behind = compression_of(ready());
    if (behind != nullptr && behind->skips) found = behind;
  }
  if (found != nullptr) {
    if (!found->built_in()) {
      throw Error{name + ": compressed with " + std::string{found->name} +
                  ", which this build cannot read; decompress it first"};
    }
    compression_ = found->name;
    decompressed_ = found->open(file_, ready(), passed);
    source_ = decompressed_.get();
    begin_ = end_ = 0;
    read_ = 0;
    want(kHead);
  }
  const auto head = ready().first(std::min(ready().size(), kHead));
  head_.assign(head.begin(), head.end());
}

/// However long they are.
Passed Input::pass_frames() {
  Passed passed;
  while (passed.whole && want(kSkippableHeader)) {
    const auto frame = skippable_frame(ready());
    if (!frame) break;
    const std::uint64_t there = skip(*frame);
    passed.bytes += there;
    passed.whole = there == *frame;
  }
  return passed;
}

bool Input::more() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  // Records longer than a block are possible, but their length is bounded by those who want them.
  if (buffer_.size() - end_ < kPiece) buffer_.resize(end_ + kPiece);
  const std::size_t size = source_->read(std::span{buffer_}.subspan(end_));
  end_ += size;
  read_ += size;
  return size > 0;
}

bool Input::want(std::size_t count) {
  while (end_ - begin_ < count) {
    if (!more()) return false;
  }
  return true;
}

std::uint64_t Input::skip(std::uint64_t count) {
  std::uint64_t left = count;
  for (;;) {
    const std::uint64_t here = std::min<std::uint64_t>(left, end_ - begin_);
    begin_ += static_cast<std::size_t>(here);
    left -= here;
    if (left == 0 || !more()) return count - left;
  }
}

std::string Input::trouble_behind(std::uint64_t most) {
  if (!decompressed_) return {};
  begin_ = end_ = 0;
  for (std::uint64_t seen = 0; seen < most;) {
    const std::size_t size = source_->read(buffer_);
    if (size == 0) break;
    seen += size;
  }
  return trouble();
}

void Input::drain() {
  begin_ = end_ = 0;
  while (file_.read(buffer_) > 0) {
  }
}

}  // namespace httpdiag::capture
