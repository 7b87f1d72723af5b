// SPDX-License-Identifier: Apache-2.0
#include "rules/ack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "base/fields.hpp"
#include "base/text.hpp"

namespace httpdiag::rules {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Words and codes that senders who want a token take for yes or no, in lower case.
constexpr std::array<std::string_view, 10> kYes = {
    "success", "ok", "succ", "succeed", "true", "received", "accepted", "[accepted]", "yes", "1"};
constexpr std::array<std::string_view, 8> kYesCodes = {"0",     "00",     "000", "0000",
                                                       "00000", "000000", "200", "success"};
constexpr std::array<std::string_view, 4> kNoCodes = {"fail", "failed", "failure", "error"};
// Members of a JSON answer, or elements of an XML one, that carry them (as in is_named()).
constexpr std::array<std::string_view, 14> kCodeNames = {
    "code", "status",  "success", "errcode",  "returncode", "resultcode", "result",
    "ret",  "retcode", "state",   "respcode", "ok",         "issuccess",  "statuscode"};

// Members that say it in words, and words of somebody who did not do it.
constexpr std::array<std::string_view, 12> kMessageNames = {
    "msg",     "message", "errmsg",    "submsg",   "returnmsg", "info",
    "respmsg", "retmsg",  "resultmsg", "errormsg", "desc",      "reason"};
constexpr std::array<std::string_view, 4> kErrorNames = {"error", "errors", "errormessage",
                                                         "exception"};
constexpr std::array<std::string_view, 17> kComplaints = {
    "fail", "error", "invalid", "illegal", "denied", "refused", "reject", "unauthorized", "失败",
    "错误", "异常",  "不合法",  "无效",    "非法",   "拒绝",    "不匹配", "未授权"};
// With which the words above say the contrary.
constexpr std::array<std::string_view, 9> kNoComplaints = {"success", "no error",   "no_error",
                                                           "noerror", "error_none", "成功",
                                                           "无错误",  "没有错误",   "无异常"};
// What somebody did, in words beside the state of the thing that he did it with.
constexpr std::array<std::string_view, 9> kDone = {"stored",   "saved",  "updated",
                                                   "received", "queued", "accepted",
                                                   "recorded", "logged", "processed"};

bool among(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_negative(const Thresholds& settings, std::string_view word) {
  const auto& negative = settings.negative_acks;
  return std::find(negative.begin(), negative.end(), word) != negative.end();
}

/// The text of a body that is here as a whole; nothing if it is not.
std::optional<std::string_view> whole_text(const Message& response) {
  if (response.state != MessageState::complete || response.has_gap) return std::nullopt;
  const bool whole =
      response.body_bytes == response.body_head.size() && response.content_encoding().empty();
  if (!whole && !response.body_decoded && response.body_bytes > 0) return std::nullopt;
  return response.body_head;
}

bool contains_any(std::string_view text, std::span<const std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

/// Words of what went wrong, in lower case.
bool names_failure(std::string_view text) {
  return contains_any(text, kComplaints) && !contains_any(text, kNoComplaints);
}

bool is_below_zero(std::string_view value) { return value.size() > 1 && value.front() == '-'; }

/// A number, and none of those with which HTTP says yes.
bool is_other_number(std::string_view value) {
  const bool success = value.size() == 3 && value.front() == '2';
  if (is_below_zero(value)) value.remove_prefix(1);
  return !success && !value.empty() &&
         value.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A member that is yes or no by itself.
bool is_flag(std::string_view name) {
  return base::is_named(name, "success") || base::is_named(name, "ok") ||
         base::is_named(name, "issuccess");
}
bool is_no(std::string_view value) { return value == "false" || value == "n" || value == "no"; }

/// A member that may be told about something else.
bool may_be_told(std::string_view name) {
  return base::is_named(name, "status") || base::is_named(name, "state") ||
         base::is_named(name, "statuscode");
}

/// A code that says yes. A flag of 0 says nothing: some mean no by it.
bool says_yes(std::string_view name, std::string_view value) {
  if (is_flag(name) && value == "0") return false;
  return among(kYesCodes, value) || among(kYes, value);
}

/// A number that says no: of an HTTP error, or any but 0 where the name says that it is an error's.
bool refuses(std::string_view name, std::string_view number) {
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), code);
  if (error != std::errc{} || end != number.data() + number.size()) return false;
  return (code >= 400 && code <= 599) ||
         (base::is_named(name, "errcode") && !among(kYesCodes, number) && code != 0);
}

bool named_among(const base::Field& field, std::span<const std::string_view> names) {
  // Nearly all names differ in their first letter.
  const char first = field.name.empty() ? '\0' : static_cast<char>(field.name.front() | 0x20);
  const bool marked = first == ('_' | 0x20) || first == '-';
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    return (marked || name.front() == first) && base::is_named(field.name, name);
  });
}

/// Says no, though not in a code that everybody knows: an error that is no "none", a message that
/// complains, a number below zero. `value` is in lower case.
bool complains(const base::Field& field, std::string_view value) {
  if (named_among(field, kCodeNames)) return is_below_zero(value);
  if (named_among(field, kErrorNames)) {
    const bool none = value.empty() || value == "null" || value == "none" || value == "false" ||
                      value == "no" || value == "ok" || among(kYesCodes, value);
    return !none;
  }
  return named_among(field, kMessageNames) && names_failure(value);
}

/// What a document answers, by the fields that usually say so; a "no" outweighs.
Ack read_document(const base::Fields& fields) {
  bool yes = false, sure = false, complaint = false, other_code = false;
  for (const base::Field& field : fields.list) {
    if (field.depth > 2) continue;
    const bool is_code = named_among(field, kCodeNames);
    if (!is_code && !named_among(field, kErrorNames) && !named_among(field, kMessageNames))
      continue;
    const std::string value = base::lower(field.value);
    complaint = complaint || complains(field, value);
    if (!is_code) continue;
    const bool told = may_be_told(field.name);
    if (among(kNoCodes, value) || (is_flag(field.name) && is_no(value)) ||
        refuses(field.name, value) || (!told && names_failure(value)))
      return Ack::refused;
    const bool accepts = says_yes(field.name, value);
    yes = yes || accepts;
    // Some number their errors from 1 on; a state of 0 may be one of several.
    sure = sure || (accepts && value != "1" && !(told && value == "0"));
    other_code = other_code || (!told && !accepts && is_other_number(value));
  }
  if (complaint && !sure) return other_code ? Ack::refused : Ack::unrecognized;
  return yes ? Ack::accepted : Ack::unknown;
}

std::string_view kind_of(std::string_view text) {
  const std::string head = base::lower(text.substr(0, 64));
  if (head.starts_with("<!doctype html") || head.find("<html") != std::string::npos)
    return "an HTML page";
  switch (base::document_kind(text)) {
    case base::Document::json:
      return "a JSON document";
    case base::Document::xml:
      return "an XML document";
    case base::Document::form:
    case base::Document::none:
      break;
  }
  return text.starts_with(kByteOrderMark) ? "text behind a byte order mark"
         : text.starts_with('"')          ? "a word in quotes"
                                          : "other text";
}

std::string describe(const Message& response) {
  if (response.body_bytes == 0) return "no body";
  return fmt::format("{} of {}", kind_of(base::trim(response.body_head)),
                     base::bytes(response.body_bytes));
}

AckReading word(Ack ack, std::string_view quoted) {
  return {ack, fmt::format("the body \"{}\"", quoted), std::string{quoted}};
}

AckReading read_xml_code(const Message& response, std::string_view text) {
  const base::Fields fields = base::read_fields(text);
  if (fields.kind == base::Document::xml) {
    for (const base::Field& field : fields.list) {
      if (!base::is_named(field.name, "returncode")) continue;
      if (field.value == "SUCCESS") return {Ack::accepted, {}, {}};
      if (field.value == "FAIL") return {Ack::refused, "return_code FAIL", "FAIL"};
    }
  }
  return {Ack::unrecognized, describe(response), {}};
}

bool says(const AnswerTest& test, const base::Fields& fields, std::string_view low) {
  if (among(test.bodies, low)) return true;
  if (test.field.empty()) return false;
  return std::any_of(fields.list.begin(), fields.list.end(), [&](const base::Field& field) {
    return field.depth <= 2 && base::is_named(field.name, test.field) &&
           among(test.values, base::lower(field.value));
  });
}

AckReading read_own(const AckProfile& profile, const Thresholds& settings, const Message& response,
                    std::string_view text) {
  if (text.starts_with(kByteOrderMark) && profile.success.empty())
    text.remove_prefix(kByteOrderMark.size());
  const std::string_view trimmed = base::trim(text);
  const std::string low = base::lower(trimmed);
  const base::Fields fields = base::read_fields(trimmed);
  if (says(profile.failure, fields, low) ||
      (profile.failure.empty() && is_negative(settings, low))) {
    // A word of the user's own list may be shown; a document is not.
    const bool is_word = among(profile.failure.bodies, low) || profile.failure.empty();
    return is_word ? word(Ack::refused, trimmed)
                   : AckReading{Ack::refused, "a code that says no", {}};
  }
  const bool any = profile.success.empty() || (trimmed.empty() && profile.empty_body_ok);
  if (any || says(profile.success, fields, low)) return {Ack::accepted, {}, {}};
  return {Ack::unrecognized, describe(response), {}};
}

/// An element that is SOAP's own word for "no" (SOAP 1.2 part 1, §5.4), `end` being that of its
/// tag.
bool ends_fault(std::string_view text, std::size_t end) {
  constexpr std::string_view kFault = "Fault";
  const std::string_view front = text.substr(0, end);
  if (!front.ends_with(kFault) || front.size() == kFault.size()) return false;
  const char before = front[front.size() - kFault.size() - 1];
  return before == ':' || before == '<';
}

bool is_soap_fault(std::string_view text) {
  if (text.find("Envelope") == std::string_view::npos) return false;
  for (std::size_t end = text.find('>'); end != std::string_view::npos;
       end = text.find('>', end + 1)) {
    if (ends_fault(text, end)) return true;
  }
  return false;
}

AckReading read_token(const AckProfile& profile, const Thresholds& settings,
                      const Message& response, std::string_view text) {
  const std::string_view trimmed = base::trim(text);
  const std::string low = base::lower(trimmed);
  if (!settings.ack_token.empty()) {
    if (trimmed == settings.ack_token) return {Ack::accepted, {}, {}};
    if (is_negative(settings, low)) return word(Ack::refused, trimmed);
    return {Ack::unrecognized, describe(response), {}};
  }
  if (profile.strict ? text == "success" : among(kYes, low)) return {Ack::accepted, {}, {}};
  if (profile.strict && low == "success")
    return {Ack::unrecognized, "the word in other letters, or with white space around it", {}};
  if (is_negative(settings, low)) return word(Ack::refused, trimmed);
  if (trimmed.starts_with('<') && is_soap_fault(trimmed))
    return {Ack::refused, "a code that says no", {}};
  const base::Document kind = base::document_kind(trimmed);
  const bool document = kind == base::Document::json || kind == base::Document::xml;
  const bool html = kind_of(trimmed) == "an HTML page";
  if (document && !html) {
    const Ack said = read_document(base::read_fields(trimmed));
    if (said == Ack::refused) return {said, "a code that says no", {}};
    // Nobody published what this sender takes; many take such a document.
    if (!profile.strict && said != Ack::unrecognized) return {said, {}, {}};
  }
  return {Ack::unrecognized, describe(response), {}};
}

/// Only the beginning of the body is here: too much of it to be a token.
AckReading read_beginning(const Message& response) {
  const bool readable = response.content_encoding().empty() && !response.has_gap &&
                        response.state == MessageState::complete;
  if (readable && response.body_bytes > response.body_head.size() &&
      kind_of(base::trim(response.body_head)) == "an HTML page") {
    return {Ack::unrecognized, describe(response), {}};
  }
  return {};
}

bool acknowledges(const AckProfile& profile, std::uint16_t status) {
  return profile.statuses.empty() || std::find(profile.statuses.begin(), profile.statuses.end(),
                                               status) != profile.statuses.end();
}

// An acknowledgement is short; what is longer is a result, whose state is its own.
constexpr std::size_t kLongestDocument = 512;

/// An error object and no result (JSON-RPC 2.0, §5).
bool is_rpc_error(std::string_view text, const base::Fields& fields) {
  bool rpc = false, code = false;
  for (const base::Field& field : fields.list) {
    rpc = rpc || (field.depth == 1 && field.name == "jsonrpc");
    code = code || (field.depth == 2 && field.name == "code");
  }
  const auto has = [&](std::string_view name) { return text.find(name) != std::string_view::npos; };
  return rpc && code && has("\"error\"") && !has("\"result\"");
}

/// A short document that says no in a field of its own, to a sender of whom nothing is known. A
/// "status", a "state" or a number may be told about something else, unless it says what is wrong,
/// or says nothing else; and a yes beside it outweighs.
bool plainly_refuses(std::string_view text, const base::Fields& fields) {
  if (is_rpc_error(text, fields) || (text.starts_with('<') && is_soap_fault(text))) return true;
  bool refused = false, accepted = false, told = false, explained = false;
  bool complaint = false, other_code = false;  // a code that no success has, words of what failed
  std::size_t members = 0;
  for (const base::Field& field : fields.list) {
    if (field.depth != 1) continue;
    ++members;
    const bool of_error = named_among(field, kErrorNames);
    const bool says_what = of_error || named_among(field, kMessageNames);
    const bool is_code = named_among(field, kCodeNames);
    if (!says_what && !is_code) continue;
    const std::string value = base::lower(field.value);
    if (says_what) {
      const bool complains_now = complains(field, value);
      const auto of_success = [&] {
        return value.empty() || value == "null" || among(kYes, value) ||
               contains_any(value, kDone) || contains_any(value, kNoComplaints);
      };
      complaint = complaint || complains_now;
      explained = explained || complains_now || !of_success();
    }
    if (of_error && (value == "true" || value == "1")) refused = true;
    if (!is_code) continue;
    const bool no = among(kNoCodes, value) || (is_flag(field.name) && is_no(value));
    if (may_be_told(field.name)) {
      told = told || no || refuses(field.name, value);
    } else if (no || is_below_zero(value) || names_failure(value)) {
      refused = true;
    } else if (refuses(field.name, value)) {
      told = true;
    } else {
      const bool yes = says_yes(field.name, value);
      accepted = accepted || yes;
      other_code = other_code || (!yes && is_other_number(value));
    }
  }
  if (complaint && other_code && !accepted) return true;
  return refused || (told && !accepted && (explained || members == 1));
}

AckReading read_negative(const Thresholds& settings, std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text = base::trim(text);
  if (is_negative(settings, base::lower(text))) return word(Ack::refused, text);
  // Who names this profile knows the sender to go by the status.
  const bool unknown_sender = settings.ack_profile.empty();
  const base::Document kind = base::document_kind(text);
  if (unknown_sender && text.size() <= kLongestDocument && kind != base::Document::none &&
      plainly_refuses(text, base::read_fields(text))) {
    return {Ack::refused, "a code that says no", {}};
  }
  return {Ack::accepted, {}, {}};
}

/// Where the value begins whose name ends at `mark`.
std::size_t value_behind(std::string_view text, std::size_t mark) {
  constexpr std::string_view kCdata = "<![CDATA[";
  std::size_t at = mark + 1;
  while (at < text.size() && (text[at] == ' ' || text[at] == '"' || text[at] == '\n')) ++at;
  return at < text.size() && text[at] == '<' && text.substr(at).starts_with(kCdata)
             ? at + kCdata.size()
             : at;
}

/// The name in front of `end`, with or without a quote behind it, ends with one of `words`.
bool name_ends_with(std::string_view text, std::size_t end,
                    std::span<const std::string_view> words) {
  while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\n')) --end;
  if (end > 0 && text[end - 1] == '"') --end;
  const auto ends_with = [&](std::string_view word) {
    if (end < word.size()) return false;
    std::size_t at = end;
    for (std::size_t i = word.size(); i-- > 0;) {
      if ((text[--at] | 0x20) != word[i]) return false;
    }
    return true;
  };
  return std::any_of(words.begin(), words.end(), ends_with);
}
constexpr std::array<std::string_view, 5> kCodeEndings = {"code", "ret", "result", "success", "ok"};
constexpr std::array<std::string_view, 2> kFlagEndings = {"success", "ok"};
constexpr std::array<std::string_view, 2> kErrorEndings = {"error", "errors"};

/// The word that `text` begins with says yes.
bool is_yes(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of("\"<,}& \t\r\n"));
  return std::any_of(kYes.begin(), kYes.end(), [&](std::string_view yes) {
    return std::equal(word.begin(), word.end(), yes.begin(), yes.end(),
                      [](char a, char b) { return (a | 0x20) == b; });
  });
}

/// The value at `at`, whose name ends at `mark`, may be one that plainly_refuses().
bool may_say_no(std::string_view text, std::size_t mark, std::size_t at) {
  const auto low = [&](std::size_t i) {
    return i < text.size() ? static_cast<char>(text[i] | 0x20) : ' ';
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text[mark] == '>' && ends_fault(text, mark)) return true;
  const char first = low(at);
  if (first == 'f' && low(at + 1) == 'a') return true;
  if (first == 'e' && low(at + 1) == 'r') return true;
  if (first == '-') return is_digit(low(at + 1));
  if (first == '0' || first == 'n') return name_ends_with(text, mark, kFlagEndings);
  if (is_digit(first)) {
    std::size_t digits = 1;
    while (digits < 4 && is_digit(low(at + digits))) ++digits;
    return (digits == 3 && (first == '4' || first == '5')) ||
           name_ends_with(text, mark, kCodeEndings) || name_ends_with(text, mark, kErrorEndings);
  }
  if (first == '{' || first == 't') return name_ends_with(text, mark, kErrorEndings);
  // A word that names what failed.
  const bool word = (first >= 'a' && first <= 'z') || static_cast<unsigned char>(first) >= 0x80;
  return word && name_ends_with(text, mark, kCodeEndings) && !is_yes(text.substr(at));
}

/// plainly_refuses(), for answers of which nearly none does: the document is read only where such a
/// value stands in it.
bool is_plain_refusal(const Message& response) {
  if (response.body_bytes > kLongestDocument) return false;
  if (!response.content_encoding().empty() && !response.body_decoded) return false;
  const std::string_view text = response.body_head;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return false;
  const char mark = text[begin] == '<' ? '>' : text[begin] == '{' ? ':' : '=';
  for (std::size_t at = text.find(mark, begin); at != std::string_view::npos;
       at = text.find(mark, at + 1)) {
    if (may_say_no(text, at, value_behind(text, at)))
      return plainly_refuses(base::trim(text), base::read_fields(base::trim(text)));
  }
  return false;
}

}  // namespace

bool is_agreed(const AckProfile& profile, const AckReading& reading) {
  return profile.wants != Wants::any_2xx_but_no || !reading.token.empty();
}

AckReading read_ack(const AckProfile& profile, const Thresholds& settings,
                    const Message& response) {
  const auto text = whole_text(response);
  switch (profile.wants) {
    case Wants::any_2xx:
      return {Ack::accepted, {}, {}};
    case Wants::any_2xx_but_no:
      return text ? read_negative(settings, *text) : AckReading{};
    case Wants::token:
      return text ? read_token(profile, settings, response, *text) : read_beginning(response);
    case Wants::xml_return_code:
      return text ? read_xml_code(response, *text) : read_beginning(response);
    case Wants::own:
      if (!acknowledges(profile, response.status)) {
        return {Ack::unrecognized, fmt::format("status {}", response.status), {}};
      }
      if (text) return read_own(profile, settings, response, *text);
      return profile.success.empty() ? AckReading{} : read_beginning(response);
    case Wants::ok_or_no_content:
      break;
  }
  if (response.status != 200 && response.status != 204) {
    return {Ack::unrecognized, fmt::format("status {}", response.status), {}};
  }
  if (text && read_document(base::read_fields(*text)) == Ack::refused) {
    return {Ack::refused, "a code that says no", {}};
  }
  return {Ack::accepted, {}, {}};
}

Ack agreed_ack(const Exchange& x, const Thresholds& settings) {
  if (!x.response || !is_callback(x.request.method())) return Ack::unknown;
  const Message& response = *x.response;
  if (!is_success(response.status)) return Ack::unknown;
  if (response.state != MessageState::complete) return Ack::unknown;
  const AckProfile& profile = ack_profile(x.request, settings);
  const AckReading reading = read_ack(profile, settings, response);
  return reading.ack != Ack::refused || is_agreed(profile, reading) ? reading.ack : Ack::unknown;
}

bool refuses_in_body(const Exchange& x, const Thresholds& settings) {
  return agreed_ack(x, settings) == Ack::refused;
}

bool ack_may_matter(const Exchange& x, const Thresholds& settings) {
  if (!is_callback(x.request.method())) return false;
  if (!settings.ack_profile.empty() || !settings.ack_token.empty()) return true;
  if (!settings.own_profiles.empty()) return true;
  const std::string_view request = x.request.body_head;
  const Message& response = *x.response;
  constexpr std::uint64_t kShortDocument = 64;
  const bool may_refuse =
      response.body_bytes <= kShortDocument &&
      std::any_of(response.body_head.begin(), response.body_head.end(),
                  [](char c) { return (c | 0x20) == 'f' || (c | 0x20) == 'e'; });
  if (x.request.markers == 0 && is_plain_refusal(response)) return true;
  if (x.request.markers != 0) {
    return (response.status != 200 && response.status != 204) || may_refuse;
  }
  if (request.empty()) return false;
  if (!x.request.content_encoding().empty()) return true;
  const auto is_json = [](std::string_view text) {
    return !text.empty() && (text.front() == '{' || text.front() == '[');
  };
  if (is_json(request) && is_json(response.body_head)) return may_refuse;
  if (request.front() == '<') return base::contains(request, "mch_id");
  return base::contains(request, "sign");
}

}  // namespace httpdiag::rules
