# SPDX-License-Identifier: Apache-2.0
"""Proxies, with both legs in one capture (incident 004), and what stands behind a gateway's 50x."""
import json

from laboratory.bench import BODY, PROXY, SERVER
from scenarios import scenario

HOSTS = ("client", "proxy", "server")
URL = f"http://{PROXY}:8081/test_haproxy"
BACKEND = f"backend app\n  server controller1 {SERVER}:9000"


def legs(truth):
    """The client's connections to the proxy, and the proxy's to the server."""
    front = [flow for flow in truth.flows if flow.server.startswith(PROXY)]
    back = [flow for flow in truth.flows if flow.client.startswith(PROXY)]
    truth.shows("both legs", front and back and [front[0].packets[0], back[0].packets[0]])
    return front, back


@scenario("haproxy-client-gives-up", software=("node", "haproxy"), incident="004", hosts=HOSTS)
def client_gives_up(bench):
    """Incident 004, ten times as fast: the console's limit is 6 s, the server needs 6.5 s; haproxy
    logs only when the server answers. tcpdump -i any on the proxy."""
    bench.server({"wait": 6.5, "body": "done"}, port=9000)
    log = bench.haproxy(f"frontend in\n  bind :8081\n  default_backend app\n{BACKEND}\n")
    capture = bench.capture("proxy", "any")
    program = bench.node("node_post.js", URL, json.dumps({"bodies": ['{"ts":"hhhh"}'], "timeout": 6000}),
                         wait=0)
    bench.rest(5)
    quiet = "test_haproxy" not in log.text()
    program.wait(30)
    bench.rest(3)
    truth = bench.truth(capture, "proxy")
    truth.shows("haproxy logs nothing while it waits", quiet)
    bench.said(log, "POST /test_haproxy")
    (front,), (back,) = legs(truth)
    fin = front.shows("the client leaves", front.of("client", "fin"))[0]
    front.shows("after 6 s", 5.8 < fin.time - front.requests()[0].time < 6.4)
    answer = back.shows("the server answers", back.responses())[0]
    back.shows("after 6.5 s", 6.4 < answer.time - back.requests()[0].time < 7)
    late = front.after(fin, "server", "data")
    if late:
        front.shows("into a closed connection", front.after(late[0], "client", "rst"))
    label, status = ("late-response", 200) if late else ("client-timeout", None)
    front.is_(label, fault=["server-app", "client-app"])
    front.exchange("POST", "/test_haproxy", status, label)
    back.is_("slow-response", fault="server-app").exchange("POST", "/test_haproxy", 200, "slow-response")
    truth.chain(f"{front.index}.1", f"{back.index}.1")


@scenario("haproxy-slow-but-answered", software=("curl", "haproxy"), incident="004", hosts=HOSTS)
def slow_but_answered(bench):
    """The log line of incident 004: 0/0/0/65006/65006 200. Here 6.5 s, and the client waits. Health
    checks (OPTIONS) go on beside it."""
    bench.server({"wait": 6.5, "body": "done"}, port=9000)
    bench.server(port=9001, log="server-health")
    log = bench.haproxy("frontend in\n  bind :8081\n  default_backend app\nbackend app\n"
                        "  option httpchk OPTIONS /\n  server controller1 "
                        f"{SERVER}:9000 check inter 2s port 9001\n")
    bench.rest(1)
    capture = bench.capture("proxy", "any", "port 8081 or port 9000 or port 9001")
    program = bench.curl(URL)
    truth = bench.truth(capture, "proxy")
    bench.said(program, "status 200")
    bench.said(log, "200")
    front, back = legs(truth)
    work = [flow for flow in back if flow.server.endswith(":9000")]
    checks = [flow for flow in back if flow.server.endswith(":9001")]
    truth.shows("health checks", len(checks) > 1)
    for flow in checks:
        whole = flow.shows("an answered check", flow.responses())
        flow.is_("ok", worst="info").exchange("OPTIONS", "/", whole[0].status, "ok")
    for flow in (front[0], work[0]):
        flow.shows("answered after 6.5 s", flow.responses())
        flow.is_("slow-response").exchange("POST", "/test_haproxy", 200, "slow-response")
    truth.never("client-timeout", "late-response")
    truth.chain(f"{front[0].index}.1", f"{work[0].index}.1")


@scenario("haproxy-504", software=("curl", "haproxy"), hosts=HOSTS)
def haproxy_504(bench):
    """haproxy waits 3 s for the server and answers 504 itself; -i any shows why."""
    bench.server({"wait": 30}, port=9000)
    log = bench.haproxy(f"frontend in\n  bind :8081\n  default_backend app\n{BACKEND}\n"
                        "  timeout server 3s\n")
    capture = bench.capture("proxy", "any")
    bench.curl(URL)
    truth = bench.truth(capture, "proxy", settle=1.5)
    bench.said(log, "sH--")
    (front,), (back,) = legs(truth)
    front.shows("504", [p for p in front.responses() if p.status == 504])
    back.shows("no answer", not back.of("server", "data"))
    back.shows("the proxy leaves", back.of("client", "fin") or back.of("client", "rst"))
    front.is_("http-gateway-error", also="proxy-gave-up", fault=["server-app", "unknown"])
    front.exchange("POST", "/test_haproxy", 504, "http-gateway-error", also="proxy-gave-up")
    back.is_("client-timeout", fault="server-app")
    back.exchange("POST", "/test_haproxy", None, "client-timeout")
    truth.chain(f"{front.index}.1", f"{back.index}.1")


@scenario("haproxy-503-refused", software=("curl", "haproxy"), hosts=HOSTS)
def haproxy_503(bench):
    """Nobody listens behind haproxy, which tries four times and answers 503."""
    log = bench.haproxy(f"frontend in\n  bind :8081\n  default_backend app\n{BACKEND}\n  retries 3\n")
    capture = bench.capture("proxy", "any")
    bench.curl(URL)
    truth = bench.truth(capture, "proxy", settle=1)
    bench.said(log, "503")
    (front,), back = legs(truth)
    front.shows("503", [p for p in front.responses() if p.status == 503])
    front.is_("http-gateway-error").exchange("POST", "/test_haproxy", 503, "http-gateway-error")
    for flow in back:
        flow.shows("RST for the SYN", flow.of("server", "rst"))
        flow.is_("connect-refused")


@scenario("nginx-502-closed", software=("curl", "nginx"), hosts=HOSTS)
def nginx_502(bench):
    """The application reads the request and closes; nginx says 502 (upstream prematurely closed)."""
    bench.server({"wait": 0.5, "silent": True, "end": "close"}, port=9000)
    log = bench.nginx("server { listen 8081; location / { proxy_pass http://%s:9000; } }" % SERVER,
                      host="proxy")
    capture = bench.capture("proxy", "any")
    bench.curl(URL)
    truth = bench.truth(capture, "proxy", settle=1)
    bench.said(log, "upstream prematurely closed connection")
    (front,), (back,) = legs(truth)
    front.shows("502", [p for p in front.responses() if p.status == 502])
    back.shows("no answer, FIN of the server", not back.of("server", "data") and back.of("server", "fin"))
    front.is_("http-gateway-error", also="proxy-gave-up")
    front.exchange("POST", "/test_haproxy", 502, "http-gateway-error")
    back.is_("closed-without-response", fault="server-app")
    back.exchange("POST", "/test_haproxy", None, "closed-without-response")
    truth.chain(f"{front.index}.1", f"{back.index}.1")


@scenario("ok-haproxy", software=("curl", "haproxy"), hosts=HOSTS)
def ok_haproxy(bench):
    """Three callbacks through haproxy, all well; both legs in one capture."""
    bench.server(port=9000, idle=60)
    bench.haproxy(f"frontend in\n  bind :8081\n  default_backend app\n{BACKEND}\n")
    capture = bench.capture("proxy", "any")
    for n in range(3):
        bench.curl(f"http://{PROXY}:8081/notify", log=f"curl-{n}", body=BODY + f"&n={n}")
    truth = bench.truth(capture, "proxy", settle=1)
    front, back = legs(truth)
    truth.shows("three requests on each side", len(front) == 3
                and sum(len(flow.responses()) for flow in back) >= 3)
    for flow in truth.flows:
        flow.healthy(count=len(flow.answers()))


@scenario("nginx-499", software=("curl", "nginx"), hosts=HOSTS)
def nginx_499(bench):
    """The client leaves after 2 s; nginx notes 499 and lets go of the application, which takes 6 s."""
    bench.server({"wait": 6}, port=9000)
    bench.nginx("server { listen 8081; location / { proxy_pass http://%s:9000; } }" % SERVER,
                host="proxy")
    capture = bench.capture("proxy", "any")
    bench.curl(URL, "-m", 2)
    bench.rest(1.5)
    log = bench.logs / "nginx-access.txt"
    truth = bench.truth(capture, "proxy", settle=1.5)
    truth.shows("nginx-access.txt says 499", '" 499 ' in log.read_text())
    (front,), (back,) = legs(truth)
    fin = front.shows("the client leaves", front.of("client", "fin"))[0]
    closed = back.shows("then nginx", back.of("client", "fin") or back.of("client", "rst"))[0]
    back.shows("in this order", closed.number > fin.number)
    for flow in (front, back):
        flow.shows("no answer", not flow.of("server", "data"))
        flow.is_("client-timeout").exchange("POST", "/test_haproxy", None, "client-timeout")
    truth.chain(f"{front.index}.1", f"{back.index}.1")
