// The own search against others, by how far their fronts' hypervolumes are from a reference.
#pragma once

#include <string>
#include <vector>

namespace dse::bench {

// Words: [--seeds N] [--evaluations N] [--algorithm NAME]... [--references FILE] PLATFORM MODEL...
//
// Every algorithm with the seeds 1 .. N, at equal evaluations and at the seconds of one thread that the first named
// takes for them. Those of the search start from its seeds and know its constraint handling; `layer-genes` and
// `cut-genes` are what a user of a general optimiser writes (bench/gene_encodings.hpp). The reference is the
// hypervolume of the union of one run of each algorithm with ten times the evaluations, over one fixed corner; FILE
// keeps it, and is read instead where it has one for the network, the platform and the evaluations. A gap below 0:
// better than the reference.
int run_comparison(const std::vector<std::string>& words);

}  // namespace dse::bench
