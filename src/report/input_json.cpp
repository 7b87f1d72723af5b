// SPDX-License-Identifier: Apache-2.0
#include "report/input_json.hpp"

#include <algorithm>
#include <optional>

namespace httpdiag::report {
namespace {

void write_ledger(JsonOut& json, const Ledger& ledger) {
  json.key("ledger").object();
  json.field("decoded", ledger.decoded);
  json.field("duplicates", ledger.duplicates);
  json.field("filtered", ledger.filtered);
  json.key("skipped").object();
  for (std::size_t i = 0; i < kSkipCount; ++i) {
    if (ledger.skipped[i] != 0) json.field(name(static_cast<Skip>(i)), ledger.skipped[i]);
  }
  json.end();
  if (!ledger.bpf_unfit.empty()) {
    json.key("bpf_unfit").array();
    for (const Ledger::Unfit& each : ledger.bpf_unfit) {
      json.object();
      json.field("link_type", each.link_type);
      json.field("reason", each.reason);
      json.field("packets", each.packets);
      json.end();
    }
    json.end();
  }
  json.end();
}

void write_or_null(JsonOut& json, std::string_view key, const std::string& text) {
  json.key(key);
  text.empty() ? json.value(nullptr) : json.value(text);
}

void write_place(JsonOut& json, const CaptureDamage& damage) {
  json.field("after_packet", damage.after_packet);
  json.field("byte_offset", damage.byte_offset);
  json.field("reason", damage.reason);
  json.field("record", damage.record);
  json.field("expected_bytes", damage.expected_bytes);
  json.field("present_bytes", damage.present_bytes);
  json.field("last_good_at", damage.last_good);
}

void write_open(JsonOut& json, const std::optional<OpenFlows>& open) {
  json.key("open_flows");
  open ? json.value(open->count) : json.value(nullptr);
  json.key("open_flow_ids").array();
  for (const FlowId flow : open ? open->first : std::vector<FlowId>{})
    json.value(static_cast<std::uint32_t>(flow));
  json.end();
}

std::optional<OpenFlows> open_at(const Report& report, std::size_t file) {
  return file < report.open_at_damage.size() ? report.open_at_damage[file] : std::nullopt;
}

/// The first of them.
std::optional<OpenFlows> open_at_damage(const Report& report) {
  const std::vector<CaptureFile>& files = report.input->files;
  const auto damaged = std::find_if(files.begin(), files.end(),
                                    [](const CaptureFile& file) { return file.damage != nullptr; });
  if (damaged == files.end()) return OpenFlows{report.open_at_end, report.open_flows};
  return open_at(report, static_cast<std::size_t>(damaged - files.begin()));
}

void write_damage(JsonOut& json, const Report& report) {
  const CaptureDamage* damage = report.input != nullptr ? report.input->damage.get() : nullptr;
  json.key("damage");
  if (damage == nullptr) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("file", damage->file);
  write_place(json, *damage);
  write_open(json, open_at_damage(report));
  json.end();
}

/// What --recover passed over; the count may be larger than the list.
void write_passed_over(JsonOut& json, const CaptureSummary& input) {
  json.key("passed_over").object();
  json.field("count", input.skipped_stretches);
  json.key("stretches").array();
  for (const SkippedStretch& each : input.skipped) {
    json.object();
    json.field("file", each.damage.file);
    json.field("from_byte", each.damage.byte_offset);
    json.field("to_byte", each.end_offset);
    json.field("after_packet", each.damage.after_packet);
    json.field("last_good_at", each.damage.last_good);
    json.field("next_at", each.next);
    json.field("reason", each.damage.reason);
    json.end();
  }
  json.end();
  json.end();
}

void write_notes(JsonOut& json, const CaptureSummary& input) {
  json.key("notes").array();
  for (const PacketNote& note : input.notes) {
    json.object();
    const PacketNumber order = note.order != 0 ? note.order : note.packet;
    json.key("packet");
    order == 0 ? json.value(nullptr) : json.value(order);
    json.packet_in_file("packet_in_file", {order, {}});
    json.field("text", note.text);
    json.end();
  }
  json.end();
  json.field("omitted_notes", input.omitted_notes);
}

void write_interface(JsonOut& json, const CaptureInterface& interface) {
  json.object();
  json.field("section", interface.section);
  json.field("id", interface.id);
  write_or_null(json, "name", interface.name);
  write_or_null(json, "description", interface.description);
  write_or_null(json, "os", interface.os);
  write_or_null(json, "filter", interface.filter);
  json.field("link_type", interface.link_type);
  json.field("snaplen", interface.snaplen);
  json.field("packets", interface.packets);
  json.field("received", interface.received);
  json.field("accepted", interface.accepted);
  json.field("dropped_by_interface", interface.dropped_by_interface);
  json.field("dropped_by_os", interface.dropped_by_os);
  json.field("dropped_between", interface.dropped_between);
  json.end();
}

void write_file(JsonOut& json, const CaptureFile& file, const std::optional<OpenFlows>& open) {
  json.object();
  json.field("name", file.name);
  json.field("bytes", file.bytes);
  json.field("sha256", file.sha256);
  json.field("format", file.format);
  write_or_null(json, "compression", file.compression);
  json.field("packets", file.packets);
  json.field("first_at", file.first);
  json.field("last_at", file.last);
  json.key("damage");
  if (file.damage) {
    json.object();
    write_place(json, *file.damage);
    write_open(json, open);
    json.end();
  } else {
    json.value(nullptr);
  }
  json.key("link_types").array();
  for (const std::string& type : file.link_types) json.value(type);
  json.end();
  json.key("unread_link_types").array();
  for (const auto& [type, packets] : file.unread_links) {
    json.object();
    json.field("link_type", type);
    json.field("packets", packets);
    json.end();
  }
  json.end();
  write_or_null(json, "application", file.application);
  write_or_null(json, "os", file.os);
  json.key("interfaces").array();
  for (const CaptureInterface& interface : file.interfaces) write_interface(json, interface);
  json.end();
  json.field("omitted_interfaces", file.omitted_interfaces);
  json.field("untimed_packets", file.untimed_packets);
  json.field("decryption_secrets", file.decryption_secrets);
  json.end();
}

void write_vantage(JsonOut& json, const Vantage& vantage) {
  json.key("vantage");
  if (vantage.point == VantagePoint::unknown && !vantage.given) {
    json.value(nullptr);
    return;
  }
  json.object();
  json.field("side", name(vantage.point));
  json.field("confidence", name(vantage.confidence));
  json.key("because").array();
  for (const std::string& reason : vantage.because) json.value(reason);
  json.end();
  json.end();
}

/// At borders of captures, where nobody may have recorded. Only where there are some.
void write_pauses(JsonOut& json, const CaptureSummary& input) {
  constexpr std::size_t kListed = 256;
  std::size_t count = 0;
  for (const CaptureBorder& border : input.borders) {
    if (border.ordinary || count == kListed) continue;
    if (count++ == 0) json.key("pauses").array();
    json.object();
    json.field("after_packet", border.last.number);
    json.packet_in_file("after_packet_in_file", border.last);
    json.field("from", border.last.time);
    json.field("before_packet", border.next.number);
    json.packet_in_file("before_packet_in_file", border.next);
    json.field("to", border.next.time);
    json.end();
  }
  if (count != 0) json.end();
}

}  // namespace

void write_input(JsonOut& json, const Report& report) {
  static const CaptureSummary kNone;
  const CaptureSummary& input = report.input != nullptr ? *report.input : kNone;
  json.key("input").object();
  json.key("files").array();
  for (std::size_t i = 0; i < input.files.size(); ++i)
    write_file(json, input.files[i], open_at(report, i));
  json.end();
  json.field("packets", report.ledger.packets);
  json.key("first_at");
  report.first ? json.value(report.first->time) : json.value(nullptr);
  json.key("last_at");
  report.last ? json.value(report.last->time) : json.value(nullptr);
  write_damage(json, report);
  write_ledger(json, report.ledger);
  write_vantage(json, report.vantage);
  write_passed_over(json, input);
  write_notes(json, input);
  json.field("reordered_packets", input.reordered);
  write_pauses(json, input);
  json.key("not_read").array();
  for (const NotRead& each : input.not_read) {
    json.object().field("name", each.name).field("reason", each.reason).end();
  }
  json.end();
  json.field("omitted_not_read", input.omitted_not_read);
  json.end();
}

}  // namespace httpdiag::report
