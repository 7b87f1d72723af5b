// SPDX-License-Identifier: Apache-2.0
// Two captures as one input: whose packets are whose, and what either tells of itself.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "httpdiag/analysis.hpp"

namespace httpdiag {

namespace {

/// Behind the client's packets come the server's.
class BothPlaces final : public PacketPlaces {
 public:
  BothPlaces(const CaptureSummary& client, const CaptureSummary& server)
      : client_{client}, server_{server}, files_{static_cast<std::uint32_t>(client.files.size())} {}

  PacketPlace place(PacketNumber number) const override {
    const PacketNumber before = client_packets_;
    if (number <= before) return place_of(&client_, number);
    const PacketPlace there = place_of(&server_, number - before);
    return {files_ + there.file, there.number};
  }
  PacketNumber last_of(std::uint32_t file) const override {
    const bool of_client = file < files_;
    const CaptureSummary& own = of_client ? client_ : server_;
    const std::uint32_t its = of_client ? file : file - files_;
    const PacketNumber last = own.places ? own.places->last_of(its) : own.files[its].packets;
    return of_client || last == 0 ? last : client_packets_ + last;
  }
  /// The client's capture has been read.
  void complete() { client_packets_ = client_.packets; }

 private:
  // As long as it is read all packets are its own.
  PacketNumber client_packets_ = std::numeric_limits<PacketNumber>::max();
  const CaptureSummary& client_;
  const CaptureSummary& server_;
  std::uint32_t files_;
};

/// By their ends where each has one; else as short as tells the files apart, of which one may have
/// been given for both ends.
void name_files(std::vector<CaptureFile>& files, std::size_t of_client) {
  if (files.size() == 2 && of_client == 1) {
    files[0].short_name = "client";
    files[1].short_name = "server";
    return;
  }
  const auto unique = [&](const auto& name_of) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < files.size(); ++i) names.push_back(name_of(i));
    std::vector<std::string> sorted = names;
    std::sort(sorted.begin(), sorted.end());
    const bool all = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
    if (!all) names.clear();
    return names;
  };
  std::vector<std::string> names =
      unique([&](std::size_t i) { return base::base_name(files[i].name); });
  if (names.empty()) names = unique([&](std::size_t i) { return files[i].name; });
  if (names.empty()) {
    names = unique(
        [&](std::size_t i) { return (i < of_client ? "client " : "server ") + files[i].name; });
  }
  for (std::size_t i = 0; i < names.size(); ++i) files[i].short_name = names[i];
}

std::vector<CaptureFile> files_of(const CaptureSummary& client, const CaptureSummary& server) {
  std::vector<CaptureFile> files = client.files;
  files.insert(files.end(), server.files.begin(), server.files.end());
  name_files(files, client.files.size());
  return files;
}

}  // namespace

BothEnds::BothEnds(PacketSource& client, PacketSource& server) : client_{client}, server_{server} {
  summary_.files = files_of(client.summary(), server.summary());
  summary_.places = std::make_unique<BothPlaces>(client.summary(), server.summary());
}

/// What only the end tells. The order of the notes is that of the packets.
void BothEnds::complete() {
  const CaptureSummary& client = client_.summary();
  const CaptureSummary& server = server_.summary();
  summary_.files = files_of(client, server);
  static_cast<BothPlaces&>(*summary_.places).complete();
  summary_.packets = client.packets + server.packets;
  for (const CaptureSummary* each : {&client, &server}) {
    const bool behind = each == &server;
    const std::uint32_t files = behind ? static_cast<std::uint32_t>(client.files.size()) : 0;
    if (each->damage && !summary_.damage)
      summary_.damage = std::make_unique<CaptureDamage>(*each->damage);
    summary_.skipped.insert(summary_.skipped.end(), each->skipped.begin(), each->skipped.end());
    summary_.skipped_stretches += each->skipped_stretches;
    for (PacketNote note : each->notes) {
      if (note.packet != 0)
        note.order = (behind ? client.packets : 0) + (note.order != 0 ? note.order : note.packet);
      note.file += files;
      summary_.notes.push_back(std::move(note));
    }
    summary_.omitted_notes += each->omitted_notes;
    summary_.wrong_times += each->wrong_times;
    summary_.holes += each->holes;
    summary_.reordered += each->reordered;
    for (CaptureBorder border : each->borders) {
      if (behind) {
        border.last.number += client.packets;
        border.next.number += client.packets;
      }
      summary_.borders.push_back(border);
    }
    summary_.not_read.insert(summary_.not_read.end(), each->not_read.begin(), each->not_read.end());
    summary_.omitted_not_read += each->omitted_not_read;
  }
}

}  // namespace httpdiag
