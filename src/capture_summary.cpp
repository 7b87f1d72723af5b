// SPDX-License-Identifier: Apache-2.0
// Where packets lie, and what files and interfaces are called.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "httpdiag/packet.hpp"

namespace httpdiag {

void CaptureSummary::add_border(PacketRef last, PacketRef next, Duration longest) {
  CaptureBorder border{.last = last, .next = next, .longest = longest};
  if (next.time <= last.time || border.pause() <= CaptureBorder::kShortPause) return;
  if (borders.size() == kMostBorders) return;
  border.ordinary = border.pause() <= longest;
  borders.push_back(border);
}

const CaptureBorder* CaptureSummary::unwatched_behind(PacketNumber packet, Timestamp now) const {
  auto border = std::partition_point(
      borders.begin(), borders.end(),
      [packet](const CaptureBorder& each) { return each.last.number < packet; });
  for (; border != borders.end() && border->last.time < now; ++border) {
    if (!border->ordinary) return &*border;
  }
  return nullptr;
}

PacketPlace place_of(const CaptureSummary* input, PacketNumber number) {
  if (input == nullptr || !input->places || number == 0) return {0, number};
  return input->places->place(number);
}

PacketNumber shown_number(const CaptureSummary* input, PacketNumber number) {
  const bool many = input != nullptr && input->files.size() > 1;
  return many ? number : place_of(input, number).number;
}

std::string packet_name(const CaptureSummary* input, PacketNumber number) {
  const PacketPlace place = place_of(input, number);
  const bool many = input != nullptr && input->files.size() > 1;
  return many ? fmt::format("{}:{}", input->files[place.file].short_name, place.number)
              : fmt::format("{}", place.number);
}

std::string device_name(const CaptureSummary* input, DeviceId device) {
  if (input == nullptr || device == 0 || device > input->devices.size()) return {};
  const CaptureDevice& known = input->devices[device - 1u];
  const CaptureFile& file = input->files[known.file];
  std::string name;
  if (known.described && *known.described < file.interfaces.size()) {
    const CaptureInterface& each = file.interfaces[*known.described];
    name = each.name.empty() ? each.description : each.name;
    if (name.empty()) name = fmt::format("interface {}", each.id);
  }
  if (known.index) name = fmt::format("interface number {}", *known.index);
  if (file.short_name.empty()) return name;
  return name.empty() ? file.short_name : fmt::format("{} {}", file.short_name, name);
}

void give_short_names(std::vector<CaptureFile>& files) {
  std::multiset<std::string> names;
  for (const CaptureFile& file : files) names.insert(base::base_name(file.name));
  for (CaptureFile& file : files) {
    std::string name = base::base_name(file.name);
    file.short_name = names.count(name) == 1 ? std::move(name) : file.name;
  }
}

DeviceId same_device(const CaptureSummary& earlier, const CaptureDevice& device,
                     const CaptureFile& file) {
  const auto name_in = [](const CaptureDevice& each, const CaptureFile& its_file) {
    return each.described && *each.described < its_file.interfaces.size()
               ? its_file.interfaces[*each.described].name
               : std::string{};
  };
  for (std::size_t i = earlier.devices.size(); i > 0; --i) {
    const CaptureDevice& known = earlier.devices[i - 1];
    if (known.described == device.described && known.index == device.index &&
        name_in(known, earlier.files[known.file]) == name_in(device, file)) {
      return static_cast<DeviceId>(i);
    }
  }
  return 0;
}

}  // namespace httpdiag
