#include "models/shapes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>

#include "base/process.hpp"

namespace dse {
namespace {

constexpr std::uint64_t child_address_space = std::uint64_t{12} << 30;
constexpr std::uint64_t child_cpu_seconds = 60;
constexpr auto child_deadline = std::chrono::seconds(60);
constexpr std::int64_t smallest_stripped = 4096;
constexpr std::string_view blank_file = "blank";

constexpr std::array<std::string_view, 5> data_dependent{"NonZero", "NonMaxSuppression", "Unique", "Compress",
                                                         "StringSplit"};

fs::path shapes_program() {
  if (const char* named = std::getenv("DSE_SHAPES"); named != nullptr && *named != '\0') return named;
  return executable_folder() / "dse-shapes";
}

// "ONNX Runtime: Load model from /tmp/x/model.onnx failed:reason" without our own temporary path.
std::string without_path(std::string message, const fs::path& folder) {
  const std::string path = (folder / "model.onnx").string();
  for (std::size_t at = message.find(path); at != std::string::npos; at = message.find(path, at))
    message.replace(at, path.size(), "the model");
  return message;
}

// The engine's text names a node by its name, or only the operator's type.
Place blamed(const Draft& draft, const std::string& message) {
  const auto quoted = [&](const std::string& word, const char* before, const char* after) {
    return !word.empty() && message.find(before + word + after) != std::string::npos;
  };
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const std::string& name = draft.nodes[i].name();
    if (quoted(name, "'", "'") || quoted(name, "(", ")") || quoted(name, "\"", "\""))
      return at_node(draft.path, draft.nodes[i], i);
  }
  for (std::size_t i = 0; i < draft.nodes.size(); ++i) {
    const std::string& type = draft.nodes[i].op_type();
    if (quoted(type, "", "(") || quoted(type, "(", ")") || quoted(type, " ", " "))
      return at_node(draft.path, draft.nodes[i], i);
  }
  return {draft.path.string()};
}

[[noreturn]] void refuse_child(const Draft& draft, const ProcessResult& result, const fs::path& folder) {
  const Place place{draft.path.string()};
  if (result.timed_out || result.signal == SIGXCPU)
    refuse(place, "MODEL-ENGINE", "the engine took more than 60 s to examine it; it is too large or made to stall");
  if (result.signal != 0)
    refuse(place, "MODEL-ENGINE",
           fmt::format("the engine crashed (signal {}) while examining it; the model is damaged or made to do so",
                       result.signal));
  std::istringstream lines(result.errors);
  std::string code;
  std::string message;
  std::getline(lines, code);
  std::getline(lines, message);
  message = without_path(printable(message, 600), folder);
  if (result.exit_code != static_cast<int>(ExitCode::bad_input)) {
    const bool known =
        result.exit_code == static_cast<int>(ExitCode::device) || result.exit_code == static_cast<int>(ExitCode::io);
    throw Error(known ? static_cast<ExitCode>(result.exit_code) : ExitCode::device, "MODEL-ENGINE", {},
                "the engine cannot be used: " + (message.empty() ? code : message));
  }
  if (code.starts_with("MODEL-")) refuse(place, code, message);
  refuse(blamed(draft, message), "MODEL-ENGINE", "the engine refuses it: " + message);
}

void run_child(const Draft& draft, const fs::path& folder, bool values) {
  ProcessOptions options;
  options.argv = {shapes_program().string(), folder.string()};
  if (values) options.argv.emplace_back("values");
  options.deadline = child_deadline;
  options.cpu_seconds = child_cpu_seconds;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they reserve terabytes of address space
  options.address_space = child_address_space;
#endif
  const ProcessResult result = run_process(options);
  if (result.exit_code != 0) refuse_child(draft, result, folder);
}

// A model's skeleton: opsets and IR version. Before IR 4 every initializer had to be an input too.
onnx::ModelProto skeleton(const Draft& draft) {
  onnx::ModelProto model;
  model.set_ir_version(std::max<std::int64_t>(draft.ir_version, 4));
  for (const onnx::OperatorSetIdProto& opset : draft.opsets) *model.add_opset_import() = opset;
  model.mutable_graph()->set_name("shapes");
  return model;
}

void add_constant(onnx::GraphProto& graph, const std::string& name, const Constant& constant) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(static_cast<int>(constant.tensor.type));
  for (const std::int64_t extent : constant.tensor.shape) tensor.add_dims(extent);
  tensor.set_raw_data(std::string(constant.text()));
}

void add_entry(onnx::TensorProto& tensor, const char* key, std::string value) {
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

// Large weights do not travel: the values of the numbers that they are multiplied with decide no shape. A file that is
// one hole stands for all of them.
class Blanks {
 public:
  explicit Blanks(const Draft& draft) {
    for (const onnx::NodeProto& node : draft.nodes)
      if (std::find(data_dependent.begin(), data_dependent.end(), node.op_type()) != data_dependent.end())
        allowed_ = false;
    for (const onnx::NodeProto& node : draft.nodes)
      if (node.op_type().starts_with("QLinear") || node.op_type().ends_with("Integer") ||
          node.op_type() == "DequantizeLinear")
        for (const std::string& input : node.input()) quantised_.insert(input);
  }

  bool takes(const std::string& name, const TensorType& tensor) const {
    const bool floating = tensor.type == DataType::float32 || tensor.type == DataType::float16 ||
                          tensor.type == DataType::float64 || tensor.type == DataType::bfloat16;
    return allowed_ && tensor.bytes() >= smallest_stripped && (floating || quantised_.contains(name));
  }

  void add(onnx::GraphProto& graph, const std::string& name, const TensorType& type) {
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(static_cast<int>(type.type));
    for (const std::int64_t extent : type.shape) tensor.add_dims(extent);
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    add_entry(tensor, "location", std::string(blank_file));
    add_entry(tensor, "offset", "0");
    add_entry(tensor, "length", std::to_string(type.bytes()));
    largest_ = std::max(largest_, type.bytes());
  }

  void write(const fs::path& folder) const {
    if (largest_ == 0) return;
    write_file(folder / blank_file, "");
    if (::truncate((folder / blank_file).c_str(), largest_) != 0)
      throw Error(ExitCode::io, "FILE-WRITE", {folder.string()}, "cannot make a file for blank weights");
  }

 private:
  bool allowed_ = true;
  std::set<std::string> quantised_;
  std::int64_t largest_ = 0;
};

void write_model(const onnx::ModelProto& model, const Draft& draft, const fs::path& folder) {
  if (model.ByteSizeLong() > 2147483647u)
    refuse({draft.path.string()}, "MODEL-SIZE", "holds more than 2 GiB of constants that must be evaluated");
  write_file(folder / "model.onnx", model.SerializeAsString());
}

struct PortLine {
  bool inferred = false;
  TensorType tensor;
};

std::vector<PortLine> read_ports(const fs::path& folder, std::size_t expected) {
  std::istringstream text(read_text(folder / "ports", 256u << 20));
  std::vector<PortLine> result;
  std::string source;
  int type = 0;
  std::size_t rank = 0;
  while (text >> source >> type >> rank && rank <= 64) {
    PortLine port{source == "i", {static_cast<DataType>(type), Shape(rank)}};
    for (std::int64_t& extent : port.tensor.shape) text >> extent;
    result.push_back(std::move(port));
  }
  if (result.size() != expected)
    throw Error(ExitCode::internal, "MODEL-ENGINE", "dse-shapes answered for another number of tensors");
  return result;
}

std::vector<std::string> all_outputs(const Draft& draft) {
  std::vector<std::string> names;
  for (const onnx::NodeProto& node : draft.nodes)
    for (const std::string& output : node.output())
      if (!output.empty()) names.push_back(output);
  return names;
}

}  // namespace

void describe(onnx::ValueInfoProto& value, const std::string& name, const TensorType& tensor) {
  value.set_name(name);
  onnx::TypeProto_Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(static_cast<int>(tensor.type));
  type.mutable_shape();
  for (const std::int64_t extent : tensor.shape) type.mutable_shape()->add_dim()->set_dim_value(extent);
}

void infer_shapes(Draft& draft) {
  const TempDir folder("dse-shapes");
  onnx::ModelProto model = skeleton(draft);
  onnx::GraphProto& graph = *model.mutable_graph();
  Blanks blanks(draft);
  for (const auto& [name, constant] : draft.constants) {
    if (blanks.takes(name, constant.tensor))
      blanks.add(graph, name, constant.tensor);
    else
      add_constant(graph, name, constant);
  }
  for (const InputDeclaration& input : draft.inputs) {
    describe(*graph.add_input(), input.name, input.tensor);
    draft.types[input.name] = input.tensor;
    draft.inferred.insert(input.name);
  }
  for (const onnx::NodeProto& node : draft.nodes) *graph.add_node() = node;
  const std::vector<std::string> names = all_outputs(draft);
  for (const std::string& name : names) graph.add_output()->set_name(name);
  blanks.write(folder.path());
  write_model(model, draft, folder.path());
  run_child(draft, folder.path(), false);
  const std::vector<PortLine> ports = read_ports(folder.path(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    draft.types[names[i]] = ports[i].tensor;
    if (ports[i].inferred) draft.inferred.insert(names[i]);
  }
}

std::vector<Constant> evaluate(const Draft& draft, const std::vector<const onnx::NodeProto*>& nodes,
                               const std::vector<std::string>& wanted) {
  const TempDir folder("dse-shapes");
  onnx::ModelProto model = skeleton(draft);
  onnx::GraphProto& graph = *model.mutable_graph();
  std::set<std::string> added;
  for (const onnx::NodeProto* node : nodes) {
    *graph.add_node() = *node;
    for (const std::string& input : node->input()) {
      const auto constant = draft.constants.find(input);
      if (constant != draft.constants.end() && added.insert(input).second) add_constant(graph, input, constant->second);
    }
  }
  for (const std::string& name : wanted) graph.add_output()->set_name(name);
  write_model(model, draft, folder.path());
  run_child(draft, folder.path(), true);
  const std::vector<PortLine> ports = read_ports(folder.path(), wanted.size());
  std::vector<Constant> result;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const MappedFile file = MappedFile::open(folder.path() / std::to_string(i), std::uint64_t{1} << 40);
    if (static_cast<std::int64_t>(file.bytes().size()) != ports[i].tensor.bytes())
      throw Error(ExitCode::internal, "MODEL-ENGINE", "dse-shapes wrote a constant of another size");
    result.push_back({ports[i].tensor, file.mapping(), file.bytes().data()});
  }
  return result;
}

}  // namespace dse
