// SPDX-License-Identifier: Apache-2.0
// A certificate's names and dates, read by libcrypto. Nothing is verified: whom the
// client trusts is not in the capture.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "httpdiag/tls.hpp"

namespace httpdiag::tls {

/// Null: `der` is no certificate. `sni` may be empty.
std::shared_ptr<const TlsCertificate> read_certificate(std::span<const std::byte> der,
                                                       const std::string& sni);

/// The same few certificates come in every handshake.
class CertificateCache {
 public:
  std::shared_ptr<const TlsCertificate> read(std::span<const std::byte> der,
                                             const std::string& sni);

 private:
  struct Known {
    std::vector<std::byte> der;
    std::string sni;
    std::shared_ptr<const TlsCertificate> certificate;
  };
  static constexpr std::size_t kSlots = 256;
  std::vector<Known> known_;  // a slot per hash
};

}  // namespace httpdiag::tls
