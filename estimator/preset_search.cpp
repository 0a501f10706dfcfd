#include "estimator/preset_search.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "estimator/chain.hpp"

namespace dse::presets {
namespace {

constexpr std::size_t all_orders = 6;     // devices of which every order is tried
constexpr std::size_t kept_chains = 8;    // of the dynamic program's, to be estimated exactly
constexpr std::size_t most_moves = 400;   // of their cuts, estimated in all
constexpr std::size_t least_ends = 8;     // prefix ends to choose from, where there are as many
constexpr std::size_t sampled_ends = 12;  // of those, estimated first

// How good a mapping is, less is better: what fits or comes nearest to it; then the objective; then memory.
using Rank = std::array<double, 3>;

// The best mapping of those offered, all over one wire.
class Best {
 public:
  Best(const Estimator& estimator, Objective objective, Wire wire)
      : estimator_(estimator), objective_(objective), wire_(wire) {}

  Rank offer(Mapping mapping) {
    mapping = over_wire(std::move(mapping), wire_);
    const Estimate estimate = estimator_.estimate(mapping);
    const Rank rank{estimate.violation, objective_value(estimate, objective_), estimate.memory_max_bytes};
    if (!mapping_ || rank < rank_) {
      mapping_ = std::move(mapping);
      rank_ = rank;
    }
    return rank;
  }
  const Rank& rank() const { return rank_; }
  const Mapping& mapping() const { return *mapping_; }

 private:
  const Estimator& estimator_;
  Objective objective_;
  Wire wire_;
  std::optional<Mapping> mapping_;
  Rank rank_{};
};

using Order = std::vector<std::size_t>;

std::vector<Order> orders_of(Order devices) {
  if (devices.size() > all_orders) return {devices};
  std::vector<Order> orders;
  std::sort(devices.begin(), devices.end());
  do orders.push_back(devices);
  while (std::next_permutation(devices.begin(), devices.end()));
  return orders;
}

// Ways to cut `layers` into `stages`, times `orders`; more than `limit` counts as limit + 1.
std::size_t pipelines(std::size_t layers, std::size_t stages, std::size_t orders, std::size_t limit) {
  std::size_t count = orders;
  for (std::size_t i = 1; i < stages; ++i) {
    count = count * (layers - i) / i;
    if (count > limit * stages * stages) return limit + 1;
  }
  return std::min(count, limit + 1);
}

class Pipelines {
 public:
  Pipelines(const Estimator& estimator, const std::vector<std::size_t>& devices, Wire wire)
      : estimator_(estimator),
        network_(estimator.network()),
        orders_(orders_of(devices)),
        stages_(devices.size()),
        best_(estimator, Objective::period, wire) {}

  Mapping run(std::size_t exhaustive) {
    if (pipelines(network_.layers().size(), stages_, orders_.size(), exhaustive) <= exhaustive) {
      for (const Order& order : orders_) every_cut(order, {});
    } else {
      for (const ChainResult& chain : chains()) climb_from(chain);
    }
    return best_.mapping();
  }

 private:
  void every_cut(const Order& order, std::vector<LayerId> cuts) {
    if (cuts.size() + 1 == stages_) {
      best_.offer(contiguous(network_, cuts, order));
      return;
    }
    const LayerId first = cuts.empty() ? 1 : cuts.back() + 1;
    const std::size_t to_come = stages_ - 2 - cuts.size();
    cuts.push_back(first);
    for (; cuts.back() + to_come < network_.layers().size(); ++cuts.back()) every_cut(order, cuts);
  }

  // The best chain of every order, best first. Where the weights fit in none, regardless of memory: the estimate then
  // says what is short.
  std::vector<ChainResult> chains() const {
    ChainCosts costs = chain_costs(estimator_);
    std::vector<ChainResult> results = solve(costs);
    if (results.empty()) {
      for (double& room : costs.room_bytes) room = std::numeric_limits<double>::infinity();
      results = solve(costs);
    }
    std::stable_sort(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
    results.resize(std::min(results.size(), kept_chains));
    return results;
  }
  std::vector<ChainResult> solve(const ChainCosts& costs) const {
    std::vector<ChainResult> results;
    for (const Order& order : orders_)
      if (auto chain = best_chain(costs, order, ChainGoal::period, ChainDevices::every))
        results.push_back(std::move(*chain));
    return results;
  }

  // The chain's costs are a guess at skips and branches and know nothing of what a cut costs a device: each cut to any
  // other position, near ones first, as long as that helps.
  void climb_from(const ChainResult& chain) {
    std::vector<LayerId> cuts;
    Order order{chain.layers.front()};
    for (LayerId l = 1; l < chain.layers.size(); ++l) {
      if (chain.layers[l] == chain.layers[l - 1]) continue;
      cuts.push_back(l);
      order.push_back(chain.layers[l]);
    }
    Rank here = best_.offer(contiguous(network_, cuts, order));
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < cuts.size(); ++i)
        for (std::size_t distance = 1; distance < network_.layers().size(); ++distance)
          for (const bool later : {false, true})
            moved = move(cuts, i, later ? cuts[i] + distance : cuts[i] - distance, order, here) || moved;
    }
  }

  // To position `to`, which wraps around below 0, where that is allowed and better than `here`.
  bool move(std::vector<LayerId>& cuts, std::size_t cut, LayerId to, const Order& order, Rank& here) {
    const LayerId above = cut + 1 < cuts.size() ? cuts[cut + 1] : network_.layers().size();
    const LayerId below = cut > 0 ? cuts[cut - 1] : 0;
    if (to <= below || to >= above || moves_ == most_moves) return false;
    ++moves_;
    std::vector<LayerId> moved = cuts;
    moved[cut] = to;
    const Rank there = best_.offer(contiguous(network_, moved, order));
    if (there >= here) return false;
    cuts = std::move(moved);
    here = there;
    return true;
  }

  const Estimator& estimator_;
  const Network& network_;
  std::vector<Order> orders_;
  std::size_t stages_;
  Best best_;
  std::size_t moves_ = 0;
};

// Where a prefix may end, as its number of layers, ascending: the cuts that the fewest tensors cross, and the end.
std::vector<LayerId> prefix_ends(const Network& network) {
  const std::size_t layers = network.layers().size();
  std::vector<std::size_t> crossing(layers, 0);
  for (const NetworkTensor& tensor : network.tensors()) {
    if (tensor.consumers.empty()) continue;
    for (LayerId cut = tensor.producer ? *tensor.producer + 1 : 1; cut <= tensor.consumers.back(); ++cut)
      ++crossing[cut];
  }
  std::vector<LayerId> ends;
  for (std::size_t most = 1; ends.size() < std::min(least_ends, layers); ++most) {
    ends.clear();
    for (LayerId cut = 1; cut < layers; ++cut)
      if (crossing[cut] <= most) ends.push_back(cut);
    ends.push_back(layers);
  }
  return ends;
}

class Prefixes {
 public:
  Prefixes(const Estimator& estimator, const std::vector<std::size_t>& devices, const std::vector<std::int64_t>& shares,
           const SpatialSplit& how)
      : network_(estimator.network()),
        devices_(devices),
        shares_(shares),
        how_(how),
        best_(estimator, Objective::latency, how.wire),
        rest_(devices[static_cast<std::size_t>(std::max_element(shares.begin(), shares.end()) - shares.begin())]) {}

  Mapping run(std::size_t exhaustive) {
    const std::size_t layers = network_.layers().size();
    if (layers * devices_.size() * how_.halos.size() <= exhaustive) {
      for (LayerId end = 1; end <= layers; ++end)
        for (const std::size_t rest : devices_) offer(end, rest);
    } else {
      sample(prefix_ends(network_));
    }
    return best_.mapping();
  }

 private:
  // Evenly spread ends with the rest on the fastest device, then halves between the best and its neighbours; every
  // device for the rest at the best.
  void sample(const std::vector<LayerId>& ends) {
    const std::size_t last = ends.size() - 1;
    std::size_t step = std::max<std::size_t>(1, ends.size() / sampled_ends);
    for (std::size_t i = 0; i < last; i += step) offer_end(ends, i);
    offer_end(ends, last);
    for (; step > 0; step /= 2) {
      const std::size_t middle = best_end_;
      if (middle >= step) offer_end(ends, middle - step);
      if (middle + step <= last) offer_end(ends, middle + step);
    }
    for (const std::size_t rest : devices_) offer(ends[best_end_], rest);
  }

  void offer_end(const std::vector<LayerId>& ends, std::size_t index) {
    offer(ends[index], rest_);
    if (best_.rank() == best_end_rank_) return;
    best_end_rank_ = best_.rank();
    best_end_ = index;
  }

  void offer(LayerId end, std::size_t rest) {
    for (const Halo halo : how_.halos) best_.offer(mapping(end, rest, halo));
  }

  Mapping mapping(LayerId end, std::size_t rest, Halo halo) const {
    const bool whole = end == network_.layers().size();
    Mapping mapping = whole ? single_device(network_, rest) : contiguous(network_, {end}, {rest, rest});
    Stage& prefix = mapping.replicas.front().stages.front();
    prefix.devices = devices_;
    prefix.split = how_.split;
    prefix.shares = shares_;
    prefix.halo = halo;
    return mapping;
  }

  const Network& network_;
  const std::vector<std::size_t>& devices_;
  const std::vector<std::int64_t>& shares_;
  const SpatialSplit& how_;
  Best best_;
  std::size_t rest_;          // the fastest device
  std::size_t best_end_ = 0;  // index into the sampled ends
  Rank best_end_rank_{};
};

}  // namespace

Mapping over_wire(Mapping mapping, Wire wire) {
  for (ReplicaMapping& replica : mapping.replicas)
    for (Stage& stage : replica.stages) stage.wire = wire;
  return mapping;
}

Mapping best_pipeline(const Estimator& estimator, const std::vector<std::size_t>& devices, Wire wire,
                      std::size_t exhaustive) {
  return Pipelines(estimator, devices, wire).run(exhaustive);
}

Mapping best_prefix(const Estimator& estimator, const std::vector<std::size_t>& devices,
                    const std::vector<std::int64_t>& shares, const SpatialSplit& how, std::size_t exhaustive) {
  return Prefixes(estimator, devices, shares, how).run(exhaustive);
}

}  // namespace dse::presets
