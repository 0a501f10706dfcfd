#include "deploy/golden.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dse::deploy {
namespace {

std::vector<TensorId> crossing_tensors(const Plan& plan) {
  std::vector<TensorId> ids;
  for (const Transfer& transfer : plan.transfers)
    for (const Cargo& cargo : transfer.cargo)
      if (cargo.value.kind == ValueId::Kind::tensor &&
          std::find(ids.begin(), ids.end(), cargo.value.index) == ids.end())
        ids.push_back(cargo.value.index);
  return ids;
}

std::vector<std::string> write_tensors(PackageFolder& folder, std::span<const engine::OwnedTensor> tensors,
                                       std::size_t frame, std::string_view kind) {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    paths.push_back(fmt::format("golden/f{}_{}{}.bin", frame, kind, i));
    folder.add(paths.back(), [&](const PackageFolder::Sink& sink) { sink(tensors[i].data); });
  }
  return paths;
}

}  // namespace

std::size_t golden_frames(const Plan& plan, const GoldenOptions& options) {
  return options.frames > 0 ? options.frames : std::max<std::size_t>(4, 2 * plan.mapping.replicas.size());
}

program::Golden write_golden(PackageFolder& folder, Reference& reference, const Plan& plan,
                             const GoldenOptions& options) {
  const Network& network = reference.network();
  const std::vector<TensorId> cuts = options.cuts ? crossing_tensors(plan) : std::vector<TensorId>{};
  program::Golden golden;
  for (std::size_t frame = 0; frame < golden_frames(plan, options); ++frame)
    golden.frames.push_back({write_tensors(folder, reference.inputs(frame), frame, "in"),
                             write_tensors(folder, reference.outputs(frame), frame, "out"),
                             write_tensors(folder, reference.tensors(cuts, frame), frame, "cut")});
  std::vector<TensorId> compared = network.outputs();
  compared.insert(compared.end(), cuts.begin(), cuts.end());
  reference.measure_noise(compared);
  const program::Wire wire = lossiest_wire(network, plan);
  for (const TensorId output : network.outputs()) golden.tolerance.push_back(reference.tolerance_of(output, wire));
  // Cuts tell where a fault is. What a shortened wire loses adds up over many of them, and the outputs' tolerance is no
  // promise for what lies between.
  const double slack = wire == program::Wire::full ? 1 : 10;
  for (const TensorId cut : cuts)
    golden.cuts.push_back(
        {network.tensors()[cut].name, network.tensors()[cut].tensor, slack * reference.tolerance_of(cut, wire)});
  return golden;
}

}  // namespace dse::deploy
