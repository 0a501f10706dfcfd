// "exhaustive": the whole space, a slice a generation.
#include <fmt/format.h>

#include "base/error.hpp"
#include "dse/search/algorithm.hpp"
#include "dse/search/enumeration.hpp"

namespace dse::search {
namespace {

// Genomes of one generation: few enough for a prompt answer to Ctrl-C, enough to keep all threads busy.
constexpr std::size_t slice = 256;

class Exhaustive : public Algorithm {
 public:
  Exhaustive(std::vector<Genome> all, bool exact) : all_(std::move(all)), exact_(exact) {}

  std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations, std::uint64_t) override {
    std::vector<Genome> fresh;
    for (std::size_t i = skip_seen(evaluations); i < all_.size() && fresh.size() < slice; ++i) {
      if (!evaluations.seen(all_[i])) fresh.push_back(all_[i]);
    }
    evaluations.evaluate(fresh);
    return population;
  }
  bool finished(const Evaluations& evaluations) const override { return skip_seen(evaluations) == all_.size(); }
  bool exact() const override { return exact_; }

 private:
  // The first genome that was not evaluated yet: where to go on, also after a resume.
  std::size_t skip_seen(const Evaluations& evaluations) const {
    while (position_ < all_.size() && evaluations.seen(all_[position_])) ++position_;
    return position_;
  }

  std::vector<Genome> all_;
  bool exact_;
  mutable std::size_t position_ = 0;
};

// At most `budget` genomes; false, and nothing kept, where there are more.
template <class ForEach>
bool collect(ForEach for_each, const Space& space, std::int64_t budget, std::vector<Genome>& all) {
  std::int64_t count = 0;
  if (!for_each(space, [&](const Genome&) { return ++count <= budget; })) return false;
  all.reserve(static_cast<std::size_t>(count));
  return for_each(space, [&](const Genome& genome) {
    all.push_back(genome);
    return true;
  });
}

}  // namespace

std::unique_ptr<Algorithm> enumerate_whole(const Space& space, std::int64_t budget) {
  std::vector<Genome> all;
  if (!collect(for_each_genome, space, budget, all)) return nullptr;
  return std::make_unique<Exhaustive>(std::move(all), true);
}

std::unique_ptr<Algorithm> make_exhaustive(const Space& space, std::int64_t budget, const AlgorithmSetup&) {
  if (auto whole = enumerate_whole(space, budget)) return whole;
  std::vector<Genome> all;
  if (!collect(for_each_contiguous, space, budget, all)) {
    throw Error(
        ExitCode::usage, "EXHAUSTIVE",
        fmt::format(
            "even the contiguous pipelines of {} layers over {} devices are more than --evaluations {}: raise it, or "
            "use --algorithm dse",
            space.layers, space.devices, budget));
  }
  return std::make_unique<Exhaustive>(std::move(all), false);
}

}  // namespace dse::search
