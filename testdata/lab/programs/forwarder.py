# SPDX-License-Identifier: Apache-2.0
"""A piece of network between two interfaces of the router: it delays, loses, repeats,
reorders, and forges resets. Packets come from and go back to a TUN device.

argv[1] and each line of standard input: {"delay_ms": N, "rules": [{…}, …]}. The first rule
that fits a packet is applied. A rule names the sender ("from": an address) and the kind
("kind": syn, syn-ack, fin, rst, data, ack, any), lets the first "skip" of them pass, acts on
"count", by "chance" on some (always the same for the same "seed"), and does: drop, delay (by "ms" more), repeat ("ms" later), reset (forged towards
the sender in the name of the receiver; the packet itself is lost), pass.
"""
import fcntl
import heapq
import itertools
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


class Packet:
    """What a rule can ask about a packet."""

    def __init__(self, raw):
        self.raw = raw
        self.kind, self.source, self.length = "other", "", len(raw)
        if raw[0] >> 4 == 4:
            self.header, protocol = (raw[0] & 15) * 4, raw[9]
            self.source = ".".join(str(byte) for byte in raw[12:16])
        else:
            self.header, protocol = 40, raw[6]
        if protocol == 6:
            self.read_tcp()

    def read_tcp(self):
        tcp = self.raw[self.header:]
        flags, offset = tcp[13], (tcp[12] >> 4) * 4
        self.payload = len(tcp) - offset
        if flags & RST:
            self.kind = "rst"
        elif flags & SYN:
            self.kind = "syn-ack" if flags & ACK else "syn"
        elif flags & FIN:
            self.kind = "fin"
        else:
            self.kind = "data" if self.payload else "ack"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forged_reset(packet, ttl):
    """A bare RST to the sender of `packet`, as a device in between makes it (IPv4)."""
    raw, head = packet.raw, packet.header
    source, target = raw[16:20], raw[12:16]
    source_port, target_port, _, ack = struct.unpack(">HHII", raw[head:head + 12])
    tcp = struct.pack(">HHIIBBHHH", target_port, source_port, ack, 0, 5 << 4, RST, 0, 0, 0)
    pseudo = source + target + struct.pack(">BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 4711, 0, ttl, 6, 0) + source + target
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return ip + tcp


class Rule:
    def __init__(self, text):
        self.text = text
        self.skip, self.count = text.get("skip", 0), text.get("count", 1 << 30)
        self.dice = random.Random(text.get("seed", 1))

    def fits(self, packet):
        text = self.text
        if text.get("from") not in (None, packet.source):
            return False
        if text.get("kind", "any") not in ("any", packet.kind):
            return False
        if packet.length < text.get("longer_than", 0):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.dice.random() >= text.get("chance", 1):
            return False
        self.count -= 1
        return self.count >= 0


class Forwarder:
    def __init__(self, tun, plan):
        self.tun = tun
        self.queue, self.order = [], itertools.count()
        self.follow(plan)

    def follow(self, plan):
        self.delay = plan.get("delay_ms", 0) / 1000
        self.rules = [Rule(rule) for rule in plan.get("rules", [])]

    def send(self, raw, later):
        heapq.heappush(self.queue, (time.monotonic() + later, next(self.order), raw))

    def take(self, raw):
        packet = Packet(raw)
        rule = next((rule.text for rule in self.rules if rule.fits(packet)), {"do": "pass"})
        action, more = rule["do"], rule.get("ms", 0) / 1000
        if action == "drop":
            return
        if action == "reset":
            self.send(forged_reset(packet, rule["ttl"]), 0)
            return
        self.send(raw, self.delay + (more if action == "delay" else 0))
        if action == "repeat":
            self.send(raw, self.delay + more)

    def run(self):
        watched = [self.tun, sys.stdin.fileno()]
        while True:
            wait = max(0.0, self.queue[0][0] - time.monotonic()) if self.queue else None
            ready = select.select(watched, [], [], wait)[0]
            if self.tun in ready:
                self.take(os.read(self.tun, 65536))
            if sys.stdin.fileno() in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                self.follow(json.loads(line))
                print("follows", line.strip(), flush=True)
            while self.queue and self.queue[0][0] <= time.monotonic():
                os.write(self.tun, heapq.heappop(self.queue)[2])


def main():
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"wan0", IFF_TUN | IFF_NO_PI))
    forwarder = Forwarder(tun, json.loads(sys.argv[1]))
    print("ready", flush=True)
    forwarder.run()


main()
