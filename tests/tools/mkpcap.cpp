// SPDX-License-Identifier: Apache-2.0
// mkpcap SCENARIO.txt OUT.pcap: builds the capture that a scenario describes.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>

#include "support/scenario.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: mkpcap SCENARIO.txt OUT.pcap\n", stderr);
    return 2;
  }
  std::ifstream in{argv[1], std::ios::binary};
  if (!in) {
    std::fprintf(stderr, "mkpcap: %s: cannot be read\n", argv[1]);
    return 2;
  }
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  try {
    const std::string pcap = httpdiag::test::to_pcap(httpdiag::test::play(text));
    std::ofstream out{argv[2], std::ios::binary};
    out.write(pcap.data(), static_cast<std::streamsize>(pcap.size()));
    out.flush();
    if (!out) {
      std::fprintf(stderr, "mkpcap: %s: cannot be written\n", argv[2]);
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mkpcap: %s: %s\n", argv[1], error.what());
    return 2;
  }
  return 0;
}
