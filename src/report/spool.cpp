// SPDX-License-Identifier: Apache-2.0
#include "report/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "httpdiag/error.hpp"

namespace httpdiag::report {
namespace {

std::string temporary_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

[[noreturn]] void fail(std::string_view what) {
  const int reason = errno;
  throw Error{fmt::format("{}: {} a temporary file for the report: {}", temporary_folder(), what,
                          std::strerror(reason))};
}

int open_unlinked() {
  std::string name = temporary_folder() + "/httpdiag-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) fail("cannot create");
  ::unlink(name.c_str());  // goes with the process, however that ends
  return file;
}

}  // namespace

Spool::~Spool() {
  if (file_ >= 0) ::close(file_);
}

void Spool::add(FlowId id, std::string_view text) {
  HTTPDIAG_CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
  index_.push_back({.id = static_cast<std::uint32_t>(id),
                    .length = static_cast<std::uint32_t>(text.size()),
                    .offset = in_file_ + pending_.size()});
  pending_ += text;
  if (pending_.size() > memory_bytes_) spill();
}

void Spool::spill() {
  if (file_ < 0) file_ = open_unlinked();
  std::string_view left = pending_;
  while (!left.empty()) {
    const ssize_t written = ::write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  in_file_ += pending_.size();
  pending_.clear();
}

void Spool::read(const Entry& entry, std::string& text) const {
  if (entry.offset >= in_file_) {
    text.assign(pending_, static_cast<std::size_t>(entry.offset - in_file_), entry.length);
    return;
  }
  text.resize(entry.length);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::pread(file_, text.data() + done, text.size() - done,
                                static_cast<off_t>(entry.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read");
    HTTPDIAG_CHECK(got > 0);
    done += static_cast<std::size_t>(got);
  }
}

void Spool::for_each(const std::function<void(std::string_view)>& take, std::size_t limit) {
  std::sort(index_.begin(), index_.end(),
            [](const Entry& a, const Entry& b) { return a.id < b.id; });
  std::string text;
  for (std::size_t i = 0; i < std::min(limit, index_.size()); ++i) {
    read(index_[i], text);
    take(text);
  }
}

}  // namespace httpdiag::report
