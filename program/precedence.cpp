#include "program/precedence.hpp"

#include <unordered_map>

namespace dse::program {

Precedence::Precedence(const std::vector<const Lane*>& lanes) {
  std::unordered_map<std::size_t, std::size_t> open;  // transfers of which one end is known
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    first_.push_back(place_.size());
    for (std::size_t step = 0; step < lanes[lane]->steps.size(); ++step) {
      const Step& facts = lanes[lane]->steps[step];
      const std::size_t here = place_.size();
      place_.push_back({lane, step});
      end_.emplace_back();
      receives_.push_back(facts.kind == StepKind::receive);
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

// A lane's steps stand in an order in which they could run, so it is enough to go along all lanes at once, each until a
// message that has not been sent.
void Precedence::walk(const std::vector<const Lane*>& lanes) {
  std::vector<std::size_t> next(lanes.size(), 0);
  std::vector<char> done(place_.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t lane = 0; lane < lanes.size(); ++lane)
      for (; next[lane] < lanes[lane]->steps.size(); ++next[lane], moved = true) {
        const std::size_t at = first_[lane] + next[lane];
        if (receives_[at] && end_[at] && done[*end_[at]] == 0) break;
        add_predecessors(at, first_[lane], lanes[lane]->steps[next[lane]].after);
        done[at] = 1;
      }
  }
}

void Precedence::add_predecessors(std::size_t at, std::size_t first, const std::vector<std::size_t>& after) {
  for (auto step = after.rbegin(); step != after.rend(); ++step) {
    const std::size_t earlier = first + *step;
    if (started_.get(at, earlier)) continue;  // then what was over before it is known too
    // What is over when `earlier` is: what was when it started, and when its message was sent.
    started_.add_row(at, earlier);
    if (receives_[earlier] && end_[earlier]) started_.add_row(at, *end_[earlier]);
    started_.set(at, earlier);
  }
}

bool Precedence::before(StepPlace earlier, StepPlace later) const { return started_.get(node(later), node(earlier)); }

std::optional<StepPlace> Precedence::other_end(StepPlace step) const {
  const std::optional<std::size_t> end = end_[node(step)];
  return end ? std::optional(place_[*end]) : std::nullopt;
}

}  // namespace dse::program
