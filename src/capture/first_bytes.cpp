// SPDX-License-Identifier: Apache-2.0
// A table of magic numbers, and of what careless copying does to those of captures.
#include "capture/first_bytes.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "capture/text_mode.hpp"

namespace httpdiag::capture {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view meaning;
};

constexpr std::string_view kTextMode =
    "a pcapng whose line ends were converted in transit; copy it again in binary mode";
constexpr std::string_view kRecoded =
    "a capture that was converted as if it were text; copy it again in binary mode";
constexpr std::string_view kRecodedData =
    "data that were converted as if they were text; copy it again in binary mode";
constexpr std::string_view kFmesquid =
    "a pcap of a patched libpcap (fmesquid), convert it to pcap first";
constexpr std::string_view kNavtel = "a pcap of a Navtel device, convert it to pcap first";
constexpr std::string_view kIxia = "a pcap of an Ixia device, convert it to pcap first";
constexpr std::string_view kBase64 = "a capture in base64, decode it first";

// Those of compressions that we read are met inside of another compression only.
constexpr Magic kMagics[] = {
    {"\x1f\x8b"sv, "gzip, decompress it first"},
    {"\x28\xb5\x2f\xfd"sv, "zstd, decompress it first"},
    {"\xfd"
     "7zXZ\0"sv,
     "xz, decompress it first"},
    {"BZh"sv, "bzip2, decompress it first"},
    {"\x04\x22\x4d\x18"sv, "lz4, decompress it first"},
    {"\x02\x21\x4c\x18"sv, "lz4's legacy format, decompress it first"},
    {"\xa1\xb2\x34\xcd"sv, kFmesquid},
    {"\xcd\x34\xb2\xa1"sv, kFmesquid},
    {"\xa1\x2b\x3c\x4d"sv, kNavtel},
    {"\x4d\x3c\x2b\xa1"sv, kNavtel},
    {"\x1c\0\x01\xac"sv, kIxia},
    {"\xac\x01\0\x1c"sv, kIxia},
    {"\x1c\0\x01\xab"sv, kIxia},
    {"\xab\x01\0\x1c"sv, kIxia},
    {"PK\x03\x04"sv, "a zip archive, unpack it first"},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7-zip archive, unpack it first"},
    {"Rar!\x1a\x07"sv, "a rar archive, unpack it first"},
    {"snoop\0\0\0"sv, "a Solaris snoop capture, convert it to pcap first"},
    {"btsnoop\0"sv, "a Bluetooth snoop capture, which holds no IP traffic"},
    {"GMBU"sv, "a Microsoft Network Monitor capture, convert it to pcap first"},
    {"RTSS"sv, "a Microsoft Network Monitor capture, convert it to pcap first"},
    {"TRSNIFF data"sv, "a Sniffer capture, convert it to pcap first"},
    {"XCP\0"sv, "a NetXRay capture, convert it to pcap first"},
    {"iptrace "sv, "an AIX iptrace capture, convert it to pcap first"},
    {"MDMP"sv, "a Windows crash dump"},
    {"\x7f"
     "ELF"sv,
     "a program"},
    {"MZ"sv, "a program"},
    {"%PDF"sv, "a PDF document"},
    {"SQLite format 3\0"sv, "an SQLite database"},
    {"version https://git-lfs"sv, "a Git LFS pointer; the capture itself was not fetched"},
    {"1MOyoQ"sv, kBase64},
    {"TTyyoQ"sv, kBase64},
    {"obLD1A"sv, kBase64},
    {"obI8TQ"sv, kBase64},
    {"Cg0NC"sv, kBase64},
    {"\xc3\x94\xc3\x83\xc2\xb2\xc2\xa1"sv,
     kRecoded},  // a pcap's magic as Latin-1, written as UTF-8
    {"M<\xc2\xb2\xc2\xa1"sv, kRecoded},
    {"\xc2\xa1\xc2\xb2\xc3\x83\xc3\x94"sv, kRecoded},
    {"\xef\xbf\xbd\xc3\xb2\xef\xbf\xbd"sv, kRecoded},  // read as UTF-8, invalid bytes replaced
    {"M<\xef\xbf\xbd\xef\xbf\xbd\x02"sv, kRecoded},
};

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!out.empty()) out += ' ';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

/// The section header's magic 0a 0d 0d 0a is there to show this: FTP in text
/// mode and its kin change the number or kind of its line ends, but leave the
/// byte-order magic behind it.
bool is_text_mode_pcapng(std::string_view head) {
  constexpr std::string_view kConverted[] = {
      "\n\r\n",           // CR LF to LF
      "\r\n\r\r\r\n",     // LF to CR LF
      "\r\n\r\r\n",       // LF to CR LF where there is no CR
      "\n\n\n\n",         // CR to LF
      "\r\r\r\r",         // LF to CR
      "\n\n",             // CR dropped
      "\r\r",             // LF dropped
      "\n\r\n\r\n\n",     // CR to CR LF
      "\r\n\r\n\r\n\r\n"  // either to CR LF
  };
  const std::string_view line_ends = head.substr(0, head.find_first_not_of("\r\n"));
  if (std::find(std::begin(kConverted), std::end(kConverted), line_ends) == std::end(kConverted)) {
    return false;
  }
  const std::string_view near = head.substr(0, 40);
  return near.find("\x1a\x2b\x3c\x4d"sv) != std::string_view::npos ||
         near.find("\x4d\x3c\x2b\x1a"sv) != std::string_view::npos;
}

std::string_view text_kind(std::string_view head) {
  const bool printable = std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || (byte >= 0x09 && byte <= 0x0d);
  });
  if (!printable) return {};
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
  std::string start{head.substr(0, 16)};
  std::transform(start.begin(), start.end(), start.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) {
    return "HTML, perhaps a login or error page that was saved in its place";
  }
  if (start.starts_with("<")) return "XML";
  if (start.starts_with("{") || start.starts_with("[")) return "JSON";
  return "text";
}

std::string_view meaning(std::string_view head) {
  for (const Magic& magic : kMagics) {
    if (head.starts_with(magic.bytes)) return magic.meaning;
  }
  if (is_text_mode_pcapng(head)) return kTextMode;
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")) return "UTF-16 text";
  if (head.size() > 262 && head.substr(257).starts_with("ustar"))
    return "a tar archive, unpack it first";
  if (text_kind(head).empty() && !find_recoding(std::as_bytes(std::span{head})).empty())
    return kRecodedData;
  if (head.find_first_not_of('\0') == std::string_view::npos) return "nothing but zero bytes";
  return text_kind(head);
}

}  // namespace

std::string describe_first_bytes(std::span<const std::byte> head) {
  const std::string_view text{reinterpret_cast<const char*>(head.data()), head.size()};
  const std::string_view what = meaning(text);
  std::string out = "it begins with " + hex(text.substr(0, 8));
  if (!what.empty()) {
    out += ": ";
    out += what;
  }
  return out;
}

}  // namespace httpdiag::capture
