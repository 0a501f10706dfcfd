#include "partition/placement.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "partition/shares.hpp"

namespace dse::lowering {
namespace {

constexpr std::int64_t engine_channel_block = 16;  // what the engine's convolution kernels like best

// A split that makes its devices compute this much more than the whole, as a fraction of what copying the layer to all
// of them would, is not one: the layer runs on one device.
constexpr double most_repeated = 0.5;

using Regions = std::vector<Region>;  // by device of the stage

// One device's work on a layer, and what that needs.
struct Share {
  std::size_t device = 0;  // of the stage
  PartWork work;
  RuleResult result;
};

class StagePlacement {
 public:
  StagePlacement(const Network& network, const std::vector<AxisRoles>& roles, const Stage& stage, std::size_t replica)
      : network_(network),
        roles_(roles),
        stage_(stage),
        replica_(replica),
        shares_(stage.shares.empty() ? std::vector<std::int64_t>(stage.devices.size(), 1) : stage.shares) {
    main_ = static_cast<std::size_t>(std::max_element(shares_.begin(), shares_.end()) - shares_.begin());
  }

  // Parts by layer.
  std::map<LayerId, std::vector<Part>> run() {
    std::vector<std::int64_t> multiples(network_.layers().size(), 1);
    for (const LayerId layer : stage_.layers) multiples[layer] = channel_granularity(network_, roles_, layer);
    granularity_ = granularities(network_, roles_, multiples, stage_.layers);
    for (const LayerId layer : stage_.layers) divided_[layer] = divisible(layer);
    asked_.resize(network_.tensors().size());
    if (stage_.halo == Halo::recompute) grow();
    std::map<LayerId, std::vector<Part>> parts;
    for (const LayerId layer : stage_.layers) parts[layer] = parts_of(layer);
    return parts;
  }

  std::vector<Part> one(LayerId layer, const Granularities& granularities) {
    granularity_ = granularities;
    divided_[layer] = divisible(layer);
    return parts_of(layer);
  }

 private:
  std::size_t devices() const { return stage_.devices.size(); }

  // ---- shares of a tensor

  std::int64_t multiple_of(std::int64_t channels) const {
    const auto known = granularity_.find(channels);
    const std::int64_t multiple = known == granularity_.end() ? 1 : known->second;
    if (multiple > channels) return 1;
    const std::int64_t blocked = std::lcm(multiple, engine_channel_block);
    return blocked * static_cast<std::int64_t>(2 * devices()) <= channels ? blocked : multiple;
  }

  std::vector<std::int64_t> channel_cuts(std::int64_t channels) const {
    return cut_by_shares(channels, shares_, multiple_of(channels));
  }

  Regions along(const Shape& shape, std::size_t axis, const std::vector<std::int64_t>& cuts) const {
    Regions regions;
    for (std::size_t d = 0; d < devices(); ++d) {
      Box box = Box::whole(shape);
      box.lo[axis] = cuts[d];
      box.hi[axis] = cuts[d + 1];
      regions.emplace_back(box);
    }
    return regions;
  }

  Regions in_tiles(const Shape& shape, std::size_t row, std::size_t column) const {
    const Grid grid = square_grid(devices());
    std::vector<std::int64_t> bands;
    for (std::size_t r = 0; r < grid.rows; ++r)
      bands.push_back(std::accumulate(shares_.begin() + static_cast<std::ptrdiff_t>(r * grid.columns),
                                      shares_.begin() + static_cast<std::ptrdiff_t>((r + 1) * grid.columns),
                                      std::int64_t{0}));
    const std::vector<std::int64_t> rows = cut_by_shares(shape[row], bands, 1);
    Regions regions;
    for (std::size_t r = 0; r < grid.rows; ++r) {
      const auto first = shares_.begin() + static_cast<std::ptrdiff_t>(r * grid.columns);
      const std::vector<std::int64_t> columns =
          cut_by_shares(shape[column], {first, first + static_cast<std::ptrdiff_t>(grid.columns)}, 1);
      for (std::size_t c = 0; c < grid.columns; ++c) {
        Box box = Box::whole(shape);
        box.lo[row] = rows[r];
        box.hi[row] = rows[r + 1];
        box.lo[column] = columns[c];
        box.hi[column] = columns[c + 1];
        regions.emplace_back(box);
      }
    }
    return regions;
  }

  // What each device has of a tensor that the stage makes; empty where it has no axis to split along.
  Regions shares_of(TensorId tensor) const {
    const Shape& shape = network_.tensors()[tensor].tensor.shape;
    const AxisRoles& roles = roles_[tensor];
    const auto usable = [&](const std::optional<std::size_t>& axis) { return axis && shape[*axis] > 1; };
    switch (stage_.split) {
      case Split::channels:
      case Split::inputs:
        if (usable(roles.channel)) return along(shape, *roles.channel, channel_cuts(shape[*roles.channel]));
        break;
      case Split::rows:
        if (usable(roles.row)) return along(shape, *roles.row, cut_by_shares(shape[*roles.row], shares_, 1));
        break;
      case Split::tiles:
        if (usable(roles.row) && usable(roles.column)) return in_tiles(shape, *roles.row, *roles.column);
        if (usable(roles.row)) return along(shape, *roles.row, cut_by_shares(shape[*roles.row], shares_, 1));
        break;
      case Split::batch:
        if (usable(roles.batch)) return along(shape, *roles.batch, cut_by_shares(shape[*roles.batch], shares_, 1));
        break;
      case Split::none:
        break;
    }
    return {};
  }

  // ---- layers

  Regions on_main(TensorId tensor) const {
    Regions regions(devices());
    regions[main_] = Region::whole(network_.tensors()[tensor].tensor.shape);
    return regions;
  }

  // By output, then by device.
  std::vector<Regions> shares_of_outputs(LayerId layer) const {
    std::vector<Regions> shares;
    for (const TensorId output : network_.layers()[layer].outputs) shares.push_back(shares_of(output));
    return shares;
  }

  static PartWork work_of(LayerId layer, const std::vector<Regions>& by_output, std::size_t device) {
    PartWork work{layer, PartKind::full, {}};
    for (const Regions& regions : by_output) work.outputs.push_back(regions[device]);
    return work;
  }

  static bool idle(const PartWork& work) {
    return std::all_of(work.outputs.begin(), work.outputs.end(), [](const Region& region) { return region.empty(); });
  }

  // Asks every device's needs, which are kept for the parts.
  bool divisible(LayerId layer) {
    if (!splittable(network_, layer)) return false;
    const std::vector<Regions> shares = shares_of_outputs(layer);
    if (shares.empty() || std::any_of(shares.begin(), shares.end(), [](const Regions& r) { return r.empty(); }))
      return false;
    double together = 0;
    std::size_t busy = 0;
    std::vector<Share>& kept = kept_[layer];
    for (std::size_t d = 0; d < devices(); ++d) {
      PartWork work = work_of(layer, shares, d);
      if (idle(work)) continue;
      ++busy;
      RuleResult result = needs(network_, work);
      together += result.fraction;
      kept.push_back({d, std::move(work), std::move(result)});
    }
    return busy > 1 && together <= 1 + most_repeated * static_cast<double>(busy - 1);
  }

  bool sums_inputs(LayerId layer) const {
    return stage_.split == Split::inputs && divided_.at(layer) &&
           summed_inputs(network_, layer) >= static_cast<std::int64_t>(devices());
  }

  // ---- recomputed halos

  bool in_stage(LayerId layer) const { return divided_.contains(layer); }

  // A tensor leaves the split where someone outside reads it, or a layer of the stage that is not divided.
  bool leaves(TensorId tensor) const {
    const NetworkTensor& facts = network_.tensors()[tensor];
    return facts.is_output || std::any_of(facts.consumers.begin(), facts.consumers.end(), [&](LayerId consumer) {
             return !in_stage(consumer) || !divided_.at(consumer);
           });
  }

  // From the last layer to the first: every device computes what its own later layers need of it, and its share of what
  // leaves.
  void grow() {
    for (auto layer = stage_.layers.rbegin(); layer != stage_.layers.rend(); ++layer) {
      if (!divided_.at(*layer)) continue;
      const auto& outputs = network_.layers()[*layer].outputs;
      for (const TensorId output : outputs) {
        asked_[output].resize(devices());
        if (!leaves(output)) continue;
        const Regions shares = shares_of(output);
        for (std::size_t d = 0; d < devices(); ++d) asked_[output][d] = unite(asked_[output][d], shares[d]);
      }
      std::vector<Share>& kept = kept_[*layer];
      kept.clear();
      for (std::size_t d = 0; d < devices(); ++d) {
        PartWork work = recomputed(*layer, d);
        if (idle(work)) continue;
        RuleResult result = needs(network_, work);
        ask_inputs(*layer, d, result);
        kept.push_back({d, std::move(work), std::move(result)});
      }
    }
  }

  PartWork recomputed(LayerId layer, std::size_t device) const {
    PartWork work{layer, PartKind::full, {}};
    for (const TensorId output : network_.layers()[layer].outputs) work.outputs.push_back(asked_[output][device]);
    return work;
  }

  void ask_inputs(LayerId layer, std::size_t device, const RuleResult& needed) {
    const auto& inputs = network_.layers()[layer].inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto producer = network_.tensors()[inputs[i]].producer;
      if (!producer || !in_stage(*producer) || !divided_.at(*producer)) continue;
      asked_[inputs[i]].resize(devices());
      asked_[inputs[i]][device] = unite(asked_[inputs[i]][device], needed.inputs[i]);
    }
  }

  // ---- parts

  std::vector<Part> parts_of(LayerId layer) {
    std::vector<Part> parts;
    const auto add = [&](std::size_t device, PartWork work) {
      parts.push_back(make_part(network_, replica_, stage_.devices[device], std::move(work)));
    };
    if (!divided_.at(layer)) {
      std::vector<Regions> all;
      for (const TensorId output : network_.layers()[layer].outputs) all.push_back(on_main(output));
      add(main_, work_of(layer, all, main_));
    } else if (sums_inputs(layer)) {
      for (PartWork& work : sums(layer)) {
        const std::size_t device = work.part;  // read before the move: arguments are evaluated in any order
        add(device, std::move(work));
      }
      renumber(parts);
    } else {
      for (Share& share : kept_.at(layer))
        parts.push_back(make_part(network_, replica_, stage_.devices[share.device], std::move(share.work),
                                  std::move(share.result)));
    }
    return parts;
  }

  // Partial results of every device over the input channels that it has, then the sum on the owners of the outputs;
  // `part` holds the device for now.
  std::vector<PartWork> sums(LayerId layer) const {
    const std::vector<std::int64_t> cuts = channel_cuts(summed_inputs(network_, layer));
    const std::vector<Regions> shares = shares_of_outputs(layer);
    const auto addends = static_cast<std::size_t>(std::count_if(
        cuts.begin() + 1, cuts.end(), [&, before = cuts.begin()](auto cut) mutable { return cut > *before++; }));
    std::vector<PartWork> works, reduces;
    Region wanted;
    for (std::size_t d = 0; d < devices(); ++d) {
      PartWork reduce = work_of(layer, shares, d);
      if (idle(reduce)) continue;
      reduce.kind = PartKind::reduce;
      reduce.parts = addends;
      reduce.part = d;
      wanted = unite(wanted, needs(network_, reduce).addends);
      reduces.push_back(std::move(reduce));
    }
    for (std::size_t d = 0; d < devices(); ++d)
      if (cuts[d] < cuts[d + 1])
        works.push_back({layer, PartKind::partial, {Region(wanted.bounds())}, cuts[d], cuts[d + 1], d});
    works.insert(works.end(), std::make_move_iterator(reduces.begin()), std::make_move_iterator(reduces.end()));
    return works;
  }

  void renumber(std::vector<Part>& parts) const {
    std::size_t next = 0;
    for (Part& part : parts) {
      part.work.part = part.work.kind == PartKind::partial ? next++ : 0;
      part = make_part(network_, replica_, part.device, std::move(part.work));
    }
  }

  const Network& network_;
  const std::vector<AxisRoles>& roles_;
  const Stage& stage_;
  std::size_t replica_;
  std::vector<std::int64_t> shares_;
  std::size_t main_ = 0;  // the device with the largest share: what is not divided runs there
  Granularities granularity_;
  std::map<LayerId, bool> divided_;
  std::map<LayerId, std::vector<Share>> kept_;  // of divided layers: what each device computes of them
  std::vector<Regions> asked_;                  // recompute: by tensor, by device
};

}  // namespace

PartWork whole_work(const Network& network, LayerId layer) {
  PartWork work{layer, PartKind::full, {}};
  for (const TensorId output : network.layers()[layer].outputs)
    work.outputs.push_back(Region::whole(network.tensors()[output].tensor.shape));
  return work;
}

Part make_part(const Network& network, std::size_t replica, std::size_t device, PartWork work) {
  RuleResult result = needs(network, work);
  return make_part(network, replica, device, std::move(work), std::move(result));
}

Part make_part(const Network& network, std::size_t replica, std::size_t device, PartWork work, RuleResult result) {
  const Layer& layer = network.layers()[work.layer];
  Part part;
  part.replica = replica;
  part.layer = work.layer;
  part.device = device;
  part.fraction = result.fraction;
  part.weights = std::move(result.weights);
  part.inputs.reserve(layer.inputs.size());
  for (std::size_t i = 0; i < layer.inputs.size(); ++i)
    for (const Box& box : result.inputs[i].boxes()) part.inputs.push_back({tensor_value(layer.inputs[i]), box});
  if (work.kind == PartKind::reduce)
    for (std::size_t i = 0; i < work.parts; ++i)
      part.inputs.push_back({partial_value(work.layer, i), result.addends.bounds()});
  if (work.kind == PartKind::partial)
    part.outputs.push_back({partial_value(work.layer, work.part), result.computed[0].bounds()});
  else
    for (std::size_t i = 0; i < layer.outputs.size(); ++i)
      if (!result.computed[i].empty())
        part.outputs.push_back({tensor_value(layer.outputs[i]), result.computed[i].bounds()});
  part.work = std::move(work);
  return part;
}

// One multiple for every tensor of the stage with the same number of channels: then layers that keep channels apart
// find their inputs where they are.
Granularities granularities(const Network& network, const std::vector<AxisRoles>& roles,
                            const std::vector<std::int64_t>& multiples, const std::vector<LayerId>& layers) {
  Granularities result;
  for (const LayerId layer : layers) {
    if (multiples[layer] == 1) continue;
    for (const TensorId output : network.layers()[layer].outputs) {
      if (!roles[output].channel) continue;
      std::int64_t& known =
          result.try_emplace(network.tensors()[output].tensor.shape[*roles[output].channel], 1).first->second;
      known = std::lcm(known, multiples[layer]);
    }
  }
  return result;
}

std::vector<Part> split_layer(const Network& network, const std::vector<AxisRoles>& roles, const Stage& stage,
                              LayerId layer, const Granularities& granularities) {
  std::vector<Part> parts = StagePlacement(network, roles, stage, 0).one(layer, granularities);
  for (Part& part : parts) part.wire = stage.wire;
  return parts;
}

std::map<LayerId, std::vector<Part>> split_stage(const Network& network, const std::vector<AxisRoles>& roles,
                                                 const Stage& stage) {
  std::map<LayerId, std::vector<Part>> parts = StagePlacement(network, roles, stage, 0).run();
  for (auto& [layer, of_layer] : parts)
    for (Part& part : of_layer) part.wire = stage.wire;
  return parts;
}

std::vector<Part> place_parts(const Network& network, const std::vector<AxisRoles>& roles,
                              const ReplicaMapping& mapping, std::size_t replica) {
  std::vector<std::vector<Part>> by_layer(network.layers().size());
  for (const Stage& stage : mapping.stages) {
    const auto placed = [&](std::vector<Part> of_layer) {
      for (Part& part : of_layer) part.wire = stage.wire;
      return of_layer;
    };
    if (stage.split == Split::none)
      for (const LayerId layer : stage.layers)
        by_layer[layer] = placed({make_part(network, replica, stage.devices.front(), whole_work(network, layer))});
    else
      for (auto& [layer, parts] : StagePlacement(network, roles, stage, replica).run())
        by_layer[layer] = placed(std::move(parts));
  }
  std::vector<Part> parts;
  for (std::vector<Part>& of_layer : by_layer)
    parts.insert(parts.end(), std::make_move_iterator(of_layer.begin()), std::make_move_iterator(of_layer.end()));
  return parts;
}

}  // namespace dse::lowering
