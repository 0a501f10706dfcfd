#include <doctest/doctest.h>

#include <numeric>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "dse/search/enumeration.hpp"
#include "dse/search/operators.hpp"
#include "dse/search/seeds.hpp"
#include "tests/dse/search_model.hpp"

using namespace dse;
using namespace dse::search;

namespace {

// Devices of different speeds, stages split in the ways that the strategies allow.
Space with_splits(Space space) {
  std::vector<double> speeds;
  for (std::size_t d = 0; d < space.devices; ++d) speeds.push_back(d == 1 ? 1 : 3);
  add_splits(space, speeds);
  add_wires(space);
  return space;
}

std::vector<Space> spaces() {
  std::vector<Space> all;
  for (std::size_t devices : {1, 2, 3, 5}) {
    for (std::size_t layers : {1, 2, 7, 20}) {
      all.push_back(make_space(layers, devices));
      all.push_back(make_space(layers, devices, {.data = true, .sequential = false, .hybrid = false}));
      all.push_back(make_space(layers, devices, {.data = false, .sequential = true, .hybrid = false}));
      all.push_back(make_space(layers, devices, {.data = true, .sequential = true, .hybrid = false}));
      Space threads = make_space(layers, devices);
      threads.threads.front() = {0, 1, 2};
      all.push_back(threads);
      all.push_back(with_splits(threads));
      threads.strategies.wires = {Wire::full, Wire::int8};
      all.push_back(with_splits(threads));
      const Strategies pure{.data = true, .sequential = true, .horizontal = true, .vertical = true, .hybrid = false};
      all.push_back(with_splits(make_space(layers, devices, pure)));
      Strategies vertical = pure;
      vertical.data = vertical.sequential = vertical.horizontal = false;
      all.push_back(with_splits(make_space(layers, devices, vertical)));
    }
  }
  return all;
}

// Everything that genome.hpp promises of a canonical genome, said in another way than normalise() does it.
void check_canonical(const Genome& genome, const Space& space) {
  REQUIRE(genome.replicas.size() >= 1);
  REQUIRE(genome.threads.size() == space.devices);
  std::set<std::size_t> taken, split;
  std::int64_t divisor = 0;
  for (const ReplicaGene& replica : genome.replicas) {
    CHECK(replica.layers.size() == space.layers);
    const std::set<PlacementId> mine(replica.layers.begin(), replica.layers.end());
    std::set<std::size_t> devices;
    for (PlacementId p : mine) {
      REQUIRE(p < space.placements.size());
      devices.insert(space.placements[p].devices.begin(), space.placements[p].devices.end());
      if (space.placements[p].split != Split::none)
        split.insert(space.placements[p].devices.begin(), space.placements[p].devices.end());
    }
    for (const std::size_t device : devices) CHECK(taken.insert(device).second);
    if (genome.replicas.size() > 1 && !space.strategies.hybrid) CHECK(devices.size() == 1);
    if (!space.stages()) CHECK(mine.size() == 1);
    CHECK(replica.share >= 1);
    CHECK(replica.share <= space.max_share);
    divisor = std::gcd(divisor, replica.share);
  }
  CHECK(divisor == 1);
  const std::string_view name = strategy_name(to_mapping(genome, space));
  const Strategies& may = space.strategies;
  CHECK((may.hybrid || name == "single" || (name == "data" && may.data) || (name == "sequential" && may.sequential) ||
         (name == "horizontal" && may.horizontal) || (name == "vertical" && may.vertical)));
  if (!space.strategies.data && !space.strategies.hybrid) CHECK(genome.replicas.size() == 1);
  CHECK(std::is_sorted(genome.replicas.begin(), genome.replicas.end(),
                       [](auto& a, auto& b) { return a.layers < b.layers; }));
  for (std::size_t d = 0; d < space.devices; ++d) {
    if (taken.contains(d) && !split.contains(d)) {
      CHECK(std::count(space.threads[d].begin(), space.threads[d].end(), genome.threads[d]) == 1);
    } else {
      CHECK(genome.threads[d] == 0);
    }
  }
}

}  // namespace

TEST_CASE("normalise makes any genome canonical, and leaves a canonical one") {
  Rng rng(7, 0);
  for (const Space& space : spaces()) {
    for (int i = 0; i < 40; ++i) {
      Genome genome = any_genome(space, rng);
      check_canonical(genome, space);
      const Genome before = genome;
      normalise(genome, space);
      CHECK(genome == before);
    }
  }
}

TEST_CASE("the carrier gives back every genome, and decodes any vector inside its bounds") {
  Rng rng(8, 0);
  for (const Space& space : spaces()) {
    const auto lower = Carrier::lower(space), upper = Carrier::upper(space);
    REQUIRE(lower.size() == Carrier::size(space));
    REQUIRE(upper.size() == Carrier::size(space));
    for (int i = 0; i < 30; ++i) {
      const Genome genome = any_genome(space, rng);
      const std::vector<double> values = Carrier::encode(genome, space);
      REQUIRE(values.size() == lower.size());
      for (std::size_t k = 0; k < values.size(); ++k) {
        CHECK(values[k] >= lower[k]);
        CHECK(values[k] <= upper[k]);
      }
      CHECK(Carrier::decode(values.data(), space) == genome);
      std::vector<double> any;
      for (std::size_t k = 0; k < lower.size(); ++k) any.push_back(lower[k] + (upper[k] - lower[k]) * rng.unit());
      check_canonical(Carrier::decode(any.data(), space), space);
    }
  }
}

TEST_CASE("mappings, checkpoints and hashes tell genomes apart and give them back") {
  Rng rng(9, 0);
  for (const Space& space : spaces()) {
    std::set<Genome> genomes;
    std::set<std::uint64_t> hashes;
    for (int i = 0; i < 40; ++i) {
      const Genome genome = any_genome(space, rng);
      genomes.insert(genome);
      hashes.insert(hash(genome));
      CHECK(genome_from_json(to_json(genome), space) == genome);
      const Mapping mapping = to_mapping(genome, space);
      CHECK(from_mapping(mapping, space) == genome);
      for (const ReplicaMapping& replica : mapping.replicas) {
        std::set<LayerId> layers;
        std::set<std::tuple<std::vector<std::size_t>, Split, std::vector<std::int64_t>, Halo, Wire>> stages;
        for (const Stage& stage : replica.stages) {
          layers.insert(stage.layers.begin(), stage.layers.end());
          CHECK(stages.insert({stage.devices, stage.split, stage.shares, stage.halo, stage.wire}).second);
        }
        CHECK(layers.size() == space.layers);
      }
    }
    CHECK(hashes.size() == genomes.size());
  }
}

TEST_CASE("a genome of another space is refused with a line, not taken") {
  const Space large = make_space(9, 4), small = make_space(9, 2);
  const std::string text = to_json(single(large, 3));
  CHECK_THROWS_AS(genome_from_json(text, small), Error);
  CHECK_THROWS_AS(genome_from_json("{\"r\": 3}", small), Error);
  CHECK_THROWS_AS(genome_from_json("no json", small), Error);
}

TEST_CASE("every operator keeps genomes valid, changes something somewhere, and says so when it does not") {
  for (const Mutation& mutation : mutations()) {
    CAPTURE(mutation.name);
    Rng rng(10, 0);
    std::size_t changed = 0;
    for (const Space& space : spaces()) {
      for (int i = 0; i < 40; ++i) {
        const Genome before = any_genome(space, rng);
        Genome after = before;
        const bool applied = mutation.apply(after, space, rng);
        if (!applied) CHECK(after == before);
        normalise(after, space);
        check_canonical(after, space);
        if (after != before) ++changed;
      }
    }
    CHECK(changed > 0);
  }
}

TEST_CASE("every crossover makes valid children that differ from the first parent somewhere") {
  for (const Crossover& crossover : crossovers()) {
    CAPTURE(crossover.name);
    Rng rng(11, 0);
    std::size_t mixed = 0;
    for (const Space& space : spaces()) {
      for (int i = 0; i < 40; ++i) {
        const Genome a = any_genome(space, rng), b = any_genome(space, rng);
        Genome child = crossover.apply(a, b, space, rng);
        normalise(child, space);
        check_canonical(child, space);
        if (child != a && child != b) ++mixed;
      }
    }
    CHECK(mixed > 0);
  }
}

TEST_CASE("operators reach cuts across skips and pipelines that return to a device") {
  const Space space = make_space(6, 2);
  Rng rng(12, 0);
  bool returned = false;
  Genome genome = single(space, 0);
  for (int i = 0; i < 200 && !returned; ++i) {
    vary(genome, space, rng);
    returned = runs(genome.replicas.front().layers).size() > 2;
  }
  CHECK(returned);
}

TEST_CASE("balanced shares give the least period that integers allow") {
  CHECK(balanced_shares({1, 1}, 16) == std::vector<std::int64_t>{1, 1});
  CHECK(balanced_shares({1, 3}, 16) == std::vector<std::int64_t>{3, 1});
  CHECK(balanced_shares({2, 3}, 16) == std::vector<std::int64_t>{3, 2});
  for (const auto& seconds : {std::vector<double>{1, 1.37}, {0.2, 0.9}, {5, 4.1}}) {
    const auto period = [&](std::int64_t a, std::int64_t b) {
      return std::max(static_cast<double>(a) * seconds[0], static_cast<double>(b) * seconds[1]) /
             static_cast<double>(a + b);
    };
    double least = 1e9;
    for (std::int64_t a = 1; a <= 16; ++a) {
      for (std::int64_t b = 1; b <= 16; ++b) least = std::min(least, period(a, b));
    }
    const auto shares = balanced_shares(seconds, 16);
    CHECK(period(shares[0], shares[1]) == doctest::Approx(least).epsilon(0.01));
  }
}

TEST_CASE("stages may be split over every set of few devices, and over pairs and neighbours of many") {
  const auto groups = [](std::size_t devices) {
    std::set<std::vector<std::size_t>> result;
    for (const Placement& placement : split_placements(std::vector<double>(devices, 1.0), {})) {
      CHECK(std::is_sorted(placement.devices.begin(), placement.devices.end()));
      CHECK(placement.shares.empty());  // equal speeds
      result.insert(placement.devices);
    }
    return result.size();
  };
  CHECK(groups(1) == 0);
  CHECK(groups(2) == 1);
  CHECK(groups(4) == 11);
  CHECK(groups(6) == 15 + 4 + 3 + 2 + 1);
  const std::vector<Placement> unequal = split_placements({1.0, 3.0}, {});
  REQUIRE(unequal.size() == 4);
  CHECK(unequal.front().shares == std::vector<std::int64_t>{1, 3});
  CHECK(split_placements({1.0, 3.0}, {.horizontal = false}).size() == 2);
}

TEST_CASE("shares move between the devices of a split stage, and nothing else changes") {
  const std::vector<Placement> pair = with_other_shares({{0, 1}, Split::rows, {1, 3}, Halo::recompute, Wire::full});
  CHECK(pair.size() == 5);  // 4 : 12 less or more by 1 and 2, and 8 : 8; not 0 : 16
  std::set<std::vector<std::int64_t>> shares;
  for (const Placement& one : pair) {
    CHECK(one.halo == Halo::recompute);
    CHECK(one.shares != std::vector<std::int64_t>{1, 3});
    shares.insert(one.shares);
  }
  CHECK(shares.size() == pair.size());
  CHECK(shares.contains({}));  // equal
  CHECK(with_other_shares({{0, 1, 2}, Split::channels, {}, Halo::exchange, Wire::full}).size() == 6);
  CHECK(with_other_shares({{0}, Split::none, {}, Halo::exchange, Wire::full}).empty());
  const Space space = with_splits(make_space(6, 3));
  REQUIRE(space.other_shares.size() == space.placements.size());
  CHECK(space.usual < space.placements.size());
  Rng rng(4, 4);
  std::size_t changed = 0;
  for (int round = 0; round < 200; ++round) {
    Genome genome = random_genome(space, rng);
    const Genome before = genome;
    if (!operators::change_shares(genome, space, rng)) continue;
    ++changed;
    CHECK(genome != before);
    for (std::size_t r = 0; r < genome.replicas.size(); ++r)
      for (std::size_t l = 0; l < space.layers; ++l) {
        const Placement& now = space.placements[genome.replicas[r].layers[l]];
        Placement then = space.placements[before.replicas[r].layers[l]];
        then.shares = now.shares;
        CHECK(now == then);
      }
  }
  CHECK(changed > 20);
}

TEST_CASE("every placement has an id, however many devices there are") {
  for (const std::size_t devices : {16, 60, 200}) {
    Space space = make_space(4, devices, {.wires = {Wire::full, Wire::fp16, Wire::int8}});
    add_splits(space, std::vector<double>(devices, 1.0));
    add_wires(space);
    CHECK(space.usual > devices);
    CHECK(space.placements.size() <= std::numeric_limits<PlacementId>::max());
    REQUIRE(space.other_shares.size() == space.placements.size());
    REQUIRE(space.other_wires.size() == space.placements.size());
    for (std::size_t p = 0; p < space.placements.size(); p += 97) {
      for (const PlacementId other : space.other_shares[p])
        CHECK(space.placements.at(other).devices == space.placements[p].devices);
      for (const PlacementId other : space.other_wires[p])
        CHECK(space.placements.at(other).shares == space.placements[p].shares);
    }
  }
}

TEST_CASE("a stage's results may travel in the formats that are allowed, and only where something travels") {
  Space space = make_space(6, 3, {.wires = {Wire::full, Wire::fp16, Wire::int8}});
  space = with_splits(std::move(space));
  Rng rng(5, 5);
  std::size_t changed = 0, shorter = 0;
  for (int round = 0; round < 300; ++round) {
    Genome genome = random_genome(space, rng);
    if (operators::change_wire(genome, space, rng)) ++changed;
    normalise(genome, space);
    const Mapping mapping = to_mapping(genome, space);
    CHECK(from_mapping(mapping, space) == genome);
    for (const ReplicaMapping& replica : mapping.replicas)
      for (const Stage& stage : replica.stages) {
        shorter += stage.wire != Wire::full ? 1 : 0;
        if (replica.stages.size() == 1 && stage.devices.size() == 1) CHECK(stage.wire == Wire::full);
      }
    std::vector<ReplicaRuns> runs;
    if (!to_runs(genome, space, runs)) continue;
    const Mapping of_runs = to_mapping(runs);
    std::size_t stages = 0, stages_of_runs = 0;
    for (const ReplicaMapping& replica : mapping.replicas) stages += replica.stages.size();
    for (const ReplicaMapping& replica : of_runs.replicas) stages_of_runs += replica.stages.size();
    CHECK(stages == stages_of_runs);
  }
  CHECK(changed > 100);
  CHECK(shorter > 20);
  CHECK(make_space(6, 3).other_wires.empty());
}

TEST_CASE("enumeration visits every genome of a space with splits once") {
  Strategies vertical{.data = false, .sequential = false, .horizontal = false, .vertical = true, .hybrid = false};
  const Strategies wires{.data = false, .sequential = true, .hybrid = false, .wires = {Wire::full, Wire::int8}};
  Space with_wires = make_space(3, 2, wires);
  add_wires(with_wires);
  for (Space space : {with_splits(make_space(3, 2)), with_splits(make_space(3, 2, vertical)), with_wires}) {
    space.threads.front() = {0, 1};
    std::set<Genome> visited;
    for_each_genome(space, [&](const Genome& genome) {
      check_canonical(genome, space);
      CHECK(visited.insert(genome).second);
      return true;
    });
    Rng rng(13, 0);
    for (int i = 0; i < 300; ++i) CHECK(visited.contains(any_genome(space, rng)));
  }
  // However long the network is, what is enumerated comes one after another.
  Space large = make_space(60, 2, {.wires = {Wire::full, Wire::int8}});
  add_wires(large);
  int seen = 0;
  CHECK_FALSE(for_each_genome(large, [&](const Genome&) { return ++seen < 5000; }));
}
