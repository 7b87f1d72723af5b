// SPDX-License-Identifier: Apache-2.0
#include "check/cases.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include "httpdiag/error.hpp"

namespace httpdiag::check {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExpectation = ".expect.json";

bool drop_end(std::string_view& name, std::string_view end) {
  if (!name.ends_with(end)) return false;
  name.remove_suffix(end.size());
  return true;
}

/// "a" of "a.pcap", "a.pcapng.gz", "a.pcap3"; the name itself where it is none of a capture.
std::string_view stem_of(std::string_view name) {
  std::string_view stem = name;
  for (const std::string_view end : {".gz", ".zst", ".lz4", ".xz"}) {
    if (drop_end(stem, end)) break;
  }
  while (!stem.empty() && stem.back() >= '0' && stem.back() <= '9') stem.remove_suffix(1);
  for (const std::string_view end : {".pcapng", ".pcap", ".cap"}) {
    if (drop_end(stem, end)) return stem;
  }
  return name;
}

class Finder {
 public:
  void add(const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) throw Error{path + ": is not there, or cannot be read"};
    if (fs::is_directory(status)) {
      add_folder(path);
    } else if (path.ends_with(kExpectation)) {
      add_captures_of(path);
    } else {
      captures_.insert(path);
    }
  }

  std::vector<Case> cases() {
    std::map<std::string, int> sharing;  // captures by the short name of their expectation
    for (const std::string& capture : captures_) ++sharing[short_name(capture)];
    std::vector<Case> cases;
    for (const std::string& capture : captures_) {
      const std::string full = capture + std::string{kExpectation};
      const std::string brief = short_name(capture);
      const bool has_full = is_there(full), has_brief = is_there(brief);
      const bool use_full = has_full || (!has_brief && sharing[brief] > 1);
      cases.push_back({capture, use_full ? full : brief, has_full || has_brief});
      expectations_.erase(cases.back().expectation);
    }
    for (const std::string& alone : expectations_) cases.push_back({{}, alone, true});
    std::ranges::sort(cases, {}, [](const Case& each) { return each.name(); });
    return cases;
  }

 private:
  static bool is_there(const std::string& path) {
    std::error_code error;
    return fs::exists(path, error);
  }
  static std::string short_name(const std::string& capture) {
    return std::string{stem_of(capture)} + std::string{kExpectation};
  }

  void take(const std::string& path) {
    if (path.ends_with(kExpectation)) {
      expectations_.insert(path);
    } else if (stem_of(path) != path) {
      captures_.insert(path);
    }
  }

  void add_folder(const std::string& folder) {
    std::error_code error;
    fs::recursive_directory_iterator entry{folder, error};
    for (const fs::recursive_directory_iterator end; !error && entry != end;
         entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored)) take(entry->path().string());
    }
    if (error) throw Error{folder + ": cannot be read: " + error.message()};
  }

  /// Those beside an expectation that was named.
  void add_captures_of(const std::string& expectation) {
    expectations_.insert(expectation);
    const fs::path folder = fs::path{expectation}.parent_path();
    std::error_code error;
    for (fs::directory_iterator entry{folder.empty() ? "." : folder, error}, end;
         !error && entry != end; entry.increment(error)) {
      const std::string path = (folder / entry->path().filename()).string();
      if (stem_of(path) == path && path + std::string{kExpectation} != expectation) continue;
      if (path + std::string{kExpectation} == expectation || short_name(path) == expectation)
        captures_.insert(path);
    }
  }

  std::set<std::string> captures_, expectations_;
};

}  // namespace

std::vector<Case> find_cases(const std::vector<std::string>& paths) {
  Finder finder;
  for (const std::string& path : paths) finder.add(path);
  return finder.cases();
}

}  // namespace httpdiag::check
