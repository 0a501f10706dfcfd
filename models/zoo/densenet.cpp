// Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", 2017; growth 32, torchvision's
// names.
#include <array>

#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

constexpr std::int64_t growth = 32;

Value norm_relu_conv(Builder& b, const std::string& name, const std::string& index, const Value& x,
                     const ConvOptions& options) {
  const Value y = b.relu(name + "relu" + index, b.batch_norm(name + "norm" + index, x));
  return b.conv(name + "conv" + index, y, options);
}

Value dense_block(Builder& b, const std::string& name, const Value& x, int layers) {
  std::vector<Value> features{x};
  for (int i = 1; i <= layers; ++i) {
    const std::string layer = name + ".denselayer" + std::to_string(i) + ".";
    Value y = i == 1 ? x : b.concat(layer + "concat", features);
    y = norm_relu_conv(b, layer, "1", y, {.out = 4 * growth, .kernel = 1});
    features.push_back(norm_relu_conv(b, layer, "2", y, {.out = growth}));
  }
  return b.concat(name + ".concat", features);
}

void densenet(Builder& b, const std::array<int, 4>& depths) {
  Value x = b.input("input", {1, 3, 224, 224});
  x = b.conv("features.conv0", x, {.out = 64, .kernel = 7, .stride = 2});
  x = b.relu("features.relu0", b.batch_norm("features.norm0", x));
  x = b.max_pool("features.pool0", x, {.kernel = 3, .stride = 2, .pad = 1});
  for (std::size_t i = 0; i < depths.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    x = dense_block(b, "features.denseblock" + number, x, depths[i]);
    if (i + 1 == depths.size()) break;
    const std::string transition = "features.transition" + number + ".";
    x = norm_relu_conv(b, transition, "", x, {.out = x.shape[1] / 2, .kernel = 1});
    x = b.average_pool(transition + "pool", x, {});
  }
  x = b.relu("relu", b.batch_norm("features.norm5", x));
  x = b.flatten("flatten", b.global_average_pool("avgpool", x));
  b.output("output", b.gemm("classifier", x, 1000));
}

}  // namespace

void densenet121(Builder& b) { densenet(b, {6, 12, 24, 16}); }
void densenet264(Builder& b) { densenet(b, {6, 12, 64, 48}); }

}  // namespace dse::zoo
