#include "tests/support/part_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "base/error.hpp"
#include "engine/engine.hpp"
#include "models/submodel.hpp"

namespace dse::test {
namespace {

using Random = std::mt19937_64;

std::int64_t between(Random& random, std::int64_t lo, std::int64_t hi) {  // both included
  return lo + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(hi - lo + 1));
}

Box random_box(const Shape& shape, Random& random) {
  Box box = Box::whole(shape);
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (random() % 5 < 2) continue;
    box.lo[axis] = between(random, 0, shape[axis] - 1);
    box.hi[axis] = between(random, box.lo[axis] + 1, shape[axis]);
  }
  return box;
}

Region random_region(const Shape& shape, Random& random) {
  const Region one(random_box(shape, random));
  return random() % 6 == 0 ? unite(one, Region(random_box(shape, random))) : one;
}

// Small numbers of either sign; integers are small and not negative, so that they may serve as anything.
std::vector<std::byte> made_up(const TensorType& tensor, Random& random) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.bytes()));
  const std::size_t element = element_size(tensor.type);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    std::byte* to = bytes.data() + static_cast<std::size_t>(i) * element;
    const double value = static_cast<double>(random() >> 11) * 0x1p-53 * 2 - 1;
    if (tensor.type == DataType::float32) {
      const auto real = static_cast<float>(value);
      std::memcpy(to, &real, sizeof real);
    } else if (tensor.type == DataType::float64) {
      std::memcpy(to, &value, sizeof value);
    } else if (tensor.type == DataType::float16) {
      // Sign, an exponent that gives 0.25 .. 2, any mantissa.
      const auto half =
          static_cast<std::uint16_t>((random() & 0x8000u) | ((13 + random() % 3) << 10) | (random() & 0x3ffu));
      std::memcpy(to, &half, sizeof half);
    } else {
      const std::uint64_t number = tensor.type == DataType::boolean ? random() % 2 : random() % 100;
      std::memcpy(to, &number, element);
    }
  }
  return bytes;
}

double number_at(const std::byte* at, DataType type) {
  const auto as = [&]<typename T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return static_cast<double>(value);
  };
  switch (type) {
    case DataType::float32:
      return as(float{});
    case DataType::float64:
      return as(double{});
    case DataType::float16: {
      std::uint16_t half = 0;
      std::memcpy(&half, at, sizeof half);
      const int exponent = half >> 10 & 31, mantissa = half & 1023;
      const double magnitude = exponent == 31  ? INFINITY
                               : exponent == 0 ? std::ldexp(mantissa, -24)
                                               : std::ldexp(1024 + mantissa, exponent - 25);
      return half & 0x8000 ? -magnitude : magnitude;
    }
    case DataType::int8:
      return as(std::int8_t{});
    case DataType::uint8:
    case DataType::boolean:
      return as(std::uint8_t{});
    case DataType::int16:
      return as(std::int16_t{});
    case DataType::int32:
      return as(std::int32_t{});
    case DataType::int64:
      return as(std::int64_t{});
    default:
      return 0;
  }
}

std::vector<std::byte> cut(const engine::OwnedTensor& whole, const Box& box) {
  std::vector<std::byte> result;
  const std::size_t element = element_size(whole.tensor.type);
  std::vector<std::int64_t> at = box.lo.shape();
  for (std::int64_t i = 0; i < box.elements(); ++i) {
    std::size_t offset = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis)
      offset = offset * static_cast<std::size_t>(whole.tensor.shape[axis]) + static_cast<std::size_t>(at[axis]);
    const std::byte* from = whole.data.data() + offset * element;
    result.insert(result.end(), from, from + element);
    for (std::size_t axis = at.size(); axis-- > 0;) {
      if (++at[axis] < box.hi[axis]) break;
      at[axis] = box.lo[axis];
    }
  }
  return result;
}

double tolerance(DataType type) {
  switch (type) {
    case DataType::float16:
      return 2e-3;
    case DataType::float32:
    case DataType::float64:
      return 1e-4;
    case DataType::int8:
    case DataType::uint8:
      return 1.001 / 64;  // one step of rounding on values of usual size
    default:
      return 0;
  }
}

class Check {
 public:
  Check(const Network& network, std::uint64_t seed) : network_(network), random_(seed) { run_whole(); }

  PartCheck run(std::size_t rounds) {
    for (LayerId layer = 0; layer < network_.layers().size(); ++layer) {
      if (!splittable(network_, layer)) {
        ++result_.whole_layers;
        continue;
      }
      for (std::size_t round = 0; round < rounds; ++round) guarded(layer, [&] { check_part(layer); });
      if (summed_inputs(network_, layer) >= 2) {
        ++result_.sums;
        for (std::size_t round = 0; round < rounds; ++round) guarded(layer, [&] { check_sum(layer); });
      }
    }
    return std::move(result_);
  }

 private:
  void run_whole() {
    SubmodelRequest request = whole_network(network_);
    for (TensorId id = 0; id < network_.tensors().size(); ++id)
      if (network_.tensors()[id].producer && !network_.tensors()[id].is_output) request.outputs.push_back(id);
    for (const TensorId id : network_.inputs())
      values_[id] = {network_.tensors()[id].tensor, made_up(network_.tensors()[id].tensor, random_)};
    std::vector<engine::ConstTensorView> inputs;
    for (const TensorId id : request.inputs) inputs.push_back({values_[id].tensor, values_[id].data.data()});
    std::vector<engine::OwnedTensor> outputs = session(write_submodel(network_, request)).run(inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) values_[request.outputs[i]] = std::move(outputs[i]);
  }

  static engine::Session session(const std::string& text) {
    return engine::Engine::instance().load(std::as_bytes(std::span(text.data(), text.size())));
  }

  template <typename Action>
  void guarded(LayerId layer, Action action) try {
    action();
  } catch (const std::exception& error) {
    complain(layer, error.what());
  }

  void complain(LayerId layer, const std::string& what) {
    result_.complaints.push_back(
        fmt::format("{} ({}): {}", network_.layers()[layer].name, network_.layers()[layer].signature, what));
  }

  std::vector<Region> random_outputs(LayerId layer) {
    std::vector<Region> regions;
    const auto& outputs = network_.layers()[layer].outputs;
    for (const TensorId id : outputs)
      regions.push_back(outputs.size() > 1 && random_() % 3 == 0
                            ? Region()
                            : random_region(network_.tensors()[id].tensor.shape, random_));
    if (std::all_of(regions.begin(), regions.end(), [](const Region& region) { return region.empty(); }))
      regions[0] = random_region(network_.tensors()[outputs[0]].tensor.shape, random_);
    return regions;
  }

  // Runs parts on slices of `known`; inputs and outputs as the request says.
  std::vector<engine::OwnedTensor> compute(const PartModelRequest& request,
                                           const std::map<ValueId, engine::OwnedTensor>& known) {
    std::vector<std::vector<std::byte>> memory;
    std::vector<engine::ConstTensorView> views;
    for (const ValuePort& port : request.inputs) memory.push_back(cut(known.at(port.value), port.box));
    for (std::size_t i = 0; i < request.inputs.size(); ++i)
      views.push_back(
          {{known.at(request.inputs[i].value).tensor.type, request.inputs[i].box.extents()}, memory[i].data()});
    return session(write_part_model(network_, request)).run(views);
  }

  std::map<ValueId, engine::OwnedTensor> known_tensors(LayerId layer) const {
    std::map<ValueId, engine::OwnedTensor> known;
    for (const TensorId id : network_.layers()[layer].inputs) known[tensor_value(id)] = values_.at(id);
    return known;
  }

  void add_ports(LayerId layer, const RuleResult& needed, PartModelRequest& request) const {
    const Layer& facts = network_.layers()[layer];
    for (std::size_t i = 0; i < facts.inputs.size(); ++i)
      if (!needed.inputs[i].empty())
        request.inputs.push_back({tensor_value(facts.inputs[i]), needed.inputs[i].bounds()});
    for (std::size_t i = 0; i < facts.outputs.size(); ++i)
      if (!needed.computed[i].empty())
        request.outputs.push_back({tensor_value(facts.outputs[i]), needed.computed[i].bounds()});
  }

  void check_part(LayerId layer) {
    const PartWork work{layer, PartKind::full, random_outputs(layer)};
    const RuleResult needed = needs(network_, work);
    for (std::size_t i = 0; i < work.outputs.size(); ++i) {
      if (!needed.computed[i].contains(work.outputs[i])) complain(layer, "computes less than was asked for");
      if (needed.computed[i].boxes().size() > 1) complain(layer, "computes several boxes");
    }
    PartModelRequest request;
    request.name = "part";
    request.parts = {work};
    add_ports(layer, needed, request);
    check_weights(layer, needed, request);
    compare(layer, work, request, compute(request, known_tensors(layer)));
  }

  // A device loads only the weights that its parts use.
  void check_weights(LayerId layer, const RuleResult& needed, const PartModelRequest& request) {
    std::int64_t used = 0, told = 0;
    for (const WeightSlice& slice : external_slices(network_, request)) used += slice_size(network_, slice);
    for (const WeightSlice& slice : needed.weights) told += slice_size(network_, slice);
    if (used > told) complain(layer, fmt::format("uses {} bytes of weights and says {}", used, told));
  }

  void check_sum(LayerId layer) {
    const std::int64_t summed = summed_inputs(network_, layer);
    const auto parts = static_cast<std::size_t>(between(random_, 2, std::min<std::int64_t>(3, summed)));
    std::vector<std::int64_t> cuts{0, summed};
    while (cuts.size() < parts + 1) {
      const std::int64_t cut = between(random_, 1, summed - 1);
      if (std::find(cuts.begin(), cuts.end(), cut) == cuts.end()) cuts.push_back(cut);
    }
    std::sort(cuts.begin(), cuts.end());
    PartWork sum{layer, PartKind::reduce, random_outputs(layer)};
    sum.parts = parts;
    const RuleResult needed = needs(network_, sum);
    std::map<ValueId, engine::OwnedTensor> known = known_tensors(layer);
    PartModelRequest request;
    request.name = "sum";
    request.parts = {sum};
    for (std::size_t part = 0; part < parts; ++part) {
      PartWork partial{layer, PartKind::partial, {needed.addends}, cuts[part], cuts[part + 1], part};
      const RuleResult reads = needs(network_, partial);
      const SummedInput along = summed_input(network_, layer);
      const Box read = reads.inputs[along.input].bounds();
      if (read.lo[along.axis] < cuts[part] || read.hi[along.axis] > cuts[part + 1])
        complain(layer, "a partial result reads beyond its input channels");
      PartModelRequest one;
      one.name = "partial";
      one.parts = {partial};
      const Layer& facts = network_.layers()[layer];
      for (std::size_t i = 0; i < facts.inputs.size(); ++i)
        if (!reads.inputs[i].empty()) one.inputs.push_back({tensor_value(facts.inputs[i]), reads.inputs[i].bounds()});
      one.outputs.push_back({partial_value(layer, part), reads.computed[0].bounds()});
      check_weights(layer, reads, one);
      engine::OwnedTensor result = std::move(compute(one, known)[0]);
      // Held as if it were whole: cut() then takes the box that the sum reads.
      if (reads.computed[0] != needed.addends) complain(layer, "a partial result of another box than asked for");
      shifted_[partial_value(layer, part)] = std::move(result);
      request.inputs.push_back({partial_value(layer, part), needed.addends.bounds()});
    }
    add_ports(layer, needed, request);
    check_weights(layer, needed, request);
    std::vector<engine::ConstTensorView> views;
    std::vector<std::vector<std::byte>> memory;
    for (const ValuePort& port : request.inputs)
      memory.push_back(port.value.kind == ValueId::Kind::partial ? shifted_.at(port.value).data
                                                                 : cut(known.at(port.value), port.box));
    for (std::size_t i = 0; i < request.inputs.size(); ++i)
      views.push_back(
          {{value_type(network_, request.inputs[i].value).type, request.inputs[i].box.extents()}, memory[i].data()});
    compare(layer, sum, request, session(write_part_model(network_, request)).run(views));
  }

  void compare(LayerId layer, const PartWork& work, const PartModelRequest& request,
               const std::vector<engine::OwnedTensor>& results) {
    for (std::size_t port = 0; port < request.outputs.size(); ++port) {
      const engine::OwnedTensor& whole = values_.at(request.outputs[port].value.index);
      const DataType type = whole.tensor.type;
      const std::vector<std::byte> wanted = cut(whole, request.outputs[port].box);
      double largest = 0, worst = 0;
      const std::size_t element = element_size(type);
      for (std::size_t at = 0; at < whole.data.size(); at += element)
        largest = std::max(largest, std::abs(number_at(whole.data.data() + at, type)));
      if (results[port].data.size() != wanted.size()) {
        complain(layer, "has another size than its box");
        continue;
      }
      for (std::size_t at = 0; at < wanted.size(); at += element) {
        const double a = number_at(wanted.data() + at, type), b = number_at(results[port].data.data() + at, type);
        const bool same = a == b || (std::isnan(a) && std::isnan(b));
        if (!same)
          worst = std::max(worst, std::isfinite(a - b) ? std::abs(a - b) / std::max(largest, 1e-30) : INFINITY);
      }
      ++result_.parts;
      result_.worst_error = std::max(result_.worst_error, worst);
      if (worst > tolerance(type)) {
        std::string regions;
        for (const Region& region : work.outputs) regions += " " + to_string(region);
        complain(layer, fmt::format("output {} is off by {} for{}", port, worst, regions));
      }
    }
  }

  const Network& network_;
  Random random_;
  PartCheck result_;
  std::map<TensorId, engine::OwnedTensor> values_;
  std::map<ValueId, engine::OwnedTensor> shifted_;  // partial results, as their boxes
};

}  // namespace

PartCheck check_parts(const Network& network, std::uint64_t seed, std::size_t rounds) {
  return Check(network, seed).run(rounds);
}

}  // namespace dse::test
