#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "program/flow.hpp"
#include "program/program.hpp"

namespace dse::program {
namespace {

[[noreturn]] void fail(std::string_view code, const std::string& where, const std::string& message) {
  throw Error(ExitCode::bad_input, code, {where}, message);
}

std::string place(const Program& program, const Lane& lane, std::size_t step) {
  return fmt::format("program of '{}', replica {}, step {} '{}'", printable(program.device, 60), lane.replica, step,
                     printable(lane.steps[step].name, 60));
}

bool proper(const Box& box) {
  if (box.lo.size() != box.hi.size()) return false;
  for (std::size_t axis = 0; axis < box.lo.size(); ++axis)
    if (box.lo[axis] < 0 || box.lo[axis] >= box.hi[axis]) return false;
  return element_count(box.extents()).has_value();
}

bool inside(const Box& box, const Box& outer) {
  return proper(box) && box.lo.size() == outer.lo.size() && outer.contains(box);
}

class StepCheck {
 public:
  StepCheck(const Deployment& deployment, const Program& program, const Lane& lane, std::size_t index)
      : deployment_(deployment), program_(program), lane_(lane), step_(lane.steps[index]), index_(index) {}

  void run() const {
    for (const std::size_t earlier : step_.after) require(earlier < index_, "'after' must name earlier steps only");
    views(step_.sources);
    views(step_.targets);
    switch (step_.kind) {
      case StepKind::input:
        return input();
      case StepKind::receive:
        counts(false, true);
        return message();
      case StepKind::run:
        return segment();
      case StepKind::copy:
        return copy();
      case StepKind::send:
        counts(true, false);
        return message();
      case StepKind::output:
        return output();
    }
    require(false, "is of no known kind");
  }

 private:
  void require(bool holds, const std::string& message) const {
    if (!holds) fail("PROGRAM-STEP", place(program_, lane_, index_), message);
  }

  void views(const std::vector<View>& list) const {
    for (const View& view : list) {
      require(view.buffer < lane_.buffers.size(),
              fmt::format("names buffer {}, there are {}", view.buffer, lane_.buffers.size()));
      require(inside(view.box, lane_.buffers[view.buffer].box),
              "has a view that is not a non-empty box inside its buffer");
    }
  }

  void counts(bool sources, bool targets) const {
    require(step_.sources.empty() != sources, sources ? "must have sources" : "must have no sources");
    require(step_.targets.empty() != targets, targets ? "must have targets" : "must have no targets");
  }

  void on_port(const std::vector<Port>& ports, const View& view, bool whole) const {
    require(step_.port < ports.size(), fmt::format("names port {}, the network has {}", step_.port, ports.size()));
    const TensorType& tensor = ports[step_.port].tensor;
    const Box all = Box::whole(tensor.shape);
    require(lane_.buffers[view.buffer].type == tensor.type, "differs from its port in element type");
    require(whole ? view.box == all : inside(view.box, all),
            whole ? "must take the whole of its port" : "reaches outside its port");
  }

  void input() const {
    counts(false, true);
    for (const View& view : step_.targets) on_port(deployment_.inputs, view, false);
    const auto& sources = deployment_.replicas[lane_.replica].sources;
    require(std::find(sources.begin(), sources.end(), program_.index) != sources.end(),
            "reads an input, but its device is no source of the replica");
  }

  void output() const {
    counts(true, false);
    require(step_.sources.size() == 1, "must have one source");
    on_port(deployment_.outputs, step_.sources.front(), true);
    require(contiguous(step_.sources.front()), "has a source that is not contiguous in its buffer");
    require(deployment_.replicas[lane_.replica].sink == program_.index,
            "writes an output, but its device is not the sink of the replica");
  }

  void message() const {
    require(step_.transfer < deployment_.transfers,
            fmt::format("names transfer {}, there are {}", step_.transfer, deployment_.transfers));
    require(step_.peer < deployment_.devices.size() && step_.peer != program_.index,
            "must name another device of the deployment");
  }

  void segment() const {
    require(step_.segment < program_.segments.size(),
            fmt::format("names segment {}, there are {}", step_.segment, program_.segments.size()));
    const Segment& called = program_.segments[step_.segment];
    require(step_.sources.size() == called.inputs.size() && step_.targets.size() == called.outputs.size(),
            fmt::format("binds {} inputs and {} outputs, segment '{}' has {} and {}", step_.sources.size(),
                        step_.targets.size(), printable(called.name, 60), called.inputs.size(), called.outputs.size()));
    require(!step_.targets.empty(), "computes nothing");
    for (const View& view : step_.sources)
      require(contiguous(view), "has a source that is not contiguous in its buffer");
    for (const View& view : step_.targets)
      require(contiguous(view), "has a target that is not contiguous in its buffer");
  }

  void copy() const {
    counts(true, true);
    require(step_.sources.size() == step_.targets.size(), "must have as many targets as sources");
    for (std::size_t i = 0; i < step_.sources.size(); ++i) {
      const View& from = step_.sources[i];
      const View& to = step_.targets[i];
      require(from.box == to.box && lane_.buffers[from.buffer].type == lane_.buffers[to.buffer].type,
              "copies between views that differ in box or element type");
    }
  }

  bool contiguous(const View& view) const { return contiguous_in(view.box, lane_.buffers[view.buffer].box); }

  const Deployment& deployment_;
  const Program& program_;
  const Lane& lane_;
  const Step& step_;
  std::size_t index_;
};

void check_port(const Port& port, std::string_view what) {
  const bool sane = element_size(port.tensor.type) > 0 && element_count(port.tensor.shape).value_or(0) > 0;
  if (!sane)
    fail("PROGRAM-PORT", fmt::format("{} '{}'", what, printable(port.name, 60)),
         "must have a fixed element size and a shape without zeros");
}

void check_deployment(const Deployment& deployment) {
  const std::string where = "deployment";
  const std::size_t devices = deployment.devices.size();
  if (devices == 0) fail("PROGRAM-DEVICES", where, "must have a device");
  if (deployment.replicas.empty()) fail("PROGRAM-REPLICA", where, "must have a replica");
  if (deployment.outputs.empty()) fail("PROGRAM-PORT", where, "the network must have an output");
  for (const Port& port : deployment.inputs) check_port(port, "input");
  for (const Port& port : deployment.outputs) check_port(port, "output");
  for (const Replica& replica : deployment.replicas) {
    if (replica.share < 1 || replica.share > 1'000'000)
      fail("PROGRAM-REPLICA", where, "a share must be from 1 to 1000000");
    if (replica.frames_in_flight < 1 || replica.frames_in_flight > 4096)
      fail("PROGRAM-REPLICA", where, "frames in flight must be from 1 to 4096");
    const std::set<std::size_t> sources(replica.sources.begin(), replica.sources.end());
    const bool in_range = replica.sink < devices && (sources.empty() || *sources.rbegin() < devices);
    if (!in_range || sources.size() != replica.sources.size())
      fail("PROGRAM-REPLICA", where, "sources and sink must be different devices of the deployment, each source once");
  }
}

void check_lane(const Deployment& deployment, const Program& program, const Lane& lane) {
  const std::string where = fmt::format("program of '{}', replica {}", printable(program.device, 60), lane.replica);
  std::int64_t total = 0;
  for (const Buffer& buffer : lane.buffers) {
    const bool sane = proper(buffer.box) && element_size(buffer.type) > 0;
    if (!sane || __builtin_add_overflow(total, buffer.bytes(), &total) || total > (std::int64_t{1} << 46))
      fail("PROGRAM-BUFFER", where,
           "buffer of '" + printable(buffer.tensor, 60) +
               "' must be a non-empty box of a known element type and of sane size");
    if (buffer.block && (*buffer.block >= lane.buffers.size() || lane.buffers[*buffer.block].block != buffer.block))
      fail("PROGRAM-BUFFER", where,
           "buffer of '" + printable(buffer.tensor, 60) + "' must name the first buffer of its block");
  }
  for (std::size_t i = 0; i < lane.steps.size(); ++i) StepCheck(deployment, program, lane, i).run();
  for (const Segment& segment : program.segments)
    if (segment.name.empty()) fail("PROGRAM-SEGMENT", where, "every segment must have a name");
}

void check_program(const Deployment& deployment, const Program& program, std::size_t index) {
  const std::string where = fmt::format("program {}", index);
  if (program.index != index || program.device != deployment.devices[index])
    fail("PROGRAM-DEVICES", where, "is not the program of device '" + printable(deployment.devices[index], 60) + "'");
  if (program.threads < 1 || program.threads > 4096) fail("PROGRAM-DEVICES", where, "threads must be from 1 to 4096");
  std::set<std::size_t> replicas;
  for (const Lane& lane : program.lanes) {
    if (lane.replica >= deployment.replicas.size() || !replicas.insert(lane.replica).second)
      fail("PROGRAM-LANE", where, "every lane must belong to a replica of its own");
    check_lane(deployment, program, lane);
  }
}

const Lane* find_lane(const Program& program, std::size_t replica) {
  for (const Lane& lane : program.lanes)
    if (lane.replica == replica) return &lane;
  return nullptr;
}

// A source that has no input step would wait for credits for nothing; a sink without every output would never finish a
// frame.
void check_ends(const ProgramSet& set, std::size_t replica) {
  const Replica& ends = set.deployment.replicas[replica];
  const std::string where = fmt::format("replica {}", replica);
  for (const std::size_t device : ends.sources) {
    const Lane* lane = find_lane(set.programs[device], replica);
    const auto is_input = [](const Step& step) { return step.kind == StepKind::input; };
    if (lane == nullptr || std::none_of(lane->steps.begin(), lane->steps.end(), is_input))
      fail("PROGRAM-SOURCE", where,
           "its source '" + printable(set.deployment.devices[device], 60) + "' has no input step");
  }
  const Lane* sink = find_lane(set.programs[ends.sink], replica);
  std::vector<int> written(set.deployment.outputs.size(), 0);
  if (sink != nullptr)
    for (const Step& step : sink->steps)
      if (step.kind == StepKind::output) ++written[step.port];
  if (std::any_of(written.begin(), written.end(), [](int times) { return times != 1; }))
    fail("PROGRAM-SINK", where, "its sink must write every output of the network once");
}

struct Message {
  std::size_t device = 0;
  std::size_t replica = 0;
  const Lane* lane = nullptr;
  const Step* step = nullptr;
};

bool same_content(const Message& sent, const Message& received) {
  const auto& from = sent.step->sources;
  const auto& to = received.step->targets;
  const auto equal = [&](const View& a, const View& b) {
    const Buffer& x = sent.lane->buffers[a.buffer];
    const Buffer& y = received.lane->buffers[b.buffer];
    return a.box == b.box && x.type == y.type && x.tensor == y.tensor;
  };
  return std::equal(from.begin(), from.end(), to.begin(), to.end(), equal);
}

void check_messages(const ProgramSet& set) {
  std::map<std::size_t, std::vector<Message>> sends, receives;
  for (const Program& program : set.programs)
    for (const Lane& lane : program.lanes)
      for (const Step& step : lane.steps) {
        if (step.kind == StepKind::send) sends[step.transfer].push_back({program.index, lane.replica, &lane, &step});
        if (step.kind == StepKind::receive)
          receives[step.transfer].push_back({program.index, lane.replica, &lane, &step});
      }
  for (std::size_t transfer = 0; transfer < set.deployment.transfers; ++transfer) {
    const std::string where = fmt::format("transfer {}", transfer);
    if (sends[transfer].size() != 1 || receives[transfer].size() != 1)
      fail("PROGRAM-TRANSFER", where,
           fmt::format("must be sent once and received once, is sent {} times and received {} times",
                       sends[transfer].size(), receives[transfer].size()));
    const Message& sent = sends[transfer].front();
    const Message& received = receives[transfer].front();
    if (sent.step->peer != received.device || received.step->peer != sent.device || sent.replica != received.replica)
      fail("PROGRAM-TRANSFER", where, "its send and its receive must name each other's device, in one replica");
    if (sent.step->wire != received.step->wire || !same_content(sent, received))
      fail("PROGRAM-TRANSFER", where, "its send and its receive must agree in tensors, types, boxes and wire");
  }
}

}  // namespace

void check(const ProgramSet& set) {
  check_deployment(set.deployment);
  if (set.programs.size() != set.deployment.devices.size())
    fail("PROGRAM-DEVICES", "deployment",
         fmt::format("has {} devices but {} programs", set.deployment.devices.size(), set.programs.size()));
  for (std::size_t i = 0; i < set.programs.size(); ++i) check_program(set.deployment, set.programs[i], i);
  for (std::size_t replica = 0; replica < set.deployment.replicas.size(); ++replica) check_ends(set, replica);
  check_messages(set);
  for (const Program& program : set.programs)
    for (const Lane& lane : program.lanes) check_flow(program, lane);
  check_acyclic(set);
  for (std::size_t replica = 0; replica < set.deployment.replicas.size(); ++replica) check_shared_memory(set, replica);
}

}  // namespace dse::program
