# SPDX-License-Identifier: Apache-2.0
"""What a scenario works with: a network of its own, programs in it, captures of it."""
import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from laboratory import java
from laboratory.network import ADDRESSES, Network
from laboratory.programs import PROGRAMS, PYTHON, Program
from laboratory.truth import Truth

SERVER = ADDRESSES["server"][0]
PROXY = ADDRESSES["proxy"][0]
BODY = "trade_no=20170104T1001&status=success&amount=1200"
ANOTHER = object()  # a notification of its own


def notification(number):
    """The body of the first one, the second one, …"""
    return BODY.replace("1001", f"{1000 + number}")


interrupted = threading.Event()  # nothing is begun any more, and nobody waits


class Interrupted(Exception):
    """Somebody wants the laboratory to end."""


class Bench:
    def __init__(self, name, hosts=("client", "server"), ipv6=False):
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="httpdiag-lab-"))
        self.folder.chmod(0o755)  # nginx workers and haproxy give up root
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.programs, self.captures = [], []
        self.notifications = 0
        self.truth_of = None
        try:
            self.network = Network(name, hosts, ipv6)
        except BaseException:
            self.close()
            raise

    # -- programs ---------------------------------------------------------------------------

    def start(self, host, argv, log, ready=None, **more):
        if interrupted.is_set():
            raise Interrupted
        path = self.logs / f"{log}.txt"
        full = ["ip", "netns", "exec", self.network.name(host), *map(str, argv)]
        program = Program(full, path, ready, **more)
        program.host = host
        self.programs.append(program)
        return program

    def server(self, *requests, host="server", log="server", **plan):
        """The lab's own server; `requests` say what each of them gets."""
        plan = {**plan, "requests": list(requests) or [{}]}
        return self.start(host, [PYTHON, PROGRAMS / "server.py", json.dumps(plan)], log, "listening")

    def client(self, *steps, host="client", log="client", wait=60):
        """The lab's own client, until it has ended; or, with wait=0, at once."""
        program = self.start(host, [PYTHON, PROGRAMS / "client.py", json.dumps(steps)], log)
        if wait:
            program.wait(wait)
        return program

    def curl(self, url, *options, host="client", log="curl", wait=180, body=ANOTHER):
        """One request by curl. What it said and its exit status go to its log."""
        if body is ANOTHER:
            self.notifications += 1
            body = notification(self.notifications)
        post = ["-d", body] if body is not None else []
        argv = ["curl", "-sS", "-q", "-o", "-", "-w", "\\n[status %{http_code}, exit %{exitcode}, "
                "%{time_total} s]\\n", *post, *options, url]
        program = self.start(host, argv, log)
        if wait:
            program.wait(wait)
        return program

    def python(self, script, *arguments, log, host="client", wait=120):
        program = self.start(host, [PYTHON, PROGRAMS / script, *arguments], log)
        if wait:
            program.wait(wait)
        return program

    def node(self, script, *arguments, log="node", host="client", wait=120):
        program = self.start(host, ["node", PROGRAMS / script, *arguments], log)
        if wait:
            program.wait(wait)
        return program

    def java(self, program, *arguments, log, host="client", wait=120):
        """HttpClientPost or OkHttpPost."""
        started = self.start(host, java.command(program, arguments), log)
        if wait:
            started.wait(wait)
        return started

    def nginx(self, http, host="server", log="nginx"):
        """nginx with this inside its http block."""
        root = self.folder / f"nginx-{host}"
        root.mkdir()
        root.chmod(0o777)
        access = self.logs / f"{log}-access.txt"
        config = root / "nginx.conf"
        temporary = "".join(f"{kind}_temp_path {root}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(
            f"daemon off; worker_processes 1; pid {root}/pid; error_log stderr warn;\n"
            f"events {{ worker_connections 256; }}\nhttp {{ {temporary}\n"
            f"access_log {access}; default_type text/plain;\n{http}\n}}\n")
        program = self.start(host, ["nginx", "-e", "stderr", "-c", config], log)
        self.until(lambda: "LISTEN" in self.network.inside(host, "ss", "-Hlnt"))
        return program

    def haproxy(self, config, host="proxy", log="haproxy"):
        path = self.folder / f"haproxy-{host}.cfg"
        path.write_text("global\n  log stdout format raw local0\ndefaults\n  log global\n  mode http\n"
                        "  option httplog\n  option dontlognull\n  timeout connect 5s\n"
                        "  timeout client 30s\n  timeout server 30s\n" + config)
        program = self.start(host, ["haproxy", "-db", "-f", path], log)
        self.until(lambda: "LISTEN" in self.network.inside(host, "ss", "-Hlnt"))
        return program

    def forwarder(self, delay_ms=0, *rules):
        """Puts the lab's piece of network between the router's interfaces."""
        plan = json.dumps({"delay_ms": delay_ms, "rules": rules})
        program = self.start("router", [PYTHON, PROGRAMS / "forwarder.py", plan], "forwarder",
                             "ready")
        (self.logs / "forwarder.txt").write_text(f"ready\nplan {plan}\n")
        self.network.inside("router", "ip", "link", "set", "wan0", "up")
        self.network.through_forwarder("wan0")
        return program

    def change(self, forwarder, delay_ms=0, *rules):
        plan = json.dumps({"delay_ms": delay_ms, "rules": rules})
        forwarder.tell(plan)
        forwarder.wait_for("follows " + plan)

    def certificate(self, name="pay.example.org", days=30):
        """A self-signed certificate and its key in one file."""
        path = self.folder / "certificate.pem"
        key = self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", path, "-days", str(days), "-subj", f"/CN={name}", "-addext",
                        f"subjectAltName=DNS:{name},IP:{SERVER}"], capture_output=True, check=True)
        path.write_text(path.read_text() + key.read_text())
        path.chmod(0o644)
        return path

    def meet_ipv6(self):
        """Until nobody on the way has to be asked for its link address (RFC 4861, section 7.2), which
        can take longer than curl waits for an answer: a closed port refuses at once."""
        script = ("import socket, sys, time\ns = socket.socket(socket.AF_INET6)\ns.settimeout(1)\n"
                  "begin = time.monotonic()\ntry:\n s.connect((sys.argv[1], 9))\n"
                  "except ConnectionRefusedError:\n print(time.monotonic() - begin)\n"
                  "except OSError:\n print(1)\n")
        self.until(lambda: float(self.network.inside("client", PYTHON, "-c", script,
                                                     ADDRESSES["server"][2])) < 0.02)

    # -- captures ---------------------------------------------------------------------------

    def capture(self, host="client", interface="eth0", filter_="", snap=65535, unbuffered=True,
                dumpcap=False, options=()):
        """Begins to record; `truth` ends it."""
        path = self.folder / f"capture-{len(self.captures)}.pcap"
        if dumpcap:
            argv = ["dumpcap", "-q", "-P", "-i", interface, "-w", path, *options]
            ready, words = "File:", ["-f", filter_] if filter_ else []
        else:
            argv = ["tcpdump", "-n", "-Z", "root", "-i", interface, "-s", snap, "-w", path, *options]
            # In immediate mode each packet takes a place of `snap` bytes: 256 of them.
            argv += ["-U", "--immediate-mode", "-B", 16384] if unbuffered else []
            ready, words = "listening on", filter_.split()
        program = self.start(host, [*argv, *words], f"capture-{len(self.captures)}", ready)
        program.path = path
        self.captures.append(program)
        return program

    def power_off(self, host):
        """The host is gone at once, and comes back (`attach`) without memory."""
        self.network.cut_power(host)
        for program in [p for p in self.programs if p.host == host]:
            program.kill()
        self.network.remove(host)

    def rest(self, seconds):
        if interrupted.wait(seconds):
            raise Interrupted

    def until(self, condition, seconds=20.0):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError("what the scenario waits for did not happen")
            self.rest(0.02)

    def truth(self, capture, vantage, settle=0.4, client=ADDRESSES["client"][0]):
        """Ends the recording and reads it."""
        time.sleep(settle)
        capture.stop()
        path = self.folder / "capture.pcap"
        shutil.copyfile(capture.path, path)
        for log in self.logs.glob("capture-*.txt"):  # names of temporary files
            log.unlink()
        self.truth_of = Truth(path, vantage, client)
        return self.truth_of

    def said(self, program, words):
        """Whether a program's own log has these words: what its operator saw."""
        self.truth_of.shows(f"{Path(program.log).name} says \"{words}\"", words in program.text())

    def end_programs(self):
        for program in reversed(list(self.programs)):
            program.stop()

    def close(self):
        self.end_programs()
        if hasattr(self, "network"):
            self.network.close()

    def remove_files(self):
        shutil.rmtree(self.folder, ignore_errors=True)
