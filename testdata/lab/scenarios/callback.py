# SPDX-License-Identifier: Apache-2.0
"""Incidents 000 and 003: callbacks that are sent again and again, and what the receiver says."""
import json

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"http://{SERVER}:8080/notify"


def attempts(bench, gaps, timeout, body=BODY):
    plan = {"bodies": [body] * (len(gaps) + 1), "pauses": gaps, "timeout": timeout}
    return bench.python("requests_post.py", URL, json.dumps(plan), log="requests", wait=200)


@scenario("callback-six-attempts", software=("requests",), incident="000")
def six_attempts(bench):
    """One asynchronous notification sent six times, with gaps of 2, 4, 8, 12 and 16 s, each given
    up after 2 s; the merchant's server reads it and never answers. tcpdump -i any."""
    bench.server({"silent": True, "end": "hang"})
    capture = bench.capture("client", "any")
    attempts(bench, [2, 4, 8, 12, 16], 2)
    truth = bench.truth(capture, "client", settle=1.5)
    for flow in truth.expect_flows(6):
        request = flow.shows("the request", flow.requests())[-1]
        flow.shows("is acknowledged", [p for p in flow.of("server") if p.ack >= request.end])
        flow.shows("and never answered", not flow.of("server", "data"))
        fin = flow.shows("the client closes", flow.of("client", "fin"))[0]
        flow.shows("after two seconds", 1.8 < fin.time - request.time < 2.3)
        flow.is_("client-timeout", fault="server-app", never=["request-not-acked"])
        flow.exchange("POST", "/notify", None, "client-timeout", retry="idempotent-only",
                      fault="server-app")
    truth.delivery([f"{n}.1" for n in range(1, 7)], "delivery-unacknowledged")
    truth.never("late-response", "close-wait-lingering")


@scenario("callback-answered-fail", software=("requests",), incident="000")
def answered_fail(bench):
    """The resent notification arrives and is answered with 200 and the word fail."""
    bench.server({"body": "success"}, {"body": "fail"})
    capture = bench.capture("client", "any")
    bench.curl(URL, body=BODY.replace("1001", "0930"), log="curl-noon")
    attempts(bench, [], 5)
    truth = bench.truth(capture, "client")
    good, bad = truth.expect_flows(2)
    good.healthy()
    bad.shows("the word fail", [p for p in bad.of("server", "data") if p.text.endswith("fail")])
    bad.is_("ack-negative", fault="server-app")
    bad.exchange("POST", "/notify", 200, "ack-negative")
    truth.delivery(["2.1"], "delivery-rejected")


@scenario("callback-fail-after-silence", software=("requests",), incident="000")
def fail_after_silence(bench):
    """The first attempt reaches the merchant, which works on it and never answers; the resend finds
    its de-duplication and is told fail: delivered, and the sender cannot know."""
    bench.server({"silent": True, "end": "hang"}, {"body": "fail"})
    capture = bench.capture("client")
    attempts(bench, [3], 2)
    truth = bench.truth(capture, "client")
    silent, told = truth.expect_flows(2)
    silent.shows("no answer", not silent.of("server", "data"))
    silent.is_("client-timeout", fault="server-app")
    silent.exchange("POST", "/notify", None, "client-timeout", retry="idempotent-only")
    told.shows("the word fail", [p for p in told.of("server", "data") if p.text.endswith("fail")])
    told.is_("ack-negative").exchange("POST", "/notify", 200, "ack-negative")
    truth.delivery(["1.1", "2.1"], "delivery-rejected")


@scenario("callback-recovered", software=("requests",), incident="000")
def recovered(bench):
    """The first two attempts meet a closed port, the third a merchant that is up again."""
    capture = bench.capture("client")
    program = bench.python("requests_post.py", URL, json.dumps(
        {"bodies": [BODY], "retries": 2, "wait": 3, "timeout": 2}), log="requests", wait=0)
    bench.rest(4.5)
    bench.server()
    program.wait(30)
    truth = bench.truth(capture, "client")
    first, second, third = truth.expect_flows(3)
    for flow in (first, second):
        flow.shows("RST for the SYN", flow.of("server", "rst"))
        flow.is_("connect-refused")
    third.healthy()


@scenario("callback-html-answer", software=("requests", "nginx"))
def html_answer(bench):
    """nginx answers 200 with a maintenance page where the sender waits for success (Alipay's
    notify, told by its fields)."""
    bench.nginx("server { listen 8080; default_type text/html; location / { return 200 "
                "'<html><body>We are moving</body></html>'; } }")
    body = ("notify_time=2017-01-04+17%3A05%3A00&notify_type=trade_status_sync&notify_id=ac05099524730693"
            "&out_trade_no=20170104T1001&trade_no=2017010421001004030200&trade_status=TRADE_SUCCESS"
            "&app_id=2016000000000001&sign_type=RSA2&sign=AbC0")
    capture = bench.capture("client")
    attempts(bench, [], 5, body)
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("a page", [p for p in flow.of("server", "data") if "<html>" in p.text])
    flow.is_("ack-unrecognized").exchange("POST", "/notify", 200, "ack-unrecognized")


@scenario("duplicate-delivery", software=("requests",), incident="003")
def duplicate_delivery(bench):
    """An RPC over HTTP: timeout 3 s, two retries; the call takes 4 s and is executed three times."""
    bench.server({"wait": 4, "body": "{\"code\":0}"})
    capture = bench.capture("client")
    program = bench.python("requests_post.py", URL, json.dumps(
        {"bodies": ['{"orderId":"LL20230821","vin":"LSVAA4180E2184847"}'], "retries": 2, "timeout": 3}),
        log="requests")
    bench.rest(1.5)
    truth = bench.truth(capture, "client")
    bench.said(program, "ReadTimeout")
    flows = truth.expect_flows(3)
    for flow in flows:
        fin = flow.shows("the client leaves", flow.of("client", "fin"))[0]
        answer = flow.shows("then the answer", flow.after(fin, "server", "data"))[0]
        flow.shows("is discarded with RST", flow.after(answer, "client", "rst"))
        flow.is_("late-response", fault=["server-app", "client-app"])
        flow.exchange("POST", "/notify", 200, "late-response", retry="do-not")
    truth.delivery(["1.1", "2.1", "3.1"], "delivery-ack-late", duplicated=True)


@scenario("duplicate-delivery-at-server", software=("requests",), incident="003")
def duplicate_at_server(bench):
    """The same idea recorded at the receiver: 2 s, one retry, the first call takes 3 s, the second
    is quick. The order exists twice."""
    bench.server({"wait": 3, "body": "{\"code\":0}"}, {"body": "{\"code\":0}"})
    bench.forwarder(5)
    capture = bench.capture("server")
    bench.python("requests_post.py", URL, json.dumps(
        {"bodies": ['{"orderId":"LL20230822"}'], "retries": 1, "timeout": 2}), log="requests")
    bench.rest(2)
    truth = bench.truth(capture, "server")
    late, good = truth.expect_flows(2)
    fin = late.shows("the client leaves", late.of("client", "fin"))[0]
    answer = late.shows("then the answer", late.after(fin, "server", "data"))[0]
    late.shows("is discarded with RST", late.after(answer, "client", "rst"))
    late.is_("late-response", fault=["server-app", "client-app"])
    late.exchange("POST", "/notify", 200, "late-response", retry="do-not")
    good.healthy()
    truth.delivery(["1.1", "2.1"], "delivery-recovered", duplicated=True)


@scenario("callback-not-delivered", software=("requests",))
def not_delivered(bench):
    """Two attempts to a server behind a firewall that drops: nothing was ever sent."""
    bench.network.iptables("router", "-A", "FORWARD", "-p", "tcp", "--dport", "8080", "-j", "DROP")
    capture = bench.capture("client")
    attempts(bench, [2], 3.5)
    bench.rest(3)
    bench.client(["connect", SERVER, 8081], log="client-elsewhere")
    truth = bench.truth(capture, "client")
    flows = truth.expect_flows(3)
    for flow in flows[:2]:
        flow.shows("SYNs", len(flow.of("client", "syn")) > 1)
        flow.shows("no answer", not flow.of("server"))
        flow.is_("connect-abandoned", fault=["network", "server-host", "unknown"])
    flows[2].shows("refused", flows[2].of("server", "rst"))
    flows[2].is_("connect-refused")
