// Layers side by side whose shapes fill the space of those that networks use: for calibration, not a network.
#include <algorithm>
#include <array>
#include <cmath>

#include "models/zoo/builder.hpp"
#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

// Halton sequences (Halton, 1960): every prefix covers the unit cube evenly.
double halton(std::size_t index, std::size_t base) {
  double result = 0, digit = 1;
  for (std::size_t i = index + 1; i > 0; i /= base) {
    digit /= static_cast<double>(base);
    result += digit * static_cast<double>(i % base);
  }
  return result;
}

class Shapes {
 public:
  explicit Shapes(Builder& b) : b_(b) {}

  void convolutions(std::size_t count) {
    constexpr std::array<std::int64_t, 8> kernels{1, 3, 1, 3, 1, 3, 5, 7};
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t kernel = kernels[i % kernels.size()];
      const std::int64_t stride = i % 5 == 4 ? 2 : 1;
      std::int64_t extent = between(i, 2, 7, kernel > 3 ? 56 : 112);
      // The first layer of a network reads an image.
      const std::int64_t in = i % 11 == 10 ? 3 : rounded(between(i, 3, 8, 768));
      std::int64_t out = rounded(between(i, 5, 16, 768));
      const std::int64_t work = in * out * kernel * kernel;
      while (extent > 7 && work * extent * extent > most_macs) extent /= 2;
      while (out > 16 && work / out * rounded(out) * extent * extent > most_macs) out /= 2;
      const Value x = b_.input(name("conv_in"), {1, in, extent, extent});
      add(b_.relu(name("relu"), b_.conv(name("conv"), x, {rounded(out), kernel, stride, -1, 1, true, 1})));
    }
  }

  void depthwise(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t channels = rounded(between(i, 2, 16, 960));
      const std::int64_t extent = std::min<std::int64_t>(between(i, 3, 7, 112), 40'000 / channels + 7);
      const Value x = b_.input(name("dw_in"), {1, channels, extent, extent});
      add(b_.relu(name("relu"),
                  b_.conv(name("dw"), x, {channels, i % 3 == 2 ? 5 : 3, i % 4 == 3 ? 2 : 1, -1, channels, true, 1})));
    }
  }

  void others(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t channels = rounded(between(i, 2, 16, 512));
      const std::int64_t extent = std::min<std::int64_t>(between(i, 3, 7, 112), 40'000 / channels + 7);
      const auto fresh = [&] { return b_.input(name("in"), {1, channels, extent, extent}); };
      const Value x = fresh();
      switch (i % 9) {
        case 0:
          add(b_.max_pool(name("maxpool"), x, {i % 2 == 0 ? 2 : 3, 2, 0, false}));
          break;
        case 1:
          add(b_.max_pool(name("maxpool"), x, {3, 1, 1, false}));
          break;
        case 2:
          add(b_.average_pool(name("avgpool"), x, {i % 2 == 0 ? 2 : 3, i % 2 == 0 ? 2 : 1, i % 2 == 0 ? 0 : 1, false}));
          break;
        case 3:
          add(b_.add(name("add"), x, fresh()));
          break;
        case 4:
          add(i % 2 == 0 ? b_.concat(name("concat"), {x, fresh()})
                         : b_.concat(name("concat"), {x, fresh(), fresh(), fresh()}));
          break;
        case 5:
          add(b_.global_average_pool(name("gap"), x));
          break;
        case 6:
          add(b_.lrn(name("lrn"), x, 5, 1e-4F, 0.75F, 1));
          break;
        case 7:
          add(b_.relu(name("relu"), b_.batch_norm(name("norm"), x)));
          break;
        default:
          add(b_.upsample(name("upsample"), x));
          break;
      }
    }
  }

  void transposed(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t channels = rounded(between(i, 2, 16, 512));
      const std::int64_t extent = between(i, 3, 7, 64);
      const Value x = b_.input(name("up_in"), {1, channels, extent, extent});
      add(b_.conv_transpose(name("up"), x, std::max<std::int64_t>(8, channels / 2)));
    }
  }

  void fully_connected(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const Value x = b_.input(name("fc_in"), {1, rounded(between(i, 2, 64, 4096)), 1, 1});
      add(b_.gemm(name("fc"), b_.flatten(name("flat"), x), between(i, 3, 10, 2048)));
    }
  }

 private:
  static constexpr std::int64_t most_macs = 120'000'000;

  static std::int64_t between(std::size_t index, std::size_t base, std::int64_t lo, std::int64_t hi) {
    const double from = std::log(static_cast<double>(lo)), to = std::log(static_cast<double>(hi));
    return static_cast<std::int64_t>(std::lround(std::exp(from + (to - from) * halton(index, base))));
  }
  // Most networks have multiples of 8.
  static std::int64_t rounded(std::int64_t channels) { return std::max<std::int64_t>(8, (channels + 4) / 8 * 8); }

  std::string name(const char* what) { return what + std::to_string(next_++); }
  void add(const Value& value) { b_.output(name("out"), value); }

  Builder& b_;
  std::size_t next_ = 0;
};

}  // namespace

void calibration_shapes(Builder& b) {
  Shapes shapes(b);
  shapes.convolutions(64);
  shapes.depthwise(16);
  shapes.others(54);
  shapes.transposed(8);
  shapes.fully_connected(8);
}

}  // namespace dse::zoo
