# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server that does what argv[1], a JSON object, says.

{"address", "port", "backlog", "idle": seconds until an unused connection is closed,
 "accept_after": seconds, "receive_buffer": bytes, "on_connect": "reset" | "close" | "silent",
 "certificate", "requests": [what the first request gets, the second, …; the last is repeated]}

What a request gets: {"read": "all" | "head" | "nothing", "wait": seconds, "status": 200, "headers": {},
"body": "success", "length": what Content-Length claims, "chunks": [...], "raw": instead of all that,
"pieces": [[seconds, "text"], …] sent behind it, "end": "keep" | "close" | "reset" | "hang" |
"half-close" | "never-close"}.
Prints one line for each thing that happens, as the log of such a server would."""
import json
import socket
import ssl
import struct
import sys
import threading
import time

PLAN = json.loads(sys.argv[1])
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently",
           304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 408: "Request Timeout", 413: "Content Too Large",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable"}
begun = 0  # requests so far
lock = threading.Lock()


def say(*words):
    print(f"{time.time():.3f} server:", *words, flush=True)


class Connection:
    def __init__(self, sock, peer):
        self.sock, self.peer, self.pending = sock, f"{peer[0]}:{peer[1]}", b""

    def reset(self):
        """close() of a socket with SO_LINGER 0 sends a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def head(self):
        """The next request's head, or None at the end or after the idle time."""
        self.sock.settimeout(PLAN.get("idle"))
        try:
            while b"\r\n\r\n" not in self.pending:
                data = self.sock.recv(65536)
                if not data:
                    return None
                self.pending += data
        except TimeoutError:
            say(self.peer, "idle, closing")
            return None
        self.sock.settimeout(None)
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def body(self, head):
        length = 0
        for line in head.split("\r\n")[1:]:
            field, _, value = line.partition(":")
            if field.lower() == "content-length":
                length = int(value)
            if field.lower() == "expect" and PLAN.get("continue", True):
                self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(self.pending) < length:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError("client closed in the middle of the body")
            self.pending += data
        body, self.pending = self.pending[:length], self.pending[length:]
        return body.decode("latin-1")


def answer_to(plan, head):
    if "raw" in plan:
        return plan["raw"].encode("latin-1")
    status, body = plan.get("status", 200), plan.get("body", "success").encode()
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", "Server: lab"]
    lines += [f"{name}: {value}" for name, value in plan.get("headers", {}).items()]
    if "chunks" in plan:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(f"{len(c):x}\r\n{c}\r\n".encode() for c in plan["chunks"])
    elif status not in (204, 304):
        lines += ["Content-Type: text/plain", f"Content-Length: {plan.get('length', len(body))}"]
    if head.startswith("HEAD ") or status in (204, 304):
        body = b""
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def finish(connection, how):
    """False where no further request is to be read."""
    if how == "keep":
        return True
    say(connection.peer, how)
    if how == "reset":
        connection.reset()
    elif how == "half-close":
        connection.sock.shutdown(socket.SHUT_WR)
        connection.sock.settimeout(30)
        while connection.sock.recv(65536):
            pass
    elif how in ("hang", "never-close"):
        time.sleep(3600)
    return False


def next_plan(count):
    """What the next request gets; it counts as begun only once its head is there."""
    global begun
    with lock:
        plan = PLAN["requests"][min(begun, len(PLAN["requests"]) - 1)]
        begun += count
    return plan


def serve_one(connection):
    if next_plan(0).get("read") == "nothing":
        plan = next_plan(1)
        time.sleep(plan.get("wait", 0))
        return finish(connection, plan["end"])
    head = connection.head()
    if head is None:
        return finish(connection, PLAN.get("at_end", "close"))
    plan = next_plan(1)
    say(connection.peer, "request", head.split("\r\n")[0])
    if plan.get("read", "all") == "all":
        say(connection.peer, "body", connection.body(head)[:80])
    time.sleep(plan.get("wait", 0))
    if not plan.get("silent"):
        connection.sock.sendall(answer_to(plan, head))
    for seconds, text in plan.get("pieces", []):
        time.sleep(seconds)
        connection.sock.sendall(text.encode("latin-1"))
    say(connection.peer, "answered", "nothing" if plan.get("silent") else plan.get("status", 200))
    return finish(connection, plan.get("end", "keep"))


def serve(sock, peer, tls):
    connection = Connection(sock, peer)
    try:
        on_connect = PLAN.get("on_connect")
        if on_connect:
            time.sleep(PLAN.get("on_connect_after", 0))
            finish(connection, {"silent": "hang"}.get(on_connect, on_connect))
            sock.close()
            return
        if tls:
            connection.sock = tls.wrap_socket(sock, server_side=True)
        while serve_one(connection):
            pass
    except (OSError, EOFError) as error:
        say(connection.peer, f"{type(error).__name__}: {error}")
    connection.sock.close()


def main():
    address = PLAN.get("address", "0.0.0.0")
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if "receive_buffer" in PLAN:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PLAN["receive_buffer"])
    listener.bind((address, PLAN.get("port", 8080)))
    listener.listen(PLAN.get("backlog", 128))
    tls = None
    if "certificate" in PLAN:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(PLAN["certificate"])
    print("listening", flush=True)
    time.sleep(PLAN.get("accept_after", 0))
    while True:
        sock, peer = listener.accept()
        say(f"{peer[0]}:{peer[1]}", "accepted")
        threading.Thread(target=serve, args=(sock, peer, tls), daemon=True).start()


main()
