#include <doctest/doctest.h>

#include "base/error.hpp"
#include "models/rules/needs.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse {

TEST_CASE("a layer with an operator without a rule is computed whole") {
  test::OnnxBuild build;
  build.input("x", {1, 8, 16}).output("y");
  build.node("NonZero", {"x"}, {"y"}, "odd");
  build.text(build.node("Einsum", {"x"}, {"z"}, "hard"), "equation", "abc->abc");
  build.output("z", {1, 8, 16});
  const test::SmallNetwork network("odd", build.serialised());
  const LayerId hard = *network->layer_named("hard");
  CHECK_FALSE(splittable(*network, hard));
  const RuleResult result = needs(*network, hard, {Region(Box{{0, 0, 3}, {1, 8, 5}})});
  REQUIRE(result.computed.size() == 1);
  CHECK(result.computed[0].is_whole({1, 8, 16}));
  REQUIRE(result.inputs.size() == 1);
  CHECK(result.inputs[0].is_whole({1, 8, 16}));
}

TEST_CASE("element-wise layers need what they are asked for, broadcast axes once") {
  test::OnnxBuild build;
  build.input("a", {1, 4, 8, 8}).input("gate", {4, 1, 1}).output("y", {1, 4, 8, 8});
  build.node("Mul", {"a", "gate"}, {"m"}, "scale");
  build.node("Relu", {"m"}, {"y"}, "act");
  const test::SmallNetwork network("gated", build.serialised());
  REQUIRE(network->layers().size() == 1);
  const Region rows(Box{{0, 1, 2, 0}, {1, 3, 5, 8}});
  const RuleResult result = needs(*network, 0, {rows});
  CHECK(result.computed[0] == rows);
  CHECK(result.inputs[0] == rows);
  CHECK(result.inputs[1] == Region(Box{{1, 0, 0}, {3, 1, 1}}));
}

TEST_CASE("a layer is asked for each of its outputs") {
  const test::SmallNetwork network = test::chain_network(1);
  CHECK_THROWS_AS(needs(*network, 0, {}), Error);
}

}  // namespace dse
