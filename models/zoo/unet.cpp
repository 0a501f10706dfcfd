// Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015; padded
// convolutions with batch normalisation and base width 32, as in the common brain-segmentation port, whose names are
// used.
#include <array>

#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

Value double_conv(Builder& b, const std::string& name, const Value& x, std::int64_t out) {
  Value y = x;
  for (const char* part : {"1", "2"}) {
    y = b.conv(name + ".conv" + part, y, {.out = out});
    y = b.relu(name + ".relu" + part, b.batch_norm(name + ".norm" + part, y));
  }
  return y;
}

}  // namespace

void unet(Builder& b) {
  constexpr std::array<std::int64_t, 4> widths{32, 64, 128, 256};
  Value x = b.input("input", {1, 3, 256, 256});
  std::array<Value, widths.size()> skips;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    skips[i] = double_conv(b, "encoder" + number, x, widths[i]);
    x = b.max_pool("pool" + number, skips[i], {});
  }
  x = double_conv(b, "bottleneck", x, 2 * widths.back());
  for (std::size_t i = widths.size(); i-- > 0;) {
    const std::string number = std::to_string(i + 1);
    x = b.conv_transpose("upconv" + number, x, widths[i]);
    x = b.concat("concat" + number, {x, skips[i]});
    x = double_conv(b, "decoder" + number, x, widths[i]);
  }
  b.output("output", b.conv("conv", x, {.out = 1, .kernel = 1, .bias = true}));
}

}  // namespace dse::zoo
