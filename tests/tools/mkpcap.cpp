// SPDX-License-Identifier: Apache-2.0
// mkpcap SCENARIO.txt OUT.pcap: builds the capture that a scenario describes.
// mkpcap SCENARIO.txt CLIENT.pcap SERVER.pcap: what either of two capture points saw.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "support/scenario.hpp"

namespace {

using namespace httpdiag;

void write(const char* path, const test::Capture& capture) {
  const std::string pcap = test::to_pcap(capture);
  std::ofstream out{path, std::ios::binary};
  out.write(pcap.data(), static_cast<std::streamsize>(pcap.size()));
  out.flush();
  if (!out) throw std::runtime_error{std::string{path} + ": cannot be written"};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fputs("usage: mkpcap SCENARIO.txt OUT.pcap [SERVER.pcap]\n", stderr);
    return 2;
  }
  std::ifstream in{argv[1], std::ios::binary};
  if (!in) {
    std::fprintf(stderr, "mkpcap: %s: cannot be read\n", argv[1]);
    return 2;
  }
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  try {
    if (argc == 3) {
      write(argv[2], test::play(text));
    } else {
      write(argv[2], test::play(text, Side::client));
      write(argv[3], test::play(text, Side::server));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mkpcap: %s: %s\n", argv[1], error.what());
    return 2;
  }
  return 0;
}
