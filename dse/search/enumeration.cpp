#include "dse/search/enumeration.hpp"

#include <algorithm>
#include <numeric>

namespace dse::search {
namespace {

using Visit = std::function<bool(const Genome&)>;

// Counts `digits` up, digit i below base[i]; false after the last.
bool next(std::vector<std::size_t>& digits, const std::vector<std::size_t>& base) {
  for (std::size_t i = digits.size(); i-- > 0;) {
    if (++digits[i] < base[i]) return true;
    digits[i] = 0;
  }
  return false;
}

// Of genomes that are the same after repair, the repaired one. Without splits only these are made.
bool is_canonical(const Genome& genome, const Space& space) {
  if (!space.splits()) return true;
  Genome repaired = genome;
  normalise(repaired, space);
  return repaired == genome;
}

// Every choice of threads for the devices in use.
bool with_threads(Genome genome, const Space& space, const Visit& visit) {
  const std::vector<int> owner = owners(genome, space);
  std::vector<std::size_t> digits(space.devices, 0), base(space.devices, 1);
  for (std::size_t d = 0; d < space.devices; ++d) base[d] = owner[d] < 0 ? 1 : space.threads[d].size();
  do {
    for (std::size_t d = 0; d < space.devices; ++d) genome.threads[d] = space.threads[d][digits[d]];
    if (!is_canonical(genome, space)) continue;
    if (!visit(genome)) return false;
  } while (next(digits, base));
  return true;
}

// Every vector of shares without a common divisor.
bool with_shares(Genome genome, const Space& space, const Visit& visit) {
  const std::size_t count = genome.replicas.size();
  std::vector<std::size_t> digits(count, 0);
  const std::vector<std::size_t> base(count, count == 1 ? 1 : static_cast<std::size_t>(space.max_share));
  std::sort(genome.replicas.begin(), genome.replicas.end(), [](auto& a, auto& b) { return a.layers < b.layers; });
  do {
    std::int64_t divisor = 0;
    for (std::size_t r = 0; r < count; ++r) {
      genome.replicas[r].share = static_cast<std::int64_t>(digits[r] + 1);
      divisor = std::gcd(divisor, genome.replicas[r].share);
    }
    if (divisor == 1 && !with_threads(genome, space, visit)) return false;
  } while (next(digits, base));
  return true;
}

std::vector<PlacementId> placements_on(const std::vector<std::size_t>& groups, std::size_t group, const Space& space) {
  std::vector<PlacementId> result;
  // Of a device by itself the full wire only: with others the genome would not be canonical.
  const bool alone = std::count(groups.begin(), groups.end(), group) == 1;
  for (std::size_t p = 0; p < (alone ? space.devices : space.placements.size()); ++p) {
    const auto& devices = space.placements[p].devices;
    if (std::all_of(devices.begin(), devices.end(), [&](std::size_t d) { return groups[d] == group; }))
      result.push_back(static_cast<PlacementId>(p));
  }
  return result;
}

// True where the layers use every device of the group: else another grouping produces the same genome.
bool uses_all(const std::vector<PlacementId>& layers, const std::vector<std::size_t>& groups, std::size_t group,
              const Space& space) {
  std::vector<bool> used(space.devices, false);
  for (PlacementId p : layers) {
    for (std::size_t d : space.placements[p].devices) used[d] = true;
  }
  for (std::size_t d = 0; d < space.devices; ++d) {
    if (groups[d] == group && !used[d]) return false;
  }
  return true;
}

// Fewer placements than the group needs to use all its devices.
bool too_few(const std::vector<PlacementId>& choices, std::size_t at_most, const std::vector<std::size_t>& groups,
             std::size_t group, const Space& space) {
  std::size_t widest = 0;
  for (PlacementId p : choices) widest = std::max(widest, space.placements[p].devices.size());
  return static_cast<std::size_t>(std::count(groups.begin(), groups.end(), group)) > at_most * widest;
}

// Every pipeline of every group from `group` on; groups count from 1, devices of group 0 are idle.
bool with_layers(Genome& genome, const std::vector<std::size_t>& groups, std::size_t group, std::size_t count,
                 const Space& space, const Visit& visit) {
  if (group > count) return with_shares(genome, space, visit);
  const std::vector<PlacementId> choices = placements_on(groups, group, space);
  const bool one_stage = count > 1 ? !space.strategies.hybrid : !space.stages();
  std::vector<std::size_t> digits(one_stage ? 1 : space.layers, 0);
  if (too_few(choices, digits.size(), groups, group, space)) return true;
  const std::vector<std::size_t> base(digits.size(), choices.size());
  do {
    ReplicaGene& replica = genome.replicas[group - 1];
    for (std::size_t l = 0; l < space.layers; ++l) replica.layers[l] = choices[digits[one_stage ? 0 : l]];
    if (!uses_all(replica.layers, groups, group, space)) continue;
    if (!with_layers(genome, groups, group + 1, count, space, visit)) return false;
  } while (next(digits, base));
  return true;
}

// Every way to put the devices into groups: the first device of group g comes before that of group g + 1.
bool with_groups(std::vector<std::size_t>& groups, std::size_t device, std::size_t count, const Space& space,
                 const Visit& visit) {
  if (device == space.devices) {
    if (count == 0) return true;
    Genome genome{std::vector<ReplicaGene>(count, {1, std::vector<PlacementId>(space.layers, 0)}),
                  std::vector<int>(space.devices, 0)};
    return with_layers(genome, groups, 1, count, space, visit);
  }
  const std::size_t most = std::min(count + 1, space.slots());
  for (std::size_t group = 0; group <= most; ++group) {
    groups[device] = group;
    if (!with_groups(groups, device + 1, std::max(count, group), space, visit)) return false;
  }
  return true;
}

// Every contiguous pipeline over the devices of `order`, in this order, all of them used.
bool with_cuts(const std::vector<PlacementId>& order, const Space& space, const Visit& visit) {
  const std::size_t stages = order.size();
  if (stages > space.layers) return true;
  std::vector<std::size_t> first(stages);  // of each stage
  std::iota(first.begin(), first.end(), std::size_t{0});
  while (true) {
    std::vector<PlacementId> layers(space.layers);
    for (std::size_t s = 0; s < stages; ++s) {
      std::fill(layers.begin() + static_cast<std::ptrdiff_t>(first[s]), layers.end(), order[s]);
    }
    if (!visit(Genome{{{1, std::move(layers)}}, std::vector<int>(space.devices, 0)})) return false;
    std::size_t s = stages;
    while (s > 1 && first[s - 1] == space.layers - (stages - s + 1)) --s;
    if (s <= 1) return true;
    for (std::size_t at = ++first[s - 1]; s < stages; ++s) first[s] = ++at;
  }
}

bool with_orders(std::vector<PlacementId>& order, const Space& space, const Visit& visit) {
  if (!order.empty() && !with_cuts(order, space, visit)) return false;
  if (!order.empty() && !space.stages()) return true;
  for (PlacementId p = 0; p < space.devices; ++p) {
    if (std::find(order.begin(), order.end(), p) != order.end()) continue;
    order.push_back(p);
    if (!with_orders(order, space, visit)) return false;
    order.pop_back();
  }
  return true;
}

}  // namespace

bool for_each_genome(const Space& space, const Visit& visit) {
  std::vector<std::size_t> groups(space.devices, 0);
  return with_groups(groups, 0, 0, space, visit);
}

bool for_each_contiguous(const Space& space, const Visit& visit) {
  std::vector<PlacementId> order;
  if (!with_orders(order, space, visit)) return false;
  if (!space.replicas()) return true;
  for (std::uint64_t set = 1; set < (std::uint64_t{1} << std::min<std::size_t>(space.devices, 63)); ++set) {
    Genome genome{{}, std::vector<int>(space.devices, 0)};
    for (PlacementId p = 0; p < space.devices; ++p) {
      if ((set >> p & 1) != 0) genome.replicas.push_back({1, std::vector<PlacementId>(space.layers, p)});
    }
    if (genome.replicas.size() > 1 && !with_shares(std::move(genome), space, visit)) return false;
  }
  return true;
}

}  // namespace dse::search
