// SPDX-License-Identifier: Apache-2.0
#include "analysis/search.hpp"

#include <fmt/format.h>

namespace httpdiag::analysis {

std::string_view Search::place_of(const Exchange& exchange) const {
  const Message& q = exchange.request;
  // The second part of a traceparent is what its users know (W3C Trace Context §3.2.2.3).
  const auto names = [&](std::string_view trace) {
    return query_.header_id == trace ||
           trace.find("-" + query_.header_id + "-") != std::string_view::npos;
  };
  const bool in_request = query_.header_id == q.delivery_id() || names(q.trace_id());
  const bool in_response = exchange.response && names(exchange.response->trace_id());
  if (!query_.header_id.empty() && !in_request && !in_response) return {};
  if (query_.text.empty()) return in_request ? "request header" : "response header";
  const auto holds = [&](std::string_view part) {
    return part.find(query_.text) != std::string_view::npos;
  };
  if (holds(fmt::format("{} {} HTTP/{}.{}", q.method(), q.start(), q.major, q.minor)))
    return "request line";
  if (holds(q.host()) || holds(q.content_encoding()) || holds(q.delivery_id()) ||
      holds(q.trace_id()) || holds(q.forwarded_for())) {
    return "request header";
  }
  if (holds(q.body_head)) return "request body";
  if (!exchange.response) return {};
  const Message& r = *exchange.response;
  if (holds(fmt::format("HTTP/{}.{} {} {}", r.major, r.minor, r.status, r.start())))
    return "status line";
  if (holds(r.host()) || holds(r.content_encoding()) || holds(r.trace_id()))
    return "response header";
  return holds(r.body_head) ? "response body" : std::string_view{};
}

}  // namespace httpdiag::analysis
