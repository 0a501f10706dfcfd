#include "models/rules/needs.hpp"

#include "models/layer_rule.hpp"

namespace dse {
namespace {

const LayerRule& rule_of(const Network& network, LayerId layer) { return *network.graph().layer_rules.at(layer); }

}  // namespace

RuleResult needs(const Network& network, const PartWork& work) { return rule_of(network, work.layer).needs(work); }

RuleResult needs(const Network& network, LayerId layer, const std::vector<Region>& outputs) {
  return needs(network, PartWork{layer, PartKind::full, outputs});
}

bool splittable(const Network& network, LayerId layer) { return rule_of(network, layer).splittable(); }

std::int64_t summed_inputs(const Network& network, LayerId layer) { return rule_of(network, layer).summed(); }

SummedInput summed_input(const Network& network, LayerId layer) { return rule_of(network, layer).summed_input(); }

TensorType partial_type(const Network& network, LayerId layer) { return rule_of(network, layer).partial_type(); }

}  // namespace dse
