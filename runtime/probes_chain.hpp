// A chain of models loaded into the engine, with the tensors between them, ready to run.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "runtime/probes.hpp"

namespace dse::probes {

// Tensors by name: chains over one network share them.
class TensorStore {
 public:
  engine::OwnedTensor& at(const std::string& name) { return tensors_[name]; }
  bool has(const std::string& name) const { return tensors_.count(name) != 0; }
  // Values that neither saturate nor vanish: uniform in [-1, 1) for floating point, 0 or 1 for integers; the same for
  // the same name.
  void fill(const std::string& name, const TensorType& type);
  std::uint64_t bytes() const;

 private:
  std::map<std::string, engine::OwnedTensor> tensors_;
};

class LoadedChain {
 public:
  // Loads the models in order. Tensors are made by the first run.
  LoadedChain(const engine::Engine& engine, const Chain& chain);

  std::size_t size() const { return models_.size(); }
  // Runs every model once, in order, with the engine allocating the outputs, so that later runs have memory of the
  // right size.
  void first_run(TensorStore& store);
  // Brings the inputs into the caches, where a model finds them whose input another has just made.
  void read_inputs(std::size_t model) const;
  void run(std::size_t model) { models_[model].session.run(models_[model].inputs, models_[model].outputs); }

 private:
  struct Model {
    engine::Session session;
    std::vector<engine::ConstTensorView> inputs;
    std::vector<engine::TensorView> outputs;
  };
  void bind(Model& model, TensorStore& store);
  void run_for_shapes(Model& model, TensorStore& store);
  std::vector<Model> models_;
};

}  // namespace dse::probes
