#include "tests/support/shrink.hpp"

#include <algorithm>

namespace dse::test {
namespace {

std::vector<Mapping> simpler_stages(const Mapping& mapping, std::size_t r, std::size_t s) {
  std::vector<Mapping> result;
  const auto add = [&](auto change) {
    Mapping changed = mapping;
    change(changed.replicas[r].stages);
    result.push_back(std::move(changed));
  };
  const Stage& stage = mapping.replicas[r].stages[s];
  if (s + 1 < mapping.replicas[r].stages.size())
    for (const bool keep_first : {true, false})
      add([&](std::vector<Stage>& stages) {
        Stage merged = stages[keep_first ? s : s + 1];
        merged.layers = stages[s].layers;
        merged.layers.insert(merged.layers.end(), stages[s + 1].layers.begin(), stages[s + 1].layers.end());
        std::sort(merged.layers.begin(), merged.layers.end());
        stages[s] = merged;
        stages.erase(stages.begin() + static_cast<std::ptrdiff_t>(s) + 1);
      });
  for (std::size_t d = 0; d < stage.devices.size() && stage.devices.size() > 1; ++d)
    add([&](std::vector<Stage>& stages) {
      Stage& fewer = stages[s];
      fewer.devices.erase(fewer.devices.begin() + static_cast<std::ptrdiff_t>(d));
      if (!fewer.shares.empty()) fewer.shares.erase(fewer.shares.begin() + static_cast<std::ptrdiff_t>(d));
      if (fewer.devices.size() > 1) return;
      fewer.split = Split::none;
      fewer.shares.clear();
      fewer.halo = Halo::exchange;
    });
  if (!stage.shares.empty()) add([&](std::vector<Stage>& stages) { stages[s].shares.clear(); });
  if (stage.halo == Halo::recompute) add([&](std::vector<Stage>& stages) { stages[s].halo = Halo::exchange; });
  if (stage.split == Split::tiles) add([&](std::vector<Stage>& stages) { stages[s].split = Split::rows; });
  if (stage.split == Split::inputs) add([&](std::vector<Stage>& stages) { stages[s].split = Split::channels; });
  return result;
}

std::vector<Mapping> simpler_mappings(const Mapping& mapping) {
  std::vector<Mapping> result;
  for (std::size_t r = 0; r < mapping.replicas.size(); ++r) {
    if (mapping.replicas.size() > 1) {
      result.push_back(mapping);
      result.back().replicas.erase(result.back().replicas.begin() + static_cast<std::ptrdiff_t>(r));
    }
    for (std::size_t s = 0; s < mapping.replicas[r].stages.size(); ++s)
      for (Mapping& simpler : simpler_stages(mapping, r, s)) result.push_back(std::move(simpler));
  }
  return result;
}

std::vector<NetworkSpec> fewer_outputs(const NetworkSpec& spec) {
  std::vector<NetworkSpec> result;
  for (std::size_t n = 0; n < spec.nodes.size(); ++n) {  // everything behind a value goes
    result.push_back(spec);
    result.back().outputs = {first_value(spec, n)};
  }
  for (std::size_t o = 0; o < spec.outputs.size() && spec.outputs.size() > 1; ++o) {
    result.push_back(spec);
    result.back().outputs.erase(result.back().outputs.begin() + static_cast<std::ptrdiff_t>(o));
  }
  return result;
}

// A value comes from outside instead, and what only made it goes.
NetworkSpec as_input(const NetworkSpec& spec, std::size_t value, const Shape& shape) {
  NetworkSpec result = spec;
  const std::size_t added = result.inputs.size();
  result.inputs.push_back(shape);
  const auto read = [&](std::size_t& other) { other = other == value ? added : other + (other >= added ? 1 : 0); };
  for (SpecNode& node : result.nodes)
    for (std::size_t& input : node.inputs) read(input);
  for (std::size_t& output : result.outputs) read(output);
  return result;
}

std::vector<NetworkSpec> fewer_nodes(const NetworkSpec& spec) {
  std::vector<NetworkSpec> result;
  const auto shapes = shapes_of(spec);
  for (std::size_t n = spec.nodes.size(); n-- > 0;) {
    for (const std::size_t input : spec.nodes[n].inputs)
      if (auto fewer = without(spec, n, input)) result.push_back(std::move(*fewer));
    for (std::size_t value = first_value(spec, n); value < first_value(spec, n + 1); ++value)
      result.push_back(as_input(spec, value, (*shapes)[value]));
    for (std::size_t i = 0; i < spec.nodes[n].inputs.size() && spec.nodes[n].inputs.size() > 1; ++i) {
      result.push_back(spec);
      result.back().nodes[n].inputs.erase(result.back().nodes[n].inputs.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return result;
}

std::vector<NetworkSpec> plainer_nodes(const NetworkSpec& spec) {
  std::vector<NetworkSpec> result;
  for (std::size_t n = 0; n < spec.nodes.size(); ++n) {
    result.push_back(spec);
    result.back().nodes[n].attributes.clear();
    for (const auto& [name, values] : spec.nodes[n].attributes) {
      result.push_back(spec);
      result.back().nodes[n].attributes.erase(name);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] <= 1) continue;
        for (const std::int64_t smaller : {values[i] / 2, values[i] - 1}) {
          result.push_back(spec);
          result.back().nodes[n].attributes[name][i] = smaller;
        }
      }
    }
  }
  for (std::size_t i = 0; i < spec.inputs.size(); ++i)
    for (std::size_t axis = 0; axis < spec.inputs[i].size(); ++axis)
      for (const std::int64_t smaller : {spec.inputs[i][axis] / 2, spec.inputs[i][axis] - 1}) {
        if (smaller < 1) continue;
        result.push_back(spec);
        result.back().inputs[i][axis] = smaller;
      }
  return result;
}

class Shrinker {
 public:
  Shrinker(RandomCase failing, const Fails& fails, std::size_t tries)
      : best_(std::move(failing)), fails_(fails), left_(tries) {}

  RandomCase run() {
    bool better = true;
    while (better && left_ > 0) {
      better = false;
      for (const auto simplify : {fewer_outputs, fewer_nodes, plainer_nodes}) better = networks(simplify) || better;
      better = mappings() || better;
      better = platform() || better;
    }
    return best_;
  }

 private:
  bool adopt(RandomCase candidate) {
    if (left_ == 0) return false;
    --left_;
    if (!fails_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  // After a success, the candidates of the smaller case are tried, from the same place on.
  template <typename List, typename Try>
  bool descend(List candidates, Try attempt) {
    bool better = false;
    auto list = candidates();
    for (std::size_t i = 0; i < list.size() && left_ > 0;) {
      if (attempt(list[i])) {
        better = true;
        list = candidates();
      } else {
        ++i;
      }
    }
    return better;
  }

  bool networks(std::vector<NetworkSpec> (*simplify)(const NetworkSpec&)) {
    return descend([&] { return simplify(best_.network); },
                   [&](const NetworkSpec& spec) {
                     if (!shapes_of(spec)) return false;
                     RandomCase candidate = best_;
                     candidate.network = pruned(spec);
                     if (candidate.network == best_.network || candidate.network.nodes.empty() ||
                         !outputs_are_made(candidate.network))
                       return false;
                     return adopt(std::move(candidate));
                   });
  }

  static bool outputs_are_made(const NetworkSpec& spec) {
    std::vector<std::size_t> outputs = spec.outputs;
    std::sort(outputs.begin(), outputs.end());
    return outputs.front() >= spec.inputs.size() && std::adjacent_find(outputs.begin(), outputs.end()) == outputs.end();
  }

  bool mappings() {
    return descend([&] { return simpler_mappings(best_.mapping); },
                   [&](const Mapping& mapping) {
                     RandomCase candidate = best_;
                     candidate.mapping = mapping;
                     return adopt(std::move(candidate));
                   });
  }

  // Where nothing needs it.
  static bool drop_last_device(RandomCase& one) {
    const std::size_t last = --one.devices;
    bool needed = one.devices < 2 || one.input == last || one.output == last;
    for (const ReplicaMapping& replica : one.mapping.replicas)
      for (const Stage& stage : replica.stages)
        needed = needed || std::find(stage.devices.begin(), stage.devices.end(), last) != stage.devices.end();
    return !needed;
  }

  bool platform() {
    bool better = false;
    const auto attempt = [&](auto change) {
      RandomCase candidate = best_;
      if (change(candidate)) better = adopt(std::move(candidate)) || better;
    };
    attempt([](RandomCase& one) { return std::exchange(one.input_everywhere, false); });
    attempt([](RandomCase& one) { return std::exchange(one.input, 0) != 0; });
    attempt([](RandomCase& one) { return std::exchange(one.output, 0) != 0; });
    attempt([](RandomCase& one) { return drop_last_device(one); });
    return better;
  }

  RandomCase best_;
  const Fails& fails_;
  std::size_t left_;
};

}  // namespace

RandomCase shrink(RandomCase failing, const Fails& fails, std::size_t tries) {
  return Shrinker(std::move(failing), fails, tries).run();
}

}  // namespace dse::test
