// SPDX-License-Identifier: Apache-2.0
#include "capture/bpf.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <utility>

#include "capture/link_types.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

/// The number that libpcap compiles for; of several with one meaning the first.
int number_of(LinkType link) {
  constexpr std::uint32_t kNumbers = 300;
  for (std::uint32_t number = 0; number < kNumbers; ++number) {
    if (known_link(number).type == link) return static_cast<int>(number);
  }
  return -1;
}

}  // namespace

class Bpf::Program {
 public:
  Program(const std::string& expression, LinkType link) {
    const int number = number_of(link);
    if (number < 0) return;
    constexpr int kWholePacket = 262144;
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> handle{
        pcap_open_dead(number, kWholePacket), &pcap_close};
    if (!handle) throw Error{"--bpf: libpcap gives no compiler"};
    if (pcap_compile(handle.get(), &code_, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
      throw Error{"--bpf: " + expression + ": " + pcap_geterr(handle.get())};
    }
    compiled_ = true;
  }
  ~Program() {
    if (compiled_) pcap_freecode(&code_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  bool matches(const Packet& packet) const {
    if (!compiled_) return false;
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(packet.bytes.size());
    header.len = std::max(packet.wire_length, header.caplen);
    const auto* bytes = reinterpret_cast<const u_char*>(packet.bytes.data());
    return pcap_offline_filter(&code_, &header, bytes) != 0;
  }

 private:
  bpf_program code_{};
  bool compiled_ = false;  // not for link types that are not read
};

Bpf::Bpf(std::string expression) : expression_{std::move(expression)} {}
Bpf::~Bpf() = default;

const Bpf::Program& Bpf::program(LinkType link) {
  auto& known = programs_[link];
  if (!known) known = std::make_unique<Program>(expression_, link);
  return *known;
}

bool Bpf::matches(const Packet& packet) { return program(packet.link).matches(packet); }

}  // namespace httpdiag::capture
