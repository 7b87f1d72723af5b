// SPDX-License-Identifier: Apache-2.0
#include "rules/device_timers.hpp"

#include <algorithm>
#include <array>

namespace httpdiag::rules {

namespace {

struct DeviceTimer {
  Duration timer;
  std::string_view device;
};

// Defaults by their manuals; all of them can be set otherwise.
constexpr std::array kDevices = {
    DeviceTimer{std::chrono::seconds{60}, "an AWS Application Load Balancer"},
    DeviceTimer{std::chrono::seconds{240}, "an Azure load balancer or NAT gateway"},
    DeviceTimer{std::chrono::seconds{300}, "an F5 BIG-IP"},
    DeviceTimer{std::chrono::seconds{350}, "an AWS NAT gateway or Network Load Balancer"},
    DeviceTimer{std::chrono::seconds{600}, "the Google Cloud VPC firewall"},
    DeviceTimer{std::chrono::seconds{900}, "an Alibaba Cloud load balancer"},
    DeviceTimer{std::chrono::seconds{1800}, "a Juniper SRX firewall"},
    DeviceTimer{std::chrono::seconds{3600}, "a Cisco ASA or Palo Alto firewall"},
    DeviceTimer{std::chrono::hours{120}, "Linux conntrack (iptables, NAT)"},
};

}  // namespace

std::string_view known_device(Duration timer) {
  const auto* const found = std::find_if(kDevices.begin(), kDevices.end(),
                                         [&](const DeviceTimer& d) { return d.timer == timer; });
  return found == kDevices.end() ? std::string_view{} : found->device;
}

}  // namespace httpdiag::rules
