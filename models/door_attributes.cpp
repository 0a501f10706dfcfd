// Attributes of windowed operators: libonnx divides by them and the engine trusts them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "models/door.hpp"

namespace dse {
namespace {

constexpr std::int64_t largest_extent = std::int64_t{1} << 30;

struct WindowedOperator {
  std::string_view op_type;
  int weight_input;  // -1: has no weights
  bool transposed;
};

constexpr std::array<WindowedOperator, 7> windowed{{{"Conv", 1, false},
                                                    {"ConvTranspose", 1, true},
                                                    {"ConvInteger", 1, false},
                                                    {"QLinearConv", 3, false},
                                                    {"MaxPool", -1, false},
                                                    {"AveragePool", -1, false},
                                                    {"LpPool", -1, false}}};

class Attributes {
 public:
  Attributes(const Draft& draft, const onnx::NodeProto& node, std::size_t index)
      : draft_(draft), node_(node), place_(at_node(draft.path, node, index)) {}

  void check(const WindowedOperator& facts) {
    rank_ = weight_rank(facts);
    const std::vector<std::int64_t> kernel = checked("kernel_shape", 1, largest_extent);
    checked("strides", 1, largest_extent);
    checked("dilations", 1, largest_extent);
    checked("output_padding", 0, largest_extent);
    checked("output_shape", 1, largest_extent);
    check_pads(facts);
    check_auto_pad();
    if (facts.weight_input < 0 && kernel.empty()) fail("has no kernel_shape, which pooling needs");
    if (facts.weight_input >= 0) check_weights(facts, kernel);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { refuse(place_, "MODEL-ATTRIBUTE", message); }

  const Constant* weight(const WindowedOperator& facts) const {
    if (facts.weight_input < 0 || node_.input_size() <= facts.weight_input) return nullptr;
    const auto found = draft_.constants.find(node_.input(facts.weight_input));
    return found == draft_.constants.end() ? nullptr : &found->second;
  }

  std::size_t weight_rank(const WindowedOperator& facts) const {
    const Constant* constant = weight(facts);
    if (constant == nullptr) return 0;
    if (constant->tensor.shape.size() < 3)
      fail(fmt::format("has weights of shape {}; output channels, input channels and a kernel are expected",
                       to_string(constant->tensor.shape)));
    return constant->tensor.shape.size() - 2;
  }

  // One value a spatial axis; the first attribute that is there fixes how many axes there are.
  std::vector<std::int64_t> checked(const char* name, std::int64_t lowest, std::int64_t highest) {
    std::vector<std::int64_t> values = ints_attribute(node_, name);
    if (values.empty()) return values;
    if (rank_ == 0) rank_ = values.size();
    if (values.size() != rank_)
      fail(fmt::format("{} has {} values; {} are expected, one a spatial axis", name, values.size(), rank_));
    for (const std::int64_t value : values)
      if (value < lowest || value > highest)
        fail(fmt::format("{} is [{}]; values from {} to {} are expected", name, fmt::join(values, ", "), lowest,
                         highest));
    return values;
  }

  void check_pads(const WindowedOperator& facts) const {
    const std::vector<std::int64_t> pads = ints_attribute(node_, "pads");
    if (pads.empty()) return;
    if (rank_ != 0 && pads.size() != 2 * rank_)
      fail(fmt::format("pads has {} values; {} are expected, a begin and an end a spatial axis", pads.size(),
                       2 * rank_));
    for (const std::int64_t pad : pads)
      if (pad < 0 || pad > largest_extent)
        fail(fmt::format("pads is [{}]; values from 0 to {} are expected", fmt::join(pads, ", "), largest_extent));
    const std::vector<std::int64_t> kernel = ints_attribute(node_, "kernel_shape");
    if (facts.weight_input >= 0 || kernel.size() * 2 != pads.size()) return;
    for (std::size_t i = 0; i < pads.size(); ++i)
      if (pads[i] >= kernel[i % kernel.size()])
        fail(fmt::format("pads is [{}], but a pooling window of {} would lie wholly in the padding",
                         fmt::join(pads, ", "), kernel[i % kernel.size()]));
  }

  void check_auto_pad() const {
    const onnx::AttributeProto* attribute = find_attribute(node_, "auto_pad");
    if (attribute == nullptr) return;
    static constexpr std::array<std::string_view, 4> known{"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    if (std::find(known.begin(), known.end(), attribute->s()) == known.end())
      fail(fmt::format("auto_pad is '{}'; allowed are NOTSET, SAME_UPPER, SAME_LOWER, VALID",
                       printable(attribute->s(), 40)));
  }

  void check_weights(const WindowedOperator& facts, const std::vector<std::int64_t>& kernel) const {
    const std::int64_t group = int_attribute(node_, "group", 1);
    if (group < 1 || group > largest_extent) fail(fmt::format("group is {}; at least 1 is expected", group));
    const Constant* constant = weight(facts);
    if (constant == nullptr) return;
    const Shape& shape = constant->tensor.shape;
    for (const std::int64_t extent : shape)
      if (extent < 1) fail(fmt::format("has weights of shape {}, which hold nothing", to_string(shape)));
    if (!kernel.empty() && !std::equal(kernel.begin(), kernel.end(), shape.begin() + 2, shape.end()))
      fail(fmt::format("kernel_shape is [{}], but its weights are {}", fmt::join(kernel, ", "), to_string(shape)));
    if (shape[0] % group != 0)
      fail(fmt::format("group {} does not divide the {} {} channels of its weights {}", group, shape[0],
                       facts.transposed ? "input" : "output", to_string(shape)));
  }

  const Draft& draft_;
  const onnx::NodeProto& node_;
  Place place_;
  std::size_t rank_ = 0;
};

}  // namespace

void check_attributes(const Draft& draft, const onnx::NodeProto& node, std::size_t index) {
  if (!is_default_domain(node.domain())) return;
  const auto* facts = std::find_if(windowed.begin(), windowed.end(),
                                   [&](const WindowedOperator& entry) { return entry.op_type == node.op_type(); });
  if (facts != windowed.end()) Attributes(draft, node, index).check(*facts);
}

}  // namespace dse
