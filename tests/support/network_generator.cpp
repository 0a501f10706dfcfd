#include "tests/support/network_generator.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/support/mappings.hpp"
#include "tests/support/network_operators.hpp"
#include "tests/support/spec_attributes.hpp"

namespace dse::test {
namespace {

constexpr std::int64_t most_elements = 9000;
constexpr std::int64_t most_extent = 48;
constexpr std::size_t most_outputs = 3;

// How often a kind of operator is drawn.
struct Kind {
  const char* op;
  std::size_t weight;
};
constexpr Kind kinds[] = {{"Conv", 24},
                          {"QuantisedConv", 3},
                          {"Quantise", 3},
                          {"ConvTranspose", 4},
                          {"MaxPool", 4},
                          {"AveragePool", 4},
                          {"LpPool", 1},
                          {"GlobalAveragePool", 1},
                          {"GlobalMaxPool", 1},
                          {"ReduceMean", 1},
                          {"ReduceMax", 1},
                          {"BatchNormalization", 3},
                          {"InstanceNormalization", 2},
                          {"LRN", 2},
                          {"LayerNormalization", 1},
                          {"LpNormalization", 1},
                          {"Relu", 4},
                          {"Unary", 5},
                          {"Binary", 9},
                          {"BinaryConst", 4},
                          {"PRelu", 2},
                          {"Clip", 2},
                          {"MaskedWhere", 1},
                          {"Concat", 7},
                          {"Split", 4},
                          {"Slice", 4},
                          {"Pad", 3},
                          {"Resize", 4},
                          {"DepthToSpace", 3},
                          {"SpaceToDepth", 3},
                          {"Transpose", 2},
                          {"ChannelsLast", 2},
                          {"ChannelShuffle", 3},
                          {"SqueezeExcite", 2},
                          {"Flatten", 1},
                          {"Gemm", 3},
                          {"MatMulRight", 2},
                          {"MatMulLeft", 1},
                          {"MatMul", 1},
                          {"SelfAttention", 1},
                          {"Softmax", 2},
                          {"LogSoftmax", 1},
                          {"Reshape", 1},
                          {"Squeeze", 1},
                          {"Unsqueeze", 1},
                          {"Gather", 2},
                          {"Tile", 1},
                          {"Expand", 1}};

constexpr const char* unaries[] = {"LeakyRelu",   "Sigmoid",   "Tanh",     "Abs",     "Neg",    "Elu",      "Softplus",
                                   "HardSigmoid", "HardSwish", "Erf",      "Selu",    "Celu",   "Softsign", "Sin",
                                   "Cos",         "Atan",      "Identity", "Dropout", "Square", "CastPair", "Swish"};
constexpr const char* binaries[] = {"Add", "Sub", "Mul", "Max", "Min", "Sum", "Mean"};
constexpr const char* constant_binaries[] = {"AddConst", "SubConst", "MulConst", "DivConst", "MaxConst", "MinConst"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed * 0x9E3779B97F4A7C15U + 1) {}

  NetworkSpec run() {
    draw_inputs();
    const std::size_t wanted = 6 + below(random_, 11);
    for (std::size_t tries = 0; spec_.nodes.size() < wanted && tries < 400; ++tries) try_node();
    choose_outputs();
    return pruned(spec_);
  }

 private:
  std::int64_t between(std::int64_t lo, std::int64_t hi) {  // both included
    return lo + static_cast<std::int64_t>(below(random_, static_cast<std::size_t>(hi - lo + 1)));
  }
  bool chance(std::size_t one_in) { return below(random_, one_in) == 0; }
  template <typename List>
  std::string one_of(const List& list) {
    return list[below(random_, std::size(list))];
  }
  Numbers each(std::size_t count, std::int64_t lo, std::int64_t hi) {
    Numbers values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(between(lo, hi));
    return values;
  }

  void add_value(const Shape& shape, const Exactness& exact) {
    shapes_.push_back(shape);
    exact_.push_back(exact);
    unread_.insert(shapes_.size() - 1);
  }

  void draw_inputs() {
    const std::int64_t batch = chance(6) ? 2 : 1;
    const std::size_t rank = chance(8) ? 1 : 2;
    const auto draw = [&] {
      Shape shape{batch, between(2, 12)};
      for (std::size_t i = 0; i < rank; ++i) shape.push_back(between(5, 20));
      return shape;
    };
    spec_.inputs.push_back(draw());
    if (chance(4)) spec_.inputs.push_back(chance(2) ? spec_.inputs.front() : draw());
    for (const Shape& shape : spec_.inputs) add_value(shape, {true, false, false});
  }

  // Values that nobody reads and recent ones come first: else the graph is wide and shallow.
  std::size_t draw_value() {
    const std::size_t count = shapes_.size();
    if (!unread_.empty() && !chance(3))
      return *std::next(unread_.begin(), static_cast<std::ptrdiff_t>(below(random_, unread_.size())));
    return count - 1 - std::min(below(random_, count), below(random_, count));
  }

  std::string draw_op() {
    static const std::size_t total = std::accumulate(std::begin(kinds), std::end(kinds), std::size_t{0},
                                                     [](std::size_t sum, const Kind& k) { return sum + k.weight; });
    std::size_t at = below(random_, total);
    for (const Kind& kind : kinds) {
      if (at < kind.weight) return kind.op;
      at -= kind.weight;
    }
    return "Relu";
  }

  void try_node() {
    SpecNode node;
    node.op = draw_op();
    if (node.op == "Unary") node.op = one_of(unaries);
    if (node.op == "BinaryConst") node.op = one_of(constant_binaries);
    const bool binary = node.op == "Binary";
    if (binary) node.op = one_of(binaries);
    node.inputs = {draw_value()};
    if (node.op == "QuantisedConv" && !exact_[node.inputs[0]].on_grid) quantise(node.inputs[0]);
    if (binary || node.op == "Concat" || node.op == "MaskedWhere" || node.op == "MatMul") add_operands(node);
    draw_attributes(node, shapes_[node.inputs[0]]);
    accept(std::move(node));
  }

  // Puts the rounding before a quantised convolution, where there may be one; the value becomes its result.
  void quantise(std::size_t& value) {
    const std::size_t before = spec_.nodes.size();
    SpecNode node{"Quantise", "", {value}, {}};
    draw_attributes(node, shapes_[value]);
    accept(std::move(node));
    if (spec_.nodes.size() > before) value = shapes_.size() - 1;
  }

  void add_operands(SpecNode& node) {
    const std::size_t most = node.op == "Concat" || node.op == "Sum" || node.op == "Mean" || node.op == "Max" ? 3 : 2;
    const std::size_t wanted = most == 3 && chance(3) ? 3 : 2;
    if (node.op == "Concat")
      node.attributes["axis"] = {chance(3) ? between(0, static_cast<std::int64_t>(shapes_[node.inputs[0]].size()) - 1)
                                           : 1};
    for (std::size_t tries = 0; node.inputs.size() < wanted && tries < 12; ++tries) {
      SpecNode tried = node;
      tried.inputs.push_back(draw_value());
      if (!chance(2) && std::find(node.inputs.begin(), node.inputs.end(), tried.inputs.back()) != node.inputs.end())
        continue;
      if (results_of(tried)) node = std::move(tried);
    }
  }

  std::optional<std::vector<Shape>> results_of(const SpecNode& node) const {
    std::vector<Shape> inputs;
    for (const std::size_t input : node.inputs) inputs.push_back(shapes_[input]);
    auto results = result_shapes(node, inputs);
    if (!results) return {};
    for (const Shape& shape : *results)
      if (element_count(shape).value_or(most_elements + 1) > most_elements ||
          *std::max_element(shape.begin(), shape.end()) > 20 * most_extent)
        return {};
    return results;
  }

  void accept(SpecNode node) {
    const auto results = results_of(node);
    if (!results) return;
    std::vector<Exactness> inputs;
    for (const std::size_t input : node.inputs) inputs.push_back(exact_[input]);
    const auto exact = exactness(node, inputs);
    if (!exact) return;
    node.name = "n" + std::to_string(spec_.nodes.size());
    for (const std::size_t input : node.inputs) unread_.erase(input);
    for (const Shape& shape : *results) add_value(shape, *exact);
    spec_.nodes.push_back(std::move(node));
  }

  // ---- attributes

  void draw_window(SpecNode& node, std::size_t rank, bool dilated) {
    auto& a = node.attributes;
    a["kernel"] = chance(3) ? Numbers(rank, chance(2) ? 1 : 3) : each(rank, 1, 5);
    if (chance(3)) a["strides"] = each(rank, 1, 3);
    if (dilated && chance(5)) a["dilations"] = each(rank, 1, 3);
    if (chance(5))
      a["auto_pad"] = {between(1, 3)};
    else if (!chance(4)) {
      Numbers& pads = a["pads"];
      const Numbers dilations = numbers(node, "dilations", rank, 1);
      for (std::size_t side = 0; side < 2; ++side)
        for (std::size_t i = 0; i < rank; ++i) {
          const std::int64_t reach = (a["kernel"][i] - 1) * dilations[i];
          pads.push_back(chance(3) ? between(0, reach) : reach / 2);
        }
    }
  }

  void draw_convolution(SpecNode& node, const Shape& in) {
    auto& a = node.attributes;
    draw_window(node, spatial_rank(in), true);
    a["channels"] = {between(2, 24)};
    if (chance(4)) {  // depthwise, with a multiplier
      a["group"] = {0};
      a["channels"] = {in[1] * between(1, 2)};
    } else if (chance(3)) {
      for (std::int64_t group = between(2, 4); group > 1; --group)
        if (in[1] % group == 0) {
          a["group"] = {group};
          a["channels"] = {group * between(1, 6)};
          break;
        }
    }
    if (chance(4)) a["bias"] = {0};
  }

  void draw_pad(SpecNode& node, const Shape& in) {
    node.attributes["mode"] = {between(0, 2)};
    Numbers pads(2 * in.size(), 0);
    for (std::size_t i = 1; i < in.size(); ++i)
      if (i > 1 || chance(3))
        for (const std::size_t side : {i, i + in.size()}) pads[side] = between(0, 2);
    node.attributes["pads"] = pads;
  }

  std::int64_t any_axis(const Shape& in, std::int64_t first = 0) {
    return between(first, static_cast<std::int64_t>(in.size()) - 1);
  }

  void draw_slice(SpecNode& node, const Shape& in) {
    const std::int64_t axis = any_axis(in), extent = in[static_cast<std::size_t>(axis)];
    const std::int64_t start = between(0, extent / 2), end = between(start + 1, extent);
    static constexpr std::int64_t steps[] = {1, 1, 2, 3, -1, -2};
    node.attributes["axis"] = {axis};
    node.attributes["start"] = {start};
    node.attributes["end"] = {end};
    node.attributes["step"] = {steps[below(random_, std::size(steps))]};
  }

  void draw_split(SpecNode& node, const Shape& in) {
    const std::int64_t axis = chance(3) ? any_axis(in) : 1;
    std::int64_t rest = in[static_cast<std::size_t>(axis)];
    Numbers sizes;
    while (rest > 0 && sizes.size() < 2) {
      sizes.push_back(between(1, std::max<std::int64_t>(1, rest - 1)));
      rest -= sizes.back();
    }
    if (rest > 0) sizes.push_back(rest);
    node.attributes["axis"] = {axis};
    node.attributes["sizes"] = sizes;
  }

  void draw_resize(SpecNode& node, const Shape& in) {
    static constexpr std::int64_t quarters[] = {8, 8, 8, 12, 4, 2, 6, 5};
    auto& a = node.attributes;
    const bool equal = chance(2);
    for (std::size_t i = 0; i < spatial_rank(in); ++i)
      a["scales"].push_back(equal && i > 0 ? a["scales"][0] : quarters[below(random_, std::size(quarters))]);
    a["mode"] = {chance(2) ? 0 : between(1, 2)};
    a["transform"] = {between(0, 3)};
    // Cubic and linear interpolation have no rounding of their own.
    if (a["mode"][0] == 0) a["rounding"] = {between(0, 3)};
  }

  void draw_reshape(SpecNode& node, const Shape& in) {
    Shape to = in;
    if (in.size() >= 4 && chance(2)) {
      to[2] *= to[3];
      to.erase(to.begin() + 3);
    } else if (in.size() == 4) {
      for (const std::int64_t group : {3, 2})
        if (to.size() == 4 && to[1] % group == 0) {
          to[1] /= group;
          to.insert(to.begin() + 1, group);
        }
    } else if (in.size() == 2) {
      to.push_back(1);
      to.push_back(1);
    } else if (in.size() == 3 && in[2] % 2 == 0) {
      to[2] /= 2;
      to.push_back(2);
    }
    node.attributes["shape"] = to;
  }

  void draw_attributes(SpecNode& node, const Shape& in) {
    const std::string& op = node.op;
    auto& a = node.attributes;
    const auto is = [&](auto... names) { return ((op == names) || ...); };
    if (is("Conv", "QuantisedConv", "ConvTranspose")) draw_convolution(node, in);
    if (is("ConvTranspose")) {
      a.erase("auto_pad");
      if (chance(3)) a["output_padding"] = each(spatial_rank(in), 0, 1);
    }
    if (is("MaxPool", "AveragePool", "LpPool")) {
      draw_window(node, spatial_rank(in), is("MaxPool"));
      if (chance(4) && !is("LpPool")) a["ceil_mode"] = {1};
      if (chance(3) && is("AveragePool")) a["count_include_pad"] = {1};
    }
    if (is("Quantise", "QuantisedConv")) {
      a["exponent"] = {between(2, 6)};
      a["signed"] = {between(0, 1)};
      a["zero"] = {between(-9, 9)};
    }
    if (is("ReduceMean", "ReduceMax")) {
      for (std::int64_t axis = 1; axis < static_cast<std::int64_t>(in.size()); ++axis)
        if (chance(2)) a["axes"].push_back(axis);
      if (a["axes"].empty()) a["axes"] = {1};
      a["keepdims"] = {between(0, 1)};
    }
    if (is("LayerNormalization", "LpNormalization", "Softmax", "LogSoftmax")) a["axis"] = {any_axis(in, 1)};
    if (is("LRN")) a["size"] = {1 + 2 * between(0, 3)};
    if (is("PRelu") || op.ends_with("Const")) a["kind"] = {between(0, 5)};
    if (is("Slice")) draw_slice(node, in);
    if (is("Split")) draw_split(node, in);
    if (is("Pad")) draw_pad(node, in);
    if (is("Resize")) draw_resize(node, in);
    if (is("Reshape")) draw_reshape(node, in);
    if (is("DepthToSpace")) a["crd"] = {between(0, 1)};
    if (is("ChannelShuffle")) a["group"] = {between(2, 4)};
    if (is("ChannelsLast", "SqueezeExcite")) a["kind"] = {between(0, 1)};
    if (is("Transpose")) {
      Numbers order(in.size());
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = order.size(); i > 2; --i) std::swap(order[i - 1], order[1 + below(random_, i - 1)]);
      a["perm"] = order;
    }
    if (is("Flatten")) a["axis"] = {chance(4) ? any_axis(in, 1) : 1};
    if (is("Squeeze", "Unsqueeze", "Expand")) a["axis"] = {any_axis(in, 1)};
    if (is("Gemm", "MatMulRight", "MatMulLeft")) a["channels"] = {between(2, 20)};
    if (is("Gemm")) {
      a["trans_b"] = {between(0, 1)};
      if (chance(4)) a["bias"] = {0};
      if (chance(4)) a["alpha"] = {3}, a["beta"] = {2};
    }
    if (is("Gather")) {
      const std::int64_t axis = any_axis(in, 1);
      a["axis"] = {axis};
      a["indices"] = each(static_cast<std::size_t>(between(1, 6)), 0, in[static_cast<std::size_t>(axis)] - 1);
    }
    if (is("Tile")) {
      a["repeats"] = Numbers(in.size(), 1);
      a["repeats"][static_cast<std::size_t>(any_axis(in, 1))] = 2;
    }
  }

  // ---- outputs

  bool made(std::size_t value) const { return value >= spec_.inputs.size(); }

  void choose_outputs() {
    for (auto value = unread_.rbegin(); value != unread_.rend() && spec_.outputs.size() < most_outputs; ++value)
      if (made(*value)) spec_.outputs.push_back(*value);
    if (spec_.outputs.size() == most_outputs || !chance(4)) return;
    const std::size_t read = below(random_, shapes_.size());  // one that is read inside too
    if (made(read) && !unread_.contains(read)) spec_.outputs.push_back(read);
  }

  Random random_;
  NetworkSpec spec_;
  std::vector<Shape> shapes_;
  std::vector<Exactness> exact_;
  std::set<std::size_t> unread_;
};

}  // namespace

NetworkSpec draw_network(std::uint64_t seed) { return Generator(seed).run(); }

}  // namespace dse::test
