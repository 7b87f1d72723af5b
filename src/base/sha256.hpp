// SPDX-License-Identifier: Apache-2.0
// SHA-256 over bytes as they come. libcrypto does the work: it uses the
// processor's instructions, and a capture may be many gigabytes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace httpdiag::base {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> bytes);

  /// 64 lower-case hex digits over everything so far; more may follow.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace httpdiag::base
