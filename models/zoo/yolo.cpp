// Wang, Bochkovskiy and Liao, "Scaled-YOLOv4: scaling cross stage partial network", 2021: YOLOv4-tiny for 80 classes,
// with its raw detection maps as outputs (decoding the boxes is the application's part).
#include "models/zoo/networks.hpp"

namespace dse::zoo {
namespace {

constexpr std::int64_t map_channels = 3 * (80 + 5);  // anchors x (classes + box and objectness)

Value conv(Builder& b, const std::string& name, const Value& x, const ConvOptions& options) {
  const Value y = b.batch_norm(name + ".bn", b.conv(name + ".conv", x, options));
  return b.leaky_relu(name + ".leaky", y, 0.1F);
}

struct Stage {
  Value route;  // what the neck reads
  Value out;
};

// A cross stage partial block: half of the channels take two more convolutions, then all are joined.
Stage partial_block(Builder& b, const std::string& name, const Value& x, std::int64_t width) {
  const Value all = conv(b, name + ".0", x, {.out = width});
  const Value half = b.slice_channels(name + ".route", all, width / 2, width);
  const Value first = conv(b, name + ".1", half, {.out = width / 2});
  const Value second = conv(b, name + ".2", first, {.out = width / 2});
  const Value merged = conv(b, name + ".3", b.concat(name + ".concat", {second, first}), {.out = width, .kernel = 1});
  return {merged, b.max_pool(name + ".pool", b.concat(name + ".concat_out", {all, merged}), {})};
}

void head(Builder& b, const std::string& name, const Value& x, std::int64_t width, const std::string& output) {
  const Value y = conv(b, name + ".0", x, {.out = width});
  b.output(output, b.conv(name + ".1", y, {.out = map_channels, .kernel = 1, .bias = true}));
}

}  // namespace

void yolov4_tiny(Builder& b) {
  Value x = b.input("input", {1, 3, 416, 416});
  x = conv(b, "backbone.stem.0", x, {.out = 32, .stride = 2});
  x = conv(b, "backbone.stem.1", x, {.out = 64, .stride = 2});
  x = partial_block(b, "backbone.csp1", x, 64).out;
  x = partial_block(b, "backbone.csp2", x, 128).out;
  const Stage deep = partial_block(b, "backbone.csp3", x, 256);
  x = conv(b, "backbone.last", deep.out, {.out = 512});
  const Value neck = conv(b, "neck.reduce", x, {.out = 256, .kernel = 1});
  head(b, "head13", neck, 512, "boxes_13");
  const Value up = b.upsample("neck.upsample", conv(b, "neck.lateral", neck, {.out = 128, .kernel = 1}));
  head(b, "head26", b.concat("neck.concat", {up, deep.route}), 256, "boxes_26");
}

}  // namespace dse::zoo
