// Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018; width 1.0, torchvision's names.
#include <array>

#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

constexpr double branch_scale = 0.5;

struct Group {
  std::int64_t expansion, out;
  int repeats;
  std::int64_t stride;
};

Value conv_bn_relu6(Builder& b, const std::string& name, const Value& x, const ConvOptions& options) {
  const Value y = b.conv(name + ".0", x, options);
  return b.relu6(name + ".2", b.batch_norm(name + ".1", y));
}

Value inverted_residual(Builder& b, const std::string& name, const Value& x, const Group& group, std::int64_t stride) {
  const std::int64_t hidden = x.shape[1] * group.expansion;
  const bool residual = stride == 1 && x.shape[1] == group.out;
  int index = 0;
  const auto part = [&] { return name + ".conv." + std::to_string(index++); };
  Value y = x;
  if (group.expansion != 1) y = conv_bn_relu6(b, part(), y, {.out = hidden, .kernel = 1});
  y = conv_bn_relu6(b, part(), y, {.out = hidden, .stride = stride, .groups = hidden});
  y = b.conv(part(), y, {.out = group.out, .kernel = 1});
  y = b.batch_norm(part(), y, residual ? branch_scale : 1);
  return residual ? b.add(name + ".add", x, y) : y;
}

}  // namespace

void mobilenetv2(Builder& b) {
  constexpr std::array groups{Group{1, 16, 1, 1}, Group{6, 24, 2, 2},  Group{6, 32, 3, 2}, Group{6, 64, 4, 2},
                              Group{6, 96, 3, 1}, Group{6, 160, 3, 2}, Group{6, 320, 1, 1}};
  Value x = b.input("input", {1, 3, 224, 224});
  x = conv_bn_relu6(b, "features.0", x, {.out = 32, .stride = 2});
  int index = 1;
  for (const Group& group : groups)
    for (int i = 0; i < group.repeats; ++i)
      x = inverted_residual(b, "features." + std::to_string(index++), x, group, i == 0 ? group.stride : 1);
  x = conv_bn_relu6(b, "features.18", x, {.out = 1280, .kernel = 1});
  x = b.flatten("flatten", b.global_average_pool("avgpool", x));
  b.output("output", b.gemm("classifier.1", x, 1000));
}

}  // namespace dse::zoo
