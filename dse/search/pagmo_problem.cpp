#include "dse/search/pagmo_problem.hpp"

namespace dse::search {
namespace {

Fitness scaled(Fitness fitness, const Evaluations& evaluations) {
  for (std::size_t o = 0; o < fitness.size(); ++o) fitness[o] /= evaluations.scale()[o];
  return fitness;
}

}  // namespace

pagmo::vector_double PagmoProblem::batch_fitness(const pagmo::vector_double& xs) const {
  const Space& space = evaluations->space();
  const std::size_t width = Carrier::size(space);
  std::vector<Genome> genomes;
  for (std::size_t at = 0; at + width <= xs.size(); at += width)
    genomes.push_back(Carrier::decode(xs.data() + at, space));
  pagmo::vector_double flat;
  for (Fitness& fitness : evaluations->evaluate(genomes)) {
    const Fitness of_pagmo = scaled(std::move(fitness), *evaluations);
    flat.insert(flat.end(), of_pagmo.begin(), of_pagmo.end());
  }
  return flat;
}

std::pair<pagmo::vector_double, pagmo::vector_double> PagmoProblem::get_bounds() const {
  if (evaluations == nullptr) return {{0}, {1}};
  return {Carrier::lower(evaluations->space()), Carrier::upper(evaluations->space())};
}

pagmo::population to_population(const std::vector<Member>& members, Evaluations& evaluations) {
  pagmo::population population(pagmo::problem(PagmoProblem{&evaluations}), 0u, 0u);
  for (const Member& member : members)
    population.push_back(Carrier::encode(member.genome, evaluations.space()), scaled(member.fitness, evaluations));
  return population;
}

std::vector<Member> to_members(const pagmo::population& population, Evaluations& evaluations) {
  std::vector<Genome> genomes;
  for (const pagmo::vector_double& x : population.get_x())
    genomes.push_back(Carrier::decode(x.data(), evaluations.space()));
  std::vector<Fitness> fitnesses = evaluations.evaluate(genomes);
  std::vector<Member> members;
  for (std::size_t i = 0; i < genomes.size(); ++i) members.push_back({std::move(genomes[i]), std::move(fitnesses[i])});
  return members;
}

}  // namespace dse::search
