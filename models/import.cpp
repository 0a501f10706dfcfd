#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/door.hpp"
#include "models/fold.hpp"
#include "models/graph.hpp"
#include "models/shapes.hpp"

namespace dse {
namespace {

// "--shape x=1x3xHxW" with the open dimensions spelt out, so that the user sees what to type.
std::string shape_option(const InputDeclaration& input) {
  if (!input.ranked) return fmt::format("--shape {}=...", printable(input.name, 60));
  std::vector<std::string> extents;
  for (const std::int64_t extent : input.tensor.shape) extents.push_back(extent < 0 ? "?" : std::to_string(extent));
  return fmt::format("--shape {}={}", printable(input.name, 60), fmt::join(extents, "x"));
}

[[noreturn]] void refuse_unbound(const Draft& draft) {
  std::string options;
  for (const InputDeclaration& input : draft.inputs)
    if (!input.ranked || !element_count(input.tensor.shape))
      options += (options.empty() ? "" : " ") + shape_option(input);
  refuse({draft.path.string()}, "MODEL-SHAPE",
         fmt::format("leaves dimensions open ({}); give them as {}", fmt::join(draft.unbound, "; "), options));
}

}  // namespace

Network Network::import(const fs::path& path, const ImportOptions& options) {
  Draft draft = check_model(read_model(path, options.file_cap));
  if (draft.nodes.empty()) refuse({path.string()}, "MODEL-GRAPH", "has no nodes besides constants");
  bind_inputs(draft, options.shapes);
  if (draft.unbound.empty()) {
    fold_fills(draft);
    infer_shapes(draft);
    fold_constants(draft);
    check_shapes(draft);
  } else if (!options.allow_unbound) {
    refuse_unbound(draft);
  }
  return NetworkBuilder(draft, path).build();
}

}  // namespace dse
