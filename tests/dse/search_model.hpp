// A synthetic evaluator for the search's tests: a chain of layers with skips on devices of different speeds, in closed
// form.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "dse/search/evaluator.hpp"
#include "dse/search/rng.hpp"
#include "estimator/chain.hpp"

namespace dse::search {

class ChainModel : public Evaluator {
 public:
  ChainModel(const Space& space, std::uint64_t seed, double memory = 1e9) : space_(space), memory_(memory) {
    Rng rng(seed, 0);
    for (std::size_t l = 0; l < space.layers; ++l) {
      bytes_.push_back(1000 + 20000 * rng.unit());
      weights_.push_back(1e5 * (0.2 + rng.unit()));
    }
    for (std::size_t d = 0; d < space.devices; ++d) {
      const double speed = 0.5 + 2 * rng.unit();
      seconds_.emplace_back();
      for (std::size_t l = 0; l < space.layers; ++l) seconds_[d].push_back(0.001 * (0.3 + rng.unit()) / speed);
      watts_.push_back(1 + 3 * speed);
    }
  }

  Estimate evaluate(const Genome& genome) const override {
    Estimate estimate;
    std::vector<double> busy(space_.devices, 0.0), memory(space_.devices, 0.0);
    std::vector<bool> used(space_.devices, false);
    double shares = 0, link = 0;
    for (const ReplicaGene& replica : genome.replicas) shares += static_cast<double>(replica.share);
    for (const ReplicaGene& replica : genome.replicas) {
      const double fraction = static_cast<double>(replica.share) / shares;
      double latency = 0;
      for (std::size_t l = 0; l < space_.layers; ++l) {
        const std::size_t d = replica.layers[l];
        const double seconds = seconds_[d][l] * (genome.threads[d] == 0 ? 1.0 : 1.0 + 0.1 * genome.threads[d]);
        busy[d] += fraction * seconds;
        latency += seconds;
        memory[d] += weights_[l];
        used[d] = true;
        for (std::size_t back : {std::size_t{1}, std::size_t{3}}) {
          if (l < back || replica.layers[l - back] == replica.layers[l]) continue;
          latency += bytes_[l - back] * 1e-8;
          link += fraction * bytes_[l - back] * 1e-8;
        }
      }
      estimate.latency_s = std::max(estimate.latency_s, latency);
    }
    estimate.period_s = std::max(link, *std::max_element(busy.begin(), busy.end()));
    for (std::size_t d = 0; d < space_.devices; ++d) {
      if (!used[d]) continue;
      const double joules = 0.5 * estimate.period_s + watts_[d] * busy[d];
      estimate.energy_sum_j += joules;
      estimate.energy_max_j = std::max(estimate.energy_max_j, joules);
      estimate.memory_max_bytes = std::max(estimate.memory_max_bytes, memory[d]);
      ++estimate.device_count;
      if (memory[d] > memory_) {
        estimate.feasible = false;
        estimate.violation += memory[d] / memory_ - 1;
        estimate.reason = "too large";
      }
    }
    return estimate;
  }

  ChainCosts costs() const {
    ChainCosts costs;
    costs.seconds = seconds_;
    costs.weight_bytes = weights_;
    costs.crossing_bytes.assign(space_.layers + 1, 0.0);
    for (std::size_t l = 0; l < space_.layers; ++l) {
      for (std::size_t cut = l + 1; cut <= std::min(l + 3, space_.layers - 1); ++cut)
        costs.crossing_bytes[cut] += bytes_[l];
    }
    costs.room_bytes.assign(space_.devices, memory_);
    costs.transfer = [](std::size_t a, std::size_t b, double bytes) { return a == b ? 0.0 : bytes * 1e-8; };
    return costs;
  }

 private:
  const Space& space_;
  double memory_;
  std::vector<std::vector<double>> seconds_;
  std::vector<double> bytes_, weights_, watts_;
};

inline const std::vector<Objective> model_objectives{Objective::latency, Objective::period, Objective::energy_max,
                                                     Objective::memory_max};

// A canonical genome drawn without regard to what is good.
inline Genome any_genome(const Space& space, Rng& rng) {
  Genome genome;
  const std::size_t replicas = 1 + rng.below(space.devices + 1);
  for (std::size_t r = 0; r < replicas; ++r) {
    ReplicaGene& gene = genome.replicas.emplace_back();
    gene.share = static_cast<std::int64_t>(rng.below(40));
    const std::size_t placements = rng.chance(0.5) ? space.devices : space.placements.size();
    for (std::size_t l = 0; l < space.layers; ++l)
      gene.layers.push_back(static_cast<PlacementId>(rng.below(placements)));
  }
  for (std::size_t d = 0; d < space.devices; ++d) genome.threads.push_back(static_cast<int>(rng.below(5)));
  normalise(genome, space);
  return genome;
}

}  // namespace dse::search
