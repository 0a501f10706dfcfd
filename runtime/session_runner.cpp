#include <fmt/format.h>

#include "base/error.hpp"
#include "runtime/executor.hpp"

namespace dse::runtime {
namespace {

// An extent that the engine could not infer agrees with any.
bool agrees(const TensorType& port, const TensorType& bound) {
  if (port.type != bound.type || port.shape.size() != bound.shape.size()) return false;
  for (std::size_t axis = 0; axis < port.shape.size(); ++axis)
    if (port.shape[axis] >= 0 && port.shape[axis] != bound.shape[axis]) return false;
  return true;
}

std::string describe(const TensorType& tensor) {
  return std::string(to_string(tensor.type)) + " " + to_string(tensor.shape);
}

void check_ports(const std::string& where, const std::vector<engine::PortInfo>& ports,
                 const std::vector<program::View>& views, const program::Lane& lane) {
  if (ports.size() != views.size())
    throw Error(ExitCode::bad_input, "RUNTIME-SESSION", {where},
                fmt::format("its sub-model has {} ports where the step binds {}", ports.size(), views.size()));
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const TensorType bound{lane.buffers[views[i].buffer].type, views[i].box.extents()};
    if (!agrees(ports[i].tensor, bound))
      throw Error(ExitCode::bad_input, "RUNTIME-SESSION", {where},
                  fmt::format("port '{}' of its sub-model is {}, the step binds {}", printable(ports[i].name, 60),
                              describe(ports[i].tensor), describe(bound)));
  }
}

}  // namespace

SessionRunner::SessionRunner(const program::Program& program, std::vector<engine::Session> sessions)
    : sessions_(std::move(sessions)) {
  if (sessions_.size() != program.segments.size())
    throw Error(ExitCode::internal, "RUNTIME-SESSION",
                fmt::format("{} sessions for {} segments", sessions_.size(), program.segments.size()));
  for (const program::Lane& lane : program.lanes)
    for (const program::Step& step : lane.steps) {
      if (step.kind != program::StepKind::run) continue;
      const std::string where =
          fmt::format("device '{}', step '{}'", printable(program.device, 60), printable(step.name, 60));
      check_ports(where, sessions_[step.segment].inputs(), step.sources, lane);
      check_ports(where, sessions_[step.segment].outputs(), step.targets, lane);
    }
}

void SessionRunner::run(std::size_t segment, std::span<const engine::ConstTensorView> inputs,
                        std::span<const engine::TensorView> outputs) {
  sessions_[segment].run(inputs, outputs);
}

}  // namespace dse::runtime
