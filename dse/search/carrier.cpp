// The fixed-size vector of a genome.
#include <algorithm>
#include <cmath>

#include "dse/search/genome.hpp"

namespace dse::search {
namespace {

std::size_t share_genes(const Space& space) { return space.slots() > 1 ? space.slots() : 0; }

std::vector<std::size_t> devices_with_choice(const Space& space) {
  std::vector<std::size_t> devices;
  for (std::size_t d = 0; d < space.devices; ++d) {
    if (space.threads[d].size() > 1) devices.push_back(d);
  }
  return devices;
}

// The integer nearest to a value, kept inside [lowest, highest].
std::size_t integer(double value, std::size_t lowest, std::size_t highest) {
  if (!(value > 0)) return lowest;
  return std::clamp(static_cast<std::size_t>(std::llround(std::min(value, 1e9))), lowest, highest);
}

}  // namespace

std::size_t Carrier::size(const Space& space) {
  return share_genes(space) + space.slots() * space.layers + devices_with_choice(space).size();
}

std::vector<double> Carrier::lower(const Space& space) {
  std::vector<double> values(size(space), 0.0);
  if (share_genes(space) > 0) values[0] = 1;
  return values;
}

std::vector<double> Carrier::upper(const Space& space) {
  std::vector<double> values(share_genes(space), static_cast<double>(space.max_share));
  values.insert(values.end(), space.slots() * space.layers, static_cast<double>(space.placements.size() - 1));
  for (std::size_t d : devices_with_choice(space)) values.push_back(static_cast<double>(space.threads[d].size() - 1));
  return values;
}

std::vector<double> Carrier::encode(const Genome& genome, const Space& space) {
  std::vector<double> values(size(space), 0.0);
  const std::size_t shares = share_genes(space);
  for (std::size_t r = 0; r < genome.replicas.size(); ++r) {
    if (shares > 0) values[r] = static_cast<double>(genome.replicas[r].share);
    std::copy(genome.replicas[r].layers.begin(), genome.replicas[r].layers.end(),
              values.begin() + static_cast<std::ptrdiff_t>(shares + r * space.layers));
  }
  double* thread = values.data() + shares + space.slots() * space.layers;
  for (std::size_t d : devices_with_choice(space)) {
    const auto& choices = space.threads[d];
    *thread++ = static_cast<double>(std::find(choices.begin(), choices.end(), genome.threads[d]) - choices.begin());
  }
  return values;
}

Genome Carrier::decode(const double* values, const Space& space) {
  const std::size_t shares = share_genes(space);
  Genome genome;
  for (std::size_t r = 0; r < space.slots(); ++r) {
    const std::size_t share =
        shares == 0 ? 1 : integer(values[r], r == 0 ? 1 : 0, static_cast<std::size_t>(space.max_share));
    if (share == 0) continue;
    ReplicaGene& replica = genome.replicas.emplace_back();
    replica.share = static_cast<std::int64_t>(share);
    const double* layers = values + shares + r * space.layers;
    for (std::size_t l = 0; l < space.layers; ++l) {
      replica.layers.push_back(static_cast<PlacementId>(integer(layers[l], 0, space.placements.size() - 1)));
    }
  }
  genome.threads.assign(space.devices, 0);
  const double* thread = values + shares + space.slots() * space.layers;
  for (std::size_t d : devices_with_choice(space)) {
    genome.threads[d] = space.threads[d][integer(*thread++, 0, space.threads[d].size() - 1)];
  }
  normalise(genome, space);
  return genome;
}

}  // namespace dse::search
