// SPDX-License-Identifier: Apache-2.0
#include "check/cases.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include "httpdiag/analysis.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::check {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExpectation = ".expect.json";
constexpr std::array<std::string_view, 3> kKinds = {".pcapng", ".pcap", ".cap"};
constexpr std::array<std::string_view, 5> kPacked = {"", ".gz", ".zst", ".lz4", ".xz"};

/// Whatever the case of its letters.
bool drop_end(std::string_view& name, std::string_view end) {
  if (name.size() < end.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (!std::ranges::equal(name.substr(name.size() - end.size()), end, {}, lower)) return false;
  name.remove_suffix(end.size());
  return true;
}

/// "a.pcap" of "a.pcap.gz": compressed or not, it is one capture.
std::string_view unpacked(std::string_view name) {
  for (const std::string_view end : kPacked) {
    if (!end.empty() && drop_end(name, end)) break;
  }
  return name;
}

/// "a" of "a.pcap", "a.pcapng.gz", "a.pcap3"; the name itself where it is none of a capture.
std::string_view stem_of(std::string_view name) {
  std::string_view stem = unpacked(name);
  while (!stem.empty() && stem.back() >= '0' && stem.back() <= '9') stem.remove_suffix(1);
  for (const std::string_view end : kKinds) {
    if (drop_end(stem, end)) return stem;
  }
  return name;
}

std::string expectation_of(std::string_view name) {
  return std::string{name} + std::string{kExpectation};
}

/// "dir/a.expect.json" of "dir/a.dmp".
std::string without_extension(const std::string& path) {
  return expectation_of((fs::path{path}.parent_path() / fs::path{path}.stem()).string());
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

/// Whatever its name says.
bool is_capture(const std::string& path) {
  try {
    open_capture(path, {});
    return true;
  } catch (const Error&) {
    return false;
  }
}

class Finder {
 public:
  void add(const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      unreadable_.emplace(path, path + ": is not there, or cannot be read");
    } else if (fs::is_directory(status)) {
      add_folder(path);
    } else if (path.ends_with(kExpectation)) {
      expectations_.insert(path);
      add_captures_beside(path);
    } else {
      captures_.insert(path);
    }
  }

  std::vector<Case> cases() {
    add_captures_of_other_names();
    // By the short name of their expectation: how many captures, and whose it is if it is there.
    std::map<std::string, int> sharing;
    std::map<std::string, std::string> owner;
    for (const std::string& capture : captures_) {
      const std::string brief = short_name(capture);
      ++sharing[brief];
      const std::string plain = brief.substr(0, brief.size() - kExpectation.size()) + ".pcap";
      if (!owner.contains(brief) || capture == plain) owner[brief] = capture;
    }
    std::vector<Case> cases;
    for (const std::string& capture : captures_) {
      const std::string full = expectation_of(capture), brief = short_name(capture);
      const bool has_full = is_there(full), has_brief = is_there(brief);
      const bool of_another =
          sharing[brief] > 1 && (!has_brief || unpacked(owner[brief]) != unpacked(capture));
      const bool use_full = has_full || of_another;
      cases.push_back({capture, use_full ? full : brief, use_full ? has_full : has_brief});
      expectations_.erase(cases.back().expectation);
    }
    for (const std::string& alone : expectations_) cases.push_back({{}, alone, true});
    for (const auto& [path, why] : unreadable_) cases.push_back({path, {}, false, why});
    std::ranges::sort(cases, {}, [](const Case& each) { return each.name(); });
    return cases;
  }

 private:
  static bool is_there(const std::string& path) {
    std::error_code error;
    return fs::exists(path, error);
  }
  /// A capture whose own name leads to the expectation.
  static bool has_owner(const std::string& expectation) {
    const std::string stem = expectation.substr(0, expectation.size() - kExpectation.size());
    for (const std::string_view kind : kKinds) {
      for (const std::string_view packed : kPacked) {
        if (is_file(std::string{stem}.append(kind).append(packed))) return true;
      }
    }
    return false;
  }
  /// Of a name that says nothing, what is in front of its ending, if there is that.
  static std::string short_name(const std::string& capture) {
    const std::string_view stem = stem_of(capture);
    const std::string shorter = without_extension(capture);
    const bool free = stem == capture && is_there(shorter) && !has_owner(shorter);
    return free ? shorter : expectation_of(stem);
  }

  void take(const std::string& path) {
    if (path.ends_with(kExpectation)) {
      expectations_.insert(path);
    } else if (stem_of(path) != path || is_capture(path)) {
      captures_.insert(path);
    }
  }

  /// Folders within it as they come; links to folders are not followed.
  void add_folder(const std::string& top) {
    std::vector<std::string> folders{top};
    while (!folders.empty()) {
      const std::string folder = std::move(folders.back());
      folders.pop_back();
      std::error_code error;
      fs::directory_iterator entry{folder, error};
      for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
        std::error_code ignored;
        const std::string path = entry->path().string();
        if (fs::is_directory(entry->symlink_status(ignored))) {
          folders.push_back(path);
        } else if (entry->is_regular_file(ignored)) {
          take(path);
        }
      }
      if (error) unreadable_.emplace(folder, folder + ": cannot be read: " + error.message());
    }
  }

  /// Calls `found` with each file beside `path`, named as that is.
  template <typename Found>
  static void for_each_beside(const std::string& path, const Found& found) {
    const fs::path folder = fs::path{path}.parent_path();
    std::error_code error;
    for (fs::directory_iterator entry{folder.empty() ? "." : folder, error}, end;
         !error && entry != end; entry.increment(error)) {
      const std::string beside = (folder / entry->path().filename()).string();
      if (!beside.ends_with(kExpectation) && is_file(beside)) found(beside);
    }
  }

  /// Those beside an expectation that was named.
  void add_captures_beside(const std::string& expectation) {
    for_each_beside(expectation, [&](const std::string& path) {
      if (stem_of(path) != path && short_name(path) == expectation) captures_.insert(path);
      if (expectation_of(path) == expectation) captures_.insert(path);
    });
  }

  /// Captures with names that are none, beside expectations to which no other one belongs.
  void add_captures_of_other_names() {
    std::set<std::string> spoken_for;
    for (const std::string& capture : captures_) {
      spoken_for.insert(short_name(capture));
      spoken_for.insert(expectation_of(capture));
    }
    for (const std::string& expectation : expectations_) {
      if (spoken_for.contains(expectation)) continue;
      const std::string stem = expectation.substr(0, expectation.size() - kExpectation.size());
      if (is_file(stem)) {
        captures_.insert(stem);
        continue;
      }
      for_each_beside(expectation, [&](const std::string& path) {
        if (without_extension(path) == expectation && stem_of(path) == path && is_capture(path))
          captures_.insert(path);
      });
    }
  }

  std::set<std::string> captures_, expectations_;
  std::map<std::string, std::string> unreadable_;  // paths, and why
};

}  // namespace

std::vector<Case> find_cases(const std::vector<std::string>& paths) {
  Finder finder;
  for (const std::string& path : paths) finder.add(path);
  return finder.cases();
}

}  // namespace httpdiag::check
