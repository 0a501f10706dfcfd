// Layers split over devices by channels, inputs, rows, tiles and in hybrids: outputs equal the undivided network's.
#include <doctest/doctest.h>

#include <iostream>

#include "models/zoo.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/sweep.hpp"

using namespace dse;
using namespace dse::test;

namespace {

SweepOptions splits_only(std::size_t hybrids, bool with_strategies) {
  SweepOptions options;
  options.cuts = 1;
  options.three_stages = options.four_devices = options.replicas = 0;
  options.hybrids = hybrids;
  options.strategies = with_strategies;
  return options;
}

void check_exact(const std::string& name, const Network& network, const SweepOptions& options) {
  const SweepResult result = sweep(network, options);
  std::cout << name << " (" << network.layers().size() << " layers): " << result << std::endl;
  CHECK_MESSAGE(result.wrong == 0, name, ": ", result.first_failure);
  CHECK_MESSAGE(result.unseen == 0, name, ": a swapped slice was not seen");
}

// Half precision, x twice as channels: y = (64 + 1) x - 64 x. Addends rounded to half precision would lose the sum.
SmallNetwork cancelling_sum() {
  OnnxBuild build;
  build.input("x", {1, 8, 6, 6}, DataType::float16).output("y", {}, DataType::float16);
  onnx::TensorProto& weight = *build.graph().add_initializer();
  weight.set_name("w32");
  weight.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : {8, 16, 1, 1}) weight.add_dims(extent);
  for (int out = 0; out < 8; ++out)
    for (int in = 0; in < 16; ++in) weight.add_float_data(in % 8 != out ? 0.0F : in < 8 ? 65.0F : -64.0F);
  OnnxBuild::integer(build.node("Cast", {"w32"}, {"w"}, "half"), "to", static_cast<std::int64_t>(DataType::float16));
  OnnxBuild::integer(build.node("Concat", {"x", "x"}, {"twice"}, "twice"), "axis", 1);
  build.node("Conv", {"twice", "w"}, {"y"}, "conv");
  return {"cancelling", build.serialised()};
}

}  // namespace

TEST_CASE("a sum of half-precision addends keeps what they cancel") {
  const SmallNetwork network = cancelling_sum();
  const Platform platform = local_platform(2);
  Mapping mapping = single_device(*network, 0);
  mapping.replicas[0].stages[0].devices = {0, 1};
  mapping.replicas[0].stages[0].split = Split::inputs;
  deploy::Reference reference(*network, engine::Engine::instance());
  const Outcome outcome = run_in_process(*network, platform, mapping, reference, 4);
  const Verdict verdict = compare(reference, *network, outcome);
  CHECK(outcome.segments > 2);
  CHECK_MESSAGE(verdict.exact(), verdict.worst_error);
  CHECK(verdict.worst_error < 2e-3);
}

TEST_CASE("zoo networks are exact under every strategy") {
  const TempDir folder("dse-splits");
  const auto zoo_network = [&](const std::string& name) {
    const fs::path path = folder.path() / (name + ".onnx");
    zoo::make(name, path, {});
    return Network::import(path);
  };
  check_exact("tiny", zoo_network("tiny"), splits_only(40, true));
  check_exact("squeezenet1.1", zoo_network("squeezenet1.1"), splits_only(6, false));
  check_exact("mobilenetv2", zoo_network("mobilenetv2"), splits_only(4, false));
  check_exact("resnet18", zoo_network("resnet18"), splits_only(4, false));
}
