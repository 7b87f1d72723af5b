// SPDX-License-Identifier: Apache-2.0
#include "capture/bpf.hpp"

#include <pcap/pcap.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "capture/link_types.hpp"
#include "httpdiag/error.hpp"

namespace httpdiag::capture {
namespace {

/// The number that libpcap compiles for; of several with one meaning the first.
int number_of(LinkType link) {
  if (link == LinkType::unsupported) return -1;
  constexpr std::uint32_t kNumbers = 300;
  for (std::uint32_t number = 0; number < kNumbers; ++number) {
    if (known_link(number).type == link) return static_cast<int>(number);
  }
  return -1;
}

/// `word` stands alone: it is no part of a name.
bool holds_word(std::string_view text, std::string_view word) {
  const auto ends_word = [&](std::size_t at) {
    return at >= text.size() || (std::isalnum(static_cast<unsigned char>(text[at])) == 0 &&
                                 std::string_view{"-._"}.find(text[at]) == std::string_view::npos);
  };
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; ++at) {
    if ((at == 0 || ends_word(at - 1)) && ends_word(at + word.size())) return true;
  }
  return false;
}

}  // namespace

class Bpf::Program {
 public:
  Program(const std::string& expression, LinkType link) {
    const int number = number_of(link);
    if (number < 0) return;
    name_ = link_name(static_cast<std::uint32_t>(number));
    constexpr int kWholePacket = 262144;
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> handle{
        pcap_open_dead(number, kWholePacket), &pcap_close};
    if (!handle) throw Error{"--bpf: libpcap gives no compiler"};
    compiled_ =
        pcap_compile(handle.get(), &code_, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!compiled_) fault_ = pcap_geterr(handle.get());
  }
  ~Program() {
    if (compiled_) pcap_freecode(&code_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  bool compiled() const { return compiled_; }
  /// Empty: there was no compiling it, as the link type is not read.
  const std::string& fault() const { return fault_; }

  bool matches(const Packet& packet) {
    if (!compiled_) {
      ++passed_over_;
      return false;
    }
    pcap_pkthdr header{};
    header.caplen = static_cast<bpf_u_int32>(packet.bytes.size());
    header.len = std::max(packet.wire_length, header.caplen);
    const auto* bytes = reinterpret_cast<const u_char*>(packet.bytes.data());
    return pcap_offline_filter(&code_, &header, bytes) != 0;
  }
  Ledger::Unfit unfit() const { return {name_, fault_, passed_over_}; }

 private:
  bpf_program code_{};
  bool compiled_ = false;  // not for link types that are not read
  std::string name_, fault_;
  std::uint64_t passed_over_ = 0;
};

Bpf::Bpf(std::string expression)
    : expression_{std::move(expression)}, names_tags_{holds_word(expression_, "vlan")} {}
Bpf::~Bpf() = default;

Bpf::Program& Bpf::program(LinkType link) {
  auto& known = programs_[link];
  if (known) return *known;
  known = std::make_unique<Program>(expression_, link);
  if (known->fault().empty()) return *known;
  // Is it wrong, or only about something that this link type does not have?
  for (const LinkType other : {LinkType::ethernet, LinkType::raw_ip, LinkType::radiotap,
                               LinkType::linux_sll2, LinkType::pflog, LinkType::ppp_direction}) {
    if (Program{expression_, other}.compiled()) return *known;
  }
  throw Error{"--bpf: " + expression_ + ": " + known->fault()};
}

bool Bpf::matches(const Packet& packet) { return program(packet.link).matches(packet); }

bool Bpf::compiled(LinkType link) { return program(link).compiled(); }

std::vector<Ledger::Unfit> Bpf::finish() const {
  std::vector<Ledger::Unfit> unfit;
  bool applied = false;
  for (const auto& [link, program] : programs_) {
    applied = applied || program->compiled();
    if (!program->fault().empty()) unfit.push_back(program->unfit());
  }
  if (unfit.empty() || applied) return unfit;
  throw Error{"--bpf: " + expression_ + ": " + unfit.front().reason + " (" +
              unfit.front().link_type + ")"};
}

}  // namespace httpdiag::capture
