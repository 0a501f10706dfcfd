#include "base/coordinates.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace dse;

TEST_CASE("coordinates behave as a vector, also beyond the rank that needs no memory") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    Coordinates mine;
    std::vector<std::int64_t> model;
    for (int step = 0; step < 20; ++step) {
      const auto value = static_cast<std::int64_t>(random() % 9);
      if (random() % 3 == 0) {
        const std::size_t rank = random() % 12;
        mine.resize(rank);
        model.resize(rank);
      } else {
        mine.push_back(value);
        model.push_back(value);
      }
      REQUIRE(mine.size() == model.size());
      CHECK(mine.shape() == model);
      CHECK(mine.empty() == model.empty());
      CHECK(Coordinates(model) == mine);
      Coordinates copy = mine;
      CHECK(copy == mine);
      copy.push_back(1);
      CHECK(copy != mine);
      CHECK(mine < copy);
      const Coordinates moved = std::move(copy);
      CHECK(moved.size() == model.size() + 1);
    }
  }
}

TEST_CASE("coordinates are ordered as vectors are") {
  const std::vector<Shape> all{{}, {0}, {1}, {0, 5}, {1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 9}, {1, 2, 3}};
  for (const Shape& a : all)
    for (const Shape& b : all) {
      CHECK((Coordinates(a) < Coordinates(b)) == (a < b));
      CHECK((Coordinates(a) == Coordinates(b)) == (a == b));
    }
  CHECK(Coordinates(7, 3) == Coordinates{3, 3, 3, 3, 3, 3, 3});
}
