#include "estimator/run_plan.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "estimator/memory.hpp"
#include "partition/block_choice.hpp"
#include "partition/cut_rule.hpp"
#include "program/program.hpp"

namespace dse {
namespace {

using Mask = std::uint64_t;  // a set of groups
constexpr std::size_t none = RunTables::none;
constexpr std::size_t most_groups = 64;
constexpr Mask bit(std::size_t group) { return Mask{1} << group; }

std::uint32_t narrow(std::size_t value) { return static_cast<std::uint32_t>(value); }

// Layers that are one sub-model.
struct Group {
  LayerId first = 0, end = 0;
  std::size_t device = 0;
  int threads = 1;
  Wire wire = Wire::full;
  Mask ancestors = 0;  // itself too
  // Into the planner's lists.
  std::size_t first_entering = 0, end_entering = 0, first_input = 0, end_input = 0, first_output = 0, end_output = 0;
};

// A tensor that a layer reads and its group does not make.
struct Entering {
  LayerId reader = 0;
  std::size_t position = 0;  // among the reader's inputs
  TensorId tensor = 0;
  std::size_t maker = none;  // group; none: it enters the network
  bool operator<(const Entering& other) const {
    return reader != other.reader ? reader < other.reader : position < other.position;
  }
};

// A tensor on its way to one other device.
struct Delivery {
  TensorId tensor = 0;
  std::size_t from = 0, to = 0;  // devices
  std::size_t maker = none;
  std::size_t first_reader = none;  // none: it leaves the network there
  Mask readers = 0;
  const Box* box = nullptr;
  std::int64_t elements = 0;
  Wire wire = Wire::full;
  std::size_t message = none;
};

struct Message {
  std::size_t first = none;  // delivery, the others through `next`
  std::size_t count = 0;
  std::int64_t bytes = 0;
  Mask readers = 0;
  std::size_t sent = none, received = none;  // steps of the two devices' lanes
};

struct Buffer {
  TensorId tensor = 0;
  std::int64_t bytes = 0;
  std::size_t writer = none;  // step
  // What the writer waits for: that this group has run. A message that is received has been sent by then.
  std::size_t after = none;  // none: nothing
  bool written_by_run = false;
  Mask runs = 0;            // groups that read or write it
  std::vector<Mask> sends;  // readers of messages that are sent from it
  bool leaves = false;      // as an output
};

struct Edge {
  std::size_t from_device, from, to_device, to;
};

struct Lane {
  std::vector<FlowStep> steps;
  std::vector<Buffer> buffers;
  std::size_t used_buffers = 0;  // the others are kept for their memory
  std::int64_t staged = 0;

  void clear() {
    steps.clear();
    used_buffers = 0;
    staged = 0;
  }
  Buffer* find(TensorId tensor) {
    for (std::size_t b = 0; b < used_buffers; ++b)
      if (buffers[b].tensor == tensor) return &buffers[b];
    return nullptr;
  }
  Buffer& add(TensorId tensor, std::int64_t bytes) {
    if (used_buffers == buffers.size()) buffers.emplace_back();
    Buffer& buffer = buffers[used_buffers++];
    buffer.sends.clear();
    buffer = {tensor, bytes, none, none, false, 0, std::move(buffer.sends), false};
    return buffer;
  }
};

// Bytes of a frame's slot: buffers in the order of their first writing (partition/shared_memory.cpp).
class SlotPacker {
 public:
  std::int64_t pack(const Lane& lane, const std::vector<Group>& groups) {
    order_.resize(lane.used_buffers);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return lane.buffers[a].writer < lane.buffers[b].writer; });
    blocks_.clear();
    for (const std::size_t b : order_) place(lane.buffers[b], groups);
    std::int64_t bytes = 0;
    for (const Block& block : blocks_) bytes += block.bytes;
    return bytes;
  }

 private:
  struct Block {
    std::int64_t bytes = 0;
    const Buffer* last = nullptr;
  };

  void place(const Buffer& buffer, const std::vector<Group>& groups) {
    const std::size_t chosen = choose_block(
        blocks_, buffer.bytes, [&](std::size_t block) { return is_over(*blocks_[block].last, buffer, groups); });
    if (chosen == blocks_.size()) blocks_.emplace_back();
    blocks_[chosen].bytes = std::max(blocks_[chosen].bytes, buffer.bytes);
    blocks_[chosen].last = &buffer;
  }

  static bool is_over(const Buffer& earlier, const Buffer& later, const std::vector<Group>& groups) {
    if (earlier.leaves || later.after == none) return false;
    const Mask before = groups[later.after].ancestors;
    const Mask runs_before = later.written_by_run ? before & ~bit(later.after) : before;
    return (earlier.runs & ~runs_before) == 0 && std::all_of(earlier.sends.begin(), earlier.sends.end(),
                                                             [&](Mask readers) { return (readers & before) != 0; });
  }

  std::vector<std::size_t> order_;
  std::vector<Block> blocks_;
};

// Its vectors keep their memory from one mapping to the next.
class RunPlanner {
 public:
  bool plan(const Platform& platform, const Network& network, const Resources& resources, const RunTables& tables,
            std::span<const ReplicaRuns> replicas, Workload& into) {
    platform_ = &platform;
    network_ = &network;
    resources_ = &resources;
    tables_ = &tables;
    into_ = &into;
    if (!tables.usable()) return false;
    start(replicas);
    for (std::size_t r = 0; r < replicas.size(); ++r)
      if (!plan_replica(r, replicas[r])) return false;
    finish_devices();
    into.uncertainty = seconds_ > 0 ? doubt_ / seconds_ : 0;
    return true;
  }

 private:
  const Device& device(std::size_t d) const { return platform_->devices[d]; }
  const RunTables::Tensor& tensor(TensorId id) const { return tables_->tensor(id); }

  void start(std::span<const ReplicaRuns> replicas) {
    const std::size_t devices = platform_->devices.size();
    into_->flows.resize(replicas.size());
    into_->devices.assign(devices, {});
    into_->tier = Tier::table;
    lanes_.resize(devices);
    lane_count_.assign(devices, 0);
    slots_.assign(devices, 0);
    segments_.resize(devices);
    serves_.assign(devices, none);
    for (std::size_t d = 0; d < devices; ++d) {
      segments_[d].clear();
      into_->devices[d].threads = device(d).cores;
    }
    seconds_ = doubt_ = shares_ = 0;
    for (const ReplicaRuns& replica : replicas) shares_ += static_cast<double>(replica.share);
  }

  bool plan_replica(std::size_t index, const ReplicaRuns& replica) {
    replica_ = index;
    runs_ = &replica.runs;
    for (Lane& lane : lanes_) lane.clear();
    groups_.clear();
    edges_.clear();
    entered_.clear();
    for (std::size_t run = 0; run < replica.runs.size(); ++run)
      if (!serve(replica.runs[run]) || !split(run)) return false;
    if (!find_ports()) return false;
    find_deliveries();
    find_messages();
    emit_inputs();
    for (std::size_t group = 0; group < groups_.size(); ++group) emit_group(group);
    emit_outputs();
    Flow& flow = into_->flows[index];
    flow.replica = index;
    flow.fraction = static_cast<double>(replica.share) / shares_;
    flow.frames_in_flight = crossings() + 2;
    add_memory(flow.frames_in_flight);
    assemble(flow);
    return true;
  }

  bool serve(const LayerRun& run) {
    if (serves_[run.device] != none && serves_[run.device] != replica_) return false;
    serves_[run.device] = replica_;
    if (run.threads > 0) into_->devices[run.device].threads = run.threads;
    return true;
  }

  // ---- groups (partition/segments.cpp)

  std::size_t run_of(LayerId layer) const {
    std::size_t run = 0;
    while ((*runs_)[run].end <= layer) ++run;
    return run;
  }
  std::size_t group_of(LayerId layer) const {
    std::size_t group = groups_.size() - 1;
    while (groups_[group].first > layer) --group;
    return group;
  }

  // The device's arithmetic from a layer of the run on.
  double work_after(std::size_t run, LayerId layer) const {
    double work = tables_->work(layer, (*runs_)[run].end);
    for (std::size_t later = run + 1; later < runs_->size(); ++later)
      if ((*runs_)[later].device == (*runs_)[run].device)
        work += tables_->work((*runs_)[later].first, (*runs_)[later].end);
    return work;
  }

  // A place at which a group ends if it holds `member`, since others wait for that.
  struct Cut {
    LayerId at = 0, member = 0;
  };

  void find_cuts(std::size_t run) {
    const LayerRun& of = (*runs_)[run];
    cuts_.clear();
    for (const TensorId id : tables_->across(of.end)) {
      const RunTables::Tensor& facts = tensor(id);
      if (facts.producer < of.first) continue;
      for (const RunTables::Read& read : facts.reads) {
        if (read.layer < of.end || read.independent >= of.end || (*runs_)[run_of(read.layer)].device == of.device)
          continue;
        if (cut_pays(work_after(run, read.independent), made_bytes(facts.producer)))
          cuts_.push_back({read.independent, facts.producer});
      }
    }
  }

  double made_bytes(LayerId layer) const {
    double bytes = 0;
    for (const TensorId output : network_->layers()[layer].outputs)
      bytes += static_cast<double>(tensor(output).elements) * static_cast<double>(element_size(tensor(output).type));
    return bytes;
  }

  // What [first, end) reads of earlier layers.
  void find_entering(LayerId first, LayerId end) {
    entering_.clear();
    for (const TensorId id : tables_->across(first))
      for (const RunTables::Read& read : tensor(id).reads)
        if (read.layer >= first && read.layer < end)
          entering_.push_back({read.layer, read.position, id, group_of(tensor(id).producer)});
    std::sort(entering_.begin(), entering_.end());
  }

  bool split(std::size_t run) {
    const LayerRun& of = (*runs_)[run];
    find_cuts(run);
    if (joins_earlier(of)) return false;
    for (LayerId first = of.first; first < of.end;) {
      if (groups_.size() == most_groups) return false;
      Group group;
      group.first = first;
      group.end = of.end;
      group.device = of.device;
      group.threads = into_->devices[of.device].threads;
      group.wire = of.wire;
      group.ancestors = bit(groups_.size());
      for (const Cut& cut : cuts_)
        if (cut.member >= first) group.end = std::min(group.end, cut.at);
      find_entering(first, group.end);
      add_ancestors(group);
      first = group.end;
      group.first_entering = entered_.size();
      for (const Entering& entering : entering_)
        if (entering.reader < group.end) entered_.push_back(entering);
      group.end_entering = entered_.size();
      groups_.push_back(group);
    }
    return true;
  }

  std::span<const Entering> entered(const Group& group) const {
    return std::span(entered_).subspan(group.first_entering, group.end_entering - group.first_entering);
  }

  // Of the group's layers, one after another: it ends before one that waits for what the group was not going to wait
  // for anyway.
  void add_ancestors(Group& group) {
    for (auto next = entering_.begin(); next != entering_.end();) {
      const LayerId reader = next->reader;
      const auto end = std::find_if(next, entering_.end(), [&](const Entering& e) { return e.reader != reader; });
      const bool known = std::all_of(next, end, [&](const Entering& entering) {
        return groups_[entering.maker].device == group.device || (group.ancestors & bit(entering.maker)) != 0;
      });
      if (!known && reader > group.first) {
        group.end = reader;
        return;
      }
      for (; next != end; ++next) group.ancestors |= groups_[next->maker].ancestors;
    }
  }

  // Whether the run's first layer may go on in the device's last group.
  bool joins_earlier(const LayerRun& run) {
    const auto open =
        std::find_if(groups_.rbegin(), groups_.rend(), [&](const Group& group) { return group.device == run.device; });
    if (open == groups_.rend()) return false;
    find_entering(run.first, run.first + 1);
    return std::all_of(entering_.begin(), entering_.end(), [&](const Entering& entering) {
      return groups_[entering.maker].device == run.device || (open->ancestors & bit(entering.maker)) != 0;
    });
  }

  // ---- what enters and leaves a group

  bool find_ports() {
    inputs_.clear();
    outputs_.clear();
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      Group& group = groups_[g];
      const std::span<const Entering> of_layers = entered(group);
      entering_.assign(of_layers.begin(), of_layers.end());
      const std::size_t made = entering_.size();
      for (const TensorId input : network_->inputs())
        for (const RunTables::Read& read : tensor(input).reads)
          if (read.layer >= group.first && read.layer < group.end)
            entering_.push_back({read.layer, read.position, input, none});
      if (entering_.size() > made) std::sort(entering_.begin(), entering_.end());
      group.first_input = inputs_.size();
      for (const Entering& entering : entering_) {
        if (!tensor(entering.tensor).nested) return false;
        if (entering.maker != none && groups_[entering.maker].device == group.device && !read_alike(entering, group))
          return false;
        const auto begin = inputs_.begin() + static_cast<std::ptrdiff_t>(group.first_input);
        if (std::none_of(begin, inputs_.end(), [&](const Entering& e) { return e.tensor == entering.tensor; }))
          inputs_.push_back(entering);
      }
      group.end_input = inputs_.size();
      find_outputs(group);
    }
    return true;
  }

  bool read_alike(const Entering& entering, const Group& group) const {
    const std::vector<RunTables::Read>& reads = tensor(entering.tensor).reads;
    const Box* box = nullptr;
    for (const RunTables::Read& read : reads) {
      if (read.layer < group.first || read.layer >= group.end) continue;
      if (box != nullptr && *box != read.box) return false;
      box = &read.box;
    }
    return true;
  }

  void find_outputs(Group& group) {
    const auto first = static_cast<std::ptrdiff_t>(outputs_.size());
    group.first_output = outputs_.size();
    for (const TensorId id : tables_->across(group.end))
      if (tensor(id).producer >= group.first) outputs_.push_back(id);
    for (const TensorId id : network_->outputs()) {
      const bool here = tensor(id).producer >= group.first && tensor(id).producer < group.end;
      if (here && std::find(outputs_.begin() + first, outputs_.end(), id) == outputs_.end()) outputs_.push_back(id);
    }
    std::sort(outputs_.begin() + first, outputs_.end(), [&](TensorId a, TensorId b) {
      const RunTables::Tensor &x = tensor(a), &y = tensor(b);
      return x.producer != y.producer ? x.producer < y.producer : x.position < y.position;
    });
    group.end_output = outputs_.size();
  }

  // ---- messages (partition/holdings.cpp, merging.cpp)

  void find_deliveries() {
    deliveries_.clear();
    for (std::size_t g = 0; g < groups_.size(); ++g)
      for (std::size_t o = groups_[g].first_output; o < groups_[g].end_output; ++o)
        deliver(outputs_[o], groups_[g].device, g, groups_[g].wire);
    if (!platform_->input_everywhere)
      for (const TensorId input : network_->inputs()) deliver(input, platform_->input, none, Wire::full);
    std::sort(deliveries_.begin(), deliveries_.end(), [](const Delivery& a, const Delivery& b) {
      return a.tensor != b.tensor ? a.tensor < b.tensor : a.to < b.to;
    });
  }

  void deliver(TensorId id, std::size_t from, std::size_t maker, Wire wire) {
    const RunTables::Tensor& facts = tensor(id);
    const std::size_t before = deliveries_.size();
    const auto to_device = [&](std::size_t to) -> Delivery& {
      for (std::size_t i = before; i < deliveries_.size(); ++i)
        if (deliveries_[i].to == to) return deliveries_[i];
      deliveries_.push_back({id, from, to, maker, none, 0, nullptr, 0, wire, none});
      return deliveries_.back();
    };
    for (const RunTables::Read& read : facts.reads) {
      const std::size_t group = group_of(read.layer);
      if (groups_[group].device == from) continue;
      Delivery& delivery = to_device(groups_[group].device);
      delivery.first_reader = std::min(delivery.first_reader, group);
      delivery.readers |= bit(group);
      if (delivery.box == nullptr || read.elements > delivery.elements) {
        delivery.box = &read.box;
        delivery.elements = read.elements;
      }
    }
    if (!facts.is_output || from == platform_->output) return;
    Delivery& delivery = to_device(platform_->output);
    delivery.box = &facts.whole;
    delivery.elements = facts.elements;
  }

  void find_messages() {
    messages_.clear();
    next_.assign(deliveries_.size(), none);
    for (std::size_t i = 0; i < deliveries_.size(); ++i) {
      Delivery& delivery = deliveries_[i];
      delivery.message = messages_.size();
      if (delivery.maker != none && delivery.first_reader != none)
        for (std::size_t m = 0; m < messages_.size() && delivery.message == messages_.size(); ++m) {
          const Delivery& first = deliveries_[messages_[m].first];
          if (first.maker == delivery.maker && first.to == delivery.to && first.wire == delivery.wire &&
              first.first_reader == delivery.first_reader)
            delivery.message = m;
        }
      if (delivery.message == messages_.size()) messages_.emplace_back().first = i;
      Message& message = messages_[delivery.message];
      if (message.first != i) {
        std::size_t last = message.first;
        while (next_[last] != none) last = next_[last];
        next_[last] = i;
      }
      ++message.count;
      message.readers |= delivery.readers;
      message.bytes += wire_bytes(delivery);
    }
  }

  std::int64_t wire_bytes(const Delivery& delivery) const {
    return program::wire_bytes(delivery.wire, tensor(delivery.tensor).type, delivery.elements);
  }

  const Delivery* delivery_of(TensorId id, std::size_t to) const {
    for (const Delivery& delivery : deliveries_)
      if (delivery.tensor == id && delivery.to == to) return &delivery;
    return nullptr;
  }

  std::int64_t bytes_of(TensorId id, std::int64_t elements) const {
    return elements * static_cast<std::int64_t>(element_size(tensor(id).type));
  }

  // ---- steps (partition/plan.cpp)

  std::size_t append(std::size_t d, FlowStep step) {
    Lane& lane = lanes_[d];
    step.device = narrow(d);
    step.lane = narrow(lane_count_[d]);
    step.step = narrow(lane.steps.size());
    lane.steps.push_back(step);
    return lane.steps.size() - 1;
  }

  void emit_inputs() {
    for (const TensorId input : network_->inputs())
      for (std::size_t d = 0; d < lanes_.size(); ++d) {
        const Box* box = entering_box(input, d);
        if (box == nullptr) continue;
        Buffer& buffer = lanes_[d].add(input, bytes_of(input, box->elements()));
        buffer.writer = append(d, {});
        emit_sends(d, input, buffer.writer);
      }
  }

  // What enters the network at a device; null where nothing does.
  const Box* entering_box(TensorId input, std::size_t d) const {
    if (!platform_->input_everywhere) {
      const RunTables::Tensor& facts = tensor(input);
      return d == platform_->input && !facts.reads.empty() ? &facts.whole : nullptr;
    }
    const RunTables::Read* largest = nullptr;
    for (const RunTables::Read& read : tensor(input).reads)
      if (groups_[group_of(read.layer)].device == d && (largest == nullptr || read.elements > largest->elements))
        largest = &read;
    return largest == nullptr ? nullptr : &largest->box;
  }

  void emit_sends(std::size_t d, TensorId id, std::size_t after) {
    for (const Delivery& delivery : deliveries_)
      if (delivery.tensor == id && delivery.from == d && messages_[delivery.message].sent == none)
        emit_send(d, delivery.message, after);
  }

  void emit_send(std::size_t d, std::size_t index, std::size_t after) {
    Message& message = messages_[index];
    const Delivery& first = deliveries_[message.first];
    message.sent = append(d, message_step(*platform_, *resources_, d, first.to, message.bytes));
    edges_.push_back({d, after, d, message.sent});
    bool packed = message.count > 1;
    for (std::size_t i = message.first; i != none; i = next_[i]) {
      const Delivery& cargo = deliveries_[i];
      lanes_[d].find(cargo.tensor)->sends.push_back(message.readers);
      packed = packed || program::shortens(cargo.wire, tensor(cargo.tensor).type) ||
               !program::contiguous_in(*cargo.box, tensor(cargo.tensor).whole);
    }
    if (packed) lanes_[d].staged += message.bytes;
  }

  std::size_t receive(std::size_t d, std::size_t index) {
    Message& message = messages_[index];
    if (message.received != none) return message.received;
    message.received = append(d, {});
    bool packed = message.count > 1;
    for (std::size_t i = message.first; i != none; i = next_[i]) {
      const Delivery& cargo = deliveries_[i];
      Buffer* buffer = lanes_[d].find(cargo.tensor);
      if (buffer == nullptr) buffer = &lanes_[d].add(cargo.tensor, bytes_of(cargo.tensor, cargo.elements));
      buffer->writer = message.received;
      buffer->after = cargo.maker;
      packed = packed || program::shortens(cargo.wire, tensor(cargo.tensor).type);
    }
    if (packed) lanes_[d].staged += message.bytes;
    return message.received;
  }

  // The step that brings a tensor to a device on which it is read, and its buffer.
  std::size_t bring(std::size_t d, TensorId id) {
    const Delivery* delivery = delivery_of(id, d);
    if (delivery == nullptr) return lanes_[d].find(id)->writer;
    if (lanes_[d].find(id) == nullptr) lanes_[d].add(id, bytes_of(id, delivery->elements));
    return receive(d, delivery->message);
  }

  void emit_group(std::size_t index) {
    const Group& group = groups_[index];
    const std::size_t d = group.device;
    Lane& lane = lanes_[d];
    brought_.clear();
    double relaid = 0;
    for (std::size_t i = group.first_input; i < group.end_input; ++i) {
      const TensorId id = inputs_[i].tensor;
      brought_.push_back(bring(d, id));
      lane.find(id)->runs |= bit(index);
      relaid += relaid_on_entering(id, d, group);
    }
    for (std::size_t o = group.first_output; o < group.end_output; ++o)
      if (!tensor(outputs_[o]).is_output) relaid += tensor(outputs_[o]).made_bytes;
    const DeviceProfile& profile = *device(d).profile;
    const RunTables::Cost cost = tables_->cost(group.first, group.end, d, group.threads);
    add_cost(cost);
    FlowStep step;
    step.kind = FlowStep::Kind::compute;
    step.seconds = profile.run_overhead_seconds + relaid * profile.cut_seconds_per_byte + cost.seconds;
    const std::size_t run = append(d, step);
    for (const std::size_t before : brought_) edges_.push_back({d, before, d, run});
    for (std::size_t o = group.first_output; o < group.end_output; ++o) {
      const TensorId id = outputs_[o];
      Buffer& buffer = lane.add(id, bytes_of(id, tensor(id).elements));
      buffer.writer = run;
      buffer.after = index;
      buffer.written_by_run = true;
      buffer.runs = bit(index);
    }
    for (std::size_t o = group.first_output; o < group.end_output; ++o) emit_sends(d, outputs_[o], run);
    segments_[d].push_back(tables_->memory(group.first, group.end));
  }

  // Bytes that the engine lays out anew of what a group reads.
  double relaid_on_entering(TensorId id, std::size_t d, const Group& group) const {
    const RunTables::Tensor& facts = tensor(id);
    if (facts.producer == none || facts.is_output) return 0;
    return facts.read_element_bytes * static_cast<double>(read_elements(id, d, group));
  }

  std::int64_t read_elements(TensorId id, std::size_t d, const Group& group) const {
    if (const Delivery* delivery = delivery_of(id, d)) return delivery->elements;
    const RunTables::Tensor& facts = tensor(id);
    for (const RunTables::Read& read : facts.reads)
      if (read.layer >= group.first)
        return program::contiguous_in(read.box, facts.whole) ? read.elements : facts.elements;
    return facts.elements;
  }

  void add_cost(const RunTables::Cost& cost) {
    seconds_ += cost.seconds;
    doubt_ += cost.doubt;
    if (weakness(cost.tier) > weakness(into_->tier)) into_->tier = cost.tier;
  }

  void emit_outputs() {
    const std::size_t d = platform_->output;
    for (const TensorId output : network_->outputs()) {
      const std::size_t before = bring(d, output);
      lanes_[d].find(output)->leaves = true;
      edges_.push_back({d, before, d, append(d, {})});
    }
  }

  // ---- the whole (partition/crossings.cpp, program/program.cpp)

  std::size_t crossings() {
    depth_.assign(outputs_.size(), 0);
    const auto depth_of = [&](TensorId id) {
      return depth_[static_cast<std::size_t>(std::find(outputs_.begin(), outputs_.end(), id) - outputs_.begin())];
    };
    std::size_t deepest = 0;
    for (const Group& group : groups_) {
      for (std::size_t o = group.first_output; o < group.end_output; ++o) {
        const LayerId made = tensor(outputs_[o]).producer;
        std::size_t& depth = depth_[o];
        for (const Entering& entering : entered(group))
          if (tables_->reaches(entering.reader, made))
            depth =
                std::max(depth, depth_of(entering.tensor) + (groups_[entering.maker].device != group.device ? 1 : 0));
        if (!platform_->input_everywhere && group.device != platform_->input && reads_input(group, made))
          depth = std::max<std::size_t>(depth, 1);
        if (tensor(outputs_[o]).is_output)
          deepest = std::max(deepest, depth + (group.device != platform_->output ? 1 : 0));
      }
    }
    return deepest;
  }

  // Whether what the group makes with a layer depends on what enters the network there.
  bool reads_input(const Group& group, LayerId made) const {
    for (std::size_t i = group.first_input; i < group.end_input; ++i) {
      if (inputs_[i].maker != none) continue;
      for (const RunTables::Read& read : tensor(inputs_[i].tensor).reads)
        if (read.layer >= group.first && read.layer < group.end && tables_->reaches(read.layer, made)) return true;
    }
    return false;
  }

  void add_memory(std::size_t frames) {
    constexpr std::size_t fewest = 3;  // buffers of a lane from which on sharing is looked for
    const bool shares =
        std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& l) { return l.used_buffers >= fewest; });
    for (std::size_t d = 0; d < lanes_.size(); ++d) {
      const Lane& lane = lanes_[d];
      if (lane.steps.empty()) continue;
      std::int64_t slot = 0;
      if (shares)
        slot = packer_.pack(lane, groups_);
      else
        for (std::size_t b = 0; b < lane.used_buffers; ++b) slot += lane.buffers[b].bytes;
      slots_[d] += static_cast<double>(frames) * static_cast<double>(slot + lane.staged);
      into_->devices[d].used = true;
      ++lane_count_[d];
    }
  }

  void assemble(Flow& flow) {
    offset_.resize(lanes_.size());
    flow.steps.clear();
    for (std::size_t d = 0; d < lanes_.size(); ++d) {
      offset_[d] = flow.steps.size();
      flow.steps.insert(flow.steps.end(), lanes_[d].steps.begin(), lanes_[d].steps.end());
    }
    for (const Message& message : messages_) {
      const Delivery& first = deliveries_[message.first];
      edges_.push_back({first.from, message.sent, first.to, message.received});
    }
    flow_edges_.clear();
    for (const Edge& edge : edges_)
      flow_edges_.push_back({narrow(offset_[edge.from_device] + edge.from), narrow(offset_[edge.to_device] + edge.to)});
    flow.link(flow_edges_);
  }

  void finish_devices() {
    for (std::size_t d = 0; d < slots_.size(); ++d)
      if (into_->devices[d].used) into_->devices[d].memory = device_memory(*device(d).profile, segments_[d], slots_[d]);
  }

  const Platform* platform_ = nullptr;
  const Network* network_ = nullptr;
  const Resources* resources_ = nullptr;
  const RunTables* tables_ = nullptr;
  Workload* into_ = nullptr;
  double seconds_ = 0, doubt_ = 0, shares_ = 0;
  // By device.
  std::vector<std::size_t> lane_count_, serves_, offset_;
  std::vector<double> slots_;
  std::vector<std::vector<SegmentMemory>> segments_;

  // Of the replica that is being planned.
  std::size_t replica_ = 0;
  const std::vector<LayerRun>* runs_ = nullptr;
  std::vector<Group> groups_;
  std::vector<Cut> cuts_;
  std::vector<Entering> entering_, entered_, inputs_;
  std::vector<TensorId> outputs_;
  std::vector<Delivery> deliveries_;
  std::vector<Message> messages_;
  std::vector<std::size_t> next_;  // by delivery: of the same message
  std::vector<Lane> lanes_;
  std::vector<Edge> edges_;
  std::vector<std::size_t> brought_, depth_;
  std::vector<FlowEdge> flow_edges_;
  SlotPacker packer_;
};

}  // namespace

Mapping to_mapping(std::span<const ReplicaRuns> replicas) {
  Mapping mapping;
  for (const ReplicaRuns& from : replicas) {
    ReplicaMapping& replica = mapping.replicas.emplace_back();
    replica.share = from.share;
    for (const LayerRun& run : from.runs) {
      auto stage = std::find_if(replica.stages.begin(), replica.stages.end(),
                                [&](const Stage& s) { return s.devices.front() == run.device; });
      if (stage == replica.stages.end()) {
        replica.stages.emplace_back();
        stage = replica.stages.end() - 1;
        stage->devices = {run.device};
        stage->threads = run.threads;
        stage->wire = run.wire;
      }
      for (LayerId layer = run.first; layer < run.end; ++layer) stage->layers.push_back(layer);
    }
  }
  return mapping;
}

bool plan_runs(const Platform& platform, const Network& network, const Resources& resources, const RunTables& tables,
               std::span<const ReplicaRuns> replicas, Workload& into) {
  thread_local RunPlanner planner;
  return planner.plan(platform, network, resources, tables, replicas, into);
}

}  // namespace dse
