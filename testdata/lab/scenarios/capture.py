# SPDX-License-Identifier: Apache-2.0
"""What a capture itself does to the truth: cut, short, one-sided, doubled, late, with holes."""
import json
import signal

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"
POST = f"POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


def many(bench, count, pause=0.0, log="requests", **more):
    plan = {"bodies": [f"{BODY}&n={n}" for n in range(count)], "pauses": [pause] * (count - 1), **more}
    return bench.python("requests_post.py", URL, json.dumps(plan), log=log)


@scenario("capture-killed", software=("requests",), incident="000")
def killed(bench):
    """nohup tcpdump -i any, killed (SIGKILL) while it writes: the file ends inside a packet. One
    callback had no answer yet."""
    bench.server(*[{}] * 30, {"wait": 60})
    capture = bench.capture("client", "any", unbuffered=False)
    many(bench, 30)
    bench.curl(URL, wait=0)
    bench.rest(2)
    capture.kill()
    truth = bench.truth(capture, "client", settle=0)
    truth.shows("tshark: cut short in the middle of a packet", truth.cut)
    for flow in truth.flows:
        if flow.responses() and flow.requests():
            flow.is_("ok", worst="info").exchange("POST", "/notify", 200, "ok")
            continue
        # The file's end is no failure of anybody.
        flow.is_("ok", "connection-unused", worst="info")
        if any(p.text.startswith("POST ") for p in flow.of("client", "data")):
            flow.exchange("POST", "/notify", None, "ok")
    truth.shows("callbacks before the cut", len(truth.flows) > 10)
    truth.capture_is("capture-file-truncated")
    truth.never("no-response", "closed-without-response", "connect-abandoned", "response-stalled")


@scenario("capture-snaplen-96")
def snaplen(bench):
    """tcpdump -s 96, an old habit: heads and bodies are cut, TCP is whole."""
    bench.server()
    capture = bench.capture("client", snap=96)
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("packets kept in part", [p for p in truth.packets if p.kept < p.length])
    flow.shows("closed in order", flow.of("client", "fin") and flow.of("server", "fin"))
    # The request line is within the 96 bytes, the status line is too.
    flow.is_("ok", worst="warning",
             never=["request-incomplete", "response-truncated-fin", "closed-without-response"])
    flow.exchange("POST", "/notify", 200, "ok")
    truth.capture_is("capture-snaplen-cut")


@scenario("capture-any-on-router")
def any_on_router(bench):
    """tcpdump -i any on the router: every packet twice, the copy with a TTL one less."""
    bench.server()
    capture = bench.capture("router", "any")
    bench.curl(URL)
    bench.curl(URL, log="curl-again")
    truth = bench.truth(capture, "middle")
    for flow in truth.expect_flows(2):
        syns = flow.shows("the SYN twice", flow.of("client", "syn"))
        flow.shows("with another TTL", len(syns) == 2 and syns[0].ttl == syns[1].ttl + 1)
        flow.shows("answered", flow.responses())
        flow.is_("ok", worst="info").exchange("POST", "/notify", 200, "ok")
    truth.capture_is("capture-duplicate-packets")
    truth.never("loss-recovery-delay", "connect-slow", "request-not-acked", "response-unsolicited")


@scenario("capture-with-holes", software=())
def with_holes(bench):
    """A filter that leaves out long packets: the bodies are missing from the capture, and their
    acknowledgements show that they arrived."""
    bench.server()
    capture = bench.capture("client", filter_="less 1000")
    head = POST.split(BODY)[0].replace(str(len(BODY)), "20000")
    bench.client(["connect", SERVER, 8080], ["send", head], ["sleep", 0.3], ["send-many", 20000],
                 ["response"], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    seen = sum(p.len for p in flow.of("client", "data"))
    top = max(p.ack for p in flow.of("server"))
    flow.shows("acknowledged and never recorded", top > 20000 > seen)
    flow.shows("answered", flow.responses())
    flow.is_("ok", also="capture-gap", worst="warning", never=["request-incomplete", "early-response"])
    flow.exchange("POST", "/notify", 200, "ok")


@scenario("capture-one-way")
def one_way(bench):
    """Asymmetric routes: the capture has the client's direction only (tcpdump -Q out)."""
    bench.server()
    capture = bench.capture("client", options=("-Q", "out"))
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("nothing of the server", not flow.of("server"))
    last = flow.shows("acknowledgements of what is not seen", [p for p in flow.of("client") if p.acks])
    flow.shows("advance", last[-1].ack > 1)
    flow.is_("ok", also="capture-one-way", worst="warning")
    flow.exchange("POST", "/notify", None, "ok")
    truth.never("no-response", "request-not-acked", "connect-abandoned", "client-timeout",
                "closed-without-response", "syn-retries-exhausted")


@scenario("capture-started-late")
def started_late(bench):
    """The connection is older than the capture; one good callback, one without an answer, and the
    server closes."""
    bench.server({}, {}, {"wait": 1, "silent": True, "end": "close"})
    program = bench.client(["connect", SERVER, 8080], ["send", POST], ["response"],
                           ["wait-for-word"], ["send", POST.replace("1001", "1002")], ["response"],
                           ["sleep", 0.5], ["send", POST.replace("1001", "1003")], ["receive", {}],
                           ["close"], wait=0)
    bench.until(lambda: "response done" in program.text())
    capture = bench.capture("client")
    program.tell("go")
    program.wait(20)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("no SYN", not flow.of("client", "syn"))
    asked = flow.shows("two requests", flow.requests())
    flow.shows("one response", len(flow.responses()) == 1)
    flow.shows("FIN behind the second, which it covers",
               [p for p in flow.after(asked[-1], "server", "fin") if p.ack >= asked[-1].end])
    flow.is_("closed-without-response", also="capture-started-midstream", fault="server-app")
    flow.exchange("POST", "/notify", 200, "ok")
    flow.exchange("POST", "/notify", None, "closed-without-response", retry="idempotent-only")


@scenario("capture-ended-early", software=("requests",))
def ended_early(bench):
    """The capture is stopped while two connections are open and idle: nothing is wrong with them."""
    bench.server(idle=60)
    capture = bench.capture("client")
    for n in (1, 2):
        bench.client(["connect", SERVER, 8080], ["send", POST.replace("1001", f"100{n}")],
                     ["response"], ["sleep", 60], log=f"client-{n}", wait=0)
    bench.rest(2)
    truth = bench.truth(capture, "client")
    for flow in truth.expect_flows(2):
        flow.healthy()
        flow.shows("nobody closes", not any(p.fin or p.rst for p in flow.packets))
        flow.is_("ok", worst="info")
    truth.never("close-wait-lingering", "no-response")


@scenario("capture-dumpcap-at-server", software=("requests", "nginx"))
def dumpcap_at_server(bench):
    """dumpcap at the server: three callbacks, one of which nginx answers with 503."""
    bench.nginx("server { listen 8080; location / { if ($arg_n = 7) { return 503; } "
                "return 200 success; } }")
    bench.forwarder(8)
    capture = bench.capture("server", dumpcap=True)
    for n in (1, 7, 2):
        bench.curl(f"{URL}?n={n}", log=f"curl-{n}")
    truth = bench.truth(capture, "server")
    for flow, (n, status) in zip(truth.expect_flows(3), ((1, 200), (7, 503), (2, 200))):
        flow.shows(f"{status}", [p for p in flow.responses() if p.status == status])
        label = "ok" if status == 200 else "http-gateway-error"
        flow.is_(label).exchange("POST", f"/notify?n={n}", status, label)


@scenario("middle-capture")
def middle(bench):
    """Recorded between two routers (a TUN device, raw IP): one healthy callback, one server that
    closes without an answer."""
    bench.server({}, {"wait": 1, "silent": True, "end": "close"})
    bench.forwarder(20)
    capture = bench.capture("router", "wan0", options=("-Q", "out"))
    bench.curl(URL)
    bench.curl(URL, log="curl-unanswered")
    truth = bench.truth(capture, "middle")
    good, bad = truth.expect_flows(2)
    truth.shows("both TTLs are one less than 64", {p.ttl for p in truth.packets} == {63})
    good.healthy()
    request = bad.shows("the request", bad.requests())[0]
    bad.shows("server FIN, which covers it", [p for p in bad.after(request, "server", "fin")
                                               if p.ack >= request.end])
    bad.shows("no answer", not bad.answers())
    bad.is_("closed-without-response", fault="server-app")
    bad.exchange("POST", "/notify", None, "closed-without-response", retry="idempotent-only")


@scenario("capture-misses-proxy-request", software=("curl", "haproxy"),
          hosts=("client", "proxy", "server"))
def misses_proxy_request(bench):
    """tcpdump on the proxy lost what haproxy sent to the server: its ACK of the SYN-ACK and the
    request. haproxy's RST after 3 s has a sequence number behind that request, so the handshake was
    complete; the server cannot be blamed for more than the 504 says."""
    bench.server({"wait": 30}, port=9000)
    bench.haproxy(f"frontend in\n  bind :8081\n  default_backend app\nbackend app\n"
                  f"  server controller1 {SERVER}:9000\n  timeout server 3s\n")
    lost = "tcp dst port 9000 and tcp[tcpflags] & (tcp-syn|tcp-rst|tcp-fin) == 0"
    answers = "tcp src port 9000 and tcp[tcpflags] & tcp-syn == 0"
    capture = bench.capture("proxy", "any", f"not ( {lost} ) and not ( {answers} )")
    bench.curl("http://203.0.113.30:8081/notify")
    truth = bench.truth(capture, "proxy", settle=1)
    front, back = truth.expect_flows(2)
    front.shows("504", [p for p in front.responses() if p.status == 504])
    back.shows("SYN-ACK", back.of("server", "syn-ack"))
    end = back.shows("the proxy's RST", back.of("client", "rst"))[0]
    back.shows("behind bytes that are not in the capture", end.seq > 1 and not back.of("client", "data"))
    front.is_("http-gateway-error").exchange("POST", "/notify", 504, "http-gateway-error")
    back.is_("connection-unused", "ok", "payload-opaque", worst="warning",
             never=["handshake-not-completed", "handshake-client-reset", "accept-queue-overflow",
                    "reset-after-handshake"])
