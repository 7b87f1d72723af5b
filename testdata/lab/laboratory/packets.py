# SPDX-License-Identifier: Apache-2.0
"""What is in a capture, as tshark reads it. Sequence numbers are relative: the SYN is 0."""
import re
import subprocess

FIELDS = (
    "frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "ip.src", "ipv6.src", "ip.dst",
    "ipv6.dst", "ip.ttl", "tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.seq",
    "tcp.ack", "tcp.len", "tcp.window_size_value", "tcp.window_size", "tcp.payload",
    "http.request.method", "http.response.code", "icmp.type", "icmp.code", "dns.flags.rcode",
    "dns.flags.response", "dns.qry.name", "tls.handshake.type", "tls.alert_message.desc", "ip.proto")
FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16


def number(text, base=10):
    return int(text.split(",")[0], base) if text else None


class Packet:
    def __init__(self, values):
        row = dict(zip(FIELDS, values))
        self.number = int(row["frame.number"])
        self.time = float(row["frame.time_epoch"])
        self.length, self.kept = int(row["frame.len"]), int(row["frame.cap_len"])
        self.source = row["ip.src"] or row["ipv6.src"]
        self.target = row["ip.dst"] or row["ipv6.dst"]
        self.ttl = number(row["ip.ttl"])
        self.icmp = (number(row["icmp.type"]), number(row["icmp.code"])) if row["icmp.type"] else None
        self.stream = None if self.icmp else number(row["tcp.stream"])
        self.dns_name, self.dns_code = row["dns.qry.name"], number(row["dns.flags.rcode"])
        self.dns_answer = row["dns.flags.response"] in ("1", "True")
        if self.stream is None:
            return
        self.ports = (number(row["tcp.srcport"]), number(row["tcp.dstport"]))
        flags = int(row["tcp.flags"].split(",")[0], 16)
        self.syn, self.fin = bool(flags & SYN), bool(flags & FIN)
        self.rst, self.acks = bool(flags & RST), bool(flags & ACK)
        self.seq, self.ack = number(row["tcp.seq"]), number(row["tcp.ack"])
        self.len, self.end = number(row["tcp.len"]), number(row["tcp.seq"]) + number(row["tcp.len"])
        self.window_field, self.window = number(row["tcp.window_size_value"]), number(
            row["tcp.window_size"])
        self.text = bytes.fromhex(row["tcp.payload"].split(",")[0]).decode("latin-1")
        self.method, self.status = row["http.request.method"], number(row["http.response.code"])
        self.tls, self.alert = row["tls.handshake.type"], number(row["tls.alert_message.desc"])
        self.from_ = self.source + ":" + str(self.ports[0])
        self.to = self.target + ":" + str(self.ports[1])

    def is_(self, kind):
        return {
            "syn": self.syn and not self.acks, "syn-ack": self.syn and self.acks, "fin": self.fin,
            "rst": self.rst, "data": self.len > 0,
            "ack": not (self.len or self.syn or self.fin or self.rst), "any": True,
        }[kind]


class Flow:
    """One of tshark's streams. The client is who sent the SYN; without one, who is named."""

    def __init__(self, packets, client=None):
        self.packets = packets
        syn = next((p for p in packets if p.syn), None)
        first = packets[0]
        self.client, self.server = first.from_, first.to
        if syn is not None and syn.acks:
            self.client, self.server = syn.to, syn.from_
        elif syn is not None:
            self.client, self.server = syn.from_, syn.to
        elif client is not None and not first.from_.startswith(client + ":"):
            self.client, self.server = first.to, first.from_

    def of(self, side, kind="any", **wanted):
        """The packets of one side that are of this kind and have these values."""
        sender = {"client": self.client, "server": self.server}[side]
        return [p for p in self.packets if p.from_ == sender and p.is_(kind)
                and all(getattr(p, name) == value for name, value in wanted.items())]

    def after(self, packet, side, kind="any", **wanted):
        return [p for p in self.of(side, kind, **wanted) if p.number > packet.number]

    def requests(self):
        return [p for p in self.of("client", "data") if p.method]

    def responses(self):
        return [p for p in self.of("server", "data") if p.status]

    def answers(self):
        """The status of each answer in the bytes that the server sent, whichever packet brought
        them: tshark shows none in a packet that it takes for a repeated one, though the first was
        lost."""
        stream, end = "", 1
        for packet in sorted(self.of("server", "data"), key=lambda each: (each.seq, -each.len)):
            if packet.end > end:
                stream += "\n" * (packet.seq > end) + packet.text[max(0, end - packet.seq):]
                end = packet.end
        return [int(status) for status in re.findall(r"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", stream)]

    def gaps(self, packets):
        return [later.time - earlier.time for earlier, later in zip(packets, packets[1:])]


def read(capture):
    """All packets that tshark can read; a cut file is read up to the cut."""
    argv = ["tshark", "-n", "-r", str(capture), "-o", "tcp.relative_sequence_numbers:TRUE",
            "-o", "tcp.analyze_sequence_numbers:TRUE", "-T", "fields", "-E", "separator=/t",
            "-E", "occurrence=f"]
    for field in FIELDS:
        argv += ["-e", field]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    cut = "cut short" in done.stderr
    if done.returncode != 0 and not cut:
        raise RuntimeError(f"tshark: {done.stderr.strip()}")
    return [Packet(line.split("\t")) for line in done.stdout.splitlines()], cut


def flows_of(packets, client=None):
    streams = {}
    for packet in packets:
        if packet.stream is not None:
            streams.setdefault(packet.stream, []).append(packet)
    return [Flow(streams[key], client) for key in sorted(streams)]
