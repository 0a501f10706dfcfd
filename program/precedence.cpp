#include "program/precedence.hpp"

#include <map>

namespace dse::program {

Precedence::Precedence(const std::vector<const Lane*>& lanes) {
  std::map<std::size_t, std::size_t> open;  // transfers of which one end is known
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    first_.push_back(place_.size());
    for (std::size_t step = 0; step < lanes[lane]->steps.size(); ++step) {
      const Step& facts = lanes[lane]->steps[step];
      const std::size_t here = place_.size();
      place_.push_back({lane, step});
      end_.emplace_back();
      if (facts.kind != StepKind::send && facts.kind != StepKind::receive) continue;
      const auto [entry, first] = open.try_emplace(facts.transfer, here);
      if (first) continue;
      end_[here] = entry->second;
      end_[entry->second] = here;
    }
  }
  started_ = BitMatrix(place_.size(), place_.size());
  walk(lanes);
}

void Precedence::walk(const std::vector<const Lane*>& lanes) {
  const auto step_of = [&](std::size_t at) -> const Step& { return lanes[place_[at].lane]->steps[place_[at].step]; };
  const auto receives = [&](std::size_t at) { return step_of(at).kind == StepKind::receive && end_[at].has_value(); };
  std::vector<std::vector<std::size_t>> next(place_.size());
  std::vector<std::size_t> waiting(place_.size(), 0), ready;
  for (std::size_t at = 0; at < place_.size(); ++at) {
    for (const std::size_t earlier : step_of(at).after) next[first_[place_[at].lane] + earlier].push_back(at);
    waiting[at] += step_of(at).after.size();
    if (!receives(at)) continue;
    next[*end_[at]].push_back(at);
    ++waiting[at];
  }
  for (std::size_t at = 0; at < place_.size(); ++at)
    if (waiting[at] == 0) ready.push_back(at);
  while (!ready.empty()) {
    const std::size_t at = ready.back();
    ready.pop_back();
    for (const std::size_t step : step_of(at).after) {
      const std::size_t earlier = first_[place_[at].lane] + step;
      // What is over when `earlier` is: what was when it started, and when its message was sent.
      started_.add_row(at, earlier);
      if (receives(earlier)) started_.add_row(at, *end_[earlier]);
      started_.set(at, earlier);
    }
    for (const std::size_t later : next[at])
      if (--waiting[later] == 0) ready.push_back(later);
  }
}

bool Precedence::before(StepPlace earlier, StepPlace later) const { return started_.get(node(later), node(earlier)); }

std::optional<StepPlace> Precedence::other_end(StepPlace step) const {
  const std::optional<std::size_t> end = end_[node(step)];
  return end ? std::optional(place_[*end]) : std::nullopt;
}

}  // namespace dse::program
