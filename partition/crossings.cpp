#include <algorithm>

#include "partition/lowering.hpp"

namespace dse::lowering {

std::size_t crossings(const Network& network, const Platform& platform, const ReplicaMapping& replica) {
  std::vector<const std::vector<std::size_t>*> devices(network.layers().size());
  for (const Stage& stage : replica.stages)
    for (const LayerId layer : stage.layers) devices[layer] = &stage.devices;
  const std::vector<std::size_t> source{platform.input}, sink{platform.output};
  const auto maker = [&](TensorId tensor, const std::vector<std::size_t>& reader) -> const std::vector<std::size_t>& {
    if (const auto producer = network.tensors()[tensor].producer) return *devices[*producer];
    return platform.input_everywhere ? reader : source;
  };
  std::vector<std::size_t> depth(network.tensors().size(), 0);
  std::size_t deepest = 0;
  for (LayerId layer = 0; layer < network.layers().size(); ++layer) {
    std::size_t here = 0;
    for (const TensorId tensor : network.layers()[layer].inputs)
      here = std::max(here, depth[tensor] + (maker(tensor, *devices[layer]) != *devices[layer] ? 1 : 0));
    for (const TensorId tensor : network.layers()[layer].outputs) depth[tensor] = here;
  }
  for (const TensorId tensor : network.outputs())
    deepest = std::max(deepest, depth[tensor] + (maker(tensor, sink) != sink ? 1 : 0));
  return deepest;
}

}  // namespace dse::lowering
