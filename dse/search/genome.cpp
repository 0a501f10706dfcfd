#include "dse/search/genome.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "dse/search/rng.hpp"

namespace dse::search {
namespace {

std::vector<int> measured_threads(const Device& device) {
  std::set<int> counts;
  for (const auto& kernel : device.profile->kernels) counts.insert(kernel.threads);
  std::vector<int> choices{0};
  for (int count : counts) {
    if (count > 0 && count < device.cores) choices.push_back(count);
  }
  return choices;
}

PlacementId most_common(const std::vector<PlacementId>& layers) {
  std::map<PlacementId, std::size_t> counts;
  for (PlacementId placement : layers) ++counts[placement];
  return std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
}

bool free_for(const Placement& placement, std::size_t replica, const std::vector<int>& owner) {
  return std::all_of(placement.devices.begin(), placement.devices.end(),
                     [&](std::size_t d) { return owner[d] < 0 || owner[d] == static_cast<int>(replica); });
}

// Gives every layer of replica `index` a placement on devices that no earlier replica serves; false where none is left.
bool claim_devices(ReplicaGene& replica, std::size_t index, const Space& space, std::vector<int>& owner) {
  enum : char { unknown, no, yes };
  thread_local std::vector<char> usable;  // by placement
  usable.assign(space.placements.size(), unknown);
  const auto is_usable = [&](PlacementId p) {
    if (usable[p] == unknown) usable[p] = free_for(space.placements[p], index, owner) ? yes : no;
    return usable[p] == yes;
  };
  const auto kept = std::find_if(replica.layers.begin(), replica.layers.end(), is_usable);
  PlacementId previous = 0;
  if (kept != replica.layers.end()) {
    previous = *kept;
  } else {
    while (previous < space.placements.size() && !is_usable(previous)) ++previous;
    if (previous == space.placements.size()) return false;
  }
  for (PlacementId& placement : replica.layers) {
    const bool changed = placement != previous;
    if (changed && is_usable(placement)) previous = placement;
    placement = previous;
  }
  PlacementId last = replica.layers.front();
  const auto take = [&](PlacementId placement) {
    for (const std::size_t device : space.placements[placement].devices) owner[device] = static_cast<int>(index);
  };
  take(last);
  for (const PlacementId placement : replica.layers)
    if (placement != last) take(last = placement);
  return true;
}

// A single replica of whole layers; what is split is judged by its mapping.
bool allowed_alone(const Genome& genome, const Space& space) {
  const std::vector<PlacementId>& layers = genome.replicas.front().layers;
  if (std::any_of(layers.begin(), layers.end(), [&](PlacementId p) { return p >= space.devices; }))
    return space.strategies.allows(strategy_name(to_mapping(genome, space)));
  const bool several = std::adjacent_find(layers.begin(), layers.end(), std::not_equal_to<>()) != layers.end();
  return space.strategies.allows(several ? "sequential" : "single");
}

void keep_to_strategies(Genome& genome, const Space& space) {
  if (genome.replicas.size() > space.slots()) genome.replicas.resize(space.slots());
  if (space.strategies.hybrid) return;
  const bool several = genome.replicas.size() > 1;
  if (!several && allowed_alone(genome, space)) return;
  for (ReplicaGene& replica : genome.replicas) {
    const PlacementId kept = most_common(replica.layers);
    const auto alone = static_cast<PlacementId>(space.placements[kept].devices.front());
    std::fill(replica.layers.begin(), replica.layers.end(), several ? alone : kept);
  }
}

std::vector<bool> in_split_stages(const Genome& genome, const Space& space) {
  std::vector<bool> result(space.devices, false);
  for (const ReplicaGene& replica : genome.replicas)
    for (const PlacementId placement : replica.layers)
      if (space.placements[placement].split != Split::none)
        for (const std::size_t device : space.placements[placement].devices) result[device] = true;
  return result;
}

bool on_one_device(const ReplicaGene& replica, const Space& space) {
  const Placement& first = space.placements[replica.layers.front()];
  return first.split == Split::none && std::all_of(replica.layers.begin(), replica.layers.end(), [&](PlacementId p) {
           return space.placements[p].split == Split::none && space.placements[p].devices == first.devices;
         });
}

void drop_wires(Genome& genome, const Space& space) {
  if (space.other_wires.empty()) return;
  for (ReplicaGene& replica : genome.replicas)
    if (on_one_device(replica, space))
      std::fill(replica.layers.begin(), replica.layers.end(),
                static_cast<PlacementId>(space.placements[replica.layers.front()].devices.front()));
}

void reduce_shares(Genome& genome, const Space& space) {
  std::int64_t divisor = 0;  // of all shares; at least 1 once a replica was seen
  for (ReplicaGene& replica : genome.replicas) {
    replica.share = std::clamp<std::int64_t>(replica.share, 1, space.max_share);
    divisor = std::gcd(divisor, replica.share);
  }
  if (divisor > 1)
    for (ReplicaGene& replica : genome.replicas) replica.share /= divisor;
}

}  // namespace

Space make_space(std::size_t layers, std::size_t devices, const Strategies& strategies) {
  Space space;
  space.layers = layers;
  space.devices = devices;
  space.strategies = strategies;
  for (std::size_t d = 0; d < devices; ++d) space.placements.push_back({.devices = {d}, .shares = {}});
  space.usual = devices;
  space.threads.assign(devices, {0});
  return space;
}

bool Strategies::allows(std::string_view name) const {
  if (hybrid || name == "single") return true;
  if (name == "data") return data;
  if (name == "sequential") return sequential;
  if (name == "horizontal") return horizontal;
  return name == "vertical" && vertical;
}

Space make_space(const Network& network, const Platform& platform, const Strategies& strategies,
                 const std::vector<double>& speeds) {
  Space space = make_space(network.layers().size(), platform.devices.size(), strategies);
  for (std::size_t d = 0; d < space.devices; ++d) space.threads[d] = measured_threads(platform.devices[d]);
  add_splits(space, speeds);
  add_wires(space);
  return space;
}

Genome pipeline(const Space& space, std::vector<PlacementId> layers) {
  Genome genome{{{1, std::move(layers)}}, std::vector<int>(space.devices, 0)};
  normalise(genome, space);
  return genome;
}

Genome single(const Space& space, std::size_t device) {
  return pipeline(space, std::vector<PlacementId>(space.layers, static_cast<PlacementId>(device)));
}

void normalise(Genome& genome, const Space& space) {
  for (ReplicaGene& replica : genome.replicas) {
    replica.layers.resize(space.layers, replica.layers.empty() ? PlacementId{0} : replica.layers.back());
    for (PlacementId& placement : replica.layers)
      if (placement >= space.placements.size()) placement = 0;
  }
  genome.threads.resize(space.devices, 0);
  keep_to_strategies(genome, space);
  std::vector<int> owner(space.devices, -1);
  std::vector<ReplicaGene> kept;
  for (ReplicaGene& replica : genome.replicas) {
    if (claim_devices(replica, kept.size(), space, owner)) kept.push_back(std::move(replica));
  }
  if (kept.empty()) {
    kept.push_back({1, std::vector<PlacementId>(space.layers, 0)});
    claim_devices(kept.front(), 0, space, owner);
  }
  genome.replicas = std::move(kept);
  drop_wires(genome, space);
  reduce_shares(genome, space);
  std::sort(genome.replicas.begin(), genome.replicas.end(), [](auto& a, auto& b) { return a.layers < b.layers; });
  const std::vector<bool> split = in_split_stages(genome, space);
  for (std::size_t d = 0; d < space.devices; ++d) {
    const auto& choices = space.threads[d];
    if (owner[d] < 0 || split[d] || std::find(choices.begin(), choices.end(), genome.threads[d]) == choices.end())
      genome.threads[d] = 0;
  }
}

std::uint64_t hash(const Genome& genome) {
  constexpr unsigned placement_bits = 16;
  std::uint64_t h = genome.replicas.size();
  for (const ReplicaGene& replica : genome.replicas) {
    h = mix(h, static_cast<std::uint64_t>(replica.share));
    // Four placements a word.
    std::uint64_t word = 0;
    for (std::size_t l = 0; l < replica.layers.size(); ++l) {
      word = word << placement_bits | replica.layers[l];
      if (l % 4 == 3) h = mix(h, word);
    }
    h = mix(h, word);
  }
  for (int threads : genome.threads) h = mix(h, static_cast<std::uint64_t>(threads));
  return h;
}

std::vector<int> owners(const Genome& genome, const Space& space) {
  std::vector<int> owner(space.devices, -1);
  for (std::size_t r = 0; r < genome.replicas.size(); ++r) {
    for (PlacementId placement : genome.replicas[r].layers) {
      for (std::size_t device : space.placements[placement].devices) owner[device] = static_cast<int>(r);
    }
  }
  return owner;
}

std::vector<Run> runs(const std::vector<PlacementId>& layers) {
  std::vector<Run> result;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (result.empty() || result.back().placement != layers[l]) result.push_back({l, l, layers[l]});
    result.back().last = l + 1;
  }
  return result;
}

Mapping to_mapping(const Genome& genome, const Space& space) {
  Mapping mapping;
  for (const ReplicaGene& gene : genome.replicas) {
    ReplicaMapping& replica = mapping.replicas.emplace_back();
    replica.share = gene.share;
    std::map<PlacementId, std::size_t> stage_of;
    for (std::size_t l = 0; l < gene.layers.size(); ++l) {
      const auto [entry, fresh] = stage_of.try_emplace(gene.layers[l], replica.stages.size());
      if (fresh) {
        const Placement& placement = space.placements[gene.layers[l]];
        Stage& stage = replica.stages.emplace_back();
        stage.devices = placement.devices;
        stage.split = placement.split;
        stage.shares = placement.shares;
        stage.halo = placement.halo;
        stage.wire = placement.wire;
        stage.threads = genome.threads[placement.devices.front()];
      }
      replica.stages[entry->second].layers.push_back(l);
    }
  }
  return mapping;
}

bool to_runs(const Genome& genome, const Space& space, std::vector<ReplicaRuns>& into) {
  into.resize(genome.replicas.size());
  for (std::size_t r = 0; r < into.size(); ++r) {
    const std::vector<PlacementId>& layers = genome.replicas[r].layers;
    into[r].share = genome.replicas[r].share;
    into[r].runs.clear();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (l > 0 && layers[l] == layers[l - 1]) continue;
      const Placement& placement = space.placements[layers[l]];
      if (placement.split != Split::none) return false;
      if (l > 0) into[r].runs.back().end = l;
      const std::size_t device = placement.devices.front();
      into[r].runs.push_back({l, layers.size(), device, genome.threads[device], placement.wire});
    }
  }
  return true;
}

Genome from_mapping(const Mapping& mapping, const Space& space) {
  const auto refuse = [](std::string_view why) {
    throw Error(ExitCode::bad_input, "GENOME-SPACE", "the mapping lies outside the search space: " + std::string(why));
  };
  Genome genome;
  genome.threads.assign(space.devices, 0);
  for (const ReplicaMapping& replica : mapping.replicas) {
    ReplicaGene& gene = genome.replicas.emplace_back();
    gene.share = replica.share;
    gene.layers.assign(space.layers, 0);
    for (const Stage& stage : replica.stages) {
      const auto found = std::find_if(space.placements.begin(), space.placements.end(), [&](const Placement& p) {
        return p == Placement{stage.devices, stage.split, stage.shares, stage.halo, stage.wire};
      });
      if (found == space.placements.end()) refuse("it has no such placement of a stage");
      for (LayerId layer : stage.layers)
        gene.layers.at(layer) = static_cast<PlacementId>(found - space.placements.begin());
      for (std::size_t device : stage.devices) genome.threads[device] = stage.threads;
    }
  }
  const Genome given = genome;
  normalise(genome, space);
  if (genome.replicas.size() != given.replicas.size()) refuse("a device serves two replicas");
  return genome;
}

}  // namespace dse::search
