// SPDX-License-Identifier: Apache-2.0
#include "report/input_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace httpdiag::report {
namespace {

constexpr std::size_t kHang = 10;
constexpr std::size_t kListed = 8;       // interfaces
constexpr std::size_t kNotesListed = 3;  // on the file as a whole

constexpr std::size_t kNotReadListed = 3;

std::string name_of(const CaptureInterface& interface) {
  const std::string& name = interface.name.empty() ? interface.description : interface.name;
  return name.empty() ? fmt::format("interface {}", interface.id) : base::shorten(name, 40);
}

/// "b.pcap: ", where there are several.
std::string in_front(const CaptureFile& file) {
  return file.short_name.empty() ? std::string{} : file.short_name + ": ";
}

/// "eth0", or with what its writer says of it: "\\Device\\NPF_{A1B2}: Ethernet 2".
std::string title_of(const CaptureInterface& interface) {
  const bool both = !interface.name.empty() && !interface.description.empty();
  return name_of(interface) + (both ? ": " + base::shorten(interface.description, 40) : "");
}

/// "eth0 (ETHERNET, 12 packets), lo (NULL, no packet)"; nothing where there is no choice, and no
/// more to say of the only one than its name.
std::string interfaces_text(const CaptureFile& file) {
  const std::vector<CaptureInterface>& interfaces = file.interfaces;
  const bool described = !interfaces.empty() && !interfaces.front().description.empty();
  if (interfaces.size() < 2 && !described) return {};
  std::string text = in_front(file);
  for (std::size_t i = 0; i < std::min(kListed, interfaces.size()); ++i) {
    const CaptureInterface& each = interfaces[i];
    text += fmt::format("{}{} ({}, {})", i == 0 ? "" : ", ", title_of(each), each.link_type,
                        base::count(each.packets, "packet"));
  }
  const std::uint64_t more =
      interfaces.size() - std::min(kListed, interfaces.size()) + file.omitted_interfaces;
  return more == 0 ? text : text + fmt::format(" and {} more", more);
}

/// "nflog0, nflog1": those that a filter makes no sense for.
std::string interfaces_of(const CaptureSummary& input, const std::string& link_type) {
  std::string text;
  std::size_t named = 0;
  for (const CaptureFile& file : input.files) {
    for (const CaptureInterface& each : file.interfaces) {
      if (each.link_type != link_type || each.packets == 0 || named++ == kListed) continue;
      base::append_item(text, name_of(each));
    }
  }
  return text;
}

void show_unread(Page& page, const CaptureFile& file) {
  for (const auto& [type, packets] : file.unread_links) {
    page.wrapped(0, Ink::yellow, "Beware", kHang,
                 fmt::format("{}{} of link type {}, which is not read.", in_front(file),
                             base::count(packets, "packet"), type));
  }
}

/// Packets that the capturing side itself says it lost.
void show_drops(Page& page, const CaptureFile& file) {
  for (const CaptureInterface& each : file.interfaces) {
    const std::uint64_t dropped =
        std::max(each.dropped_by_interface.value_or(0) + each.dropped_by_os.value_or(0),
                 each.dropped_between);
    if (dropped == 0) continue;
    page.wrapped(
        0, Ink::yellow, "Beware", kHang,
        fmt::format("{}The capture says that {} dropped on {}: what is missing here need not "
                    "have been missing on the wire.",
                    in_front(file),
                    dropped == 1 ? "1 packet was" : fmt::format("{} packets were", dropped),
                    name_of(each)));
  }
}

/// Between captures, where nobody may have recorded.
void show_pauses(Page& page, const CaptureSummary& input) {
  constexpr std::size_t kPausesListed = 3;
  std::size_t count = 0;
  for (const CaptureBorder& border : input.borders) {
    if (border.ordinary || ++count > kPausesListed) continue;
    page.wrapped(
        0, Ink::yellow, "Beware", kHang,
        fmt::format("Nothing was recorded for {} between packets {} and {}, where another "
                    "capture begins: whether anybody recorded then is not known, and that "
                    "silence is held against nobody.",
                    base::duration(border.pause()), packet_name(&input, border.last.number),
                    packet_name(&input, border.next.number)));
  }
  if (count > kPausesListed) {
    page.wrapped(0, Ink::yellow, "Beware", kHang,
                 fmt::format("{} more such pauses, see --format json.", count - kPausesListed));
  }
}

void show_not_read(Page& page, const CaptureSummary& input) {
  for (std::size_t i = 0; i < std::min(kNotReadListed, input.not_read.size()); ++i) {
    const NotRead& each = input.not_read[i];
    page.wrapped(0, Ink::yellow, "Beware", kHang,
                 fmt::format("{} was passed over: {}.", each.name, each.reason));
  }
  const std::uint64_t all = input.not_read.size() + input.omitted_not_read;
  if (all > kNotReadListed) {
    page.wrapped(0, Ink::yellow, "Beware", kHang,
                 fmt::format("{} more were passed over, see --format json.", all - kNotReadListed));
  }
}

}  // namespace

void show_input(Page& page, const CaptureSummary& input) {
  show_not_read(page, input);
  show_pauses(page, input);
  for (const CaptureFile& file : input.files) {
    if (const std::string text = interfaces_text(file); !text.empty()) {
      page.wrapped(0, Ink::bold, "From", kHang, text);
    }
  }
  std::size_t listed = 0;
  for (const PacketNote& note : input.notes) {
    if (note.packet != 0 || listed++ >= kNotesListed) continue;
    page.wrapped(0, Ink::bold, "Note", kHang, note.text);
  }
  for (const CaptureFile& file : input.files) {
    show_unread(page, file);
    show_drops(page, file);
    if (file.untimed_packets != 0) {
      page.wrapped(0, Ink::yellow, "Beware", kHang,
                   fmt::format("{}{} no time: durations around it mean nothing.", in_front(file),
                               file.untimed_packets == 1
                                   ? "1 packet has"
                                   : fmt::format("{} packets have", file.untimed_packets)));
    }
  }
}

void show_unfit(Page& page, const CaptureSummary& input, const Ledger& ledger) {
  for (const Ledger::Unfit& each : ledger.bpf_unfit) {
    const std::string names = interfaces_of(input, each.link_type);
    page.wrapped(
        0, Ink::yellow, "Beware", kHang,
        fmt::format("--bpf cannot be applied to link type {} ({}): {}{} {} left out.",
                    each.link_type, each.reason, base::count(each.packets, "packet"),
                    names.empty() ? "" : " of " + names, each.packets == 1 ? "was" : "were"));
  }
}

void show_incomplete(Page& page, const Ledger& ledger) {
  const auto cut = ledger.skipped[static_cast<std::size_t>(Skip::truncated_header)];
  if (cut != 0) {
    page.wrapped(0, Ink::yellow, "Beware", kHang,
                 fmt::format("{} cut before the end of {} headers when recorded: nothing can be "
                             "told of what {} carried. Record whole packets (tcpdump -s 0), or at "
                             "least 200 bytes of each.",
                             cut == 1 ? "1 packet was" : fmt::format("{} packets were", cut),
                             cut == 1 ? "its" : "their", cut == 1 ? "it" : "they"));
  }
  const auto pieces = ledger.skipped[static_cast<std::size_t>(Skip::fragment_incomplete)];
  if (pieces == 0) return;
  page.wrapped(0, Ink::yellow, "Beware", kHang,
               fmt::format("{} of fragmented IP datagrams could not be put together: the other "
                           "pieces are not in the capture, and what these hold was not analysed. A "
                           "filter for a port lets only the first piece of each pass; behind \"or "
                           "ip[6:2] & 0x1fff != 0\", for IPv6 \"or ip6 proto 44\", all do.",
                           base::count(pieces, "piece")));
}

std::string note_on(const CaptureSummary* input, PacketNumber packet) {
  std::string text;
  if (input == nullptr) return text;
  const PacketPlace place = place_of(input, packet);
  for (const PacketNote& note : input->notes) {
    if (note.packet == place.number && note.file == place.file)
      base::append_item(text, note.text, "; ");
  }
  return text;
}

}  // namespace httpdiag::report
