// SPDX-License-Identifier: Apache-2.0
// Callback traffic: each flow is planned as a whole when it starts, and the plans
// of all open flows are merged by time. At most one exchange of a flow fails, so
// that the flow's label is that exchange's and the truth needs no analysis.
#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <vector>

#include "packets.hpp"
#include "traffic.hpp"

namespace httpdiag::bench {

namespace {

/// SplitMix64: small, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_{seed} {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + next() % (high - low + 1);
  }

 private:
  std::uint64_t state_;
};

enum class Fate : std::uint8_t {
  fine,
  server_error,
  client_error,
  gateway_error,
  refused_by_app,
  slow,
  timeout,
  late,
  closed,
  reset,
  half_closed,
  race,
  truncated,
  silent,
  connect_refused,
  syn_exhausted,
  connect_abandoned,
  unused,
};

struct Share {
  Fate fate;
  std::uint32_t per_thousand;  // of flows
  const char* label;           // of the failing exchange, or of a flow without one
};

constexpr std::array<Share, 18> kShares = {{
    {Fate::fine, 780, "ok"},
    {Fate::server_error, 30, "http-server-error"},
    {Fate::client_error, 20, "http-client-error"},
    {Fate::gateway_error, 20, "http-gateway-error"},
    {Fate::refused_by_app, 15, "ack-negative"},
    {Fate::slow, 10, "slow-response"},
    {Fate::timeout, 20, "client-timeout"},
    {Fate::late, 10, "late-response"},
    {Fate::closed, 20, "closed-without-response"},
    {Fate::reset, 15, "reset-without-response"},
    {Fate::half_closed, 20, "request-on-half-closed"},
    {Fate::race, 5, "keepalive-close-race"},
    {Fate::truncated, 10, "response-truncated-fin"},
    {Fate::silent, 5, "no-response"},
    {Fate::connect_refused, 8, "connect-refused"},
    {Fate::syn_exhausted, 3, "syn-retries-exhausted"},
    {Fate::connect_abandoned, 5, "connect-abandoned"},
    {Fate::unused, 4, "connection-unused"},
}};
constexpr bool connects(Fate fate) { return fate < Fate::connect_refused; }
constexpr bool ends_flow(Fate fate) { return fate >= Fate::timeout && fate <= Fate::silent; }

const Share& draw(Random& random) {
  std::uint64_t ticket = random.between(0, 999);
  for (const Share& share : kShares) {
    if (ticket < share.per_thousand) return share;
    ticket -= share.per_thousand;
  }
  return kShares.front();
}

enum class Payload : std::uint8_t {
  none,
  request,
  accepted,
  failed,
  not_found,
  bad_gateway,
  refused,
  cut
};

/// A packet that is to be written; its payload is made when its time has come.
struct Planned {
  PacketHead head;
  std::uint64_t order = 0;   // among packets of the same time
  std::uint32_t serial = 0;  // of the request
  std::uint16_t filler = 0;  // bytes of the request body behind its fixed part
  Payload payload = Payload::none;

  bool operator>(const Planned& other) const {
    return head.time_us != other.head.time_us ? head.time_us > other.head.time_us
                                              : order > other.order;
  }
};

/// Every payload as a template, so that making one is a few copies.
class Payloads {
 public:
  Payloads() {
    for (std::size_t i = 0; i < 2048; ++i)
      filler_ += "abcdefghijklmnopqrstuvwxyz 0123456789"[i % 37];
    const std::string body =
        R"({"result":"accepted","trace":"7f3a9c1e5b2d4860","queue":"orders","accepted_at":1715673600})";
    texts_[1] = response("200 OK", body, body.size());
    texts_[2] =
        response("500 Internal Server Error",
                 R"({"error":"java.lang.NullPointerException in OrderService.confirm"})", 0);
    texts_[3] = response("404 Not Found", R"({"error":"no route for this callback"})", 0);
    texts_[4] =
        response("502 Bad Gateway", "<html><body><h1>502 Bad Gateway</h1></body></html>", 0);
    texts_[5] = response("200 OK", "fail", 0);
    texts_[6] = response("200 OK", body, body.size() + 120);
  }

  std::string_view make(const Planned& packet) {
    if (packet.payload == Payload::none) return {};
    if (packet.payload != Payload::request)
      return texts_[static_cast<std::size_t>(packet.payload) - 1];
    const std::size_t body = kBodyFixed + packet.filler;
    request_.assign(
        "POST /v1/payments/notify?attempt=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: "
        "pay-callback/3.2\r\nAccept: */*\r\nContent-Type: application/json\r\nContent-Length: ");
    request_ += std::to_string(body);
    request_ += "\r\n\r\n";
    std::string serial = std::to_string(packet.serial);
    serial.insert(0, 10 - std::min<std::size_t>(serial.size(), 10), '0');
    request_ += R"({"event":"payment.succeeded","order":")";
    request_ += serial;
    request_ += R"(","note":")";
    request_.append(filler_, packet.serial % 512, packet.filler);
    request_ += "\"}";
    return request_;
  }
  std::uint32_t length(Payload payload, std::uint16_t filler) {
    Planned probe;
    probe.payload = payload;
    probe.filler = filler;
    return static_cast<std::uint32_t>(make(probe).size());
  }

 private:
  static constexpr std::size_t kBodyFixed = 38 + 10 + 10 + 2;

  static std::string response(std::string_view status, std::string_view body,
                              std::size_t declared) {
    std::string text = "HTTP/1.1 ";
    text += status;
    text +=
        "\r\nServer: nginx\r\nDate: Tue, 14 May 2024 08:00:00 GMT\r\nContent-Type: "
        "application/json\r\nContent-Length: ";
    text += std::to_string(declared == 0 ? body.size() : declared);
    text += "\r\nConnection: keep-alive\r\n\r\n";
    text += body;
    return text;
  }

  std::string filler_, request_;
  std::array<std::string, 7> texts_;
};

using Queue = std::priority_queue<Planned, std::vector<Planned>, std::greater<>>;

/// Plans one flow: keeps both sequence numbers and the clock.
class FlowPlan {
 public:
  FlowPlan(Queue& queue, Payloads& payloads, Random& random, const Tuple& tuple,
           std::uint64_t start, std::uint64_t& order)
      : queue_{queue},
        payloads_{payloads},
        random_{random},
        tuple_{tuple},
        now_{start},
        order_{order},
        client_{static_cast<std::uint32_t>(random.next())},
        server_{static_cast<std::uint32_t>(random.next())},
        half_rtt_{random.between(300, 8000)} {}

  void wait(std::uint64_t microseconds) { now_ += microseconds; }
  void rtt() { now_ += 2 * half_rtt_; }

  void client(std::uint8_t flags, Payload payload = Payload::none) {
    push(true, flags, payload, client_, server_);
  }
  void server(std::uint8_t flags, Payload payload = Payload::none) {
    push(false, flags, payload, server_, client_);
  }
  /// Answers with an ACK number that the sender has not moved on from yet.
  void client_crossing(Payload payload, std::uint32_t ack) {
    push(true, kPsh | kAck, payload, client_, ack);
  }
  void server_rst(std::uint32_t seq) { push(false, kRst, Payload::none, seq, 0); }
  std::uint32_t server_next() const { return server_; }

  void syn_again() {
    --client_;
    client(kSyn);
  }
  void handshake() {
    client(kSyn);
    rtt();
    server(kSyn | kAck);
    wait(30);
    client(kAck);
  }
  void request() {
    filler_ = static_cast<std::uint16_t>(random_.between(450, 1140));
    ++serial_;
    client(kPsh | kAck, Payload::request);
  }
  /// The same bytes again, some 210 ms later: the first copy was lost.
  void request_again() {
    wait(210'000);
    client_ -= payloads_.length(Payload::request, filler_);
    client(kPsh | kAck, Payload::request);
  }
  void acknowledged() {
    rtt();
    server(kAck);
  }
  void answer(Payload payload) {
    server(kPsh | kAck, payload);
    wait(random_.between(20, 200));
    client(kAck);
  }
  void client_closes() {
    client(kFin | kAck);
    rtt();
    server(kFin | kAck);
    wait(30);
    client(kAck);
  }
  void server_closes() {
    server(kFin | kAck);
    wait(100);
    client(kFin | kAck);
    rtt();
    server(kAck);
  }
  std::uint64_t bytes() const { return bytes_; }
  void set_serial(std::uint32_t serial) { serial_ = serial; }

 private:
  void push(bool from_client, std::uint8_t flags, Payload payload, std::uint32_t seq,
            std::uint32_t ack) {
    Planned packet;
    packet.head = {.time_us = now_,
                   .tuple = tuple_,
                   .seq = seq,
                   .ack = ack,
                   .flags = flags,
                   .from_client = from_client};
    packet.order = order_++;
    packet.serial = serial_;
    packet.filler = filler_;
    packet.payload = payload;
    const std::uint32_t length = payload == Payload::none ? 0 : payloads_.length(payload, filler_);
    (from_client ? client_ : server_) += length + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
    bytes_ += length + 82;  // headers of a packet without SYN or RST, and of its record
    queue_.push(packet);
  }

  Queue& queue_;
  Payloads& payloads_;
  Random& random_;
  Tuple tuple_;
  std::uint64_t now_;
  std::uint64_t& order_;
  std::uint32_t client_, server_;
  std::uint64_t half_rtt_;
  std::uint64_t bytes_ = 0;
  std::uint32_t serial_ = 0;
  std::uint16_t filler_ = 0;
};

/// SYNs as Linux 6.5 and later sends them, in milliseconds.
constexpr std::array<std::uint64_t, 11> kSynTimes = {0,    1020,  2050,  3070,  4090, 5120,
                                                     7130, 11360, 19550, 35680, 68190};

void unanswered_syns(FlowPlan& plan, std::size_t count) {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < count; ++i) {
    plan.wait((kSynTimes[i] - before) * 1000);
    before = kSynTimes[i];
    i == 0 ? plan.client(kSyn) : plan.syn_again();
  }
}

class Generator {
 public:
  Generator(const CallbackOptions& options, ByteSink& out)
      : options_{options}, random_{options.seed}, writer_{out} {}

  Truth run() {
    const std::uint64_t gap = 1'000'000 / std::max<std::uint64_t>(options_.flows_per_second, 1);
    std::uint64_t start = 0;
    while (planned_bytes_ < options_.bytes) {
      write_until(start);
      planned_bytes_ += plan_flow(start);
      start += gap;
    }
    write_until(~std::uint64_t{0});
    // Beyond the last wait of any kernel or client in here.
    constexpr std::uint64_t kTail = 200'000'000;
    writer_.write_end(std::max(last_, start) + kTail);
    truth_.packets = writer_.packets();
    return truth_;
  }

 private:
  void write_until(std::uint64_t time_us) {
    while (!queue_.empty() && queue_.top().head.time_us <= time_us) {
      const Planned& next = queue_.top();
      last_ = next.head.time_us;
      writer_.write(next.head, payloads_.make(next));
      queue_.pop();
    }
  }

  Tuple tuple() {
    constexpr std::uint64_t kClients = 200, kPorts = 28000;
    const std::uint64_t n = truth_.flows;
    Tuple tuple;
    tuple.client_ip = 0x0a010000 + static_cast<std::uint32_t>(n % kClients) + 1;
    tuple.client_port = static_cast<std::uint16_t>(32768 + n / kClients % kPorts);
    tuple.server_ip = 0xcb007100 + static_cast<std::uint32_t>(n / (kClients * kPorts) % 200) +
                      1;  // 203.0.113.0/24
    tuple.server_port = 8080;
    return tuple;
  }

  std::uint64_t plan_flow(std::uint64_t start) {
    const Share& share = draw(random_);
    FlowPlan plan{queue_, payloads_, random_, tuple(), start, order_};
    ++truth_.flows;
    ++truth_.flow_labels[share.label];
    connects(share.fate) ? plan_exchanges(plan, share) : plan_without_request(plan, share.fate);
    return plan.bytes();
  }

  void plan_exchanges(FlowPlan& plan, const Share& share) {
    const bool reuse = share.fate == Fate::half_closed || share.fate == Fate::race;
    const std::uint64_t exchanges = random_.between(reuse ? 2 : 1, 10);
    // A failure that ends the connection is its last exchange's.
    const std::uint64_t failing = ends_flow(share.fate) ? exchanges : random_.between(1, exchanges);
    plan.handshake();
    for (std::uint64_t i = 1; i <= exchanges; ++i) {
      plan.set_serial(static_cast<std::uint32_t>(truth_.exchanges));
      ++truth_.exchanges;
      const Fate fate = i == failing ? share.fate : Fate::fine;
      ++truth_.exchange_labels[fate == Fate::fine ? "ok" : share.label];
      plan.wait(random_.between(1'000, 400'000));
      plan_exchange(plan, fate);
    }
    if (ends_flow(share.fate)) return;
    plan.wait(random_.between(1'000, 500'000));
    random_.between(0, 1) == 0 ? plan.client_closes() : plan.server_closes();
  }

  void plan_without_request(FlowPlan& plan, Fate fate) {
    if (fate == Fate::syn_exhausted) return unanswered_syns(plan, kSynTimes.size());
    if (fate == Fate::connect_abandoned) return unanswered_syns(plan, random_.between(2, 7));
    if (fate == Fate::connect_refused) {
      plan.client(kSyn);
      plan.rtt();
      return plan.server(kRst | kAck);
    }
    plan.handshake();
    plan.wait(5'000'000);
    plan.client_closes();
  }

  void plan_exchange(FlowPlan& plan, Fate fate) {
    if (fate == Fate::half_closed || fate == Fate::race) return plan_reuse(plan, fate);
    plan.request();
    if (random_.between(0, 299) == 0) plan.request_again();
    plan.acknowledged();
    plan.wait(random_.between(500, 30'000));
    switch (fate) {
      case Fate::fine:
        return plan.answer(Payload::accepted);
      case Fate::server_error:
        return plan.answer(Payload::failed);
      case Fate::client_error:
        return plan.answer(Payload::not_found);
      case Fate::gateway_error:
        return plan.answer(Payload::bad_gateway);
      case Fate::refused_by_app:
        return plan.answer(Payload::refused);
      case Fate::slow:
        plan.wait(random_.between(3'500'000, 7'000'000));
        return plan.answer(Payload::accepted);
      case Fate::timeout:
        plan.wait(9'970'000);
        plan.client(kFin | kAck);
        plan.acknowledged();
        plan.wait(5'000'000);
        plan.server(kFin | kAck);
        plan.wait(30);
        return plan.client(kAck);
      case Fate::late:
        plan.wait(2'970'000);
        plan.client(kFin | kAck);
        plan.acknowledged();
        plan.wait(1'500'000);
        return plan_unread_answer(plan);
      case Fate::closed:
        plan.wait(random_.between(1'000, 300'000));
        return plan.server_closes();
      case Fate::reset:
        plan.wait(random_.between(1'000, 300'000));
        return plan.server(kRst | kAck);
      case Fate::truncated:
        plan.answer(Payload::cut);
        plan.wait(random_.between(1'000, 300'000));
        return plan.server_closes();
      default:
        return;  // silent: nothing more ever comes
    }
  }

  /// The client's socket is gone; its kernel answers with a bare RST.
  static void plan_unread_answer(FlowPlan& plan) {
    plan.server(kPsh | kAck, Payload::accepted);
    plan.wait(20);
    plan.client(kRst);
  }

  void plan_reuse(FlowPlan& plan, Fate fate) {
    plan.wait(5'000'000);
    const std::uint32_t before_fin = plan.server_next();
    plan.server(kFin | kAck);
    if (fate == Fate::half_closed) {
      plan.wait(40'000);
      plan.client(kAck);
      plan.wait(random_.between(60'000, 2'000'000));
      plan.request();
      plan.rtt();
      return plan.server_rst(plan.server_next());
    }
    plan.wait(200);  // the FIN has not arrived yet
    plan.set_serial(static_cast<std::uint32_t>(truth_.exchanges));
    plan.client_crossing(Payload::request, before_fin);
    plan.rtt();
    plan.client(kAck);
    plan.wait(100);
    plan.server_rst(before_fin);
    plan.rtt();
    plan.server_rst(plan.server_next());
  }

  CallbackOptions options_;
  Random random_;
  PacketWriter writer_;
  Payloads payloads_;
  Queue queue_;
  Truth truth_;
  std::uint64_t order_ = 0, last_ = 0, planned_bytes_ = 0;
};

}  // namespace

Truth write_callbacks(const CallbackOptions& options, ByteSink& out) {
  return Generator{options, out}.run();
}

}  // namespace httpdiag::bench
