// The search's variation operators: what may be done to a genome to get a neighbouring one.
//
// An operator is one file in operators/, one line in operators/registry.cpp, and is covered by the property tests at
// once. It may leave a genome that is not canonical: vary() and combine() normalise.
#pragma once

#include <string_view>
#include <vector>

#include "dse/search/genome.hpp"
#include "dse/search/rng.hpp"

namespace dse::search {

struct Mutation {
  std::string_view name;
  double weight;                                                // relative frequency
  bool (*apply)(Genome& genome, const Space& space, Rng& rng);  // false: nothing to do here, the genome is as it was
};

struct Crossover {
  std::string_view name;
  double weight;
  Genome (*apply)(const Genome& a, const Genome& b, const Space& space, Rng& rng);
};

const std::vector<Mutation>& mutations();
const std::vector<Crossover>& crossovers();

// One to four mutations drawn by weight; canonical.
void vary(Genome& genome, const Space& space, Rng& rng);
// A canonical child of two parents.
Genome combine(const Genome& a, const Genome& b, const Space& space, Rng& rng);

namespace operators {

bool cut_shift(Genome& genome, const Space& space, Rng& rng);     // moves a border between two runs of layers
bool swap_devices(Genome& genome, const Space& space, Rng& rng);  // exchanges the roles of two devices everywhere
bool reassign(Genome& genome, const Space& space, Rng& rng);      // gives a run of layers to another device
bool split_stage(Genome& genome, const Space& space, Rng& rng);   // gives a part of a run to another device
bool merge_stage(Genome& genome, const Space& space, Rng& rng);   // gives a run to the device of its neighbour
bool replicate(Genome& genome, const Space& space,
               Rng& rng);  // adds a replica on idle devices, or halves a replica's devices
bool unreplicate(Genome& genome, const Space& space, Rng& rng);   // drops a replica, or joins two into one pipeline
bool change_share(Genome& genome, const Space& space, Rng& rng);  // changes one replica's share of the frames
bool change_split(Genome& genome, const Space& space,
                  Rng& rng);  // splits a run another way, or over one device more or less
bool change_shares(Genome& genome, const Space& space,
                   Rng& rng);                                       // moves work between the devices of a split stage
bool change_wire(Genome& genome, const Space& space, Rng& rng);     // what a stage makes travels in another format
bool change_threads(Genome& genome, const Space& space, Rng& rng);  // changes one device's thread count

Genome cross_layers(const Genome& a, const Genome& b, const Space& space,
                    Rng& rng);  // b's placements for a range of layers
Genome cross_cuts(const Genome& a, const Genome& b, const Space& space, Rng& rng);  // a's devices, borders of either
Genome cross_replicas(const Genome& a, const Genome& b, const Space& space, Rng& rng);  // some replicas of each

// The placements that layers of replica `r` may move to: those on its own devices and on idle ones, with usual shares.
std::vector<PlacementId> reachable(const Genome& genome, std::size_t r, const Space& space);
// One of these, ascending and at least one: a device as often as a split, though there are many more splits.
PlacementId draw_target(const std::vector<PlacementId>& targets, const Space& space, Rng& rng);

}  // namespace operators

}  // namespace dse::search
