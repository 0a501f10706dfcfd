#include "dse/search/pagmo_problem.hpp"

namespace dse::search {

pagmo::vector_double PagmoProblem::batch_fitness(const pagmo::vector_double& xs) const {
  const Space& space = evaluations->space();
  const std::size_t width = Carrier::size(space);
  std::vector<Genome> genomes;
  for (std::size_t at = 0; at + width <= xs.size(); at += width)
    genomes.push_back(Carrier::decode(xs.data() + at, space));
  pagmo::vector_double flat;
  for (const Fitness& fitness : evaluations->evaluate(genomes)) flat.insert(flat.end(), fitness.begin(), fitness.end());
  return flat;
}

std::pair<pagmo::vector_double, pagmo::vector_double> PagmoProblem::get_bounds() const {
  if (evaluations == nullptr) return {{0}, {1}};
  return {Carrier::lower(evaluations->space()), Carrier::upper(evaluations->space())};
}

pagmo::population to_population(const std::vector<Member>& members, Evaluations& evaluations) {
  pagmo::population population(pagmo::problem(PagmoProblem{&evaluations}), 0u, 0u);
  for (const Member& member : members)
    population.push_back(Carrier::encode(member.genome, evaluations.space()), member.fitness);
  return population;
}

std::vector<Member> to_members(const pagmo::population& population, const Space& space) {
  std::vector<Member> members;
  for (pagmo::population::size_type i = 0; i < population.size(); ++i) {
    members.push_back({Carrier::decode(population.get_x()[i].data(), space), population.get_f()[i]});
  }
  return members;
}

}  // namespace dse::search
