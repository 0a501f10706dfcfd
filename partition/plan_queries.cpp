// Questions that a Plan answers.
#include <algorithm>

#include "partition/placement.hpp"
#include "partition/plan.hpp"

namespace dse {

Wire lossiest_wire(const Network& network, const Plan& plan) {
  Wire result = Wire::full;
  for (const Transfer& transfer : plan.transfers)
    for (const Cargo& cargo : transfer.cargo)
      if (program::shortens(transfer.wire, value_type(network, cargo.value).type))
        result = std::max(result, transfer.wire);
  return result;
}

Part whole_part(const Network& network, LayerId layer) {
  return lowering::make_part(network, 0, 0, lowering::whole_work(network, layer));
}

PartModelRequest model_request(const Plan& plan, const PlanSegment& segment, std::string name) {
  PartModelRequest request;
  request.name = std::move(name);
  request.inputs = segment.inputs;
  request.outputs = segment.outputs;
  for (const PartId part : segment.parts) request.parts.push_back(plan.parts[part].work);
  return request;
}

std::vector<LayerId> layers_of(const Plan& plan, const PlanSegment& segment) {
  std::vector<LayerId> layers;
  for (const PartId part : segment.parts) layers.push_back(plan.parts[part].layer);
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

}  // namespace dse
