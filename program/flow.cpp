#include "program/flow.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "base/bit_matrix.hpp"
#include "base/error.hpp"
#include "program/precedence.hpp"

namespace dse::program {
namespace {

// Which steps are before which: one bit for each pair.
class Order {
 public:
  explicit Order(const Lane& lane) : before_(lane.steps.size(), lane.steps.size()) {
    for (std::size_t step = 0; step < lane.steps.size(); ++step)
      for (const std::size_t earlier : lane.steps[step].after) {
        before_.add_row(step, earlier);
        before_.set(step, earlier);
      }
  }
  bool before(std::size_t earlier, std::size_t later) const { return before_.get(later, earlier); }

 private:
  BitMatrix before_;
};

struct Access {
  std::size_t step = 0;
  bool write = false;
  const Box* box = nullptr;
};

std::vector<std::vector<Access>> accesses(const Lane& lane) {
  std::vector<std::vector<Access>> result(lane.buffers.size());
  for (std::size_t step = 0; step < lane.steps.size(); ++step) {
    for (const View& view : lane.steps[step].sources) result[view.buffer].push_back({step, false, &view.box});
    for (const View& view : lane.steps[step].targets) result[view.buffer].push_back({step, true, &view.box});
  }
  return result;
}

// What is left of `box` without `hole`, as boxes.
std::vector<Box> without(Box box, const Box& hole) {
  if (intersect(box, hole).empty()) return {std::move(box)};
  std::vector<Box> result;
  for (std::size_t axis = 0; axis < box.lo.size(); ++axis) {
    if (box.lo[axis] < hole.lo[axis]) {
      result.push_back(box);
      result.back().hi[axis] = hole.lo[axis];
      box.lo[axis] = hole.lo[axis];
    }
    if (hole.hi[axis] < box.hi[axis]) {
      result.push_back(box);
      result.back().lo[axis] = hole.hi[axis];
      box.hi[axis] = hole.hi[axis];
    }
  }
  return result;
}

bool written_before(const Access& read, const std::vector<Access>& all) {
  std::vector<Box> missing{*read.box};
  for (const Access& other : all) {
    if (!other.write || other.step >= read.step) continue;
    std::vector<Box> rest;
    for (Box& box : missing)
      for (Box& piece : without(std::move(box), *other.box)) rest.push_back(std::move(piece));
    missing = std::move(rest);
  }
  return missing.empty();
}

bool clash(const Access& a, const Access& b) { return (a.write || b.write) && !intersect(*a.box, *b.box).empty(); }

}  // namespace

void check_flow(const Program& program, const Lane& lane) {
  const Order order(lane);
  const auto fail = [&](std::size_t step, const std::string& message) {
    throw Error(ExitCode::bad_input, "PROGRAM-FLOW",
                {fmt::format("program of '{}', replica {}, step {} '{}'", printable(program.device, 60), lane.replica,
                             step, printable(lane.steps[step].name, 60))},
                message);
  };
  const auto by_buffer = accesses(lane);
  for (std::size_t buffer = 0; buffer < by_buffer.size(); ++buffer) {
    const std::string tensor = "'" + printable(lane.buffers[buffer].tensor, 60) + "'";
    const std::vector<Access>& all = by_buffer[buffer];
    for (std::size_t j = 0; j < all.size(); ++j) {
      for (std::size_t i = 0; i < j; ++i) {
        if (!clash(all[i], all[j])) continue;
        if (all[i].step == all[j].step)
          fail(all[j].step, "writes the same elements of " + tensor + " that it reads or writes elsewhere");
        if (!order.before(all[i].step, all[j].step))
          fail(all[j].step,
               fmt::format("shares elements of {} with step {} but is not ordered after it", tensor, all[i].step));
      }
      if (!all[j].write && !written_before(all[j], all))
        fail(all[j].step, "reads elements of " + tensor + " that no earlier step writes");
    }
  }
}

namespace {

struct Graph {
  std::vector<std::vector<std::size_t>> next;
  std::vector<std::size_t> waiting;

  void edge(std::size_t from, std::size_t to) {
    next[from].push_back(to);
    ++waiting[to];
  }
  // Takes away every node that nothing waits for; what stays is on a cycle or behind one.
  std::size_t left_after_sort() {
    std::vector<std::size_t> ready;
    for (std::size_t node = 0; node < waiting.size(); ++node)
      if (waiting[node] == 0) ready.push_back(node);
    std::size_t left = waiting.size();
    while (!ready.empty()) {
      const std::size_t node = ready.back();
      ready.pop_back();
      --left;
      for (const std::size_t later : next[node])
        if (--waiting[later] == 0) ready.push_back(later);
    }
    return left;
  }
};

}  // namespace

void check_acyclic(const ProgramSet& set) {
  Graph graph;
  std::map<std::size_t, std::size_t> sender, receiver;  // transfer → node
  for (const Program& program : set.programs)
    for (const Lane& lane : program.lanes) {
      const std::size_t first = graph.next.size();
      graph.next.resize(first + lane.steps.size());
      graph.waiting.resize(first + lane.steps.size(), 0);
      for (std::size_t step = 0; step < lane.steps.size(); ++step) {
        for (const std::size_t earlier : lane.steps[step].after) graph.edge(first + earlier, first + step);
        if (lane.steps[step].kind == StepKind::send) sender[lane.steps[step].transfer] = first + step;
        if (lane.steps[step].kind == StepKind::receive) receiver[lane.steps[step].transfer] = first + step;
      }
    }
  for (const auto& [transfer, node] : sender) graph.edge(node, receiver.at(transfer));
  if (graph.left_after_sort() != 0)
    throw Error(
        ExitCode::bad_input, "PROGRAM-CYCLE", {"deployment"},
        "its steps and transfers wait for each other in a circle; every transfer must go forward in one global order");
}

namespace {

class SharedMemoryCheck {
 public:
  SharedMemoryCheck(const Precedence& precedence, std::size_t index, const Lane& lane)
      : precedence_(precedence), index_(index), lane_(lane), uses_(accesses(lane)) {}

  // The name of a buffer that may be written while another of its block is in use; empty where there is none.
  std::string first_clash() const {
    for (std::size_t a = 0; a < uses_.size(); ++a)
      for (std::size_t b = 0; b < a; ++b)
        if (lane_.buffers[a].block && lane_.buffers[a].block == lane_.buffers[b].block && !is_over(a, b) &&
            !is_over(b, a))
          return lane_.buffers[a].tensor;
    return {};
  }

 private:
  bool is_over(std::size_t earlier, std::size_t later) const {
    for (const Access& use : uses_[earlier]) {
      if (lane_.steps[use.step].kind == StepKind::output) return false;
      for (const Access& other : uses_[later])
        if (other.write && !precedence_.before({index_, use.step}, {index_, other.step})) return false;
    }
    return true;
  }

  const Precedence& precedence_;
  std::size_t index_;
  const Lane& lane_;
  std::vector<std::vector<Access>> uses_;
};

}  // namespace

void check_shared_memory(const ProgramSet& set, std::size_t replica) {
  std::vector<const Lane*> lanes;
  std::vector<const Program*> programs;
  bool shared = false;
  for (const Program& program : set.programs)
    for (const Lane& lane : program.lanes) {
      if (lane.replica != replica) continue;
      lanes.push_back(&lane);
      programs.push_back(&program);
      for (const Buffer& buffer : lane.buffers) shared = shared || buffer.block.has_value();
    }
  if (!shared) return;
  const Precedence precedence(lanes);
  for (std::size_t i = 0; i < lanes.size(); ++i)
    if (const std::string tensor = SharedMemoryCheck(precedence, i, *lanes[i]).first_clash(); !tensor.empty())
      throw Error(ExitCode::bad_input, "PROGRAM-MEMORY",
                  {fmt::format("program of '{}', replica {}", printable(programs[i]->device, 60), replica)},
                  "the buffer of '" + printable(tensor, 60) +
                      "' may be written while another one in the same memory is in use");
}

}  // namespace dse::program
