// SPDX-License-Identifier: Apache-2.0
#include "rules/syn_answers.hpp"

namespace httpdiag::rules {

namespace {

bool is_question(const FlowRecord& flow) {
  return flow.c().syn && flow.s().packets == 0 && !flow.has(Oddity::synack_missing);
}

bool is_answer(const FlowRecord& flow) {
  return flow.s().syn && !flow.c().syn && flow.c().payload_packets == 0;
}

}  // namespace

void SynAnswers::note(const FlowRecord& flow) {
  const bool answer = is_answer(flow);
  if (!answer && !is_question(flow)) return;
  Entries& entries = answer ? answers_ : questions_;
  if (entries.size() >= kMost && !entries.contains(flow.client)) return;
  const PacketRef packet = answer ? flow.s().syn : flow.c().syn;
  entries.insert_or_assign(
      flow.client, Entry{.isn = flow.c().isn,
                         .match = {.flow = flow.id, .server = flow.server, .packet = packet}});
}

std::optional<SynAnswers::Match> SynAnswers::find(const Entries& entries, const FlowRecord& flow) {
  const auto found = entries.find(flow.client);
  if (found == entries.end() || found->second.isn != flow.c().isn) return std::nullopt;
  const Match& match = found->second.match;
  return match.server == flow.server ? std::nullopt : std::optional{match};
}

std::optional<SynAnswers::Match> SynAnswers::answer_to(const FlowRecord& flow) const {
  return is_question(flow) ? find(answers_, flow) : std::nullopt;
}

std::optional<SynAnswers::Match> SynAnswers::question_of(const FlowRecord& flow) const {
  return is_answer(flow) ? find(questions_, flow) : std::nullopt;
}

}  // namespace httpdiag::rules
