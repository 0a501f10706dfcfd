// Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as in torchvision.
#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

constexpr double hidden_lift = 2;  // deviations: one unit in 44 is dead for a given input

}  // namespace

void alexnet(Builder& b) {
  Value x = b.input("input", {1, 3, 224, 224});
  const auto conv = [&](int index, const ConvOptions& options) {
    x = b.conv("features." + std::to_string(index), x, options);
    x = b.relu("features." + std::to_string(index + 1), x);
  };
  const auto pool = [&](int index) {
    x = b.max_pool("features." + std::to_string(index), x, {.kernel = 3, .stride = 2});
  };
  conv(0, {.out = 64, .kernel = 11, .stride = 4, .pad = 2, .bias = true});
  pool(2);
  conv(3, {.out = 192, .kernel = 5, .bias = true});
  pool(5);
  conv(6, {.out = 384, .bias = true});
  conv(8, {.out = 256, .bias = true});
  conv(10, {.out = 256, .bias = true});
  pool(12);
  // the adaptive pool to 6x6 is the identity for this input
  x = b.flatten("flatten", x);
  x = b.relu("classifier.2", b.gemm("classifier.1", x, 4096, hidden_lift));
  x = b.relu("classifier.5", b.gemm("classifier.4", x, 4096, hidden_lift));
  b.output("output", b.gemm("classifier.6", x, 1000));
}

}  // namespace dse::zoo
