// SPDX-License-Identifier: Apache-2.0
// The only file that includes OpenSSL.
#include "base/sha256.hpp"

#include <openssl/evp.h>

#include <array>

#include "httpdiag/error.hpp"

namespace httpdiag::base {
namespace {

struct Free {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

}  // namespace

struct Sha256::State {
  Context context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_{std::make_unique<State>()} {
  // A libcrypto without SHA-256 (a broken provider configuration) is the world's fault, not ours.
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) {
    throw Error{"the system's libcrypto cannot compute SHA-256"};
  }
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  HTTPDIAG_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() const {
  const Context copy{EVP_MD_CTX_new()};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HTTPDIAG_CHECK(copy && EVP_MD_CTX_copy_ex(copy.get(), state_->context.get()) == 1);
  HTTPDIAG_CHECK(EVP_DigestFinal_ex(copy.get(), digest.data(), &size) == 1);

  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace httpdiag::base
