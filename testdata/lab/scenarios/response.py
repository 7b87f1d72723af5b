# SPDX-License-Identifier: Apache-2.0
"""Requests and responses that are cut, broken, early, stalled, or of a bad status."""
import json
import signal

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"
POST = f"POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


@scenario("response-cut-by-fin")
def response_cut_by_fin(bench):
    """Content-Length 9000, 5000 bytes, FIN; and chunks without the last one."""
    bench.server({"body": "x" * 5000, "length": 9000, "end": "close"},
                 {"chunks": ["accepted ", "and "], "end": "close"})
    capture = bench.capture("client")
    programs = [bench.curl(URL, "-o", "/dev/null"), bench.curl(URL, log="curl-chunked")]
    truth = bench.truth(capture, "client")
    for flow, program in zip(truth.expect_flows(2), programs):
        bench.said(program, "exit 18")
        part = flow.shows("part of a response", flow.of("server", "data"))[-1]
        flow.shows("server FIN", [p for p in flow.of("server", "fin") if p.number >= part.number])
        flow.is_("response-truncated-fin", fault="server-app")
        flow.exchange("POST", "/notify", 200, "response-truncated-fin", retry="idempotent-only")
    truth.flow(2).shows("no last chunk", not any("0\r\n\r\n" in p.text for p in
                                                  truth.flow(2).of("server", "data")))


@scenario("response-cut-out-of-order", software=("requests",))
def response_cut_out_of_order(bench):
    """The first segment of a response that the server breaks off is lost, and comes again behind the
    server's FIN. requests has the FIN before it closes."""
    bench.forwarder(30, {"from": SERVER, "kind": "data", "count": 1, "do": "drop"})
    bench.server({"body": "x" * 3000, "length": 9000, "end": "close"})
    capture = bench.capture("client")
    bench.python("requests_post.py", URL, json.dumps({"bodies": [BODY], "timeout": 9}), log="requests")
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    fin = flow.shows("server FIN", flow.of("server", "fin"))[0]
    head = flow.shows("the head of the response behind it",
                      [p for p in flow.after(fin, "server", "data") if p.seq == 1])[0]
    end = flow.shows("then the client's FIN", flow.after(head, "client", "fin"))[0]
    flow.shows("which acknowledges the server's", end.ack == fin.end + 1)
    flow.is_("response-truncated-fin", fault="server-app", never=["response-aborted-by-client"])
    flow.exchange("POST", "/notify", 200, "response-truncated-fin", retry="idempotent-only")


@scenario("response-path-dies")
def response_path_dies(bench):
    """The path dies in the middle of a download; curl gives up after 9 s, and nothing answers its
    FINs."""
    forwarder = bench.forwarder(10)
    bench.server({"body": "x" * 100, "length": 1000, "end": "hang"})
    capture = bench.capture("client")
    program = bench.curl(URL, "-m", 9, wait=0)
    bench.rest(2)
    bench.change(forwarder, 10, {"do": "drop"})
    program.wait(30)
    bench.rest(6)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    part = flow.shows("part of a response", flow.of("server", "data"))[0]
    fins = flow.shows("FINs of the client", flow.of("client", "fin"))
    flow.shows("again and again", len(fins) >= 3)
    flow.shows("no answer", not flow.after(fins[0], "server") and flow.after(part, "client", "ack"))
    flow.is_("response-stalled", fault=["network", "server-host", "server-app"])
    flow.exchange("POST", "/notify", 200, "response-stalled", retry="idempotent-only")


@scenario("response-cut-by-reset")
def response_cut_by_reset(bench):
    """Content-Length 9000, 3000 bytes, and the server resets a second later."""
    bench.server({"body": "x" * 3000, "length": 9000, "pieces": [[1, "y"]], "end": "reset"})
    capture = bench.capture("client")
    program = bench.curl(URL, "-o", "/dev/null")
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 56")
    flow, = truth.expect_flows(1)
    part = flow.shows("part of a response", flow.of("server", "data"))[0]
    flow.shows("server RST", flow.after(part, "server", "rst"))
    flow.is_("response-truncated-rst", fault=["server-app", "network", "server-host"])
    flow.exchange("POST", "/notify", 200, "response-truncated-rst", retry="idempotent-only")


@scenario("response-stalled")
def response_stalled(bench):
    """The head and 100 bytes of 1000, then nothing for 9 s; curl waits when the capture ends."""
    bench.server({"body": "x" * 100, "length": 1000, "end": "hang"})
    capture = bench.capture("client")
    bench.curl(URL, wait=0)
    bench.rest(9)
    bench.client(["connect", SERVER, 8081], log="client-elsewhere")
    truth = bench.truth(capture, "client")
    flow, other = truth.expect_flows(2)
    part = flow.shows("part of a response", flow.of("server", "data"))[-1]
    flow.shows("then nothing", truth.packets[-1].time - part.time > 8)
    flow.shows("nobody closes", not any(p.fin or p.rst for p in flow.packets))
    flow.is_("response-stalled", fault=["server-app", "network"])
    flow.exchange("POST", "/notify", 200, "response-stalled", retry="idempotent-only")
    other.is_("connect-refused")


@scenario("response-stalled-client-leaves")
def response_stalled_client_leaves(bench):
    """The same, but curl gives up after 8 s."""
    bench.server({"body": "x" * 100, "length": 1000, "end": "hang"})
    capture = bench.capture("client")
    program = bench.curl(URL, "-m", "8")
    bench.rest(1.2)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 28")
    flow, = truth.expect_flows(1)
    part = flow.shows("part of a response", flow.of("server", "data"))[-1]
    flow.shows("the client closes", flow.after(part, "client", "fin") or flow.after(part, "client", "rst"))
    flow.is_("response-stalled", "response-aborted-by-client")
    flow.exchange("POST", "/notify", 200, "response-stalled", "response-aborted-by-client",
                  retry="idempotent-only")


@scenario("response-not-acked")
def response_not_acked(bench):
    """Seen at the server: the client's host loses power while the application works; the answer
    is sent again and again to nobody."""
    bench.network.sysctl("server", "net.ipv4.tcp_retries2", 8)
    bench.server({"wait": 2})
    capture = bench.capture("server")
    bench.curl(URL, wait=0)
    bench.rest(1)
    bench.network.iptables("router", "-A", "FORWARD", "-d", "192.0.2.10", "-j", "DROP")
    bench.network.iptables("router", "-A", "FORWARD", "-s", "192.0.2.10", "-j", "DROP")
    bench.rest(14)
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    sent = flow.shows("the response, again and again", flow.of("server", "data"))
    flow.shows("at least four times", len(sent) >= 4)
    flow.shows("nothing of the client behind it", not flow.after(sent[0], "client"))
    flow.is_("response-not-acked", fault=["network", "client-host"])
    flow.exchange("POST", "/notify", 200, "response-not-acked")


@scenario("client-leaves-download", software=("nginx",))
def client_leaves_download(bench):
    """curl is killed in the middle of a download that a slow network stretches."""
    root = bench.folder / "www"
    root.mkdir()
    (root / "statement.csv").write_text("20170104,1200\n" * 12000)
    bench.nginx(f"server {{ listen 8080; root {root}; location / {{ limit_rate 20k; }} }}")
    capture = bench.capture("client")
    program = bench.curl(f"http://{SERVER}:8080/statement.csv", "-o", "/dev/null", body=None, wait=0)
    bench.rest(2.5)
    program.stop(signal.SIGKILL)
    bench.rest(1)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    part = flow.shows("part of a response", flow.of("server", "data"))[0]
    flow.shows("the client closes", flow.after(part, "client", "fin") or flow.after(part, "client", "rst"))
    flow.is_("response-aborted-by-client", fault="client-app", never=["response-truncated-rst"])
    flow.exchange("GET", "/statement.csv", 200, "response-aborted-by-client")


@scenario("response-malformed")
def response_malformed(bench):
    """A status line that is none."""
    bench.server({"raw": "HTTP/1.1 OK\r\nContent-Length: 7\r\n\r\nsuccess", "end": "close"})
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("HTTP/1.1 OK", [p for p in flow.of("server", "data") if p.text.startswith("HTTP/1.1 OK")])
    flow.is_("response-malformed", fault="server-app")
    flow.exchange("POST", "/notify", None, "response-malformed")


@scenario("request-malformed", software=("nginx",))
def request_malformed(bench):
    """A client with a broken header line; nginx answers 400 and closes."""
    bench.nginx("server { listen 8080; location / { return 200 success; } }")
    capture = bench.capture("server")
    bench.client(["connect", SERVER, 8080],
                 ["send", "POST /notify HTTP/1.1\r\nHost: shop.example\r\nBroken\x01 Header\r\n\r\n"],
                 ["receive", {}], ["close"])
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    flow.shows("400", [p for p in flow.responses() if p.status == 400])
    flow.is_("request-malformed", fault="client-app")
    flow.exchange("POST", "/notify", 400, "request-malformed")


@scenario("request-incomplete-client", software=("nginx",))
def request_incomplete_client(bench):
    """The client dies in the middle of its upload (kill -9: FIN)."""
    bench.server(log="application", port=9000)
    bench.nginx("server { listen 8080; location / { proxy_pass http://127.0.0.1:9000; } }")
    capture = bench.capture("server")
    program = bench.client(["connect", SERVER, 8080],
                           ["send", "POST /notify HTTP/1.1\r\nHost: shop.example\r\n"
                                    "Content-Length: 5000\r\n\r\n"], ["send-many", 2000],
                           ["sleep", 60], wait=0)
    bench.rest(2)
    program.kill()
    bench.rest(1)
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    flow.shows("client FIN", flow.of("client", "fin"))
    flow.shows("2000 of 5000 bytes", sum(p.len for p in flow.of("client", "data")) < 3000)
    flow.is_("request-incomplete", fault=["client-app", "client-host"])
    flow.exchange("POST", "/notify", None, "request-incomplete")


@scenario("request-incomplete-408", software=("haproxy",), hosts=("client", "proxy"))
def request_incomplete_408(bench):
    """The client stops in the middle of the head; haproxy answers 408 after 2 s."""
    bench.haproxy("frontend in\n  bind :8080\n  timeout http-request 2s\n  default_backend app\n"
                  "backend app\n  server one 127.0.0.1:9000\n")
    capture = bench.capture("client")
    bench.client(["connect", "203.0.113.30", 8080], ["send", "POST /notify HTTP/1.1\r\nHost: sh"],
                 ["receive", {}], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("408", [p for p in flow.of("server", "data") if p.text.startswith("HTTP/1.1 408")])
    flow.is_("request-incomplete", fault=["client-app", "client-host", "network"])
    flow.exchange("POST", "/notify", 408, "request-incomplete")


@scenario("early-response-413", software=("nginx",))
def early_response_413(bench):
    """nginx takes 1 kB; curl uploads 400 kB and is told 413 in the middle of it."""
    bench.forwarder(10)
    bench.nginx("client_max_body_size 1k; lingering_close off; server { listen 8080; location / "
                "{ return 200 success; } }")
    capture = bench.capture("client")
    bench.curl(URL, "-H", "Expect:", body="x" * 90000)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    answer = flow.shows("413", [p for p in flow.of("server", "data") if " 413 " in p.text[:20]])[0]
    flow.shows("while the client is still sending", flow.after(answer, "client", "data")
               or sum(p.len for p in flow.of("client", "data")) < 90000)
    flow.is_("early-response", fault=["server-app", "client-app"])
    flow.exchange("POST", "/notify", 413, "early-response")


@scenario("unsolicited-408", software=("haproxy",), hosts=("client", "proxy"))
def unsolicited_408(bench):
    """A connection opened ahead of need; haproxy says 408 although nobody asked."""
    bench.haproxy("frontend in\n  bind :8080\n  timeout http-request 2s\n  default_backend app\n"
                  "backend app\n  server one 127.0.0.1:9000\n")
    capture = bench.capture("client")
    bench.client(["connect", "203.0.113.30", 8080], ["receive", {}], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("no request", not flow.of("client", "data"))
    flow.shows("408", [p for p in flow.of("server", "data") if p.text.startswith("HTTP/1.1 408")])
    flow.is_("connection-unused", "ok", also="response-unsolicited", worst="warning")


@scenario("status-codes", software=("nginx",))
def status_codes(bench):
    """nginx: 301, 404, 500, and 502 because nobody listens behind it."""
    bench.nginx("server { listen 8080; location /old { return 301 /notify/; } location /wrong "
                "{ return 404; } location /broken { return 500; } location / "
                "{ proxy_pass http://127.0.0.1:9000; } }")
    capture = bench.capture("client")
    for path in ("old", "wrong", "broken", "notify"):
        bench.curl(f"http://{SERVER}:8080/{path}", log=f"curl-{path}")
    truth = bench.truth(capture, "client")
    wanted = [("/old", 301, "http-redirect"), ("/wrong", 404, "http-client-error"),
              ("/broken", 500, "http-server-error"), ("/notify", 502, "http-gateway-error")]
    for flow, (path, status, label) in zip(truth.expect_flows(4), wanted):
        flow.shows(f"{status}", [p for p in flow.responses() if p.status == status])
        flow.is_(label).exchange("POST", path, status, label)


@scenario("gateway-504", software=("nginx",))
def gateway_504(bench):
    """nginx waits 3 s for its application and answers 504."""
    bench.server({"wait": 30}, log="application", port=9000)
    bench.nginx("server { listen 8080; location / { proxy_read_timeout 3s; "
                "proxy_pass http://127.0.0.1:9000; } }")
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    answer = flow.shows("504", [p for p in flow.responses() if p.status == 504])[0]
    flow.shows("after 3 s", 2.9 < answer.time - flow.requests()[0].time < 3.6)
    flow.is_("http-gateway-error").exchange("POST", "/notify", 504, "http-gateway-error")


@scenario("tunnel-refused", software=("curl", "haproxy"), hosts=("client", "proxy"))
def tunnel_refused(bench):
    """curl asks a proxy for a tunnel that it denies with 403."""
    bench.haproxy("frontend in\n  bind :3128\n  http-request deny if METH_CONNECT\n"
                  "  default_backend app\nbackend app\n  server one 127.0.0.1:9000\n")
    capture = bench.capture("client")
    program = bench.curl("https://pay.example.org/notify", "-x", "http://203.0.113.30:3128")
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 56")
    flow, = truth.expect_flows(1)
    flow.shows("403", [p for p in flow.responses() if p.status == 403])
    flow.is_("proxy-tunnel-refused")
    flow.exchange("CONNECT", "pay.example.org:443", 403, "proxy-tunnel-refused")
