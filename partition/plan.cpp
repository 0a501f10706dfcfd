#include "partition/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "partition/lowering.hpp"
#include "partition/placement.hpp"

namespace dse {
namespace {

using lowering::Cluster;
using lowering::Delivery;
using lowering::Group;
using lowering::Holding;
using lowering::Holdings;
using lowering::nobody;
using program::Buffer;
using program::Lane;
using program::Program;
using program::Step;
using program::StepKind;
using program::View;

// Where one device keeps a value: its own result, and what it gathers from others.
struct Memory {
  View own;
  std::vector<std::size_t> gathered;        // by cluster: the buffer, nobody where the cluster is in the own result
  std::size_t own_in = nobody;              // the cluster whose buffer holds the own result as well
  std::optional<std::size_t> made;          // the step that makes the own result
  std::map<std::size_t, std::size_t> copy;  // by cluster: the step that brings the own result's piece
};

// What one device's lane looks like while it is written.
struct LaneDraft {
  Lane lane;
  std::vector<std::optional<Memory>> memory;    // by the value's number
  std::map<std::size_t, std::size_t> received;  // message → step
};

class Lowering {
 public:
  Lowering(const Network& network, const Platform& platform, const Mapping& mapping)
      : network_(network), platform_(platform), roles_(axis_roles(network)) {
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
    set_threads();
    std::vector<Part> parts = lowering::place_parts(network_, roles_, plan_.mapping.replicas[replica], replica);
    first_part_ = plan_.parts.size();
    std::optional<Holdings> holdings;
    do holdings_ = &holdings.emplace(network_, platform_, parts, first_part_);
    while (drop_unread(parts));
    find_groups(parts);
    find_messages(parts);
    plan_.parts.insert(plan_.parts.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
    lanes_.clear();
    lanes_.resize(platform_.devices.size());
    for (LaneDraft& draft : lanes_) {
      draft.lane.replica = replica;
      draft.memory.resize(holdings_->values());
    }
    emit_inputs();
    for (const std::size_t group : order_) emit_segment(group);
    emit_outputs();
    finish_replica();
  }

  void set_threads() {
    for (const Stage& stage : plan_.mapping.replicas[replica_].stages)
      for (const std::size_t device : stage.devices)
        if (stage.threads > 0) plan_.programs.programs[device].threads = stage.threads;
  }

  // True where there was a part whose results nobody reads; then others may have lost their only reader.
  bool drop_unread(std::vector<Part>& parts) {
    const std::vector<bool> read = holdings_->read(parts);
    std::size_t part = 0;
    return std::erase_if(parts, [&](const Part&) { return !read[part++]; }) > 0;
  }

  void find_groups(const std::vector<Part>& parts) {
    std::vector<lowering::PartFacts> facts;
    lowering::Sources sources;
    for (const Part& part : parts) {
      facts.push_back(lowering::facts_of(network_, part));
      std::vector<lowering::Source> of_part;
      for (const PartId source : holdings_->sources(part)) of_part.push_back({source - first_part_, false});
      for (const ValuePort& read : part.inputs) {
        const Holding& holding = holdings_->at(read.value, part.device);
        if (!holding.own || holding.own_box.contains(read.box)) continue;
        for (lowering::Source& source : of_part) source.meets |= source.part == *holding.own - first_part_;
      }
      sources.add(of_part);
    }
    groups_ = lowering::group_parts(facts, sources);
    group_of_.assign(parts.size(), 0);
    for (std::size_t group = 0; group < groups_.size(); ++group)
      for (const std::size_t part : groups_[group].parts) group_of_[part] = group;
    order_ = lowering::order_groups(groups_, group_of_, sources);
    find_outside_readers(parts);
  }

  void find_messages(const std::vector<Part>& parts) {
    message_of_ = lowering::merge_deliveries(delivery_facts(parts));
    messages_.clear();
    for (std::size_t id = 0; id < message_of_.size(); ++id) {
      if (message_of_[id] == messages_.size()) messages_.emplace_back();
      messages_[message_of_[id]].push_back(id);
    }
    first_transfer_ = plan_.transfers.size();
    for (const std::vector<std::size_t>& message : messages_) plan_.transfers.push_back(transfer_of(message));
  }

  std::vector<lowering::DeliveryFacts> delivery_facts(const std::vector<Part>& parts) {
    std::vector<std::size_t> position(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) position[order_[i]] = i;
    std::vector<lowering::DeliveryFacts> facts;
    for (const Delivery& delivery : holdings_->deliveries()) {
      const auto maker = holdings_->at(delivery.value, delivery.from).own;
      facts.push_back({maker ? group_of_[*maker - first_part_] : nobody, delivery.to, nobody, delivery.wire});
    }
    for (std::size_t part = 0; part < parts.size(); ++part)
      for (const ValuePort& port : parts[part].inputs)
        for (const std::size_t id : holdings_->cluster_of(port.value, parts[part].device, port.box).from)
          facts[id].first_reader = std::min(facts[id].first_reader, position[group_of_[part]]);
    return facts;
  }

  Transfer transfer_of(const std::vector<std::size_t>& message) const {
    Transfer transfer;
    transfer.replica = replica_;
    for (const std::size_t id : message) {
      const Delivery& delivery = holdings_->deliveries()[id];
      transfer.from = delivery.from;
      transfer.to = delivery.to;
      transfer.wire = delivery.wire;
      transfer.cargo.push_back({delivery.value, {}});
      for (const Delivery::Piece& piece : delivery.pieces) {
        transfer.cargo.back().boxes.push_back(piece.box);
        transfer.bytes +=
            program::wire_bytes(delivery.wire, value_type(network_, delivery.value).type, piece.box.elements());
      }
    }
    return transfer;
  }

  // Own results that another segment of the same device reads.
  void find_outside_readers(const std::vector<Part>& parts) {
    read_by_others_.clear();
    for (std::size_t part = 0; part < parts.size(); ++part)
      for (const ValuePort& port : parts[part].inputs) {
        const auto own = holdings_->at(port.value, parts[part].device).own;
        if (own && group_of_[*own - first_part_] != group_of_[part])
          read_by_others_.insert({port.value, parts[part].device});
      }
  }

  // ---- memory

  std::size_t add_buffer(std::size_t device, const ValueId& value, const Box& box) {
    auto& buffers = lanes_[device].lane.buffers;
    buffers.push_back(Buffer{value_name(network_, value), value_type(network_, value).type, box});
    return buffers.size() - 1;
  }

  Memory& memory_of(std::size_t device, const ValueId& value) {
    std::optional<Memory>& memory = lanes_[device].memory[holdings_->number(value)];
    if (!memory) lay_out(device, value, memory.emplace());
    return *memory;
  }

  // The own result lies inside a gathered box where it is one piece of it; then nothing is copied.
  void lay_out(std::size_t device, const ValueId& value, Memory& memory) {
    const Holding& holding = holdings_->at(value, device);
    for (std::size_t c = 0; c < holding.clusters.size(); ++c) {
      const Cluster& cluster = holding.clusters[c];
      memory.gathered.push_back(cluster.in_own ? nobody : add_buffer(device, value, cluster.box));
      if (!cluster.in_own && holding.has_own() && memory.own_in == nobody && cluster.box.contains(holding.own_box) &&
          program::contiguous_in(holding.own_box, cluster.box))
        memory.own_in = c;
    }
    if (!holding.has_own()) return;
    memory.own.box = holding.own_box;
    memory.own.buffer =
        memory.own_in != nobody ? memory.gathered[memory.own_in] : add_buffer(device, value, holding.own_box);
  }

  // What a segment binds to read a box: contiguous, and not less than the box.
  View view_to_read(std::size_t device, const ValueId& value, std::size_t cluster) {
    const Memory& memory = memory_of(device, value);
    const Cluster& facts = holdings_->at(value, device).clusters[cluster];
    if (!facts.in_own) return {memory.gathered[cluster], facts.box};
    const Box& buffer = lanes_[device].lane.buffers[memory.own.buffer].box;
    return program::contiguous_in(facts.box, buffer) ? View{memory.own.buffer, facts.box} : memory.own;
  }

  // ---- steps

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
      const ValueId value = tensor_value(network_.inputs()[port]);
      for (std::size_t device = 0; device < platform_.devices.size(); ++device) {
        if (!enters(value, device)) continue;
        Memory& memory = memory_of(device, value);
        Step step;
        step.kind = StepKind::input;
        step.name = "input " + value_name(network_, value);
        step.port = port;
        step.targets = {memory.own};
        sources_.insert(device);
        memory.made = append(device, std::move(step));
        emit_sends(device, {value});
      }
    }
  }

  bool enters(const ValueId& value, std::size_t device) const {
    const Holding& holding = holdings_->at(value, device);
    return holding.source && (!holding.clusters.empty() || !holding.sent.empty());
  }

  // `values` are made by one step: the messages that they are in are complete.
  void emit_sends(std::size_t device, const std::vector<ValueId>& values) {
    std::vector<std::size_t> messages;
    for (const ValueId& value : values)
      for (const std::size_t id : holdings_->sent(value, device))
        if (std::find(messages.begin(), messages.end(), message_of_[id]) == messages.end())
          messages.push_back(message_of_[id]);
    for (const std::size_t message : messages) emit_send(device, message);
  }

  void emit_send(std::size_t device, std::size_t message) {
    Step step = message_step(StepKind::send, message);
    for (const Cargo& cargo : plan_.transfers[step.transfer].cargo) {
      const Memory& memory = memory_of(device, cargo.value);
      for (const Box& box : cargo.boxes) step.sources.push_back({memory.own.buffer, box});
      step.after = {*memory.made};
    }
    append(device, std::move(step));
  }

  // Without views.
  Step message_step(StepKind kind, std::size_t message) const {
    Step step;
    step.kind = kind;
    step.transfer = first_transfer_ + message;
    const Transfer& transfer = plan_.transfers[step.transfer];
    const bool sends = kind == StepKind::send;
    step.peer = sends ? transfer.to : transfer.from;
    step.wire = transfer.wire;
    const std::string first = value_name(network_, transfer.cargo.front().value);
    const std::string what =
        transfer.cargo.size() == 1 ? first : fmt::format("{} and {} more", first, transfer.cargo.size() - 1);
    step.name = fmt::format("{} {} {} {}", sends ? "send" : "receive", what, sends ? "to" : "from",
                            platform_.devices[step.peer].name);
    return step;
  }

  // The steps that bring a cluster of a value to a device: receives and copies are added on first use.
  std::vector<std::size_t> bring(std::size_t device, const ValueId& value, std::size_t index) {
    Memory& memory = memory_of(device, value);
    const Cluster& cluster = holdings_->at(value, device).clusters[index];
    if (cluster.in_own) return {*memory.made};
    std::vector<std::size_t> steps;
    for (const std::size_t id : cluster.from) steps.push_back(receive(device, message_of_[id]));
    if (cluster.touches_own) steps.push_back(memory.own_in == index ? *memory.made : copy(device, memory, index));
    return steps;
  }

  std::size_t receive(std::size_t device, std::size_t message) {
    const auto [entry, first] = lanes_[device].received.try_emplace(message);
    if (!first) return entry->second;
    Step step = message_step(StepKind::receive, message);
    for (const std::size_t id : messages_[message]) {
      const Delivery& delivery = holdings_->deliveries()[id];
      const Memory& memory = memory_of(device, delivery.value);
      for (const Delivery::Piece& piece : delivery.pieces)
        step.targets.push_back({memory.gathered[piece.cluster], piece.box});
    }
    return entry->second = append(device, std::move(step));
  }

  std::size_t copy(std::size_t device, Memory& memory, std::size_t cluster) {
    const auto [entry, first] = memory.copy.try_emplace(cluster);
    if (!first) return entry->second;
    const Buffer& gathered = lanes_[device].lane.buffers[memory.gathered[cluster]];
    const Box piece = intersect(memory.own.box, gathered.box);
    Step step;
    step.kind = StepKind::copy;
    step.name = "copy " + gathered.tensor;
    step.sources = {{memory.own.buffer, piece}};
    step.targets = {{memory.gathered[cluster], piece}};
    step.after = {*memory.made};
    return entry->second = append(device, std::move(step));
  }

  // ---- segments

  void emit_segment(std::size_t index) {
    const Group& group = groups_[index];
    const std::size_t device = group.device;
    PlanSegment segment;
    segment.replica = replica_;
    segment.device = device;
    for (const std::size_t part : group.parts) {
      segment.parts.push_back(first_part_ + part);
      plan_.parts[first_part_ + part].segment = plan_.segments.size();
    }
    Step step;
    step.kind = StepKind::run;
    add_inputs(index, segment, step);
    add_outputs(segment, step);
    segment.program_segment = step.segment = program_segment(segment);
    step.name = plan_.programs.programs[device].segments[step.segment].name;
    segment.lane = plan_.programs.programs[device].lanes.size();
    segment.step = append(device, std::move(step));
    for (const ValuePort& port : segment.outputs) memory_of(device, port.value).made = segment.step;
    std::vector<ValueId> made;
    for (const ValuePort& port : segment.outputs) made.push_back(port.value);
    emit_sends(device, made);
    plan_.segments.push_back(std::move(segment));
  }

  void add_inputs(std::size_t group, PlanSegment& segment, Step& step) {
    for (const PartId id : segment.parts)
      for (const ValuePort& read : plan_.parts[id].inputs) {
        const Holding& holding = holdings_->at(read.value, segment.device);
        if (holding.own && group_of_[*holding.own - first_part_] == group && holding.own_box.contains(read.box))
          continue;
        const std::size_t cluster = holdings_->cluster_index(read.value, segment.device, read.box);
        const View view = view_to_read(segment.device, read.value, cluster);
        const ValuePort port{read.value, view.box};
        if (std::find(segment.inputs.begin(), segment.inputs.end(), port) != segment.inputs.end()) continue;
        for (const std::size_t before : bring(segment.device, read.value, cluster)) step.after.push_back(before);
        segment.inputs.push_back(port);
        step.sources.push_back(view);
      }
  }

  void add_outputs(PlanSegment& segment, Step& step) {
    for (const PartId id : segment.parts)
      for (const ValuePort& made : plan_.parts[id].outputs) {
        if (!leaves(made.value, segment.device)) continue;
        segment.outputs.push_back(made);
        step.targets.push_back(memory_of(segment.device, made.value).own);
      }
  }

  bool leaves(const ValueId& value, std::size_t device) const {
    const bool is_output = value.kind == ValueId::Kind::tensor && network_.tensors()[value.index].is_output;
    if (is_output && device == platform_.output) return true;
    return read_by_others_.contains({value, device}) || !holdings_->sent(value, device).empty();
  }

  // Replicas that give a device the same parts share one sub-model, and its weights.
  std::size_t program_segment(const PlanSegment& segment) {
    Program& program = plan_.programs.programs[segment.device];
    std::vector<std::size_t>& alike = known_segments_[{segment.device, plan_.parts[segment.parts.front()].layer}];
    for (const std::size_t other : alike)
      if (same_model(plan_.segments[other], segment)) return plan_.segments[other].program_segment;
    alike.push_back(plan_.segments.size());
    const std::vector<LayerId> layers = layers_of(plan_, segment);
    program::Segment added;
    const Layer& first = network_.layers()[layers.front()];
    const Layer& last = network_.layers()[layers.back()];
    added.name = layers.size() == 1 ? first.name : fmt::format("{} .. {}", first.name, last.name);
    for (const LayerId layer : layers) added.layers.push_back(network_.layers()[layer].name);
    for (const ValuePort& port : segment.inputs) added.inputs.push_back(value_name(network_, port.value));
    for (const ValuePort& port : segment.outputs) added.outputs.push_back(value_name(network_, port.value));
    program.segments.push_back(std::move(added));
    return program.segments.size() - 1;
  }

  bool same_model(const PlanSegment& a, const PlanSegment& b) const {
    return a.inputs == b.inputs && a.outputs == b.outputs &&
           std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                      [&](PartId x, PartId y) { return plan_.parts[x].work == plan_.parts[y].work; });
  }

  void emit_outputs() {
    for (std::size_t port = 0; port < network_.outputs().size(); ++port) {
      const TensorId tensor = network_.outputs()[port];
      const ValueId value = tensor_value(tensor);
      const std::size_t device = platform_.output;
      const std::size_t cluster =
          holdings_->cluster_index(value, device, Box::whole(network_.tensors()[tensor].tensor.shape));
      Step step;
      step.kind = StepKind::output;
      step.name = "output " + network_.tensors()[tensor].name;
      step.port = port;
      step.after = bring(device, value, cluster);
      step.sources = {view_to_read(device, value, cluster)};
      append(device, std::move(step));
    }
  }

  void finish_replica() {
    program::Replica replica;
    replica.share = plan_.mapping.replicas[replica_].share;
    replica.sources.assign(sources_.begin(), sources_.end());
    replica.sink = platform_.output;
    replica.frames_in_flight = plan_.mapping.frames_in_flight > 0
                                   ? static_cast<std::size_t>(plan_.mapping.frames_in_flight)
                                   : lowering::crossings(network_, platform_, plan_.mapping.replicas[replica_]) + 2;
    plan_.programs.deployment.replicas.push_back(std::move(replica));
    std::vector<Lane*> working;
    for (LaneDraft& draft : lanes_)
      if (!draft.lane.steps.empty()) working.push_back(&draft.lane);
    lowering::share_memory(working);
    for (std::size_t d = 0; d < lanes_.size(); ++d)
      if (!lanes_[d].lane.steps.empty()) plan_.programs.programs[d].lanes.push_back(std::move(lanes_[d].lane));
  }

  const Network& network_;
  const Platform& platform_;
  std::vector<AxisRoles> roles_;
  Plan plan_;
  std::map<std::pair<std::size_t, LayerId>, std::vector<std::size_t>> known_segments_;  // plan segments by first layer

  // Of the replica being lowered.
  std::size_t replica_ = 0;
  std::size_t first_part_ = 0;
  Holdings* holdings_ = nullptr;
  std::vector<Group> groups_;
  std::vector<std::size_t> group_of_;               // by part of the replica
  std::vector<std::size_t> order_;                  // of groups
  std::vector<std::vector<std::size_t>> messages_;  // deliveries by message
  std::vector<std::size_t> message_of_;             // by delivery
  std::size_t first_transfer_ = 0;                  // the plan's transfer of the first message
  std::set<std::pair<ValueId, std::size_t>> read_by_others_;
  std::vector<LaneDraft> lanes_;  // per device
  std::set<std::size_t> sources_;
};

}  // namespace

Plan lower(const Network& network, const Platform& platform, const Mapping& mapping) {
  return Lowering(network, platform, mapping).run();
}

}  // namespace dse
