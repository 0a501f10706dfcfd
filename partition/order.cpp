// Orders over whole program sets: the global topological order, and the renumbering of the devices that take part.
#include "base/error.hpp"
#include "partition/lowering.hpp"
#include "partition/plan.hpp"

namespace dse {
namespace {

using program::StepKind;

// Walks every lane as far as its steps' predecessors allow, again and again, until all are placed.
class Walk {
 public:
  explicit Walk(const program::ProgramSet& set) : set_(set), sent_(set.deployment.transfers, false) {}

  std::vector<GlobalStep> run() {
    std::vector<std::vector<std::size_t>> position;
    std::size_t total = 0;
    for (const program::Program& program : set_.programs) {
      position.emplace_back(program.lanes.size(), 0);
      for (const program::Lane& lane : program.lanes) total += lane.steps.size();
    }
    // Lanes list their steps in the global topological order, so the head of some lane is always ready.
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t d = 0; d < set_.programs.size(); ++d)
        for (std::size_t l = 0; l < position[d].size(); ++l) moved = advance(d, l, position[d][l]) || moved;
    }
    if (order_.size() != total)
      throw Error(ExitCode::internal, "PLAN-CYCLE", "the programs' steps wait for each other");
    return std::move(order_);
  }

 private:
  bool advance(std::size_t device, std::size_t lane, std::size_t& position) {
    const auto& steps = set_.programs[device].lanes[lane].steps;
    const std::size_t before = position;
    for (; position < steps.size(); ++position) {
      const program::Step& step = steps[position];
      if (step.kind == StepKind::receive && !sent_[step.transfer]) break;
      if (step.kind == StepKind::send) sent_[step.transfer] = true;
      order_.push_back({device, lane, position});
    }
    return position != before;
  }

  const program::ProgramSet& set_;
  std::vector<bool> sent_;
  std::vector<GlobalStep> order_;
};

}  // namespace

std::vector<GlobalStep> global_order(const program::ProgramSet& programs) { return Walk(programs).run(); }

Participation participating(const Plan& plan) {
  Participation result;
  std::vector<std::size_t> rank_of(plan.programs.programs.size(), lowering::nobody);
  for (std::size_t d = 0; d < rank_of.size(); ++d) {
    if (plan.programs.programs[d].lanes.empty()) continue;
    rank_of[d] = result.device_of_rank.size();
    result.device_of_rank.push_back(d);
  }
  program::Deployment& deployment = result.programs.deployment = plan.programs.deployment;
  deployment.devices.clear();
  for (const std::size_t device : result.device_of_rank) {
    program::Program program = plan.programs.programs[device];
    deployment.devices.push_back(program.device);
    program.index = rank_of[device];
    for (program::Lane& lane : program.lanes)
      for (program::Step& step : lane.steps)
        if (step.kind == StepKind::send || step.kind == StepKind::receive) step.peer = rank_of[step.peer];
    result.programs.programs.push_back(std::move(program));
  }
  for (program::Replica& replica : deployment.replicas) {
    for (std::size_t& source : replica.sources) source = rank_of[source];
    replica.sink = rank_of[replica.sink];
  }
  return result;
}

}  // namespace dse
