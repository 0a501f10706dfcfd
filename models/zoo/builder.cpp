#include "models/zoo/builder.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace dse::zoo {
namespace {

using Ints = std::vector<std::int64_t>;

[[noreturn]] void wrong(const std::string& name, const std::string& message) {
  throw Error(ExitCode::internal, "ZOO-GRAPH", "zoo node '" + name + "' " + message);
}

void require(bool condition, const std::string& name, const char* message) {
  if (!condition) wrong(name, message);
}

Moments scaled(const Moments& moments, double factor) {
  return {moments.variance * factor, moments.mean_square * factor};
}

// Behind max(x, 0): without a mean 1/2 - 1/(2 pi) of a Gaussian's variance is left and 1/(2 pi) becomes the mean; the
// further the mean lies above zero (a residual sum's does), the less changes. Within 5 % of the exact variance.
Moments rectified(const Moments& moments) {
  const double lift = 1.5 * moments.mean_square / moments.variance;
  return {moments.variance * (0.341 + lift) / (1 + lift), moments.mean_square + 0.159 * moments.variance};
}

constexpr std::int64_t fewest_centred = 16;  // a shorter filter (a depthwise one) would lose too much of what it reads

// Weights that give an output of this variance. `fan_in` consecutive elements make an output.
Distribution filter(const Moments& input, std::int64_t fan_in, double variance) {
  const bool centred = fan_in >= fewest_centred;
  const double passed = centred ? input.variance : input.power();
  return {Distribution::Kind::normal, 0, std::sqrt(variance / (static_cast<double>(fan_in) * passed)),
          centred ? fan_in : 0};
}

Distribution normal(double centre, double deviation) { return {Distribution::Kind::normal, centre, deviation, 0}; }

constexpr double bias_share =
    0.15;  // deviation of biases and running means, relative to that of what they are added to

}  // namespace

Value Builder::append(const std::string& op_type, const std::string& name, std::vector<std::string> inputs,
                      std::vector<Attribute> attributes, Shape shape, Moments moments) {
  require(names_.insert(name).second, name, "is named twice");
  require(std::all_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent > 0; }), name,
          "has an empty output");
  nodes_.push_back({op_type, name, std::move(inputs), name + "_output", std::move(attributes)});
  return {nodes_.back().output, std::move(shape), moments};
}

Value Builder::input(const std::string& name, const Shape& shape) {
  return inputs_.emplace_back(Value{name, shape, Moments{}});
}

std::string Builder::weight(const std::string& name, const Shape& shape, const Distribution& distribution) {
  require(names_.insert(name).second, name, "is named twice");
  return initializers_.emplace_back(Initializer{name, shape, distribution}).name;
}

std::string Builder::constant(const std::string& name, const Shape& shape, std::vector<std::int64_t> values) {
  if (names_.insert(name).second) initializers_.push_back({name, shape, std::move(values)});
  return name;
}

std::string Builder::constant(const std::string& name, const Shape& shape, std::vector<float> values) {
  if (names_.insert(name).second) initializers_.push_back({name, shape, std::move(values)});
  return name;
}

Value Builder::conv(const std::string& name, const Value& x, const ConvOptions& options) {
  require(x.shape.size() == 4 && x.shape[1] % options.groups == 0 && options.out % options.groups == 0, name,
          "does not divide its channels into groups");
  const std::int64_t k = options.kernel;
  const std::int64_t pad = options.pad < 0 ? (k - 1) / 2 : options.pad;
  const std::int64_t in = x.shape[1] / options.groups;
  const auto extent = [&](std::int64_t size) { return (size + 2 * pad - k) / options.stride + 1; };
  std::vector<std::string> inputs{
      x.name, weight(name + ".weight", {options.out, in, k, k}, filter(x.moments, in * k * k, options.variance))};
  if (options.bias)
    inputs.push_back(weight(name + ".bias", {options.out}, normal(0, bias_share * std::sqrt(options.variance))));
  return append("Conv", name, std::move(inputs),
                {{"dilations", Ints{1, 1}},
                 {"group", options.groups},
                 {"kernel_shape", Ints{k, k}},
                 {"pads", Ints{pad, pad, pad, pad}},
                 {"strides", Ints{options.stride, options.stride}}},
                {x.shape[0], options.out, extent(x.shape[2]), extent(x.shape[3])}, {options.variance, 0});
}

Value Builder::conv_transpose(const std::string& name, const Value& x, std::int64_t out) {
  require(x.shape.size() == 4, name, "needs an NCHW input");
  // kernel and stride are equal, so each output element reads one input element of every channel
  std::vector<std::string> inputs{x.name,
                                  weight(name + ".weight", {x.shape[1], out, 2, 2}, filter(x.moments, x.shape[1], 1)),
                                  weight(name + ".bias", {out}, normal(0, bias_share))};
  return append("ConvTranspose", name, std::move(inputs),
                {{"dilations", Ints{1, 1}},
                 {"group", std::int64_t{1}},
                 {"kernel_shape", Ints{2, 2}},
                 {"pads", Ints{0, 0, 0, 0}},
                 {"strides", Ints{2, 2}}},
                {x.shape[0], out, 2 * x.shape[2], 2 * x.shape[3]}, Moments{});
}

Value Builder::batch_norm(const std::string& name, const Value& x, double scale) {
  const Shape channels{x.shape.at(1)};
  const double variance = x.moments.variance;
  const auto uniform = [](double centre) {
    return Distribution{Distribution::Kind::uniform, centre, 0.25 * centre, 0};
  };
  std::vector<std::string> inputs{x.name, weight(name + ".weight", channels, uniform(scale)),
                                  weight(name + ".bias", channels, normal(0, bias_share * scale)),
                                  weight(name + ".running_mean", channels,
                                         normal(std::sqrt(x.moments.mean_square), bias_share * std::sqrt(variance))),
                                  weight(name + ".running_var", channels, uniform(variance))};
  // E[multiplier^2] * E[1 / variance] is 1.043 for the ranges above; bias and mean add their share
  const double gain = 1.043 * (1 + bias_share * bias_share) + bias_share * bias_share;
  return append("BatchNormalization", name, std::move(inputs), {{"epsilon", 1e-5F}, {"momentum", 0.9F}}, x.shape,
                {gain * scale * scale, 0});
}

Value Builder::relu(const std::string& name, const Value& x) {
  return append("Relu", name, {x.name}, {}, x.shape, rectified(x.moments));
}

Value Builder::leaky_relu(const std::string& name, const Value& x, float slope) {
  // x = max(x, 0) - slope * max(-x, 0); the two halves of a Gaussian have covariance -1/(2 pi)
  const double a = static_cast<double>(slope), v = x.moments.variance;
  const Moments moments{v * (0.341 * (1 + a * a) + 0.318 * a), x.moments.mean_square + v * 0.159 * (1 - a) * (1 - a)};
  return append("LeakyRelu", name, {x.name}, {{"alpha", slope}}, x.shape, moments);
}

Value Builder::relu6(const std::string& name, const Value& x) {
  const std::string low = constant("relu6.min", {}, std::vector<float>{0.0F});
  const std::string high = constant("relu6.max", {}, std::vector<float>{6.0F});
  return append("Clip", name, {x.name, low, high}, {}, x.shape, rectified(x.moments));
}

Value Builder::lrn(const std::string& name, const Value& x, std::int64_t size, float alpha, float beta, float bias) {
  const double divisor = static_cast<double>(bias) + static_cast<double>(alpha) * x.moments.power();
  return append("LRN", name, {x.name}, {{"alpha", alpha}, {"beta", beta}, {"bias", bias}, {"size", size}}, x.shape,
                scaled(x.moments, 1 / (divisor * std::sqrt(divisor))));  // (divisor^beta)^2 at the usual beta of 3/4
}

Value Builder::add(const std::string& name, const Value& a, const Value& b) {
  require(a.shape == b.shape, name, "adds different shapes");
  const double mean = std::sqrt(a.moments.mean_square) + std::sqrt(b.moments.mean_square);
  return append("Add", name, {a.name, b.name}, {}, a.shape, {a.moments.variance + b.moments.variance, mean * mean});
}

Value Builder::concat(const std::string& name, const std::vector<Value>& parts) {
  require(!parts.empty(), name, "joins nothing");
  Shape shape = parts.front().shape;
  shape.at(1) = 0;
  Moments sum{0, 0};
  std::vector<std::string> inputs;
  for (const Value& part : parts) {
    const auto channels = static_cast<double>(part.shape.at(1));
    shape[1] += part.shape[1];
    require(part.shape[0] == shape[0] && part.shape[2] == shape[2] && part.shape[3] == shape[3], name,
            "joins different extents");
    sum.variance += channels * part.moments.variance;
    sum.mean_square += channels * part.moments.mean_square;
    inputs.push_back(part.name);
  }
  const auto channels = static_cast<double>(shape[1]);
  return append("Concat", name, std::move(inputs), {{"axis", std::int64_t{1}}}, std::move(shape),
                scaled(sum, 1 / channels));
}

Value Builder::pool(const std::string& op_type, const std::string& name, const Value& x, const PoolOptions& options,
                    Moments moments) {
  require(x.shape.size() == 4, name, "needs an NCHW input");
  const auto extent = [&](std::int64_t size) {
    const std::int64_t span = size + 2 * options.pad - options.kernel;
    return (options.ceil ? (span + options.stride - 1) : span) / options.stride + 1;
  };
  std::vector<Attribute> attributes{{"ceil_mode", std::int64_t{options.ceil}},
                                    {"kernel_shape", Ints{options.kernel, options.kernel}},
                                    {"pads", Ints(4, options.pad)},
                                    {"strides", Ints{options.stride, options.stride}}};
  return append(op_type, name, {x.name}, std::move(attributes),
                {x.shape[0], x.shape[1], extent(x.shape[2]), extent(x.shape[3])}, moments);
}

Value Builder::max_pool(const std::string& name, const Value& x, const PoolOptions& options) {
  // The largest of k x k neighbours: its second moment grows about as k for correlated activations, nearly all of it in
  // the mean.
  const double variance = 1.2 * x.moments.variance;
  return pool("MaxPool", name, x, options,
              {variance, static_cast<double>(options.kernel) * x.moments.power() - variance});
}

Value Builder::average_pool(const std::string& name, const Value& x, const PoolOptions& options) {
  return pool("AveragePool", name, x, options, {x.moments.variance * 0.35, x.moments.mean_square});
}

Value Builder::global_average_pool(const std::string& name, const Value& x) {
  return append("GlobalAveragePool", name, {x.name}, {}, {x.shape.at(0), x.shape.at(1), 1, 1},
                {x.moments.variance * 0.1, x.moments.mean_square});
}

Value Builder::slice_channels(const std::string& name, const Value& x, std::int64_t first, std::int64_t last) {
  require(0 <= first && first < last && last <= x.shape.at(1), name, "takes channels that are not there");
  const std::string starts = constant(name + ".starts", {1}, Ints{first});
  const std::string ends = constant(name + ".ends", {1}, Ints{last});
  const std::string axes = constant(name + ".axes", {1}, Ints{1});
  return append("Slice", name, {x.name, starts, ends, axes}, {}, {x.shape[0], last - first, x.shape[2], x.shape[3]},
                x.moments);
}

Value Builder::upsample(const std::string& name, const Value& x) {
  const std::string scales = constant(name + ".scales", {4}, std::vector<float>{1, 1, 2, 2});
  std::vector<Attribute> attributes{{"coordinate_transformation_mode", std::string("asymmetric")},
                                    {"mode", std::string("nearest")},
                                    {"nearest_mode", std::string("floor")}};
  return append("Resize", name, {x.name, "", scales}, std::move(attributes),
                {x.shape.at(0), x.shape.at(1), 2 * x.shape.at(2), 2 * x.shape.at(3)}, x.moments);
}

Value Builder::flatten(const std::string& name, const Value& x) {
  return append("Flatten", name, {x.name}, {{"axis", std::int64_t{1}}},
                {x.shape.at(0), TensorType{DataType::float32, x.shape}.elements() / x.shape.at(0)}, x.moments);
}

Value Builder::gemm(const std::string& name, const Value& x, std::int64_t out, double lift) {
  require(x.shape.size() == 2, name, "needs a flat input");
  std::vector<std::string> inputs{x.name, weight(name + ".weight", {out, x.shape[1]}, filter(x.moments, x.shape[1], 1)),
                                  weight(name + ".bias", {out}, normal(lift, bias_share))};
  return append("Gemm", name, std::move(inputs), {{"alpha", 1.0F}, {"beta", 1.0F}, {"transB", std::int64_t{1}}},
                {x.shape[0], out}, {1, lift * lift});
}

void Builder::output(const std::string& name, const Value& x) {
  for (Node& node : nodes_) {
    if (node.output == x.name) node.output = name;
    std::replace(node.inputs.begin(), node.inputs.end(), x.name, name);
  }
  outputs_.push_back({name, x.shape, x.moments});
}

}  // namespace dse::zoo
