# SPDX-License-Identifier: Apache-2.0
"""A DNS server. argv: address, JSON {"name": {"address": …, "wait": seconds, "lose": the first n}}.
Names that are not there get NXDOMAIN; AAAA of those that are there an empty answer."""
import json
import socket
import struct
import sys
import threading
import time

NAMES = json.loads(sys.argv[2])
seen = {}


def question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += query[at] + 1
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    return ".".join(labels).lower(), kind, query[12:at + 5]


def answer(sock, query, peer):
    name, kind, asked = question(query)
    known = NAMES.get(name)
    seen[name] = seen.get(name, 0) + 1
    print("asked", name, "AAAA" if kind == 28 else kind, flush=True)
    if known and seen[name] <= known.get("lose", 0):
        return
    time.sleep(known.get("wait", 0) if known else 0)
    records = b""
    if known and kind == 1:
        records = (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4)
                   + socket.inet_aton(known["address"]))
    flags = 0x8180 if known else 0x8183
    head = query[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0)
    sock.sendto(head + asked + records, peer)


def main():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((sys.argv[1], 53))
    print("listening", flush=True)
    while True:
        query, peer = sock.recvfrom(512)
        threading.Thread(target=answer, args=(sock, query, peer), daemon=True).start()


main()
