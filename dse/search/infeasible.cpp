#include "dse/search/infeasible.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "base/error.hpp"

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
      stages.push_back(fmt::format("{} of {} layers on {}", stage.layers.size(), network.layers().size(),
                                   platform.devices[stage.devices.front()].name));
    }
    replicas.push_back(fmt::format("{}", fmt::join(stages, ", ")));
  }
  return fmt::format("{}", fmt::join(replicas, " and "));
}

}  // namespace

std::string why_infeasible(const Evaluations& evaluations, const Network& network, const Platform& platform) {
  const auto& nearest = evaluations.nearest();
  if (!nearest) return "no mapping was evaluated; raise --evaluations";
  std::string text = fmt::format("none of {} mappings fits. The nearest one puts {}: {}", evaluations.count(),
                                 placement(to_mapping(nearest->genome, evaluations.space()), network, platform),
                                 nearest->estimate.reason);
  const std::vector<std::string> list = remedies(nearest->estimate, evaluations, platform);
  if (!list.empty()) text += fmt::format(". It would fit with {}", fmt::join(list, " and "));
  return text;
}

}  // namespace dse::search
