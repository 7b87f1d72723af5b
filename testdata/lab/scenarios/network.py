# SPDX-License-Identifier: Apache-2.0
"""What networks do to good traffic: two address families, translation, slow links, deferred accepts."""
import json
import subprocess

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"
POST = f"POST /notify HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"


@scenario("ok-happy-eyeballs", ipv6=True)
def happy_eyeballs(bench):
    """A name with an IPv6 address where nobody listens and an IPv4 address that works: curl goes on
    to the second at once, and nobody is harmed."""
    bench.server()
    bench.meet_ipv6()
    capture = bench.capture("client")
    program = bench.curl("http://shop.example:8080/notify", "--resolve",
                         f"shop.example:8080:[2001:db8:2::20],{SERVER}")
    truth = bench.truth(capture, "client")
    bench.said(program, "status 200")
    refused, good = truth.expect_flows(2)
    refused.shows("RST for the SYN", refused.of("server", "rst"))
    refused.is_("connect-refused", worst="info")
    good.healthy()


@scenario("ok-deferred-accept", software=("nginx",))
def deferred_accept(bench):
    """nginx with TCP_DEFER_ACCEPT and a client that waits before it sends: the SYN-ACK is repeated
    although the ACK came, and the request is served at once."""
    bench.nginx("server { listen 8080 deferred; location / { return 200 success; } }")
    capture = bench.capture("server")
    bench.client(["connect", SERVER, 8080], ["sleep", 3.5], ["send", POST], ["response"], ["close"])
    truth = bench.truth(capture, "server")
    flow, = truth.expect_flows(1)
    ack = flow.shows("the client's ACK", flow.of("client", "ack"))[0]
    flow.shows("SYN-ACK again behind it", flow.after(ack, "server", "syn-ack"))
    flow.healthy()
    truth.never("handshake-not-completed", "accept-queue-overflow", "connect-slow")


@scenario("ok-slow-link", software=("node",))
def slow_link(bench):
    """An upload of 100 kB over 500 kbit/s (tbf): two seconds, and nothing is wrong."""
    bench.network.inside("router", "tc", "qdisc", "add", "dev", "to-server", "root", "tbf", "rate",
                         "500kbit", "burst", "5000", "latency", "3s")
    bench.server()
    capture = bench.capture("client", snap=200)
    bench.node("node_post.js", URL, json.dumps({"bodies": ["x" * 100000]}))
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    data = flow.shows("the upload", flow.of("client", "data"))
    flow.shows("takes more than a second", data[-1].time - data[0].time > 0.8
               or flow.responses()[0].time - data[0].time > 1)
    flow.is_("ok", worst="warning", never=["request-not-acked", "request-incomplete", "client-timeout"])
    flow.exchange("POST", "/notify", 200, "ok")
    truth.capture_is("capture-snaplen-cut")


@scenario("nat-any", software=("curl",))
def nat_any(bench):
    """The router translates the client's address; tcpdump -i any on it records every packet twice
    under two names. One good callback, one that the server closes without an answer."""
    bench.network.iptables("router", "-t", "nat", "-A", "POSTROUTING", "-o", "to-server", "-j",
                           "MASQUERADE")
    bench.server({}, {"wait": 1, "silent": True, "end": "close"})
    capture = bench.capture("router", "any")
    bench.curl(URL)
    bench.curl(URL, log="curl-unanswered")
    truth = bench.truth(capture, "middle")
    truth.shows("two connections under two names each", len(truth.flows) == 4)
    truth.flows = [flow for flow in truth.flows if flow.client.startswith("192.0.2.10:")]
    good, bad = truth.flows
    for flow in truth.flows:
        flow.last_is_open = True  # the copy under the other name comes last
    good.healthy()
    request = bad.shows("the request", bad.requests())[0]
    bad.shows("server FIN, which covers it", [p for p in bad.after(request, "server", "fin")
                                               if p.ack >= request.end])
    bad.is_("closed-without-response", fault="server-app")
    bad.exchange("POST", "/notify", None, "closed-without-response", retry="idempotent-only")
    truth.never("loss-recovery-delay", "connect-slow")


@scenario("ok-lossy-network", software=("httpclient",))
def lossy_network(bench):
    """A network that loses 4 %, repeats 2 % and delays 4 % of all packets by 30 ms: 24 callbacks of
    HttpClient, all answered. Whatever it cost, nobody is to blame for a failure."""
    bench.forwarder(15, {"do": "drop", "chance": 0.04, "seed": 7},
                    {"do": "repeat", "chance": 0.02, "seed": 8, "ms": 5},
                    {"do": "delay", "chance": 0.04, "seed": 9, "ms": 30})
    bench.server(idle=60)
    capture = bench.capture("client")
    bodies = []
    for n in range(24):
        bodies += [f"{BODY}&n={n}", "40"]
    program = bench.java("HttpClientPost", URL, "-1", "0", "20000", *bodies[:-1], log="httpclient")
    truth = bench.truth(capture, "client")
    truth.shows("24 answers at the application", program.text().count("200 OK success") == 24)
    truth.shows("24 answers in the packets", sum(len(flow.answers()) for flow in truth.flows) == 24)
    for flow in truth.flows:
        flow.is_("ok", "slow-response", worst="warning")
        for _ in flow.answers():
            flow.exchange("POST", "/notify", 200, "ok", "slow-response", retry="do-not")


@scenario("ok-close-delimited")
def close_delimited(bench):
    """An HTTP/1.0 server: no length, the end of the connection is the end of the body."""
    bench.server({"raw": "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nsuccess", "end": "close"})
    capture = bench.capture("client")
    bench.curl(URL)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("no length", not any("Content-Length" in p.text for p in flow.of("server", "data")))
    flow.shows("server FIN", flow.of("server", "fin"))
    flow.is_("ok", worst="info").exchange("POST", "/notify", 200, "ok")
    truth.never("response-truncated-fin")


@scenario("capture-appended-backwards")
def appended_backwards(bench):
    """Two captures joined in the wrong order (mergecap -a): the time steps back in the middle."""
    bench.server()
    captures = []
    for n in (1, 2):
        captures.append(bench.capture("client"))
        bench.curl(URL, log=f"curl-{n}")
        bench.rest(0.5)
        captures[-1].stop()
    joined = bench.folder / "joined.pcap"
    subprocess.run(["mergecap", "-a", "-F", "pcap", "-w", joined, captures[1].path, captures[0].path],
                   check=True)
    captures[0].path = joined
    truth = bench.truth(captures[0], "client", settle=0)
    truth.shows("time steps back", [p for p, q in zip(truth.packets[1:], truth.packets)
                                    if p.time < q.time - 0.1])
    for flow in truth.expect_flows(2):
        flow.healthy()
    truth.capture_is("capture-clock-anomaly")


@scenario("icmp-ttl-exceeded")
def ttl_exceeded(bench):
    """Two routers send the packets to each other until their TTL is used up: the SYN is answered by
    ICMP time exceeded, and curl gives up after 5 s."""
    bench.network.iptables("router", "-t", "mangle", "-A", "PREROUTING", "-s", "192.0.2.10", "-j", "TTL",
                           "--ttl-set", "1")
    capture = bench.capture("client")
    bench.curl(URL, "--connect-timeout", 5)
    bench.rest(4)
    bench.client(["connect", "192.0.2.1", 8080], log="client-router")
    truth = bench.truth(capture, "client")
    looped, other = truth.expect_flows(2)
    truth.shows("ICMP 11/0 of the router", [p for p in truth.packets if p.icmp == (11, 0)])
    looped.shows("no SYN-ACK", not looped.of("server"))
    looped.is_("connect-unreachable", "connect-abandoned", fault="network")
    other.shows("refused by the router", other.of("server", "rst"))
    other.is_("connect-refused")
