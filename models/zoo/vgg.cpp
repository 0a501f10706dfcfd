// Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015; configurations D
// and E.
#include <array>

#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

constexpr double hidden_lift = 2;  // deviations: one unit in 44 is dead for a given input

// `repeats`: convolutions in each of the five groups.
void vgg(Builder& b, const std::array<int, 5>& repeats) {
  constexpr std::array<std::int64_t, 5> widths{64, 128, 256, 512, 512};
  Value x = b.input("input", {1, 3, 224, 224});
  int index = 0;  // torchvision counts convolutions, activations and pools in one sequence
  const auto name = [&index] { return "features." + std::to_string(index++); };
  for (std::size_t group = 0; group < widths.size(); ++group) {
    for (int i = 0; i < repeats[group]; ++i) {
      x = b.conv(name(), x, {.out = widths[group], .bias = true});
      x = b.relu(name(), x);
    }
    x = b.max_pool(name(), x, {});
  }
  // the adaptive pool to 7x7 is the identity for this input
  x = b.flatten("flatten", x);
  x = b.relu("classifier.1", b.gemm("classifier.0", x, 4096, hidden_lift));
  x = b.relu("classifier.4", b.gemm("classifier.3", x, 4096, hidden_lift));
  b.output("output", b.gemm("classifier.6", x, 1000));
}

}  // namespace

void vgg16(Builder& b) { vgg(b, {2, 2, 3, 3, 3}); }
void vgg19(Builder& b) { vgg(b, {2, 2, 4, 4, 4}); }

}  // namespace dse::zoo
