// Mappings encoded as a user of a general optimiser encodes them, for comparison with the search's own genome: a vector
// of numbers, whose operators (pagmo's NSGA-II: simulated binary crossover, polynomial mutation, its usual rates) know
// nothing of what the numbers mean, from a random population.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "dse/search/evaluator.hpp"

namespace dse::bench {

struct GeneEncoding {
  std::string_view name;
  std::vector<double> lower, upper;
  std::size_t integers = 0;  // the last so many
  std::function<search::Genome(const std::vector<double>&)> decode;
};

// "layer-genes": a device for each layer. "cut-genes": where each stage ends, and a key for each device, in whose order
// the stages are dealt. Nothing for other names.
std::optional<GeneEncoding> gene_encoding(std::string_view name, const search::Space& space);

// Generations of NSGA-II until the budget is spent, `stop` says so, or hardly anything new is proposed.
void evolve_genes(const GeneEncoding& encoding, search::Evaluations& evaluations, std::size_t population,
                  std::uint64_t seed, const std::function<bool()>& stop);

}  // namespace dse::bench
