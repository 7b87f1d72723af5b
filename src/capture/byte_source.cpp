// SPDX-License-Identifier: Apache-2.0
#include "capture/byte_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

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

FileSource::FileSource(const std::string& path, bool digest) : fd_{open_for_reading(path)} {
  struct stat status {};
  if (fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
    if (fd_ != STDIN_FILENO) ::close(fd_);
    throw Error{(path == "-" ? "standard input" : path) + ": is a directory"};
  }
  if (digest) digest_.emplace();
}

FileSource::~FileSource() {
  if (fd_ != STDIN_FILENO) ::close(fd_);
}

std::size_t FileSource::read(std::span<std::byte> out) {
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
  const auto size = static_cast<std::size_t>(count);
  if (digest_) digest_->update(out.first(size));
  total_ += size;
  return size;
}

std::string FileSource::trouble() const {
  return error_ == 0 ? std::string{} : std::string{"reading failed: "} + std::strerror(error_);
}

}  // namespace httpdiag::capture
