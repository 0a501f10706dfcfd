#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/suggest.hpp"
#include "models/shapes.hpp"

namespace dse {
namespace {

[[noreturn]] void refuse_binding(const Draft& draft, const std::string& message) {
  throw Error(ExitCode::usage, "MODEL-SHAPE", {draft.path.string()}, message);
}

InputDeclaration& bound_input(Draft& draft, const ShapeBinding& binding) {
  std::vector<std::string> names;
  for (InputDeclaration& input : draft.inputs) {
    if (input.name == binding.input) return input;
    names.push_back(printable(input.name, 60));
  }
  refuse_binding(draft, fmt::format("--shape names the input '{}', which the model does not have{}",
                                    printable(binding.input, 60), suggestion(printable(binding.input, 60), names)));
}

using Symbols = std::map<std::string, std::int64_t>;

void apply(Draft& draft, const ShapeBinding& binding, Symbols& symbols) {
  InputDeclaration& input = bound_input(draft, binding);
  const std::string name = printable(input.name, 60);
  if (!input.ranked) {
    input.tensor.shape.assign(binding.shape.size(), -1);
    input.symbols.assign(binding.shape.size(), "");
    input.ranked = true;
  }
  if (binding.shape.size() != input.tensor.shape.size())
    refuse_binding(draft, fmt::format("--shape gives input '{}' {} dimensions, the model declares {}", name,
                                      binding.shape.size(), input.tensor.shape.size()));
  for (std::size_t axis = 0; axis < binding.shape.size(); ++axis) {
    const std::int64_t value = binding.shape[axis];
    std::int64_t& extent = input.tensor.shape[axis];
    if (value < 1 || value > (std::int64_t{1} << 31))
      refuse_binding(draft, fmt::format("--shape gives input '{}' the extent {} on axis {}; at least 1 is expected",
                                        name, value, axis));
    if (extent >= 0 && extent != value)
      refuse_binding(draft, fmt::format("--shape gives input '{}' the extent {} on axis {}, where the model fixes {}",
                                        name, value, axis, extent));
    const std::string& symbol = input.symbols[axis];
    if (!symbol.empty() && !symbols.emplace(symbol, value).second && symbols[symbol] != value)
      refuse_binding(draft, fmt::format("--shape gives the dimension '{}' both {} and {}", printable(symbol, 60),
                                        symbols[symbol], value));
    extent = value;
  }
}

void bind_symbols(InputDeclaration& input, const Symbols& symbols) {
  for (std::size_t axis = 0; axis < input.tensor.shape.size(); ++axis) {
    const auto known = symbols.find(input.symbols[axis]);
    if (input.tensor.shape[axis] < 0 && !input.symbols[axis].empty() && known != symbols.end())
      input.tensor.shape[axis] = known->second;
  }
}

void bind_batch(Draft& draft, InputDeclaration& input, Symbols& symbols) {
  if (input.tensor.shape.empty() || input.tensor.shape[0] >= 0) return;
  const std::string& symbol = input.symbols[0];
  input.tensor.shape[0] = 1;
  if (!symbol.empty()) symbols.emplace(symbol, 1);
  draft.notes.push_back(symbol.empty() ? fmt::format("batch of input '{}' bound to 1", printable(input.name, 60))
                                       : fmt::format("batch '{}' of input '{}' bound to 1", printable(symbol, 60),
                                                     printable(input.name, 60)));
}

void list_unbound(Draft& draft, const InputDeclaration& input) {
  if (!input.ranked)
    draft.unbound.push_back(fmt::format("{}: every dimension (the model declares none)", printable(input.name, 60)));
  for (std::size_t axis = 0; axis < input.tensor.shape.size(); ++axis) {
    if (input.tensor.shape[axis] >= 0) continue;
    const std::string& symbol = input.symbols[axis];
    draft.unbound.push_back(
        fmt::format("{}: {} ({})", printable(input.name, 60), axis, symbol.empty() ? "?" : printable(symbol, 60)));
  }
}

}  // namespace

void bind_inputs(Draft& draft, const std::vector<ShapeBinding>& bindings) {
  Symbols symbols;
  for (const ShapeBinding& binding : bindings) apply(draft, binding, symbols);
  for (InputDeclaration& input : draft.inputs) bind_symbols(input, symbols);
  for (InputDeclaration& input : draft.inputs) bind_batch(draft, input, symbols);
  for (InputDeclaration& input : draft.inputs) bind_symbols(input, symbols);
  for (const InputDeclaration& input : draft.inputs) list_unbound(draft, input);
}

}  // namespace dse
