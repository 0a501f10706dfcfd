// The ways to split a stage that the search may choose from.
#include <algorithm>
#include <limits>
#include <numeric>

#include "dse/search/genome.hpp"
#include "estimator/presets.hpp"

namespace dse::search {
namespace {

using Group = std::vector<std::size_t>;  // ascending

constexpr std::size_t few_devices = 4;

std::vector<Group> every_set(std::size_t devices) {
  std::vector<Group> groups;
  for (std::size_t set = 0; set < std::size_t{1} << devices; ++set) {
    Group group;
    for (std::size_t d = 0; d < devices; ++d)
      if ((set >> d & 1) != 0) group.push_back(d);
    if (group.size() > 1) groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<Group> pairs_and_neighbours(const std::vector<double>& speeds) {
  Group order(speeds.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return speeds[a] > speeds[b]; });
  std::vector<Group> groups;
  for (std::size_t a = 0; a < order.size(); ++a)
    for (std::size_t b = a + 1; b < order.size(); ++b) groups.push_back({a, b});
  for (std::size_t size = 3; size <= order.size(); ++size)
    for (std::size_t first = 0; first + size <= order.size(); ++first) {
      Group group(order.begin() + static_cast<std::ptrdiff_t>(first),
                  order.begin() + static_cast<std::ptrdiff_t>(first + size));
      std::sort(group.begin(), group.end());
      groups.push_back(std::move(group));
    }
  return groups;
}

std::vector<std::int64_t> shares_of(const Group& group, const std::vector<double>& speeds) {
  std::vector<double> of_group;
  for (const std::size_t d : group) of_group.push_back(speeds[d]);
  std::vector<std::int64_t> shares = proportional_shares(of_group);
  if (std::adjacent_find(shares.begin(), shares.end(), std::not_equal_to<>()) == shares.end()) return {};
  return shares;
}

constexpr std::int64_t units = 16;  // that all shares make together

// Shares of at least one unit each, as near to the placement's as they come.
std::vector<std::int64_t> in_units(const Placement& placement) {
  const std::size_t devices = placement.devices.size();
  const std::vector<std::int64_t> shares =
      placement.shares.empty() ? std::vector<std::int64_t>(devices, 1) : placement.shares;
  const std::int64_t all = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  std::vector<std::int64_t> result;
  for (const std::int64_t share : shares)
    result.push_back(std::max<std::int64_t>(1, (2 * units * share + all) / (2 * all)));
  // The largest takes what rounding left over.
  const std::int64_t sum = std::accumulate(result.begin(), result.end(), std::int64_t{0});
  *std::max_element(result.begin(), result.end()) += units - sum;
  return result;
}

std::vector<std::int64_t> reduced(std::vector<std::int64_t> shares) {
  std::int64_t divisor = 0;
  for (const std::int64_t share : shares) divisor = std::gcd(divisor, share);
  for (std::int64_t& share : shares) share /= divisor;
  if (std::adjacent_find(shares.begin(), shares.end(), std::not_equal_to<>()) == shares.end()) return {};
  return shares;
}

// So many that each still has an id with every wire. Hundreds of devices have more pairs than that: the first are kept.
std::size_t most_placements(const Space& space) {
  return std::numeric_limits<PlacementId>::max() / std::max<std::size_t>(1, space.strategies.wires.size());
}

}  // namespace

std::vector<Placement> with_other_shares(const Placement& placement) {
  const std::size_t devices = placement.devices.size();
  std::vector<Placement> result;
  if (devices < 2 || devices > few_devices) return result;
  const std::vector<std::int64_t> base = in_units(placement);
  const std::vector<std::int64_t> steps =
      devices == 2 ? std::vector<std::int64_t>{1, 2, 4} : std::vector<std::int64_t>{2};
  for (std::size_t from = 0; from < devices; ++from)
    for (std::size_t to = 0; to < devices; ++to)
      for (const std::int64_t step : steps) {
        if (from == to || base[from] <= step) continue;
        Placement other = placement;
        other.shares = base;
        other.shares[from] -= step;
        other.shares[to] += step;
        other.shares = reduced(std::move(other.shares));
        if (other != placement && std::find(result.begin(), result.end(), other) == result.end())
          result.push_back(std::move(other));
      }
  return result;
}

void add_splits(Space& space, const std::vector<double>& speeds) {
  const std::size_t most = most_placements(space);
  for (Placement& placement : split_placements(speeds, space.strategies))
    space.placements.push_back(std::move(placement));
  space.placements.resize(std::min(space.placements.size(), std::max(most, space.devices)));
  space.usual = space.placements.size();
  std::vector<std::vector<PlacementId>> families;
  for (std::size_t p = space.devices; p < space.usual; ++p) {
    std::vector<PlacementId>& family = families.emplace_back(1, static_cast<PlacementId>(p));
    for (Placement& other : with_other_shares(space.placements[p])) {
      if (space.placements.size() >= most) break;
      family.push_back(static_cast<PlacementId>(space.placements.size()));
      space.placements.push_back(std::move(other));
    }
  }
  space.other_shares.assign(space.placements.size(), {});
  for (const std::vector<PlacementId>& family : families)
    for (const PlacementId one : family)
      std::copy_if(family.begin(), family.end(), std::back_inserter(space.other_shares[one]),
                   [one](PlacementId other) { return other != one; });
}

void add_wires(Space& space) {
  std::vector<Wire> others = space.strategies.wires;
  std::erase(others, Wire::full);
  const std::size_t full = space.placements.size();
  if (others.empty() || full == 0) return;
  space.other_shares.resize(full);
  space.other_wires.assign(full * (others.size() + 1), {});
  for (std::size_t w = 0; w < others.size(); ++w)
    for (std::size_t p = 0; p < full; ++p) {
      Placement other = space.placements[p];
      other.wire = others[w];
      space.placements.push_back(std::move(other));
      // Shares move under the same wire.
      std::vector<PlacementId> siblings = space.other_shares[p];
      for (PlacementId& sibling : siblings) sibling = static_cast<PlacementId>(sibling + (w + 1) * full);
      space.other_shares.push_back(std::move(siblings));
    }
  for (std::size_t p = 0; p < space.placements.size(); ++p)
    for (std::size_t other = p % full; other < space.placements.size(); other += full)
      if (other != p) space.other_wires[p].push_back(static_cast<PlacementId>(other));
}

std::vector<Placement> split_placements(const std::vector<double>& speeds, const Strategies& strategies) {
  std::vector<Placement> result;
  for (const Group& group : speeds.size() <= few_devices ? every_set(speeds.size()) : pairs_and_neighbours(speeds)) {
    const std::vector<std::int64_t> shares = shares_of(group, speeds);
    const auto add = [&](Split split, Halo halo = Halo::exchange) {
      result.push_back({group, split, shares, halo, Wire::full});
    };
    if (strategies.horizontal) {
      add(Split::channels);
      add(Split::inputs);
    }
    if (strategies.vertical) {
      add(Split::rows);
      add(Split::rows, Halo::recompute);
      if (group.size() >= few_devices) add(Split::tiles);
    }
  }
  return result;
}

std::optional<PlacementId> placement_on(const Space& space, std::vector<std::size_t> devices, const Placement& like) {
  std::sort(devices.begin(), devices.end());
  const auto found = std::find_if(space.placements.begin(), space.placements.end(), [&](const Placement& one) {
    return one.devices == devices && one.split == like.split && one.halo == like.halo && one.wire == like.wire;
  });
  if (found == space.placements.end()) return std::nullopt;
  return static_cast<PlacementId>(found - space.placements.begin());
}

}  // namespace dse::search
