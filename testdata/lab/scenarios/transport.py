# SPDX-License-Identifier: Apache-2.0
"""What TCP itself tells: loss, closed windows, path MTU, delayed ACKs, keep-alive, teardown."""
from laboratory.bench import BODY, SERVER, notification
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"
POST = f"POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
CLIENT = "192.0.2.10"


@scenario("loss-request-repeated")
def loss_request_repeated(bench):
    """The network loses the request three times; it arrives after 1.4 s and is answered."""
    bench.forwarder(20, {"from": CLIENT, "kind": "data", "count": 3, "do": "drop"})
    bench.server()
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    sent = flow.shows("the request four times", flow.of("client", "data"))
    flow.shows("four times", len(sent) == 4 and len({p.seq for p in sent}) == 1)
    flow.shows("answered", flow.responses())
    flow.is_("ok", also="loss-recovery-delay", worst="warning",
             never=["request-not-acked", "slow-response"])
    flow.exchange("POST", "/notify", 200, "ok")


@scenario("loss-one-in-twenty", software=("nginx",))
def loss_one_in_twenty(bench):
    """A download of 300 kB of which the network loses six segments; repaired, healthy."""
    root = bench.folder / "www"
    root.mkdir()
    (root / "statement.csv").write_text("20170104,1200\n" * 14000)
    rules = [{"from": SERVER, "kind": "data", "skip": n, "count": 1, "do": "drop"}
             for n in (20, 40, 60, 80, 100)]
    bench.forwarder(20, *rules)
    bench.nginx(f"server {{ listen 8080; root {root}; }}")
    capture = bench.capture("client", snap=200)
    bench.curl(f"http://{SERVER}:8080/statement.csv", "-o", "/dev/null", body=None)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("segments out of order", [b for a, b in zip(flow.of("server", "data"),
                                                           flow.of("server", "data")[1:])
                                         if b.seq < a.seq])
    flow.is_("ok", worst="warning", never=["response-truncated-fin", "response-stalled"])
    flow.exchange("GET", "/statement.csv", 200, "ok")
    truth.capture_is("capture-snaplen-cut")


@scenario("zero-window-client", incident="002")
def zero_window_client(bench):
    """The client asks for 400 kB and does not read for 6 s: its window closes, the server's kernel
    probes; then it reads on, and all arrives."""
    bench.server({"body": "x" * 60000})
    capture = bench.capture("client", snap=256)
    bench.client(["connect", SERVER, 8080, {"receive_buffer": 4096}],
                 ["send", "GET /orders HTTP/1.1\r\nHost: shop.example\r\n\r\n"], ["sleep", 6],
                 ["response"], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    closed = flow.shows("window 0", [p for p in flow.of("client") if p.acks and p.window_field == 0
                                     and not p.rst])
    flow.shows("probes", [p for p in flow.after(closed[0], "server") if p.len <= 1])
    flow.is_("ok", also="zero-window-stall", worst="warning", never=["response-stalled"])
    flow.exchange("GET", "/orders", 200, "ok", "zero-window-stall", "slow-response")


@scenario("zero-window-server", incident="002")
def zero_window_server(bench):
    """The server does not read an upload of 200 kB: its window closes, and the client's send
    gives up after 8 s (SO_SNDTIMEO)."""
    bench.server({"read": "head", "wait": 60}, receive_buffer=4096)
    capture = bench.capture("client", snap=256)
    client = bench.client(["connect", SERVER, 8080],
                 ["send", "POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 200000\r\n"
                          "\r\n"], ["send-many", 200000, 8])
    bench.rest(3)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    bench.said(client, "TimeoutError")
    flow.shows("window 0", [p for p in flow.of("server") if p.acks and p.window_field == 0])
    flow.shows("no response", not flow.of("server", "data"))
    flow.is_("zero-window-stall", fault=["server-app", "server-host"])
    flow.exchange("POST", "/upload", None, "zero-window-stall", fault=["server-app", "server-host"])


@scenario("pmtu-blackhole")
def pmtu_blackhole(bench):
    """The router's link to the server takes 1400 bytes and nobody hears its ICMP: small requests
    pass, a long one never arrives."""
    network = bench.network
    network.inside("router", "ip", "link", "set", "to-server", "mtu", "1400")
    network.iptables("router", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP")
    network.sysctl("client", "net.ipv4.tcp_mtu_probing", 0)
    bench.server(idle=60)
    capture = bench.capture("client")
    long = POST.replace(BODY, "x" * 4000).replace(str(len(BODY)), "4000")
    bench.client(["connect", SERVER, 8080], ["send", POST], ["response"], ["sleep", 1], ["send", long],
                 ["receive", {"timeout": 15}], ["close"], ["sleep", 1])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    answer = flow.shows("the small one is answered", flow.responses())[0]
    full = flow.shows("full-size segments again and again",
                      [p for p in flow.after(answer, "client", "data") if p.len > 1000])
    flow.shows("at least four times", len(full) >= 4)
    flow.shows("none acknowledged", not [p for p in flow.after(full[0], "server") if p.ack > full[0].seq])
    flow.is_("pmtu-blackhole", fault="network")
    flow.exchange("POST", "/notify", 200, "ok")
    flow.exchange("POST", "/notify", None, "pmtu-blackhole", fault="network")


@scenario("ok-path-mtu-discovery")
def ok_path_mtu_discovery(bench):
    """The healthy twin: the router says "fragmentation needed", the client sends less at once."""
    bench.network.inside("router", "ip", "link", "set", "to-server", "mtu", "1400")
    bench.server()
    capture = bench.capture("client")
    bench.curl(URL, "-H", "Expect:", body="x" * 4000)
    truth = bench.truth(capture, "client")
    truth.shows("ICMP 3/4", [p for p in truth.packets if p.icmp == (3, 4)])
    truth.expect_flows(1)[0].healthy()
    truth.never("pmtu-blackhole", "connect-unreachable")


@scenario("delayed-ack-stall", incident="002")
def delayed_ack_stall(bench):
    """Nagle and the delayed ACK: the client writes head and body apart without TCP_NODELAY; the
    second write waits for the server's ACK of the first. Warm, so that quick ACKs are over."""
    bench.network.inside("server", "ip", "route", "change", "default", "via", "198.51.100.1",
                         "quickack", "0")
    bench.server()
    capture = bench.capture("client")
    head = POST.split("\r\n\r\n")[0]
    steps = [["connect", SERVER, 8080, {"nagle": True}]]
    for number in range(1, 7):
        body = notification(number)
        steps += [["send", head + "\r\n\r\n"], ["send", body], ["response"], ["sleep", 0.1]]
    bench.client(*steps, ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    stalls = []
    data = flow.of("client", "data")
    for first, then in zip(data[::2], data[1::2]):
        acks = [p for p in flow.of("server", "ack") if first.number < p.number < then.number]
        if acks and then.time - first.time > 0.035 and then.time - acks[-1].time < 0.005:
            stalls.append(then)
    flow.shows("bodies that waited 40 ms for an ACK", stalls)
    flow.is_("ok", also="delayed-ack-stall", worst="info")
    for _ in range(6):
        flow.exchange("POST", "/notify", 200, "ok")


@scenario("keepalive-probes-unanswered", incident="002")
def keepalive_probes_unanswered(bench):
    """The path dies while a request is being worked on; the client's keep-alive (2 s, 1 s, 3 times)
    gets no answer and its kernel ends the connection with RST: ETIMEDOUT."""
    forwarder = bench.forwarder(5)
    bench.server({"wait": 60})
    capture = bench.capture("client")
    program = bench.client(["connect", SERVER, 8080, {"keepalive": [2, 1, 3]}], ["send", POST],
                           ["receive", {}], wait=0)
    bench.rest(1)
    bench.change(forwarder, 5, {"kind": "any", "do": "drop"})
    program.wait(30)
    truth = bench.truth(capture, "client", settle=1.5)
    bench.said(program, "Connection timed out")
    flow, = truth.expect_flows(1)
    request = flow.shows("the request", flow.requests())[0]
    flow.shows("acknowledged", [p for p in flow.of("server") if p.ack >= request.end])
    probes = flow.shows("probes", [p for p in flow.after(request, "client", "ack")
                                   if p.seq == request.end - 1])
    flow.shows("three of them", len(probes) >= 3)
    flow.shows("no answer", not flow.after(probes[0], "server"))
    flow.shows("RST of the client", flow.after(probes[-1], "client", "rst"))
    flow.is_("keepalive-probe-failed", fault=["network", "server-host"])
    flow.exchange("POST", "/notify", None, "keepalive-probe-failed", retry="idempotent-only")


@scenario("keepalive-idle-unanswered", incident="002")
def keepalive_idle_unanswered(bench):
    """The same on an idle connection from a pool: nothing was asked, the connection is gone."""
    forwarder = bench.forwarder(5)
    bench.server(idle=600)
    capture = bench.capture("client")
    program = bench.client(["connect", SERVER, 8080, {"keepalive": [2, 1, 3]}], ["send", POST],
                           ["response"], ["receive", {}], wait=0)
    bench.until(lambda: "response done" in program.text())
    bench.change(forwarder, 5, {"kind": "any", "do": "drop"})
    program.wait(30)
    truth = bench.truth(capture, "client", settle=1.5)
    flow, = truth.expect_flows(1)
    answer = flow.shows("the response", flow.responses())[0]
    probes = flow.shows("probes", [p for p in flow.after(answer, "client", "ack")
                                   if p.seq == flow.requests()[0].end - 1])
    flow.shows("no answer", not flow.after(probes[0], "server"))
    flow.shows("RST of the client", flow.after(probes[-1], "client", "rst"))
    flow.is_("keepalive-probe-failed", fault=["network", "server-host"])
    flow.exchange("POST", "/notify", 200, "ok")


@scenario("close-wait", incident="002")
def close_wait(bench):
    """The client has its answer and closes; the server never does: CLOSE_WAIT for 65 s. Other
    traffic goes on."""
    bench.server({}, at_end="never-close")
    capture = bench.capture("server")
    bench.curl(URL)
    bench.rest(66)
    states = bench.network.inside("server", "ss", "-Hant", "state", "close-wait")
    bench.curl(URL, log="curl-later")
    truth = bench.truth(capture, "server")
    truth.shows("ss says CLOSE-WAIT on the server", ":8080" in states)
    flow, later = truth.expect_flows(2)
    fin = flow.shows("client FIN", flow.of("client", "fin"))[0]
    flow.shows("acknowledged", flow.after(fin, "server", "ack"))
    flow.shows("no FIN of the server", not flow.of("server", "fin"))
    flow.shows("for a minute", truth.packets[-1].time - fin.time > 62)
    flow.is_("close-wait-lingering", fault="server-app").exchange("POST", "/notify", 200, "ok")
    later.is_("ok", "close-wait-lingering").exchange("POST", "/notify", 200, "ok")


@scenario("fin-not-acked")
def fin_not_acked(bench):
    """The path dies behind a good exchange; the client's FIN is repeated and never acknowledged."""
    forwarder = bench.forwarder(5)
    bench.server(idle=600)
    capture = bench.capture("client")
    program = bench.client(["connect", SERVER, 8080], ["send", POST], ["response"], ["sleep", 2],
                           ["close"], ["sleep", 8], wait=0)
    bench.until(lambda: "response done" in program.text())
    bench.rest(0.3)
    bench.change(forwarder, 5, {"kind": "any", "do": "drop"})
    program.wait(30)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    fins = flow.shows("FIN again and again", flow.of("client", "fin"))
    flow.shows("at least four times", len(fins) >= 4)
    flow.shows("no ACK", not flow.after(fins[0], "server"))
    flow.is_("fin-not-acked", fault=["network", "server-host"]).exchange("POST", "/notify", 200, "ok")
