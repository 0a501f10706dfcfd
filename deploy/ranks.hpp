// Which device is which MPI rank, and on which cores of which host it runs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "platform/platform.hpp"
#include "program/program.hpp"

namespace dse::deploy {

struct Rank {
  std::size_t device = 0;  // index in the platform
  std::string name;
  std::string host;        // "localhost" for local ranks
  std::string user;        // may be empty
  std::vector<int> cores;  // logical core numbers of the host, ascending
};

struct Ranks {
  std::vector<Rank> ranks;      // by rank: the platform's devices that have work, in the platform's order
  int local_cores = 0;          // that local ranks are pinned to
  bool oversubscribed = false;  // local ranks share cores, because there are fewer than they ask for
};

// Local devices get disjoint cores in order; where there are fewer than they ask for, they share them round-robin.
// Devices of another host get that host's cores from 0 on. `local_cores`: what this machine has; 0 asks it.
Ranks assign_ranks(const Platform& platform, const program::ProgramSet& programs, int local_cores = 0);

// The deployment without the devices that have no work: indices become ranks. Throws Error(internal, PACKAGE-RANKS)
// where a device without work is a peer, a source or a sink.
program::ProgramSet renumber(const program::ProgramSet& programs, const Ranks& ranks);

// Cores that this process may run on.
int available_cores();

}  // namespace dse::deploy
