// The tools of the random property: drawn networks are reproducible, survive JSON, and shrink to what makes them fail.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/support/network_generator.hpp"
#include "tests/support/shrink.hpp"

using namespace dse::test;
using dse::Stage;

namespace {

bool has(const NetworkSpec& spec, const std::string& op) {
  return std::any_of(spec.nodes.begin(), spec.nodes.end(), [&](const SpecNode& node) { return node.op == op; });
}

RandomCase case_of(const NetworkSpec& spec) {
  RandomCase one;
  one.network = spec;
  one.devices = 3;
  one.output = 1;
  one.layers = {"a", "b"};
  Stage first, second;
  first.layers = {0};
  first.devices = {0, 1};
  first.split = dse::Split::rows;
  first.shares = {1, 2};
  second.layers = {1};
  second.devices = {1};
  one.mapping.replicas = {{1, {first, second}}, {1, {first, second}}};
  return one;
}

}  // namespace

TEST_CASE("a seed draws one valid network, and JSON keeps it") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const NetworkSpec spec = draw_network(seed);
    CHECK(spec == draw_network(seed));
    CHECK(spec == network_spec_from_json(to_json(spec)));
    CHECK(shapes_of(spec));
    CHECK(pruned(spec) == spec);
    CHECK(spec.outputs.size() >= 1);
    CHECK(spec.outputs.size() <= 3);
  }
}

TEST_CASE("every operator is drawn") {
  std::set<std::string> drawn;
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    for (const SpecNode& node : draw_network(seed).nodes) drawn.insert(node.op);
  CHECK(drawn.size() >= 75);
}

TEST_CASE("a case shrinks to the operator and the split that make it fail") {
  std::size_t tried = 0;
  for (std::uint64_t seed = 0; tried < 20; ++seed) {
    const NetworkSpec spec = draw_network(seed);
    if (!has(spec, "Conv")) continue;
    ++tried;
    const RandomCase small = shrink(case_of(spec), [](const RandomCase& one) {
      const auto& stages = one.mapping.replicas.front().stages;
      return has(one.network, "Conv") && std::any_of(stages.begin(), stages.end(), [](const Stage& stage) {
               return stage.split == dse::Split::rows;
             });
    });
    CHECK(small.network.nodes.size() == 1);
    CHECK(small.network.nodes.front().attributes.empty());
    CHECK(small.network.inputs.size() == 1);
    CHECK(dse::element_count(small.network.inputs.front()) == 1);
    REQUIRE(small.mapping.replicas.size() == 1);
    CHECK(small.mapping.replicas.front().stages.size() == 1);
    CHECK(small.devices == 2);
    CHECK(small.output == 0);
  }
}
