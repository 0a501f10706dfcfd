#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {
namespace {

std::size_t devices_apart(const Placement& a, const Placement& b) {
  std::vector<std::size_t> apart;
  std::set_symmetric_difference(a.devices.begin(), a.devices.end(), b.devices.begin(), b.devices.end(),
                                std::back_inserter(apart));
  return apart.size();
}

// The same devices with another split, or the same split over one device more or less.
bool neighbours(const Placement& a, const Placement& b) {
  const std::size_t apart = devices_apart(a, b);
  const bool same_way = a.split == b.split && a.halo == b.halo && a.wire == b.wire;
  const bool alone = a.split == Split::none || b.split == Split::none;
  return apart == 0 || (apart == 1 && (same_way || alone));
}

}  // namespace

bool change_split(Genome& genome, const Space& space, Rng& rng) {
  if (!space.splits()) return false;
  const std::size_t r = rng.below(genome.replicas.size());
  auto& layers = genome.replicas[r].layers;
  const std::vector<Run> all = runs(layers);
  const Run run = all[rng.below(all.size())];
  std::vector<PlacementId> targets = reachable(genome, r, space);
  std::erase_if(targets, [&](PlacementId p) {
    return p == run.placement || !neighbours(space.placements[p], space.placements[run.placement]);
  });
  if (targets.empty()) return false;
  std::fill(layers.begin() + static_cast<std::ptrdiff_t>(run.first),
            layers.begin() + static_cast<std::ptrdiff_t>(run.last), targets[rng.below(targets.size())]);
  return true;
}

}  // namespace dse::search::operators
