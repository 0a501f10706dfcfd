#include "partition/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "partition/lowering.hpp"

namespace dse {
namespace {

using lowering::Group;
using lowering::nobody;
using program::Buffer;
using program::Lane;
using program::Program;
using program::Step;
using program::StepKind;
using program::View;

// What one device's lane looks like while it is written.
struct LaneDraft {
  Lane lane;
  std::map<TensorId, std::size_t> buffers;   // the buffer that holds a tensor
  std::map<TensorId, std::size_t> producer;  // the step that fills it
};

class Lowering {
 public:
  Lowering(const Network& network, const Platform& platform, const Mapping& mapping)
      : network_(network), platform_(platform) {
    plan_.mapping = mapping;
    start_programs();
  }

  Plan run() {
    for (std::size_t replica = 0; replica < plan_.mapping.replicas.size(); ++replica) lower_replica(replica);
    plan_.programs.deployment.transfers = plan_.transfers.size();
    return std::move(plan_);
  }

 private:
  void start_programs() {
    program::Deployment& deployment = plan_.programs.deployment;
    for (std::size_t d = 0; d < platform_.devices.size(); ++d) {
      const Device& device = platform_.devices[d];
      deployment.devices.push_back(device.name);
      Program program;
      program.device = device.name;
      program.index = d;
      program.threads = device.cores;
      program.execution_provider = device.engine;
      plan_.programs.programs.push_back(std::move(program));
    }
    for (const TensorId input : network_.inputs()) deployment.inputs.push_back(port_of(input));
    for (const TensorId output : network_.outputs()) deployment.outputs.push_back(port_of(output));
  }

  program::Port port_of(TensorId tensor) const {
    return {network_.tensors()[tensor].name, network_.tensors()[tensor].tensor};
  }

  void lower_replica(std::size_t replica) {
    replica_ = replica;
    place_layers();
    const std::vector<Group> groups = lowering::group_layers(network_, device_of_);
    lanes_.clear();
    lanes_.resize(platform_.devices.size());
    for (LaneDraft& draft : lanes_) draft.lane.replica = replica;
    first_segment_ = plan_.segments.size();
    add_parts_and_segments(groups);
    find_transfers();
    emit_inputs();
    for (const std::size_t segment : segment_order()) emit_segment(segment);
    emit_outputs();
    finish_replica();
  }

  void place_layers() {
    device_of_.assign(network_.layers().size(), nobody);
    for (const Stage& stage : plan_.mapping.replicas[replica_].stages) {
      if (stage.devices.size() != 1 || stage.split != Split::none)
        throw Error(ExitCode::bad_input, "PLAN-SPLIT", "stages split over several devices cannot be lowered yet");
      for (const LayerId layer : stage.layers) device_of_[layer] = stage.devices.front();
      if (stage.threads > 0) plan_.programs.programs[stage.devices.front()].threads = stage.threads;
    }
    if (std::find(device_of_.begin(), device_of_.end(), nobody) != device_of_.end())
      throw Error(ExitCode::internal, "PLAN-LAYERS",
                  fmt::format("replica {} leaves a layer without a device", replica_));
  }

  void add_parts_and_segments(const std::vector<Group>& groups) {
    segment_of_.assign(network_.layers().size(), 0);
    for (const Group& group : groups) {
      PlanSegment segment;
      segment.replica = replica_;
      segment.device = group.device;
      for (const LayerId layer : group.layers) {
        segment_of_[layer] = plan_.segments.size();
        segment.parts.push_back(plan_.parts.size());
        plan_.parts.push_back(whole_part(layer, group.device, plan_.segments.size()));
      }
      plan_.segments.push_back(std::move(segment));
    }
    for (const Group& group : groups) connect(plan_.segments[segment_of_[group.layers.front()]], group.layers);
  }

  Part whole_part(LayerId layer, std::size_t device, std::size_t segment) const {
    Part part;
    part.replica = replica_;
    part.layer = layer;
    part.device = device;
    part.segment = segment;
    for (const TensorId tensor : network_.layers()[layer].outputs) part.outputs.push_back(whole(tensor));
    for (const TensorId tensor : network_.layers()[layer].inputs) part.inputs.push_back(whole(tensor));
    return part;
  }

  Region whole(TensorId tensor) const { return Region::whole(network_.tensors()[tensor].tensor.shape); }

  void connect(PlanSegment& segment, const std::vector<LayerId>& layers) const {
    const std::size_t self = segment_of_[layers.front()];
    std::set<TensorId> seen;
    for (const LayerId layer : layers) {
      for (const TensorId tensor : network_.layers()[layer].inputs) {
        const auto producer = network_.tensors()[tensor].producer;
        if ((!producer || segment_of_[*producer] != self) && seen.insert(tensor).second)
          segment.inputs.push_back(tensor);
      }
    }
    for (const LayerId layer : layers) {
      for (const TensorId tensor : network_.layers()[layer].outputs) {
        const NetworkTensor& result = network_.tensors()[tensor];
        const bool read_outside = std::any_of(result.consumers.begin(), result.consumers.end(),
                                              [&](LayerId consumer) { return segment_of_[consumer] != self; });
        if (read_outside || result.is_output) segment.outputs.push_back(tensor);
      }
    }
  }

  // The device that has a tensor first: its producer's, or the source for network inputs (each reader, with a source
  // everywhere).
  std::size_t holder(TensorId tensor, std::size_t reader) const {
    if (const auto producer = network_.tensors()[tensor].producer) return device_of_[*producer];
    return platform_.input_everywhere ? reader : platform_.input;
  }

  std::vector<std::size_t> readers(TensorId tensor) const {
    const NetworkTensor& facts = network_.tensors()[tensor];
    std::set<std::size_t> devices;
    for (const LayerId consumer : facts.consumers) devices.insert(device_of_[consumer]);
    if (facts.is_output) devices.insert(platform_.output);
    return {devices.begin(), devices.end()};
  }

  void find_transfers() {
    incoming_.clear();
    outgoing_.clear();
    for (TensorId tensor = 0; tensor < network_.tensors().size(); ++tensor) {
      for (const std::size_t reader : readers(tensor)) {
        const std::size_t from = holder(tensor, reader);
        if (from == reader) continue;
        const std::size_t index = plan_.transfers.size();
        plan_.transfers.push_back({replica_, tensor, whole(tensor), from, reader, network_.tensors()[tensor].bytes()});
        incoming_[{tensor, reader}] = index;
        outgoing_[{tensor, from}].push_back(index);
      }
    }
  }

  // Segments of this replica in a topological order, the one with the earliest layer first among those that are ready.
  std::vector<std::size_t> segment_order() const {
    const std::size_t count = plan_.segments.size() - first_segment_;
    std::vector<std::set<std::size_t>> successors(count);
    std::vector<std::size_t> missing(count, 0);
    for (std::size_t s = 0; s < count; ++s) {
      for (const TensorId tensor : plan_.segments[first_segment_ + s].inputs) {
        const auto producer = network_.tensors()[tensor].producer;
        if (producer && successors[segment_of_[*producer] - first_segment_].insert(s).second) ++missing[s];
      }
    }
    std::set<std::pair<LayerId, std::size_t>> ready;
    const auto key = [&](std::size_t s) {
      return std::pair{plan_.parts[plan_.segments[first_segment_ + s].parts.front()].layer, s};
    };
    for (std::size_t s = 0; s < count; ++s)
      if (missing[s] == 0) ready.insert(key(s));
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      const std::size_t s = ready.extract(ready.begin()).value().second;
      order.push_back(first_segment_ + s);
      for (const std::size_t next : successors[s])
        if (--missing[next] == 0) ready.insert(key(next));
    }
    if (order.size() != count)
      throw Error(ExitCode::internal, "PLAN-CYCLE",
                  fmt::format("the segments of replica {} wait for each other", replica_));
    return order;
  }

  View view_of(std::size_t device, TensorId tensor) {
    LaneDraft& draft = lanes_[device];
    const auto [entry, made] = draft.buffers.try_emplace(tensor, draft.lane.buffers.size());
    const NetworkTensor& facts = network_.tensors()[tensor];
    const Box box = Box::whole(facts.tensor.shape);
    if (made) draft.lane.buffers.push_back(Buffer{facts.name, facts.tensor.type, box});
    return {entry->second, box};
  }

  std::size_t append(std::size_t device, Step step) {
    LaneDraft& draft = lanes_[device];
    std::sort(step.after.begin(), step.after.end());
    step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
    draft.lane.steps.push_back(std::move(step));
    return draft.lane.steps.size() - 1;
  }

  void emit_inputs() {
    sources_.clear();
    for (std::size_t port = 0; port < network_.inputs().size(); ++port) {
      const TensorId tensor = network_.inputs()[port];
      std::set<std::size_t> devices;
      for (const std::size_t reader : readers(tensor)) devices.insert(holder(tensor, reader));
      for (const std::size_t device : devices) {
        sources_.insert(device);
        Step step;
        step.kind = StepKind::input;
        step.name = "input " + network_.tensors()[tensor].name;
        step.port = port;
        step.targets = {view_of(device, tensor)};
        lanes_[device].producer[tensor] = append(device, std::move(step));
        emit_sends(device, tensor);
      }
    }
  }

  void emit_sends(std::size_t device, TensorId tensor) {
    const auto found = outgoing_.find({tensor, device});
    if (found == outgoing_.end()) return;
    for (const std::size_t index : found->second) {
      Step step;
      step.kind = StepKind::send;
      step.name = fmt::format("send {} to {}", network_.tensors()[tensor].name,
                              platform_.devices[plan_.transfers[index].to].name);
      step.transfer = index;
      step.peer = plan_.transfers[index].to;
      step.sources = {view_of(device, tensor)};
      step.after = {lanes_[device].producer.at(tensor)};
      append(device, std::move(step));
    }
  }

  // The step that brings a tensor to a device: where it does not make it itself, a receive is added on first use.
  std::size_t bring(std::size_t device, TensorId tensor) {
    const auto found = lanes_[device].producer.find(tensor);
    if (found != lanes_[device].producer.end()) return found->second;
    const std::size_t index = incoming_.at({tensor, device});
    Step step;
    step.kind = StepKind::receive;
    step.name = fmt::format("receive {} from {}", network_.tensors()[tensor].name,
                            platform_.devices[plan_.transfers[index].from].name);
    step.transfer = index;
    step.peer = plan_.transfers[index].from;
    step.targets = {view_of(device, tensor)};
    return lanes_[device].producer[tensor] = append(device, std::move(step));
  }

  void emit_segment(std::size_t index) {
    PlanSegment& segment = plan_.segments[index];
    segment.program_segment = program_segment(segment);
    Step step;
    step.kind = StepKind::run;
    step.segment = segment.program_segment;
    step.name = plan_.programs.programs[segment.device].segments[segment.program_segment].name;
    for (const TensorId tensor : segment.inputs) {
      step.after.push_back(bring(segment.device, tensor));
      step.sources.push_back(view_of(segment.device, tensor));
    }
    for (const TensorId tensor : segment.outputs) step.targets.push_back(view_of(segment.device, tensor));
    segment.lane = plan_.programs.programs[segment.device].lanes.size();
    segment.step = append(segment.device, std::move(step));
    for (const TensorId tensor : segment.outputs) lanes_[segment.device].producer[tensor] = segment.step;
    for (const TensorId tensor : segment.outputs) emit_sends(segment.device, tensor);
  }

  // Replicas that give a device the same layers share one sub-model, and its weights.
  std::size_t program_segment(const PlanSegment& segment) {
    Program& program = plan_.programs.programs[segment.device];
    std::vector<LayerId> layers = layers_of(plan_, segment);
    const auto key = std::tuple{segment.device, layers, segment.inputs, segment.outputs};
    const auto [entry, made] = known_segments_.try_emplace(key, program.segments.size());
    if (made) {
      program::Segment added;
      const Layer& first = network_.layers()[layers.front()];
      const Layer& last = network_.layers()[layers.back()];
      added.name = layers.size() == 1 ? first.name : fmt::format("{} .. {}", first.name, last.name);
      for (const LayerId layer : layers) added.layers.push_back(network_.layers()[layer].name);
      for (const TensorId tensor : segment.inputs) added.inputs.push_back(network_.tensors()[tensor].name);
      for (const TensorId tensor : segment.outputs) added.outputs.push_back(network_.tensors()[tensor].name);
      program.segments.push_back(std::move(added));
    }
    return entry->second;
  }

  void emit_outputs() {
    for (std::size_t port = 0; port < network_.outputs().size(); ++port) {
      const TensorId tensor = network_.outputs()[port];
      Step step;
      step.kind = StepKind::output;
      step.name = "output " + network_.tensors()[tensor].name;
      step.port = port;
      step.after = {bring(platform_.output, tensor)};
      step.sources = {view_of(platform_.output, tensor)};
      append(platform_.output, std::move(step));
    }
  }

  void finish_replica() {
    program::Replica replica;
    replica.share = plan_.mapping.replicas[replica_].share;
    replica.sources.assign(sources_.begin(), sources_.end());
    replica.sink = platform_.output;
    replica.frames_in_flight =
        plan_.mapping.frames_in_flight > 0 ? static_cast<std::size_t>(plan_.mapping.frames_in_flight) : crossings() + 2;
    plan_.programs.deployment.replicas.push_back(std::move(replica));
    for (std::size_t d = 0; d < lanes_.size(); ++d)
      if (!lanes_[d].lane.steps.empty()) plan_.programs.programs[d].lanes.push_back(std::move(lanes_[d].lane));
  }

  // The largest number of transfers that one frame passes through one after another.
  std::size_t crossings() const {
    std::vector<std::size_t> depth(network_.tensors().size(), 0);
    std::size_t deepest = 0;
    for (LayerId layer = 0; layer < network_.layers().size(); ++layer) {
      std::size_t here = 0;
      for (const TensorId tensor : network_.layers()[layer].inputs)
        here = std::max(here, depth[tensor] + (holder(tensor, device_of_[layer]) != device_of_[layer] ? 1 : 0));
      for (const TensorId tensor : network_.layers()[layer].outputs) depth[tensor] = here;
    }
    for (const TensorId tensor : network_.outputs())
      deepest = std::max(deepest, depth[tensor] + (holder(tensor, platform_.output) != platform_.output ? 1 : 0));
    return deepest;
  }

  const Network& network_;
  const Platform& platform_;
  Plan plan_;
  std::map<std::tuple<std::size_t, std::vector<LayerId>, std::vector<TensorId>, std::vector<TensorId>>, std::size_t>
      known_segments_;

  // Of the replica being lowered.
  std::size_t replica_ = 0;
  std::size_t first_segment_ = 0;
  std::vector<std::size_t> device_of_;   // per layer
  std::vector<std::size_t> segment_of_;  // per layer, index into Plan::segments
  std::vector<LaneDraft> lanes_;         // per device
  std::set<std::size_t> sources_;
  std::map<std::pair<TensorId, std::size_t>, std::size_t> incoming_;               // (tensor, to) → transfer
  std::map<std::pair<TensorId, std::size_t>, std::vector<std::size_t>> outgoing_;  // (tensor, from) → transfers
};

}  // namespace

Plan lower(const Network& network, const Platform& platform, const Mapping& mapping) {
  return Lowering(network, platform, mapping).run();
}

std::vector<LayerId> layers_of(const Plan& plan, const PlanSegment& segment) {
  std::vector<LayerId> layers;
  layers.reserve(segment.parts.size());
  for (const PartId part : segment.parts) layers.push_back(plan.parts[part].layer);
  return layers;
}

}  // namespace dse
