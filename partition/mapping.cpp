// Mappings made by construction, and their names in the literature.
#include "partition/mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "partition/mapping_check.hpp"

namespace dse {
namespace {

Stage stage_of_range(LayerId first, LayerId end, std::size_t device) {
  Stage stage;
  stage.layers.resize(end - first);
  std::iota(stage.layers.begin(), stage.layers.end(), first);
  stage.devices = {device};
  return stage;
}

std::set<std::size_t> devices_of(const ReplicaMapping& replica) {
  std::set<std::size_t> devices;
  for (const Stage& stage : replica.stages) devices.insert(stage.devices.begin(), stage.devices.end());
  return devices;
}

bool is_split(const Stage& stage) { return stage.split != Split::none; }
bool by_channels(const Stage& stage) { return stage.split == Split::channels || stage.split == Split::inputs; }
bool by_space(const Stage& stage) { return stage.split == Split::rows || stage.split == Split::tiles; }

// One replica whose split stages all share one set of devices: one of the pure strategies, if all splits are of one
// family.
std::string_view name_of_split_replica(const ReplicaMapping& replica) {
  std::set<std::size_t> team;
  bool channels = true, space = true, batch = true;
  for (const Stage& stage : replica.stages) {
    if (!is_split(stage)) continue;
    const std::set<std::size_t> devices(stage.devices.begin(), stage.devices.end());
    if (!team.empty() && devices != team) return "hybrid";
    team = devices;
    channels = channels && by_channels(stage);
    space = space && by_space(stage);
    batch = batch && stage.split == Split::batch;
  }
  if (devices_of(replica) != team) return "hybrid";
  return channels ? "horizontal" : space ? "vertical" : batch ? "data" : "hybrid";
}

}  // namespace

Mapping canonical(Mapping mapping) {
  for (ReplicaMapping& replica : mapping.replicas)
    std::stable_sort(replica.stages.begin(), replica.stages.end(),
                     [](const Stage& a, const Stage& b) { return a.layers < b.layers; });
  return mapping;
}

std::string_view strategy_name(const Mapping& mapping) {
  const auto& replicas = mapping.replicas;
  const auto any_split = [](const ReplicaMapping& replica) {
    return std::any_of(replica.stages.begin(), replica.stages.end(), is_split);
  };
  const auto pipeline = [](const ReplicaMapping& replica) { return devices_of(replica).size() > 1; };
  if (replicas.size() > 1) {
    const bool plain = std::none_of(replicas.begin(), replicas.end(), any_split) &&
                       std::none_of(replicas.begin(), replicas.end(), pipeline);
    return plain ? "data" : "hybrid";
  }
  if (replicas.empty()) return "single";
  if (any_split(replicas.front())) return name_of_split_replica(replicas.front());
  return pipeline(replicas.front()) ? "sequential" : "single";
}

Mapping single_device(const Network& network, std::size_t device) { return contiguous(network, {}, {device}); }

Mapping contiguous(const Network& network, const std::vector<LayerId>& cuts, const std::vector<std::size_t>& devices) {
  const std::size_t layers = network.layers().size();
  if (devices.size() != cuts.size() + 1)
    throw Error(ExitCode::internal, "MAPPING-CUTS",
                fmt::format("{} cuts need {} devices, {} are given", cuts.size(), cuts.size() + 1, devices.size()));
  ReplicaMapping replica;
  LayerId first = 0;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const LayerId end = i < cuts.size() ? cuts[i] : layers;
    if (end <= first || end > layers)
      throw Error(
          ExitCode::internal, "MAPPING-CUTS",
          fmt::format("a stage would hold layers {} to {}; cuts ascend strictly between 0 and {}", first, end, layers));
    replica.stages.push_back(stage_of_range(first, end, devices[i]));
    first = end;
  }
  return {{std::move(replica)}, 0};
}

Mapping replicated(const Network& network, const std::vector<std::size_t>& devices,
                   const std::vector<std::int64_t>& shares) {
  if (devices.empty() || (!shares.empty() && shares.size() != devices.size()))
    throw Error(ExitCode::internal, "MAPPING-SHARES",
                fmt::format("{} devices and {} shares; one share a device, or none", devices.size(), shares.size()));
  Mapping mapping;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    ReplicaMapping replica = single_device(network, devices[i]).replicas.front();
    replica.share = shares.empty() ? 1 : shares[i];
    mapping.replicas.push_back(std::move(replica));
  }
  return mapping;
}

}  // namespace dse
