# SPDX-License-Identifier: Apache-2.0
"""Hosts as network namespaces around one router. All addresses are for documentation
(RFC 5737, RFC 3849), so that no capture names a real host."""
import os
import shutil
import subprocess
from pathlib import Path

PREFIX = "httpdiag-lab"

# host -> its address, the router's address on the same link, and both once more for IPv6
ADDRESSES = {
    "client": ("192.0.2.10", "192.0.2.1", "2001:db8:1::10", "2001:db8:1::1"),
    "server": ("198.51.100.20", "198.51.100.1", "2001:db8:2::20", "2001:db8:2::1"),
    "proxy": ("203.0.113.30", "203.0.113.1", "2001:db8:3::30", "2001:db8:3::1"),
}
# The client reaches a second address of the same server where a name has two.
SECOND_SERVER = "198.51.100.21"
FORWARDER_TABLE = "100"


def run(*argv):
    """A command that must succeed; what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """A router and the hosts around it. `close` leaves nothing of it behind."""

    def __init__(self, name, hosts=("client", "server"), ipv6=False):
        self.tag = f"{PREFIX}-{os.getpid()}-{name}"
        self.ipv6 = ipv6
        self.namespaces = []
        self.resolver_folders = []
        self._namespace("router")
        self.sysctl("router", "net.ipv4.ip_forward", 1)
        if ipv6:
            self.sysctl("router", "net.ipv6.conf.all.forwarding", 1)
        for host in hosts:
            self.attach(host)

    def name(self, host):
        return f"{self.tag}-{host}"

    def _namespace(self, host):
        name = self.name(host)
        run("ip", "netns", "add", name)
        self.namespaces.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        # Anybody may have set the defaults that new namespaces inherit.
        self.sysctl(host, "net.ipv4.conf.all.rp_filter", 0)
        self.sysctl(host, "net.ipv4.conf.default.rp_filter", 0)
        for each in ("all", "default"):
            self.sysctl(host, f"net.ipv6.conf.{each}.disable_ipv6", 0 if self.ipv6 else 1)
            self.sysctl(host, f"net.ipv6.conf.{each}.accept_dad", 0)

    def attach(self, host):
        """A new host with nothing in its kernel's memory, behind the router."""
        self._namespace(host)
        address, gateway, address6, gateway6 = ADDRESSES[host]
        here, router, link = self.name(host), self.name("router"), f"to-{host}"
        run("ip", "link", "add", "eth0", "netns", here, "type", "veth", "peer", "name", link,
            "netns", router)
        self._address(here, "eth0", address + "/24", address6 + "/64")
        self._address(router, link, gateway + "/24", gateway6 + "/64")
        run("ip", "-n", here, "route", "add", "default", "via", gateway)
        if self.ipv6:
            run("ip", "-n", here, "-6", "route", "add", "default", "via", gateway6)

    def _address(self, namespace, link, address, address6):
        run("ip", "-n", namespace, "address", "add", address, "dev", link)
        if self.ipv6:
            run("ip", "-n", namespace, "address", "add", address6, "dev", link, "nodad")
        run("ip", "-n", namespace, "link", "set", link, "up")

    def cut_power(self, host):
        """The host says nothing any more; its programs must be ended behind this."""
        run("ip", "-n", self.name(host), "link", "set", "eth0", "down")

    def remove(self, host):
        run("ip", "-n", self.name("router"), "link", "del", f"to-{host}")
        run("ip", "netns", "del", self.name(host))
        self.namespaces.remove(self.name(host))

    def through_forwarder(self, device):
        """Everything that passes the router takes the way through `device`, a TUN."""
        router = self.name("router")
        for family in ("-4", "-6") if self.ipv6 else ("-4",):
            for link in ("to-client", "to-server"):
                run("ip", "-n", router, family, "rule", "add", "iif", link, "lookup",
                    FORWARDER_TABLE)
            run("ip", "-n", router, family, "route", "add", "default", "dev", device, "table",
                FORWARDER_TABLE)

    def sysctl(self, host, key, value):
        self.inside(host, "sysctl", "-qw", f"{key}={value}")

    def inside(self, host, *argv):
        return run("ip", "netns", "exec", self.name(host), *argv)

    def iptables(self, host, *rule):
        self.inside(host, "iptables", "-w", *rule)

    def resolver(self, host, address):
        """`ip netns exec` puts this file over /etc/resolv.conf for what it starts."""
        folder = Path("/etc/netns") / self.name(host)
        folder.mkdir(parents=True)
        self.resolver_folders.append(folder)
        (folder / "resolv.conf").write_text(f"nameserver {address}\n")

    def close(self):
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        for folder in self.resolver_folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.namespaces, self.resolver_folders = [], []
        try:
            Path("/etc/netns").rmdir()  # only if nobody uses it
        except OSError:
            pass


def remove_leftovers():
    """Namespaces of runs that were killed and could not clean up."""
    removed = []
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        if not name.startswith(PREFIX + "-"):
            continue
        owner = name[len(PREFIX) + 1:].split("-")[0]
        if not Path("/proc", owner).exists():
            run("ip", "netns", "del", name)
            shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
            removed.append(name)
    return removed
