# SPDX-License-Identifier: Apache-2.0
"""Connections from a pool: closed, crossed, forgotten on the way, told to close (incident 001)."""
import json

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"http://{SERVER}:8080/refund"
NGINX = "server { listen 8080; location / { return 200 success; } }"
REFUND = "amount=1&refund_no=R100"


def request(body=REFUND + "1"):
    return (f"POST /refund HTTP/1.1\r\nHost: pay.example\r\nContent-Length: {len(body)}\r\n\r\n"
            f"{body}")


def second(flow):
    """The first segment of the second request."""
    answer = flow.shows("the first is answered", flow.responses())[0]
    return flow.shows("the second request", flow.after(answer, "client", "data"))[0]


def retry_of(flow, late):
    """Certain where the client sent nothing twice: the RST answers the only transmission there was."""
    sent = [(p.seq, p.end, p.fin) for p in flow.of("client")
            if p.number >= late.number and (p.len or p.fin)]
    return "safe" if len(set(sent)) == len(sent) else None


@scenario("httpclient-half-closed", software=("httpclient", "nginx"), incident="001")
def httpclient_half_closed(bench):
    """HttpClient with a pool that does not validate; nginx closes after 3 s of idleness, the next
    refund goes out 2 s later on the half-closed connection: NoHttpResponseException."""
    bench.nginx(f"keepalive_timeout 3; {NGINX}")
    bench.forwarder(10)
    capture = bench.capture("client")
    program = bench.java("HttpClientPost", URL, "-1", "0", "5000", REFUND + "1", "5000",
                         REFUND + "2", log="httpclient")
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    bench.said(program, "NoHttpResponseException")
    fin = flow.shows("server FIN", flow.of("server", "fin"))[0]
    late = second(flow)
    flow.shows("sent behind it, acknowledging it", late.number > fin.number and late.ack == fin.end + 1)
    flow.shows("bare RST of the server", [p for p in flow.after(late, "server", "rst") if not p.acks])
    flow.is_("request-on-half-closed", fault="client-app", never=["closed-without-response"])
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "request-on-half-closed", retry=retry_of(flow, late),
                  fault="client-app")


@scenario("httpclient-half-closed-retried", software=("httpclient", "nginx"), incident="001")
def httpclient_half_closed_retried(bench):
    """The same with the retry handler of the incident (three times on NoHttpResponseException):
    the refund is repeated at once on a new connection and succeeds. Recorded at the server."""
    bench.nginx(f"keepalive_timeout 3; {NGINX}")
    bench.forwarder(10)
    capture = bench.capture("server")
    program = bench.java("HttpClientPost", URL, "-1", "3", "5000", REFUND + "1", "5000",
                         REFUND + "2", log="httpclient")
    truth = bench.truth(capture, "server")
    flow, retry = truth.expect_flows(2)
    truth.shows("the application has two answers", program.text().count("200 OK success") == 2)
    fin = flow.shows("server FIN", flow.of("server", "fin"))[0]
    late = second(flow)
    flow.shows("sent behind it, acknowledging it", late.number > fin.number and late.ack == fin.end + 1)
    flow.shows("bare RST of the server", flow.after(late, "server", "rst", acks=False))
    flow.is_("request-on-half-closed", fault="client-app")
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "request-on-half-closed", retry=retry_of(flow, late))
    retry.healthy(target="/refund")
    truth.delivery(["1.2", "2.1"], "delivery-recovered",
                   duplicated=False if retry_of(flow, late) else None)


def race(bench, vantage):
    """nginx closes after 3 s; the second refund leaves while the FIN is on its way (150 ms)."""
    bench.nginx(f"keepalive_timeout 3; {NGINX}")
    bench.forwarder(150)
    capture = bench.capture(vantage)
    # The client has its answer 150 ms after nginx sent it, and sees the FIN 150 ms late.
    program = bench.java("HttpClientPost", URL, "-1", "0", "5000", REFUND + "1", "2800",
                         REFUND + "2", log="httpclient")
    truth = bench.truth(capture, vantage, settle=1)
    flow, = truth.expect_flows(1)
    bench.said(program, "NoHttpResponseException")
    fin = flow.shows("server FIN", flow.of("server", "fin"))[0]
    late = second(flow)
    flow.shows("the request does not know of it", late.ack < fin.end + 1)
    flow.shows("it does not know of the request", fin.ack <= late.seq)
    flow.shows("RST of the server", flow.of("server", "rst"))
    flow.is_("keepalive-close-race", fault=["none", "unknown", "client-app", "server-app"],
             never=["request-on-half-closed", "closed-without-response"])
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "keepalive-close-race", retry=retry_of(flow, late))


@scenario("httpclient-close-race", software=("httpclient", "nginx"), incident="001")
def httpclient_close_race(bench):
    """nginx closes after 3 s of idleness, and the second refund leaves while the FIN is on its way
    (150 ms): the stale check could not see it. Recorded at the client."""
    race(bench, "client")


@scenario("httpclient-close-race-at-server", software=("httpclient", "nginx"), incident="001")
def httpclient_close_race_at_server(bench):
    """The same race, recorded at the server."""
    race(bench, "server")


def pooled(bench, pause):
    """HttpClient, whose connections have no keep-alive probes."""
    return bench.java("HttpClientPost", URL, "-1", "0", "9000", REFUND + "1", str(pause * 1000),
                      REFUND + "2", log="httpclient", wait=0)


@scenario("idle-forgotten-reset", software=("httpclient",))
def idle_forgotten_reset(bench):
    """A stateful firewall forgets the idle connection after 4 s and answers the next packet with RST.
    HttpClient sends after 33 s of idleness."""
    forget(bench, "REJECT", "--reject-with", "tcp-reset")
    capture = bench.capture("client")
    pooled(bench, 33).wait(60)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    late = second(flow)
    flow.shows("33 s of idleness", late.time - flow.responses()[0].time > 32)
    flow.shows("no FIN before it", not any(p.fin for p in flow.packets if p.number < late.number))
    flow.shows("RST", flow.after(late, "server", "rst"))
    flow.is_("idle-conn-reset", fault=["network", "server-host"])
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "idle-conn-reset", retry="safe")


@scenario("ok-keepalive-holds-firewall", software=("node",))
def ok_keepalive_holds_firewall(bench):
    """The healthy twin: Node's agent probes every second, the firewall does not forget."""
    forget(bench, "DROP")
    capture = bench.capture("client")
    bench.node("node_post.js", URL, json.dumps({"bodies": [REFUND + "1", REFUND + "2"],
                                                "pauses": [12]}))
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("probes", len(flow.after(flow.responses()[0], "client", "ack")) > 8)
    flow.healthy(target="/refund", count=2)
    truth.never("keepalive-probe-failed", "idle-conn-blackholed")


@scenario("ok-probe-finds-reboot", software=("node",))
def ok_probe_finds_reboot(bench):
    """The server's host is rebooted; Node's keep-alive probe draws a RST, and the next request goes
    out on a new connection."""
    bench.server(idle=600)
    capture = bench.capture("client")
    program = bench.node("node_post.js", URL, json.dumps(
        {"bodies": [REFUND + "1", REFUND + "2"], "pauses": [8]}), wait=0)
    bench.until(lambda: "200" in program.text())
    bench.power_off("server")
    bench.network.attach("server")
    bench.server(idle=600, log="server-after-reboot")
    program.wait(60)
    truth = bench.truth(capture, "client")
    old, new = truth.expect_flows(2)
    probe = old.shows("a probe", [p for p in old.after(old.responses()[0], "client", "ack")
                                  if p.seq == old.requests()[0].end - 1])[-1]
    old.shows("RST for it", old.after(probe, "server", "rst", acks=False))
    old.healthy(target="/refund")
    new.healthy(target="/refund")


def forget(bench, *action):
    """The router tracks connections, forgets idle ones soon, and acts on what it does not know."""
    bench.network.sysctl("router", "net.netfilter.nf_conntrack_tcp_loose", 0)
    bench.network.iptables("router", "-A", "FORWARD", "-p", "tcp", "-m", "conntrack", "--ctstate",
                           "INVALID", "-j", *action)
    bench.network.iptables("router", "-A", "FORWARD", "-p", "tcp", "-m", "conntrack", "--ctstate",
                           "NEW", "!", "--syn", "-j", *action)
    bench.network.sysctl("router", "net.netfilter.nf_conntrack_tcp_timeout_established", 4)
    bench.server(idle=600)


@scenario("idle-forgotten-silence", software=("requests",))
def idle_forgotten_silence(bench):
    """The same firewall drops without a word; requests gives up after 9 s."""
    forget(bench, "DROP")
    capture = bench.capture("client")
    program = bench.python("requests_post.py", URL, json.dumps(
        {"bodies": [REFUND + "1", REFUND + "2"], "pauses": [33], "session": True,
         "timeout": 9, "linger": 3}), log="requests")
    truth = bench.truth(capture, "client")
    bench.said(program, "ReadTimeout")
    flow, = truth.expect_flows(1)
    late = second(flow)
    flow.shows("33 s of idleness", late.time - flow.responses()[0].time > 32)
    flow.shows("sent again and again", len(flow.after(late, "client", "data")) >= 3)
    flow.shows("silence", not flow.after(late, "server"))
    flow.is_("idle-conn-blackholed", fault="network")
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "idle-conn-blackholed", fault="network")


@scenario("idle-server-rebooted", software=("httpclient",))
def idle_server_rebooted(bench):
    """The server's host loses power and comes back while the connection is idle (32 s): its new
    kernel answers the next request with a bare RST."""
    bench.server(idle=600)
    capture = bench.capture("client")
    program = pooled(bench, 32)
    bench.until(lambda: "200 OK" in program.text())
    bench.rest(1)
    bench.power_off("server")
    bench.network.attach("server")
    bench.server(idle=600, log="server-after-reboot")
    program.wait(60)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    late = second(flow)
    flow.shows("bare RST", flow.after(late, "server", "rst", acks=False))
    flow.is_("idle-conn-reset", fault=["network", "server-host"])
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "idle-conn-reset", retry="safe")


@scenario("request-after-close-token")
def request_after_close_token(bench):
    """The server says Connection: close and closes; the client has not read that and sends on."""
    bench.server({"headers": {"Connection": "close"}, "end": "close"})
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080], ["send", request()], ["response"], ["sleep", 0.5],
                 ["send", request(REFUND + "2")], ["receive", {}], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("Connection: close", [p for p in flow.of("server", "data") if "Connection: close" in p.text])
    late = second(flow)
    flow.shows("RST", flow.after(late, "server", "rst"))
    flow.is_("request-after-close-token", fault="client-app")
    flow.exchange("POST", "/refund", 200, "ok")
    flow.exchange("POST", "/refund", None, "request-after-close-token", retry="safe")


@scenario("pipelined", software=("nginx",))
def pipelined(bench):
    """Three requests in one segment; nginx answers all."""
    bench.nginx(NGINX)
    capture = bench.capture("client")
    get = "GET /status HTTP/1.1\r\nHost: pay.example\r\n\r\n"
    bench.client(["connect", SERVER, 8080], ["send", get * 3], ["sleep", 0.5], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("three requests in one segment",
               [p for p in flow.of("client", "data") if p.text.count("GET /status") == 3])
    flow.shows("three answers", sum(p.text.count("HTTP/1.1 200") for p in flow.of("server", "data")) == 3)
    flow.is_("ok", also="pipelined-requests", worst="info")
    for _ in range(3):
        flow.exchange("GET", "/status", 200, "ok")


@scenario("pipelined-cut")
def pipelined_cut(bench):
    """Three requests in one segment; the server answers the first and closes."""
    bench.server({"end": "close"})
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080], ["send", request() + request() + request()],
                 ["receive", {}], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("one answer", len(flow.responses()) == 1)
    flow.shows("the server ends it", flow.of("server", "fin") or flow.of("server", "rst"))
    labels = ["closed-without-response", "reset-without-response"]
    flow.is_(*labels, also="pipelined-requests")
    flow.exchange("POST", "/refund", 200, "ok")
    for _ in range(2):
        flow.exchange("POST", "/refund", None, *labels)


@scenario("keepalive-mismatch", software=("nginx",))
def keepalive_mismatch(bench):
    """nginx closes idle connections after 3 s and the pool keeps them as long: of several refunds
    that go out 2.9 to 3.2 s later, some meet a closed connection."""
    bench.nginx(f"keepalive_timeout 3; {NGINX}")
    bench.forwarder(60)
    capture = bench.capture("client")
    clients = []
    for index, pause in enumerate((2.3, 2.6, 2.95, 3.0, 3.3, 3.6, 4.0, 4.5)):
        first, then = request(f"{REFUND}{index}a"), request(f"{REFUND}{index}b")
        clients.append(bench.client(["connect", SERVER, 8080], ["send", first], ["response"],
                                    ["sleep", pause], ["send", then], ["response"], ["close"],
                                    log=f"client-{index}", wait=0))
    for client in clients:
        client.wait(30)
    truth = bench.truth(capture, "client", settle=1)
    bad = 0
    for flow in truth.expect_flows(8):
        late = second(flow)
        flow.exchange("POST", "/refund", 200, "ok")
        if len(flow.responses()) == 2:
            flow.is_("ok", worst="warning").exchange("POST", "/refund", 200, "ok")
            continue
        bad += 1
        fin = flow.shows("server FIN", flow.of("server", "fin"))[0]
        known = late.ack == fin.end + 1
        flow.shows("the request acknowledges it" if known else "they crossed", True)
        label = "request-on-half-closed" if known else "keepalive-close-race"
        flow.is_(label).exchange("POST", "/refund", None, label, retry=retry_of(flow, late))
    truth.shows("some failed, some did not", 0 < bad < 8)
    truth.capture_is("keepalive-mismatch")


@scenario("ok-half-closed-node", software=("node", "nginx"))
def half_closed_node(bench):
    """Node reads the FIN at once and opens a new connection: the healthy twin in another language."""
    bench.nginx(f"keepalive_timeout 3; {NGINX}")
    capture = bench.capture("client")
    bench.node("node_post.js", URL, json.dumps({"bodies": [REFUND + "1", REFUND + "2"],
                                                "pauses": [4.5]}))
    truth = bench.truth(capture, "client")
    old, new = truth.expect_flows(2)
    old.shows("server FIN", old.of("server", "fin"))
    old.healthy(target="/refund")
    new.healthy(target="/refund")
    truth.never("request-on-half-closed")
