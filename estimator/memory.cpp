#include "estimator/memory.hpp"

#include <algorithm>
#include <iterator>

namespace dse {
namespace {

// Layers by program segment of one device: lanes of several replicas share the segments that they have in common.
std::vector<std::vector<LayerId>> layers_by_segment(const Plan& plan, std::size_t device) {
  std::vector<std::vector<LayerId>> result(plan.programs.programs[device].segments.size());
  for (const PlanSegment& segment : plan.segments) {
    if (segment.device != device || !result[segment.program_segment].empty()) continue;
    std::vector<LayerId>& layers = result[segment.program_segment];
    for (const PartId part : segment.parts) layers.push_back(plan.parts[part].layer);
    std::sort(layers.begin(), layers.end());
  }
  return result;
}

double slots(const Plan& plan, const program::Program& program) {
  double bytes = 0;
  for (const program::Lane& lane : program.lanes) {
    const auto frames = static_cast<double>(plan.programs.deployment.replicas[lane.replica].frames_in_flight);
    bytes += frames * static_cast<double>(lane.slot_bytes());
  }
  return bytes;
}

DeviceMemory of_device(const Network& network, const DeviceProfile& profile, const Plan& plan, std::size_t device) {
  const program::Program& program = plan.programs.programs[device];
  DeviceMemory result;
  double relaid = 0, largest_relaid = 0, largest_activations = 0;
  for (const std::vector<LayerId>& layers : layers_by_segment(plan, device)) {
    const auto weights = static_cast<double>(distinct_weight_bytes(network, layers));
    result.weight_bytes += weights;
    const auto copied = static_cast<double>(relaid_weight_bytes(network, layers));
    relaid += copied;
    largest_relaid = std::max(largest_relaid, copied);
    largest_activations = std::max(largest_activations, static_cast<double>(peak_live_bytes(network, layers)));
  }
  const double sessions =
      profile.memory_base_bytes + profile.memory_session_bytes * static_cast<double>(program.segments.size());
  result.load_bytes = sessions + profile.memory_weight_factor * relaid + profile.memory_load_factor * largest_relaid +
                      profile.memory_load_bytes;
  result.run_bytes = sessions + profile.memory_weight_factor * result.weight_bytes +
                     profile.memory_activation_factor * largest_activations + slots(plan, program);
  return result;
}

}  // namespace

std::int64_t distinct_weight_bytes(const Network& network, const std::vector<LayerId>& layers) {
  std::int64_t sum = 0;
  std::vector<WeightId> all;
  for (const LayerId id : layers) {
    const Layer& layer = network.layers()[id];
    sum += layer.weight_bytes;
    all.insert(all.end(), layer.weights.begin(), layer.weights.end());
  }
  std::sort(all.begin(), all.end());
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i] == all[i - 1]) sum -= network.weights()[all[i]].tensor.bytes();
  }
  return sum;
}

std::int64_t relaid_weight_bytes(const Network& network, const std::vector<LayerId>& layers) {
  std::vector<LayerId> convolutions;
  std::copy_if(layers.begin(), layers.end(), std::back_inserter(convolutions), [&network](LayerId id) {
    const OperatorClass op_class = network.layers()[id].op_class;
    return op_class == OperatorClass::convolution || op_class == OperatorClass::depthwise_convolution ||
           op_class == OperatorClass::transposed_convolution;
  });
  return distinct_weight_bytes(network, convolutions);
}

std::int64_t peak_live_bytes(const Network& network, const std::vector<LayerId>& layers) {
  const auto& tensors = network.tensors();
  const auto contains = [&](LayerId id) { return std::binary_search(layers.begin(), layers.end(), id); };
  // Position of the last layer of the group that reads a tensor; tensors that others read too stay to the end.
  const auto last_use = [&](TensorId id) {
    std::size_t last = 0;
    if (tensors[id].is_output) return layers.size();
    for (const LayerId consumer : tensors[id].consumers) {
      if (!contains(consumer)) return layers.size();
      last = std::max(
          last, static_cast<std::size_t>(std::lower_bound(layers.begin(), layers.end(), consumer) - layers.begin()));
    }
    return last;
  };
  std::vector<std::int64_t> dying(layers.size() + 1, 0);
  std::int64_t live = 0, peak = 0;
  const auto born = [&](TensorId id, std::size_t until) {
    live += tensors[id].bytes();
    dying[until] += tensors[id].bytes();
  };
  std::vector<TensorId> external;
  for (const LayerId id : layers) {
    for (const TensorId input : network.layers()[id].inputs) {
      if (!tensors[input].producer || !contains(*tensors[input].producer)) external.push_back(input);
    }
  }
  std::sort(external.begin(), external.end());
  external.erase(std::unique(external.begin(), external.end()), external.end());
  for (const TensorId input : external) born(input, last_use(input));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const TensorId output : network.layers()[layers[i]].outputs) born(output, std::max(i, last_use(output)));
    peak = std::max(peak, live);
    live -= dying[i];
  }
  return peak;
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
