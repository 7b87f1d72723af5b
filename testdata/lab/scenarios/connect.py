# SPDX-License-Identifier: Apache-2.0
"""Opening a connection: refused, unanswered, unreachable, half open, reset, slow."""
from laboratory.bench import SERVER
from laboratory.programs import PYTHON
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"


def no_handshake(flow):
    flow.shows("no SYN-ACK", not flow.of("server", "syn-ack"))


@scenario("refused", incident="002")
def refused(bench):
    """curl connects to a port nobody listens on; the server's kernel answers each SYN with RST."""
    capture = bench.capture("client")
    tried = [bench.curl(URL), bench.curl(URL, log="curl-again")]
    truth = bench.truth(capture, "client")
    for flow in truth.expect_flows(2):
        syn = flow.shows("the SYN", flow.of("client", "syn"))
        flow.shows("RST,ACK for it", flow.after(syn[0], "server", "rst", acks=True, ack=1))
        no_handshake(flow)
        flow.is_("connect-refused", fault=["server-host", "server-app"])
    bench.said(tried[0], "exit 7")


@scenario("refused-by-router")
def refused_by_router(bench):
    """The router rejects the port with tcp-reset in the server's name; a working port beside it."""
    bench.server()
    bench.network.sysctl("server", "net.ipv4.ip_default_ttl", 128)
    bench.network.iptables("router", "-A", "FORWARD", "-p", "tcp", "--dport", "8081", "-j", "REJECT",
                           "--reject-with", "tcp-reset")
    capture = bench.capture("client")
    bench.curl(URL)
    bench.curl(f"http://{SERVER}:8081/notify", log="curl-rejected")
    truth = bench.truth(capture, "client")
    good, bad = truth.expect_flows(2)
    good.healthy()
    reset = bad.shows("RST for the SYN", bad.of("server", "rst", ack=1))
    bad.shows("its TTL is not the server's", reset[0].ttl != good.of("server")[0].ttl)
    no_handshake(bad)
    # A device that forges the server's RST is no reason to blame the server's host.
    bad.is_("connect-refused", fault="network")


def drop_syns(bench):
    """The server's own firewall says nothing."""
    bench.network.iptables("server", "-A", "INPUT", "-p", "tcp", "--dport", "8080", "-j", "DROP")


def near(gaps, wanted):
    return len(gaps) == len(wanted) and all(abs(a - b) < 0.12 * b + 0.25
                                            for a, b in zip(gaps, wanted))


@scenario("syn-retries-5", incident="002")
def syn_retries_5(bench):
    """iptables drops the SYNs at the server; five retries, doubling from 1 s, as in older kernels
    (tcp_syn_linear_timeouts 0, tcp_syn_retries 5): connect() fails after 63 s."""
    bench.network.sysctl("client", "net.ipv4.tcp_syn_linear_timeouts", 0)
    bench.network.sysctl("client", "net.ipv4.tcp_syn_retries", 5)
    drop_syns(bench)
    capture = bench.capture("client")
    tried = bench.curl(URL)
    bench.curl(f"http://{SERVER}:8081/notify", log="curl-later")
    truth = bench.truth(capture, "client")
    flow, later = truth.expect_flows(2)
    later.is_("connect-refused")
    syns = flow.shows("six SYNs", flow.of("client", "syn"))
    flow.shows("1, 2, 4, 8, 16 s apart", near(flow.gaps(syns), [1, 2, 4, 8, 16]))
    no_handshake(flow)
    bench.said(tried, "exit 28")
    flow.shows("none where the next was due", later.packets[0].time - syns[-1].time > 31)
    # Whether the kernel or an application gave up after 63 s, the packets do not tell.
    flow.is_("syn-retries-exhausted", "connect-abandoned",
             fault=["network", "server-host", "unknown"], never=["connect-refused"])


@scenario("syn-retries-default", incident="002")
def syn_retries_default(bench):
    """The server's firewall drops SYNs; Linux 6.5 or later with its defaults gives up after 131 s.
    The capture goes on for other traffic."""
    bench.server(port=8081)
    drop_syns(bench)
    capture = bench.capture("client")
    bench.curl(URL)
    bench.curl(f"http://{SERVER}:8081/notify", log="curl-later")
    truth = bench.truth(capture, "client")
    flow, good = truth.expect_flows(2)
    syns = flow.shows("eleven SYNs", flow.of("client", "syn"))
    flow.shows("to the end of the default schedule",
               near(flow.gaps(syns), [1, 1, 1, 1, 1, 2, 4, 8, 16, 32]))
    no_handshake(flow)
    flow.is_("syn-retries-exhausted", fault=["network", "server-host", "unknown"])
    good.healthy()


@scenario("connect-timeout-okhttp", software=("okhttp",), incident="003")
def connect_timeout_okhttp(bench):
    """OkHttp gives up after its default connect timeout of 10 s: SocketTimeoutException."""
    bench.server(port=8081)
    drop_syns(bench)
    capture = bench.capture("client")
    tried = bench.java("OkHttpPost", URL, "vin=LSVAA4180E2184847&status=failed", log="okhttp")
    bench.rest(20)
    bench.client(["connect", SERVER, 8081], ["close"])
    truth = bench.truth(capture, "client")
    flow, other = truth.expect_flows(2)
    bench.said(tried, "SocketTimeoutException")
    syns = flow.shows("the SYNs", flow.of("client", "syn"))
    flow.shows("none after 10 s", syns[-1].time - syns[0].time < 10)
    flow.shows("the capture went on until the next was due", truth.packets[-1].time > syns[-1].time + 20)
    no_handshake(flow)
    flow.is_("connect-abandoned", fault=["network", "server-host", "unknown"])
    other.is_("connection-unused")


@scenario("unreachable-prohibited")
def unreachable_prohibited(bench):
    """The router rejects with ICMP administratively prohibited (type 3 code 13)."""
    bench.network.iptables("router", "-A", "FORWARD", "-p", "tcp", "--dport", "8080", "-j", "REJECT",
                           "--reject-with", "icmp-admin-prohibited")
    capture = bench.capture("client")
    bench.curl(URL, wait=20)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    truth.shows("ICMP 3/13 from the router",
                [p for p in truth.packets if p.icmp == (3, 13) and p.source == "192.0.2.1"])
    no_handshake(flow)
    flow.is_("connect-unreachable", fault="network", never=["connect-refused"])


@scenario("unreachable-host-down")
def unreachable_host_down(bench):
    """The server's host is off; the router finds nobody at the address and says so (3/1)."""
    bench.network.cut_power("server")
    bench.network.inside("router", "ip", "link", "set", "to-server", "up")
    bench.network.inside("router", "ip", "neigh", "flush", "dev", "to-server")
    bench.network.inside("server", "ip", "link", "set", "eth0", "up")
    bench.network.inside("server", "ip", "address", "flush", "dev", "eth0")
    capture = bench.capture("client")
    bench.curl(URL, wait=30)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    truth.shows("ICMP 3/1 from the router", [p for p in truth.packets if p.icmp == (3, 1)])
    no_handshake(flow)
    flow.is_("connect-unreachable", fault=["network", "server-host"])


@scenario("synack-lost", incident="002")
def synack_lost(bench):
    """Seen at the server: the SYN-ACKs never reach the client, which repeats its SYN and gives up;
    the server's kernel repeats the SYN-ACK and stays in SYN_RECV."""
    bench.network.iptables("router", "-A", "FORWARD", "-s", SERVER, "-j", "DROP")
    bench.server()
    capture = bench.capture("server")
    bench.curl(URL, "--connect-timeout", 6)
    bench.rest(4)
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    flow.shows("SYNs", flow.of("client", "syn"))
    flow.shows("SYN-ACKs", len(flow.of("server", "syn-ack")) > 2)
    flow.shows("the client never acknowledges", not flow.of("client", "ack"))
    flow.is_("handshake-not-completed", fault=["network", "client-host"])


@scenario("synack-retries", incident="002")
def synack_retries(bench):
    """Seen at the server: the client's host loses power behind its first SYN. The SYN-ACK is
    repeated by the server's own timer alone: 1, 2, 4, 8 s (tcp_synack_retries 4)."""
    bench.network.sysctl("server", "net.ipv4.tcp_synack_retries", 4)
    bench.forwarder(200)
    bench.server()
    capture = bench.capture("server")
    client = bench.curl(URL, wait=0)
    bench.rest(0.25)
    bench.network.iptables("router", "-A", "FORWARD", "-s", SERVER, "-j", "DROP")
    bench.network.iptables("router", "-A", "FORWARD", "-s", "192.0.2.10", "-j", "DROP")
    bench.rest(34)
    client.kill()
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    flow.shows("one SYN", len(flow.of("client", "syn")) == 1)
    answers = flow.shows("SYN-ACKs", flow.of("server", "syn-ack"))
    flow.shows("1, 2, 4, 8 s apart", near(flow.gaps(answers), [1, 2, 4, 8]))
    flow.shows("nothing more of the client", len(flow.of("client")) == 1)
    flow.is_("handshake-not-completed", fault=["network", "client-host"])


def left_before_synack(bench, vantage):
    bench.forwarder(400)
    bench.server()
    capture = bench.capture(vantage)
    tried = bench.curl(URL, "--connect-timeout", "0.5")
    bench.rest(1.5)
    truth = bench.truth(capture, vantage)
    flow, = truth.expect_flows(1)
    bench.said(tried, "exit 28")
    answer = flow.shows("the SYN-ACK", flow.of("server", "syn-ack"))[0]
    reset = flow.shows("RST for it", flow.after(answer, "client", "rst"))[0]
    flow.shows("800 ms behind the SYN", reset.time - flow.packets[0].time > 0.7)
    flow.shows("no ACK of it", not flow.of("client", "ack"))
    flow.is_("handshake-client-reset", fault=["client-app", "network"])


@scenario("client-left-before-synack")
def client_left_before_synack(bench):
    """A connect timeout of 500 ms and a round trip of 800 ms: the SYN-ACK meets no socket."""
    left_before_synack(bench, "client")


@scenario("client-left-before-synack-at-server")
def client_left_before_synack_at_server(bench):
    """The same, recorded at the server, whose SYN-ACK leaves at once."""
    left_before_synack(bench, "server")


@scenario("dropped-by-router")
def dropped_by_router(bench):
    """tcpdump -i any on a router whose firewall drops the SYNs: it receives them under its own
    hardware address, and nothing says that the server ever got one."""
    bench.network.iptables("router", "-A", "FORWARD", "-p", "tcp", "--dport", "8080", "-j", "DROP")
    capture = bench.capture("router", "any")
    bench.curl(URL, "--connect-timeout", 4)
    bench.rest(3)
    datagram = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'.', ('192.0.2.1', 9))"
    bench.network.inside("client", PYTHON, "-c", datagram)  # the capture goes on
    truth = bench.truth(capture, "middle")
    flow, = truth.expect_flows(1)
    flow.shows("SYNs", len(flow.of("client", "syn")) > 2)
    flow.shows("each once: received, not passed on", len(flow.of("client", "syn")) == len(
        {round(p.time, 2) for p in flow.of("client", "syn")}))
    no_handshake(flow)
    flow.is_("connect-abandoned", fault=["network", "unknown"])


@scenario("accept-queue-full")
def accept_queue_full(bench):
    """Seen at the server: listen(4), and nobody accepts. Some connections fill the queue and wait for
    an answer; the handshakes behind them lose their third step, and the kernel repeats the SYN-ACK
    (tcp_syncookies 0). curl gives up after 9 s."""
    accept_queue(bench, abort=0, cookies=0)
    truth = bench.truth(bench.captures[0], "server")
    for flow, data in thrown_away(truth):
        answers = flow.of("server", "syn-ack")
        flow.shows("the SYN-ACK again behind the client's ACK",
                   [p for p in answers if p.number > data[0].number])
        flow.is_("accept-queue-overflow", fault=["server-app", "server-host"])
        flow.exchange("POST", "/notify", None, "accept-queue-overflow", "request-not-acked")


@scenario("accept-queue-full-syncookies")
def accept_queue_full_syncookies(bench):
    """As accept-queue-full with SYN cookies, the default: the kernel remembers nothing of the
    handshake and repeats no SYN-ACK; the request is never acknowledged."""
    accept_queue(bench, abort=0, cookies=2)
    truth = bench.truth(bench.captures[0], "server")
    for flow, _ in thrown_away(truth):
        flow.shows("one SYN-ACK", len(flow.of("server", "syn-ack")) == 1)
        flow.is_("request-not-acked", "accept-queue-overflow",
                 fault=["server-app", "server-host", "network"])
        flow.exchange("POST", "/notify", None, "accept-queue-overflow", "request-not-acked")


def accept_queue(bench, abort, cookies):
    bench.network.sysctl("server", "net.ipv4.tcp_abort_on_overflow", abort)
    bench.network.sysctl("server", "net.ipv4.tcp_syncookies", cookies)
    bench.forwarder(300)
    bench.server(backlog=4, accept_after=60)
    bench.capture("server")
    clients = [bench.curl(URL, "-m", 9, log=f"curl-{i}", wait=0) for i in range(3)]
    bench.rest(1.5)
    clients += [bench.curl(URL, "-m", 9, log=f"curl-{i}", wait=0) for i in range(3, 7)]
    for client in clients:
        client.wait(60)
    bench.rest(2)


def thrown_away(truth):
    """The flows whose third step the server ignored, with the client's data; the others are told."""
    thrown = []
    for flow in truth.flows:
        flow.shows("SYN-ACK", flow.of("server", "syn-ack"))
        data = flow.shows("the request behind the client's ACK", flow.of("client", "data"))
        flow.shows("no answer", not flow.answers())
        if any(p.ack > 1 for p in flow.of("server") if not p.rst):
            flow.shows("the kernel acknowledges the request", True)
            flow.is_("client-timeout", fault="server-app", never=["accept-queue-overflow"])
            flow.exchange("POST", "/notify", None, "client-timeout", retry="idempotent-only")
        else:
            flow.shows("the request is never acknowledged", True)
            thrown.append((flow, data))
    truth.shows("handshakes thrown away", len(thrown) > 0)
    return thrown


@scenario("accept-queue-abort")
def accept_queue_abort(bench):
    """As accept-queue-full, with tcp_abort_on_overflow: the third step is answered by RST."""
    accept_queue(bench, abort=1, cookies=0)
    truth = bench.truth(bench.captures[0], "server")
    for flow, _ in thrown_away(truth):
        answer = flow.of("server", "syn-ack")[0]
        flow.shows("RST right behind the client's ACK", flow.after(answer, "server", "rst"))
        # Which of the client's packets the RST answers is a matter of microseconds.
        flow.is_("reset-without-response", "accept-queue-overflow", "reset-after-handshake",
                 fault=["server-app", "server-host", "network"], never=["connect-refused"])
        flow.exchange("POST", "/notify", None, "reset-without-response", "accept-queue-overflow",
                      "reset-after-handshake", retry="safe")


@scenario("reset-after-handshake")
def reset_after_handshake(bench):
    """The server accepts and resets at once (SO_LINGER 0), before the client sends anything."""
    bench.server(on_connect="reset")
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080], ["sleep", 0.5], ["send", "POST /notify HTTP/1.1\r\n\r\n"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("the handshake is complete", flow.of("client", "ack", ack=1))
    flow.shows("RST of the server", flow.of("server", "rst"))
    flow.shows("no payload", not any(p.len for p in flow.packets))
    flow.is_("reset-after-handshake", fault=["server-host", "server-app", "network"])


@scenario("connect-slow-syn-lost")
def connect_slow_syn_lost(bench):
    """The network loses the first SYN; the second opens the connection a second later."""
    bench.forwarder(10, {"from": "192.0.2.10", "kind": "syn", "count": 1, "do": "drop"})
    bench.server()
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("two SYNs", len(flow.of("client", "syn")) == 2)
    flow.healthy()
    flow.is_("ok", also="connect-slow", worst="warning")


@scenario("connection-unused")
def connection_unused(bench):
    """A load balancer's health check: connect and close."""
    bench.server()
    capture = bench.capture("server")
    bench.client(["connect", SERVER, 8080], ["close"])
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    flow.shows("no payload", not any(p.len for p in flow.packets))
    flow.shows("the client closes", flow.of("client", "fin"))
    flow.is_("connection-unused", worst="info")


@scenario("stale-port-after-reboot")
def stale_port_after_reboot(bench):
    """Seen at the server: the client's host loses power and comes back; its new connection has the
    ports of the old one, which the server still holds. Challenge ACK, RST, SYN again."""
    bench.server()
    capture = bench.capture("server")
    request = "POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\n\r\na=1&"
    steps = [["connect", SERVER, 8080, {"source_port": 40001}], ["send", request], ["response"]]
    bench.client(*steps, ["sleep", 600], wait=0)
    bench.rest(1.5)
    bench.power_off("client")
    bench.network.attach("client")
    bench.client(*steps, ["close"], log="client-after-reboot")
    truth = bench.truth(capture, "server")
    old, new = truth.expect_flows(2)
    old.shows("answered", old.responses())
    old.shows("never closed by the client", not old.of("client", "fin"))
    old.last_is_open = True
    old.is_("ok", never=["closed-without-response"]).exchange("POST", "/notify", 200, "ok")
    new.shows("SYN, and again", len(new.of("client", "syn")) == 2)
    wrong = new.shows("an ACK that is no answer to it",
                      [p for p in new.packets + old.packets
                       if p.from_ == old.server and p.is_("ack") and p.time > new.packets[0].time])
    new.shows("RST of the client", [p for p in new.packets + old.packets
                                    if p.from_ == old.client and p.rst and p.number > wrong[0].number])
    new.shows("answered", new.responses())
    new.is_("ok", also="stale-port-reuse", worst="warning").exchange("POST", "/notify", 200, "ok")
