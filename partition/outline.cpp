#include "partition/outline.hpp"

#include <algorithm>

#include "base/bit_matrix.hpp"
#include "partition/block_choice.hpp"
#include "partition/lowering.hpp"
#include "partition/placed_layers.hpp"

namespace dse {
namespace {

using lowering::nobody;
using lowering::PlacedLayer;
using lowering::PlacedLayers;
using lowering::ValueWay;

// A value of the replica: its way, and where its holdings, clusters and deliveries stand among all.
struct Value {
  const ValueWay* way = nullptr;
  ValueId id;
  std::size_t first_part = 0;  // of its producer
  std::size_t holdings = 0, clusters = 0, deliveries = 0;
};

// What one part reads through one of its ports.
struct PortRead {
  std::size_t value = 0, holding = 0, cluster = 0;  // local to the value
};

struct Buffer {
  std::size_t device = 0;
  std::int64_t bytes = 0;
  bool leaves = false;
};

struct Use {
  std::size_t buffer = 0, step = 0;
  bool writes = false;
};

struct Step {
  OutlineStep facts;
  bool receives = false;
  std::size_t first_after = 0, end_after = 0;  // of after_
};

// Its vectors keep their memory from one mapping to the next.
class ReplicaOutline {
 public:
  bool run(const Network& network, const Platform& platform, PlacedLayers& layers, const ReplicaMapping& replica,
           OutlineReplica& into) {
    network_ = &network;
    platform_ = &platform;
    into_ = &into;
    if (!place(layers, replica)) return false;
    find_values(layers);
    find_reads();
    if (!find_groups()) return false;
    find_messages();
    clear_steps();
    emit_inputs();
    for (const std::size_t group : order_) emit_group(group);
    emit_outputs();
    finish();
    return true;
  }

 private:
  // ---- parts

  bool place(PlacedLayers& layers, const ReplicaMapping& replica) {
    placed_.assign(network_->layers().size(), nullptr);
    for (const Stage& stage : replica.stages) {
      const bool split = stage.split != Split::none;
      const bool gaps = stage.layers.back() - stage.layers.front() + 1 != stage.layers.size();
      if (split && (stage.threads > 0 || (gaps && stage.halo == Halo::recompute))) return false;
      PlacedLayers::Kind& kind = layers.kind_of(stage);
      for (const LayerId layer : stage.layers) placed_[layer] = &layers.at(kind, layer);
    }
    first_part_.clear();
    part_layer_.clear();
    for (LayerId layer = 0; layer < placed_.size(); ++layer) {
      first_part_.push_back(part_layer_.size());
      part_layer_.insert(part_layer_.end(), placed_[layer]->parts.size(), layer);
    }
    return true;
  }

  const PlacedPart& part(std::size_t p) const {
    return placed_[part_layer_[p]]->parts[p - first_part_[part_layer_[p]]];
  }

  void find_values(PlacedLayers& layers) {
    values_.clear();
    unkept_.clear();
    if (layers_id_ != layers.id()) recent_.clear();
    layers_id_ = layers.id();
    recent_.resize(network_->tensors().size());
    holdings_ = clusters_ = deliveries_ = 0;
    for (TensorId t = 0; t < network_->tensors().size(); ++t) {
      const NetworkTensor& tensor = network_->tensors()[t];
      readers_.clear();
      for (const LayerId consumer : tensor.consumers) readers_.push_back(placed_[consumer]);
      const PlacedLayer* producer = tensor.producer ? placed_[*tensor.producer] : nullptr;
      add_value(tensor_value(t), way_of(layers, t, producer), tensor.producer ? first_part_[*tensor.producer] : 0);
    }
    first_partial_.clear();
    for (LayerId layer = 0; layer < placed_.size(); ++layer) {
      first_partial_.push_back(values_.size());
      const std::vector<ValueWay>& partials = placed_[layer]->partials;
      for (std::size_t p = 0; p < partials.size(); ++p)
        add_value(partial_value(layer, p), partials[p], first_part_[layer]);
    }
  }

  // Mostly the same as this thread had last, which asks no lock.
  const ValueWay& way_of(PlacedLayers& layers, TensorId tensor, const PlacedLayer* producer) {
    Recent& recent = recent_[tensor];
    const std::uint64_t maker = producer == nullptr ? 0 : producer->id;
    const bool same = recent.way != nullptr && recent.producer == maker &&
                      std::equal(readers_.begin(), readers_.end(), recent.readers.begin(), recent.readers.end(),
                                 [](const PlacedLayer* reader, std::uint64_t id) { return reader->id == id; });
    if (same) return *recent.way;
    const ValueWay* way = layers.way(tensor, producer, readers_, unkept_);
    if (!unkept_.empty() && way == unkept_.back().get()) return *way;
    recent.way = way;
    recent.producer = maker;
    recent.readers.clear();
    for (const PlacedLayer* reader : readers_) recent.readers.push_back(reader->id);
    return *way;
  }

  void add_value(const ValueId& id, const ValueWay& way, std::size_t first_part) {
    values_.push_back({&way, id, first_part, holdings_, clusters_, deliveries_});
    holdings_ += way.holdings.size();
    clusters_ += way.clusters.size();
    deliveries_ += way.deliveries.size();
  }

  // By part, its ports in order.
  void find_reads() {
    reads_.clear();
    first_read_.assign(1, 0);
    for (std::size_t p = 0; p < part_layer_.size(); ++p) {
      const LayerId layer = part_layer_[p];
      const std::size_t local = p - first_part_[layer];
      for (const lowering::PortPlace& port : placed_[layer]->ports[local]) {
        const std::size_t value = port.partial ? first_partial_[layer] + port.value : port.value;
        const ValueWay::PartReads& reads = values_[value].way->reads[port.reader][local];
        reads_.push_back({value, reads.holding, reads.clusters[port.ordinal]});
      }
      first_read_.push_back(reads_.size());
    }
  }

  std::span<const PortRead> reads(std::size_t p) const {
    return std::span(reads_).subspan(first_read_[p], first_read_[p + 1] - first_read_[p]);
  }

  // ---- groups and messages

  void add_sources(const Value& value, std::size_t holding_index, std::size_t cluster_index) {
    const ValueWay::Holding& holding = value.way->holdings[holding_index];
    const ValueWay::Cluster& cluster = value.way->clusters[cluster_index];
    if (holding.own != nobody && (cluster.in_own || cluster.touches_own))
      of_part_.push_back({value.first_part + holding.own, false});
    for (const std::size_t id : cluster.from) {
      const std::size_t maker = value.way->holdings[value.way->deliveries[id].from].own;
      if (maker != nobody) of_part_.push_back({value.first_part + maker, false});
    }
  }

  void note_meeting(const Value& value, std::size_t holding, std::size_t cluster) {
    const std::size_t own = value.way->holdings[holding].own;
    if (own == nobody || value.way->clusters[cluster].in_own) return;
    for (lowering::Source& source : of_part_) source.meets |= source.part == value.first_part + own;
  }

  // False where there are parts that nobody reads.
  bool find_groups() {
    sources_.clear();
    facts_.clear();
    for (std::size_t p = 0; p < part_layer_.size(); ++p) {
      of_part_.clear();
      for (const PortRead& read : reads(p)) add_sources(values_[read.value], read.holding, read.cluster);
      for (const PortRead& read : reads(p)) note_meeting(values_[read.value], read.holding, read.cluster);
      sources_.add(of_part_);
      const LayerId layer = part_layer_[p];
      facts_.push_back(placed_[layer]->facts[p - first_part_[layer]]);
    }
    if (!all_read()) return false;
    groups_ = lowering::group_parts(facts_, sources_);
    group_of_.assign(part_layer_.size(), 0);
    for (std::size_t group = 0; group < groups_.size(); ++group)
      for (const std::size_t p : groups_[group].parts) group_of_[p] = group;
    order_ = lowering::order_groups(groups_, group_of_, sources_);
    read_by_others_.assign(holdings_, 0);
    for (std::size_t p = 0; p < part_layer_.size(); ++p)
      for (const PortRead& read : reads(p)) {
        const Value& value = values_[read.value];
        const std::size_t own = value.way->holdings[read.holding].own;
        if (own != nobody && group_of_[value.first_part + own] != group_of_[p])
          read_by_others_[value.holdings + read.holding] = 1;
      }
    return true;
  }

  bool all_read() {
    read_.assign(part_layer_.size(), 0);
    for (const TensorId output : network_->outputs()) {
      const Value& value = values_[output];
      of_part_.clear();
      add_sources(value, value.way->output_holding, value.way->output);
      for (const lowering::Source& source : of_part_) read_[source.part] = 1;
    }
    for (std::size_t p = read_.size(); p-- > 0;) {
      if (read_[p] == 0) return false;
      for (const lowering::Source& source : sources_.of(p)) read_[source.part] = 1;
    }
    return true;
  }

  void find_messages() {
    position_.resize(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) position_[order_[i]] = i;
    delivery_facts_.clear();
    value_of_delivery_.clear();
    for (std::size_t v = 0; v < values_.size(); ++v)
      for (const ValueWay::Delivery& delivery : values_[v].way->deliveries) {
        const std::size_t maker = values_[v].way->holdings[delivery.from].own;
        delivery_facts_.push_back({maker == nobody ? nobody : group_of_[values_[v].first_part + maker],
                                   values_[v].way->holdings[delivery.to].device, nobody, delivery.wire});
        value_of_delivery_.push_back(v);
      }
    for (std::size_t p = 0; p < part_layer_.size(); ++p)
      for (const PortRead& read : reads(p)) {
        const Value& value = values_[read.value];
        for (const std::size_t id : value.way->clusters[read.cluster].from) {
          std::size_t& first = delivery_facts_[value.deliveries + id].first_reader;
          first = std::min(first, position_[group_of_[p]]);
        }
      }
    message_of_ = lowering::merge_deliveries(delivery_facts_);
    std::size_t messages = 0;
    for (const std::size_t message : message_of_) messages = std::max(messages, message + 1);
    first_cargo_.assign(messages + 1, 0);
    for (const std::size_t message : message_of_) ++first_cargo_[message + 1];
    for (std::size_t m = 0; m < messages; ++m) first_cargo_[m + 1] += first_cargo_[m];
    cargo_.resize(deliveries_);
    next_cargo_.assign(first_cargo_.begin(), first_cargo_.end() - 1);
    for (std::size_t id = 0; id < deliveries_; ++id) cargo_[next_cargo_[message_of_[id]]++] = id;
    sent_.assign(messages, nobody);
    received_.assign(messages, nobody);
  }

  std::span<const std::size_t> cargo_of(std::size_t message) const {
    return std::span(cargo_).subspan(first_cargo_[message], first_cargo_[message + 1] - first_cargo_[message]);
  }

  const ValueWay::Delivery& delivery(std::size_t id) const {
    const Value& value = values_[value_of_delivery_[id]];
    return value.way->deliveries[id - value.deliveries];
  }

  // ---- steps (as in plan.cpp)

  void clear_steps() {
    steps_.clear();
    after_.clear();
    wait_.clear();
    buffers_.clear();
    uses_.clear();
    laid_out_.assign(holdings_, 0);
    own_buffer_.assign(holdings_, nobody);
    made_.assign(holdings_, nobody);
    cluster_buffer_.assign(clusters_, nobody);
    copied_.assign(clusters_, nobody);
    staged_.assign(platform_->devices.size(), 0);
    lane_steps_.assign(platform_->devices.size(), 0);
    into_->parts.clear();
    into_->inputs.clear();
    into_->outputs.clear();
    into_->groups.clear();
  }

  std::size_t add_buffer(std::size_t device, std::int64_t bytes) {
    buffers_.push_back({device, bytes, false});
    return buffers_.size() - 1;
  }

  void lay_out(const Value& value, std::size_t index) {
    if (laid_out_[value.holdings + index] != 0) return;
    laid_out_[value.holdings + index] = 1;
    const ValueWay::Holding& holding = value.way->holdings[index];
    for (const std::size_t c : holding.clusters)
      if (!value.way->clusters[c].in_own)
        cluster_buffer_[value.clusters + c] = add_buffer(holding.device, value.way->clusters[c].bytes);
    if (!holding.has_own()) return;
    own_buffer_[value.holdings + index] = holding.own_in != nobody ? cluster_buffer_[value.clusters + holding.own_in]
                                                                   : add_buffer(holding.device, holding.own_bytes);
  }

  // `wait_`: what it waits for.
  std::size_t append(OutlineStep facts, bool receives = false) {
    std::sort(wait_.begin(), wait_.end());
    wait_.erase(std::unique(wait_.begin(), wait_.end()), wait_.end());
    facts.step = lane_steps_[facts.device]++;
    Step step{facts, receives, after_.size(), 0};
    after_.insert(after_.end(), wait_.begin(), wait_.end());
    step.end_after = after_.size();
    wait_.clear();
    steps_.push_back(step);
    return steps_.size() - 1;
  }

  void use(std::size_t buffer, std::size_t step, bool writes) { uses_.push_back({buffer, step, writes}); }

  void emit_inputs() {
    for (const TensorId input : network_->inputs()) {
      const Value& value = values_[input];
      for (std::size_t h = 0; h < value.way->holdings.size(); ++h) {
        const ValueWay::Holding& holding = value.way->holdings[h];
        if (!holding.source || (holding.clusters.empty() && holding.sent.empty())) continue;
        lay_out(value, h);
        OutlineStep step;
        step.device = holding.device;
        made_[value.holdings + h] = append(step);
        use(own_buffer_[value.holdings + h], made_[value.holdings + h], true);
        to_send_.clear();
        gather_sends(value, h);
        emit_sends();
      }
    }
  }

  void gather_sends(const Value& value, std::size_t holding) {
    for (const std::size_t id : value.way->holdings[holding].sent) {
      const std::size_t message = message_of_[value.deliveries + id];
      if (std::find(to_send_.begin(), to_send_.end(), message) == to_send_.end()) to_send_.push_back(message);
    }
  }

  void emit_sends() {
    for (const std::size_t message : to_send_) emit_send(message);
  }

  void emit_send(std::size_t message) {
    const std::span<const std::size_t> cargo = cargo_of(message);
    OutlineStep step;
    step.kind = OutlineStep::Kind::send;
    bool packed = cargo.size() > 1;
    std::size_t after = nobody;
    for (const std::size_t id : cargo) {
      const Value& value = values_[value_of_delivery_[id]];
      const ValueWay::Delivery& of = delivery(id);
      step.device = value.way->holdings[of.from].device;
      step.peer = value.way->holdings[of.to].device;
      step.bytes += of.bytes;
      packed = packed || of.shortened || !of.whole_to_send;
      after = made_[value.holdings + of.from];
    }
    wait_.assign(1, after);
    sent_[message] = append(step);
    for (const std::size_t id : cargo) {
      const Value& value = values_[value_of_delivery_[id]];
      lay_out(value, delivery(id).from);
      use(own_buffer_[value.holdings + delivery(id).from], sent_[message], false);
    }
    if (packed) staged_[step.device] += step.bytes;
  }

  std::size_t receive(std::size_t message) {
    if (received_[message] != nobody) return received_[message];
    const std::span<const std::size_t> cargo = cargo_of(message);
    OutlineStep step;
    bool packed = cargo.size() > 1;
    std::int64_t bytes = 0;
    for (const std::size_t id : cargo) {
      const Value& value = values_[value_of_delivery_[id]];
      const ValueWay::Delivery& of = delivery(id);
      step.device = value.way->holdings[of.to].device;
      lay_out(value, of.to);
      bytes += of.bytes;
      packed = packed || of.shortened || !of.whole_to_receive;
    }
    held_.assign(wait_.begin(), wait_.end());  // of the step for which this one is made
    wait_.clear();
    received_[message] = append(step, true);
    wait_.assign(held_.begin(), held_.end());
    for (const std::size_t id : cargo)
      for (const std::size_t cluster : delivery(id).clusters)
        use(cluster_buffer_[values_[value_of_delivery_[id]].clusters + cluster], received_[message], true);
    if (packed) staged_[step.device] += bytes;
    return received_[message];
  }

  std::size_t copy(const Value& value, std::size_t holding, std::size_t cluster) {
    std::size_t& known = copied_[value.clusters + cluster];
    if (known != nobody) return known;
    OutlineStep step;
    step.kind = OutlineStep::Kind::copy;
    step.device = value.way->holdings[holding].device;
    step.bytes = value.way->clusters[cluster].own_bytes;
    held_.assign(wait_.begin(), wait_.end());
    wait_.assign(1, made_[value.holdings + holding]);
    known = append(step);
    wait_.assign(held_.begin(), held_.end());
    use(own_buffer_[value.holdings + holding], known, false);
    use(cluster_buffer_[value.clusters + cluster], known, true);
    return known;
  }

  // Adds to wait_ what brings the cluster, and returns the buffer in which it is read.
  std::size_t bring(const Value& value, std::size_t holding_index, std::size_t cluster_index) {
    lay_out(value, holding_index);
    const ValueWay::Holding& holding = value.way->holdings[holding_index];
    const ValueWay::Cluster& cluster = value.way->clusters[cluster_index];
    const std::size_t made = made_[value.holdings + holding_index];
    if (cluster.in_own) {
      wait_.push_back(made);
      return own_buffer_[value.holdings + holding_index];
    }
    for (const std::size_t id : cluster.from) wait_.push_back(receive(message_of_[value.deliveries + id]));
    if (cluster.touches_own)
      wait_.push_back(holding.own_in == cluster_index ? made : copy(value, holding_index, cluster_index));
    return cluster_buffer_[value.clusters + cluster_index];
  }

  void emit_group(std::size_t index) {
    const lowering::Group& group = groups_[index];
    OutlineGroup made;
    made.device = group.device;
    made.first_part = into_->parts.size();
    for (const std::size_t p : group.parts) into_->parts.push_back(&part(p));
    made.end_part = into_->parts.size();
    made.first_input = into_->inputs.size();
    bound_.clear();
    read_buffers_.clear();
    wait_.clear();
    for (const std::size_t p : group.parts)
      for (const PortRead& read : reads(p)) bind(read, index);
    made.end_input = into_->inputs.size();
    made.first_output = into_->outputs.size();
    made_here_.clear();
    for (const std::size_t p : group.parts) gather_outputs(p, group.device);
    made.end_output = into_->outputs.size();
    OutlineStep step;
    step.kind = OutlineStep::Kind::run;
    step.device = group.device;
    step.index = into_->groups.size();
    const std::size_t run = append(step);
    for (const std::size_t buffer : read_buffers_) use(buffer, run, false);
    to_send_.clear();
    for (const auto& [value, holding] : made_here_) {
      made_[values_[value].holdings + holding] = run;
      use(own_buffer_[values_[value].holdings + holding], run, true);
      gather_sends(values_[value], holding);
    }
    emit_sends();
    into_->groups.push_back(made);
  }

  void bind(const PortRead& read, std::size_t group) {
    const Value& value = values_[read.value];
    const ValueWay::Holding& holding = value.way->holdings[read.holding];
    const ValueWay::Cluster& cluster = value.way->clusters[read.cluster];
    if (cluster.in_own && holding.own != nobody && group_of_[value.first_part + holding.own] == group) return;
    const std::size_t view = value.clusters + cluster.view;
    if (std::find(bound_.begin(), bound_.end(), view) != bound_.end()) return;
    bound_.push_back(view);
    read_buffers_.push_back(bring(value, read.holding, read.cluster));
    into_->inputs.push_back({value.id, cluster.view_elements});
  }

  void gather_outputs(std::size_t p, std::size_t device) {
    const LayerId layer = part_layer_[p];
    for (const ValuePort& port : part(p).part.outputs) {
      const bool partial = port.value.kind == ValueId::Kind::partial;
      const std::size_t index = partial ? first_partial_[layer] + port.value.part : port.value.index;
      const Value& value = values_[index];
      for (std::size_t h = 0; h < value.way->holdings.size(); ++h) {
        const ValueWay::Holding& holding = value.way->holdings[h];
        if (holding.device != device) continue;
        const bool leaves = !partial && network_->tensors()[port.value.index].is_output && device == platform_->output;
        if (!leaves && read_by_others_[value.holdings + h] == 0 && holding.sent.empty()) continue;
        lay_out(value, h);
        into_->outputs.push_back({port.value, holding.own_elements});
        made_here_.emplace_back(index, h);
      }
    }
  }

  void emit_outputs() {
    for (const TensorId output : network_->outputs()) {
      const Value& value = values_[output];
      wait_.clear();
      const std::size_t buffer = bring(value, value.way->output_holding, value.way->output);
      OutlineStep step;
      step.device = platform_->output;
      use(buffer, append(step), false);
      buffers_[buffer].leaves = true;
    }
  }

  // ---- the whole

  void finish() {
    const std::size_t devices = platform_->devices.size();
    into_->has_lane.assign(devices, false);
    for (std::size_t d = 0; d < devices; ++d) into_->has_lane[d] = lane_steps_[d] > 0;
    find_slots();
    // Device by device.
    place_of_.assign(steps_.size(), 0);
    lane_begin_.assign(devices + 1, 0);
    for (std::size_t d = 0; d < devices; ++d) lane_begin_[d + 1] = lane_begin_[d] + lane_steps_[d];
    into_->steps.resize(steps_.size());
    into_->edges.clear();
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      const OutlineStep& facts = steps_[s].facts;
      place_of_[s] = lane_begin_[facts.device] + facts.step;
      into_->steps[place_of_[s]] = facts;
      for (std::size_t i = steps_[s].first_after; i < steps_[s].end_after; ++i)
        into_->edges.push_back({place_of_[after_[i]], place_of_[s]});
    }
    for (std::size_t m = 0; m < sent_.size(); ++m)
      into_->edges.push_back({place_of_[sent_[m]], place_of_[received_[m]]});
  }

  // As in shared_memory.cpp.
  void find_slots() {
    constexpr std::size_t fewest = 3;
    in_lane_.assign(platform_->devices.size(), 0);
    for (const Buffer& buffer : buffers_) ++in_lane_[buffer.device];
    into_->slot_bytes.assign(staged_.begin(), staged_.end());
    if (std::all_of(in_lane_.begin(), in_lane_.end(), [](std::size_t count) { return count < fewest; })) {
      for (const Buffer& buffer : buffers_) into_->slot_bytes[buffer.device] += buffer.bytes;
      return;
    }
    find_precedence();
    sort_uses();
    buffer_order_.clear();
    for (std::size_t b = 0; b < buffers_.size(); ++b)
      if (first_writer_[b] != nobody) buffer_order_.push_back(b);
    std::stable_sort(buffer_order_.begin(), buffer_order_.end(),
                     [&](std::size_t a, std::size_t b) { return first_writer_[a] < first_writer_[b]; });
    blocks_.resize(platform_->devices.size());
    for (std::vector<Block>& of_device : blocks_) of_device.clear();
    for (const std::size_t b : buffer_order_) put(b);
    for (std::size_t d = 0; d < blocks_.size(); ++d)
      for (const Block& block : blocks_[d]) into_->slot_bytes[d] += block.bytes;
    for (std::size_t b = 0; b < buffers_.size(); ++b)
      if (first_writer_[b] == nobody) into_->slot_bytes[buffers_[b].device] += buffers_[b].bytes;
  }

  // What is over when a step starts.
  void find_precedence() {
    started_ = BitMatrix(steps_.size(), steps_.size());
    other_end_.assign(steps_.size(), nobody);
    for (std::size_t m = 0; m < sent_.size(); ++m) {
      other_end_[sent_[m]] = received_[m];
      other_end_[received_[m]] = sent_[m];
    }
    for (std::size_t s = 0; s < steps_.size(); ++s)
      for (std::size_t i = steps_[s].end_after; i-- > steps_[s].first_after;) {
        const std::size_t earlier = after_[i];
        if (started_.get(s, earlier)) continue;
        started_.add_row(s, earlier);
        if (steps_[earlier].receives) started_.add_row(s, other_end_[earlier]);
        started_.set(s, earlier);
      }
  }

  // By buffer: its writers, ascending, and when the last of its steps are over. Uses were noted step by step.
  void sort_uses() {
    const std::size_t count = buffers_.size();
    first_use_.assign(count + 1, 0);
    for (const Use& of : uses_) ++first_use_[of.buffer + 1];
    for (std::size_t b = 0; b < count; ++b) first_use_[b + 1] += first_use_[b];
    by_buffer_.resize(uses_.size());
    next_use_.assign(first_use_.begin(), first_use_.end() - 1);
    for (const Use& of : uses_) by_buffer_[next_use_[of.buffer]++] = of;
    first_writer_.assign(count, nobody);
    writers_.clear();
    last_.clear();
    ends_.clear();
    for (std::size_t b = 0; b < count; ++b) {
      const std::span<const Use> of_buffer =
          std::span(by_buffer_).subspan(first_use_[b], first_use_[b + 1] - first_use_[b]);
      ends_.push_back({writers_.size(), 0, last_.size(), 0});
      for (const Use& of : of_buffer)
        if (of.writes && (writers_.size() == ends_.back().first_writer || writers_.back() != of.step))
          writers_.push_back(of.step);
      ends_.back().end_writer = writers_.size();
      if (writers_.size() > ends_.back().first_writer) first_writer_[b] = writers_[ends_.back().first_writer];
      for (std::size_t i = of_buffer.size(); i-- > 0;) add_last(of_buffer[i].step);
      ends_.back().end_last = last_.size();
    }
  }

  void add_last(std::size_t step) {
    const bool sends = steps_[step].facts.kind == OutlineStep::Kind::send;
    const std::size_t ends = sends ? other_end_[step] : step;
    for (std::size_t i = ends_.back().first_last; i < last_.size(); ++i)
      if (last_[i] == ends || started_.get(last_[i], ends)) return;
    last_.push_back(ends);
  }

  struct Block {
    std::int64_t bytes = 0;
    std::size_t last = 0;  // buffer
  };

  void put(std::size_t buffer) {
    std::vector<Block>& blocks = blocks_[buffers_[buffer].device];
    const std::int64_t bytes = buffers_[buffer].bytes;
    const std::size_t chosen =
        choose_block(blocks, bytes, [&](std::size_t block) { return is_over(blocks[block].last, buffer); });
    if (chosen == blocks.size()) blocks.emplace_back();
    blocks[chosen].bytes = std::max(blocks[chosen].bytes, bytes);
    blocks[chosen].last = buffer;
  }

  bool is_over(std::size_t earlier, std::size_t later) const {
    if (buffers_[earlier].leaves) return false;
    for (std::size_t w = ends_[later].first_writer; w < ends_[later].end_writer; ++w) {
      const std::size_t starts = steps_[writers_[w]].receives ? other_end_[writers_[w]] : writers_[w];
      for (std::size_t l = ends_[earlier].first_last; l < ends_[earlier].end_last; ++l)
        if (!started_.get(starts, last_[l])) return false;
    }
    return true;
  }

  const Network* network_ = nullptr;
  const Platform* platform_ = nullptr;
  OutlineReplica* into_ = nullptr;
  std::vector<const PlacedLayer*> placed_, readers_;     // by layer; of one tensor
  std::vector<std::size_t> first_part_, first_partial_;  // by layer
  std::vector<LayerId> part_layer_;                      // by part
  std::vector<Value> values_;                            // tensors, then partial results
  struct Recent {
    const ValueWay* way = nullptr;
    std::uint64_t producer = 0;
    std::vector<std::uint64_t> readers;
  };
  std::vector<Recent> recent_;  // by tensor
  std::uint64_t layers_id_ = 0;
  std::vector<std::unique_ptr<const ValueWay>> unkept_;
  std::size_t holdings_ = 0, clusters_ = 0, deliveries_ = 0;
  std::vector<PortRead> reads_;
  std::vector<std::size_t> first_read_;  // by part
  lowering::Sources sources_;
  std::vector<lowering::Source> of_part_;
  std::vector<lowering::PartFacts> facts_;
  std::vector<char> read_;  // by part
  std::vector<lowering::Group> groups_;
  std::vector<std::size_t> group_of_, order_, position_;
  std::vector<char> read_by_others_;  // by holding
  std::vector<lowering::DeliveryFacts> delivery_facts_;
  std::vector<std::size_t> value_of_delivery_;
  std::vector<std::size_t> cargo_, first_cargo_, next_cargo_;  // deliveries by message
  std::vector<std::size_t> message_of_, sent_, received_;      // by delivery; by message: steps
  std::vector<Step> steps_;                                    // in the order in which they are made
  std::vector<std::size_t> after_, wait_, held_;
  std::vector<Buffer> buffers_;
  std::vector<Use> uses_;
  std::vector<char> laid_out_;                                  // by holding
  std::vector<std::size_t> own_buffer_, made_;                  // by holding
  std::vector<std::size_t> cluster_buffer_, copied_;            // by cluster
  std::vector<std::int64_t> staged_;                            // by device
  std::vector<std::size_t> lane_steps_, lane_begin_, in_lane_;  // by device
  std::vector<std::size_t> bound_, read_buffers_, to_send_;
  std::vector<std::pair<std::size_t, std::size_t>> made_here_;  // value, holding
  std::vector<std::size_t> place_of_, other_end_;               // by step
  BitMatrix started_;
  std::vector<std::size_t> first_writer_, buffer_order_;
  struct Ends {
    std::size_t first_writer = 0, end_writer = 0, first_last = 0, end_last = 0;
  };
  std::vector<Use> by_buffer_;
  std::vector<std::size_t> first_use_, next_use_;  // by buffer
  std::vector<Ends> ends_;                         // by buffer: into writers_ and last_
  std::vector<std::size_t> writers_, last_;
  std::vector<std::vector<Block>> blocks_;  // by device
};

}  // namespace

struct Outliner::State {
  const Network& network;
  const Platform& platform;
  PlacedLayers layers;
};

Outliner::Outliner(const Network& network, const Platform& platform,
                   std::function<PartNote(const Part&, int threads)> note)
    : state_(new State{network, platform, PlacedLayers(network, platform, std::move(note))}) {}
Outliner::~Outliner() = default;

bool Outliner::outline(const Mapping& mapping, Outline& into) const {
  thread_local std::vector<ReplicaOutline> outlines;
  const Platform& platform = state_->platform;
  into.threads.clear();
  for (const Device& device : platform.devices) into.threads.push_back(device.cores);
  std::vector<std::size_t> serves(platform.devices.size(), nobody);
  for (std::size_t r = 0; r < mapping.replicas.size(); ++r)
    for (const Stage& stage : mapping.replicas[r].stages)
      for (const std::size_t device : stage.devices) {
        if (serves[device] != nobody && serves[device] != r) return false;
        serves[device] = r;
        if (stage.threads > 0) into.threads[device] = stage.threads;
      }
  if (outlines.size() < mapping.replicas.size()) outlines.resize(mapping.replicas.size());
  into.replicas.resize(mapping.replicas.size());
  std::vector<std::size_t> lanes(platform.devices.size(), 0);
  for (std::size_t r = 0; r < mapping.replicas.size(); ++r) {
    const ReplicaMapping& replica = mapping.replicas[r];
    OutlineReplica& made = into.replicas[r];
    if (!outlines[r].run(state_->network, platform, state_->layers, replica, made)) return false;
    made.share = replica.share;
    made.frames_in_flight = mapping.frames_in_flight > 0 ? static_cast<std::size_t>(mapping.frames_in_flight)
                                                         : lowering::crossings(state_->network, platform, replica) + 2;
    for (OutlineStep& step : made.steps) step.lane = lanes[step.device];
    for (std::size_t d = 0; d < lanes.size(); ++d) lanes[d] += made.has_lane[d] ? 1 : 0;
  }
  return true;
}

}  // namespace dse
