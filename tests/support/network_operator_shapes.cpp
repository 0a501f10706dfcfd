#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "tests/support/network_operators.hpp"
#include "tests/support/spec_attributes.hpp"

namespace dse::test {
namespace {

using Result = std::optional<Shape>;
using Infer = std::function<Result(const SpecNode&, const std::vector<Shape>&)>;

Result broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1, right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1) return {};
    result[result.size() - 1 - i] = std::max(left, right);
  }
  return result;
}

Result broadcast_all(const SpecNode&, const std::vector<Shape>& in) {
  Result result = in[0];
  for (std::size_t i = 1; i < in.size() && result; ++i) result = broadcast(*result, in[i]);
  return result;
}

Result same(const SpecNode&, const std::vector<Shape>& in) { return in[0]; }

Result of_rank(const std::vector<Shape>& in, std::size_t least, std::size_t most) {
  return in[0].size() >= least && in[0].size() <= most ? Result(in[0]) : Result();
}

bool spatial(const Shape& shape) { return shape.size() == 3 || shape.size() == 4; }

std::optional<std::size_t> axis_of(const SpecNode& node, const Shape& shape, std::int64_t plain = 1) {
  const std::int64_t axis = number(node, "axis", plain);
  if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size())) return {};
  return static_cast<std::size_t>(axis);
}

// The channels and extents of a window's result.
Result window(const SpecNode& node, const Shape& in, std::int64_t channels) {
  const std::size_t rank = spatial_rank(in);
  const Numbers kernel = numbers(node, "kernel", rank, 1), strides = numbers(node, "strides", rank, 1),
                dilations = numbers(node, "dilations", rank, 1), pads = numbers(node, "pads", 2 * rank, 0);
  if (!spatial(in) || kernel.size() != rank || strides.size() != rank || dilations.size() != rank ||
      pads.size() != 2 * rank)
    return {};
  Shape result{in[0], channels};
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t extent = in[i + 2], reach = (kernel[i] - 1) * dilations[i] + 1;
    const std::int64_t auto_pad = number(node, "auto_pad");
    if (auto_pad == 1 || auto_pad == 2) {
      // The engine refuses to run a convolution with dilations and a pool with negative padding, and gives other pools
      // another extent than its shape inference.
      const bool pooling = node.op.ends_with("Pool");
      if (dilations[i] != 1 || (pooling && (strides[i] > kernel[i] || number(node, "ceil_mode") != 0))) return {};
      result.push_back((extent + strides[i] - 1) / strides[i]);
      continue;
    }
    if (pads[i] >= reach || pads[i + rank] >= reach) return {};
    const std::int64_t room = extent - reach + (auto_pad == 3 ? 0 : pads[i] + pads[i + rank]);
    if (room < 0) return {};
    const bool ceiling = number(node, "ceil_mode") != 0;
    const std::int64_t out = (room + (ceiling ? strides[i] - 1 : 0)) / strides[i] + 1;
    // A window that would start in the far padding: the engine's shape inference and kernel disagree about it.
    if (ceiling && (out - 1) * strides[i] >= extent + pads[i]) return {};
    result.push_back(out);
  }
  return result;
}

Result convolution(const SpecNode& node, const std::vector<Shape>& in) {
  if (!spatial(in[0])) return {};
  const std::int64_t channels = number(node, "channels", in[0][1]), group = groups(node, in[0]);
  if (in[0][1] % group != 0 || channels % group != 0) return {};
  return window(node, in[0], channels);
}

Result transposed_convolution(const SpecNode& node, const std::vector<Shape>& in) {
  if (!spatial(in[0])) return {};
  const std::size_t rank = spatial_rank(in[0]);
  const std::int64_t channels = number(node, "channels", in[0][1]), group = groups(node, in[0]);
  if (in[0][1] % group != 0 || channels % group != 0) return {};
  const Numbers kernel = numbers(node, "kernel", rank, 1), strides = numbers(node, "strides", rank, 1),
                dilations = numbers(node, "dilations", rank, 1), pads = numbers(node, "pads", 2 * rank, 0),
                extra = numbers(node, "output_padding", rank, 0);
  if (kernel.size() != rank || strides.size() != rank || dilations.size() != rank || pads.size() != 2 * rank ||
      extra.size() != rank)
    return {};
  Shape result{in[0][0], channels};
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t reach = (kernel[i] - 1) * dilations[i] + 1;
    if (extra[i] >= strides[i] || pads[i] >= reach || pads[i + rank] >= reach) return {};
    result.push_back((in[0][i + 2] - 1) * strides[i] + reach + extra[i] - pads[i] - pads[i + rank]);
  }
  return result;
}

Result pool(const SpecNode& node, const std::vector<Shape>& in) {
  if (!spatial(in[0])) return {};
  // No window may lie in the padding: the engine compares pads with the kernel, whatever the dilations.
  const Numbers kernel = numbers(node, "kernel", spatial_rank(in[0]), 1), pads = numbers(node, "pads", 0, 0);
  for (std::size_t i = 0; i < pads.size() && !kernel.empty(); ++i)
    if (pads[i] >= kernel[i % kernel.size()]) return {};
  return window(node, in[0], in[0][1]);
}

Result global_pool(const SpecNode&, const std::vector<Shape>& in) {
  if (!spatial(in[0])) return {};
  Shape result(in[0].size(), 1);
  result[0] = in[0][0];
  result[1] = in[0][1];
  return result;
}

Result reduce(const SpecNode& node, const std::vector<Shape>& in) {
  const Numbers axes = numbers(node, "axes", 1, 1);
  Shape result;
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(i)) != axes.end();
    if (!reduced || number(node, "keepdims", 1) != 0) result.push_back(reduced ? 1 : in[0][i]);
  }
  const std::int64_t last = *std::max_element(axes.begin(), axes.end());
  return last < static_cast<std::int64_t>(in[0].size()) && result.size() >= 2 ? Result(result) : Result();
}

Result along_axis(const SpecNode& node, const std::vector<Shape>& in) {
  return axis_of(node, in[0]) ? Result(in[0]) : Result();
}

Result concat(const SpecNode& node, const std::vector<Shape>& in) {
  const auto axis = axis_of(node, in[0]);
  if (!axis) return {};
  Shape result = in[0];
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (in[i].size() != result.size()) return {};
    for (std::size_t a = 0; a < result.size(); ++a)
      if (a != *axis && in[i][a] != result[a]) return {};
    result[*axis] += in[i][*axis];
  }
  return result;
}

Result slice(const SpecNode& node, const std::vector<Shape>& in) {
  const auto axis = axis_of(node, in[0]);
  if (!axis) return {};
  Shape result = in[0];
  const std::int64_t start = number(node, "start"), end = number(node, "end", result[*axis]),
                     step = std::abs(number(node, "step", 1));
  if (start < 0 || start >= end || end > result[*axis] || step == 0) return {};
  result[*axis] = (end - start + step - 1) / step;
  return result;
}

Result pad(const SpecNode& node, const std::vector<Shape>& in) {
  const std::size_t rank = in[0].size();
  const Numbers pads = numbers(node, "pads", 2 * rank, 0);
  if (pads.size() != 2 * rank) return {};
  Shape result = in[0];
  for (std::size_t i = 0; i < rank; ++i) {
    if (number(node, "mode") == 1 && std::max(pads[i], pads[i + rank]) >= in[0][i]) return {};
    result[i] += pads[i] + pads[i + rank];
  }
  return result;
}

// Scales are in quarters. The engine interpolates over two axes of four.
Result resize(const SpecNode& node, const std::vector<Shape>& in) {
  const std::size_t rank = spatial_rank(in[0]);
  const Numbers scales = numbers(node, "scales", rank, 8);
  if (!spatial(in[0]) || scales.size() != rank || (number(node, "mode") != 0 && rank != 2)) return {};
  Shape result = in[0];
  for (std::size_t i = 0; i < rank; ++i) result[i + 2] = in[0][i + 2] * scales[i] / 4;
  return result;
}

Result depth_to_space(const SpecNode& node, const std::vector<Shape>& in) {
  const std::int64_t block = number(node, "block", 2);
  if (in[0].size() != 4 || in[0][1] % (block * block) != 0) return {};
  return Shape{in[0][0], in[0][1] / (block * block), in[0][2] * block, in[0][3] * block};
}

Result space_to_depth(const SpecNode& node, const std::vector<Shape>& in) {
  const std::int64_t block = number(node, "block", 2);
  if (in[0].size() != 4 || in[0][2] % block != 0 || in[0][3] % block != 0) return {};
  return Shape{in[0][0], in[0][1] * block * block, in[0][2] / block, in[0][3] / block};
}

Result transpose(const SpecNode& node, const std::vector<Shape>& in) {
  Numbers order = numbers(node, "perm", in[0].size(), 0);
  if (!node.attributes.contains("perm")) std::iota(order.rbegin(), order.rend(), 0);
  Numbers sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() != in[0].size()) return {};
  Shape result;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (sorted[i] != static_cast<std::int64_t>(i)) return {};
    result.push_back(in[0][static_cast<std::size_t>(order[i])]);
  }
  return result;
}

Result shuffle(const SpecNode& node, const std::vector<Shape>& in) {
  return in[0].size() == 4 && in[0][1] % number(node, "group", 1) == 0 ? Result(in[0]) : Result();
}

Result reshape(const SpecNode& node, const std::vector<Shape>& in) {
  const Numbers to = numbers(node, "shape", 0, 0);
  if (to.size() < 2 || element_count(to) != element_count(in[0])) return {};
  return to;
}

Result flatten(const SpecNode& node, const std::vector<Shape>& in) {
  const auto axis = axis_of(node, in[0]);
  if (!axis || *axis == 0) return {};
  Shape result{1, 1};
  for (std::size_t i = 0; i < in[0].size(); ++i) result[i < *axis ? 0 : 1] *= in[0][i];
  return result;
}

Result squeeze(const SpecNode& node, const std::vector<Shape>& in) {
  const auto axis = axis_of(node, in[0]);
  if (!axis || in[0].size() < 3 || in[0][*axis] != 1) return {};
  Shape result = in[0];
  result.erase(result.begin() + static_cast<std::ptrdiff_t>(*axis));
  return result;
}

Result unsqueeze(const SpecNode& node, const std::vector<Shape>& in) {
  const std::int64_t axis = number(node, "axis", 1);
  if (axis < 0 || axis > static_cast<std::int64_t>(in[0].size()) || in[0].size() > 4) return {};
  Shape result = in[0];
  result.insert(result.begin() + axis, 1);
  return result;
}

Result gemm(const SpecNode& node, const std::vector<Shape>& in) {
  if (in[0].size() != 2) return {};
  return Shape{number(node, "trans_a") != 0 ? in[0][1] : in[0][0], number(node, "channels", 4)};
}

Result matmul_right(const SpecNode& node, const std::vector<Shape>& in) {
  Shape result = in[0];
  result.back() = number(node, "channels", 4);
  return result;
}

Result matmul_left(const SpecNode& node, const std::vector<Shape>& in) {
  Shape result = in[0];
  result[result.size() - 2] = number(node, "channels", 4);
  return result;
}

Result matmul(const SpecNode&, const std::vector<Shape>& in) {
  const Shape &a = in[0], &b = in[1];
  if (a.back() != b[b.size() - 2]) return {};
  const Result batch = broadcast({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!batch) return {};
  Shape result = *batch;
  result.push_back(a[a.size() - 2]);
  result.push_back(b.back());
  return result;
}

Result gather(const SpecNode& node, const std::vector<Shape>& in) {
  const auto axis = axis_of(node, in[0]);
  const Numbers indices = numbers(node, "indices", 1, 0);
  if (!axis || *std::max_element(indices.begin(), indices.end()) >= in[0][*axis]) return {};
  Shape result = in[0];
  result[*axis] = static_cast<std::int64_t>(indices.size());
  return result;
}

Result tile(const SpecNode& node, const std::vector<Shape>& in) {
  const Numbers repeats = numbers(node, "repeats", in[0].size(), 1);
  if (repeats.size() != in[0].size()) return {};
  Shape result = in[0];
  for (std::size_t i = 0; i < result.size(); ++i) result[i] *= repeats[i];
  return result;
}

Result expand(const SpecNode& node, const std::vector<Shape>& in) {
  const auto axis = axis_of(node, in[0]);
  if (!axis || in[0][*axis] != 1) return {};
  Shape result = in[0];
  result[*axis] = number(node, "to", 3);
  return result;
}

std::optional<std::vector<Shape>> split(const SpecNode& node, const Shape& in) {
  const auto axis = axis_of(node, in);
  if (!axis) return {};
  const Numbers sizes = numbers(node, "sizes", 1, in[*axis]);
  if (std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) != in[*axis]) return {};
  std::vector<Shape> results;
  for (const std::int64_t size : sizes) {
    results.push_back(in);
    results.back()[*axis] = size;
  }
  return results;
}

const std::map<std::string, Infer, std::less<>>& shape_rules() {
  static const Infer rank_2_to_4 = [](const auto&, const auto& in) { return of_rank(in, 2, 4); };
  static const Infer rank_3_or_4 = [](const auto&, const auto& in) { return of_rank(in, 3, 4); };
  static const Infer rank_4 = [](const auto&, const auto& in) { return of_rank(in, 4, 4); };
  static const std::map<std::string, Infer, std::less<>> rules{
      {"Conv", convolution},
      {"QuantisedConv", convolution},
      {"ConvTranspose", transposed_convolution},
      {"MaxPool", pool},
      {"AveragePool", pool},
      {"LpPool", pool},
      {"GlobalAveragePool", global_pool},
      {"GlobalMaxPool", global_pool},
      {"ReduceMean", reduce},
      {"ReduceMax", reduce},
      {"BatchNormalization", rank_2_to_4},
      {"InstanceNormalization", rank_3_or_4},
      {"LRN", rank_4},
      {"LayerNormalization", along_axis},
      {"LpNormalization", along_axis},
      {"Softmax", along_axis},
      {"LogSoftmax", along_axis},
      {"Concat", concat},
      {"Slice", slice},
      {"Pad", pad},
      {"Resize", resize},
      {"DepthToSpace", depth_to_space},
      {"SpaceToDepth", space_to_depth},
      {"Transpose", transpose},
      {"ChannelsLast", rank_4},
      {"ChannelShuffle", shuffle},
      {"SqueezeExcite", rank_4},
      {"Reshape", reshape},
      {"Flatten", flatten},
      {"Squeeze", squeeze},
      {"Unsqueeze", unsqueeze},
      {"Gemm", gemm},
      {"MatMulRight", matmul_right},
      {"MatMulLeft", matmul_left},
      {"MatMul", matmul},
      {"SelfAttention", rank_3_or_4},
      {"Gather", gather},
      {"Tile", tile},
      {"Expand", expand},
  };
  return rules;
}

}  // namespace

std::optional<std::vector<Shape>> result_shapes(const SpecNode& node, const std::vector<Shape>& inputs) {
  static const std::set<std::string> of_two{"Add", "Sub", "Mul", "MatMul", "MaskedWhere"};
  if (node.inputs.empty() || (of_two.contains(node.op) && inputs.size() != 2)) return {};
  if (node.op == "Split") return split(node, inputs[0]);
  const auto rule = shape_rules().find(node.op);
  const Result result = rule != shape_rules().end() ? rule->second(node, inputs)
                        : inputs.size() == 1        ? same(node, inputs)
                                                    : broadcast_all(node, inputs);
  if (!result || std::any_of(result->begin(), result->end(), [](std::int64_t extent) { return extent < 1; })) return {};
  return std::vector<Shape>{*result};
}

std::optional<Exactness> exactness(const SpecNode& node, const std::vector<Exactness>& inputs) {
  static const std::set<std::string> movers{
      "Relu",    "Neg",      "Abs",          "Identity",      "Dropout",   "Clip",           "Max",
      "Min",     "CastPair", "MaxPool",      "GlobalMaxPool", "ReduceMax", "Concat",         "Split",
      "Slice",   "Pad",      "DepthToSpace", "SpaceToDepth",  "Transpose", "ChannelShuffle", "Reshape",
      "Flatten", "Squeeze",  "Unsqueeze",    "Gather",        "Tile",      "Expand",         "MaskedWhere"};
  const auto all = [&](bool Exactness::*is) {
    return std::all_of(inputs.begin(), inputs.end(), [&](const Exactness& input) { return input.*is; });
  };
  const bool rounded = std::any_of(inputs.begin(), inputs.end(), [](const Exactness& input) { return input.rounded; });
  const Exactness quantised{true, true, true};
  if (node.op == "Quantise") return all(&Exactness::same_bits) && !rounded ? std::optional(quantised) : std::nullopt;
  if (node.op == "QuantisedConv") return all(&Exactness::on_grid) ? std::optional(quantised) : std::nullopt;
  if (!movers.contains(node.op) && (node.op != "Resize" || number(node, "mode") != 0)) return Exactness{};
  const bool adds_values = node.op == "Pad" || node.op == "Clip";
  return Exactness{all(&Exactness::same_bits), rounded, all(&Exactness::on_grid) && !adds_values};
}

}  // namespace dse::test
