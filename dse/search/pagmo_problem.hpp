// The search as pagmo sees it: a problem over the Carrier, and populations made from members and back. Heavy: for the
// .cpp files of the algorithms that run inside pagmo.
#pragma once

#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>
#include <utility>
#include <vector>

#include "dse/search/evaluator.hpp"

namespace dse::search {

// Fitnesses are divided by Evaluations::scale(), since decomposition adds objectives to each other. pagmo copies
// problems by value with every population: this one holds a pointer to where the work is done.
struct PagmoProblem {
  Evaluations* evaluations = nullptr;

  pagmo::vector_double fitness(const pagmo::vector_double& x) const { return batch_fitness(x); }
  pagmo::vector_double batch_fitness(const pagmo::vector_double& xs) const;
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const;
  pagmo::vector_double::size_type get_nobj() const {
    return evaluations == nullptr ? 1 : evaluations->setup().objectives.size();
  }
  pagmo::vector_double::size_type get_nix() const {
    return evaluations == nullptr ? 0 : Carrier::size(evaluations->space());
  }
  std::string get_name() const { return "partition and mapping"; }
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

pagmo::population to_population(const std::vector<Member>& members, Evaluations& evaluations);
std::vector<Member> to_members(const pagmo::population& population, Evaluations& evaluations);

}  // namespace dse::search
