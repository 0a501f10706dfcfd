#include <algorithm>
#include <random>

#include "estimator/calibration.hpp"
#include "estimator/costs.hpp"
#include "estimator/memory.hpp"

namespace dse {
namespace {

using Chain = CalibrationPlan::Chain;

ValuePort whole_port(const Network& network, TensorId id) {
  return {tensor_value(id), Box::whole(network.tensors()[id].tensor.shape)};
}

CalibrationGroup make_group(const Network& network, LayerId first, LayerId end) {
  CalibrationGroup group;
  const auto inside = [&](LayerId layer) { return layer >= first && layer < end; };
  const auto add = [&](std::vector<TensorId>& ports, TensorId id, Port how) {
    if (std::find(ports.begin(), ports.end(), id) != ports.end()) return;
    ports.push_back(id);
    const NetworkTensor& tensor = network.tensors()[id];
    if (tensor.producer && !tensor.is_output) group.cut_bytes += relaid_bytes(network, whole_port(network, id), how);
  };
  for (LayerId id = first; id < end; ++id) {
    group.layers.push_back(id);
    const Layer& layer = network.layers()[id];
    for (const TensorId input : layer.inputs) {
      const auto& producer = network.tensors()[input].producer;
      if (!producer || !inside(*producer)) add(group.inputs, input, Port::read);
    }
    for (const TensorId output : layer.outputs) {
      const NetworkTensor& tensor = network.tensors()[output];
      const bool leaves =
          std::any_of(tensor.consumers.begin(), tensor.consumers.end(), [&](LayerId c) { return !inside(c); });
      if (leaves || tensor.is_output) add(group.outputs, output, Port::made);
    }
  }
  return group;
}

// Groups that begin at layer 0 and at every one of `cuts`.
Chain make_chain(const Network& network, const std::vector<LayerId>& cuts) {
  Chain chain;
  LayerId first = 0;
  for (const LayerId cut : cuts) {
    chain.push_back(make_group(network, first, cut));
    first = cut;
  }
  chain.push_back(make_group(network, first, network.layers().size()));
  return chain;
}

std::vector<LayerId> every(LayerId step, LayerId offset, LayerId layers) {
  std::vector<LayerId> cuts;
  for (LayerId at = offset; at < layers; at += step) {
    if (at > 0) cuts.push_back(at);
  }
  return cuts;
}

// About six random places, the same for the same number of layers.
std::vector<LayerId> scattered(LayerId layers) {
  std::mt19937 random(static_cast<unsigned>(layers));
  std::vector<LayerId> cuts;
  for (LayerId at = 1; at < layers; ++at) {
    if (random() % layers < 6) cuts.push_back(at);
  }
  return cuts;
}

}  // namespace

CalibrationPlan plan_calibration(const Network& network) {
  constexpr LayerId group_size = 5;
  const LayerId layers = network.layers().size();
  CalibrationPlan plan;
  plan.chains.push_back(make_chain(network, {}));
  plan.chains.push_back(make_chain(network, every(1, 0, layers)));
  plan.chains.push_back(make_chain(network, every(group_size, 0, layers)));
  plan.chains.push_back(make_chain(network, every(group_size, group_size / 2, layers)));
  plan.chains.push_back(make_chain(network, scattered(layers)));
  plan.parts = plan_parts(network);
  return plan;
}

CalibrationPlan plan_shapes(const Network& network) {
  CalibrationPlan plan;
  plan.alone = make_chain(network, every(1, 0, network.layers().size()));
  for (CalibrationGroup& group : plan.alone) {
    group.cut_bytes = 0;
    for (const TensorId id : group.inputs)
      group.cut_bytes += relaid_bytes(network, whole_port(network, id), Port::read);
    for (const TensorId id : group.outputs)
      group.cut_bytes += relaid_bytes(network, whole_port(network, id), Port::made);
  }
  return plan;
}

MemoryObservation observe_memory(const Network& network, std::span<const CalibrationGroup> groups) {
  MemoryObservation result;
  result.sessions = static_cast<double>(groups.size());
  std::vector<SegmentMemory> segments;
  for (const CalibrationGroup& group : groups) {
    segments.push_back(segment_memory(network, group.layers, group.outputs));
    result.parts += static_cast<double>(segments.back().parts);
    result.weight_bytes += static_cast<double>(segments.back().weight_bytes);
    result.arena.add(segments.back());
  }
  result.loading = loading_memory(segments);
  return result;
}

}  // namespace dse
