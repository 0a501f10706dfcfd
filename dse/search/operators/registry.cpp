// All operators with their weights. The ratio of cut shifts, swaps, reassignments, splits and merges is the one that
// did best on synthetic pipelines (see docs); replica operators come on top where the space has replicas.
#include <algorithm>
#include <numeric>

#include "dse/search/operators.hpp"

namespace dse::search {

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> all{
      {"cut-shift", 0.45, operators::cut_shift},         {"swap-devices", 0.15, operators::swap_devices},
      {"reassign", 0.20, operators::reassign},           {"split-stage", 0.12, operators::split_stage},
      {"merge-stage", 0.08, operators::merge_stage},     {"replicate", 0.06, operators::replicate},
      {"unreplicate", 0.04, operators::unreplicate},     {"change-share", 0.12, operators::change_share},
      {"change-split", 0.15, operators::change_split},   {"change-threads", 0.10, operators::change_threads},
      {"change-shares", 0.10, operators::change_shares}, {"change-wire", 0.10, operators::change_wire},
  };
  return all;
}

const std::vector<Crossover>& crossovers() {
  static const std::vector<Crossover> all{
      {"layers", 0.65, operators::cross_layers},
      {"cuts", 0.25, operators::cross_cuts},
      {"replicas", 0.10, operators::cross_replicas},
  };
  return all;
}

namespace {

template <class Operator>
const Operator& draw(const std::vector<Operator>& all, Rng& rng) {
  const double total =
      std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const Operator& o) { return sum + o.weight; });
  double point = rng.unit() * total;
  for (const Operator& one : all) {
    point -= one.weight;
    if (point < 0) return one;
  }
  return all.back();
}

}  // namespace

void vary(Genome& genome, const Space& space, Rng& rng) {
  std::size_t wanted = 1;
  while (wanted < 4 && rng.chance(0.35)) ++wanted;
  // An operator that finds nothing to do (a single device has no border to shift) costs a draw, not a mutation.
  for (std::size_t tries = 0; wanted > 0 && tries < 16; ++tries) {
    if (!draw(mutations(), rng).apply(genome, space, rng)) continue;
    normalise(genome, space);
    --wanted;
  }
}

Genome combine(const Genome& a, const Genome& b, const Space& space, Rng& rng) {
  Genome child = draw(crossovers(), rng).apply(a, b, space, rng);
  for (std::size_t d = 0; d < space.devices; ++d) {
    if (rng.chance(0.5)) child.threads[d] = b.threads[d];
  }
  normalise(child, space);
  return child;
}

std::vector<PlacementId> operators::reachable(const Genome& genome, std::size_t r, const Space& space) {
  const std::vector<int> owner = owners(genome, space);
  std::vector<PlacementId> result;
  const auto placements = static_cast<PlacementId>(space.usual);
  for (PlacementId p = 0; p < placements; ++p) {
    const auto& devices = space.placements[p].devices;
    const bool free = std::all_of(devices.begin(), devices.end(),
                                  [&](std::size_t d) { return owner[d] < 0 || owner[d] == static_cast<int>(r); });
    if (free) result.push_back(p);
  }
  return result;
}

PlacementId operators::draw_target(const std::vector<PlacementId>& targets, const Space& space, Rng& rng) {
  const auto splits = std::lower_bound(targets.begin(), targets.end(), static_cast<PlacementId>(space.devices));
  const auto alone = static_cast<std::size_t>(splits - targets.begin());
  if (alone == targets.size() || alone == 0) return targets[rng.below(targets.size())];
  return rng.chance(0.5) ? targets[rng.below(alone)] : targets[alone + rng.below(targets.size() - alone)];
}

}  // namespace dse::search
