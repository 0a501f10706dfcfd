// Not a published network: every shape of graph that cutting must cope with, in under 50,000 parameters, so that tests
// are fast.
#include "models/zoo/networks.hpp"

namespace dse::zoo {

void tiny(Builder& b) {
  const auto conv = [&b](const std::string& name, const Value& x, const ConvOptions& options) {
    return b.relu(name + ".relu", b.batch_norm(name + ".bn", b.conv(name + ".conv", x, options)));
  };
  Value x = b.input("input", {1, 3, 32, 32});
  x = conv("stem", x, {.out = 16});
  // a residual sum
  Value y = conv("block.0", x, {.out = 16});
  y = b.batch_norm("block.1.bn", b.conv("block.1.conv", y, {.out = 16}), 0.5);
  x = b.relu("block.relu", b.add("block.add", x, y));
  x = b.max_pool("pool", x, {});
  // branches that are joined, one of them separable
  const Value left = conv("left", x, {.out = 16, .kernel = 1});
  const Value depthwise = conv("right.0", x, {.out = 16, .groups = 16});
  const Value right = conv("right.1", depthwise, {.out = 16, .kernel = 1});
  x = b.concat("join", {left, right});
  x = conv("deep", x, {.out = 48, .stride = 2});
  // two outputs: a map at the finer resolution, and logits
  const Value up = b.upsample("map.upsample", conv("map.reduce", x, {.out = 8, .kernel = 1}));
  b.output("map", b.conv("map.conv", b.concat("map.concat", {up, left}), {.out = 4, .bias = true}));
  x = b.flatten("flatten", b.global_average_pool("avgpool", x));
  b.output("logits", b.gemm("fc", x, 10));
}

}  // namespace dse::zoo
