// What the search varies: replicas of pipelines, a placement for every layer.
//
// A Placement says how one layer is carried: by which device, or by which devices and split how. Layers with the same
// placement in the same replica form one stage, wherever they lie, so a pipeline may return to a device and branches
// may run on different ones. The layers of a replica index into Space::placements: new kinds of placement are new
// entries there, and no operator has to change.
//
// A Genome is canonical when normalise() leaves it as it is; two canonical genomes are equal exactly when their
// mappings are:
//   - the replicas' devices are disjoint (a device serves one replica), and the space's strategies are kept to;
//   - replicas are sorted by their layers; shares have no common divisor; a single replica has share 1;
//   - threads is 0 (all cores) for devices that are not used, or that take part in a split stage;
//   - a replica that one device computes by itself has the full wire: nothing travels inside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "estimator/layer_runs.hpp"
#include "models/network.hpp"
#include "partition/mapping.hpp"
#include "platform/platform.hpp"

namespace dse::search {

using PlacementId = std::uint16_t;

struct Placement {
  std::vector<std::size_t> devices;
  Split split = Split::none;
  std::vector<std::int64_t> shares;
  Halo halo = Halo::exchange;
  Wire wire = Wire::full;
  bool operator==(const Placement&) const = default;
};

// Which of the literature's strategies the search may use; a single device is always allowed. And how results may
// travel.
struct Strategies {
  bool data = true;                          // several replicas
  bool sequential = true;                    // several stages
  bool horizontal = true;                    // stages split by channels
  bool vertical = true;                      // stages split by rows or tiles
  bool hybrid = true;                        // replicas, stages and the splits that are allowed, at once
  std::vector<Wire> wires{Wire::full};       // Wire::full among them
  bool allows(std::string_view name) const;  // as strategy_name() names them
};

struct Space {
  std::size_t layers = 0;
  std::size_t devices = 0;
  std::vector<Placement> placements;  // entry d < devices is device d alone
  std::size_t usual = 0;  // the first so many have shares in proportion to speeds, or none, and the full wire
  // By placement, those that differ in their shares only; empty where no stage is split.
  std::vector<std::vector<PlacementId>> other_shares;
  // By placement, those that differ in their wire only; empty where there is one wire.
  std::vector<std::vector<PlacementId>> other_wires;
  std::vector<std::vector<int>> threads;  // for each device the thread counts to choose from; the first is 0: all cores
  Strategies strategies;
  std::int64_t max_share = 16;

  bool splits() const { return usual > devices; }
  bool stages() const { return strategies.sequential || strategies.hybrid || (strategies.vertical && splits()); }
  bool replicas() const { return (strategies.data || strategies.hybrid) && devices > 1; }
  // Replicas a genome may have: groups of devices are disjoint.
  std::size_t slots() const { return replicas() ? devices : 1; }
};

// The space of a network on a platform. A device's thread counts are those for which its profile has measurements.
// `speeds`: of the devices, in any unit; see add_splits(). Empty: no stage is split.
Space make_space(const Network& network, const Platform& platform, const Strategies& strategies,
                 const std::vector<double>& speeds = {});
Space make_space(std::size_t layers, std::size_t devices, const Strategies& strategies = {});

// Ways to split a stage: over every set of devices (more than four devices: every pair, and every run of neighbours in
// the order of speed), by output channels, input channels, rows with either halo, and from four devices on tiles.
std::vector<Placement> split_placements(const std::vector<double>& speeds, const Strategies& strategies);

// Of a placement over at most four devices, with some of one device's work given to another: of two devices a
// sixteenth, an eighth or a quarter of all, of more an eighth.
std::vector<Placement> with_other_shares(const Placement& placement);

// Adds all of these to a space that has none: first those with shares in proportion to the devices' speeds, then those
// with others.
void add_splits(Space& space, const std::vector<double>& speeds);
// Adds to a space every placement that it has with the other wires that its strategies allow.
void add_wires(Space& space);

// The placement of these devices (in any order) that is otherwise like `like`; nothing where the space has none.
std::optional<PlacementId> placement_on(const Space& space, std::vector<std::size_t> devices, const Placement& like);

struct ReplicaGene {
  std::int64_t share = 1;
  std::vector<PlacementId> layers;  // one for each layer of the network
  bool operator==(const ReplicaGene&) const = default;
  auto operator<=>(const ReplicaGene&) const = default;
};

struct Genome {
  std::vector<ReplicaGene> replicas;
  std::vector<int> threads;  // one for each device
  bool operator==(const Genome&) const = default;
  auto operator<=>(const Genome&) const = default;
};

// Whole network on one device; one pipeline given by its layers.
Genome single(const Space& space, std::size_t device);
Genome pipeline(const Space& space, std::vector<PlacementId> layers);

// Makes any genome canonical: repairs what the space forbids, then orders and reduces. Idempotent.
void normalise(Genome& genome, const Space& space);

// A hash of a canonical genome, the same on every machine.
std::uint64_t hash(const Genome& genome);

// For every device the replica that it serves, or -1.
std::vector<int> owners(const Genome& genome, const Space& space);

Mapping to_mapping(const Genome& genome, const Space& space);
// The same as runs of whole layers; false, and `into` is unspecified, where a stage is split.
bool to_runs(const Genome& genome, const Space& space, std::vector<ReplicaRuns>& into);
// The canonical genome of a mapping. Throws Error(bad_input, GENOME-SPACE) where the space does not contain it.
Genome from_mapping(const Mapping& mapping, const Space& space);

// A run of layers [first, last) of one replica with the same placement.
struct Run {
  std::size_t first = 0, last = 0;
  PlacementId placement = 0;
};
std::vector<Run> runs(const std::vector<PlacementId>& layers);

// Compact JSON, exact: {"r": [[share, [placement, length, ...]], ...], "t": [...]}. The reader checks it against the
// space and throws Error(database, SEARCH-STATE).
std::string to_json(const Genome& genome);
Genome genome_from_json(const std::string& text, const Space& space);

// The fixed-size vector that pagmo's algorithms carry, every entry an integer:
//   [share of slot 0 .. S-1]       only where S > 1; 0: the slot is unused (slot 0: at least 1)
//   [placements of slot 0's layers, ..., of slot S-1's layers]       0 in unused slots
//   [index into Space::threads for each device that has a choice]
// decode(encode(g)) = g for canonical g; decode of any vector inside the bounds, integers or not, is canonical.
struct Carrier {
  static std::size_t size(const Space& space);
  static std::vector<double> lower(const Space& space);
  static std::vector<double> upper(const Space& space);
  static std::vector<double> encode(const Genome& genome, const Space& space);
  static Genome decode(const double* values, const Space& space);
};

}  // namespace dse::search
