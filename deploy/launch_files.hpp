// The text files that start a package over MPI.
#pragma once

#include <string>

#include "deploy/ranks.hpp"

namespace dse::deploy {

// Open MPI hostfile: one line a host, with as many slots as it has ranks.
std::string hostfile_text(const Ranks& ranks);
// Open MPI rankfile: host and cores of every rank.
std::string rankfile_text(const Ranks& ranks);
// `mpirun --app appfile` by hand, from inside the package with dse-worker in PATH: one context a rank.
std::string appfile_text(const Ranks& ranks);
// POSIX sh: run [--frames N] [--input D] [--output D] and whatever else dse-worker takes.
std::string run_script(const Ranks& ranks);

}  // namespace dse::deploy
