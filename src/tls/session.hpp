// SPDX-License-Identifier: Apache-2.0
// One TLS connection: which record is what, by its type, its length and its place.
// The rules of thumb about encrypted records are explained in docs/tls.md.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "httpdiag/tls.hpp"
#include "tls/certificate.hpp"
#include "tls/record_reader.hpp"

namespace httpdiag::tls {

/// What all sessions share.
struct Shared {
  TlsSink& sink;
  std::uint64_t bytes_left;   // of unfinished handshake messages
  std::uint32_t per_message;  // kept of each
  CertificateCache certificates;
};

class Session final : private RecordSink {
 public:
  Session(Shared& shared, bool in_tunnel) : shared_{shared} { facts_.in_tunnel = in_tunnel; }
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void on_chunk(const FlowRecord& flow, const StreamChunk& chunk);
  void on_gap(const FlowRecord& flow, const StreamGap& gap);
  void on_ack(const FlowRecord& flow);
  /// Nothing more will come. Null: there was no TLS after all.
  std::shared_ptr<const TlsSession> finish(const FlowRecord& flow);

 private:
  struct Direction {
    RecordReader records;
    std::vector<std::byte> message;  // header and body so far, of the handshake message being read
    std::uint32_t message_length = 0;  // with its header; 0: not known yet
    std::uint32_t message_seen = 0;
    std::array<std::byte, 2> alert{};
    std::uint8_t alert_bytes = 0;
    bool begun = false;
    bool lost = false;  // where the next record begins is not known
    bool changed_cipher = false;
    bool messages_lost = false;  // bytes of the handshake are missing
    PacketRef last_data;         // last record of application data
  };

  void on_record_begin(const FlowRecord& flow, Side from, const Record& record) override;
  void on_record_bytes(Side from, const Record& record, std::span<const std::byte> bytes) override;
  void on_record_end(const FlowRecord& flow, Side from, const Record& record) override;

  bool begin_direction(const StreamChunk& chunk);
  void lose(Side side);
  void note_text(const StreamChunk& chunk);
  void note_preface(const StreamChunk& chunk);
  bool in_plaintext(Side from, const Record& record) const;

  void read_handshake(Side from, const Record& record, std::span<const std::byte> bytes);
  void keep(Direction& direction, std::span<const std::byte> bytes);
  void forget_message(Direction& direction);
  void on_message(Side from, const Record& record);
  void on_client_hello(const Record& record, std::span<const std::byte> body);
  void on_server_hello(const Record& record, std::span<const std::byte> body);
  void on_flight(Side from, const Record& record);
  void on_alert(Side from, const Record& record);

  void on_encrypted(const FlowRecord& flow, Side from, const Record& record);
  bool still_handshake(Side from, const Record& record);
  void client_data(const FlowRecord& flow, const Record& record);
  void begin_burst(const FlowRecord& flow, const Record& record);
  void extend_burst(const Record& record);
  void server_data(const FlowRecord& flow, const Record& record);
  /// What a record of the server's is to the burst that its packet acknowledges.
  enum class Answer : std::uint8_t { no, perhaps, certain };
  Answer answer_in(const Record& record);
  void answer_burst();
  bool may_be_alert(const Record& record) const;
  bool as_long_as_alert(const Record& record) const;
  Answer ticket_or_answer(const Record& record);
  bool knows_of_burst(const Record& record) const;

  Shared& shared_;
  TlsSession facts_;
  std::string preface_;  // the first bytes of a server that speaks no TLS
  std::array<Direction, 2> sides_;
  bool hello_due_ = true;  // the next server message may be its hello
  bool told_server_ = false;
  bool flight_open_ = false;  // TLS 1.3: the client's flight may have more records
  bool ticket_seen_ = false;  // records that may be session tickets
  std::uint32_t ticket_length_ = 0;
  bool burst_open_ = false;  // no data of the server's since
  // What of the client's tape the server's records answer, by the ACK numbers of their packets:
  // records of the client's behind a hole are told only when it is given up.
  Offset answered_to_ = 0, perhaps_answered_to_ = 0;
};

}  // namespace httpdiag::tls
