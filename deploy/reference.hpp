// The undivided network run by the engine that runs the pieces: what every deployment has to reproduce.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "engine/engine.hpp"
#include "models/network.hpp"
#include "program/wire.hpp"

namespace dse::deploy {

class Reference {
 public:
  // Keeps a reference to both. Results are computed when first asked for and kept: one Reference serves many packages
  // of a network.
  Reference(const Network& network, const engine::Engine& engine, std::uint64_t seed = 1);
  ~Reference();
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  const Network& network() const;
  const engine::Engine& engine() const;
  std::uint64_t seed() const;

  // The network's inputs of a frame: seeded_input() of each port.
  const std::vector<engine::OwnedTensor>& inputs(std::size_t frame);
  // Its outputs, of a session that has no other outputs: exposing an intermediate would change what the engine fuses.
  const std::vector<engine::OwnedTensor>& outputs(std::size_t frame);
  // Intermediates (or inputs, or outputs), in the order asked for, by a session that also declares them as outputs.
  std::vector<engine::OwnedTensor> tensors(const std::vector<TensorId>& ids, std::size_t frame);

  // The largest relative error, over the tensors' elements in the first four frames (eight in half precision), of
  // the network run without graph optimisation (and with every half-precision activation rounded to it) against it run
  // with.
  double noise(TensorId tensor);
  // The same for several at once: one run of a session without optimisation.
  void measure_noise(const std::vector<TensorId>& ids);
  // The base tolerance and the tolerance of one tensor (exactness.hpp).
  double base() const;
  double tolerance_of(TensorId tensor, program::Wire wire = program::Wire::full);

  // Any inputs. Throws Error(bad_input, ENGINE-...) where the engine refuses them.
  std::vector<engine::OwnedTensor> run(std::span<const engine::OwnedTensor> inputs);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dse::deploy
