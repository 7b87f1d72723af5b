// SPDX-License-Identifier: Apache-2.0
// Captures written byte by byte, in either byte order, and what comes out of
// open_capture() for them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "httpdiag/error.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag::testing_capture {

/// Appends numbers in one byte order.
class Bytes {
 public:
  explicit Bytes(bool little_endian = true) : little_endian_{little_endian} {}

  Bytes& number(std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      text += static_cast<char>(value >> (8 * (little_endian_ ? i : size - 1 - i)));
    }
    return *this;
  }
  Bytes& u16(std::uint64_t value) { return number(value, 2); }
  Bytes& u32(std::uint64_t value) { return number(value, 4); }
  Bytes& raw(const std::string& bytes) {
    text += bytes;
    return *this;
  }

  std::string text;

 private:
  bool little_endian_;
};

struct PcapShape {
  bool little_endian = true;
  bool nanoseconds = false;
  std::uint32_t snaplen = 65535;
  std::uint32_t link = 1;
};

inline std::string pcap_header(const PcapShape& shape = {}) {
  Bytes out{shape.little_endian};
  out.u32(shape.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4).u16(2).u16(4).u32(0).u32(0);
  return out.u32(shape.snaplen).u32(shape.link).text;
}

inline std::string pcap_record(const std::string& bytes, std::uint32_t seconds = 1,
                               std::uint32_t fraction = 0, const PcapShape& shape = {},
                               std::uint32_t wire_length = 0) {
  Bytes out{shape.little_endian};
  out.u32(seconds).u32(fraction).u32(bytes.size());
  return out.u32(wire_length != 0 ? wire_length : bytes.size()).raw(bytes).text;
}

inline std::string block(std::uint32_t type, std::string body, bool little_endian = true) {
  body.resize((body.size() + 3) / 4 * 4);
  Bytes out{little_endian};
  return out.u32(type).u32(body.size() + 12).raw(body).u32(body.size() + 12).text;
}

inline std::string section_header(bool little_endian = true) {
  Bytes body{little_endian};
  return block(0x0a0d0d0a, body.u32(0x1a2b3c4d).u16(1).u16(0).number(~0ull, 8).text, little_endian);
}

inline std::string interface(std::uint16_t link = 1, std::uint32_t snaplen = 0,
                             bool little_endian = true, const std::string& options = {}) {
  Bytes body{little_endian};
  return block(1, body.u16(link).u16(0).u32(snaplen).raw(options).text, little_endian);
}

/// `time` in units of the interface's resolution: microseconds unless it says otherwise.
inline std::string enhanced_packet(const std::string& bytes, std::uint64_t time = 1'000'000,
                                   std::uint32_t interface_id = 0, bool little_endian = true) {
  Bytes body{little_endian};
  body.u32(interface_id).u32(time >> 32).u32(time & 0xffffffff).u32(bytes.size());
  return block(6, body.u32(bytes.size()).raw(bytes).text, little_endian);
}

/// One option of a block, padded.
inline std::string option(std::uint16_t code, std::string value, bool little_endian = true) {
  Bytes out{little_endian};
  out.u16(code).u16(value.size());
  value.resize((value.size() + 3) / 4 * 4);
  return out.raw(value).text;
}
inline std::string number64(std::uint64_t value, bool little_endian = true) {
  return Bytes{little_endian}.number(value, 8).text;
}

/// An enhanced packet block with options.
inline std::string packet_with(const std::string& bytes, const std::string& options,
                               std::uint64_t time = 1'000'000, bool little_endian = true) {
  Bytes body{little_endian};
  std::string data = bytes;
  data.resize((data.size() + 3) / 4 * 4);
  body.u32(0).u32(time >> 32).u32(time & 0xffffffff).u32(bytes.size()).u32(bytes.size());
  return block(6, body.raw(data).raw(options).text, little_endian);
}

/// A folder of its own for each test, gone afterwards.
class CaptureFiles : public ::testing::Test {
 protected:
  CaptureFiles() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "httpdiag-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
    folder = pattern;
  }
  ~CaptureFiles() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  std::string write(const std::string& bytes, const std::string& name = "x.pcap") const {
    const auto path = folder / name;
    std::ofstream{path, std::ios::binary} << bytes;
    return path.string();
  }

  /// The message of the Error, the file's name in it as FILE; "" if there was none.
  std::string refusal(const std::string& bytes) const { return refusal_of(write(bytes)); }
  static std::string refusal_of(const std::string& path) {
    try {
      open_capture(path, {});
      return {};
    } catch (const Error& error) {
      std::string message = error.what();
      if (const auto at = message.find(path); at != std::string::npos) {
        message.replace(at, path.size(), "FILE");
      }
      return message;
    }
  }

  std::filesystem::path folder;
};

/// One line a packet ("number time link captured/wire"), then what the summary says is wrong.
inline std::vector<std::string> read_all(const std::string& path, bool recover = false) {
  std::vector<std::string> lines;
  const auto source = open_capture(path, {.recover = recover});
  while (const Packet* packet = source->next()) {
    lines.push_back(std::to_string(packet->ref.number) + " " +
                    std::to_string(packet->ref.time.time_since_epoch().count()) + " " +
                    std::to_string(packet->bytes.size()) + "/" +
                    std::to_string(packet->wire_length));
  }
  if (const auto& damage = source->summary().damage) {
    lines.push_back("after " + std::to_string(damage->after_packet) + " at " +
                    std::to_string(damage->byte_offset) + ": " + damage->reason);
  }
  return lines;
}

}  // namespace httpdiag::testing_capture
