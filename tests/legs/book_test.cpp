// SPDX-License-Identifier: Apache-2.0
#include "legs/book.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "legs/story.hpp"

namespace httpdiag::legs {
namespace {

using namespace std::chrono_literals;

IpAddress ip(std::uint8_t last) { return IpAddress::v4(0x0a000000u | last); }
PacketRef packet(std::uint64_t number, Duration at) { return {number, Timestamp{at}}; }

/// A request from host `client` to host `server`, under way from `begin` to `end`.
Record request(std::uint32_t flow, std::uint8_t client, std::uint8_t server, Duration begin,
               Duration end, std::uint64_t digest = 1) {
  Record record;
  record.leg.flow = FlowId{flow};
  record.leg.exchange = 1;
  record.leg.client = {ip(client), static_cast<std::uint16_t>(40000 + flow)};
  record.leg.server = {ip(server), 80};
  record.leg.first = record.leg.sent = packet(static_cast<std::uint64_t>(begin.count()), begin);
  record.leg.answered = record.leg.last = packet(static_cast<std::uint64_t>(end.count()), end);
  record.leg.status = 200;
  record.until = Timestamp{end};
  record.method = "POST";
  record.target = "/notify";
  record.key = 7;
  record.digest = digest;
  record.body_bytes = 22;
  record.body_known = true;
  return record;
}

Record failed(Record record, Label label) {
  record.leg.label = label;
  record.leg.severity = Severity::error;
  record.leg.fault.party = Party::server_app;
  return record;
}

std::vector<std::string> places(const std::vector<Record>& chain) {
  std::vector<std::string> out;
  for (const Leg& leg : chain_of(chain).legs) out.push_back(name_of(leg));
  return out;
}

using Places = std::vector<std::string>;

TEST(Book, JoinsLegsInWhateverOrderTheyAreJudged) {
  // client 1 -> proxy 2 -> proxy 3 -> application 4
  const std::vector<Record> legs = {failed(request(1, 1, 2, 10us, 9000us), Label::slow_response),
                                    failed(request(2, 2, 3, 20us, 8000us), Label::slow_response),
                                    failed(request(3, 3, 4, 30us, 7000us), Label::slow_response)};
  std::vector<std::size_t> order = {0, 1, 2};
  do {
    Book book{16};
    for (const std::size_t i : order) book.add(legs[i]);
    EXPECT_EQ(book.requests(), 1u);
    ASSERT_EQ(book.fronts().size(), 1u);
    EXPECT_EQ(places(book.chain_of(book.fronts().front())), (Places{"1.1", "2.1", "3.1"}));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Book, RemembersHealthyLegsForAProblemFartherOut) {
  Book book{16};
  book.add(request(3, 3, 4, 30us, 7000us));
  book.add(request(2, 2, 3, 20us, 8000us));
  EXPECT_TRUE(book.fronts().empty());
  book.add(failed(request(1, 1, 2, 10us, 9000us), Label::late_response));
  ASSERT_EQ(book.fronts().size(), 1u);
  EXPECT_EQ(places(book.chain_of(book.fronts().front())), (Places{"1.1", "2.1", "3.1"}));
}

TEST(Book, FindsALegThatIsJudgedLongAfterItsRequest) {
  Book book{16};
  book.add(failed(request(1, 1, 2, 10us, 90us), Label::http_gateway_error));
  for (std::uint32_t i = 0; i < 600; ++i) {
    const Duration at = 1000us + 10us * i;
    book.add(request(100 + i, 1, 2, at, at + 5us, 1000 + i));
  }
  EXPECT_TRUE(
      book.add(failed(request(2, 2, 4, 20us, 80us), Label::reset_without_response)).has_front);
  EXPECT_EQ(book.requests(), 1u);
}

TEST(Book, DoesNotChooseBetweenTwoRequestsThatAreAlike) {
  Book book{16};
  book.add(request(1, 1, 2, 10us, 9000us));
  book.add(request(2, 1, 2, 12us, 9500us));
  EXPECT_TRUE(book.add(request(3, 2, 4, 30us, 7000us)).has_front);  // of one of them
  EXPECT_EQ(book.requests(), 0u);
}

TEST(Book, TellsRequestsApartByBodyTimeAndHost) {
  struct Case {
    const char* what;
    Record behind;
    bool joined;
  };
  Record named = request(2, 9, 4, 2000us, 7000us);
  named.forwarded_for = {ip(1)};
  Record alike = named;
  alike.forwarded_for = addresses_in("10.0.0.11, 10.0.0.111");
  Record here = request(2, 9, 4, 2000us, 7000us);
  here.client_here = true;
  Record rewritten = request(2, 2, 4, 2000us, 7000us);
  rewritten.target = "/v2/notify";
  Record get = request(2, 2, 4, 2000us, 7000us);
  get.method = "GET";
  const std::vector<Case> cases = {
      {"the same", request(2, 2, 4, 2000us, 7000us), true},
      {"recorded a little before it", request(2, 2, 4, 900us, 7000us), true},
      {"with something in front of the path", rewritten, true},
      {"from another host, for this client", named, true},
      {"for one whose address begins alike", alike, false},
      {"from another address of this host", here, true},
      {"another method", get, false},
      {"another body", request(2, 2, 4, 2000us, 7000us, 5), false},
      {"before it", request(2, 2, 4, 500us, 7000us), false},
      {"after its answer", request(2, 2, 4, 9900us, 9999us), false},
      {"from another host", request(2, 9, 4, 2000us, 7000us), false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    Book book{16};
    Record front = request(1, 1, 2, 1000us, 9000us);
    front.server_here = true;
    book.add(front);
    EXPECT_EQ(book.add(one.behind).has_front, one.joined);
  }
}

TEST(Record, ReadsWhomARequestIsForwardedFor) {
  using List = std::vector<IpAddress>;
  const IpAddress client = IpAddress::v4(0xc0000201);
  EXPECT_EQ(addresses_in(""), List{});
  EXPECT_EQ(addresses_in("192.0.2.1"), List{client});
  EXPECT_EQ(addresses_in("192.0.2.1, 10.0.0.7"), (List{client, ip(7)}));
  EXPECT_EQ(addresses_in("for=192.0.2.1:4711;proto=http;by=10.0.0.7"), (List{client, ip(7)}));
  EXPECT_EQ(addresses_in("for=\"[2001:db8::1]:4711\"").size(), 1u);
  EXPECT_EQ(addresses_in("unknown, _hidden"), List{});
}

TEST(Book, StaysWithinItsLimit) {
  Book book{4};
  for (std::uint32_t i = 0; i < 100; ++i) {
    const auto at = std::chrono::milliseconds{i * 20 + 1};
    book.add(failed(request(2 * i + 1, 1, 2, at, at + 9ms, i), Label::slow_response));
    book.add(failed(request(2 * i + 2, 2, 3, at + 1ms, at + 8ms, i), Label::slow_response));
  }
  EXPECT_LE(book.fronts().size(), 4u);
  EXPECT_GT(book.omitted(), 0u);
  EXPECT_EQ(book.requests(), 100u);
}

/// Host 2's, towards host 4 as a rule.
Record refused(std::uint32_t flow, Duration at, std::uint8_t server = 4) {
  Record record;
  record.leg.flow = FlowId{flow};
  record.leg.client = {ip(2), static_cast<std::uint16_t>(50000 + flow)};
  record.leg.server = {ip(server), 80};
  record.leg.label = Label::connect_refused;
  record.leg.untouched = true;
  record.leg.severity = Severity::error;
  record.leg.first = packet(static_cast<std::uint64_t>(at.count()), at);
  record.leg.last = packet(record.leg.first.number + 1, at + 100us);
  return record;
}

Record gateway_error(std::uint32_t flow, std::uint8_t client, Duration begin, Duration end,
                     std::uint64_t digest = 1) {
  Record record = failed(request(flow, client, 2, begin, end, digest), Label::http_gateway_error);
  record.leg.status = 502;
  return record;
}

TEST(Book, TiesConnectionsThatFailedToTheRequestTheyWereTriedFor) {
  const Record front = gateway_error(1, 1, 10s, 13s);
  Record answered = failed(request(1, 1, 2, 10s, 13s), Label::slow_response);
  Record elsewhere = refused(2, 10s + 1ms);
  elsewhere.leg.client.ip = ip(9);
  Record blackholed = refused(2, 10s + 1ms);
  blackholed.leg.label = Label::connect_abandoned;
  blackholed.leg.last.time += 1s;
  const Record leg = failed(request(5, 2, 3, 10s + 1ms, 11s), Label::client_timeout);
  struct Case {
    const char* what;
    std::vector<Record> requests, connects;
    Places chain;
  };
  const std::vector<Case> cases = {
      {"at once", {front}, {refused(2, 10s + 1ms)}, {"1.1", "2"}},
      {"from another host", {front}, {elsewhere}, {}},
      {"long behind the request", {front}, {refused(2, 10s + 80ms)}, {}},
      {"tried again after a second",
       {front},
       {refused(2, 10s + 1ms), refused(3, 11s + 2ms), refused(4, 12s + 3ms)},
       {"1.1", "2", "3", "4"}},
      {"and long behind that", {front}, {refused(2, 10s + 1ms), refused(3, 12s)}, {"1.1", "2"}},
      {"another server at once",
       {front},
       {refused(2, 10s + 1ms), refused(3, 10s + 2ms, 5)},
       {"1.1", "2", "3"}},
      {"another server half a second later",
       {front},
       {refused(2, 10s + 1ms), refused(3, 10s + 500ms, 5)},
       {"1.1", "2"}},
      {"another server when the first was given up",
       {front},
       {blackholed, refused(3, 12s, 5)},
       {"1.1", "2", "3"}},
      {"while a leg carries it", {front, leg}, {refused(2, 10s + 5ms)}, {"1.1", "5.1"}},
      {"when that leg has failed", {front, leg}, {refused(2, 11s + 1ms)}, {"1.1", "5.1", "2"}},
      {"and tried again",
       {front, leg},
       {refused(2, 11s + 1ms), refused(3, 12s + 1ms)},
       {"1.1", "5.1", "2", "3"}},
      {"before a leg, and not again behind it",
       {front, leg},
       {refused(2, 10s + 500us), refused(3, 11s + 300ms)},
       {"1.1", "2", "5.1"}},
      {"another request as well",
       {front, request(6, 7, 2, 10s, 11s, 8)},
       {refused(2, 10s + 1ms)},
       {}},
      {"another request that is with the next server",
       {front, request(6, 7, 2, 10s, 11s, 8), request(7, 2, 3, 10s + 100us, 11s - 1ms, 8)},
       {refused(2, 10s + 1ms)},
       {"1.1", "2"}},
      {"also when nobody asks", {front}, {refused(2, 3s), refused(3, 10s + 1ms)}, {}},
      {"in step with others",
       {front},
       {refused(2, 4s), refused(3, 6s), refused(4, 8s), refused(5, 10s + 1ms)},
       {}},
      {"out of step with others",
       {front},
       {refused(2, 3s), refused(3, 5s), refused(4, 7s), refused(5, 10s + 1ms)},
       {"1.1", "5"}},
      {"with the clock set back",
       {gateway_error(1, 1, 10s, 2s)},
       {refused(2, 3s), refused(3, 10s), refused(4, 11s)},
       {}},
      {"an application's slow answer", {answered}, {refused(2, 10s + 1ms)}, {}},
      {"the next server's answer",
       {answered, request(5, 2, 3, 10s + 2ms, 13s - 1ms)},
       {refused(2, 10s + 1ms)},
       {"1.1", "2", "5.1"}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    Book book{16};
    for (const Record& record : one.connects) book.add_failed(record);
    for (const Record& record : one.requests) book.add(record);
    const std::vector<Record> chain = book.chain_of(id_of(front.leg));
    EXPECT_EQ(chain.empty() ? Places{} : places(chain), one.chain);
  }
}

TEST(Waits, KnowsWhenAHostWasWaitedFor) {
  Waits waits;
  waits.add(1, request(1, 1, 2, 10s, 12s));
  waits.add(2, request(2, 1, 2, 11s, 13s));
  waits.add(3, request(3, 1, 9, 20s, 21s));
  EXPECT_FALSE(waits.any_at(refused(9, 9s)));
  EXPECT_TRUE(waits.any_at(refused(9, 10s)));
  EXPECT_TRUE(waits.any_at(refused(9, 12s + 500ms)));
  EXPECT_FALSE(waits.any_at(refused(9, 14s)));
  EXPECT_FALSE(waits.any_at(refused(9, 20s + 500ms)));  // for another host
  Record left = request(4, 1, 2, 30s, 31s);
  left.leg.answered = {};
  waits.add(4, left);
  EXPECT_TRUE(waits.any_at(refused(9, 34s)));  // the proxy may go on for a while
}

TEST(Waits, RemembersTheLatestOfMany) {
  Waits waits;
  for (std::uint32_t i = 1; i <= 100000; ++i) {
    const Duration begin = std::chrono::seconds{i};
    waits.add(i, request(i, 1, 2, begin, begin + 10ms));
  }
  EXPECT_FALSE(waits.any_at(refused(9, 10s)));
  EXPECT_TRUE(waits.any_at(refused(9, 90000s)));
  EXPECT_TRUE(waits.any_at(refused(9, 100000s + 5ms)));
}

/// Its client left at `end`, unanswered.
Record left(Record record) {
  record.leg.label = Label::client_timeout;
  record.leg.gave_up_after = record.until - record.leg.sent.time;
  record.leg.answered = {};
  record.leg.status = 0;
  return record;
}

Record done(Record record) {
  record.leg.done = true;
  return record;
}

TEST(Book, ALegThatNobodyElseHasIsOfTheRequestWhoseClientHadLeft) {
  Book book{100};
  book.add(left(request(1, 1, 2, 1s, 4s)));
  const auto leg = book.add(done(request(2, 2, 3, 9s, 10s)));
  EXPECT_FALSE(leg.has_front);
  EXPECT_TRUE(book.join_late(leg.number));
  EXPECT_EQ(places(book.chain_of(exchange_key(FlowId{1}, 1))), (Places{"1.1", "2.1"}));
  // It has been passed on, and that went well: another one is nobody's.
  const auto next = book.add(done(request(3, 2, 3, 11s, 12s)));
  EXPECT_FALSE(book.join_late(next.number));
}

TEST(Book, ALateLegOfOneOfSeveralRequestsIsJoinedWithNone) {
  Book book{100};
  book.add(left(request(1, 1, 2, 1s, 4s)));
  book.add(left(request(2, 1, 2, 2s, 5s)));
  const auto leg = book.add(done(request(3, 2, 3, 9s, 10s)));
  EXPECT_TRUE(book.join_late(leg.number)) << "it is no attempt of its own";
  EXPECT_TRUE(book.chain_of(exchange_key(FlowId{1}, 1)).empty());
  EXPECT_TRUE(book.chain_of(exchange_key(FlowId{2}, 1)).empty());
}

TEST(Book, NotEveryLikeRequestIsALateLeg) {
  const auto joins = [](const Record& front, const Record& leg) {
    Book book{100};
    book.add(front);
    return book.join_late(book.add(leg).number);
  };
  const Record front = left(request(1, 1, 2, 1s, 4s));
  EXPECT_TRUE(joins(front, request(2, 2, 3, 9s, 10s)));
  EXPECT_FALSE(joins(front, request(2, 2, 3, 9s, 10s, 7))) << "another body";
  EXPECT_FALSE(joins(front, request(2, 2, 3, 4s + 301s, 310s))) << "too late";
  EXPECT_FALSE(joins(front, request(2, 5, 3, 9s, 10s))) << "another host";
  EXPECT_FALSE(joins(left(request(1, 2, 2, 1s, 4s)), request(2, 2, 3, 9s, 10s))) << "one client";
  EXPECT_FALSE(joins(request(1, 1, 2, 1s, 4s), request(2, 2, 3, 9s, 10s))) << "answered";
}

TEST(Book, WhatWentWellIsNotSentAgainButIsAnEarlierRequests) {
  for (const bool earlier : {true, false}) {
    Book book{100};
    if (earlier) book.add(left(request(1, 1, 2, 1s, 4s)));
    book.add(failed(request(2, 1, 2, 5s, 12s), Label::slow_response));
    book.add(done(request(3, 2, 3, 9s, 10s)));
    book.add(done(request(4, 2, 3, 11s, 12s)));
    book.settle(false);
    EXPECT_EQ(places(book.chain_of(exchange_key(FlowId{2}, 1))),
              earlier ? (Places{"2.1", "4.1"}) : (Places{"2.1", "3.1", "4.1"}));
  }
}

TEST(Book, ALegIsOfTheClientThatItNames) {
  Book book{100};
  book.add(left(request(1, 1, 2, 1s, 4s)));
  book.add(failed(request(2, 5, 2, 3s, 12s), Label::slow_response));
  Record leg = done(request(3, 2, 3, 9s, 10s));
  leg.forwarded_for = {ip(1)};
  book.add(leg);
  book.settle(false);
  EXPECT_EQ(places(book.chain_of(exchange_key(FlowId{1}, 1))), (Places{"1.1", "3.1"}));
}

TEST(Story, ALegBesideAnotherProvesNothing) {
  const Record front = left(request(1, 1, 2, 1s, 20s));
  const Record mirrored = done(request(2, 2, 3, 2s, 3s));
  const auto with = [&](const Record& other) {
    return done_behind(chain_of({front, mirrored, other}).legs, 0) != nullptr;
  };
  EXPECT_TRUE(with(done(request(3, 2, 4, 2500ms, 4s))));
  EXPECT_FALSE(with(left(request(3, 2, 4, 2500ms, 20s))));
  EXPECT_FALSE(with(left(request(3, 2, 4, 1500ms, 20s))));
  EXPECT_TRUE(with(left(request(3, 2, 4, 5s, 20s)))) << "one after the other";
}

TEST(Story, RepetitionsFollowWhatFailed) {
  const Record front = request(1, 1, 2, 1s, 20s);
  const auto count = [&](const Record& a, const Record& b) {
    return repetitions(chain_of({front, a, b}).legs).size();
  };
  const Record broken = failed(request(2, 2, 3, 2s, 3s), Label::closed_without_response);
  EXPECT_EQ(count(broken, done(request(3, 2, 4, 4s, 5s))), 2u);
  EXPECT_EQ(count(broken, done(request(3, 2, 4, 2500ms, 5s))), 1u) << "a mirror";
  EXPECT_EQ(count(done(request(2, 2, 3, 2s, 3s)), done(request(3, 2, 4, 4s, 5s))), 1u)
      << "another subscriber";
}

TEST(Story, NobodyWasReachedOnlyBehindAGateway) {
  for (const bool gateway : {true, false}) {
    Record front = gateway_error(1, 1, 10s, 13s);
    front.leg.gateway = gateway;
    EXPECT_EQ(reached_nobody(chain_of({front, refused(2, 10s + 1ms)}).legs), gateway);
  }
}

TEST(Story, ALegThatCarriedTheRequestDecidesOverAConnectionThatFailed) {
  const Record front = gateway_error(1, 1, 10s, 13s);
  const Record leg = failed(request(5, 2, 3, 10s + 1ms, 11s), Label::closed_without_response);
  const Chain chain = chain_of({front, leg, refused(2, 11s + 1ms)});
  EXPECT_EQ(name_of(chain.legs[chain.decisive]), "5.1");
}

TEST(Story, ALegThatHadNothingToTheApplicationReachedNobody) {
  Record front = gateway_error(1, 1, 10s, 13s);
  front.leg.gateway = true;
  Record leg = failed(request(5, 2, 3, 10s + 1ms, 11s), Label::request_on_half_closed);
  EXPECT_FALSE(reached_nobody(chain_of({front, leg}).legs));
  leg.leg.untouched = true;
  EXPECT_TRUE(reached_nobody(chain_of({front, leg}).legs));
  Record again = failed(request(6, 2, 3, 12s, 13s), Label::closed_without_response);
  EXPECT_EQ(repetitions(chain_of({front, leg, again}).legs).size(), 1u);
}

bool says(const Chain& chain, std::string_view words) {
  return chain.detail.find(words) != std::string::npos;
}

TEST(Story, AnAnswerIsTheNextProxysOnlyWhereALegIsBehindIt) {
  const Record front = gateway_error(1, 1, 10s, 13s);
  Record next = gateway_error(2, 2, 10s + 1ms, 11s);
  Record behind = gateway_error(3, 2, 11s + 1ms, 12s);
  // Two upstreams, one after the other.
  EXPECT_TRUE(says(chain_of({front, next, behind}), "The 502 is the upstream's"));
  // Two proxies, one behind the other.
  behind = failed(request(3, 2, 4, 10s + 2ms, 10s + 900ms), Label::closed_without_response);
  behind.leg.behind = 1;
  EXPECT_TRUE(says(chain_of({front, next, behind}), "The 502 is the next proxy's (2.1)"));
}

TEST(Story, TheTimeBehindTheProxyEndsWhereTheAnswerBrokeOff) {
  Record front = failed(request(1, 1, 2, 10s, 12s + 1ms), Label::response_truncated_fin);
  Record leg = failed(request(5, 2, 3, 10s + 1ms, 10s + 2ms), Label::response_truncated_rst);
  leg.leg.last = packet(99, 12s);
  const Chain chain = chain_of({front, leg});
  EXPECT_TRUE(says(chain, "and broke off after 2 s")) << chain.detail;
  EXPECT_TRUE(says(chain, "Of the 2 s until the client's answer began, 2 s went behind"))
      << chain.detail;
}

TEST(Story, AProxyThatStoppedSendingBehindAnUnjudgedRequestAccusesNobody) {
  Record front = request(1, 1, 2, 10s, 13s);
  front.leg.answered = {};
  front.leg.status = 0;
  Record leg = failed(request(5, 2, 3, 10s + 1ms, 12s), Label::request_incomplete);
  leg.leg.answered = {};
  EXPECT_EQ(chain_of({front, leg}).fault.party, Party::none);
  front.leg.label = Label::client_timeout;
  EXPECT_EQ(chain_of({front, leg}).fault.party, Party::server_app);
}

}  // namespace
}  // namespace httpdiag::legs
