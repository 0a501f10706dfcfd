#include "bench/gene_encodings.hpp"

#include <algorithm>
#include <numeric>
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

namespace dse::bench {
namespace {

using search::Genome;
using search::PlacementId;
using search::Space;

struct GeneProblem {
  const GeneEncoding* encoding = nullptr;
  search::Evaluations* evaluations = nullptr;

  pagmo::vector_double fitness(const pagmo::vector_double& x) const {
    const Genome genome = encoding->decode(x);
    return evaluations->evaluate(std::span(&genome, 1)).front();
  }
  pagmo::vector_double::size_type get_nobj() const {
    return evaluations == nullptr ? 1 : evaluations->setup().objectives.size();
  }
  pagmo::vector_double::size_type get_nix() const { return encoding == nullptr ? 0 : encoding->integers; }
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    if (encoding == nullptr) return {{0}, {1}};
    return {encoding->lower, encoding->upper};
  }
};

GeneEncoding layer_genes(const Space& space) {
  const std::vector<double> last(space.layers, static_cast<double>(space.devices - 1));
  return {"layer-genes", std::vector<double>(space.layers, 0), last, space.layers,
          [&space](const std::vector<double>& x) {
            std::vector<PlacementId> layers;
            for (const double device : x) layers.push_back(static_cast<PlacementId>(device));
            return pipeline(space, std::move(layers));
          }};
}

// Keys first: pagmo has the integers last.
GeneEncoding cut_genes(const Space& space) {
  const std::size_t cuts = space.devices - 1;
  GeneEncoding encoding{"cut-genes",
                        std::vector<double>(space.devices + cuts, 0),
                        std::vector<double>(space.devices + cuts, 1),
                        cuts,
                        {}};
  std::fill(encoding.upper.end() - static_cast<std::ptrdiff_t>(cuts), encoding.upper.end(),
            static_cast<double>(space.layers));
  encoding.decode = [&space](const std::vector<double>& x) {
    std::vector<std::size_t> order(space.devices);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
    std::vector<double> ends(x.begin() + static_cast<std::ptrdiff_t>(space.devices), x.end());
    std::sort(ends.begin(), ends.end());
    std::vector<PlacementId> layers;
    for (std::size_t layer = 0; layer < space.layers; ++layer) {
      const auto stage = std::upper_bound(ends.begin(), ends.end(), static_cast<double>(layer)) - ends.begin();
      layers.push_back(static_cast<PlacementId>(order[static_cast<std::size_t>(stage)]));
    }
    return pipeline(space, std::move(layers));
  };
  return encoding;
}

}  // namespace

std::optional<GeneEncoding> gene_encoding(std::string_view name, const Space& space) {
  if (name == "layer-genes") return layer_genes(space);
  if (name == "cut-genes" && space.devices > 1) return cut_genes(space);
  return std::nullopt;
}

void evolve_genes(const GeneEncoding& encoding, search::Evaluations& evaluations, std::size_t population,
                  std::uint64_t seed, const std::function<bool()>& stop) {
  constexpr int patience = 20;  // generations without anything new
  const std::size_t members = std::max<std::size_t>(8, (population + 3) / 4 * 4);
  pagmo::population now(pagmo::problem(GeneProblem{&encoding, &evaluations}), members, static_cast<unsigned>(seed));
  const pagmo::algorithm nsga2(
      pagmo::nsga2(1, 0.95, 10., 1. / static_cast<double>(encoding.lower.size()), 50., static_cast<unsigned>(seed)));
  for (int stalled = 0; stalled < patience && evaluations.remaining() > 0 && !stop();) {
    const std::int64_t before = evaluations.count();
    now = nsga2.evolve(now);
    stalled = evaluations.count() == before ? stalled + 1 : 0;
  }
}

}  // namespace dse::bench
