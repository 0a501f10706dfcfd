#include "models/fold.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "models/shapes.hpp"

namespace dse {
namespace {

constexpr std::int64_t largest_constant = std::int64_t{512} << 20;
constexpr std::int64_t largest_sum = std::int64_t{1} << 30;

constexpr std::array<std::string_view, 7> random_operators{"RandomNormal",         "RandomNormalLike", "RandomUniform",
                                                           "RandomUniformLike",    "Multinomial",      "Bernoulli",
                                                           "DynamicQuantizeLinear"};

// The same bytes under another shape.
constexpr std::array<std::string_view, 4> optional_outputs{"Dropout", "BatchNormalization", "MaxPool",
                                                           "LayerNormalization"};

constexpr std::array<std::string_view, 5> views{"Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity"};

// Inputs whose values, not shapes, say what the output's shape is; bit i is input i.
struct ShapeInputs {
  std::string_view op_type;
  unsigned inputs;
};
constexpr std::array<ShapeInputs, 22> shape_inputs{
    {{"Reshape", 2},    {"Expand", 2},       {"Tile", 2},      {"ConstantOfShape", 1}, {"Range", 7},
     {"Slice", 30},     {"Pad", 10},         {"Resize", 14},   {"Upsample", 2},        {"TopK", 2},
     {"OneHot", 2},     {"Unsqueeze", 2},    {"Squeeze", 2},   {"Split", 2},           {"ReduceSum", 2},
     {"ReduceMean", 2}, {"ReduceMax", 2},    {"ReduceMin", 2}, {"ReduceL2", 2},        {"ReduceProd", 2},
     {"MaxUnpool", 4},  {"CenterCropPad", 2}}};

constexpr std::array<std::string_view, 6> data_dependent{"NonZero",  "NonMaxSuppression", "Unique",
                                                         "Compress", "SequenceAt",        "StringSplit"};

template <typename Table>
bool listed(const Table& table, const std::string& op_type) {
  return std::find(table.begin(), table.end(), op_type) != table.end();
}

class Folder {
 public:
  explicit Folder(Draft& draft) : draft_(draft) {}

  void run_fills() {
    remove_dead();
    for (onnx::NodeProto& node : draft_.nodes) trim_outputs(node);
    for (const onnx::NodeProto& node : draft_.nodes) folds_fill(node);
    remove_folded();
  }

  void run() {
    for (std::size_t i = 0; i < draft_.nodes.size(); ++i) visit(draft_.nodes[i]);
    evaluate_pending();
    remove_folded();
    copy_constant_outputs();
    remove_dead();
  }

 private:
  bool is_constant(const std::string& name) const { return draft_.constants.contains(name) || pending_.contains(name); }

  void visit(const onnx::NodeProto& node) {
    if (folds_shape(node) || folds_in_place(node)) return;
    if (foldable(node)) {
      for (const std::string& output : node.output())
        if (!output.empty()) pending_.insert(output);
      pending_nodes_.push_back(&node);
      return;
    }
    mark_dynamic(node);
  }

  void mark_dynamic(const onnx::NodeProto& node) {
    bool dynamic = false;
    for (const std::string& input : node.input()) dynamic = dynamic || draft_.dynamic.contains(input);
    if (!dynamic && !all_inferred(node))
      dynamic = listed(data_dependent, node.op_type()) || reads_shape_from_data(node);
    if (!dynamic) return;
    for (const std::string& output : node.output())
      if (!output.empty()) draft_.dynamic.insert(output);
  }

  bool all_inferred(const onnx::NodeProto& node) const {
    return std::all_of(node.output().begin(), node.output().end(),
                       [&](const std::string& output) { return output.empty() || draft_.inferred.contains(output); });
  }

  bool reads_shape_from_data(const onnx::NodeProto& node) const {
    const auto* facts = std::find_if(shape_inputs.begin(), shape_inputs.end(),
                                     [&](const ShapeInputs& entry) { return entry.op_type == node.op_type(); });
    if (facts == shape_inputs.end()) return false;
    for (int i = 0; i < node.input_size() && i < 8; ++i)
      if (((facts->inputs >> i) & 1u) != 0 && !node.input(i).empty() && !is_constant(node.input(i))) return true;
    return false;
  }

  // Shape and Size need no values of their input, only its shape.
  bool folds_shape(const onnx::NodeProto& node) {
    const bool size = node.op_type() == "Size";
    if (!is_default_domain(node.domain()) || (node.op_type() != "Shape" && !size) || node.input_size() != 1 ||
        node.output_size() != 1)
      return false;
    if (draft_.dynamic.contains(node.input(0))) return false;
    const Shape* whole = shape_of(node.input(0));
    if (whole == nullptr) return false;
    Shape values = *whole;
    if (size) {
      values = {TensorType{DataType::int64, *whole}.elements()};
    } else {
      const auto rank = static_cast<std::int64_t>(whole->size());
      const auto clamp = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
      const std::int64_t start = clamp(int_attribute(node, "start", 0));
      const std::int64_t end = std::max(start, clamp(int_attribute(node, "end", rank)));
      values.assign(whole->begin() + start, whole->begin() + end);
    }
    auto owner = std::make_shared<Shape>(values);
    const TensorType type{DataType::int64, size ? Shape{} : Shape{static_cast<std::int64_t>(values.size())}};
    const auto* data = reinterpret_cast<const std::byte*>(owner->data());
    keep(node.output(0), {type, std::move(owner), data});
    return true;
  }

  const Shape* shape_of(const std::string& name) const {
    const auto constant = draft_.constants.find(name);
    if (constant != draft_.constants.end()) return &constant->second.tensor.shape;
    const auto known = draft_.types.find(name);
    return known == draft_.types.end() ? nullptr : &known->second.shape;
  }

  // Folded here, without a trip to the engine: what only renames bytes or repeats one number.
  bool folds_in_place(const onnx::NodeProto& node) {
    if (!is_default_domain(node.domain()) || node.output_size() != 1 || node.input_size() < 1) return false;
    if (!std::all_of(node.input().begin(), node.input().end(),
                     [&](const std::string& name) { return name.empty() || draft_.constants.contains(name); }))
      return false;
    const auto source = draft_.constants.find(node.input(0));
    const auto type = draft_.types.find(node.output(0));
    if (source == draft_.constants.end() || type == draft_.types.end()) return false;
    if (listed(views, node.op_type())) {
      const TensorType& from = source->second.tensor;
      if (from.type != type->second.type || from.elements() != type->second.elements()) return false;
      keep(node.output(0), {type->second, source->second.owner, source->second.data});
      return true;
    }
    return false;
  }

  // ConstantOfShape of a shape that is known repeats one number.
  void folds_fill(const onnx::NodeProto& node) {
    if (!is_default_domain(node.domain()) || node.op_type() != "ConstantOfShape" || node.input_size() != 1 ||
        node.output_size() != 1)
      return;
    const auto shape = draft_.constants.find(node.input(0));
    if (shape == draft_.constants.end() || shape->second.tensor.type != DataType::int64 ||
        shape->second.tensor.shape.size() != 1)
      return;
    const onnx::AttributeProto* attribute = find_attribute(node, "value");
    const TensorType type{attribute == nullptr ? DataType::float32 : static_cast<DataType>(attribute->t().data_type()),
                          integers(shape->second)};
    const std::optional<std::int64_t> elements = element_count(type.shape);
    if (!elements || *elements == 0 || type.shape.size() > 16) return;
    std::string value(element_size(type.type), '\0');
    if (value.empty() || (attribute != nullptr && !read_number(attribute->t(), value)) || !fits(type)) return;
    auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(type.bytes()));
    std::memcpy(bytes->data(), value.data(), value.size());
    for (std::size_t done = value.size(); done < bytes->size(); done *= 2)
      std::memcpy(bytes->data() + done, bytes->data(), std::min(done, bytes->size() - done));
    const std::byte* data = bytes->data();
    keep(node.output(0), {type, std::move(bytes), data});
  }

  static bool read_number(const onnx::TensorProto& tensor, std::string& value) {
    if (tensor.has_raw_data() && tensor.raw_data().size() == value.size()) {
      value = tensor.raw_data();
      return true;
    }
    if (tensor.data_type() != onnx::TensorProto::FLOAT || tensor.float_data_size() != 1) return false;
    const float number = tensor.float_data(0);
    std::memcpy(value.data(), &number, value.size());
    return true;
  }

  // Trailing outputs that operators may leave out and nobody reads.
  void trim_outputs(onnx::NodeProto& node) const {
    if (!is_default_domain(node.domain()) || !listed(optional_outputs, node.op_type())) return;
    while (node.output_size() > 1 && !live_.contains(node.output(node.output_size() - 1)))
      node.mutable_output()->RemoveLast();
  }

  void keep(const std::string& name, Constant constant) {
    draft_.constants[name] = std::move(constant);
    folded_.insert(name);
  }

  bool fits(const TensorType& type) {
    const std::optional<std::int64_t> elements = element_count(type.shape);
    if (!elements || *elements > largest_constant || element_size(type.type) == 0 || type.bytes() > largest_constant)
      return false;
    if (sum_ + type.bytes() > largest_sum) return false;
    sum_ += type.bytes();
    return true;
  }

  bool foldable(const onnx::NodeProto& node) {
    if (node.op_type() == "DequantizeLinear" || is_random(node) || node.input_size() == 0 || node.output_size() == 0)
      return false;
    if (!std::all_of(node.input().begin(), node.input().end(),
                     [&](const std::string& name) { return name.empty() || is_constant(name); }))
      return false;
    return std::all_of(node.output().begin(), node.output().end(), [&](const std::string& name) {
      const auto type = draft_.types.find(name);
      return name.empty() || (type != draft_.types.end() && fits(type->second));
    });
  }

  void evaluate_pending() {
    const std::set<const onnx::NodeProto*> pending_set(pending_nodes_.begin(), pending_nodes_.end());
    std::set<std::string> read(draft_.outputs.begin(), draft_.outputs.end());
    for (const onnx::NodeProto& node : draft_.nodes)
      if (!pending_set.contains(&node)) read.insert(node.input().begin(), node.input().end());
    std::vector<std::string> wanted;
    for (const std::string& name : pending_)
      if (read.contains(name)) wanted.push_back(name);
    if (!wanted.empty()) {
      const std::vector<Constant> values = evaluate(draft_, pending_nodes_, wanted);
      for (std::size_t i = 0; i < wanted.size(); ++i) draft_.constants[wanted[i]] = values[i];
    }
    folded_.insert(pending_.begin(), pending_.end());
  }

  void remove_folded() {
    std::erase_if(draft_.nodes, [&](const onnx::NodeProto& node) {
      return std::any_of(node.output().begin(), node.output().end(),
                         [&](const std::string& name) { return folded_.contains(name); });
    });
    for (const std::string& name : folded_) draft_.types.erase(name);
  }

  void copy_constant_outputs() {
    for (const std::string& name : draft_.outputs) {
      const auto found = draft_.constants.find(name);
      if (found == draft_.constants.end()) continue;
      std::string moved = name + "/constant";
      while (draft_.constants.contains(moved) || draft_.types.contains(moved)) moved += "_";
      const Constant constant = found->second;
      draft_.constants.erase(found);
      for (onnx::NodeProto& node : draft_.nodes)
        for (std::string& input : *node.mutable_input())
          if (input == name) input = moved;
      draft_.constants[moved] = constant;
      draft_.types[name] = constant.tensor;
      draft_.inferred.insert(name);
      onnx::NodeProto& copy = draft_.nodes.emplace_back();
      copy.set_op_type("Identity");
      copy.set_name(name);
      copy.add_input(moved);
      copy.add_output(name);
      draft_.notes.push_back("output '" + printable(name, 60) + "' does not depend on any input");
    }
  }

  void remove_dead() {
    std::set<std::string>& live = live_ = {draft_.outputs.begin(), draft_.outputs.end()};
    std::vector<bool> kept(draft_.nodes.size(), false);
    for (std::size_t i = draft_.nodes.size(); i-- > 0;) {
      const onnx::NodeProto& node = draft_.nodes[i];
      kept[i] = std::any_of(node.output().begin(), node.output().end(),
                            [&](const std::string& name) { return live.contains(name); });
      if (kept[i]) live.insert(node.input().begin(), node.input().end());
    }
    std::size_t index = 0;
    std::erase_if(draft_.nodes, [&](const onnx::NodeProto&) { return !kept[index++]; });
    std::erase_if(draft_.constants, [&](const auto& entry) { return !live.contains(entry.first); });
  }

  Draft& draft_;
  std::set<std::string> pending_;
  std::vector<const onnx::NodeProto*> pending_nodes_;
  std::set<std::string> folded_;
  std::set<std::string> live_;
  std::int64_t sum_ = 0;
};

}  // namespace

bool is_random(const onnx::NodeProto& node) { return listed(random_operators, node.op_type()); }

void fold_fills(Draft& draft) { Folder(draft).run_fills(); }
void fold_constants(Draft& draft) { Folder(draft).run(); }

}  // namespace dse
