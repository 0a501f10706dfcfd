// Szegedy et al., "Going deeper with convolutions", 2015: the network as published and in Caffe's model zoo, with local
// response normalisation and without batch normalisation or the auxiliary heads of training; Caffe's names.
#include <array>

#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

// The published network reads pixels of +-128, and its local response normalisation acts on activations in the
// hundreds. Ours reads inputs of order one, so the convolutions before a normalisation aim at this variance: else
// the normalisation would do nothing.
constexpr double variance_before_lrn = 2e4;

constexpr PoolOptions halving{.kernel = 3, .stride = 2, .ceil = true};

Value conv(Builder& b, const std::string& name, const Value& x, ConvOptions options) {
  options.bias = true;
  return b.relu(name + "/relu", b.conv(name, x, options));
}

Value lrn(Builder& b, const std::string& name, const Value& x) { return b.lrn(name, x, 5, 1e-4F, 0.75F, 1.0F); }

// Output channels of the four branches and of the reductions in front of them.
struct Inception {
  const char* name;
  std::int64_t one, three_reduce, three, five_reduce, five, pool;
  bool halve;  // a pool follows
};

Value inception(Builder& b, const Inception& m, const Value& x) {
  const std::string name = std::string("inception_") + m.name + "/";
  const Value one = conv(b, name + "1x1", x, {.out = m.one, .kernel = 1});
  Value three = conv(b, name + "3x3_reduce", x, {.out = m.three_reduce, .kernel = 1});
  three = conv(b, name + "3x3", three, {.out = m.three});
  Value five = conv(b, name + "5x5_reduce", x, {.out = m.five_reduce, .kernel = 1});
  five = conv(b, name + "5x5", five, {.out = m.five, .kernel = 5});
  Value pool = b.max_pool(name + "pool", x, {.kernel = 3, .stride = 1, .pad = 1});
  pool = conv(b, name + "pool_proj", pool, {.out = m.pool, .kernel = 1});
  return b.concat(name + "output", {one, three, five, pool});
}

}  // namespace

void googlenet(Builder& b) {
  constexpr std::array modules{
      Inception{"3a", 64, 96, 128, 16, 32, 32, false},     Inception{"3b", 128, 128, 192, 32, 96, 64, true},
      Inception{"4a", 192, 96, 208, 16, 48, 64, false},    Inception{"4b", 160, 112, 224, 24, 64, 64, false},
      Inception{"4c", 128, 128, 256, 24, 64, 64, false},   Inception{"4d", 112, 144, 288, 32, 64, 64, false},
      Inception{"4e", 256, 160, 320, 32, 128, 128, true},  Inception{"5a", 256, 160, 320, 32, 128, 128, false},
      Inception{"5b", 384, 192, 384, 48, 128, 128, false},
  };
  Value x = b.input("input", {1, 3, 224, 224});
  x = conv(b, "conv1/7x7_s2", x, {.out = 64, .kernel = 7, .stride = 2, .variance = variance_before_lrn});
  x = b.max_pool("pool1/3x3_s2", x, halving);
  x = lrn(b, "pool1/norm1", x);
  x = conv(b, "conv2/3x3_reduce", x, {.out = 64, .kernel = 1});
  x = conv(b, "conv2/3x3", x, {.out = 192, .variance = variance_before_lrn});
  x = lrn(b, "conv2/norm2", x);
  x = b.max_pool("pool2/3x3_s2", x, halving);
  for (const Inception& module : modules) {
    x = inception(b, module, x);
    if (module.halve) x = b.max_pool(std::string("pool") + (module.name[0] == '3' ? "3" : "4") + "/3x3_s2", x, halving);
  }
  x = b.flatten("flatten", b.global_average_pool("pool5/7x7_s1", x));
  b.output("output", b.gemm("loss3/classifier", x, 1000));
}

}  // namespace dse::zoo
