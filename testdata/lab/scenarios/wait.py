# SPDX-License-Identifier: Apache-2.0
"""The request is out: no acknowledgement, no answer, a close or a reset instead, too late."""
import json
import signal

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"
POST = f"POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


def unanswered(flow, acknowledged=True):
    """The last segment of the request, which was acknowledged or not, and got no answer."""
    request = flow.shows("the request", [p for p in flow.of("client", "data")])[-1]
    acks = [p for p in flow.of("server") if p.acks and p.ack >= request.end]
    flow.shows("acknowledged" if acknowledged else "never acknowledged",
               acks if acknowledged else not acks)
    flow.shows("no payload of the server", not flow.of("server", "data"))
    return request


@scenario("client-timeout", software=("node",))
def client_timeout(bench):
    """Node gives up after 5 s; the server is still at work."""
    bench.server({"wait": 60})
    capture = bench.capture("client")
    program = bench.node("node_post.js", URL, json.dumps({"bodies": [BODY], "timeout": 5000}))
    bench.rest(1)
    truth = bench.truth(capture, "client")
    bench.said(program, "timeout")
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    end = flow.shows("the client closes first", flow.of("client", "fin"))[0]
    flow.shows("5 s later", 4.8 < end.time - request.time < 5.3)
    flow.is_("client-timeout", fault="server-app")
    flow.exchange("POST", "/notify", None, "client-timeout", retry="idempotent-only")


@scenario("late-response", software=("requests",))
def late_response(bench):
    """requests waits 2 s, the server answers after 3 s into a closed socket."""
    bench.server({"wait": 3})
    capture = bench.capture("client")
    bench.python("requests_post.py", URL, json.dumps({"bodies": [BODY], "timeout": 2}),
                 log="requests")
    bench.rest(1.5)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    fin = flow.shows("client FIN", flow.of("client", "fin"))[0]
    answer = flow.shows("the response", flow.after(fin, "server", "data"))[0]
    flow.shows("RST for it", flow.after(answer, "client", "rst"))
    flow.is_("late-response", fault=["server-app", "client-app"])
    flow.exchange("POST", "/notify", 200, "late-response", retry="do-not")


@scenario("request-not-acked", software=("httpclient",))
def request_not_acked(bench):
    """The path swallows everything the client sends on an open connection, right after a good
    exchange; HttpClient gives up after 12 s, its kernel does not."""
    forwarder = bench.forwarder(10)
    bench.server(idle=300)
    capture = bench.capture("client")
    program = bench.java("HttpClientPost", URL, "-1", "0", "12000", BODY + "&n=1", "2500",
                         BODY + "&n=2", log="httpclient", wait=0)
    bench.until(lambda: "200 OK" in program.text())
    bench.change(forwarder, 10, {"from": "192.0.2.10", "kind": "any", "do": "drop"})
    program.wait(60)
    bench.rest(15)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    first, second = flow.requests()[0], [p for p in flow.requests() if "n=2" in p.text or p.seq > 1]
    answer = flow.shows("the first is answered", flow.responses())[0]
    sent = flow.shows("the second, again and again",
                      [p for p in flow.after(answer, "client", "data")])
    flow.shows("at least four times", len(sent) >= 4)
    flow.shows("nothing of the server behind it", not flow.after(sent[0], "server"))
    flow.is_("request-not-acked", fault=["network", "server-host"])
    flow.exchange("POST", "/notify", 200, "ok")
    flow.exchange("POST", "/notify", None, "request-not-acked", fault=["network", "server-host"])


@scenario("closed-without-response")
def closed_without_response(bench):
    """The server reads the request, thinks for 2 s and closes without a word (FIN)."""
    bench.server({"wait": 2, "silent": True, "end": "close"})
    capture = bench.capture("client")
    program = bench.curl(URL)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 52")
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    flow.shows("server FIN, which covers the request",
               [p for p in flow.after(request, "server", "fin") if p.ack >= request.end])
    flow.is_("closed-without-response", fault="server-app")
    flow.exchange("POST", "/notify", None, "closed-without-response", retry="idempotent-only",
                  fault="server-app")


@scenario("server-killed")
def server_killed(bench):
    """kill -9 of the server that has read the request: its kernel closes with FIN."""
    server = bench.server({"wait": 60})
    capture = bench.capture("client")
    program = bench.curl(URL, wait=0)
    bench.until(lambda: "body" in server.text())
    bench.rest(1.5)
    server.stop(signal.SIGKILL)
    program.wait(20)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 52")
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    flow.shows("server FIN", flow.after(request, "server", "fin"))
    flow.is_("closed-without-response", fault="server-app")
    flow.exchange("POST", "/notify", None, "closed-without-response", retry="idempotent-only")


@scenario("reset-unread-data")
def reset_unread_data(bench):
    """The server closes its socket without having read the request: RST,ACK of a live socket."""
    bench.server({"read": "nothing", "wait": 1, "end": "close"})
    capture = bench.capture("client")
    program = bench.curl(URL)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 56")
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    flow.shows("RST,ACK that covers the request",
               [p for p in flow.after(request, "server", "rst") if p.acks and p.ack == request.end])
    flow.is_("reset-without-response", fault=["server-app", "server-host"])
    flow.exchange("POST", "/notify", None, "reset-without-response", retry="idempotent-only")


@scenario("reset-after-reading", software=("requests",))
def reset_after_reading(bench):
    """The server reads the request and resets with SO_LINGER 0 after 2 s."""
    bench.server({"wait": 2, "silent": True, "end": "reset"})
    capture = bench.capture("client")
    program = bench.python("requests_post.py", URL, json.dumps({"bodies": [BODY], "timeout": 9}),
                           log="requests")
    truth = bench.truth(capture, "client")
    bench.said(program, "Connection reset by peer")
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    flow.shows("RST,ACK", [p for p in flow.after(request, "server", "rst") if p.acks])
    flow.is_("reset-without-response", fault=["server-app", "server-host"])
    flow.exchange("POST", "/notify", None, "reset-without-response", retry="idempotent-only")


@scenario("no-response")
def no_response(bench):
    """The server never answers; the capture ends 8 s later while curl still waits."""
    bench.server({"wait": 120})
    capture = bench.capture("client")
    bench.curl(URL, wait=0)
    bench.rest(8)
    bench.client(["connect", SERVER, 8081], log="client-elsewhere")
    truth = bench.truth(capture, "client")
    flow, other = truth.expect_flows(2)
    unanswered(flow)
    flow.shows("nobody closes", not any(p.fin or p.rst for p in flow.packets))
    flow.is_("no-response", fault="server-app")
    flow.exchange("POST", "/notify", None, "no-response", retry="idempotent-only")
    other.is_("connect-refused")


@scenario("waiting-at-the-end")
def waiting_at_the_end(bench):
    """The capture ends half a second behind a request that would have been answered: no failure
    can be told."""
    bench.server({"wait": 2})
    capture = bench.capture("client")
    bench.curl(URL, wait=0)
    bench.rest(0.6)
    truth = bench.truth(capture, "client", settle=0)
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    flow.shows("the end within a second", truth.packets[-1].time - request.time < 0.9)
    flow.is_("ok", also="capture-ended-early", worst="info", never=["no-response", "client-timeout"])
    flow.exchange("POST", "/notify", None, "ok")


@scenario("slow-response", software=("nginx",))
def slow_response(bench):
    """nginx passes on to an application that takes 4 s; the client gets its answer."""
    bench.server({"wait": 4}, log="application", port=9000)
    bench.nginx("server { listen 8080; location / { proxy_pass http://127.0.0.1:9000; } }")
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    request, answer = flow.requests()[0], flow.shows("the response", flow.responses())[0]
    flow.shows("4 s later", 3.9 < answer.time - request.time < 4.5)
    flow.is_("slow-response", fault="server-app")
    flow.exchange("POST", "/notify", 200, "slow-response", retry="do-not")


@scenario("client-cancelled")
def client_cancelled(bench):
    """A person presses Ctrl-C after 3.4 s: the same on the wire as a timer."""
    bench.server({"wait": 60})
    capture = bench.capture("client")
    program = bench.curl(URL, wait=0)
    bench.rest(3.4)
    program.stop(signal.SIGINT)
    bench.rest(1.2)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    request = unanswered(flow)
    flow.shows("client FIN", flow.after(request, "client", "fin"))
    flow.is_("client-timeout")
    flow.exchange("POST", "/notify", None, "client-timeout", retry="idempotent-only")


@scenario("middle-reset")
def middle_reset(bench):
    """A device in the middle forges a RST in the server's name when it sees the request, which it
    swallows. Its TTL is not the server's."""
    bench.forwarder(15, {"from": "192.0.2.10", "kind": "data", "do": "reset", "ttl": 250})
    bench.server()
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    request = unanswered(flow, acknowledged=False)
    reset = flow.shows("RST", flow.after(request, "server", "rst"))[0]
    genuine = flow.shows("a TTL unlike the server's", flow.of("server", "syn-ack"))[0]
    flow.shows("by far", abs(genuine.ttl - reset.ttl) > 100)
    flow.is_("reset-without-response", also="rst-injection-suspect", fault=["network", "server-host"])
    flow.exchange("POST", "/notify", None, "reset-without-response", retry="idempotent-only")
