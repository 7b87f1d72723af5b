# SPDX-License-Identifier: Apache-2.0
"""TLS as far as it can be read: alerts, aborts, stalls, the wrong scheme."""
import signal

from laboratory.bench import BODY, SERVER
from scenarios import scenario

URL = f"https://{SERVER}:8443/notify"
CLIENT_HELLO, SERVER_HELLO = "1", "2"


def nginx_tls(bench, more="", days=30):
    certificate = bench.certificate(days=days)
    bench.nginx(f"ssl_certificate {certificate}; ssl_certificate_key {certificate}; {more}\n"
                "server { listen 8443 ssl; location / { return 200 success; } }")
    return certificate


@scenario("ok-tls", software=("curl", "nginx"))
def ok_tls(bench):
    """curl with the right certificate authority, TLS 1.3 and 1.2: nothing wrong, nothing readable."""
    certificate = nginx_tls(bench, "ssl_protocols TLSv1.2 TLSv1.3;")
    capture = bench.capture("client")
    for version in ("1.3", "1.2"):
        bench.curl(URL, "--cacert", certificate, "--tlsv" + version, "--tls-max", version,
                   log=f"curl-{version}")
    truth = bench.truth(capture, "client")
    for flow in truth.expect_flows(2):
        flow.shows("ServerHello", [p for p in flow.of("server") if p.tls == SERVER_HELLO])
        flow.shows("the client closes", flow.of("client", "fin"))
        flow.is_("payload-opaque", "ok", worst="info")
    truth.never("tls-alert", "tls-handshake-aborted", "tls-handshake-stalled")


@scenario("tls-unknown-ca", software=("curl", "nginx"))
def unknown_ca(bench):
    """curl does not know who signed the certificate: in TLS 1.2 a readable alert 48."""
    nginx_tls(bench, "ssl_protocols TLSv1.2;")
    capture = bench.capture("client")
    program = bench.curl(URL)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 60")
    flow, = truth.expect_flows(1)
    flow.shows("alert 48 of the client", [p for p in flow.of("client", "data") if p.alert == 48])
    flow.is_("tls-alert", fault=["server-app", "server-host", "client-app", "client-host"])


@scenario("tls-protocol-version", software=("curl", "nginx"))
def protocol_version(bench):
    """nginx speaks TLS 1.3 only, curl at most 1.2: alert 70 of the server."""
    nginx_tls(bench, "ssl_protocols TLSv1.3;")
    capture = bench.capture("client")
    program = bench.curl(URL, "--tls-max", "1.2", "-k")
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 35")
    flow, = truth.expect_flows(1)
    flow.shows("alert 70 of the server", [p for p in flow.of("server", "data") if p.alert == 70])
    flow.is_("tls-alert")


@scenario("tls-closed-at-hello")
def closed_at_hello(bench):
    """What listens on 8443 reads the ClientHello and closes without a word."""
    bench.server(on_connect="close", on_connect_after=0.5, port=8443)
    capture = bench.capture("client")
    program = bench.curl(URL)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 35")
    flow, = truth.expect_flows(1)
    hello = flow.shows("ClientHello", [p for p in flow.of("client") if p.tls == CLIENT_HELLO])[0]
    flow.shows("nothing of the server", not flow.of("server", "data"))
    flow.shows("but the close", flow.after(hello, "server", "fin") or flow.after(hello, "server", "rst"))
    flow.is_("tls-handshake-aborted", fault=["server-app", "server-host", "network"])


@scenario("tls-stalled")
def stalled(bench):
    """Nobody answers the ClientHello; curl gives up after 7 s."""
    bench.server(on_connect="silent", port=8443)
    capture = bench.capture("client")
    program = bench.curl(URL, "-m", 7)
    truth = bench.truth(capture, "client", settle=1.5)
    bench.said(program, "exit 28")
    flow, = truth.expect_flows(1)
    hello = flow.shows("ClientHello", [p for p in flow.of("client") if p.tls == CLIENT_HELLO])[0]
    flow.shows("acknowledged", [p for p in flow.of("server") if p.ack >= hello.end])
    flow.shows("nothing of the server", not flow.of("server", "data"))
    flow.is_("tls-handshake-stalled", fault=["server-app", "server-host"])


@scenario("tls-to-plain-port", software=("curl", "nginx"))
def tls_to_plain_port(bench):
    """https:// to a port that speaks plain HTTP: nginx answers the ClientHello with 400."""
    bench.nginx("server { listen 8443; location / { return 200 success; } }")
    capture = bench.capture("client")
    program = bench.curl(URL)
    truth = bench.truth(capture, "client")
    bench.said(program, "exit 35")
    flow, = truth.expect_flows(1)
    flow.shows("ClientHello", [p for p in flow.of("client", "data") if p.text.startswith("\x16\x03")])
    flow.shows("answered in plain text", [p for p in flow.of("server", "data") if "400" in p.text])
    flow.is_("tls-plaintext-mismatch", fault=["client-app", "server-app"])


@scenario("plain-to-tls-port", software=("curl", "nginx"))
def plain_to_tls_port(bench):
    """http:// to a TLS port: nginx answers 400, "The plain HTTP request was sent to HTTPS port"."""
    nginx_tls(bench)
    capture = bench.capture("client")
    bench.curl(f"http://{SERVER}:8443/notify")
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("400 that says so", [p for p in flow.of("server", "data") if "plain HTTP request" in p.text])
    flow.is_("tls-plaintext-mismatch", fault="client-app")
    flow.exchange("POST", "/notify", 400, "tls-plaintext-mismatch", "http-client-error")


@scenario("tls-java-refuses-certificate", software=("okhttp", "nginx"))
def java_refuses(bench):
    """OkHttp does not trust the certificate: in TLS 1.3 its alert is encrypted, and only a short
    record and the close are to be seen."""
    nginx_tls(bench, "ssl_protocols TLSv1.3;")
    capture = bench.capture("client")
    program = bench.java("OkHttpPost", URL, BODY, log="okhttp")
    truth = bench.truth(capture, "client")
    bench.said(program, "SSLHandshakeException")
    flow, = truth.expect_flows(1)
    flow.shows("ServerHello", [p for p in flow.of("server") if p.tls == SERVER_HELLO])
    last = flow.shows("a last short record of the client", flow.of("client", "data"))[-1]
    flow.shows("short", last.len <= 40)
    flow.shows("the client closes", flow.of("client", "fin") or flow.of("client", "rst"))
    flow.is_("tls-handshake-aborted", "tls-alert")


@scenario("ok-http2")
def ok_http2(bench):
    """Another protocol on the port: the preface of HTTP/2 and frames both ways."""
    settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    bench.server({"read": "head", "raw": settings, "end": "close"})
    capture = bench.capture("client")
    bench.client(["connect", SERVER, 8080], ["send", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings],
                 ["receive", {"bytes": 9}], ["close"])
    truth = bench.truth(capture, "client")
    flow, = truth.expect_flows(1)
    flow.shows("the preface", [p for p in flow.of("client", "data") if p.text.startswith("PRI * HTTP/2.0")])
    flow.is_("payload-opaque", worst="info")
