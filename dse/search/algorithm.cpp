#include "dse/search/algorithm.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/suggest.hpp"

namespace dse::search {

const std::vector<AlgorithmEntry>& algorithms() {
  static const std::vector<AlgorithmEntry> all{
      {"dse", "evolution with this problem's own operators (small spaces are enumerated)", make_dse},
      {"nsga2", "pagmo's NSGA-II on the same genome, for comparison", make_nsga2},
      {"nspso", "pagmo's particle swarm, likewise", make_nspso},
      {"moead", "pagmo's MOEA/D, likewise", make_moead},
      {"maco", "pagmo's ant colony, likewise", make_maco},
      {"random", "random contiguous pipelines and replicas, the baseline that a search has to beat", make_random},
      {"exhaustive", "everything, or all contiguous pipelines where everything is too much", make_exhaustive},
  };
  return all;
}

const AlgorithmEntry& algorithm_named(std::string_view name) {
  std::vector<std::string> names;
  for (const AlgorithmEntry& entry : algorithms()) {
    if (entry.name == name) return entry;
    names.emplace_back(entry.name);
  }
  throw Error(ExitCode::usage, "ALGORITHM",
              "there is no algorithm '" + printable(name) + "'" + suggestion(name, names));
}

}  // namespace dse::search
