# SPDX-License-Identifier: Apache-2.0
"""Traffic without a fault, much of which looks like one."""
import json

from laboratory.bench import BODY, SERVER, notification
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"
POST = f"POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
GET = "GET /status HTTP/1.1\r\nHost: shop.example\r\n\r\n"


@scenario("ok-20-callbacks", software=("requests", "nginx"))
def ok_20_callbacks(bench):
    """Twenty callbacks of Python requests to nginx on one kept-alive connection."""
    bench.nginx("server { listen 8080; location / { return 200 success; } }")
    capture = bench.capture("client")
    plan = {"bodies": [f"{BODY}&n={n}" for n in range(20)], "session": True}
    bench.python("requests_post.py", URL, json.dumps(plan), log="requests")
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.healthy(count=20)


@scenario("ok-ipv6", ipv6=True)
def ok_ipv6(bench):
    """The same over IPv6."""
    bench.server(address="::")
    capture = bench.capture("client")
    bench.curl("http://[2001:db8:2::20]:8080/notify")
    truth = bench.truth(capture, "client", client="2001:db8:1::10")
    truth.expect_flows(1)[0].healthy()


@scenario("ok-half-close")
def ok_half_close(bench):
    """The client closes its sending side behind the request and reads on; the answer takes 1 s."""
    bench.server({"wait": 1, "end": "close"})
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080], ["send", POST], ["shutdown"], ["response"], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.healthy()
    fin = flow.shows("client FIN before the response", flow.of("client", "fin"))[0]
    flow.shows("the response behind it", fin.number < flow.responses()[0].number)
    flow.shows("no RST", not any(p.rst for p in flow.packets))
    truth.never("client-timeout", "late-response")


@scenario("ok-no-bodies")
def ok_no_bodies(bench):
    """HEAD with a Content-Length, 204, 304: no bodies, and nothing is truncated."""
    bench.server({"body": "x" * 5000}, {"status": 204}, {"status": 304}, idle=30)
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080],
                 ["send", "HEAD /big HTTP/1.1\r\nHost: shop.example\r\n\r\n"],
                 ["receive", {"until": "\r\n\r\n"}], ["send", POST], ["receive", {"until": "\r\n\r\n"}],
                 ["send", GET], ["receive", {"until": "\r\n\r\n"}], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("HEAD, 204 and 304", [p.status for p in flow.responses()] == [200, 204, 304])
    flow.is_("ok").exchange("HEAD", "/big", 200, "ok").exchange("POST", "/notify", 204, "ok")
    flow.exchange("GET", "/status", 304, "ok", "http-redirect")


@scenario("ok-chunked-gzip", software=("nginx",))
def ok_chunked_gzip(bench):
    """nginx compresses, and sends chunks because the length is not known."""
    root = bench.folder / "www"
    root.mkdir()
    (root / "list.txt").write_text("callback accepted\n" * 400)
    bench.nginx(f"gzip on; gzip_types text/plain; server {{ listen 8080; root {root}; }}")
    capture = bench.capture("client")
    bench.curl(f"http://{SERVER}:8080/list.txt", "--compressed", "-o", "/dev/null", body=None)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("chunked and compressed", [p for p in flow.of("server", "data")
                                          if "chunked" in p.text and "gzip" in p.text])
    flow.is_("ok").exchange("GET", "/list.txt", 200, "ok")


@scenario("ok-expect-continue")
def ok_expect_continue(bench):
    """curl sends Expect: 100-continue; one server says 100, the other never does and curl sends
    the body a second later."""
    bench.server({"body": "success"})
    bench.server({"body": "success"}, port=8081, **{"continue": False}, log="server-without-100")
    capture = bench.capture("client")
    bench.curl(URL, "-H", "Expect: 100-continue", body="x" * 2000)
    bench.curl(f"http://{SERVER}:8081/notify", "-H", "Expect: 100-continue", body="x" * 2000,
               log="curl-without-100")
    truth = bench.truth(capture, "client")
    polite, plain = truth.expect_flows(2)
    polite.shows("100 and 200", [p.status for p in polite.responses()] == [100, 200])
    data = plain.shows("head and body apart", plain.of("client", "data"))
    plain.shows("by a second", data[1].time - data[0].time > 0.9)
    for flow in (polite, plain):
        flow.is_("ok").exchange("POST", "/notify", 200, "ok")
    truth.never("early-response", "request-incomplete")


@scenario("ok-server-closes", software=("nginx",))
def ok_server_closes(bench):
    """Connection: close from nginx without keep-alive, once for each callback."""
    bench.nginx("keepalive_timeout 0; server { listen 8080; location / { return 200 success; } }")
    capture = bench.capture("client")
    for n in range(3):
        bench.curl(URL, log=f"curl-{n}")
    truth = bench.truth(capture, "client")
    for flow in truth.expect_flows(3):
        flow.healthy()
        flow.shows("server FIN", flow.of("server", "fin"))


@scenario("ok-idle-closed-new-connection", software=("httpclient", "nginx"))
def ok_idle_closed(bench):
    """HttpClient with validate-after-inactivity: nginx closes the idle connection, the next
    callback goes out on a new one. The healthy twin of the stale connection."""
    bench.nginx("keepalive_timeout 2; server { listen 8080; location / { return 200 success; } }")
    capture = bench.capture("client")
    bench.java("HttpClientPost", URL, "500", "0", "5000", BODY + "&n=1", "4000", BODY + "&n=2",
               log="httpclient")
    truth = bench.truth(capture, "client")
    for flow in truth.expect_flows(2):
        flow.healthy()
    truth.flow(1).shows("nginx closed the first", truth.flow(1).of("server", "fin"))
    truth.never("request-on-half-closed", "keepalive-close-race", "closed-without-response")


@scenario("ok-keepalive-probes", incident="002")
def ok_keepalive_probes(bench):
    """TCP keep-alive every 2 s on an idle connection, all answered; then it is used again."""
    bench.server(idle=60)
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080, {"keepalive": [2, 1, 5]}], ["send", POST], ["response"],
                 ["sleep", 9], ["send", POST.replace("1001", "1002")], ["response"], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    answered = flow.responses()[0]
    probes = [p for p in flow.after(answered, "client", "ack")
              if p.seq == flow.requests()[0].end - 1]
    flow.shows("probes", len(probes) >= 3 and probes)
    flow.healthy(count=2)
    truth.never("keepalive-probe-failed", "request-not-acked")


@scenario("ok-timewait-reuse", incident="002")
def ok_timewait_reuse(bench):
    """The server closes first and is in TIME_WAIT; the client comes back from the same port, and
    the server's kernel takes the new SYN (higher sequence number and timestamp)."""
    bench.server({"end": "close"})
    capture = bench.capture("server")
    for n in (1, 2, 3):
        bench.client(["connect", SERVER, 8080, {"source_port": 40002}],
                     ["send", POST.replace(BODY, notification(n))], ["response"], ["receive", {}],
                     ["close"], log=f"client-{n}")
        bench.rest(1.2)
    truth = bench.truth(capture, "server")
    for flow in truth.expect_flows(3):
        flow.shows("the same ports", flow.client.endswith(":40002"))
        closers = [p.from_ for p in flow.packets if p.fin]
        flow.shows("the server closes first", closers and closers[0] == flow.server)
        flow.healthy()
    truth.never("stale-port-reuse", "connect-slow")


@scenario("ok-reset-after-complete")
def ok_reset_after_complete(bench):
    """The client has its whole answer and closes with RST (SO_LINGER 0): harmless."""
    bench.server()
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080], ["send", POST], ["response"], ["sleep", 0.2], ["reset"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.healthy()
    flow.shows("RST behind the response", flow.after(flow.responses()[-1], "client", "rst"))
    flow.is_("ok", also="reset-after-complete", worst="info")


@scenario("ok-reordered", software=("node",))
def ok_reordered(bench):
    """Node uploads through a network that delays every fifth data packet by 15 ms."""
    late = [{"from": "192.0.2.10", "kind": "data", "skip": n, "count": 1, "do": "delay", "ms": 15}
            for n in (2, 4, 6)]
    bench.forwarder(20, *late)
    bench.server()
    capture = bench.capture("server")
    bench.node("node_post.js", URL, json.dumps({"bodies": ["x" * 30000]}))
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    data = flow.of("client", "data")
    flow.shows("data out of order", [b for a, b in zip(data, data[1:]) if b.seq < a.seq])
    flow.healthy()
    truth.never("capture-gap")


@scenario("ok-duplicated")
def ok_duplicated(bench):
    """A network that delivers every packet of the client twice, 3 ms apart."""
    bench.forwarder(10, {"from": "192.0.2.10", "kind": "any", "do": "repeat", "ms": 3})
    bench.server()
    capture = bench.capture("server")
    bench.curl(URL)
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    sent = flow.of("client", "data")
    flow.shows("the request twice", len(sent) >= 2 and sent[0].seq == sent[1].seq)
    syns = flow.shows("the SYN twice", flow.of("client", "syn"))
    flow.shows("3 ms apart", len(syns) == 2 and syns[1].time - syns[0].time < 0.01)
    truth.never("connect-slow", "loss-recovery-delay")
    flow.is_("ok").exchange("POST", "/notify", 200, "ok")
