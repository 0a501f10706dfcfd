// What the engine's own shape inference lets pass and its kernels find out only when they run, or not at all.
#include <fmt/format.h>

#include "models/door.hpp"

namespace dse {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 40;
constexpr std::int64_t most_bytes = std::int64_t{8} << 30;

class ShapeCheck {
 public:
  explicit ShapeCheck(const Draft& draft) : draft_(draft) {}

  void run() {
    for (const InputDeclaration& input : draft_.inputs) check_extents(input.name, at_tensor(draft_.path, input.name));
    for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
      node_ = &draft_.nodes[i];
      place_ = at_node(draft_.path, *node_, i);
      for (const std::string& output : node_->output())
        if (!output.empty()) check_extents(output, place_);
      if (is_default_domain(node_->domain())) check_operator();
    }
  }

 private:
  void check_extents(const std::string& name, const Place& place) const {
    const auto found = draft_.types.find(name);
    if (found == draft_.types.end() || element_size(found->second.type) == 0)
      refuse(place, "MODEL-TENSOR",
             fmt::format("'{}' is no tensor of numbers (string, sequence, map or an unknown type); those are supported",
                         printable(name)));
    const std::optional<std::int64_t> elements = element_count(found->second.shape);
    if (!elements || *elements > most_elements)
      refuse(
          place, "MODEL-SIZE",
          fmt::format("'{}' has the shape {}, beyond 2^40 elements", printable(name), to_string(found->second.shape)));
    if (found->second.bytes() > most_bytes)
      refuse(place, "MODEL-SIZE",
             fmt::format("'{}' has the shape {}, which needs more than 8 GiB", printable(name),
                         to_string(found->second.shape)));
    if (*elements == 0 && !draft_.dynamic.contains(name))
      refuse(place, "MODEL-SHAPE",
             fmt::format("'{}' has the shape {}, which holds nothing; is a kernel larger than its padded input?",
                         printable(name), to_string(found->second.shape)));
  }

  const Shape* shape(int input) const {
    if (input >= node_->input_size() || node_->input(input).empty()) return nullptr;
    const std::string& name = node_->input(input);
    const auto constant = draft_.constants.find(name);
    if (constant != draft_.constants.end()) return &constant->second.tensor.shape;
    const auto type = draft_.types.find(name);
    return type == draft_.types.end() ? nullptr : &type->second.shape;
  }

  [[noreturn]] void fail(const std::string& message) const { refuse(place_, "MODEL-SHAPE", message); }

  void check_operator() const {
    const std::string& op = node_->op_type();
    if (op == "Conv" || op == "ConvInteger") check_convolution(shape(0), shape(1), op == "Conv" ? shape(2) : nullptr);
    if (op == "QLinearConv") check_convolution(shape(0), shape(3), shape(8));
    if (op == "ConvTranspose") check_transposed();
    if (op == "BatchNormalization")
      for (int input = 1; input < 5; ++input) check_per_channel(shape(0), shape(input), "parameter");
    if (op == "PRelu" && shape(1) != nullptr && shape(0) != nullptr && shape(1)->size() > shape(0)->size())
      fail(fmt::format("has slopes of shape {} for an input of shape {}", to_string(*shape(1)), to_string(*shape(0))));
  }

  void check_convolution(const Shape* input, const Shape* weight, const Shape* bias) const {
    if (input == nullptr || weight == nullptr) return;
    const std::int64_t group = int_attribute(*node_, "group", 1);
    if (input->size() != weight->size() || input->size() < 3)
      fail(fmt::format("has an input of shape {} and weights of shape {}; equal ranks of at least 3 are expected",
                       to_string(*input), to_string(*weight)));
    if ((*weight)[1] * group != (*input)[1])
      fail(fmt::format("reads {} channels, but its weights {} in {} groups take {}", (*input)[1], to_string(*weight),
                       group, (*weight)[1] * group));
    if (bias != nullptr && (bias->size() != 1 || (*bias)[0] != (*weight)[0]))
      fail(fmt::format("has a bias of shape {}; one value for each of its {} output channels is expected",
                       to_string(*bias), (*weight)[0]));
  }

  void check_transposed() const {
    const Shape* input = shape(0);
    const Shape* weight = shape(1);
    const Shape* bias = shape(2);
    if (input == nullptr || weight == nullptr) return;
    const std::int64_t group = int_attribute(*node_, "group", 1);
    if (input->size() != weight->size() || input->size() < 3 || (*weight)[0] != (*input)[1])
      fail(fmt::format("has an input of shape {} and weights of shape {}, which do not fit", to_string(*input),
                       to_string(*weight)));
    if (bias != nullptr && (bias->size() != 1 || (*bias)[0] != (*weight)[1] * group))
      fail(fmt::format("has a bias of shape {}; one value for each of its {} output channels is expected",
                       to_string(*bias), (*weight)[1] * group));
  }

  void check_per_channel(const Shape* input, const Shape* parameter, std::string_view what) const {
    if (input == nullptr || parameter == nullptr || input->size() < 2) return;
    if (parameter->size() != 1 || (*parameter)[0] != (*input)[1])
      fail(fmt::format("has a {} of shape {}; one value for each of its {} channels is expected", what,
                       to_string(*parameter), (*input)[1]));
  }

  const Draft& draft_;
  const onnx::NodeProto* node_ = nullptr;
  Place place_;
};

}  // namespace

void check_shapes(const Draft& draft) { ShapeCheck(draft).run(); }

}  // namespace dse
