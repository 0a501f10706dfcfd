// He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016; torchvision's variant, which strides in
// the 3x3 convolution of a bottleneck.
#include <array>

#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

constexpr double branch_scale = 0.3;  // of a residual branch: the sum over all blocks stays of order one

struct Stage {
  std::int64_t width, stride;
};

Value basic_block(Builder& b, const std::string& name, const Value& x, const Stage& stage) {
  Value y = b.conv(name + ".conv1", x, {.out = stage.width, .stride = stage.stride});
  y = b.relu(name + ".relu", b.batch_norm(name + ".bn1", y));
  y = b.conv(name + ".conv2", y, {.out = stage.width});
  return b.batch_norm(name + ".bn2", y, branch_scale);
}

Value bottleneck(Builder& b, const std::string& name, const Value& x, const Stage& stage) {
  Value y = b.conv(name + ".conv1", x, {.out = stage.width, .kernel = 1});
  y = b.relu(name + ".relu", b.batch_norm(name + ".bn1", y));
  y = b.conv(name + ".conv2", y, {.out = stage.width, .stride = stage.stride});
  y = b.relu(name + ".relu_1", b.batch_norm(name + ".bn2", y));
  y = b.conv(name + ".conv3", y, {.out = 4 * stage.width, .kernel = 1});
  return b.batch_norm(name + ".bn3", y, branch_scale);
}

using Block = Value (*)(Builder&, const std::string&, const Value&, const Stage&);

Value residual(Builder& b, const std::string& name, const Value& x, const Stage& stage, Block block) {
  const Value branch = block(b, name, x, stage);
  Value shortcut = x;
  if (branch.shape != x.shape) {
    shortcut = b.conv(name + ".downsample.0", x, {.out = branch.shape[1], .kernel = 1, .stride = stage.stride});
    shortcut = b.batch_norm(name + ".downsample.1", shortcut);
  }
  return b.relu(name + ".relu_out", b.add(name + ".add", branch, shortcut));
}

void resnet(Builder& b, const std::array<int, 4>& depths, Block block) {
  Value x = b.input("input", {1, 3, 224, 224});
  x = b.conv("conv1", x, {.out = 64, .kernel = 7, .stride = 2});
  x = b.relu("relu", b.batch_norm("bn1", x));
  x = b.max_pool("maxpool", x, {.kernel = 3, .stride = 2, .pad = 1});
  for (std::size_t i = 0; i < depths.size(); ++i)
    for (int j = 0; j < depths[i]; ++j) {
      const Stage stage{std::int64_t{64} << i, i > 0 && j == 0 ? 2 : 1};
      x = residual(b, "layer" + std::to_string(i + 1) + "." + std::to_string(j), x, stage, block);
    }
  x = b.flatten("flatten", b.global_average_pool("avgpool", x));
  b.output("output", b.gemm("fc", x, 1000));
}

}  // namespace

void resnet18(Builder& b) { resnet(b, {2, 2, 2, 2}, basic_block); }
void resnet50(Builder& b) { resnet(b, {3, 4, 6, 3}, bottleneck); }
void resnet101(Builder& b) { resnet(b, {3, 4, 23, 3}, bottleneck); }

}  // namespace dse::zoo
