// SPDX-License-Identifier: Apache-2.0
// What FTP in text mode and its kin do to a pcap: line ends inside packets change,
// and with them the place of every record behind. pcapng has a magic number that
// shows it (first_bytes.cpp); a pcap shows it by becoming readable again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace httpdiag::capture {

constexpr std::string_view kCrInserted =
    "CR was put before every LF, as a transfer in text mode does; copy it again in binary mode";

struct Conversion {
  std::size_t offset = 0;  // of the first record that it has changed
  std::string_view what;
};

/// The captured length in the record header at that place; none: no header can look like this.
using HeaderLook = std::function<std::optional<std::size_t>(const std::byte* at)>;

/// `records` begins with a record. Proof is asked for: the records must make sense as they were
/// before the transfer, and must not as they are.
std::optional<Conversion> find_conversion(std::span<const std::byte> records, std::size_t header,
                                          const HeaderLook& look);
/// Only whether CRs were put in, which moves records to where longer headers would put them.
std::optional<Conversion> find_inserted(std::span<const std::byte> records, std::size_t header,
                                        const HeaderLook& look);

/// As it was before CR was put before each LF.
struct WithoutCr {
  std::vector<std::byte> bytes;
  std::size_t first = 0;  // where in it the first of them was
};
WithoutCr without_cr(std::span<const std::byte> bytes);

/// The same in compressed data, which keep no order of their own: by the line ends in many bytes.
class LineEnds {
 public:
  void count(std::span<const std::byte> bytes);
  /// As if it had happened: there are LFs, and each has a CR before it.
  bool all_with_cr() const { return lfs_ != 0 && pairs_ == lfs_; }
  /// What has happened to them, in words; empty: nothing, or they are too few to tell.
  std::string_view conversion() const;

 private:
  std::uint64_t bytes_ = 0, crs_ = 0, lfs_ = 0, pairs_ = 0;
  std::uint64_t in_text_ = 0;  // of the pairs
  std::byte last_{}, before_last_{};
};

/// Binary data that went through a program for text: each byte above 127 has become a character of
/// UTF-8 (RFC 3629), or the one that stands for what is none.
class Recoding {
 public:
  void count(std::span<const std::byte> bytes);
  /// Said only of data that are no text. Empty: it has not happened, or too little shows it.
  std::string_view conversion() const;

 private:
  bool valid_ = true;
  unsigned left_ = 0;  // bytes of the character
  std::uint64_t characters_ = 0;
};

/// The same of the beginning of a file.
std::string_view find_recoding(std::span<const std::byte> head);

}  // namespace httpdiag::capture
