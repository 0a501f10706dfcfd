// The ways to split a stage that the search may choose from.
#include <algorithm>
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

}  // namespace

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
