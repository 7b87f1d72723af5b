// SPDX-License-Identifier: Apache-2.0
// How senders of callbacks want to be answered, as data: what marks their
// requests, which answer acknowledges them, when they try again.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "httpdiag/exchange.hpp"
#include "httpdiag/settings.hpp"

namespace httpdiag {

/// What the sender wants to see in an answer.
enum class Wants : std::uint8_t {
  any_2xx,           // the status alone
  any_2xx_but_no,    // a 2xx whose body is not one of Thresholds::negative_acks
  token,             // a 2xx whose body is a word like "success"
  xml_return_code,   // a 2xx whose body is XML with return_code SUCCESS
  ok_or_no_content,  // 200 or 204
  own                // what AckProfile::success and failure say
};

/// What an answer says, in a profile of the user's own.
struct AnswerTest {
  std::span<const std::string_view> bodies;  // whole, trimmed bodies; lower case
  std::string_view field;                    // of a document, in the form of is_named() ...
  std::span<const std::string_view> values;  // ... with one of these; lower case
  bool empty() const { return bodies.empty() && field.empty(); }
};

struct AckProfile {
  std::string_view name;
  std::string_view sender;    // for people
  std::uint32_t markers = 0;  // any of these headers tells it
  std::string_view body_marker =
      {};  // or this field in the request's body, in the form of is_named()
  std::string_view body_marker_2 = {};  // and this one, unless empty
  Wants wants = Wants::any_2xx;
  bool strict = false;           // one published token: other words and documents are none
  bool retries_refusals = true;  // a 2xx that says no in its body is tried again
  std::uint32_t deadline_s = 0;  // for the answer; 0: not published
  std::span<const std::string_view> id_fields;  // of the body: name a delivery for good
  std::span<const std::uint32_t> retry_gaps_s;  // between attempts; empty: not published, or none
  std::string_view retries;                     // the same in words

  // Of a profile of the user's own; all of what is there has to hold for a request.
  std::string_view host = {};         // lower case, without port
  std::string_view path_prefix = {};  // of the target
  std::span<const std::string_view> body_fields = {};
  std::span<const std::string_view> volatile_fields = {};  // besides those that are known
  std::span<const std::uint32_t> statuses = {};            // that acknowledge; empty: any 2xx
  AnswerTest success = {}, failure = {};
  bool empty_body_ok = false;
};

/// A profile from a configuration file, and the texts that it is made of. Names of fields are in
/// the form of is_named(), answers in lower case.
struct OwnProfile {
  using Texts = std::vector<std::string>;
  struct Answer {
    Texts bodies;
    std::string field;
    Texts values;
  };
  std::string name;
  std::string host, path_prefix;
  std::uint32_t markers = 0;
  Texts body_fields, id_fields, volatile_fields;
  std::vector<std::uint32_t> statuses;
  Answer success, failure;
  bool empty_body_ok = false;
  bool retries_refusals = true;
  std::uint32_t deadline_s = 0;
  std::vector<std::uint32_t> retry_gaps_s;
};
/// Keeps it for the rest of the run. Only settings that name it use it.
const AckProfile& add_own_profile(OwnProfile profile);

/// In order of detection; the last one, generic-2xx, is for everybody else.
std::span<const AckProfile> ack_profiles();
const AckProfile* find_ack_profile(std::string_view name);  // null: none that is built in
/// Own profiles as well.
const AckProfile* find_ack_profile(std::string_view name, const Thresholds& settings);
const AckProfile& generic_profile();

/// The one in force: set, or told by the request's headers and body.
const AckProfile& ack_profile(const Message& request, const Thresholds& settings);

/// What a complete 2xx response means to the sender.
enum class Ack : std::uint8_t {
  accepted,
  refused,
  unrecognized,  // the sender wants a token, and this is none
  unknown,       // the body is not in the capture, or its meaning is not known
};

}  // namespace httpdiag
