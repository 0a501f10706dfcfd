#include "dse/search/seeds.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

namespace dse::search {
namespace {

// A dynamic program over more orders than this many steps is not worth its time: the search gets there too.
constexpr double order_work = 5e7;
// Best pipelines that are kept, of all orders.
constexpr std::size_t kept_chains = 8;

class Seeder {
 public:
  Seeder(const Space& space, const ChainCosts& costs, std::size_t limit) : space_(space), costs_(costs), limit_(limit) {
    for (std::size_t d = 0; d < space.devices; ++d) {
      whole_.push_back(std::accumulate(costs.seconds[d].begin(), costs.seconds[d].end(), 0.0));
      by_speed_.push_back(d);
    }
    std::stable_sort(by_speed_.begin(), by_speed_.end(),
                     [&](std::size_t a, std::size_t b) { return whole_[a] < whole_[b]; });
  }

  void add(Genome genome) {
    normalise(genome, space_);
    if (result_.size() < limit_ && known_.insert(hash(genome)).second) result_.push_back(std::move(genome));
  }
  void singles() {
    for (std::size_t d : by_speed_) add(single(space_, d));
  }
  void whole_replicas() {
    for (std::size_t k = 2; space_.replicas() && k <= by_speed_.size(); ++k) {
      std::vector<double> seconds;
      Genome genome;
      for (std::size_t i = 0; i < k; ++i) {
        seconds.push_back(whole_[by_speed_[i]]);
        genome.replicas.push_back({1, std::vector<PlacementId>(space_.layers, static_cast<PlacementId>(by_speed_[i]))});
      }
      Genome equal = genome;
      const std::vector<std::int64_t> shares = balanced_shares(seconds, space_.max_share);
      for (std::size_t i = 0; i < k; ++i) genome.replicas[i].share = shares[i];
      add(std::move(genome));
      add(std::move(equal));
    }
  }
  void chains(Rng& rng);
  void all_cuts_of_two();
  void hybrids();
  void splits();
  void random(std::size_t fill, Rng& rng) {
    for (std::size_t tries = 0; result_.size() < fill && tries < 10 * fill; ++tries) add(random_genome(space_, rng));
  }

  std::vector<Genome> take() { return std::move(result_); }

 private:
  void neighbours(const ChainResult& chain);
  void prefixes(PlacementId placement);

  const Space& space_;
  const ChainCosts& costs_;
  std::size_t limit_;
  std::vector<double> whole_;
  std::vector<std::size_t> by_speed_;
  std::vector<Genome> result_;
  std::unordered_set<std::uint64_t> known_;
};

void Seeder::chains(Rng& rng) {
  if (!space_.stages()) return;
  const double each = static_cast<double>(space_.layers) * static_cast<double>(space_.layers) *
                      static_cast<double>(space_.devices) * static_cast<double>(space_.devices) / 4;
  const auto most = static_cast<std::size_t>(std::clamp(order_work / each, 4.0, 720.0));
  std::vector<std::size_t> order(space_.devices);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<ChainResult> for_period, for_latency;
  const auto solve = [&](ChainGoal goal, std::vector<ChainResult>& results) {
    if (auto chain = best_chain(costs_, order, goal)) results.push_back(std::move(*chain));
  };
  const bool every_order = std::tgamma(static_cast<double>(space_.devices) + 1) <= static_cast<double>(most);
  for (std::size_t n = 0; n < most; ++n) {
    solve(ChainGoal::period, for_period);
    solve(ChainGoal::latency, for_latency);
    if (every_order) {
      if (!std::next_permutation(order.begin(), order.end())) break;
    } else {
      if (n == 0)
        order = by_speed_;
      else
        for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[rng.below(i + 1)]);
    }
  }
  for (auto* results : {&for_period, &for_latency}) {
    std::stable_sort(results->begin(), results->end(), [](auto& a, auto& b) { return a.value < b.value; });
    results->resize(std::min(results->size(), kept_chains));
    for (const ChainResult& chain : *results) add(pipeline(space_, chain.layers));
  }
  for (const ChainResult& chain : for_period) neighbours(chain);
}

// The chain's costs are a guess at skips: each cut one layer earlier and later.
void Seeder::neighbours(const ChainResult& chain) {
  const std::vector<Run> all = runs(chain.layers);
  for (std::size_t i = 1; i < all.size(); ++i) {
    std::vector<PlacementId> earlier = chain.layers, later = chain.layers;
    earlier[all[i].first - 1] = all[i].placement;
    later[all[i].first] = all[i - 1].placement;
    add(pipeline(space_, std::move(earlier)));
    add(pipeline(space_, std::move(later)));
  }
}

void Seeder::all_cuts_of_two() {
  if (!space_.stages() || space_.devices != 2) return;
  // From the middle of the work outwards, so that a small budget sees the balanced cuts first.
  std::vector<std::size_t> cuts(space_.layers > 0 ? space_.layers - 1 : 0);
  std::iota(cuts.begin(), cuts.end(), std::size_t{1});
  std::vector<double> before(space_.layers + 1, 0.0);
  for (std::size_t l = 0; l < space_.layers; ++l) before[l + 1] = before[l] + costs_.seconds[0][l];
  std::stable_sort(cuts.begin(), cuts.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(before[a] - before.back() / 2) < std::abs(before[b] - before.back() / 2);
  });
  for (std::size_t cut : cuts) {
    for (PlacementId head : {PlacementId{0}, PlacementId{1}}) {
      std::vector<PlacementId> layers(space_.layers, static_cast<PlacementId>(1 - head));
      std::fill(layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(cut), head);
      add(pipeline(space_, std::move(layers)));
    }
  }
}

void Seeder::hybrids() {
  if (!space_.strategies.hybrid) return;
  for (std::size_t groups = 2; groups * 2 <= space_.devices + 1; ++groups) {
    Genome genome;
    std::vector<double> periods;
    for (std::size_t g = 0; g < groups; ++g) {
      // Dealt there and back by speed, so that the groups are about equally fast.
      std::vector<std::size_t> members;
      for (std::size_t i = 0; i < by_speed_.size(); ++i) {
        const std::size_t turn = i % (2 * groups);
        if (std::min(turn, 2 * groups - 1 - turn) == g) members.push_back(by_speed_[i]);
      }
      const auto chain = best_chain(costs_, members, ChainGoal::period);
      if (!chain) return;
      periods.push_back(chain->value);
      genome.replicas.push_back({1, chain->layers});
    }
    const std::vector<std::int64_t> shares = balanced_shares(periods, space_.max_share);
    for (std::size_t g = 0; g < groups; ++g) genome.replicas[g].share = shares[g];
    add(std::move(genome));
  }
}

// Every way to split over the fastest k devices: the whole network, and for splits of the feature maps its first
// layers.
void Seeder::splits() {
  for (std::size_t k = 2; k <= by_speed_.size(); ++k) {
    std::vector<std::size_t> fastest(by_speed_.begin(), by_speed_.begin() + static_cast<std::ptrdiff_t>(k));
    std::sort(fastest.begin(), fastest.end());
    for (std::size_t p = space_.devices; p < space_.usual; ++p) {
      if (space_.placements[p].devices != fastest) continue;
      const auto placement = static_cast<PlacementId>(p);
      add(pipeline(space_, std::vector<PlacementId>(space_.layers, placement)));
      const Split split = space_.placements[p].split;
      if (split == Split::rows || split == Split::tiles) prefixes(placement);
    }
  }
}

// The rest on the fastest device, or split by channels over the same devices.
void Seeder::prefixes(PlacementId placement) {
  constexpr std::size_t ends = 8;
  Placement by_channels;
  by_channels.split = Split::channels;
  const auto channels = placement_on(space_, space_.placements[placement].devices, by_channels);
  const std::vector<double>& work = costs_.seconds[by_speed_.front()];
  double before = 0;
  std::size_t next = 1;
  for (std::size_t l = 0; l < space_.layers; ++l) {
    before += work[l];
    if (before * ends < static_cast<double>(next) * whole_[by_speed_.front()]) continue;
    ++next;
    for (const PlacementId rest : {static_cast<PlacementId>(by_speed_.front()), channels.value_or(placement)}) {
      std::vector<PlacementId> layers(space_.layers, rest);
      std::fill(layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(l + 1), placement);
      add(pipeline(space_, std::move(layers)));
    }
  }
}

// A part of a pipeline, split over devices of it.
void split_some(std::vector<PlacementId>& layers, const std::vector<PlacementId>& devices, const Space& space,
                Rng& rng) {
  std::vector<PlacementId> ways;
  for (std::size_t p = space.devices; p < space.usual; ++p) {
    const auto& over = space.placements[p].devices;
    const bool inside = std::all_of(over.begin(), over.end(), [&](std::size_t d) {
      return std::find(devices.begin(), devices.end(), static_cast<PlacementId>(d)) != devices.end();
    });
    if (inside) ways.push_back(static_cast<PlacementId>(p));
  }
  if (ways.empty()) return;
  std::size_t first = rng.below(layers.size()), last = rng.below(layers.size());
  if (first > last) std::swap(first, last);
  std::fill(layers.begin() + static_cast<std::ptrdiff_t>(first), layers.begin() + static_cast<std::ptrdiff_t>(last + 1),
            ways[rng.below(ways.size())]);
}

std::vector<PlacementId> random_pipeline(const Space& space, std::vector<PlacementId> devices, Rng& rng) {
  const std::size_t most = space.stages() ? std::min(devices.size(), space.layers) : 1;
  const std::size_t stages = 1 + rng.below(most);
  for (std::size_t i = devices.size() - 1; i > 0; --i) std::swap(devices[i], devices[rng.below(i + 1)]);
  std::vector<std::size_t> cuts;
  for (std::size_t s = 1; s < stages; ++s) cuts.push_back(rng.below(space.layers + 1));
  std::sort(cuts.begin(), cuts.end());
  std::vector<PlacementId> layers(space.layers);
  std::size_t stage = 0;
  for (std::size_t l = 0; l < space.layers; ++l) {
    while (stage < cuts.size() && l >= cuts[stage]) ++stage;
    layers[l] = devices[stage];
  }
  if (space.splits() && rng.chance(0.5)) split_some(layers, devices, space, rng);
  return layers;
}

}  // namespace

std::vector<std::int64_t> balanced_shares(const std::vector<double>& seconds, std::int64_t max_share) {
  const double fastest = *std::min_element(seconds.begin(), seconds.end());
  std::vector<std::int64_t> best(seconds.size(), 1);
  double best_period = std::numeric_limits<double>::infinity();
  for (std::int64_t top = 1; top <= max_share; ++top) {
    std::vector<std::int64_t> shares;
    double slowest = 0;
    for (double s : seconds) {
      const double ratio = s > 0 ? fastest / s : 1;
      shares.push_back(std::clamp<std::int64_t>(std::llround(ratio * static_cast<double>(top)), 1, max_share));
      slowest = std::max(slowest, static_cast<double>(shares.back()) * s);
    }
    const double period = slowest / static_cast<double>(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}));
    if (period < best_period * (1 - 1e-9)) best_period = period, best = shares;
  }
  return best;
}

Genome random_genome(const Space& space, Rng& rng) {
  std::vector<PlacementId> devices(space.devices);
  std::iota(devices.begin(), devices.end(), PlacementId{0});
  std::size_t groups = 1;
  if (space.replicas() && rng.chance(0.25)) groups = 2 + rng.below(space.devices - 1);
  for (std::size_t i = devices.size() - 1; i > 0; --i) std::swap(devices[i], devices[rng.below(i + 1)]);
  Genome genome;
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<PlacementId> mine;
    for (std::size_t i = g; i < devices.size(); i += groups) mine.push_back(devices[i]);
    const auto share = 1 + static_cast<std::int64_t>(rng.below(static_cast<std::size_t>(space.max_share)));
    genome.replicas.push_back({groups == 1 ? 1 : share, random_pipeline(space, mine, rng)});
  }
  for (std::size_t d = 0; d < space.devices; ++d) {
    const auto& choices = space.threads[d];
    genome.threads.push_back(rng.chance(0.75) ? 0 : choices[rng.below(choices.size())]);
  }
  normalise(genome, space);
  return genome;
}

std::vector<Genome> seeds(const Space& space, const ChainCosts& costs, std::size_t fill, std::size_t limit,
                          std::uint64_t seed) {
  Rng rng(seed, 0);
  Seeder seeder(space, costs, limit);
  seeder.singles();
  seeder.whole_replicas();
  seeder.chains(rng);
  seeder.hybrids();
  seeder.splits();
  seeder.all_cuts_of_two();
  seeder.random(fill, rng);
  return seeder.take();
}

}  // namespace dse::search
