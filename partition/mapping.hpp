// A Mapping: the decision. What the genome encodes and what a person can write in YAML ("dse: mapping/1").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "models/network.hpp"
#include "platform/platform.hpp"
#include "program/wire.hpp"

namespace dse {

enum class Split { none, channels, inputs, rows, tiles, batch };
enum class Halo { exchange, recompute };
using program::Wire;

struct Stage {
  std::vector<LayerId> layers;       // ascending
  std::vector<std::size_t> devices;  // device indices; one unless split
  Split split = Split::none;
  std::vector<std::int64_t> shares;  // one a device; empty: equal
  Halo halo = Halo::exchange;
  int threads = 0;         // 0: the device's cores
  Wire wire = Wire::full;  // of what its layers make, where another device reads it
  bool operator==(const Stage&) const = default;
};

struct ReplicaMapping {
  std::int64_t share = 1;
  std::vector<Stage> stages;  // every layer of the network in exactly one of them
  bool operator==(const ReplicaMapping&) const = default;
};

struct Mapping {
  std::vector<ReplicaMapping> replicas;
  int frames_in_flight = 0;  // per replica; 0: chosen by the lowering (stages + 2)
  bool operator==(const Mapping&) const = default;
};

// Checks a mapping against its network and platform: every layer exactly once in each replica, devices exist, no device
// in two stages with different thread counts. Throws Error(bad_input, MAPPING-...).
void check(const Mapping& mapping, const Network& network, const Platform& platform);

// YAML: stages as a range `layers: [first, last]` in the stored topological order or `only: [names]`.
Mapping read_mapping(const fs::path& path, const Network& network, const Platform& platform);
Mapping parse_mapping(const std::string& text, const std::string& path, const Network& network,
                      const Platform& platform);
std::string to_yaml(const Mapping& mapping, const Network& network, const Platform& platform);

// JSON: the same document (canonical: equal mappings have equal text), as stored in the archive.
std::string to_json(const Mapping& mapping, const Network& network, const Platform& platform);
Mapping mapping_from_json(const std::string& text, const std::string& where, const Network& network,
                          const Platform& platform);

// "data", "sequential", "horizontal", "vertical", "hybrid" or "single": the literature's name for it.
std::string_view strategy_name(const Mapping& mapping);

// Whole network on one device; contiguous stages cut before the given layers; replicas of the whole network.
Mapping single_device(const Network& network, std::size_t device);
Mapping contiguous(const Network& network, const std::vector<LayerId>& cuts, const std::vector<std::size_t>& devices);
Mapping replicated(const Network& network, const std::vector<std::size_t>& devices,
                   const std::vector<std::int64_t>& shares);

}  // namespace dse
