// The compact text of a genome in checkpoints.
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/search/genome.hpp"

namespace dse::search {

std::string to_json(const Genome& genome) {
  nlohmann::json replicas = nlohmann::json::array();
  for (const ReplicaGene& replica : genome.replicas) {
    nlohmann::json lengths = nlohmann::json::array();
    for (const Run& run : runs(replica.layers)) {
      lengths.push_back(run.placement);
      lengths.push_back(run.last - run.first);
    }
    replicas.push_back({replica.share, lengths});
  }
  return nlohmann::json{{"r", replicas}, {"t", genome.threads}}.dump();
}

Genome genome_from_json(const std::string& text, const Space& space) {
  Genome genome;
  try {
    const auto document = nlohmann::json::parse(text);
    for (const auto& item : document.at("r")) {
      ReplicaGene& replica = genome.replicas.emplace_back();
      replica.share = item.at(0).get<std::int64_t>();
      const auto lengths = item.at(1).get<std::vector<std::size_t>>();
      for (std::size_t i = 0; i + 1 < lengths.size(); i += 2) {
        if (lengths[i] >= space.placements.size() || lengths[i + 1] > space.layers - replica.layers.size()) break;
        replica.layers.insert(replica.layers.end(), lengths[i + 1], static_cast<PlacementId>(lengths[i]));
      }
    }
    genome.threads = document.at("t").get<std::vector<int>>();
  } catch (const nlohmann::json::exception&) {
    genome = {};
  }
  Genome canonical = genome;
  normalise(canonical, space);
  if (canonical != genome) {
    throw Error(ExitCode::database, "SEARCH-STATE",
                "a checkpoint holds a genome that this model and platform do not have; the run cannot be resumed, "
                "start a new one");
  }
  return genome;
}

}  // namespace dse::search
