// SPDX-License-Identifier: Apache-2.0
// Expectations as JSON, both ways.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/open.hpp"
#include "check/expectation.hpp"
#include "config/document.hpp"
#include "httpdiag/delivery.hpp"
#include "httpdiag/error.hpp"
#include "httpdiag/finding.hpp"

namespace httpdiag::check {
namespace {

using Json = nlohmann::ordered_json;
using config::below;
using config::Path;
using config::shown;

constexpr std::size_t kMaxBytes = 4u << 20;
constexpr std::string_view kSchema = "httpdiag.expect/1";
constexpr std::uint64_t kMostNumber = std::uint64_t{1} << 53;  // beyond, JSON's readers round

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : document_{text, name} {}

  Expectation read() {
    const auto root = document_.parse<Json>();
    expect_object(root, {});
    document_.expect(root.contains("schema") && root.at("schema") == kSchema, {"schema"},
                     fmt::format("the schema is \"{}\"", kSchema));
    for (const auto& [key, value] : root.items()) read_part(key, value, {key});
    return std::move(expected_);
  }

 private:
  void read_part(const std::string& key, const Json& value, const Path& path) {
    if (key == "schema") return;
    if (key == "note") {
      expected_.note = text(value, path);
    } else if (key == "counts") {
      read_counts(value, path);
    } else if (key == "labels") {
      read_labels(value, path);
    } else if (key == "capture") {
      expected_.capture = labels(value, path);
    } else if (key == "deliveries") {
      read_deliveries(value, path);
    } else if (key == "must_not") {
      expected_.must_not = labels(value, path);
      // Only a capture in which nothing at all goes well could hold it, and nobody means that.
      document_.expect(!expected_.must_not.contains("ok"), path,
                       "\"ok\" is what nothing is wrong with: say in \"labels\" what is expected "
                       "instead");
    } else if (key == "timing") {
      read_timing(value, path);
    } else if (key == "tolerate") {
      read_tolerance(value, path);
    } else {
      unknown(
          "part", key, path,
          {"note", "counts", "labels", "capture", "deliveries", "must_not", "timing", "tolerate"});
    }
  }

  [[noreturn]] void unknown(std::string_view what, const std::string& word, const Path& path,
                            const std::vector<std::string_view>& known) const {
    document_.fail(
        path, fmt::format("unknown {} \"{}\"", what, shown(word)) + config::nearest(word, known));
  }

  void expect_object(const Json& value, const Path& path) const {
    document_.expect(value.is_object(), path, "expected an object");
  }

  std::string text(const Json& value, const Path& path) const {
    document_.expect(value.is_string(), path, "expected a text");
    return value.get<std::string>();
  }

  std::string label(const Json& value, const Path& path) const {
    std::string id = text(value, path);
    if (find_rule(id) != nullptr) return id;
    std::vector<std::string_view> known;
    for (const RuleInfo& rule : rule_catalog()) known.push_back(rule.id);
    unknown("label", id, path, known);
  }

  std::set<std::string> labels(const Json& value, const Path& path) const {
    document_.expect(value.is_array(), path, "expected a list of labels");
    std::set<std::string> result;
    for (std::size_t i = 0; i < value.size(); ++i) result.insert(label(value[i], below(path, i)));
    return result;
  }

  std::uint64_t whole(const Json& value, const Path& path) const {
    // 3.0 is the same number as 3.
    const bool fits = value.is_number() && value >= 0 && value <= kMostNumber;
    document_.expect(fits && (value.is_number_integer() ||
                              std::trunc(value.get<double>()) == value.get<double>()),
                     path, "expected a whole number of up to 2^53");
    return value.get<std::uint64_t>();
  }

  /// 3, or [3, 5].
  Range range(const Json& value, const Path& path) const {
    if (!value.is_array()) {
      const std::uint64_t number = whole(value, path);
      return {number, number};
    }
    document_.expect(value.size() == 2, path, "a range is a list of two numbers");
    const Range result{whole(value[0], below(path, std::size_t{0})),
                       whole(value[1], below(path, std::size_t{1}))};
    document_.expect(result.low <= result.high, path, "a range begins with the smaller number");
    return result;
  }

  void read_counts(const Json& value, const Path& path) {
    expect_object(value, path);
    for (const auto& [key, count] : value.items()) {
      const Path here = below(path, key);
      if (key == "flows") {
        expected_.flows = range(count, here);
      } else if (key == "exchanges") {
        expected_.exchanges = range(count, here);
      } else {
        unknown("count", key, here, {"flows", "exchanges"});
      }
    }
  }

  ItemName item(const std::string& key, const Path& path) const {
    const auto name = read_item(key);
    document_.expect(name.has_value(), path,
                     "expected a flow such as \"3\" or an exchange such as \"3.1\"");
    return *name;
  }

  void read_labels(const Json& value, const Path& path) {
    expect_object(value, path);
    for (const auto& [key, entry] : value.items()) {
      const Path here = below(path, key);
      expected_.labels[item(key, here)] = entry_labels(entry, here);
    }
  }

  ExpectedLabels entry_labels(const Json& entry, const Path& path) const {
    if (entry.is_string()) return {.primary = {label(entry, path)}};
    ExpectedLabels result;
    if (entry.is_array()) {
      document_.expect(!entry.empty(), path, "expected a label, and annotations behind it");
      for (std::size_t i = 0; i < entry.size(); ++i) {
        std::string id = label(entry[i], below(path, i));
        i == 0 ? result.primary.push_back(std::move(id)) : void(result.annotations.insert(id));
      }
      return result;
    }
    expect_object(entry, path);
    for (const auto& [key, value] : entry.items()) {
      const Path here = below(path, key);
      if (key == "any_of") {
        const auto any = labels(value, here);
        result.primary.assign(any.begin(), any.end());
        result.any_of = true;
      } else if (key == "with") {
        result.annotations = labels(value, here);
      } else {
        unknown("member", key, here, {"any_of", "with"});
      }
    }
    document_.expect(!result.primary.empty(), path, "\"any_of\" names at least one label");
    return result;
  }

  void read_deliveries(const Json& value, const Path& path) {
    expect_object(value, path);
    expected_.deliveries.emplace();
    std::vector<std::string_view> known;
    for (std::size_t i = 0; i < kDeliveryVerdictCount; ++i)
      known.push_back(name(static_cast<DeliveryVerdict>(i)));
    for (const auto& [key, count] : value.items()) {
      const Path here = below(path, key);
      if (std::ranges::find(known, key) == known.end()) unknown("verdict", key, here, known);
      (*expected_.deliveries)[key] = range(count, here);
    }
  }

  void read_timing(const Json& value, const Path& path) {
    expect_object(value, path);
    for (const auto& [key, times] : value.items()) {
      const Path here = below(path, key);
      const ItemName exchange = item(key, here);
      document_.expect(exchange.exchange != 0, here, "times are those of an exchange");
      expect_object(times, here);
      for (const auto& [which, time] : times.items()) {
        const Path there = below(here, which);
        if (std::ranges::find(kTimings, which) == std::end(kTimings))
          unknown("time", which, there, {std::begin(kTimings), std::end(kTimings)});
        expected_.timing[exchange][which] = range(time, there);
      }
    }
  }

  void read_tolerance(const Json& value, const Path& path) {
    expect_object(value, path);
    Tolerance& tolerate = expected_.tolerate;
    for (const auto& [key, what] : value.items()) {
      const Path here = below(path, key);
      if (key == "annotations" && what.is_boolean()) {
        tolerate.any_annotation = what.get<bool>();
      } else if (key == "annotations") {
        tolerate.annotations = labels(what, here);
      } else if (key == "unlisted") {
        document_.expect(what.is_boolean(), here, "expected true or false");
        tolerate.unlisted = what.get<bool>();
      } else if (key == "timing_us") {
        tolerate.timing_us = whole(what, here);
      } else {
        unknown("tolerance", key, here, {"annotations", "unlisted", "timing_us"});
      }
    }
  }

  config::Document document_;
  Expectation expected_;
};

Json as_json(const Range& range) {
  return range.low == range.high ? Json(range.low) : Json{range.low, range.high};
}

Json as_json(const ExpectedLabels& labels) {
  if (!labels.any_of) {
    if (labels.annotations.empty()) return labels.primary.front();
    Json list{labels.primary.front()};
    for (const std::string& each : labels.annotations) list.push_back(each);
    return list;
  }
  Json object{{"any_of", labels.primary}};
  if (!labels.annotations.empty()) object["with"] = labels.annotations;
  return object;
}

Json as_json(const Tolerance& tolerate) {
  Json object = Json::object();
  if (tolerate.any_annotation) object["annotations"] = true;
  if (!tolerate.annotations.empty()) object["annotations"] = tolerate.annotations;
  if (tolerate.unlisted) object["unlisted"] = true;
  if (tolerate.timing_us != 0) object["timing_us"] = tolerate.timing_us;
  return object;
}

Json parts_of(const Expectation& expected) {
  Json root{{"schema", kSchema}};
  if (!expected.note.empty()) root["note"] = expected.note;
  if (expected.flows) root["counts"]["flows"] = as_json(*expected.flows);
  if (expected.exchanges) root["counts"]["exchanges"] = as_json(*expected.exchanges);
  for (const auto& [item, labels] : expected.labels)
    root["labels"][to_string(item)] = as_json(labels);
  if (expected.capture) root["capture"] = *expected.capture;
  if (expected.deliveries) {
    root["deliveries"] = Json::object();
    for (const auto& [verdict, count] : *expected.deliveries)
      root["deliveries"][verdict] = as_json(count);
  }
  if (!expected.must_not.empty()) root["must_not"] = expected.must_not;
  for (const auto& [item, times] : expected.timing) {
    for (const auto& [which, time] : times) root["timing"][to_string(item)][which] = as_json(time);
  }
  if (Json tolerate = as_json(expected.tolerate); !tolerate.empty()) root["tolerate"] = tolerate;
  return root;
}

/// On one line, with a space behind commas and colons.
std::string on_one_line(const Json& value) {
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [key, member] : value.items()) {
    if (!text.empty()) text += ", ";
    if (value.is_object()) text += Json(key).dump() + ": ";
    text += on_one_line(member);
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

}  // namespace

Expectation read_expectation(std::string_view json, const std::string& name) {
  return Reader{json, name}.read();
}

Expectation load_expectation(const std::string& path) {
  return read_expectation(base::read_file(path, kMaxBytes), path);
}

std::string write(const Expectation& expectation) {
  const Json parts = parts_of(expectation);
  std::string text;
  for (const auto& [key, part] : parts.items()) {
    text += fmt::format("{}  \"{}\": ", text.empty() ? "{\n" : ",\n", key);
    if (key != "labels" && key != "timing") {
      text += on_one_line(part);
      continue;
    }
    std::string lines;
    for (const auto& [item, entry] : part.items())
      lines +=
          fmt::format("{}    \"{}\": {}", lines.empty() ? "{\n" : ",\n", item, on_one_line(entry));
    text += lines + "\n  }";
  }
  return text + "\n}\n";
}

}  // namespace httpdiag::check
