# SPDX-License-Identifier: Apache-2.0
"""The programs that the lab runs, and the Debian packages they come in. It installs nothing."""
import functools
import re
import shutil
import subprocess
from pathlib import Path

# name -> (a program or a file, Debian package, how it tells its version)
TOOLS = {
    "ip": ("ip", "iproute2", None),
    "sysctl": ("sysctl", "procps", None),
    "tshark": ("tshark", "tshark", None),
    "tcpdump": ("tcpdump", "tcpdump", None),
    "dumpcap": ("dumpcap", "wireshark-common", None),
    "iptables": ("iptables", "iptables", None),
    "mergecap": ("mergecap", "wireshark-common", None),
    "openssl": ("openssl", "openssl", ["openssl", "version"]),
    "python": ("/usr/bin/python3", "python3", ["/usr/bin/python3", "--version"]),
    "requests": ("/usr/lib/python3/dist-packages/requests", "python3-requests",
                 ["/usr/bin/python3", "-c", "import requests; print(requests.__version__)"]),
    "curl": ("curl", "curl", ["curl", "--version"]),
    "node": ("node", "nodejs", ["node", "--version"]),
    "nginx": ("nginx", "nginx-light", ["nginx", "-v"]),
    "haproxy": ("haproxy", "haproxy", ["haproxy", "-v"]),
    "javac": ("javac", "default-jdk-headless", ["javac", "-version"]),
    "httpclient": ("/usr/share/java/httpclient.jar", "libhttpclient-java",
                   ["sh", "-c", "ls /usr/share/java/httpclient-[0-9]*.jar"]),
    "okhttp": ("/usr/share/java/okhttp.jar", "libokhttp-java",
               ["sh", "-c", "ls /usr/share/java/okhttp-[0-9]*.jar"]),
}
ALWAYS = ("ip", "sysctl", "tshark", "tcpdump", "dumpcap", "mergecap", "iptables", "openssl", "python")
NEEDS = {"httpclient": ("javac",), "okhttp": ("javac",)}


def needed(scenarios):
    names = set(ALWAYS)
    for scenario in scenarios:
        for name in scenario.software:
            names |= {name, *NEEDS.get(name, ())}
    return sorted(names)


def missing(scenarios):
    lines = []
    for name in needed(scenarios):
        program, package, _ = TOOLS[name]
        there = Path(program).exists() if program.startswith("/") else shutil.which(program)
        if not there:
            lines.append(f"{name}: not found; Debian package {package}")
    if not Path("/dev/net/tun").exists():
        lines.append("/dev/net/tun: not found; the forwarder needs the kernel module tun")
    return lines


@functools.lru_cache(maxsize=None)
def version(name):
    done = subprocess.run(TOOLS[name][2], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return found[0].removesuffix(".jar") if found else "unknown"


def versions(names):
    kernel = re.match(r"\d+\.\d+", subprocess.run(["uname", "-r"], capture_output=True, text=True,
                                                  check=False).stdout)[0]
    return {"linux": kernel, **{name: version(name) for name in names if TOOLS[name][2]}}
