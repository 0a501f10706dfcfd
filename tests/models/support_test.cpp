#include <doctest/doctest.h>

#include "tests/support/networks.hpp"

namespace dse {

TEST_CASE("the small networks import as they are described") {
  const test::SmallNetwork chain = test::chain_network(4);
  CHECK(chain->layers().size() == 4);
  CHECK(chain->layers()[0].name == "conv1");
  const test::SmallNetwork residual = test::residual_network();
  CHECK(residual->outputs().size() == 1);
  CHECK(test::branch_network()->layers().size() == 12);
  const test::SmallNetwork two = test::two_output_network();
  CHECK(two->inputs().size() == 2);
  CHECK(two->outputs().size() == 2);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) CHECK(test::random_network(seed)->layers().size() > 3);
}

}  // namespace dse
