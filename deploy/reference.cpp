#include "deploy/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "deploy/exactness.hpp"
#include "deploy/seeded_inputs.hpp"
#include "deploy/weight_file.hpp"
#include "models/submodel.hpp"
#include "program/exactness.hpp"

namespace dse::deploy {
namespace {

constexpr const char* weights_name = "weights.bin";

std::vector<engine::ConstTensorView> views(std::span<const engine::OwnedTensor> tensors) {
  std::vector<engine::ConstTensorView> result;
  for (const engine::OwnedTensor& tensor : tensors) result.push_back({tensor.tensor, tensor.data.data()});
  return result;
}

std::vector<LayerId> all_layers(const Network& network) {
  std::vector<LayerId> layers(network.layers().size());
  for (LayerId i = 0; i < layers.size(); ++i) layers[i] = i;
  return layers;
}

bool uses_half_precision(const Network& network) {
  const auto half = [](const auto& tensor) { return is_half(tensor.tensor.type); };
  return std::any_of(network.tensors().begin(), network.tensors().end(), half) ||
         std::any_of(network.weights().begin(), network.weights().end(), half);
}

}  // namespace

struct Reference::State {
  const Network& network;
  const engine::Engine& engine;
  std::uint64_t seed;
  double base = 0;
  TempDir folder;
  std::optional<WeightFile> weights;
  std::optional<engine::Session> plain;
  std::map<std::size_t, std::vector<engine::OwnedTensor>> inputs;
  std::map<std::size_t, std::vector<engine::OwnedTensor>> outputs;
  std::map<std::vector<TensorId>, engine::Session> exposed;  // the last one only: sessions are large
  struct Noise {
    double relative = 0;
    double magnitude = std::numeric_limits<double>::infinity();  // the least of the frames' largest
  };
  std::map<TensorId, Noise> noises;

  void write_weights() {
    const std::vector<WeightId> ids = external_weights(network, all_layers(network));
    weights.emplace(network, ids);
    std::string content;
    content.reserve(static_cast<std::size_t>(weights->size()));
    weights->write([&](std::span<const std::byte> piece) {
      content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    });
    write_file(folder.path() / weights_name, content);
  }

  // The whole network with `extra` declared as outputs after its own.
  engine::Session load(const std::vector<TensorId>& extra, engine::Optimisation optimisation) {
    if (!weights) write_weights();
    SubmodelRequest request = whole_network(network);
    request.outputs.insert(request.outputs.end(), extra.begin(), extra.end());
    request.locate = [this](WeightId id) { return weights->locate(id, weights_name); };
    const fs::path model = folder.path() / "network.onnx";
    write_file(model, write_submodel(network, request));
    engine::SessionOptions options;
    options.optimisation = optimisation;
    return engine.load(model, options);
  }

  bool is_port(TensorId id) const { return network.tensors()[id].is_output || !network.tensors()[id].producer; }

  std::vector<TensorId> intermediates(const std::vector<TensorId>& ids) const {
    std::vector<TensorId> result;
    for (const TensorId id : ids)
      if (!is_port(id) && std::find(result.begin(), result.end(), id) == result.end()) result.push_back(id);
    return result;
  }

  // Shapes that depend on data would make every frame's messages another size.
  void check_types(const std::vector<engine::OwnedTensor>& results, const std::vector<TensorId>& ids) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const NetworkTensor& wanted = network.tensors()[ids[i]];
      if (results[i].tensor == wanted.tensor) continue;
      throw Error(
          ExitCode::bad_input, "GOLDEN-SHAPE", {network.name() + ": tensor '" + printable(wanted.name) + "'"},
          fmt::format("is {} for one input and {} for another; a network with outputs of one shape can be deployed",
                      to_string(wanted.tensor.shape), to_string(results[i].tensor.shape)));
    }
  }

  // Raises the noise of the outputs and of `extra` to one frame's: `literal` is the network without optimisation, with
  // `shown` as further outputs.
  void add_noise(Reference& reference, const engine::Session& literal, const std::vector<TensorId>& shown,
                 const std::vector<TensorId>& extra, std::size_t frame) {
    const std::vector<TensorId> measured = with_outputs(extra);
    const std::vector<engine::OwnedTensor> optimised = reference.tensors(measured, frame);
    const std::vector<engine::OwnedTensor> results = literal.run(views(reference.inputs(frame)));
    std::map<TensorId, const engine::OwnedTensor*> found;
    const std::vector<TensorId> order = with_outputs(shown);
    for (std::size_t i = 0; i < order.size(); ++i) found[order[i]] = &results[i];
    for (std::size_t i = 0; i < measured.size(); ++i) {
      const engine::OwnedTensor& got = *found.at(measured[i]);
      const bool same_type = got.tensor == optimised[i].tensor;
      Noise& noise = noises[measured[i]];
      noise.relative = std::max(noise.relative, relative_error(optimised[i].tensor,
                                                               same_type ? std::span<const std::byte>(got.data)
                                                                         : std::span<const std::byte>(),
                                                               optimised[i].data));
      noise.magnitude =
          std::min(noise.magnitude,
                   program::deviation(optimised[i].tensor.type, optimised[i].data, optimised[i].data).magnitude);
    }
  }

  std::vector<TensorId> with_outputs(const std::vector<TensorId>& extra) const {
    std::vector<TensorId> ids = network.outputs();
    ids.insert(ids.end(), extra.begin(), extra.end());
    return ids;
  }
};

Reference::Reference(const Network& network, const engine::Engine& engine, std::uint64_t seed)
    : state_(new State{network,
                       engine,
                       seed,
                       base_tolerance(uses_half_precision(network)),
                       TempDir("dse-reference"),
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}}) {}
Reference::~Reference() = default;

const Network& Reference::network() const { return state_->network; }
std::uint64_t Reference::seed() const { return state_->seed; }
const engine::Engine& Reference::engine() const { return state_->engine; }
double Reference::base() const { return state_->base; }

const std::vector<engine::OwnedTensor>& Reference::inputs(std::size_t frame) {
  const auto [entry, added] = state_->inputs.try_emplace(frame);
  if (added)
    for (std::size_t port = 0; port < state_->network.inputs().size(); ++port)
      entry->second.push_back(
          seeded_input(state_->network.tensors()[state_->network.inputs()[port]].tensor, state_->seed, frame, port));
  return entry->second;
}

std::vector<engine::OwnedTensor> Reference::run(std::span<const engine::OwnedTensor> given) {
  if (!state_->plain) state_->plain.emplace(state_->load({}, engine::Optimisation::all));
  std::vector<engine::OwnedTensor> results = state_->plain->run(views(given));
  state_->check_types(results, state_->network.outputs());
  return results;
}

const std::vector<engine::OwnedTensor>& Reference::outputs(std::size_t frame) {
  const auto known = state_->outputs.find(frame);
  if (known != state_->outputs.end()) return known->second;
  return state_->outputs.emplace(frame, run(inputs(frame))).first->second;
}

std::vector<engine::OwnedTensor> Reference::tensors(const std::vector<TensorId>& ids, std::size_t frame) {
  const std::vector<TensorId> extra = state_->intermediates(ids);
  std::map<TensorId, engine::OwnedTensor> found;
  for (std::size_t i = 0; i < state_->network.inputs().size(); ++i)
    found[state_->network.inputs()[i]] = inputs(frame)[i];
  for (std::size_t i = 0; i < state_->network.outputs().size(); ++i)
    found[state_->network.outputs()[i]] = outputs(frame)[i];
  if (!extra.empty()) {
    if (!state_->exposed.contains(extra)) {
      state_->exposed.clear();
      state_->exposed.emplace(extra, state_->load(extra, engine::Optimisation::all));
    }
    std::vector<engine::OwnedTensor> results = state_->exposed.at(extra).run(views(inputs(frame)));
    state_->check_types(results, state_->with_outputs(extra));
    for (std::size_t i = 0; i < extra.size(); ++i)
      found[extra[i]] = std::move(results[state_->network.outputs().size() + i]);
  }
  std::vector<engine::OwnedTensor> result;
  result.reserve(ids.size());
  for (const TensorId id : ids) result.push_back(found.at(id));
  return result;
}

void Reference::measure_noise(const std::vector<TensorId>& ids) {
  std::vector<TensorId> wanted;
  for (const TensorId id : ids)
    if (!state_->noises.contains(id)) wanted.push_back(id);
  if (wanted.empty()) return;
  const std::vector<TensorId> extra = state_->intermediates(wanted);
  // The engine computes half precision in float32 and rounds where it must: at a cut, as the model says, but not
  // inside. So the literal network rounds every activation.
  std::vector<TensorId> rounded = extra;
  for (TensorId id = 0; id < state_->network.tensors().size(); ++id)
    if (is_half(state_->network.tensors()[id].tensor.type)) rounded.push_back(id);
  rounded = state_->intermediates(rounded);
  const engine::Session session = state_->load(rounded, engine::Optimisation::none);
  // One frame's noise is a draw from a distribution, in half precision from a wide one.
  const std::size_t frames = uses_half_precision(network()) ? 8 : 4;
  for (std::size_t frame = 0; frame < frames; ++frame) state_->add_noise(*this, session, rounded, extra, frame);
  for (const TensorId id : wanted) state_->noises.try_emplace(id);  // network inputs
}

double Reference::noise(TensorId tensor) {
  measure_noise({tensor});
  return state_->noises.at(tensor).relative;
}

double Reference::tolerance_of(TensorId tensor, program::Wire wire) {
  measure_noise({tensor});
  const State::Noise& noise = state_->noises.at(tensor);
  return tolerance(std::max(state_->base, base_tolerance(wire)), noise.relative, noise.magnitude);
}

}  // namespace dse::deploy
