// SPDX-License-Identifier: Apache-2.0
// Which exchanges a query asks for.
#pragma once

#include <string_view>

#include "httpdiag/exchange.hpp"
#include "httpdiag/query.hpp"

namespace httpdiag::analysis {

/// Marks the exchanges that a query asks for, in what is kept of them.
class Search final : public ExchangeSink {
 public:
  Search(ExchangeSink& next, const Query& query) : next_{next}, query_{query} {}
  void on_exchange(const FlowRecord& flow, Exchange& exchange, bool settled,
                   Timestamp now) override {
    if (query_.selects_exchanges()) exchange.found_in = place_of(exchange);
    next_.on_exchange(flow, exchange, settled, now);
  }
  void on_stray(const FlowRecord& flow, const Stray& stray) override {
    next_.on_stray(flow, stray);
  }

 private:
  // Empty: the query asks for another one.
  std::string_view place_of(const Exchange& exchange) const;

  ExchangeSink& next_;
  const Query& query_;
};

}  // namespace httpdiag::analysis
