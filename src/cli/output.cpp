// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ostream>
#include <string_view>
#include <utility>

namespace httpdiag::cli {
namespace {

constexpr std::size_t kBufferBytes = 64u << 10;

[[noreturn]] void fail(std::string_view path, std::string_view what, int reason) {
  if (reason == EPIPE) throw ReaderGone{};
  throw Error{
      fmt::format("{}: {}{}", path, what, reason != 0 ? std::strerror(reason) : "unknown reason")};
}

class StreamOutput final : public ReportOutput {
 public:
  explicit StreamOutput(std::ostream& stream) : stream_{stream} {}

  void write(std::string_view bytes) override {
    errno = 0;  // so that it can only stem from this write
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream_) fail("standard output", "cannot write: ", errno);
  }

  void commit() override { check_stream(stream_); }

 private:
  std::ostream& stream_;
};

/// A descriptor with a buffer in front.
class FileOutput : public ReportOutput {
 public:
  FileOutput(std::string path, int file) : path_{std::move(path)}, file_{file} {}
  ~FileOutput() override {
    if (file_ >= 0) ::close(file_);
  }
  FileOutput(const FileOutput&) = delete;
  FileOutput& operator=(const FileOutput&) = delete;

  void write(std::string_view bytes) final {
    buffer_ += bytes;
    if (buffer_.size() >= kBufferBytes) flush();
  }

  void commit() override {
    flush();
    close();
  }

 protected:
  void flush() {
    std::string_view left = buffer_;
    while (!left.empty()) {
      const ssize_t written = ::write(file_, left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "cannot write: ", errno);
      left.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
  }

  void close() {
    const int closed = ::close(std::exchange(file_, -1));
    if (closed != 0) fail(path_, "cannot write: ", errno);
  }

  const std::string& path() const { return path_; }
  int file() const { return file_; }

 private:
  std::string path_;
  int file_;
  std::string buffer_;
};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// A new file without a name where the file system can do that, so that even
/// kill -9 leaves nothing behind; else one with a temporary name.
struct Draft {
  int file = -1;
  std::string name;  // empty: none yet
};

Draft open_draft(const std::string& path) {
  const std::string folder = folder_of(path);
  Draft draft;
  draft.file = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (draft.file >= 0) return draft;
  draft.name = folder + "/.httpdiag-XXXXXX";
  draft.file = ::mkostemp(draft.name.data(), O_CLOEXEC);
  if (draft.file < 0) fail(path, "cannot create: ", errno);
  return draft;
}

/// Gives a nameless draft a temporary name next to `path`, since linking cannot replace a file.
std::string name_draft(int file, const std::string& path) {
  const std::string source = fmt::format("/proc/self/fd/{}", file);
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    std::string name = fmt::format("{}/.httpdiag-{}-{}", folder_of(path), ::getpid(), attempt);
    if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0)
      return name;
    if (errno != EEXIST) break;
  }
  fail(path, "cannot create: ", errno);
}

class ReplacedFile final : public FileOutput {
 public:
  ReplacedFile(const std::string& path, Draft draft)
      : FileOutput{path, draft.file}, draft_name_{std::move(draft.name)} {}
  ~ReplacedFile() override {
    if (!draft_name_.empty()) ::unlink(draft_name_.c_str());
  }

  void commit() override {
    flush();
    if (::fsync(file()) != 0) fail(path(), "cannot write: ", errno);
    if (draft_name_.empty()) draft_name_ = name_draft(file(), path());
    close();
    if (::rename(draft_name_.c_str(), path().c_str()) != 0) fail(path(), "cannot write: ", errno);
    draft_name_.clear();
    sync_folder();
  }

 private:
  /// The name is durable only then; some file systems cannot, and the report is there all the same.
  void sync_folder() const {
    const int folder = ::open(folder_of(path()).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
  }

  std::string draft_name_;
};

bool is_standard_output(const std::string& path) {
  return path == "-" || path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1";
}

/// Names of descriptors: what they lead to may be a regular file, which is not ours to replace.
bool is_descriptor(const std::string& path) {
  return path == "/dev/stderr" || path.starts_with("/dev/fd/") || path.starts_with("/proc/");
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_file(const std::string& input, const struct stat& file) {
  struct stat source {};
  const int found = input == "-" ? ::fstat(STDIN_FILENO, &source) : ::stat(input.c_str(), &source);
  return found == 0 && same_file(file, source);
}

/// Where a symbolic link leads, so that the link stays and its target is replaced.
std::string resolved(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) fail(path, "cannot write: ", errno);
  std::string result{real};
  std::free(real);
  return result;
}

}  // namespace

std::unique_ptr<ReportOutput> stream_output(std::ostream& stream) {
  return std::make_unique<StreamOutput>(stream);
}

std::unique_ptr<ReportOutput> file_output(const std::string& path,
                                          const std::vector<std::string>& inputs,
                                          std::ostream& standard_output) {
  if (is_standard_output(path)) return stream_output(standard_output);
  struct stat existing {};
  const bool exists = ::stat(path.c_str(), &existing) == 0;
  if (!exists && errno != ENOENT) fail(path, "cannot write: ", errno);
  if (exists) {
    if (S_ISREG(existing.st_mode) && std::any_of(inputs.begin(), inputs.end(), [&](const auto& in) {
          return is_file(in, existing);
        })) {
      throw Error{path + ": is the input; the report would overwrite it"};
    }
    if (S_ISDIR(existing.st_mode)) throw Error{path + ": is a directory"};
    if (!S_ISREG(existing.st_mode) || is_descriptor(path)) {
      const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
      if (file < 0) fail(path, "cannot write: ", errno);
      return std::make_unique<FileOutput>(path, file);
    }
    if (::access(path.c_str(), W_OK) != 0) fail(path, "cannot write: ", errno);
  }
  struct stat link {};
  const bool is_link = ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
  if (is_link && !exists) throw Error{path + ": is a symbolic link that leads nowhere"};
  const std::string target = is_link ? resolved(path) : path;
  return std::make_unique<ReplacedFile>(target, open_draft(target));
}

void check_stream(std::ostream& stream) {
  if (stream) {
    errno = 0;
    stream.flush();
  }
  if (!stream) fail("standard output", "cannot write: ", errno);
}

}  // namespace httpdiag::cli
