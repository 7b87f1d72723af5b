# SPDX-License-Identifier: Apache-2.0
"""What is true of a capture: said by the scenario, proven by the packets, written to truth.json."""
import hashlib
import json

from laboratory import packets as tshark


class NotShown(Exception):
    """The packets do not show what the scenario meant to make."""


def as_list(words):
    return [words] if isinstance(words, str) else list(words)


def layout(value, indent=0, width=120):
    """JSON in which what fits a line is on one line, so that differences can be read."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or indent + len(line) <= width:
        return line
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {layout(part, indent + 1)}" for key, part in value.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * indent + "}"
    parts = [layout(part, indent + 1) for part in value]
    return "[\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * indent + "]"


class Statements:
    """Something that evidence is given for. Evidence is a packet, packets, or a condition."""

    def __init__(self):
        self.shown = []

    def shows(self, what, evidence):
        if not evidence:
            raise NotShown(f"not in the packets: {what}")
        numbers = []
        if isinstance(evidence, tshark.Packet):
            numbers = [evidence.number]
        elif isinstance(evidence, (list, tuple)):
            numbers = [packet.number for packet in evidence]
        self.shown.append({"what": what, "packets": numbers[:16]})
        return evidence


class FlowTruth(Statements):
    def __init__(self, flow, index):
        super().__init__()
        self.flow, self.index = flow, index
        self.said, self.exchanges, self.last_is_open = None, [], False

    def __getattr__(self, name):
        return getattr(self.flow, name)

    def is_(self, *labels, fault=(), also=(), never=(), worst=None):
        """The primary label (or those that are right), and whom to blame where that is certain."""
        self.said = {"label": list(labels), "fault": as_list(fault), "also": as_list(also),
                     "never": as_list(never)}
        if labels == ("ok",) and worst is None and not also:
            worst = "info"
        if worst:
            self.said["worst"] = worst
        return self

    def exchange(self, method, target, status, *labels, retry=None, fault=(), also=(), never=()):
        said = {"method": method, "target": target, "status": status, "label": list(labels),
                "fault": as_list(fault), "also": as_list(also), "never": as_list(never)}
        if retry:
            said["retry"] = retry
        self.exchanges.append(said)
        return self

    def healthy(self, method="POST", target="/notify", status=200, count=1):
        """A connection on which everything was answered and nothing ended too soon."""
        answers = self.shows(f"{count} responses", self.responses())
        if len([p for p in answers if p.status >= 200]) != count:
            raise NotShown(f"flow {self.index}: {len(answers)} responses instead of {count}")
        self.is_("ok", never=["closed-without-response", "reset-without-response"])
        for _ in range(count):
            self.exchange(method, target, status, "ok", retry="do-not")
        return self

    def json(self):
        if self.said is None:
            raise NotShown(f"nothing is said of flow {self.index}, {self.client} to {self.server}")
        ends = {"first_packet": self.packets[0].number, "last_packet": self.packets[-1].number}
        if self.last_is_open:  # which of two incarnations a late packet belongs to
            del ends["last_packet"]
        return {"client": self.client, "server": self.server, **ends, **self.said,
                "exchanges": self.exchanges, "shown": self.shown}


class Truth(Statements):
    """Of a whole capture. `flows` are numbered from 1 as tshark counts streams from 0."""

    def __init__(self, capture, vantage, client=None):
        super().__init__()
        self.capture, self.vantage = capture, vantage
        self.packets, self.cut = tshark.read(capture)
        self.flows = [FlowTruth(flow, i + 1) for i, flow in
                      enumerate(tshark.flows_of(self.packets, client))]
        self.capture_labels, self.never_said, self.deliveries, self.chains = [], [], [], []

    def flow(self, index):
        if index > len(self.flows):
            raise NotShown(f"the capture has {len(self.flows)} flows, none is number {index}")
        return self.flows[index - 1]

    def expect_flows(self, count):
        self.shows(f"{count} flows", len(self.flows) == count)
        return self.flows

    def capture_is(self, *labels):
        self.capture_labels += labels

    def never(self, *labels):
        """Labels that nothing in this capture deserves."""
        self.never_said += labels

    def delivery(self, attempts, verdict, duplicated=None):
        """The exchanges ("1.1") that are attempts of one callback, and what became of it."""
        self.deliveries.append({"attempts": attempts, "verdict": verdict})
        if duplicated is not None:
            self.deliveries[-1]["duplicated"] = duplicated

    def chain(self, *exchanges):
        """The legs of one request that passed a proxy."""
        self.chains.append(list(exchanges))

    def write(self, path, about):
        data = self.capture.read_bytes()
        text = {
            **about, "vantage": self.vantage,
            "capture": {"file": self.capture.name, "packets": len(self.packets), "cut": self.cut,
                        "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
            "capture_labels": self.capture_labels, "never": self.never_said,
            "flows": [flow.json() for flow in self.flows], "deliveries": self.deliveries,
            "chains": self.chains, "shown": self.shown,
        }
        path.write_text(layout(text) + "\n")
