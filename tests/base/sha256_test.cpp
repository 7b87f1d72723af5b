// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.hpp"

#include <gtest/gtest.h>

#include <string>

namespace httpdiag::base {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span{text});
}

// The examples of FIPS 180-4 as NIST publishes them.
TEST(Sha256, MatchesTheStandardsExamples) {
  const struct {
    std::string text, hex;
  } cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& c : cases) {
    Sha256 digest;
    digest.update(as_bytes(c.text));
    EXPECT_EQ(digest.hex(), c.hex);
  }
}

TEST(Sha256, PiecesAddUpAndMoreMayFollowAReading) {
  Sha256 digest;
  digest.update(as_bytes("a"));
  digest.update({});
  EXPECT_EQ(digest.hex(), "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
  digest.update(as_bytes("bc"));
  EXPECT_EQ(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest.hex(), digest.hex());
}

}  // namespace
}  // namespace httpdiag::base
