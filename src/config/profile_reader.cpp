// SPDX-License-Identifier: Apache-2.0
#include "config/profile_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace httpdiag::config {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxProfiles = 32;
constexpr std::size_t kMaxListed = 64;
constexpr std::size_t kMaxText = 256;
constexpr std::uint32_t kMaxSeconds = 30 * 24 * 3600;

/// The form that base::is_named() compares with.
std::string plain_name(std::string_view name) {
  std::string plain = base::lower(name);
  std::erase_if(plain, [](char c) { return c == '_' || c == '-'; });
  return plain;
}

/// An object whose parts are all known.
class Part {
 public:
  Part(const Document& document, const Json& object, Path path,
       const std::vector<std::string_view>& keys)
      : document_{document}, object_{object}, path_{std::move(path)} {
    document_.expect(object_.is_object(), path_, "expected an object");
    for (const auto& [key, value] : object_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        document_.fail(below(path_, key),
                       fmt::format("unknown part \"{}\"{}", shown(key), nearest(key, keys)));
      }
    }
  }

  Path at(const std::string& key) const { return below(path_, key); }
  const Path& path() const { return path_; }
  const Json* find(const std::string& key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  std::string text(const std::string& key) const {
    const Json* value = find(key);
    return value == nullptr ? std::string{} : text(*value, at(key));
  }

  std::vector<std::string> texts(const std::string& key) const {
    std::vector<std::string> all;
    each(key, [&](const Json& value, const Path& path) { all.push_back(text(value, path)); });
    return all;
  }

  std::vector<std::string> names(const std::string& key) const {
    std::vector<std::string> all = texts(key);
    for (std::string& name : all) name = plain_name(name);
    return all;
  }

  std::vector<std::string> lower_texts(const std::string& key) const {
    std::vector<std::string> all = texts(key);
    for (std::string& each : all) each = base::lower(base::trim(each));
    return all;
  }

  std::vector<std::uint32_t> numbers(const std::string& key, std::uint32_t least,
                                     std::uint32_t most) const {
    std::vector<std::uint32_t> all;
    each(key, [&](const Json& value, const Path& path) {
      all.push_back(number(value, path, least, most));
    });
    return all;
  }

  std::uint32_t number(const std::string& key, std::uint32_t most) const {
    const Json* value = find(key);
    return value == nullptr ? 0 : number(*value, at(key), 0, most);
  }

  bool flag(const std::string& key, bool otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    document_.expect(value->is_boolean(), at(key), "expected true or false");
    return value->get<bool>();
  }

 private:
  template <typename Function>
  void each(const std::string& key, const Function& function) const {
    const Json* list = find(key);
    if (list == nullptr) return;
    document_.expect(list->is_array() && !list->empty() && list->size() <= kMaxListed, at(key),
                     fmt::format("expected a list of 1 to {}", kMaxListed));
    for (std::size_t i = 0; i < list->size(); ++i) function((*list)[i], below(at(key), i));
  }

  std::string text(const Json& value, const Path& path) const {
    const bool fits = value.is_string() && !value.get_ref<const std::string&>().empty() &&
                      value.get_ref<const std::string&>().size() <= kMaxText;
    document_.expect(fits, path, fmt::format("expected a text of 1 to {} bytes", kMaxText));
    return value.get<std::string>();
  }

  std::uint32_t number(const Json& value, const Path& path, std::uint32_t least,
                       std::uint32_t most) const {
    document_.expect(value.is_number_integer() && value >= least && value <= most, path,
                     fmt::format("expected a whole number from {} to {}", least, most));
    return value.get<std::uint32_t>();
  }

  const Document& document_;
  const Json& object_;
  Path path_;
};

void check_name(const Document& document, const std::string& name, const Path& path) {
  const bool kebab = !name.empty() && name.size() <= 40 && name.front() != '-' &&
                     name.back() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
                       return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                     });
  document.expect(kebab, path, "the name of a profile is in a-z, 0-9 and -, 40 characters at most");
  document.expect(name != "auto" && find_ack_profile(name) == nullptr, path,
                  fmt::format("\"{}\" is built in: choose another name", name));
}

std::uint32_t marker_named(const Document& document, const Part& detect) {
  if (detect.find("header") == nullptr) return 0;
  const std::string wanted = base::lower(detect.text("header"));
  const auto* const found = std::find(kMarkerNames.begin(), kMarkerNames.end(), wanted);
  if (found == kMarkerNames.end()) {
    document.fail(detect.at("header"),
                  fmt::format("only headers that are known to mark callbacks are read{}",
                              nearest(wanted, {kMarkerNames.begin(), kMarkerNames.end()})));
  }
  return 1u << (found - kMarkerNames.begin());
}

void read_detect(const Document& document, const Json& object, const Path& path,
                 OwnProfile& profile) {
  const Part detect{document, object, path, {"host", "path", "header", "body_fields"}};
  profile.host = base::lower(detect.text("host"));
  profile.path_prefix = detect.text("path");
  profile.markers = marker_named(document, detect);
  profile.body_fields = detect.names("body_fields");
}

OwnProfile::Answer read_answer(const Document& document, const Part& answer) {
  OwnProfile::Answer test;
  test.bodies = answer.lower_texts("bodies");
  if (const Json* object = answer.find("field")) {
    const Part field{document, *object, answer.at("field"), {"name", "is"}};
    document.expect(field.find("name") != nullptr && field.find("is") != nullptr, field.path(),
                    "expected {\"name\": ..., \"is\": [...]}");
    test.field = plain_name(field.text("name"));
    test.values = field.lower_texts("is");
  }
  return test;
}

OwnProfile read_profile(const Document& document, const Json& object, const Path& path) {
  const Part part{document,
                  object,
                  path,
                  {"name", "detect", "success", "failure", "deadline_s", "id_fields",
                   "volatile_fields", "retry_gaps_s", "retries_refusals"}};
  OwnProfile profile;
  profile.name = part.text("name");
  check_name(document, profile.name, part.find("name") != nullptr ? part.at("name") : path);
  if (const Json* detect = part.find("detect"))
    read_detect(document, *detect, part.at("detect"), profile);
  if (const Json* success = part.find("success")) {
    const Part answer{
        document, *success, part.at("success"), {"statuses", "bodies", "field", "empty_body"}};
    profile.success = read_answer(document, answer);
    profile.statuses = answer.numbers("statuses", 200, 299);
    profile.empty_body_ok = answer.flag("empty_body", false);
  }
  if (const Json* failure = part.find("failure")) {
    profile.failure =
        read_answer(document, Part{document, *failure, part.at("failure"), {"bodies", "field"}});
  }
  profile.deadline_s = part.number("deadline_s", kMaxSeconds);
  profile.id_fields = part.names("id_fields");
  profile.volatile_fields = part.names("volatile_fields");
  profile.retry_gaps_s = part.numbers("retry_gaps_s", 0, kMaxSeconds);
  profile.retries_refusals = part.flag("retries_refusals", true);
  return profile;
}

}  // namespace

std::vector<const AckProfile*> read_own_profiles(const Document& document, const Json& profiles,
                                                 const Path& path) {
  document.expect(profiles.is_array() && profiles.size() <= kMaxProfiles, path,
                  fmt::format("\"profiles\" is a list of {} at most", kMaxProfiles));
  std::vector<OwnProfile> read;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    OwnProfile profile = read_profile(document, profiles[i], below(path, i));
    const bool twice = std::any_of(read.begin(), read.end(), [&](const OwnProfile& other) {
      return other.name == profile.name;
    });
    document.expect(!twice, below(path, i), fmt::format("a second profile \"{}\"", profile.name));
    read.push_back(std::move(profile));
  }
  std::vector<const AckProfile*> all;
  for (OwnProfile& profile : read) all.push_back(&add_own_profile(std::move(profile)));
  return all;
}

}  // namespace httpdiag::config
