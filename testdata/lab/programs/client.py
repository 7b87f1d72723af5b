# SPDX-License-Identifier: Apache-2.0
"""A client on plain sockets that does what argv[1], a JSON list of steps, says: for what no HTTP
library does on demand. Each step is [word, …]:
connect IP PORT {timeout, source_port, receive_buffer, keepalive: [idle, interval, count], nagle}
send TEXT · send-many BYTES (of "x") [timeout] · receive {bytes | until, timeout} · response {timeout} ·
sleep SECONDS · shutdown · close · reset · wait-for-word (a line of standard input)"""
import json
import re
import socket
import struct
import sys
import time


def say(*words):
    print(f"{time.time():.3f} client:", *words, flush=True)


class Client:
    def __init__(self):
        self.sock = None

    def connect(self, address, port, options=None):
        options = options or {}
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not options.get("nagle"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if "receive_buffer" in options:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_buffer"])
        if "keepalive" in options:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            for name, value in zip(names, options["keepalive"]):
                self.sock.setsockopt(socket.IPPROTO_TCP, name, value)
        if "source_port" in options:
            self.sock.bind(("", options["source_port"]))
        self.sock.settimeout(options.get("timeout"))
        self.sock.connect((address, port))
        self.sock.settimeout(None)

    def send(self, text):
        self.sock.sendall(text.encode("latin-1"))

    def send_many(self, count, timeout=None):
        self.sock.settimeout(timeout)
        self.sock.sendall(b"x" * count)

    def receive(self, options):
        """Until so many bytes, these words, or the end of the stream."""
        self.sock.settimeout(options.get("timeout"))
        got, wanted = b"", options.get("bytes", 1 << 30)
        until = options.get("until", "\0never").encode()
        while len(got) < wanted and until not in got:
            data = self.sock.recv(min(65536, wanted - len(got)))
            if not data:
                say("end of stream")
                break
            got += data
        say("received", len(got), "bytes", repr(got[:60].decode("latin-1")))

    def response(self, options=None):
        """One response with a Content-Length, or without a body."""
        self.sock.settimeout((options or {}).get("timeout"))
        got = b""
        while b"\r\n\r\n" not in got:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("closed without a response")
            got += data
        head, _, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("closed in the middle of the response")
            body += data
        say("response", head.split(b"\r\n")[0].decode(), repr(body[:60].decode("latin-1")))

    def sleep(self, seconds):
        time.sleep(seconds)

    def shutdown(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_for_word(self):
        sys.stdin.readline()


def main():
    client = Client()
    for word, *rest in json.loads(sys.argv[1]):
        try:
            getattr(client, word.replace("-", "_"))(*rest)
            say(word, "done")
        except OSError as error:
            say(f"{word}: {type(error).__name__}: {error}")
            return 1
    return 0


sys.exit(main())
