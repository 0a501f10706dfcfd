// What makes a mapping one that can be lowered.
#include "partition/mapping_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dse {
namespace {

constexpr std::size_t max_replicas = 1024;
constexpr int max_frames_in_flight = 1024;
constexpr std::int64_t max_share = 1'000'000;

class Checker {
 public:
  Checker(const Mapping& mapping, const Network& network, const Platform& platform, const Locate& locate)
      : mapping_(mapping),
        network_(network),
        platform_(platform),
        locate_(locate),
        threads_(platform.devices.size(), 0) {}

  void run() {
    const std::size_t replicas = mapping_.replicas.size();
    if (replicas == 0) refuse("MAPPING-REPLICAS", "no replicas; a mapping has at least one");
    if (replicas > max_replicas)
      refuse("MAPPING-REPLICAS", fmt::format("{} replicas; at most {} are allowed", replicas, max_replicas));
    if (mapping_.frames_in_flight < 0 || mapping_.frames_in_flight > max_frames_in_flight)
      refuse("MAPPING-FRAMES", fmt::format("frames_in_flight is {}; allowed are 0 (chosen) to {}",
                                           mapping_.frames_in_flight, max_frames_in_flight));
    for (replica_ = 0; replica_ < replicas; ++replica_) check_replica(mapping_.replicas[replica_]);
  }

 private:
  [[noreturn]] void refuse(std::string_view code, std::string_view message) const {
    throw Error(ExitCode::bad_input, code, locate_(replica_, stage_), message);
  }

  void check_replica(const ReplicaMapping& replica) {
    stage_.reset();
    if (replica.share < 1 || replica.share > max_share)
      refuse("MAPPING-SHARE", fmt::format("share is {}; allowed are 1 to {}", replica.share, max_share));
    std::vector<std::optional<std::size_t>> stage_of(network_.layers().size());
    for (std::size_t s = 0; s < replica.stages.size(); ++s) {
      stage_ = s;
      check_layers(replica.stages[s], stage_of);
      check_devices(replica.stages[s]);
      check_split(replica.stages[s]);
      check_threads(replica.stages[s]);
    }
    stage_.reset();
    check_complete(stage_of);
  }

  void check_layers(const Stage& stage, std::vector<std::optional<std::size_t>>& stage_of) const {
    if (stage.layers.empty()) refuse("MAPPING-LAYERS", "the stage has no layers");
    for (std::size_t i = 0; i < stage.layers.size(); ++i) {
      const LayerId layer = stage.layers[i];
      if (layer >= stage_of.size())
        refuse("MAPPING-LAYER", fmt::format("layer {} does not exist; the network has {}", layer, stage_of.size()));
      if (i > 0 && layer <= stage.layers[i - 1])
        refuse("MAPPING-LAYERS", "the stage's layers are not in ascending order");
      if (stage_of[layer])
        refuse("MAPPING-LAYER-TWICE",
               fmt::format("layer '{}' is already in stage {} of this replica; each layer stands in one stage",
                           network_.layers()[layer].name, *stage_of[layer] + 1));
      stage_of[layer] = stage_;
    }
  }

  void check_complete(const std::vector<std::optional<std::size_t>>& stage_of) const {
    std::vector<std::string> missing;
    std::size_t count = 0;
    for (LayerId layer = 0; layer < stage_of.size(); ++layer) {
      if (stage_of[layer]) continue;
      if (++count <= 5) missing.push_back(network_.layers()[layer].name);
    }
    if (count > 0)
      refuse("MAPPING-LAYER-MISSING",
             fmt::format("{} of {} layers are in no stage of this replica: {}{}", count, stage_of.size(),
                         fmt::join(missing, ", "), count > missing.size() ? ", ..." : ""));
  }

  void check_devices(const Stage& stage) const {
    if (stage.devices.empty()) refuse("MAPPING-DEVICES", "the stage has no device");
    for (std::size_t i = 0; i < stage.devices.size(); ++i) {
      const std::size_t device = stage.devices[i];
      if (device >= platform_.devices.size())
        refuse("MAPPING-DEVICE",
               fmt::format("device {} does not exist; the platform has {}", device, platform_.devices.size()));
      if (std::find(stage.devices.begin(), stage.devices.begin() + static_cast<std::ptrdiff_t>(i), device) !=
          stage.devices.begin() + static_cast<std::ptrdiff_t>(i))
        refuse("MAPPING-DEVICES", fmt::format("device '{}' stands twice in the stage", platform_.devices[device].name));
    }
  }

  void check_split(const Stage& stage) const {
    const bool split = stage.split != Split::none;
    if (!split && stage.devices.size() > 1)
      refuse("MAPPING-DEVICES", fmt::format("{} devices in a stage that is not split; give it one device, or a split",
                                            stage.devices.size()));
    if (!split && !stage.shares.empty()) refuse("MAPPING-SHARES", "shares belong to a split stage");
    const bool spatial = stage.split == Split::rows || stage.split == Split::tiles;
    if (stage.halo == Halo::recompute && !spatial)
      refuse("MAPPING-HALO", "halo: recompute belongs to a stage that is split by rows or tiles");
    if (split && stage.devices.size() < 2)
      refuse("MAPPING-SPLIT", fmt::format("split: {} needs at least two devices; leave it out where there is one",
                                          split_names[static_cast<std::size_t>(stage.split)]));
    if (!stage.shares.empty() && stage.shares.size() != stage.devices.size())
      refuse("MAPPING-SHARES", fmt::format("{} shares for {} devices; give one a device, or none for equal ones",
                                           stage.shares.size(), stage.devices.size()));
    for (const std::int64_t share : stage.shares)
      if (share < 1 || share > max_share)
        refuse("MAPPING-SHARES", fmt::format("a share is {}; allowed are 1 to {}", share, max_share));
  }

  void check_threads(const Stage& stage) {
    if (stage.threads < 0)
      refuse("MAPPING-THREADS", fmt::format("threads is {}; allowed are 0 (the device's cores) and up", stage.threads));
    for (const std::size_t id : stage.devices) {
      const Device& device = platform_.devices[id];
      if (stage.threads > device.cores)
        refuse("MAPPING-THREADS",
               fmt::format("{} threads on device '{}', which has {} cores", stage.threads, device.name, device.cores));
      const int threads = stage.threads == 0 ? device.cores : stage.threads;
      if (threads_[id] != 0 && threads_[id] != threads)
        refuse("MAPPING-THREADS",
               fmt::format("device '{}' has {} threads here and {} in another stage; a device has one pool of threads",
                           device.name, threads, threads_[id]));
      threads_[id] = threads;
    }
  }

  const Mapping& mapping_;
  const Network& network_;
  const Platform& platform_;
  const Locate& locate_;
  std::vector<int> threads_;  // of each device's engine, 0: not yet seen
  std::size_t replica_ = 0;
  std::optional<std::size_t> stage_;
};

}  // namespace

void check(const Mapping& mapping, const Network& network, const Platform& platform, const Locate& locate) {
  Checker(mapping, network, platform, locate).run();
}

void check(const Mapping& mapping, const Network& network, const Platform& platform) {
  check(mapping, network, platform, [](std::size_t replica, std::optional<std::size_t> stage) {
    return Place{stage ? fmt::format("mapping: replica {}, stage {}", replica + 1, *stage + 1)
                       : fmt::format("mapping: replica {}", replica + 1),
                 0, 0};
  });
}

}  // namespace dse
