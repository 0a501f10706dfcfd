#include "estimator/workload.hpp"

#include <algorithm>
#include <mutex>

#include "estimator/costs.hpp"

namespace dse {
namespace {

constexpr std::size_t most_memories = 200'000;

double relaid(const Network& network, const OutlinePort& port, Port how) {
  if (port.value.kind != ValueId::Kind::tensor) return 0;
  const NetworkTensor& tensor = network.tensors()[port.value.index];
  if (!tensor.producer || tensor.is_output || !is_relaid(network, tensor, how)) return 0;
  return static_cast<double>(port.elements) * static_cast<double>(element_size(tensor.tensor.type));
}

double seconds_of(const Platform& platform, const Network& network, const OutlineReplica& replica,
                  const OutlineGroup& group) {
  double bytes = 0;
  for (std::size_t i = group.first_input; i < group.end_input; ++i)
    bytes += relaid(network, replica.inputs[i], Port::read);
  for (std::size_t i = group.first_output; i < group.end_output; ++i)
    bytes += relaid(network, replica.outputs[i], Port::made);
  const DeviceProfile& profile = *platform.devices[group.device].profile;
  double seconds = profile.run_overhead_seconds + bytes * profile.cut_seconds_per_byte;
  for (std::size_t p = group.first_part; p < group.end_part; ++p) seconds += replica.parts[p]->note.seconds;
  return seconds;
}

FlowStep flow_step(const Platform& platform, const Network& network, const Resources& resources, const Outline& outline,
                   const OutlineReplica& replica, const OutlineStep& step) {
  FlowStep made;
  switch (step.kind) {
    case OutlineStep::Kind::instant:
      break;
    case OutlineStep::Kind::run:
      made.kind = FlowStep::Kind::compute;
      made.seconds = seconds_of(platform, network, replica, replica.groups[step.index]);
      break;
    case OutlineStep::Kind::copy:
      made.kind = FlowStep::Kind::compute;
      made.seconds = copy_seconds(*platform.devices[step.device].profile, static_cast<double>(step.bytes),
                                  outline.threads[step.device]);
      break;
    case OutlineStep::Kind::send:
      made = message_step(platform, resources, step.device, step.peer, step.bytes);
      break;
  }
  made.device = static_cast<std::uint32_t>(step.device);
  made.lane = static_cast<std::uint32_t>(step.lane);
  made.step = static_cast<std::uint32_t>(step.step);
  return made;
}

}  // namespace

SegmentMemory SegmentMemories::of(const Network& network, const OutlineReplica& replica, const OutlineGroup& group) {
  MixedKey key(group.end_part - group.first_part);
  for (std::size_t p = group.first_part; p < group.end_part; ++p) key.add(replica.parts[p]->id);
  for (std::size_t o = group.first_output; o < group.end_output; ++o)
    key.add(2 * replica.outputs[o].value.index + (replica.outputs[o].value.kind == ValueId::Kind::tensor ? 0 : 1));
  {
    const std::shared_lock lock(mutex_);
    const auto known = known_.find(key);
    if (known != known_.end()) return known->second;
  }
  std::vector<const Part*> parts;
  std::vector<ValuePort> outputs;
  for (std::size_t p = group.first_part; p < group.end_part; ++p) parts.push_back(&replica.parts[p]->part);
  for (std::size_t o = group.first_output; o < group.end_output; ++o) outputs.push_back({replica.outputs[o].value, {}});
  const SegmentMemory memory = segment_memory(network, parts, outputs);
  const std::unique_lock lock(mutex_);
  if (known_.size() < most_memories) known_.try_emplace(key, memory);
  return memory;
}

void fill_workload(const Platform& platform, const Network& network, const Resources& resources, const Outline& outline,
                   SegmentMemories& memories, Workload& into) {
  const std::size_t devices = platform.devices.size();
  into.flows.resize(outline.replicas.size());
  into.devices.assign(devices, {});
  into.tier = Tier::table;
  std::vector<double> slots(devices, 0);
  std::vector<std::vector<SegmentMemory>> segments(devices);
  double shares = 0, seconds = 0, doubt = 0;
  int weakest = 0;
  for (const OutlineReplica& replica : outline.replicas) shares += static_cast<double>(replica.share);
  for (std::size_t r = 0; r < outline.replicas.size(); ++r) {
    const OutlineReplica& replica = outline.replicas[r];
    Flow& flow = into.flows[r];
    flow.replica = r;
    flow.fraction = static_cast<double>(replica.share) / shares;
    flow.frames_in_flight = replica.frames_in_flight;
    flow.steps.clear();
    for (const OutlineStep& step : replica.steps)
      flow.steps.push_back(flow_step(platform, network, resources, outline, replica, step));
    std::vector<FlowEdge> edges;
    edges.reserve(replica.edges.size());
    for (const OutlineEdge& edge : replica.edges)
      edges.push_back({static_cast<std::uint32_t>(edge.from), static_cast<std::uint32_t>(edge.to)});
    flow.link(edges);
    for (const OutlineGroup& group : replica.groups)
      segments[group.device].push_back(memories.of(network, replica, group));
    for (const PlacedPart* part : replica.parts) {
      seconds += part->note.seconds;
      doubt += part->note.doubt;
      weakest = std::max(weakest, part->note.weakness);
    }
    for (std::size_t d = 0; d < devices; ++d) {
      if (!replica.has_lane[d]) continue;
      into.devices[d].used = true;
      slots[d] += static_cast<double>(replica.frames_in_flight) * static_cast<double>(replica.slot_bytes[d]);
    }
  }
  into.tier = tier_of(weakest);
  into.uncertainty = seconds > 0 ? doubt / seconds : 0;
  for (std::size_t d = 0; d < devices; ++d) {
    into.devices[d].threads = outline.threads[d];
    if (into.devices[d].used)
      into.devices[d].memory = device_memory(*platform.devices[d].profile, segments[d], slots[d]);
  }
}

}  // namespace dse
