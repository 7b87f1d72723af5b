// SPDX-License-Identifier: Apache-2.0
#include "capture/interfaces.hpp"

#include <algorithm>
#include <utility>

#include "capture/link_types.hpp"

namespace httpdiag::capture {
namespace {

constexpr std::size_t kMostKnown = 65535;  // of a section, known to its packets
constexpr std::size_t kMostShown = 256;    // of the file, told of
constexpr std::size_t kMostLinks = 64;     // different link types, told of

}  // namespace

void Interfaces::begin_section() {
  ++section_;
  for (const Interface& interface : known_) {
    if (CaptureInterface* told = shown(&interface)) told->packets = interface.packets;
    if (interface.type == LinkType::unsupported && interface.packets > 0) count_unread(interface);
  }
  known_.clear();
}

void Interfaces::add(InterfaceDescription described) {
  if (known_.size() >= kMostKnown) {  // packets of it will be refused
    ++file_.omitted_interfaces;
    return;
  }
  Interface& interface = known_.emplace_back();
  interface.unit = described.unit;
  interface.snaplen = described.snaplen;
  interface.link = described.link;
  interface.type = known_link(described.link).type;
  readable_ |= interface.type != LinkType::unsupported;
  const std::string link = link_name(described.link);
  add_link(link);
  if (file_.interfaces.size() >= kMostShown) {
    ++file_.omitted_interfaces;
    return;
  }
  interface.shown = static_cast<std::uint16_t>(file_.interfaces.size());
  CaptureInterface& told = file_.interfaces.emplace_back();
  told.section = section_;
  told.id = static_cast<std::uint32_t>(known_.size() - 1);
  told.name = std::move(described.name);
  told.description = std::move(described.description);
  told.filter = std::move(described.filter);
  told.os = std::move(described.os);
  told.link_type = link;
  told.snaplen = described.snaplen;
}

/// The counts are since the beginning of the capture: the last ones hold.
void Interfaces::add(const Statistics& statistics) {
  CaptureInterface* told = shown(find(statistics.interface));
  if (told == nullptr) return;
  if (statistics.received) told->received = statistics.received;
  if (statistics.accepted) told->accepted = statistics.accepted;
  if (statistics.dropped_by_interface) told->dropped_by_interface = statistics.dropped_by_interface;
  if (statistics.dropped_by_os) told->dropped_by_os = statistics.dropped_by_os;
}

void Interfaces::add_drops(const Interface& interface, std::uint64_t count) {
  if (CaptureInterface* told = shown(&interface)) told->dropped_between += count;
}

CaptureInterface* Interfaces::shown(const Interface* interface) {
  if (interface == nullptr || !interface->shown) return nullptr;
  return &file_.interfaces[*interface->shown];
}

void Interfaces::add_link(const std::string& name) {
  std::vector<std::string>& links = file_.link_types;
  const bool there = std::find(links.begin(), links.end(), name) != links.end();
  if (!there && links.size() < kMostLinks) links.push_back(name);
}

void Interfaces::count_unread(const Interface& interface) {
  const std::string name = link_name(interface.link);
  auto& unread = file_.unread_links;
  const auto known =
      std::find_if(unread.begin(), unread.end(), [&](const auto& e) { return e.first == name; });
  if (known != unread.end()) {
    known->second += interface.packets;
  } else if (unread.size() < kMostLinks) {
    unread.emplace_back(name, interface.packets);
  }
}

}  // namespace httpdiag::capture
