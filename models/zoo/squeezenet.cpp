// Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016; version 1.1, torchvision's
// names.
#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

Value fire(Builder& b, const std::string& name, const Value& x, std::int64_t squeeze, std::int64_t expand) {
  const auto conv = [&](const std::string& part, const Value& from, std::int64_t out, std::int64_t kernel) {
    const Value y = b.conv(name + "." + part, from, {.out = out, .kernel = kernel, .bias = true});
    return b.relu(name + "." + part + "_activation", y);
  };
  const Value s = conv("squeeze", x, squeeze, 1);
  const Value narrow = conv("expand1x1", s, expand, 1);
  const Value wide = conv("expand3x3", s, expand, 3);
  return b.concat(name + ".concat", {narrow, wide});
}

}  // namespace

void squeezenet11(Builder& b) {
  const PoolOptions pool{.kernel = 3, .stride = 2, .ceil = true};
  Value x = b.input("input", {1, 3, 224, 224});
  x = b.relu("features.1", b.conv("features.0", x, {.out = 64, .stride = 2, .pad = 0, .bias = true}));
  x = b.max_pool("features.2", x, pool);
  x = fire(b, "features.3", x, 16, 64);
  x = fire(b, "features.4", x, 16, 64);
  x = b.max_pool("features.5", x, pool);
  x = fire(b, "features.6", x, 32, 128);
  x = fire(b, "features.7", x, 32, 128);
  x = b.max_pool("features.8", x, pool);
  x = fire(b, "features.9", x, 48, 192);
  x = fire(b, "features.10", x, 48, 192);
  x = fire(b, "features.11", x, 64, 256);
  x = fire(b, "features.12", x, 64, 256);
  x = b.relu("classifier.2", b.conv("classifier.1", x, {.out = 1000, .kernel = 1, .bias = true}));
  b.output("output", b.flatten("flatten", b.global_average_pool("classifier.3", x)));
}

}  // namespace dse::zoo
