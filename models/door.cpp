#include "models/door.hpp"

#include <fmt/format.h>

#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

namespace dse {
namespace {

constexpr std::size_t longest_name = 1024;
constexpr std::int64_t newest_opset = 1000;

bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    i += length;
  }
  return true;
}

// Names reach terminals, YAML, SQL and file names: each of those escapes them, but what cannot be shown at all stays
// outside.
void check_name(std::string_view name, const Place& place, std::string_view what) {
  if (name.size() > longest_name)
    refuse(place, "MODEL-NAME",
           fmt::format("its {} is {} bytes long; at most {} are allowed", what, name.size(), longest_name));
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      refuse(place, "MODEL-NAME",
             fmt::format("its {} holds the control character {:#04x}; names are printable UTF-8", what,
                         static_cast<unsigned char>(c)));
  if (!valid_utf8(name)) refuse(place, "MODEL-NAME", fmt::format("its {} is not valid UTF-8", what));
}

class Door {
 public:
  explicit Door(const ModelFile& file) : file_(file), model_(*file.model), graph_(model_.graph()), reader_(file) {
    draft_.path = file.path;
  }

  Draft check() {
    check_header();
    check_opsets();
    add_initializers();
    add_inputs();
    check_nodes();
    add_nodes();
    add_outputs();
    draft_.sha256 = reader_.digest();
    return std::move(draft_);
  }

 private:
  Place whole() const { return {file_.path.string()}; }

  void check_header() {
    if (!model_.has_graph()) refuse(whole(), "MODEL-PARSE", "is no ONNX model: it has no graph");
    if (model_.functions_size() > 0)
      refuse(whole(), "MODEL-FUNCTION",
             fmt::format(
                 "defines {} model-local functions (first '{}'), which are not supported; inline them (onnx.inliner)",
                 model_.functions_size(), printable(model_.functions(0).name(), 60)));
    if (graph_.node_size() == 0) refuse(whole(), "MODEL-GRAPH", "has no nodes");
    if (graph_.output_size() == 0) refuse(whole(), "MODEL-GRAPH", "has no outputs; a graph output is expected");
    if (graph_.sparse_initializer_size() > 0)
      refuse(whole(), "MODEL-TENSOR",
             fmt::format("holds {} sparse initializers, which are not supported; store them dense",
                         graph_.sparse_initializer_size()));
    draft_.ir_version = model_.ir_version();
    if (draft_.ir_version < 1 || draft_.ir_version > 1000)
      refuse(whole(), "MODEL-OPSET", fmt::format("has IR version {}; versions from 1 on are known", draft_.ir_version));
  }

  void check_opsets() {
    std::set<std::string> domains;
    for (const onnx::OperatorSetIdProto& opset : model_.opset_import()) {
      check_name(opset.domain(), whole(), "opset import's domain");
      const std::string domain = is_default_domain(opset.domain()) ? "" : opset.domain();
      if (!domains.insert(domain).second)
        refuse(whole(), "MODEL-OPSET",
               fmt::format("imports the operator set of domain '{}' twice", printable(domain, 60)));
      if (opset.version() < 1 || opset.version() > newest_opset)
        refuse(whole(), "MODEL-OPSET",
               fmt::format("imports version {} of operator set '{}'; versions are from 1 to {}", opset.version(),
                           printable(domain, 60), newest_opset));
      draft_.opsets.push_back(opset);
    }
    if (domains.empty())
      refuse(whole(), "MODEL-OPSET", "imports no operator set; opset_import must name at least the default domain");
    domains_ = std::move(domains);
  }

  void define(const std::string& name, const Place& place, std::string_view what) {
    check_name(name, place, "name");
    if (!defined_.insert(name).second)
      refuse(place, "MODEL-GRAPH",
             fmt::format("{} defines a value that is defined already; each value has one producer", what));
  }

  void add_initializers() {
    for (const onnx::TensorProto& tensor : graph_.initializer()) {
      if (tensor.name().empty()) refuse(whole(), "MODEL-NAME", "holds an initializer without a name");
      define(tensor.name(), at_tensor(file_.path, tensor.name()), "this initializer");
      draft_.constants.emplace(tensor.name(), reader_.read(tensor, tensor.name()));
    }
  }

  void add_inputs() {
    std::set<std::string> names;
    for (const onnx::ValueInfoProto& value : graph_.input()) {
      const Place place = at_tensor(file_.path, value.name());
      if (value.name().empty()) refuse(whole(), "MODEL-NAME", "has an input without a name");
      check_name(value.name(), place, "name");
      if (!names.insert(value.name()).second) refuse(place, "MODEL-GRAPH", "is declared as an input twice");
      if (draft_.constants.contains(value.name())) continue;  // IR 3 lists initializers among the inputs
      define(value.name(), place, "this input");
      draft_.inputs.push_back(declaration(value, place));
    }
    if (draft_.inputs.empty())
      refuse(whole(), "MODEL-GRAPH", "has no inputs besides its weights; a network reads at least one");
  }

  static InputDeclaration declaration(const onnx::ValueInfoProto& value, const Place& place) {
    if (!value.type().has_tensor_type())
      refuse(place, "MODEL-TENSOR",
             "is an input that is no tensor (sequence, map or optional), or has no type; tensors are supported");
    const onnx::TypeProto_Tensor& type = value.type().tensor_type();
    InputDeclaration input{value.name(), {static_cast<DataType>(type.elem_type()), {}}, {}, type.has_shape()};
    if (element_size(input.tensor.type) == 0)
      refuse(place, "MODEL-TENSOR",
             fmt::format("is an input of element type {}, which is not supported; numbers are", type.elem_type()));
    if (type.shape().dim_size() > 16)
      refuse(place, "MODEL-TENSOR",
             fmt::format("has {} dimensions; at most 16 are supported", type.shape().dim_size()));
    for (const onnx::TensorShapeProto_Dimension& dim : type.shape().dim()) {
      const bool known = dim.has_dim_value() && dim.dim_value() > 0;
      if (dim.has_dim_value() && dim.dim_value() > (std::int64_t{1} << 40))
        refuse(place, "MODEL-TENSOR", fmt::format("has the dimension {}, beyond 2^40", dim.dim_value()));
      check_name(dim.dim_param(), place, "dimension's name");
      input.tensor.shape.push_back(known ? dim.dim_value() : -1);
      input.symbols.push_back(known ? "" : dim.dim_param());
    }
    return input;
  }

  void check_node(const onnx::NodeProto& node, std::size_t index) const {
    const Place place = at_node(file_.path, node, index);
    if (node.op_type().empty()) refuse(place, "MODEL-OPERATOR", "names no operator");
    check_name(node.op_type(), place, "operator type");
    check_name(node.domain(), place, "domain");
    check_name(node.name(), place, "name");
    const std::string domain = is_default_domain(node.domain()) ? "" : node.domain();
    if (!domains_.contains(domain))
      refuse(place, "MODEL-OPSET",
             fmt::format("is of domain '{}', for which the model imports no operator set", printable(domain, 60)));
    std::set<std::string> seen;
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      check_name(attribute.name(), place, "attribute's name");
      if (attribute.name().empty() || !seen.insert(attribute.name()).second)
        refuse(place, "MODEL-ATTRIBUTE",
               fmt::format("attribute '{}' is given twice or has no name", printable(attribute.name(), 60)));
      if (attribute.has_g() || attribute.graphs_size() > 0)
        refuse(place, "MODEL-CONTROL-FLOW",
               fmt::format(
                   "carries a sub-graph (attribute '{}'): control flow such as If, Loop and Scan is not supported; "
                   "export the network without it",
                   printable(attribute.name(), 60)));
      if (attribute.t().data_location() == onnx::TensorProto::EXTERNAL || attribute.t().external_data_size() > 0 ||
          attribute.tensors_size() > 0 || attribute.has_sparse_tensor() || attribute.sparse_tensors_size() > 0)
        if (node.op_type() != "Constant" || attribute.has_sparse_tensor())
          refuse(place, "MODEL-ATTRIBUTE",
                 fmt::format("attribute '{}' holds a sparse or external tensor; one stored inside is supported",
                             printable(attribute.name(), 60)));
      if (!attribute.ref_attr_name().empty())
        refuse(place, "MODEL-ATTRIBUTE",
               fmt::format("attribute '{}' refers to a function's attribute outside a function",
                           printable(attribute.name(), 60)));
    }
  }

  void check_nodes() {
    for (int i = 0; i < graph_.node_size(); ++i) {
      const onnx::NodeProto& node = graph_.node(i);
      const auto index = static_cast<std::size_t>(i);
      check_node(node, index);
      const Place place = at_node(file_.path, node, index);
      for (const std::string& output : node.output()) {
        if (output.empty()) continue;
        define(output, place, fmt::format("output '{}'", printable(output)));
        producer_.emplace(output, index);
      }
    }
  }

  // Kahn's algorithm with the lowest stored index first: no recursion, and the stored order where it is topological
  // already.
  std::vector<std::size_t> topological_order() const {
    const auto count = static_cast<std::size_t>(graph_.node_size());
    std::vector<std::vector<std::size_t>> followers(count);
    std::vector<std::size_t> waiting(count, 0);
    for (std::size_t i = 0; i < count; ++i)
      for (const std::string& input : graph_.node(static_cast<int>(i)).input()) {
        if (input.empty()) continue;
        const auto producer = producer_.find(input);
        if (producer == producer_.end()) continue;
        followers[producer->second].push_back(i);
        ++waiting[i];
      }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < count; ++i)
      if (waiting[i] == 0) ready.push(i);
    std::vector<std::size_t> order;
    while (!ready.empty()) {
      const std::size_t node = ready.top();
      ready.pop();
      order.push_back(node);
      for (const std::size_t follower : followers[node])
        if (--waiting[follower] == 0) ready.push(follower);
    }
    if (order.size() != count) refuse_cycle(waiting);
    return order;
  }

  [[noreturn]] void refuse_cycle(const std::vector<std::size_t>& waiting) const {
    std::size_t index = 0;
    while (waiting[index] == 0) ++index;
    refuse(at_node(file_.path, graph_.node(static_cast<int>(index)), index), "MODEL-CYCLE",
           "is part of, or behind, a cycle: it waits for its own output; a network is an acyclic graph");
  }

  void check_inputs_defined() const {
    for (int i = 0; i < graph_.node_size(); ++i)
      for (const std::string& input : graph_.node(i).input())
        if (!input.empty() && !defined_.contains(input))
          refuse(at_node(file_.path, graph_.node(i), static_cast<std::size_t>(i)), "MODEL-DANGLING",
                 fmt::format("reads '{}', which no node, input or initializer defines", printable(input)));
  }

  void add_nodes() {
    check_inputs_defined();
    for (const std::size_t index : topological_order()) {
      const onnx::NodeProto& node = graph_.node(static_cast<int>(index));
      if (node.op_type() == "Constant" && is_default_domain(node.domain()))
        add_constant_node(node, index);
      else
        add_node(node);
      check_attributes(draft_, node, index);
    }
  }

  // What was not checked must not reach the engine, and the engine wants each name once.
  void add_node(const onnx::NodeProto& node) {
    onnx::NodeProto& added = draft_.nodes.emplace_back(node);
    added.DiscardUnknownFields();
    if (node.name().empty()) return;
    for (std::size_t count = 2; !node_names_.insert(added.name()).second; ++count)
      added.set_name(fmt::format("{}#{}", node.name(), count));
  }

  void add_constant_node(const onnx::NodeProto& node, std::size_t index) {
    const Place place = at_node(file_.path, node, index);
    if (node.output_size() != 1 || node.output(0).empty() || node.attribute_size() != 1 || node.input_size() != 0)
      refuse(place, "MODEL-ATTRIBUTE", "must have one value attribute and one output");
    const onnx::AttributeProto& attribute = node.attribute(0);
    const std::string& name = node.output(0);
    if (attribute.name() == "value" && attribute.has_t()) {
      draft_.constants.emplace(name, reader_.read(attribute.t(), name));
      return;
    }
    onnx::TensorProto tensor;
    if (attribute.name() == "value_float" || attribute.name() == "value_floats") {
      tensor.set_data_type(onnx::TensorProto::FLOAT);
      if (attribute.name() == "value_float")
        tensor.add_float_data(attribute.f());
      else
        *tensor.mutable_float_data() = attribute.floats();
      if (attribute.name() == "value_floats") tensor.add_dims(attribute.floats_size());
    } else if (attribute.name() == "value_int" || attribute.name() == "value_ints") {
      tensor.set_data_type(onnx::TensorProto::INT64);
      if (attribute.name() == "value_int")
        tensor.add_int64_data(attribute.i());
      else
        *tensor.mutable_int64_data() = attribute.ints();
      if (attribute.name() == "value_ints") tensor.add_dims(attribute.ints_size());
    } else {
      refuse(place, "MODEL-TENSOR",
             fmt::format("holds its value as '{}'; dense numbers (value, value_float(s), value_int(s)) are supported",
                         printable(attribute.name(), 60)));
    }
    draft_.constants.emplace(name, reader_.read(tensor, name));
  }

  void add_outputs() {
    std::set<std::string> names;
    for (const onnx::ValueInfoProto& value : graph_.output()) {
      const Place place = at_tensor(file_.path, value.name());
      if (value.name().empty()) refuse(whole(), "MODEL-NAME", "has an output without a name");
      check_name(value.name(), place, "name");
      if (!names.insert(value.name()).second) refuse(place, "MODEL-GRAPH", "is declared as an output twice");
      if (!defined_.contains(value.name())) refuse(place, "MODEL-DANGLING", "is a graph output that no node defines");
      draft_.outputs.push_back(value.name());
    }
  }

  const ModelFile& file_;
  const onnx::ModelProto& model_;
  const onnx::GraphProto& graph_;
  TensorReader reader_;
  Draft draft_;
  std::set<std::string> domains_;
  std::unordered_set<std::string> defined_;
  std::unordered_set<std::string> node_names_;
  std::unordered_map<std::string, std::size_t> producer_;
};

}  // namespace

Draft check_model(const ModelFile& file) { return Door(file).check(); }

}  // namespace dse
