// SPDX-License-Identifier: Apache-2.0
#include "shard/blocks.hpp"

#include <zlib.h>

#include <cstdint>

#include "httpdiag/error.hpp"
#include "httpdiag/shard.hpp"

namespace httpdiag {

void StateBlocks::add(std::string_view block) {
  if (!file_) file_.reset(std::tmpfile());
  const std::uint64_t end = (ends_.empty() ? 0 : ends_.back()) + block.size();
  if (!file_ || std::fseek(file_.get(), 0, SEEK_END) != 0 ||
      std::fwrite(block.data(), 1, block.size(), file_.get()) != block.size()) {
    throw Error{"no room for the state of a shard in a temporary file"};
  }
  ends_.push_back(end);
}

std::string StateBlocks::at(std::size_t index) const {
  const std::uint64_t begin = index == 0 ? 0 : ends_.at(index - 1);
  std::string block(ends_.at(index) - begin, '\0');
  if (std::fseek(file_.get(), static_cast<long>(begin), SEEK_SET) != 0 ||
      std::fread(block.data(), 1, block.size(), file_.get()) != block.size()) {
    throw Error{"the temporary file with the state of a shard cannot be read"};
  }
  return block;
}

namespace shard {
std::string deflated(std::string_view bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  // The fastest: what is read once need not be small.
  HTTPDIAG_CHECK(compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                           reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(),
                           Z_BEST_SPEED) == Z_OK);
  out.resize(size);
  return out;
}

std::string inflated(std::string_view bytes) {
  std::string out;
  for (std::size_t room = 2 * kBlockBytes; room <= kMostBlockBytes; room *= 4) {
    out.resize(room);
    uLongf size = room;
    const int result = uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                                  reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    if (result == Z_OK) {
      out.resize(size);
      return out;
    }
    if (result != Z_BUF_ERROR) break;
  }
  throw Damaged{};
}

}  // namespace shard
}  // namespace httpdiag
