// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/hash.hpp"

namespace httpdiag::tls {

namespace {

constexpr std::size_t kLongestText = 256;
constexpr std::size_t kMostNames = 8;

template <auto free_it>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Free<&X509_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Free<&GENERAL_NAMES_free>>;

/// As a report may show it: printable ASCII.
std::string printable(const unsigned char* bytes, int length) {
  std::string text;
  for (int i = 0; i < length && text.size() < kLongestText; ++i) {
    text += bytes[i] >= ' ' && bytes[i] <= '~' ? static_cast<char>(bytes[i]) : '?';
  }
  return text;
}

/// The common name; without one, the organisation.
std::string common_name(const X509_NAME* name) {
  for (const int field : {NID_commonName, NID_organizationName, NID_organizationalUnitName}) {
    const int at = X509_NAME_get_index_by_NID(name, field, -1);
    if (at < 0) continue;
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, text);
    if (length < 0) continue;
    std::string shown = printable(utf8, length);
    OPENSSL_free(utf8);
    return shown;
  }
  return {};
}

std::string address(const ASN1_OCTET_STRING* bytes) {
  const unsigned char* data = ASN1_STRING_get0_data(bytes);
  const int length = ASN1_STRING_length(bytes);
  IpAddress ip;
  if (length == 4) {
    ip = IpAddress::v4(std::uint32_t{data[0]} << 24 | std::uint32_t{data[1]} << 16 |
                       std::uint32_t{data[2]} << 8 | data[3]);
  } else if (length == 16) {
    for (std::size_t i = 0; i < 16; ++i) ip.bytes[i] = data[i];
  } else {
    return {};
  }
  return to_string(ip);
}

std::vector<std::string> alternative_names(const X509* certificate) {
  std::vector<std::string> all;
  const NamesPtr names{static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
  if (!names) return all;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && all.size() < kMostNames; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    std::string text;
    if (name->type == GEN_DNS) {
      text = printable(ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
      text = address(name->d.iPAddress);
    }
    if (!text.empty()) all.push_back(std::move(text));
  }
  return all;
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::sys_seconds{std::chrono::seconds{timegm(&parts)}};
}

}  // namespace

std::shared_ptr<const TlsCertificate> read_certificate(std::span<const std::byte> der,
                                                       const std::string& sni) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const X509Ptr parsed{d2i_X509(nullptr, &bytes, static_cast<long>(der.size()))};
  if (!parsed) {
    ERR_clear_error();  // the queue is the thread's, and nobody else reads it
    return nullptr;
  }
  auto certificate = std::make_shared<TlsCertificate>();
  certificate->subject = common_name(X509_get_subject_name(parsed.get()));
  certificate->issuer = common_name(X509_get_issuer_name(parsed.get()));
  certificate->names = alternative_names(parsed.get());
  certificate->not_before = time_of(X509_get0_notBefore(parsed.get()));
  certificate->not_after = time_of(X509_get0_notAfter(parsed.get()));
  certificate->self_issued =
      X509_NAME_cmp(X509_get_subject_name(parsed.get()), X509_get_issuer_name(parsed.get())) == 0;
  if (!sni.empty()) {
    const int match = X509_check_host(parsed.get(), sni.data(), sni.size(), 0, nullptr);
    if (match >= 0) certificate->covers_sni = match == 1;
  }
  ERR_clear_error();
  return certificate;
}

std::shared_ptr<const TlsCertificate> CertificateCache::read(std::span<const std::byte> der,
                                                             const std::string& sni) {
  if (known_.empty()) known_.resize(kSlots);
  Known& known = known_[base::hash64(der) % kSlots];
  const bool same =
      known.sni == sni && std::equal(der.begin(), der.end(), known.der.begin(), known.der.end());
  if (!same) {
    known.der.assign(der.begin(), der.end());
    known.sni = sni;
    known.certificate = read_certificate(der, sni);
  }
  return known.certificate;
}

}  // namespace httpdiag::tls
