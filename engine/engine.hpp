// ONNX Runtime behind a small interface: one per process, opened with dlopen, one thread pool, one allocator.
//
// Every error of the engine becomes Error(bad_input, ENGINE-...) with the engine's first line of text.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/tensor.hpp"

namespace dse::engine {

struct EngineOptions {
  // Empty: DSE_ORT_LIBRARY, then the library found at build time, then libonnxruntime.so(.1) of the loader's path.
  fs::path shared_object;
  int threads = 1;    // size of the one intra-op pool
  bool spin = false;  // whether its idle threads spin
};

struct PortInfo {
  std::string name;
  TensorType tensor;  // an extent that the engine could not infer is -1
};

// A tensor in the caller's memory, row-major and dense.
struct TensorView {
  TensorType tensor;
  void* data = nullptr;
};
struct ConstTensorView {
  TensorType tensor;
  const void* data = nullptr;
};
// A tensor in memory of its own.
struct OwnedTensor {
  TensorType tensor;
  std::vector<std::byte> data;
};

enum class Optimisation { none, all };

struct SessionOptions {
  Optimisation optimisation = Optimisation::all;
  bool prepacking = false;  // copies weights into the kernels' own layout: faster Gemm at batch > 1, twice the memory
  std::string execution_provider;  // "", "cpu", "cuda", "tensorrt", "xnnpack"
  fs::path profile_prefix;         // not empty: the engine records a trace of every kernel (Session::end_profiling)
};

class Session {
 public:
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  const std::vector<PortInfo>& inputs() const;
  const std::vector<PortInfo>& outputs() const;
  // Inputs and outputs in the model's order; writes into the outputs' memory. Thread-safe.
  void run(std::span<const ConstTensorView> inputs, std::span<const TensorView> outputs) const;
  // The same, but the engine allocates the outputs (for shapes that are known only after the run).
  std::vector<OwnedTensor> run(std::span<const ConstTensorView> inputs) const;
  // Ends the trace that SessionOptions::profile_prefix began; the file (Chrome trace JSON, one event a kernel) that
  // holds it.
  fs::path end_profiling();

 private:
  friend class Engine;
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Engine {
 public:
  // Loads the library and makes the environment on the first call; later calls return the same engine and throw
  // Error(internal) where they ask for another number of threads.
  static Engine& instance(const EngineOptions& options);
  // The engine as it runs; with default options where it does not yet.
  static Engine& instance();
  // True where instance() has been called.
  static bool started();
  // Of the library that instance() takes, without starting anything. Throws Error(device, ENGINE-LIBRARY).
  static std::string library_version();

  std::string version() const;  // "1.30.0"
  int threads() const;
  // External data is looked for in the model's folder.
  Session load(const fs::path& model, const SessionOptions& options = {}) const;
  Session load(std::span<const std::byte> model, const SessionOptions& options = {}) const;

 private:
  Engine();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dse::engine
