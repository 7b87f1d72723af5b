# SPDX-License-Identifier: Apache-2.0
"""Names that do not resolve, or late."""
import json

from laboratory.bench import PROXY, SERVER
from laboratory.programs import PROGRAMS, PYTHON
from scenarios import scenario

HOSTS = ("client", "server", "proxy")  # the proxy's host is the resolver


def resolver(bench, names):
    bench.network.resolver("client", PROXY)
    bench.start("proxy", [PYTHON, PROGRAMS / "dns.py", PROXY, json.dumps(names)], "resolver",
                "listening")
    bench.server(idle=60)


def questions(truth, name):
    return truth.shows(f"queries for {name}", [p for p in truth.packets if p.dns_name == name
                                              and not p.dns_answer])


@scenario("dns-nxdomain", hosts=HOSTS)
def nxdomain(bench):
    """A name with a typing error beside one that is right: NXDOMAIN, no connection."""
    resolver(bench, {"shop.example": {"address": SERVER}})
    capture = bench.capture("client")
    bench.curl("http://shop.example:8080/notify", log="curl-right")
    program = bench.curl("http://sohp.example:8080/notify")
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 6")
    flow, = truth.expect_flows(1)
    flow.healthy()
    questions(truth, "sohp.example")
    truth.shows("NXDOMAIN", [p for p in truth.packets if p.dns_answer and p.dns_code == 3])
    truth.capture_is("dns-failed")


@scenario("dns-slow", hosts=HOSTS)
def slow(bench):
    """The first queries are lost; the stub resolver asks again after 5 s, and then all is well."""
    resolver(bench, {"shop.example": {"address": SERVER, "lose": 2}})
    capture = bench.capture("client")
    program = bench.curl("http://shop.example:8080/notify")
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 0")
    flow, = truth.expect_flows(1)
    flow.healthy()
    asked = questions(truth, "shop.example")
    truth.shows("again after 5 s", 4 < asked[-1].time - asked[0].time < 7)
    truth.capture_is("dns-slow")


@scenario("ok-dns", hosts=HOSTS)
def ok_dns(bench):
    """A search list of none, no IPv6 address: A answered, AAAA empty. Nothing is wrong."""
    resolver(bench, {"shop.example": {"address": SERVER, "wait": 0.02}})
    capture = bench.capture("client")
    bench.curl("http://shop.example:8080/notify")
    truth = bench.truth(capture, "client")
    truth.expect_flows(1)[0].healthy()
    truth.never("dns-failed", "dns-slow")
