// SPDX-License-Identifier: Apache-2.0
// Catalogue, phase http: transport did its work, the answer itself says no.
#pragma once

#include <array>

#include "httpdiag/finding.hpp"

namespace httpdiag::rules::catalog {

inline constexpr std::array kHttpRules{
    RuleInfo{
        .label = Label::http_redirect,
        .id = "http-redirect",
        .title = "Answered with a redirect (3xx)",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::warning,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what = "The final response has a 3xx status other than 304. Most callback senders count a "
                "redirect as a failure. Many clients that follow a 301 or 302 turn the POST into a "
                "GET and lose the body.",
        .guards =
            "304 Not Modified answers a conditional request and is no redirect. A browser that "
            "follows redirects on pages is normal. A 307 or 308 is only a remark where the "
            "client's next request on the connection follows it with the same body and succeeds.",
        .symptoms = "Slack: too_many_redirects; Alipay: notification repeated although the page "
                    "opens; Receiver log: a GET without body instead of the POST",
        .remedy = "Sender: register the final URL: https, with or without www, with the right "
                  "trailing slash. Server: exempt the callback path from login pages and from "
                  "redirects to https.",
        .references = "RFC 9110 section 15.4; Standard Webhooks specification (3xx is a failure)",
    },
    RuleInfo{
        .label = Label::http_client_error,
        .id = "http-client-error",
        .title = "Answered with a 4xx status",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::error,
        .party = Party::client_app,
        .confidence = Confidence::low,
        .what =
            "The final response has a 4xx status: the server understood enough to say no. 400 "
            "and 422 are validation, 401 and 403 signature, allow-list or a login filter on the "
            "callback path, 404 and 405 a wrong path or method, 408 a request that came too "
            "slowly, 413 and 415 size and type, 429 too many. A wrong URL may be registered at "
            "the sender, or the receiver may be configured wrongly: the capture cannot tell.",
        .guards =
            "A 408 on an idle connection answers no request: response-unsolicited. 499 and 460 "
            "appear in logs, not on the wire. A 4xx sent before the end of the request is "
            "early-response. A 401 or 407 that asks for credentials is only a remark where the "
            "client's next request on the connection brings them and gets in, and so is a 417 "
            "where it "
            "comes again without Expect: 100-continue and succeeds.",
        .symptoms =
            "curl: (22) The requested URL returned error: 404; Java: HttpClientErrorException: "
            "404 Not Found; Python: HTTPError: 404 Client Error",
        .remedy =
            "Compare URL, method, headers and signature with what the receiver expects, and "
            "read the body of the response. Receiver: exempt the callback path from login and "
            "CSRF filters, and check the allow-list of source addresses. 410: stop sending. "
            "429: obey Retry-After.",
        .references = "RFC 9110 section 15.5; RFC 6585 section 4 (429)",
    },
    RuleInfo{
        .label = Label::http_server_error,
        .id = "http-server-error",
        .title = "Answered with a 5xx status",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what =
            "The final response has a 5xx status other than the gateway's 502, 503 and 504. The "
            "application received the request and failed on it. It may have done part of the "
            "work.",
        .guards = "502, 503 and 504 speak of a server behind the server: http-gateway-error.",
        .symptoms =
            "curl: (22) The requested URL returned error: 500; Java: HttpServerErrorException: "
            "500 Internal Server Error; Twilio: 11200; Slack: http_error",
        .remedy = "Server: find the exception in the application's log at that second. Make the "
                  "handler safe to repeat, since the sender will send again.",
        .references = "RFC 9110 section 15.6",
    },
    RuleInfo{
        .label = Label::http_gateway_error,
        .id = "http-gateway-error",
        .title = "Answered by a gateway: 502, 503 or 504",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::medium,
        .what =
            "The final response is 502, 503 or 504 (or 520 to 527 from Cloudflare): the peer in "
            "this capture is a gateway, and the leg behind it failed. 502: its upstream refused, "
            "reset, closed or sent nonsense. 503: no healthy upstream, or overload. 504: its "
            "upstream was too slow, so the request may have been executed.",
        .guards =
            "An application may send 503 by itself while it starts or is in maintenance. Other "
            "5xx are http-server-error.",
        .symptoms =
            "nginx: 502 Bad Gateway, 504 Gateway Time-out, no live upstreams while connecting to "
            "upstream; HAProxy: SC, sC, SH or sH; Envoy: UF, UC, UT, UR, UH, UO or NR, \"upstream "
            "connect error or disconnect/reset before headers\"; ALB: elb_status_code 502 with "
            "target_status_code -",
        .remedy =
            "Capture on the gateway's upstream leg: the label there names the cause. Match the "
            "duration: 504 after 60 s is nginx proxy_read_timeout or the idle timeout of an "
            "AWS ALB, after 10 s the ALB's connect timeout. Read the gateway's error log at "
            "that second.",
        .references = "RFC 9110 sections 15.6.3 to 15.6.5; nginx ngx_http_proxy_module; AWS ALB "
                      "troubleshooting guide",
    },
    RuleInfo{
        .label = Label::ack_negative,
        .id = "ack-negative",
        .title = "Receiver says no in the body of a 2xx",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::error,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what = "The status is 2xx, but the whole body, trimmed and compared without case, is a "
                "token that means refusal: fail, failure, error, false or 0; or a document whose "
                "code says so. Transport and HTTP worked. The receiver's business logic said no.",
        .guards = "A body that merely contains such a word is not judged. An unknown body is not a "
                  "refusal. To a sender of whom nothing is known, a document that says no is a "
                  "warning: it may go by the status. If an earlier attempt of the same callback "
                  "was delivered, \"fail\" may only mean that it was done before.",
        .symptoms = "Response body: fail; Response body: FAIL; Sender's table: sent_count grows, "
                    "receive_time stays empty; WeChat Pay v2: return_code FAIL",
        .remedy =
            "Receiver: look up this callback in the business log: duplicate, signature, state "
            "of the order. Answer success for a notification that was already processed. "
            "Sender: check whether the token is one that your contract knows.",
        .references =
            "RFC 9110 section 15.3 (a 2xx status says nothing about the business result); "
            "the sender's notification contract",
    },
    RuleInfo{
        .label = Label::ack_unrecognized,
        .id = "ack-unrecognized",
        .title = "2xx without the word that the sender waits for",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::warning,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what = "The status is 2xx, the sender of this callback wants a particular body (its "
                "acknowledgement profile says so), and the body is neither that nor a refusal: "
                "nothing at all, an HTML page, the word in quotes, JSON where XML is due. The "
                "sender counts the callback as not delivered.",
        .guards =
            "For a sender that is content with any 2xx no body is unrecognized. A request "
            "that merely carries a field \"sign\" is taken for one whose sender wants a "
            "word, with low confidence; a JSON or XML answer to it is left alone. A body that "
            "is not in the capture, or too long to be seen whole, is not judged unless it is "
            "an HTML page. See --profile and --ack-token.",
        .symptoms =
            "Sender's table: sent_count grows although the receiver answers 200; Receiver's "
            "access log: 200 for every attempt of the same callback; People: the sender "
            "keeps sending although we return 200",
        .remedy =
            "Receiver: print the agreed word and nothing else: no quotes, no JSON wrapper of a "
            "framework, no login page, no byte order mark, no debug output. Sender: say in "
            "the contract which body acknowledges.",
        .references = "Alipay and WeChat Pay notification documents; RFC 9110 section 15.3",
    },
    RuleInfo{
        .label = Label::proxy_tunnel_refused,
        .id = "proxy-tunnel-refused",
        .title = "Proxy refused the tunnel",
        .scope = Scope::exchange,
        .role = Role::primary,
        .phase = Phase::http,
        .severity = Severity::error,
        .party = Party::server_host,
        .confidence = Confidence::medium,
        .what =
            "A CONNECT request was answered with a status other than 2xx. The proxy did not open "
            "the tunnel, and nothing was delivered to the host behind it.",
        .guards = "Once a CONNECT is answered with 2xx, what follows is the tunnel's content. A "
                  "proxy that closes without an answer is closed-without-response.",
        .symptoms =
            "curl: (56) CONNECT tunnel failed, response 403, or (97); Java: Unable to tunnel "
            "through proxy. Proxy returns \"HTTP/1.1 403 Forbidden\"; Go: proxyconnect tcp; "
            "Chrome: net::ERR_TUNNEL_CONNECTION_FAILED",
        .remedy =
            "Proxy: its access rules (403), the credentials that it asks for (407), or its own way "
            "to the target (502, 503, 504). Client: check that this destination has to go through "
            "the proxy at all (NO_PROXY).",
        .references = "RFC 9110 section 9.3.6 (CONNECT)",
    },
    RuleInfo{
        .label = Label::proxy_gave_up,
        .id = "proxy-gave-up",
        .title = "Gateway error explained by the leg behind it",
        .scope = Scope::exchange,
        .role = Role::annotation,
        .phase = Phase::http,
        .severity = Severity::info,
        .party = Party::server_app,
        .confidence = Confidence::high,
        .what =
            "The capture holds both legs of the request: a gateway answered its client with 502, "
            "503 or 504, and what it did behind shows why: it could not connect, had no answer in "
            "time, or lost the connection. The finding names that leg and its label.",
        .guards = "An upstream that itself answered with that status: the gateway only passed it "
                  "on, and the finding says so. A connection behind the gateway that failed while "
                  "the request was open may have been meant for another request of that moment. "
                  "Requests that are alike in everything and under way together are not joined.",
        .symptoms = "nginx: upstream timed out (110: Connection timed out) while reading response "
                    "header from upstream; HAProxy: termination state sH, SC or sC",
        .remedy =
            "Look at the label of the leg behind the gateway, and mend what it names. Set the "
            "gateway's time limits above what its upstream is meant to take, and those of its "
            "clients above the gateway's.",
        .references = "docs/legs.md; RFC 9110 sections 15.6.3 to 15.6.5",
    },
};

}  // namespace httpdiag::rules::catalog
