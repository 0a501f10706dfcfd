#include "tests/support/network_operators.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/support/spec_attributes.hpp"

namespace dse::test {
namespace {

using Names = std::vector<std::string>;

std::int64_t product(Numbers::const_iterator first, Numbers::const_iterator last) {
  return std::accumulate(first, last, std::int64_t{1}, std::multiplies<>());
}

class Emission {
 public:
  Emission(OnnxBuild& build, const SpecNode& node, const std::vector<Shape>& shapes, const Names& inputs,
           const Names& results)
      : build_(build),
        node_(node),
        shape_(shapes[0]),
        shapes_(shapes),
        inputs_(inputs),
        results_(results),
        in_(inputs[0]),
        out_(results[0]) {}

  void run() {
    const std::string& op = node_.op;
    if (op == "Conv")
      convolution(false);
    else if (op == "ConvTranspose")
      convolution(true);
    else if (op == "QuantisedConv")
      quantised_convolution();
    else if (op == "Quantise")
      rounded(in_, out_, "q", number(node_, "exponent", 5));
    else if (op == "MaxPool" || op == "AveragePool" || op == "LpPool")
      pool();
    else if (op == "ReduceMean" || op == "ReduceMax")
      reduce();
    else if (op == "BatchNormalization" || op == "InstanceNormalization" || op == "LayerNormalization")
      normalisation();
    else if (op == "LRN")
      lrn();
    else if (op == "Clip")
      plain({in_, scalar("lo", -0.4F), scalar("hi", 0.5F)});
    else if (op == "Square")
      build_.node("Pow", {in_, scalar("power", 2)}, {out_}, node_.name);
    else if (op.ends_with("Const"))
      build_.node(op.substr(0, op.size() - 5), {in_, constant()}, {out_}, node_.name);
    else if (op == "PRelu")
      plain({in_, constant()});
    else if (op == "MaskedWhere")
      build_.node("Where", {mask(), in_, inputs_.back()}, {out_}, node_.name);
    else if (op == "CastPair")
      cast_pair();
    else if (op == "Swish")
      swish();
    else if (op == "Split")
      split();
    else if (op == "Slice")
      slice();
    else if (op == "Pad")
      pad();
    else if (op == "Resize")
      resize();
    else if (op == "DepthToSpace" || op == "SpaceToDepth")
      blocks();
    else if (op == "Transpose")
      transpose(in_, out_, permutation(), node_.name);
    else if (op == "ChannelsLast")
      channels_last();
    else if (op == "ChannelShuffle")
      shuffle();
    else if (op == "SqueezeExcite")
      squeeze_excite();
    else if (op == "Reshape")
      plain({in_, indices("shape", numbers(node_, "shape", 0, 0))});
    else if (op == "Squeeze" || op == "Unsqueeze")
      plain({in_, indices("axes", {number(node_, "axis", 1)})});
    else if (op == "Tile")
      plain({in_, indices("repeats", numbers(node_, "repeats", shape_.size(), 1))});
    else if (op == "Expand")
      expand();
    else if (op == "Gather")
      with_axis(plain({in_, indices("indices", numbers(node_, "indices", 1, 0))}));
    else if (op == "Gemm")
      gemm();
    else if (op == "MatMulRight")
      build_.node("MatMul", {in_, weight("w", {shape_.back(), number(node_, "channels", 4)}, shape_.back())}, {out_},
                  node_.name);
    else if (op == "MatMulLeft")
      matmul_left();
    else if (op == "SelfAttention")
      self_attention();
    else if (op == "Concat" || op == "Flatten" || op == "Softmax" || op == "LogSoftmax" || op == "LpNormalization")
      with_axis(plain(inputs_));
    else
      plain(inputs_);
  }

 private:
  std::string part(const std::string& suffix) const { return node_.name + "." + suffix; }
  onnx::NodeProto& plain(const Names& inputs) { return build_.node(node_.op, inputs, results_, node_.name); }
  void with_axis(onnx::NodeProto& node) const { OnnxBuild::integer(node, "axis", number(node_, "axis", 1)); }
  std::size_t rank() const { return spatial_rank(shape_); }

  // ---- constants

  // Of deviation 1.1 / √terms: a sum of that many keeps its size.
  std::string weight(const std::string& suffix, const Shape& shape, std::int64_t terms) {
    build_.weight(part(suffix), shape, 1.9F / std::sqrt(static_cast<float>(terms)));
    return part(suffix);
  }
  std::string noise(const std::string& suffix, const Shape& shape, float scale, float centre = 0) {
    build_.weight(part(suffix), shape, scale);
    onnx::TensorProto& tensor = *build_.graph().mutable_initializer(build_.graph().initializer_size() - 1);
    for (float& value : *tensor.mutable_float_data()) value += centre;
    return part(suffix);
  }
  std::string scalar(const std::string& suffix, float value) { return noise(suffix, {}, 0, value); }
  std::string indices(const std::string& suffix, const Numbers& values) {
    build_.values(part(suffix), values);
    return part(suffix);
  }
  std::string integers(const std::string& suffix, const Shape& shape, DataType type, std::int64_t lowest,
                       std::int64_t highest) {
    onnx::TensorProto& tensor = *build_.graph().add_initializer();
    tensor.set_name(part(suffix));
    tensor.set_data_type(static_cast<int>(type));
    for (const std::int64_t extent : shape) tensor.add_dims(extent);
    for (std::int64_t i = 0; i < element_count(shape).value_or(0); ++i) {
      state_ = state_ * 1664525U + 1013904223U;
      tensor.add_int32_data(static_cast<std::int32_t>(lowest + (state_ >> 8) % (highest - lowest + 1)));
    }
    return part(suffix);
  }
  // How a second operand broadcasts: a scalar, a channel's, a batch element's, a column's, a row's, or every element's.
  Shape operand_shape() const {
    const std::int64_t kind = number(node_, "kind");
    Shape shape(shape_.size(), 1);
    if (kind == 0) return {};
    if (kind == 1) shape[1] = shape_[1];
    if (kind == 2) shape = shape_;
    if (kind == 2) shape[0] = 1;
    if (kind == 3) return {shape_.back()};
    if (kind == 4) return {shape_[shape_.size() - 2], 1};
    return kind == 5 ? shape_ : shape;
  }
  std::string constant() {
    const bool scaling = node_.op == "MulConst" || node_.op == "DivConst";
    return noise("c", operand_shape(), 0.4F, scaling ? 1.0F : 0.1F);
  }
  std::string mask() {
    const Shape shape = result_shapes(node_, shapes_)->front();
    return integers("mask", {shape.end() - 2, shape.end()}, DataType::boolean, 0, 1);
  }

  // ---- windows

  void window(onnx::NodeProto& node) const {
    OnnxBuild::ints(node, "kernel_shape", numbers(node_, "kernel", rank(), 1));
    OnnxBuild::ints(node, "strides", numbers(node_, "strides", rank(), 1));
    if (node_.attributes.contains("dilations"))
      OnnxBuild::ints(node, "dilations", numbers(node_, "dilations", rank(), 1));
    static constexpr const char* same[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const std::int64_t auto_pad = number(node_, "auto_pad");
    if (auto_pad != 0)
      OnnxBuild::text(node, "auto_pad", same[auto_pad]);
    else
      OnnxBuild::ints(node, "pads", numbers(node_, "pads", 2 * rank(), 0));
  }
  Shape filter(bool transposed) const {
    const std::int64_t channels = number(node_, "channels", shape_[1]), group = groups(node_, shape_);
    Shape shape = transposed ? Shape{shape_[1], channels / group} : Shape{channels, shape_[1] / group};
    const Numbers kernel = numbers(node_, "kernel", rank(), 1);
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    return shape;
  }
  void convolution(bool transposed) {
    const Shape shape = filter(transposed);
    const std::int64_t terms = shape_[1] / groups(node_, shape_) * product(shape.begin() + 2, shape.end());
    Names inputs{in_, weight("w", shape, terms)};
    if (number(node_, "bias", 1) != 0) inputs.push_back(noise("b", {number(node_, "channels", shape_[1])}, 0.3F));
    onnx::NodeProto& made = plain(inputs);
    window(made);
    OnnxBuild::integer(made, "group", groups(node_, shape_));
    if (node_.attributes.contains("output_padding"))
      OnnxBuild::ints(made, "output_padding", numbers(node_, "output_padding", rank(), 0));
  }
  void pool() {
    onnx::NodeProto& made = plain(inputs_);
    window(made);
    if (number(node_, "ceil_mode") != 0) OnnxBuild::integer(made, "ceil_mode", 1);
    if (number(node_, "count_include_pad") != 0) OnnxBuild::integer(made, "count_include_pad", 1);
  }
  void reduce() {
    onnx::NodeProto& made = plain(inputs_);
    OnnxBuild::ints(made, "axes", numbers(node_, "axes", 1, 1));
    OnnxBuild::integer(made, "keepdims", number(node_, "keepdims", 1));
  }

  // ---- quantisation: scales are powers of two, weights small, so that every sum is exact

  // Rounds to multiples of 2^-exponent within eight bits.
  void rounded(const std::string& in, const std::string& out, const std::string& suffix, std::int64_t exponent) {
    const bool is_signed = number(node_, "signed") != 0;
    const DataType type = is_signed ? DataType::int8 : DataType::uint8;
    const std::int64_t zero = number(node_, "zero") + (is_signed ? 0 : 128);
    const Names parameters{scalar(suffix + ".scale", std::ldexp(1.0F, static_cast<int>(-exponent))),
                           integers(suffix + ".zero", {}, type, zero, zero)};
    build_.node("QuantizeLinear", {in, parameters[0], parameters[1]}, {part(suffix)}, part(suffix));
    build_.node("DequantizeLinear", {part(suffix), parameters[0], parameters[1]}, {out}, part(suffix + ".back"));
  }
  void quantised_convolution() {
    const Shape shape = filter(false);
    integers("w", shape, DataType::int8, -7, 7);
    integers("w.zero", {}, DataType::int8, 0, 0);
    build_.node("DequantizeLinear", {part("w"), scalar("w.scale", 0.0625F), part("w.zero")}, {part("w.real")},
                part("w.back"));
    onnx::NodeProto& made = build_.node("Conv", {in_, part("w.real")}, {part("sum")}, node_.name);
    window(made);
    OnnxBuild::integer(made, "group", groups(node_, shape_));
    rounded(part("sum"), out_, "q", number(node_, "exponent", 5));
  }

  // ---- others

  void normalisation() {
    if (node_.op == "LayerNormalization") {
      const Shape shape{shape_.begin() + number(node_, "axis", 1), shape_.end()};
      return with_axis(plain({in_, noise("scale", shape, 0.5F, 1), noise("bias", shape, 0.3F)}));
    }
    const Shape shape{shape_[1]};
    Names inputs{in_, noise("scale", shape, 0.5F, 1), noise("bias", shape, 0.3F)};
    if (node_.op == "BatchNormalization") {
      inputs.push_back(noise("mean", shape, 0.3F));
      inputs.push_back(noise("variance", shape, 0.5F, 1));
    }
    plain(inputs);
  }
  void lrn() {
    onnx::NodeProto& made = plain(inputs_);
    OnnxBuild::integer(made, "size", number(node_, "size", 3));
    OnnxBuild::real(made, "alpha", 0.8F);
    OnnxBuild::real(made, "beta", 0.75F);
  }
  void cast_pair() {
    OnnxBuild::integer(build_.node("Cast", {in_}, {part("wide")}, node_.name), "to", onnx::TensorProto::DOUBLE);
    OnnxBuild::integer(build_.node("Cast", {part("wide")}, {out_}, part("back")), "to", onnx::TensorProto::FLOAT);
  }
  void swish() {
    build_.node("Sigmoid", {in_}, {part("gate")}, part("gate"));
    build_.node("Mul", {in_, part("gate")}, {out_}, node_.name);
  }
  void split() {
    const std::int64_t axis = number(node_, "axis", 1);
    const Numbers sizes = numbers(node_, "sizes", 1, shape_[static_cast<std::size_t>(axis)]);
    with_axis(plain({in_, indices("sizes", sizes)}));
  }
  void slice() {
    const std::int64_t axis = number(node_, "axis", 1), extent = shape_[static_cast<std::size_t>(axis)];
    const std::int64_t start = number(node_, "start"), end = number(node_, "end", extent),
                       step = number(node_, "step", 1);
    // Backwards, the one before the first element has no index that does not wrap.
    const std::int64_t before = start == 0 ? -extent - 1 : start - 1;
    plain({in_, indices("starts", {step > 0 ? start : end - 1}), indices("ends", {step > 0 ? end : before}),
           indices("axes", {axis}), indices("steps", {step})});
  }
  void pad() {
    static constexpr const char* modes[] = {"constant", "reflect", "edge"};
    Names inputs{in_, indices("pads", numbers(node_, "pads", 2 * shape_.size(), 0))};
    if (number(node_, "mode") == 0) inputs.push_back(scalar("value", 0.3F));
    OnnxBuild::text(plain(inputs), "mode", modes[number(node_, "mode")]);
  }
  void resize() {
    static constexpr const char* modes[] = {"nearest", "linear", "cubic"};
    static constexpr const char* transforms[] = {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"};
    static constexpr const char* roundings[] = {"round_prefer_floor", "floor", "ceil", "round_prefer_ceil"};
    build_.weight(part("scales"), {static_cast<std::int64_t>(shape_.size())}, 0);
    onnx::TensorProto& scales = *build_.graph().mutable_initializer(build_.graph().initializer_size() - 1);
    const Numbers quarters = numbers(node_, "scales", rank(), 8);
    for (std::size_t i = 0; i < shape_.size(); ++i)
      scales.set_float_data(static_cast<int>(i), i < 2 ? 1.0F : static_cast<float>(quarters[i - 2]) / 4);
    onnx::NodeProto& made = plain({in_, "", part("scales")});
    OnnxBuild::text(made, "mode", modes[number(node_, "mode")]);
    OnnxBuild::text(made, "coordinate_transformation_mode", transforms[number(node_, "transform")]);
    OnnxBuild::text(made, "nearest_mode", roundings[number(node_, "rounding")]);
  }
  void blocks() {
    onnx::NodeProto& made = plain(inputs_);
    OnnxBuild::integer(made, "blocksize", number(node_, "block", 2));
    if (number(node_, "crd") != 0) OnnxBuild::text(made, "mode", "CRD");
  }
  Numbers permutation() const {
    Numbers reversed(shape_.size());
    std::iota(reversed.rbegin(), reversed.rend(), 0);
    return node_.attributes.contains("perm") ? node_.attributes.at("perm") : reversed;
  }
  void transpose(const std::string& in, const std::string& out, const Numbers& order, const std::string& name) {
    OnnxBuild::ints(build_.node("Transpose", {in}, {out}, name), "perm", order);
  }
  void channels_last() {
    transpose(in_, part("last"), {0, 2, 3, 1}, part("last"));
    if (number(node_, "kind") == 0)
      build_.node("Add", {part("last"), noise("c", {shape_[1]}, 0.4F)}, {part("inner")}, node_.name);
    else
      OnnxBuild::integer(build_.node("Softmax", {part("last")}, {part("inner")}, node_.name), "axis", 3);
    transpose(part("inner"), out_, {0, 3, 1, 2}, part("first"));
  }
  void shuffle() {
    const std::int64_t group = number(node_, "group", 1);
    build_.node("Reshape", {in_, indices("apart", {shape_[0], group, shape_[1] / group, shape_[2], shape_[3]})},
                {part("groups")}, part("groups"));
    transpose(part("groups"), part("mixed"), {0, 2, 1, 3, 4}, node_.name);
    build_.node("Reshape", {part("mixed"), indices("together", shape_)}, {out_}, part("joined"));
  }
  void squeeze_excite() {
    const std::int64_t channels = shape_[1], inner = std::max<std::int64_t>(1, channels / number(node_, "ratio", 2));
    build_.node("GlobalAveragePool", {in_}, {part("pool")}, part("pool"));
    build_.node("Conv", {part("pool"), weight("w1", {inner, channels, 1, 1}, 1), noise("b1", {inner}, 0.3F)},
                {part("conv1")}, part("conv1"));
    build_.node("Relu", {part("conv1")}, {part("relu")}, part("relu"));
    build_.node("Conv", {part("relu"), weight("w2", {channels, inner, 1, 1}, inner), noise("b2", {channels}, 0.3F)},
                {part("conv2")}, part("conv2"));
    build_.node(number(node_, "kind") == 0 ? "Sigmoid" : "HardSigmoid", {part("conv2")}, {part("gate")}, part("gate"));
    build_.node("Mul", {in_, part("gate")}, {out_}, node_.name);
  }
  void expand() {
    Shape to = shape_;
    const std::int64_t axis = number(node_, "axis", 1);
    to[static_cast<std::size_t>(axis)] = number(node_, "to", 3);
    plain({in_, indices("shape", to)});
  }
  void gemm() {
    const bool flipped = number(node_, "trans_a") != 0, turned = number(node_, "trans_b") != 0;
    const std::int64_t terms = flipped ? shape_[0] : shape_[1], channels = number(node_, "channels", 4);
    Names inputs{in_, weight("w", turned ? Shape{channels, terms} : Shape{terms, channels}, terms)};
    if (number(node_, "bias", 1) != 0) inputs.push_back(noise("b", {channels}, 0.3F));
    onnx::NodeProto& made = plain(inputs);
    if (flipped) OnnxBuild::integer(made, "transA", 1);
    if (turned) OnnxBuild::integer(made, "transB", 1);
    OnnxBuild::real(made, "alpha", static_cast<float>(number(node_, "alpha", 4)) / 4);
    OnnxBuild::real(made, "beta", static_cast<float>(number(node_, "beta", 4)) / 4);
  }
  void matmul_left() {
    const std::int64_t terms = shape_[shape_.size() - 2];
    build_.node("MatMul", {weight("w", {number(node_, "channels", 4), terms}, terms), in_}, {out_}, node_.name);
  }
  void self_attention() {
    Numbers order(shape_.size());
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    transpose(in_, part("turned"), order, part("turned"));
    build_.node("MatMul", {in_, part("turned")}, {part("scores")}, part("scores"));
    OnnxBuild::integer(build_.node("Softmax", {part("scores")}, {part("weights")}, part("weights")), "axis",
                       static_cast<std::int64_t>(shape_.size()) - 1);
    build_.node("MatMul", {part("weights"), in_}, {out_}, node_.name);
  }

  OnnxBuild& build_;
  const SpecNode& node_;
  const Shape& shape_;
  const std::vector<Shape>& shapes_;
  const Names& inputs_;
  const Names& results_;
  const std::string& in_;
  const std::string& out_;
  std::uint32_t state_ = 7;
};

}  // namespace

void emit(OnnxBuild& build, const SpecNode& node, const std::vector<Shape>& shapes,
          const std::vector<std::string>& inputs, const std::vector<std::string>& results) {
  Emission(build, node, shapes, inputs, results).run();
}

}  // namespace dse::test
