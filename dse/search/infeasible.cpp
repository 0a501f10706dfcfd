#include "dse/search/infeasible.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "dse/search/seeds.hpp"
#include "estimator/presets.hpp"

namespace dse::search {
namespace {

// The next tenth of a GiB, or whole MiB below one GiB: what a person would write into the platform file.
std::string memory_to_write(double bytes) {
  const double gib = bytes / (1u << 30);
  if (gib >= 1) return fmt::format("{:.1f} GiB", std::ceil(gib * 10) / 10);
  return fmt::format("{:.0f} MiB", std::ceil(bytes / (1u << 20)));
}

std::vector<std::string> remedies(const Estimate& estimate, const Evaluations& evaluations, const Platform& platform) {
  std::vector<std::string> list;
  for (const DeviceEstimate& of : estimate.devices) {
    if (!of.used || of.memory_bytes <= static_cast<double>(platform.devices[of.device].memory_bytes)) continue;
    list.push_back(
        fmt::format("memory: {} on device {}", memory_to_write(of.memory_bytes), platform.devices[of.device].name));
  }
  for (const Limit& limit : evaluations.setup().limits) {
    const bool at_least = limit.objective == Objective::survivability;
    const double value = std::abs(objective_value(estimate, limit.objective));
    if (at_least ? value >= limit.value : value <= limit.value) continue;
    list.push_back(fmt::format("--limit {}={:.3g}", to_string(limit.objective), at_least ? value : value * 1.005));
  }
  return list;
}

// Layers by device, for people.
std::string placement(const Mapping& mapping, const Network& network, const Platform& platform) {
  std::vector<std::string> replicas;
  for (const ReplicaMapping& replica : mapping.replicas) {
    std::vector<std::string> stages;
    for (const Stage& stage : replica.stages) {
      std::vector<std::string> names;
      for (const std::size_t device : stage.devices) names.push_back(platform.devices[device].name);
      stages.push_back(fmt::format("{} of {} layers {} {}", stage.layers.size(), network.layers().size(),
                                   names.size() > 1 ? "split over" : "on", fmt::join(names, " and ")));
    }
    replicas.push_back(fmt::format("{}", fmt::join(stages, ", ")));
  }
  return fmt::format("{}", fmt::join(replicas, " and "));
}

// The heaviest layer of a device that lacks memory: what a split would have to begin with.
std::string heaviest_layer(const FrontEntry& nearest, const Space& space, const Network& network,
                           const Platform& platform) {
  const Layer* heaviest = nullptr;
  for (const ReplicaMapping& replica : to_mapping(nearest.genome, space).replicas)
    for (const Stage& stage : replica.stages) {
      const bool lacks = std::any_of(stage.devices.begin(), stage.devices.end(), [&](std::size_t d) {
        return nearest.estimate.devices.size() > d &&
               nearest.estimate.devices[d].memory_bytes > static_cast<double>(platform.devices[d].memory_bytes);
      });
      if (!lacks) continue;
      for (const LayerId layer : stage.layers)
        if (heaviest == nullptr || network.layers()[layer].weight_bytes > heaviest->weight_bytes)
          heaviest = &network.layers()[layer];
    }
  if (heaviest == nullptr || heaviest->weight_bytes == 0) return "";
  return fmt::format("; its layer '{}' alone holds {} of weights", printable(heaviest->name),
                     memory_to_write(static_cast<double>(heaviest->weight_bytes)));
}

// Whether one of the seeds fits.
bool fits(const Network& network, const Platform& platform, const Evaluations::Setup& setup) {
  constexpr std::size_t fill = 50, most = 2000;
  const Estimator estimator(network, platform);
  const Space space = make_space(network, platform, {}, device_speeds(estimator));
  const EstimatorEvaluator evaluator(estimator, space);
  Evaluations evaluations(evaluator, space, {setup.objectives, setup.limits, setup.threads, most});
  evaluations.evaluate(seeds(space, chain_costs(estimator), fill, most, 1));
  return !evaluations.front().empty();
}

// With a second one of the device that has most memory, on the same networks.
std::pair<Platform, std::string> with_one_more(Platform platform) {
  const auto largest =
      std::max_element(platform.devices.begin(), platform.devices.end(),
                       [](const Device& a, const Device& b) { return a.memory_bytes < b.memory_bytes; });
  const auto like = static_cast<std::size_t>(largest - platform.devices.begin());
  Device added = *largest;
  std::string name = added.name;
  added.name += "-2";
  platform.devices.push_back(std::move(added));
  for (Link& link : platform.links)
    if (std::find(link.members.begin(), link.members.end(), like) != link.members.end())
      link.members.push_back(platform.devices.size() - 1);
  return {std::move(platform), std::move(name)};
}

// Relaxations that were tried and fit.
std::vector<std::string> other_ways(const Evaluations& evaluations, const Network& network, const Platform& platform) {
  std::vector<std::string> ways;
  const Strategies& allowed = evaluations.space().strategies;
  const bool all = allowed.data && allowed.sequential && allowed.horizontal && allowed.vertical && allowed.hybrid;
  if (!all && fits(network, platform, evaluations.setup())) ways.emplace_back("all --strategies allowed");
  if (platform.devices.empty() || !ways.empty()) return ways;
  const auto [larger, like] = with_one_more(platform);
  if (fits(network, larger, evaluations.setup())) ways.push_back(fmt::format("one more device like {}", like));
  return ways;
}

}  // namespace

std::string why_infeasible(const Evaluations& evaluations, const Network& network, const Platform& platform) {
  const auto& nearest = evaluations.nearest();
  if (!nearest) return "no mapping was evaluated; raise --evaluations";
  std::string text = fmt::format("none of {} mappings fits. The nearest one puts {}: {}", evaluations.count(),
                                 placement(to_mapping(nearest->genome, evaluations.space()), network, platform),
                                 nearest->estimate.reason) +
                     heaviest_layer(*nearest, evaluations.space(), network, platform);
  std::vector<std::string> ways = other_ways(evaluations, network, platform);
  const std::vector<std::string> list = remedies(nearest->estimate, evaluations, platform);
  if (!list.empty()) ways.insert(ways.begin(), fmt::format("{}", fmt::join(list, " and ")));
  if (!ways.empty()) text += fmt::format(". It would fit with {}", fmt::join(ways, ", or with "));
  return text;
}

}  // namespace dse::search
