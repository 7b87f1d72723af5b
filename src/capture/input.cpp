// SPDX-License-Identifier: Apache-2.0
#include "capture/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

// stdio's 4 KiB cost libpcap 40 % of its time in read(2).
constexpr std::size_t kStreamBuffer = 1 << 20;
constexpr std::size_t kHead = 4096;
// Where a libc asks for small pieces we read larger ones.
constexpr std::size_t kPiece = 1 << 16;
// For records in place: fits into the second-level cache beside the flows.
constexpr std::size_t kBlock = 1 << 17;

int open_for_reading(const std::string& path) {
  if (path == "-") {
    if (isatty(STDIN_FILENO) != 0) {
      throw Error{"standard input is a terminal: send a capture into it, or name a file"};
    }
    return STDIN_FILENO;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd >= 0) return fd;
  switch (errno) {
    case ENOENT:
      throw Error{path + ": no such file"};
    case EACCES:
      throw Error{path + ": permission denied"};
    default:
      throw Error{path + ": cannot be opened: " + std::strerror(errno)};
  }
}

}  // namespace

Input::Input(const std::string& path, bool digest) : fd_{open_for_reading(path)} {
  const std::string name = path == "-" ? "standard input" : path;
  try {
    struct stat status {};
    if (fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) throw Error{name + ": is a directory"};
    if (digest) digest_.emplace();
    pending_.resize(kHead);
    std::size_t size = 0;
    while (size < kHead && !at_end_) size += read_some(std::span{pending_}.subspan(size));
    pending_.resize(size);
    if (error_ != 0) throw Error{name + ": cannot be read: " + std::strerror(error_)};
    if (size == 0) throw Error{name + ": empty file (0 bytes)"};
  } catch (...) {
    if (fd_ != STDIN_FILENO) ::close(fd_);
    throw;
  }
  head_ = pending_;
  // A header that the piece cuts is completed, so that no record's header lies in two.
  pending_.resize(head_.size() + RecordWalker::kLookAhead);
  pending_end_ = walk(0, pending_, head_.size());
  in_place_ = walker_.plain_pcap();
}

Input::~Input() {
  if (fd_ != STDIN_FILENO) ::close(fd_);
}

std::FILE* Input::stream() {
  std::FILE* stream = fopencookie(
      this, "r", {.read = read_cookie, .write = nullptr, .seek = nullptr, .close = nullptr});
  if (stream == nullptr) throw Error{std::string{"out of memory: "} + std::strerror(errno)};
  stream_buffer_ = std::make_unique_for_overwrite<char[]>(kStreamBuffer);
  std::setvbuf(stream, stream_buffer_.get(), _IOFBF, kStreamBuffer);
  return stream;
}

std::uint64_t Input::stop(std::FILE* stream) {
  stopped_ = true;
  // What stdio holds now is all that it will ever give.
  std::uint64_t unused = pending_end_ - given_;
  std::clearerr(stream);
  std::vector<char> scratch(kPiece);
  while (const std::size_t count = std::fread(scratch.data(), 1, scratch.size(), stream)) {
    unused += count;
  }
  return total_ - unused;
}

void Input::drain() {
  pending_.resize(kPiece);
  while (!at_end_) read_some(pending_);
}

ssize_t Input::read_cookie(void* self, char* out, std::size_t size) {
  auto& input = *static_cast<Input*>(self);
  const std::size_t count = input.give(std::as_writable_bytes(std::span{out, size}));
  if (count == 0 && input.error_ != 0) {
    errno = input.error_;
    return -1;
  }
  return static_cast<ssize_t>(count);
}

std::size_t Input::give(std::span<std::byte> out) {
  if (stopped_) return 0;
  // libpcap gets the file header alone, so that stdio keeps none of the records.
  if (in_place_ && given_ < RecordWalker::kFileHeader) {
    out = out.first(std::min(out.size(), RecordWalker::kFileHeader - given_));
  }
  if (given_ == pending_end_ && out.size() >= kPiece) return fill(out);
  if (given_ == pending_end_) {
    pending_.resize(kPiece);
    pending_end_ = fill(pending_);
    given_ = 0;
  }
  const std::size_t count = std::min(out.size(), pending_end_ - given_);
  std::copy_n(pending_.begin() + static_cast<std::ptrdiff_t>(given_), count, out.begin());
  given_ += count;
  return count;
}

std::span<const std::byte> Input::next_record() {
  while (in_place_) {
    const std::size_t length = RecordWalker::plain_length(ready());
    if (length > 0 && length <= ready().size()) {
      const auto record = ready().first(length);
      pass(length);
      return record;
    }
    if (length == 0 || !refill()) leave_to_stream();
  }
  return {};
}

/// What is left goes through the stream, followed by the walker again.
void Input::leave_to_stream() {
  in_place_ = false;
  const std::uint64_t offset = total_ - (pending_end_ - given_);
  walker_.resume(offset);
  pending_.resize(std::max(pending_.size(), pending_end_ + RecordWalker::kLookAhead));
  const std::span<std::byte> rest = std::span{pending_}.subspan(given_);
  pending_end_ = given_ + walk(offset, rest, pending_end_ - given_);
}

/// Puts more input behind what is left of pending_. False: there is none.
bool Input::refill() {
  std::copy(pending_.begin() + static_cast<std::ptrdiff_t>(given_),
            pending_.begin() + static_cast<std::ptrdiff_t>(pending_end_), pending_.begin());
  pending_end_ -= given_;
  given_ = 0;
  // A record longer than a block is possible, but its length is bounded.
  const std::size_t room = std::max(pending_end_ + kPiece, kBlock);
  if (pending_.size() < room) pending_.resize(room);
  const std::size_t size = read_some(std::span{pending_}.subspan(pending_end_));
  pending_end_ += size;
  return size > 0;
}

/// One piece of input, walked. `out` has room for more than kLookAhead bytes.
std::size_t Input::fill(std::span<std::byte> out) {
  const std::uint64_t offset = total_;
  const std::size_t size = read_some(out.first(out.size() - RecordWalker::kLookAhead));
  return size == 0 ? 0 : walk(offset, out, size);
}

/// Has the walker look at the first `size` bytes of `out`, which lie at `offset` of the input.
/// A header that their end cuts is completed behind them; returns how many bytes there are now.
std::size_t Input::walk(std::uint64_t offset, std::span<std::byte> out, std::size_t size) {
  while (const std::size_t more = walker_.walk(offset, out.first(size))) {
    const std::size_t count = read_some(out.subspan(size, more));
    size += count;
    if (count == 0) break;
  }
  return size;
}

/// One read(2). 0: the end of the input, or an error that ends it.
std::size_t Input::read_some(std::span<std::byte> out) {
  if (at_end_) return 0;
  ssize_t count = 0;
  do {
    count = ::read(fd_, out.data(), out.size());
  } while (count < 0 && errno == EINTR);
  if (count <= 0) {
    if (count < 0) error_ = errno;
    at_end_ = true;
    return 0;
  }
  const std::size_t size = static_cast<std::size_t>(count);
  if (digest_) digest_->update(out.first(size));
  total_ += size;
  return size;
}

}  // namespace httpdiag::capture
