#include "estimator/memory.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace dse {
namespace {

double slots(const Plan& plan, const program::Program& program) {
  double bytes = 0;
  for (const program::Lane& lane : program.lanes) {
    const auto frames = static_cast<double>(plan.programs.deployment.replicas[lane.replica].frames_in_flight);
    std::int64_t staged = 0;
    for (const program::Step& step : lane.steps) staged += program::staged_bytes(lane, step);
    bytes += frames * static_cast<double>(lane.slot_bytes() + staged);
  }
  return bytes;
}

// By program segment of one device: lanes of several replicas share the segments that they have in common.
std::vector<const PlanSegment*> program_segments(const Plan& plan, std::size_t device) {
  std::vector<const PlanSegment*> result(plan.programs.programs[device].segments.size(), nullptr);
  for (const PlanSegment& segment : plan.segments)
    if (segment.device == device && result[segment.program_segment] == nullptr)
      result[segment.program_segment] = &segment;
  return result;
}

DeviceMemory of_device(const Network& network, const DeviceProfile& profile, const Plan& plan, std::size_t device) {
  std::vector<SegmentMemory> segments;
  for (const PlanSegment* segment : program_segments(plan, device)) {
    std::vector<const Part*> parts;
    for (const PartId part : segment->parts) parts.push_back(&plan.parts[part]);
    segments.push_back(segment_memory(network, parts, segment->outputs));
  }
  return device_memory(profile, segments, slots(plan, plan.programs.programs[device]));
}

bool is_relaid(OperatorClass op_class) {
  return op_class == OperatorClass::convolution || op_class == OperatorClass::depthwise_convolution ||
         op_class == OperatorClass::transposed_convolution;
}

std::int64_t distinct_bytes(const Network& network, std::vector<WeightSlice> slices) {
  std::sort(slices.begin(), slices.end());
  slices.erase(std::unique(slices.begin(), slices.end()), slices.end());
  std::int64_t sum = 0;
  for (const WeightSlice& slice : slices) sum += slice_size(network, slice);
  return sum;
}

// Values while the parts run one after another.
class Liveness {
 public:
  Liveness(const Network& network, std::span<const Part* const> parts, std::span<const ValuePort> outputs)
      : network_(network), parts_(parts), dying_(parts.size() + 1, 0), pieces_(parts.size() + 1) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      for (const ValuePort& port : parts[i]->inputs) last_use_[port.value] = i;
      for (const ValuePort& port : parts[i]->outputs) made_.insert(port.value);
    }
    for (const ValuePort& port : outputs) last_use_[port.value] = parts.size();
  }

  std::int64_t arena_bytes() const { return arena_.bytes(); }  // once peak() was asked for

  std::int64_t peak() {
    std::map<ValueId, std::int64_t> external;
    for (const Part* part : parts_)
      for (const ValuePort& port : part->inputs)
        if (!made_.contains(port.value)) external[port.value] = std::max(external[port.value], bytes(port));
    for (const auto& [value, size] : external) born(size, last_use_.at(value));
    std::int64_t peak = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      for (const ValuePort& port : parts_[i]->outputs) {
        const auto found = last_use_.find(port.value);
        const std::size_t last = found == last_use_.end() ? i : std::max(i, found->second);
        born(bytes(port), last);
        pieces_[last].push_back(arena_.take(bytes(port)));
      }
      peak = std::max(peak, live_);
      live_ -= dying_[i];
      for (const std::int64_t piece : pieces_[i]) arena_.give_back(piece);
    }
    return peak;
  }

 private:
  std::int64_t bytes(const ValuePort& port) const {
    return port.box.elements() * static_cast<std::int64_t>(element_size(value_type(network_, port.value).type));
  }
  void born(std::int64_t size, std::size_t until) {
    live_ += size;
    dying_[until] += size;
  }

  const Network& network_;
  std::span<const Part* const> parts_;
  std::map<ValueId, std::size_t> last_use_;
  std::set<ValueId> made_;
  std::vector<std::int64_t> dying_;
  std::int64_t live_ = 0;
  Arena arena_;  // of what the parts make: what they read from outside lies in the worker's own slots
  std::vector<std::vector<std::int64_t>> pieces_;  // that are free after each part
};

}  // namespace

SegmentMemory segment_memory(const Network& network, std::span<const Part* const> parts,
                             std::span<const ValuePort> outputs) {
  SegmentMemory result;
  result.parts = std::ssize(parts);
  std::vector<WeightSlice> all, relaid, folded;
  const auto append = [](std::vector<WeightSlice>& to, const Part& part) {
    to.insert(to.end(), part.weights.begin(), part.weights.end());
  };
  for (const Part* part : parts) {
    append(all, *part);
    const Layer& layer = network.layers()[part->layer];
    if (!is_relaid(layer.op_class)) continue;
    append(relaid, *part);
    if (layer.folds_normalisation) append(folded, *part);
    result.largest_relaid_bytes = std::max(result.largest_relaid_bytes, distinct_bytes(network, part->weights));
  }
  result.weight_bytes = distinct_bytes(network, std::move(all));
  result.relaid_bytes = distinct_bytes(network, std::move(relaid));
  result.folded_bytes = distinct_bytes(network, std::move(folded));
  Liveness liveness(network, parts, outputs);
  result.live_bytes = liveness.peak();
  result.arena_bytes = liveness.arena_bytes();
  return result;
}

LoadingMemory loading_memory(std::span<const SegmentMemory> segments) {
  // What the moments are compared by: measured coefficients are near these.
  constexpr double of_relaid = 1, of_folded = 1, of_largest = 3;
  LoadingMemory highest, so_far;
  double most = -1;
  for (const SegmentMemory& segment : segments) {
    ++so_far.sessions;
    so_far.parts += static_cast<double>(segment.parts);
    so_far.relaid_bytes += static_cast<double>(segment.relaid_bytes);
    so_far.folded_bytes = static_cast<double>(segment.folded_bytes);
    so_far.largest_relaid_bytes = static_cast<double>(segment.largest_relaid_bytes);
    const double bytes =
        of_relaid * so_far.relaid_bytes + of_folded * so_far.folded_bytes + of_largest * so_far.largest_relaid_bytes;
    if (bytes < most) continue;
    most = bytes;
    highest = so_far;
  }
  return highest;
}

std::int64_t Arena::take(std::int64_t bytes) {
  const auto piece = free_.lower_bound(bytes);
  if (piece == free_.end()) {
    bytes_ += bytes;
    return bytes;
  }
  const std::int64_t size = *piece;
  free_.erase(piece);
  return size;
}

void ArenaDemand::add(const SegmentMemory& next) {
  first_bytes = std::max(first_bytes, static_cast<double>(next.arena_bytes));
  const auto live = static_cast<double>(next.live_bytes);
  if (live <= largest_live_) return;
  largest_live_ = live;
  grown_bytes += live;
}

SegmentMemory segment_memory(const Network& network, const std::vector<LayerId>& layers,
                             const std::vector<TensorId>& outputs) {
  std::vector<Part> parts;
  std::vector<const Part*> pointers;
  std::vector<ValuePort> ports;
  for (const LayerId layer : layers) parts.push_back(whole_part(network, layer));
  for (const Part& part : parts) pointers.push_back(&part);
  for (const TensorId output : outputs)
    ports.push_back({tensor_value(output), Box::whole(network.tensors()[output].tensor.shape)});
  return segment_memory(network, pointers, ports);
}

DeviceMemory device_memory(const DeviceProfile& profile, std::span<const SegmentMemory> segments, double slot_bytes) {
  DeviceMemory result;
  double parts = 0;
  ArenaDemand arena;
  for (const SegmentMemory& segment : segments) {
    result.weight_bytes += static_cast<double>(segment.weight_bytes);
    parts += static_cast<double>(segment.parts);
    arena.add(segment);
  }
  const LoadingMemory loading = loading_memory(segments);
  result.load_bytes =
      profile.memory_base_bytes + profile.memory_load_bytes + profile.memory_session_bytes * loading.sessions +
      profile.memory_part_bytes * loading.parts + profile.memory_relaid_factor * loading.relaid_bytes +
      profile.memory_fold_factor * loading.folded_bytes + profile.memory_load_factor * loading.largest_relaid_bytes;
  result.run_bytes = profile.memory_base_bytes + profile.memory_session_bytes * static_cast<double>(segments.size()) +
                     profile.memory_part_bytes * parts + profile.memory_weight_factor * result.weight_bytes +
                     profile.memory_activation_factor * arena.first_bytes +
                     profile.memory_growth_factor * arena.grown_bytes + slot_bytes;
  return result;
}

std::vector<DeviceMemory> device_memory(const Network& network, const Platform& platform, const Plan& plan) {
  std::vector<DeviceMemory> result(platform.devices.size());
  for (const program::Program& program : plan.programs.programs) {
    if (program.lanes.empty()) continue;
    result[program.index] = of_device(network, *platform.devices[program.index].profile, plan, program.index);
  }
  return result;
}

}  // namespace dse
