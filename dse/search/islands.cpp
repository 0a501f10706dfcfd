#include "dse/search/islands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/search/rng.hpp"
#include "dse/search/selection.hpp"

namespace dse::search {
namespace {

using nlohmann::json;

constexpr int generations_of_epoch = 10;
constexpr std::size_t emigrants = 5;

thread_local Archipelago* sea_of_thread = nullptr;

}  // namespace

Archipelago* archipelago() { return sea_of_thread; }
void set_archipelago(Archipelago* of_thread) { sea_of_thread = of_thread; }

SearchOptions island_options(SearchOptions options, const Archipelago& sea) {
  const auto size = static_cast<std::int64_t>(sea.size()), rank = static_cast<std::int64_t>(sea.rank());
  options.evaluations =
      std::max<std::int64_t>(1, options.evaluations / size + (rank < options.evaluations % size ? 1 : 0));
  if (rank > 0) options.seed = mix(options.seed, static_cast<std::uint64_t>(rank)) >> 2;
  return options;
}

void Islands::evolve() {
  for (int i = 0; i < generations_of_epoch && !search_.finished(); ++i) search_.step();
}

Islands::Epoch Islands::exchange(const Wish& wish) {
  json mine{{"finished", search_.finished()}, {"stop", wish.stop},
            {"checkpoint", wish.checkpoint},  {"evaluations", search_.evaluations().count()},
            {"best", json::array()},          {"front", json::array()}};
  for (const Genome& genome : search_.emigrants(emigrants)) mine["best"].push_back(to_json(genome));
  if (sea_.rank() > 0)
    for (const FrontEntry& entry : search_.front().entries())
      if (sent_.insert(hash(entry.genome)).second) mine["front"].push_back(to_json(entry.genome));
  const std::vector<std::string> texts = sea_.gather_all(mine.dump());

  const Space& space = search_.evaluations().space();
  const auto genomes = [&](const json& list) {
    std::vector<Genome> result;
    for (const json& item : list) result.push_back(genome_from_json(item.get<std::string>(), space));
    return result;
  };
  Epoch epoch;
  bool all_finished = true, checkpoint = false;
  const auto before = static_cast<std::size_t>((sea_.rank() + sea_.size() - 1) % sea_.size());
  for (std::size_t island = 0; island < texts.size(); ++island) {
    const json other = json::parse(texts[island]);
    all_finished = all_finished && other.at("finished").get<bool>();
    epoch.stopped = epoch.stopped || other.at("stop").get<bool>();
    if (island == 0) checkpoint = other.at("checkpoint").get<bool>();
    epoch.evaluations += other.at("evaluations").get<std::int64_t>();
    if (sea_.rank() == 0) search_.adopt(genomes(other.at("front")));
    if (island == before && sea_.size() > 1) search_.welcome(genomes(other.at("best")));
  }
  epoch.over = all_finished || epoch.stopped;
  if (checkpoint || epoch.over) {
    const std::vector<std::string> states = sea_.gather_all(search_.state());
    if (sea_.rank() == 0) epoch.state = join_states(states);
  }
  return epoch;
}

std::string join_states(const std::vector<std::string>& states) { return json{{"islands", states}}.dump(); }

std::vector<std::string> part_states(const std::string& state, int islands) try {
  const json document = json::parse(state);
  std::vector<std::string> states =
      document.contains("islands") ? document.at("islands").get<std::vector<std::string>>() : std::vector{state};
  if (states.size() == static_cast<std::size_t>(islands)) return states;
  throw Error(ExitCode::usage, "RESUME-ISLANDS",
              states.size() == 1
                  ? "the run was explored by one process: resume it without mpirun"
                  : fmt::format("the run was explored by {0} islands: resume it with mpirun -np {0}", states.size()));
} catch (const json::exception&) {
  throw Error(ExitCode::database, "SEARCH-STATE", "the run's checkpoint is damaged; start a new run");
}

}  // namespace dse::search
