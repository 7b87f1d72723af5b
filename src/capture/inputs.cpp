// SPDX-License-Identifier: Apache-2.0
// What the command line names: one capture, several, or folders of them.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "capture/feed.hpp"
#include "capture/timeline.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag {

namespace {

namespace fs = std::filesystem;
using capture::Member;

// Shorter than any header of a capture: what a rotation leaves behind that nothing was written to.
constexpr std::uint64_t kNoHeader = 24;

struct Inputs {
  std::vector<Member> members;
  std::vector<NotRead> not_read;
  std::uint64_t more_not_read = 0;

  void pass_over(const std::string& path, std::string reason) {
    if (reason.starts_with(path + ": ")) reason.erase(0, path.size() + 2);
    if (not_read.size() == CaptureSummary::kMostNotRead) {
      ++more_not_read;
    } else {
      not_read.push_back({path, std::move(reason)});
    }
  }
};

bool is_folder(const std::string& path) {
  std::error_code error;
  return path != "-" && fs::is_directory(path, error);
}

/// Whether it can be opened a second time.
bool is_regular(const std::string& path) {
  struct stat status {};
  return path != "-" && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_shorter_than_a_header(const std::string& path) {
  struct stat status {};
  return path != "-" && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) < kNoHeader;
}

/// Looks for the first packet. What can be read but once stays open.
Member look_into(const std::string& path, const CaptureOptions& options) {
  Member member{.path = path};
  const bool again = is_regular(path);
  auto source =
      capture::open_file(path, {.digest = options.digest && !again, .recover = options.recover});
  if (const Packet* first = source->first()) member.first = first->ref.time;
  if (!again) member.source = std::move(source);
  return member;
}

/// The captures in a folder, by what they begin with; not those in folders below.
void add_folder(Inputs& inputs, const std::string& folder, const CaptureOptions& options) {
  std::vector<std::string> paths;
  std::vector<NotRead> no_files;
  std::error_code error;
  for (fs::directory_iterator entry{folder, error}, end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const fs::file_type type = entry->status(ignored).type();
    const std::string path = entry->path().string();
    if (type == fs::file_type::regular) {
      paths.push_back(path);
    } else if (type == fs::file_type::not_found) {
      no_files.push_back({path, "the link leads to no file"});
    } else if (type != fs::file_type::directory) {
      no_files.push_back({path, "is no regular file"});
    }
  }
  if (error) throw Error{folder + ": cannot be read: " + error.message()};
  std::sort(paths.begin(), paths.end());
  std::ranges::sort(no_files, {}, &NotRead::name);
  for (const NotRead& each : no_files) inputs.pass_over(each.name, each.reason);
  for (const std::string& path : paths) {
    try {
      inputs.members.push_back(look_into(path, options));
    } catch (const Error& refused) {
      inputs.pass_over(path, refused.what());
    }
  }
}

void add_file(Inputs& inputs, const std::string& path, const CaptureOptions& options) {
  try {
    inputs.members.push_back(look_into(path, options));
  } catch (const capture::NotACapture&) {
    throw;
  } catch (const Error& refused) {
    if (!is_shorter_than_a_header(path)) throw;
    inputs.pass_over(path, refused.what());
  }
}

[[noreturn]] void refuse(const std::vector<std::string>& paths, const Inputs& inputs) {
  const std::string first = inputs.not_read.empty() ? std::string{"it is empty"}
                                                    : inputs.not_read.front().name + ": " +
                                                          inputs.not_read.front().reason;
  throw Error{(paths.size() == 1 ? paths.front() : "the files given") +
              ": no capture among them (" + first + ")"};
}

}  // namespace

std::unique_ptr<PacketSource> open_capture(const std::string& path, const CaptureOptions& options) {
  return std::make_unique<capture::Timeline>(
      std::make_unique<capture::OneFile>(capture::open_file(path, options)));
}

std::unique_ptr<PacketSource> open_captures(const std::vector<std::string>& paths,
                                            const CaptureOptions& options) {
  if (paths.size() == 1 && !is_folder(paths.front())) return open_capture(paths.front(), options);
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    throw Error{"standard input: can be read but once"};
  }
  Inputs inputs;
  for (const std::string& path : paths) {
    is_folder(path) ? add_folder(inputs, path, options) : add_file(inputs, path, options);
  }
  if (inputs.members.empty()) refuse(paths, inputs);
  std::unique_ptr<capture::Feed> feed;
  if (inputs.members.size() == 1) {
    Member& only = inputs.members.front();
    feed = std::make_unique<capture::OneFile>(only.source ? std::move(only.source)
                                                          : capture::open_file(only.path, options));
  } else {
    feed = std::make_unique<capture::Merge>(std::move(inputs.members), options);
  }
  auto timeline = std::make_unique<capture::Timeline>(std::move(feed));
  // By name: the order in which they were given shall not matter.
  std::ranges::sort(inputs.not_read, {}, &NotRead::name);
  timeline->add_not_read(std::move(inputs.not_read), inputs.more_not_read);
  return timeline;
}

}  // namespace httpdiag
