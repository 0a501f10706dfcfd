#include <algorithm>

#include "partition/block_choice.hpp"
#include "partition/lowering.hpp"
#include "program/precedence.hpp"

namespace dse::lowering {
namespace {

using program::Lane;
using program::Precedence;
using program::Step;
using program::StepKind;
using program::StepPlace;

// What one buffer's steps are.
struct Uses {
  std::vector<std::size_t> writers;
  std::vector<std::size_t> all;  // ascending
  std::vector<StepPlace> last;   // when these are over, all are
  bool leaves = false;           // as an output, which stays until the frame has been taken
};

std::vector<Uses> uses_of(const Lane& lane) {
  std::vector<Uses> result(lane.buffers.size());
  const auto note = [](std::vector<std::size_t>& steps, std::size_t step) {
    if (steps.empty() || steps.back() != step) steps.push_back(step);
  };
  for (std::size_t step = 0; step < lane.steps.size(); ++step) {
    for (const program::View& view : lane.steps[step].sources) {
      note(result[view.buffer].all, step);
      if (lane.steps[step].kind == StepKind::output) result[view.buffer].leaves = true;
    }
    for (const program::View& view : lane.steps[step].targets) {
      note(result[view.buffer].all, step);
      note(result[view.buffer].writers, step);
    }
  }
  return result;
}

class LaneMemory {
 public:
  LaneMemory(const Precedence& precedence, std::size_t index, Lane& lane)
      : precedence_(precedence), index_(index), lane_(lane), uses_(uses_of(lane)) {}

  void run() {
    for (Uses& uses : uses_) find_last(uses);
    std::vector<std::size_t> order;
    for (std::size_t buffer = 0; buffer < uses_.size(); ++buffer)
      if (!uses_[buffer].writers.empty()) order.push_back(buffer);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return uses_[a].writers.front() < uses_[b].writers.front(); });
    for (const std::size_t buffer : order) place(buffer);
    for (const Block& block : blocks_)
      for (std::size_t i = 1; i < block.buffers.size(); ++i) {
        lane_.buffers[block.buffers[i - 1]].block = lane_.buffers[block.buffers[i]].block = block.buffers.front();
        keep_apart(uses_[block.buffers[i - 1]], uses_[block.buffers[i]]);
      }
  }

 private:
  struct Block {
    std::int64_t bytes = 0;
    std::vector<std::size_t> buffers;  // one after another
  };

  void find_last(Uses& uses) const {
    for (auto use = uses.all.rbegin(); use != uses.all.rend(); ++use) {
      const StepPlace ends = lane_.steps[*use].kind == StepKind::send ? other_end(*use) : here(*use);
      if (!over_before_any(ends, uses.last)) uses.last.push_back(ends);
    }
  }

  bool over_before_any(StepPlace step, const std::vector<StepPlace>& others) const {
    return std::any_of(others.begin(), others.end(), [&](StepPlace other) { return precedence_.before(step, other); });
  }

  void place(std::size_t buffer) {
    const std::int64_t bytes = lane_.buffers[buffer].bytes();
    const std::size_t chosen = choose_block(blocks_, bytes, [&](std::size_t block) {
      return is_over(uses_[blocks_[block].buffers.back()], uses_[buffer]);
    });
    if (chosen == blocks_.size()) blocks_.emplace_back();
    blocks_[chosen].bytes = std::max(blocks_[chosen].bytes, bytes);
    blocks_[chosen].buffers.push_back(buffer);
  }

  // Certain by what the steps wait for already: a message that has been received is not read from any more, and one
  // that has not been sent is not written yet.
  bool is_over(const Uses& earlier, const Uses& later) const {
    if (earlier.leaves) return false;
    return std::all_of(later.writers.begin(), later.writers.end(), [&](std::size_t writer) {
      const StepPlace starts = lane_.steps[writer].kind == StepKind::receive ? other_end(writer) : here(writer);
      return std::all_of(earlier.last.begin(), earlier.last.end(),
                         [&](StepPlace ends) { return precedence_.before(ends, starts); });
    });
  }

  // What the transport would otherwise not know: a receive is posted early, a send may keep its memory.
  void keep_apart(const Uses& earlier, const Uses& later) {
    for (const std::size_t writer : later.writers) {
      Step& step = lane_.steps[writer];
      for (const std::size_t use : earlier.all)
        if (step.kind == StepKind::receive || lane_.steps[use].kind == StepKind::send) step.after.push_back(use);
      std::sort(step.after.begin(), step.after.end());
      step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
    }
  }

  StepPlace here(std::size_t step) const { return {index_, step}; }
  StepPlace other_end(std::size_t step) const { return *precedence_.other_end(here(step)); }

  const Precedence& precedence_;
  std::size_t index_;
  Lane& lane_;
  std::vector<Uses> uses_;
  std::vector<Block> blocks_;
};

}  // namespace

void share_memory(const std::vector<Lane*>& lanes) {
  constexpr std::size_t fewest = 3;  // what one step reads and writes cannot share
  if (std::all_of(lanes.begin(), lanes.end(), [](const Lane* lane) { return lane->buffers.size() < fewest; })) return;
  const Precedence precedence({lanes.begin(), lanes.end()});
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) LaneMemory(precedence, lane, *lanes[lane]).run();
}

}  // namespace dse::lowering
