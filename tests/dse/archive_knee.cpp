#include <doctest/doctest.h>

#include "dse/archive/archive.hpp"
#include "dse/archive/knee.hpp"
#include "tests/dse/archive_samples.hpp"

using namespace dse;
using namespace dse::archive;

TEST_CASE("the knee is the point farthest below the line through the extremes") {
  // Normalised: (0,1) (.1,.2) (.5,.1) (1,0): distances below x + y = 1 are 0, .7, .4, 0 over sqrt 2.
  CHECK(knee_index({{10, 200}, {11, 120}, {15, 110}, {20, 100}}) == 1);
  // A concave stretch: everything lies above the line, and the extremes, on it, are the lowest.
  CHECK(knee_index({{0, 1}, {0.8, 0.8}, {1, 0}}) == 0);
}

TEST_CASE("three objectives: the plane through three extremes") {
  CHECK(knee_index({{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {0.5, 0.5, 0.5}, {0.9, 0.3, 0.2}}) == 4);
}

TEST_CASE("small and flat fronts") {
  CHECK_FALSE(knee_index({}));
  CHECK(knee_index({{3, 4}}) == 0);
  CHECK(knee_index({{1, 2}, {2, 1}}) == 0);
  CHECK(knee_index({{5, 7}, {5, 7}}) == 0);
  // The second objective does not vary: what is left is the best of the first.
  CHECK(knee_index({{2, 7}, {1, 7}, {3, 7}}) == 1);
  // One point is best in two of three objectives: its plane is not defined, the unit plane decides.
  CHECK(knee_index({{0, 0, 1}, {1, 1, 0}, {0.1, 0.1, 0.2}}) == 2);
}

TEST_CASE("equal points: the first") { CHECK(knee_index({{0, 1}, {0.2, 0.2}, {0.2, 0.2}, {1, 0}}) == 1); }

TEST_CASE("the scale of an objective does not matter") {
  const std::vector<std::vector<double>> points = {{0, 1}, {0.3, 0.25}, {0.5, 0.24}, {1, 0}};
  std::vector<std::vector<double>> scaled = points;
  for (auto& point : scaled) point[1] = 1e9 * point[1] - 4e8;
  CHECK(knee_index(points) == knee_index(scaled));
}

TEST_CASE("the archive's knee takes only feasible candidates of the front, over the objectives asked for") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  std::vector<NewCandidate> added;
  const double figures[][2] = {{1, 10}, {1.5, 2}, {9, 1}, {1.1, 1.1}, {1.05, 1.05}};
  for (int i = 0; i < 5; ++i) {
    NewCandidate c = samples::candidate(i);
    c.estimate.latency_s = figures[i][0];
    c.estimate.energy_max_j = figures[i][1];
    c.on_front = i != 3;
    c.estimate.feasible = i != 4;
    added.push_back(c);
  }
  archive.commit(run, samples::checkpoint(1, added));
  CHECK(archive.knee(run, {Objective::latency, Objective::energy_max}) == 2);
  CHECK(archive.knee(run, {Objective::energy_max}) == 3);
  CHECK_FALSE(archive.knee(run + 1, {Objective::latency}));
}
