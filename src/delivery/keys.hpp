// SPDX-License-Identifier: Apache-2.0
// What tells the attempts of one callback from everybody else's: the key cascade
// of taxonomy 5.3. Cheap keys for all; the body is looked into only where asked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.hpp"
#include "delivery/field_classes.hpp"
#include "httpdiag/delivery.hpp"
#include "httpdiag/exchange.hpp"

namespace httpdiag::delivery {

/// Method, host and path.
std::uint64_t endpoint_hash(std::string_view method, std::string_view host,
                            std::string_view target);
std::string_view path_of(std::string_view target);
std::string_view query_of(std::string_view target);  // without "?"; empty if there is none

/// The key that costs next to nothing: the sender's id in a header, or the digest of the whole
/// request. 0: neither is there.
std::uint64_t plain_key(std::uint64_t endpoint, std::string_view target, const Message& request);

struct Keys {
  struct Key {
    KeyKind kind{};
    std::uint64_t hash = 0;
  };
  /// Strongest first; of each kind at most one.
  class Cascade {
   public:
    void add(const Key& key) { keys_[size_++] = key; }
    void clear() { size_ = 0; }
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    const Key& front() const { return keys_.front(); }
    const Key& operator[](std::size_t i) const { return keys_[i]; }
    Key* begin() { return keys_.data(); }
    Key* end() { return keys_.data() + size_; }
    const Key* begin() const { return keys_.data(); }
    const Key* end() const { return keys_.data() + size_; }

   private:
    std::array<Key, 4> keys_{};
    std::size_t size_ = 0;
  } cascade;
  bool event = false;  // the strongest names an event, not a thing that events are about
  // Of one by fields: the message has others that change with each attempt.
  bool changes = false;
  // Of one that names a thing: a sum of all that the message says but for what changes. 0: nothing
  // does, or not all of it was read.
  std::uint16_t words = 0;
  std::string name, value;  // of the strongest, if it is a header or a field
};

/// A request body as kept.
struct Body {
  std::string_view text;  // the first bytes, as sent
  std::string_view coding;
  bool whole = false;
};

/// Keys::name and value of fields.
enum class Texts : bool { left_out, wanted };

/// Looks into bodies, with memory of its own for what it meets again and again.
class KeyReader {
 public:
  /// All keys, of which `plain` is known. A header alone, where the sender gave an id in one: what
  /// has another id is another delivery whatever its body.
  Keys all_keys(std::uint64_t endpoint, std::uint64_t plain, std::string_view target,
                const Message& request, const AckProfile& profile, Texts texts = Texts::wanted);
  /// Those from inside a body, for one that is looked at again.
  Keys body_keys(std::uint64_t endpoint, std::string_view query, const Body& body,
                 const AckProfile& profile, Texts texts = Texts::wanted);

 private:
  struct FieldKey {
    std::uint64_t hash = 0;
    bool event = false;
    std::uint8_t wanted = 0, deepest = 0;  // the classes of its fields, and how deep they may lie
  };
  struct ClassifiedField {
    const base::Field* at = nullptr;
    FieldClass found;
  };
  using Classified = std::vector<ClassifiedField>;

  void classify(const base::Fields& fields, const AckProfile& profile, Classified& out);
  /// It is of a wanted class, has a value and lies no deeper.
  static bool counts(const ClassifiedField& field, std::uint8_t wanted, std::uint8_t deepest);
  static FieldKey key_of(const Classified& fields, std::uint8_t wanted, std::uint8_t deepest);
  static FieldKey field_key(const Classified& fields, const AckProfile& profile);
  static void describe(const FieldKey& key, const Classified& fields, Keys& keys);
  std::uint64_t canonical_hash(const base::Fields& body) const;

  FieldClasses classes_;
  base::Fields body_, query_;  // of the message at hand
  Classified in_body_, asked_;
};

/// A GET that is a callback all the same: everything is in its query, signed.
bool is_callback_query(std::string_view query);

}  // namespace httpdiag::delivery
