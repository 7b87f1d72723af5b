// SPDX-License-Identifier: Apache-2.0
// Short bodies are kept as the text that they encode.
#include "base/content_coding.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include "http/script.hpp"

namespace httpdiag::base {
namespace {

using http::Script;

constexpr int kGzip = 31, kZlib = 15, kRaw = -15;

std::string encode(std::string text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string decoded(std::string_view coding, std::string body) {
  return decode_body(coding, body) ? body : "(as it was)";
}

TEST(ContentCoding, GzipAndDeflate) {
  EXPECT_EQ(decoded("gzip", encode("fail", kGzip)), "fail");
  EXPECT_EQ(decoded(" X-GZIP ", encode("fail", kGzip)), "fail");
  EXPECT_EQ(decoded("deflate", encode("fail", kZlib)), "fail");
  EXPECT_EQ(decoded("deflate", encode("fail", kRaw)), "fail");
}

TEST(ContentCoding, WhatIsNotSoundStaysAsItIs) {
  const std::string whole = encode("fail", kGzip);
  for (const std::string& body : {whole.substr(0, whole.size() - 1), whole + "x", std::string{},
                                  std::string{"fail"}, encode(std::string(4097, 'a'), kGzip)}) {
    EXPECT_EQ(decoded("gzip", body), "(as it was)");
  }
  EXPECT_EQ(decoded("br", whole), "(as it was)");
  EXPECT_EQ(decoded("zstd", whole), "(as it was)");
  EXPECT_EQ(decoded("gzip", encode(std::string(4096, 'a'), kGzip)), std::string(4096, 'a'));
}

TEST(ContentCoding, BrotliWhereItWasBuiltIn) {
  if (!can_decode("br")) GTEST_SKIP() << "built without brotli";
  const std::string fail = "\x8b\x01\x80\x66\x61\x69\x6c\x03";  // as the reference encoder has it
  EXPECT_EQ(decoded("br", fail), "fail");
  EXPECT_EQ(decoded(" BR", fail), "fail");
  EXPECT_EQ(decoded("br", fail.substr(0, 5)), "(as it was)");
  std::string longer = fail;
  EXPECT_FALSE(decode_body("br", longer, 3));
}

TEST(ContentCoding, ALimitOfItsOwn) {
  std::string body = encode(std::string(9000, 'a'), kGzip);
  ASSERT_TRUE(decode_body("gzip", body, 9000));
  EXPECT_EQ(body, std::string(9000, 'a'));
}

TEST(ContentCoding, AResponseIsKeptAsText) {
  const std::string body = encode("fail", kGzip);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n";
  const std::string request = "GET /a HTTP/1.1\r\n\r\n";
  Script sized;
  sized.client(request).server(head + fmt::format("Content-Length: {}\r\n\r\n", body.size()));
  sized.server(body.substr(0, 5)).server(body.substr(5)).ack(Side::client).end();
  EXPECT_TRUE(sized.recorder.exchanges[0].response->body_decoded);
  EXPECT_EQ(sized.recorder.exchanges[0].response->body_head, "fail");
  EXPECT_EQ(sized.recorder.exchanges[0].response->body_bytes, body.size());
  Script closed;
  closed.client(request).server(head + "\r\n" + body).fin(Side::server).end();
  EXPECT_EQ(closed.recorder.exchanges[0].response->body_head, "fail");
  Script cut;  // a part of it is no text
  cut.client(request).server(head + "\r\n" + body).end();
  EXPECT_FALSE(cut.recorder.exchanges[0].response->body_decoded);
  EXPECT_EQ(cut.recorder.exchanges[0].response->body_head, body);
}

}  // namespace
}  // namespace httpdiag::base
