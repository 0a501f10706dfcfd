#include "dse/commands/model_options.hpp"

#include <charconv>

#include "base/error.hpp"

namespace dse {
namespace {

ShapeBinding parse_binding(const std::string& text) {
  const auto refuse = [&text] {
    return Error(ExitCode::usage, "OPTION-VALUE",
                 "--shape '" + printable(text) + "' is no binding; write NAME=1x3x224x224");
  };
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) throw refuse();
  ShapeBinding binding{text.substr(0, equals), {}};
  const char* at = text.data() + equals + 1;
  const char* end = text.data() + text.size();
  for (;;) {
    std::int64_t extent = 0;
    const auto [next, error] = std::from_chars(at, end, extent);
    if (error != std::errc{} || extent < 1) throw refuse();
    binding.shape.push_back(extent);
    if (next == end) return binding;
    if (*next != 'x') throw refuse();
    at = next + 1;
  }
}

}  // namespace

OptionSpec shape_option() {
  OptionSpec option;
  option.name = "--shape";
  option.value = "NAME=DIMS";
  option.text = "bind an input's symbolic dimensions: input=1x3x224x224";
  option.repeated = true;
  return option;
}

ImportOptions import_options(const Arguments& arguments) {
  ImportOptions options;
  for (const std::string& text : arguments.list("--shape")) options.shapes.push_back(parse_binding(text));
  return options;
}

Network import_model(const Arguments& arguments, const std::string& path, Console& console) {
  Network network = Network::import(path, import_options(arguments));
  for (const std::string& note : network.notes()) console.note(network.name() + ": " + note);
  return network;
}

}  // namespace dse
