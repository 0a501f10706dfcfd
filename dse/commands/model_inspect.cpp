// dse model inspect: what a network is, its layers and what they cost.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/report/table.hpp"

namespace dse {
namespace {

using report::Cell;
using report::Quantity;

nlohmann::ordered_json shape_json(const TensorType& tensor) {
  nlohmann::ordered_json shape = nlohmann::ordered_json::array();
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0)
      shape.push_back(nullptr);  // not bound
    else
      shape.push_back(extent);
  }
  return shape;
}

std::string shape_text(const TensorType& tensor) {
  std::vector<std::string> extents;
  for (const std::int64_t extent : tensor.shape) extents.push_back(extent < 0 ? "?" : std::to_string(extent));
  return fmt::format("{} {}", to_string(tensor.type),
                     extents.empty() ? "scalar" : fmt::format("{}", fmt::join(extents, "x")));
}

nlohmann::ordered_json ports_json(const Network& network, const std::vector<TensorId>& ports) {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const TensorId id : ports) {
    const NetworkTensor& port = network.tensors()[id];
    result.push_back({{"name", port.name}, {"type", to_string(port.tensor.type)}, {"shape", shape_json(port.tensor)}});
  }
  return result;
}

// Tensors that are alive between this layer and the next: what a cut there would have to carry.
std::vector<std::size_t> live_after(const Network& network) {
  std::vector<std::size_t> live(network.layers().size(), 0);
  for (const NetworkTensor& tensor : network.tensors()) {
    if (tensor.consumers.empty()) continue;
    const std::size_t from = tensor.producer.value_or(0);
    for (std::size_t layer = from; layer < tensor.consumers.back(); ++layer) ++live[layer];
  }
  return live;
}

nlohmann::ordered_json layer_json(const Network& network, const Layer& layer, std::size_t live) {
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
  for (const TensorId id : layer.inputs) inputs.push_back(network.tensors()[id].name);
  for (const TensorId id : layer.outputs)
    outputs.push_back({{"name", network.tensors()[id].name},
                       {"shape", shape_json(network.tensors()[id].tensor)},
                       {"bytes", network.tensors()[id].bytes()}});
  return {{"name", layer.name},
          {"op", layer.op_type},
          {"class", to_string(layer.op_class)},
          {"nodes", layer.nodes.size()},
          {"macs", layer.macs},
          {"operations", layer.operations},
          {"weight_bytes", layer.weight_bytes},
          {"inputs", inputs},
          {"outputs", outputs},
          {"live_after", live},
          {"whole", layer.whole}};
}

nlohmann::ordered_json network_json(const Network& network) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  const std::vector<std::size_t> live = live_after(network);
  for (LayerId id = 0; id < network.layers().size(); ++id)
    layers.push_back(layer_json(network, network.layers()[id], live[id]));
  const bool bound = network.unbound().empty();
  return {{"name", network.name()},
          {"sha256", network.sha256()},
          {"layers", bound ? nlohmann::ordered_json(network.layers().size()) : nullptr},
          {"macs", bound ? nlohmann::ordered_json(network.macs()) : nullptr},
          {"parameters", network.parameters()},
          {"parameter_bytes", network.parameter_bytes()},
          {"inputs", ports_json(network, network.inputs())},
          {"outputs", ports_json(network, network.outputs())},
          {"notes", network.notes()},
          {"unbound", network.unbound()},
          {"layer_list", layers}};
}

std::string output_shapes(const Network& network, const Layer& layer) {
  std::vector<std::string> shapes;
  for (const TensorId id : layer.outputs) shapes.push_back(to_string(network.tensors()[id].tensor.shape));
  return fmt::format("{}", fmt::join(shapes, " "));
}

report::Table layer_table(const Network& network) {
  report::Table table;
  table.columns = {{"index", "#"},
                   {"name", "layer"},
                   {"op", "operator"},
                   {"class", "class"},
                   {"macs", "MACs"},
                   {"operations", "operations"},
                   {"weight_bytes", "weights", Quantity::bytes},
                   {"output_shapes", "outputs"},
                   {"live_after", "live after"},
                   {"whole", ""}};
  const std::vector<std::size_t> live = live_after(network);
  for (LayerId id = 0; id < network.layers().size(); ++id) {
    const Layer& layer = network.layers()[id];
    table.rows.push_back({Cell(id), Cell(layer.name), Cell(layer.op_type), Cell(to_string(layer.op_class)),
                          Cell(layer.macs), Cell(layer.operations), Cell(layer.weight_bytes),
                          Cell(output_shapes(network, layer)), Cell(live[id]), Cell(layer.whole)});
  }
  return table;
}

void print_ports(std::ostream& out, const Network& network, std::string_view title,
                 const std::vector<TensorId>& ports) {
  for (const TensorId id : ports)
    out << fmt::format("{:<11}{} {}\n", title, printable(network.tensors()[id].name),
                       shape_text(network.tensors()[id].tensor));
}

void print_text(const Network& network, Console& console) {
  console.out << fmt::format("network    {}\nsha256     {}\n", printable(network.name()), network.sha256());
  print_ports(console.out, network, "input", network.inputs());
  print_ports(console.out, network, "output", network.outputs());
  console.out << fmt::format("parameters {} ({})\n", network.parameters(),
                             report::human(static_cast<double>(network.parameter_bytes()), Quantity::bytes));
  if (!network.unbound().empty()) {
    console.out << "not bound, give --shape for these (input: axis (symbol)):\n";
    for (const std::string& line : network.unbound()) console.out << "  " << line << '\n';
    return;
  }
  console.out << fmt::format("layers     {}\nMACs       {}\n\n", network.layers().size(), network.macs());
  report::print_table(console.out, layer_table(network));
  for (const Layer& layer : network.layers())
    if (layer.whole)
      console.out << fmt::format("\n'{}' and what follows depend on data in their shapes: one layer, never cut\n",
                                 printable(layer.name));
}

int run_inspect(const Arguments& arguments, Console& console) {
  ImportOptions options = import_options(arguments);
  options.allow_unbound = true;
  const Network network = Network::import(arguments.text("MODEL"), options);
  for (const std::string& note : network.notes()) console.note(network.name() + ": " + note);
  if (console.format == Format::json)
    console.out << report::json_text(network_json(network));
  else if (console.format == Format::csv)
    report::print_csv(console.out, layer_table(network));
  else
    print_text(network, console);
  return 0;
}

}  // namespace

Command model_inspect_command() {
  return {{"model", "inspect"},
          "show what a network is: ports, layers, multiply-accumulates, parameters",
          {{"MODEL", "an ONNX file"}},
          {shape_option()},
          run_inspect};
}

}  // namespace dse
