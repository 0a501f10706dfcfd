#include "engine/engine.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include <mutex>

#include "base/error.hpp"
#include "engine/library.hpp"

namespace dse::engine {
namespace {

std::string first_line(std::string_view text) { return printable(text.substr(0, text.find('\n')), 600); }

Error engine_error(std::string_view code, const std::string& where, const Ort::Exception& cause) {
  return Error(ExitCode::bad_input, code, {where}, "ONNX Runtime: " + first_line(cause.what()));
}

const Ort::MemoryInfo& host_memory() {
  static const Ort::MemoryInfo info = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  return info;
}

DataType data_type(ONNXTensorElementDataType type) {
  const int value = static_cast<int>(type);  // the first 17 values are TensorProto's
  return value <= static_cast<int>(DataType::bfloat16) ? static_cast<DataType>(value) : DataType::undefined;
}

ONNXTensorElementDataType engine_type(DataType type) {
  return static_cast<ONNXTensorElementDataType>(static_cast<int>(type));
}

// `Ort::Value` takes mutable memory even for inputs, which it only reads.
Ort::Value bind(const TensorType& tensor, const void* data) {
  return Ort::Value::CreateTensor(host_memory(), const_cast<void*>(data), static_cast<std::size_t>(tensor.bytes()),
                                  tensor.shape.data(), tensor.shape.size(), engine_type(tensor.type));
}

OwnedTensor take(const Ort::Value& value, const std::string& port) {
  if (!value.IsTensor()) throw Error(ExitCode::bad_input, "ENGINE-TYPE", {}, "output '" + port + "' is not a tensor");
  const auto info = value.GetTensorTypeAndShapeInfo();
  OwnedTensor result{{data_type(info.GetElementType()), info.GetShape()}, {}};
  if (element_size(result.tensor.type) == 0)
    throw Error(ExitCode::bad_input, "ENGINE-TYPE", {}, "output '" + port + "' has no numeric type");
  const auto* data = static_cast<const std::byte*>(value.GetTensorRawData());
  result.data.assign(data, data + result.tensor.bytes());
  return result;
}

PortInfo port_info(std::string name, const Ort::TypeInfo& type) {
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) return {std::move(name), {}};
  const auto info = type.GetTensorTypeAndShapeInfo();
  return {std::move(name), {data_type(info.GetElementType()), info.GetShape()}};
}

}  // namespace

struct Session::State {
  mutable Ort::Session session{nullptr};  // its Run is thread-safe but not const
  std::vector<PortInfo> inputs;
  std::vector<PortInfo> outputs;
  std::vector<const char*> input_names;
  std::vector<const char*> output_names;

  explicit State(Ort::Session made) : session(std::move(made)) {
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i)
      inputs.push_back(port_info(session.GetInputNameAllocated(i, allocator).get(), session.GetInputTypeInfo(i)));
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i)
      outputs.push_back(port_info(session.GetOutputNameAllocated(i, allocator).get(), session.GetOutputTypeInfo(i)));
    for (const PortInfo& port : inputs) input_names.push_back(port.name.c_str());
    for (const PortInfo& port : outputs) output_names.push_back(port.name.c_str());
  }

  std::vector<Ort::Value> bind_inputs(std::span<const ConstTensorView> views) const {
    if (views.size() != inputs.size())
      throw Error(ExitCode::internal, "ENGINE-RUN",
                  fmt::format("the model has {} inputs, {} were bound", inputs.size(), views.size()));
    std::vector<Ort::Value> values;
    values.reserve(views.size());
    for (const ConstTensorView& view : views) values.push_back(bind(view.tensor, view.data));
    return values;
  }
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const std::vector<PortInfo>& Session::inputs() const { return state_->inputs; }
const std::vector<PortInfo>& Session::outputs() const { return state_->outputs; }

void Session::run(std::span<const ConstTensorView> inputs, std::span<const TensorView> outputs) const try {
  if (outputs.size() != state_->outputs.size())
    throw Error(ExitCode::internal, "ENGINE-RUN",
                fmt::format("the model has {} outputs, {} were bound", state_->outputs.size(), outputs.size()));
  const std::vector<Ort::Value> sources = state_->bind_inputs(inputs);
  std::vector<Ort::Value> targets;
  targets.reserve(outputs.size());
  for (const TensorView& view : outputs) targets.push_back(bind(view.tensor, view.data));
  state_->session.Run(Ort::RunOptions{nullptr}, state_->input_names.data(), sources.data(), sources.size(),
                      state_->output_names.data(), targets.data(), targets.size());
} catch (const Ort::Exception& cause) {
  throw engine_error("ENGINE-RUN", "", cause);
}

std::vector<OwnedTensor> Session::run(std::span<const ConstTensorView> inputs) const try {
  const std::vector<Ort::Value> sources = state_->bind_inputs(inputs);
  const std::vector<Ort::Value> values =
      state_->session.Run(Ort::RunOptions{nullptr}, state_->input_names.data(), sources.data(), sources.size(),
                          state_->output_names.data(), state_->output_names.size());
  std::vector<OwnedTensor> results;
  for (std::size_t i = 0; i < values.size(); ++i) results.push_back(take(values[i], state_->outputs[i].name));
  return results;
} catch (const Ort::Exception& cause) {
  throw engine_error("ENGINE-RUN", "", cause);
}

fs::path Session::end_profiling() try {
  Ort::AllocatorWithDefaultOptions allocator;
  return state_->session.EndProfilingAllocated(allocator).get();
} catch (const Ort::Exception& cause) {
  throw engine_error("ENGINE-PROFILE", "", cause);
}

struct Engine::State {
  EngineOptions options;
  std::string version;
  std::unique_ptr<Ort::Env> environment;

  Ort::SessionOptions session_options(const SessionOptions& wanted) const;
};

// One pool for all sessions: hundreds of segments would else make hundreds of spinning threads. One arena for all
// sessions, grown only by what is asked for: else memory is the sum of all sessions' peaks.
Engine::Engine() : state_(std::make_unique<State>()) {}

namespace {

std::unique_ptr<Ort::Env> make_environment(const EngineOptions& options) {
  // The copies of weights that optimising leaves behind go back to the kernel at once. By itself glibc raises this
  // threshold with the first large block that is freed, and keeps later ones in the heap: ResNet-50 in 57 sessions
  // peaked at 321 MB instead of 147.
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  Ort::ThreadingOptions threading;
  threading.SetGlobalIntraOpNumThreads(options.threads);
  threading.SetGlobalInterOpNumThreads(1);
  threading.SetGlobalSpinControl(options.spin ? 1 : 0);
  auto environment =
      std::make_unique<Ort::Env>(static_cast<const OrtThreadingOptions*>(threading), ORT_LOGGING_LEVEL_FATAL, "dse");
  constexpr int same_as_requested = 1;
  const Ort::ArenaCfg arena(0, same_as_requested, -1, -1);
  environment->CreateAndRegisterAllocator(host_memory(), arena);
  return environment;
}

std::mutex instance_mutex;
Engine* the_engine = nullptr;  // never destroyed: sessions in static objects may outlive any order of destruction
EngineOptions the_options;

}  // namespace

Engine& Engine::instance(const EngineOptions& options) {
  const std::scoped_lock lock(instance_mutex);
  if (the_engine != nullptr) {
    if (options.threads != the_options.threads)
      throw Error(ExitCode::internal, "ENGINE-OPTIONS",
                  fmt::format("the engine runs with {} threads and cannot be changed to {}", the_options.threads,
                              options.threads));
    return *the_engine;
  }
  try {
    std::unique_ptr<Engine> engine(new Engine());
    engine->state_->version = open_library(options.shared_object);
    engine->state_->options = options;
    engine->state_->environment = make_environment(options);
    the_options = options;
    the_engine = engine.release();
  } catch (const Ort::Exception& cause) {
    throw Error(ExitCode::device, "ENGINE-START", "ONNX Runtime: " + first_line(cause.what()));
  }
  return *the_engine;
}

Engine& Engine::instance() {
  if (!started()) return instance(EngineOptions{});
  return *the_engine;
}

bool Engine::started() {
  const std::scoped_lock lock(instance_mutex);
  return the_engine != nullptr;
}

std::string Engine::library_version() { return started() ? instance().version() : open_library({}); }

std::string Engine::version() const { return state_->version; }
int Engine::threads() const { return state_->options.threads; }

Ort::SessionOptions Engine::State::session_options(const SessionOptions& wanted) const {
  Ort::SessionOptions result;
  result.DisablePerSessionThreads();
  result.AddConfigEntry(kOrtSessionOptionsConfigUseEnvAllocators, "1");
  if (!wanted.prepacking) result.AddConfigEntry(kOrtSessionOptionsConfigDisablePrepacking, "1");
  result.SetGraphOptimizationLevel(wanted.optimisation == Optimisation::all ? ORT_ENABLE_ALL : ORT_DISABLE_ALL);
  const std::string& provider = wanted.execution_provider;
  if (!provider.empty() && provider != "cpu") {
    const std::string name = provider == "cuda"       ? "CUDA"
                             : provider == "tensorrt" ? "TensorRT"
                             : provider == "xnnpack"  ? "XNNPACK"
                                                      : provider;
    result.AppendExecutionProvider(name, {});
  }
  if (!wanted.profile_prefix.empty()) result.EnableProfiling(wanted.profile_prefix.c_str());
  return result;
}

Session Engine::load(const fs::path& model, const SessionOptions& options) const try {
  Ort::Session session(*state_->environment, model.c_str(), state_->session_options(options));
  return Session(std::make_unique<Session::State>(std::move(session)));
} catch (const Ort::Exception& cause) {
  throw engine_error("ENGINE-LOAD", model.string(), cause);
}

Session Engine::load(std::span<const std::byte> model, const SessionOptions& options) const try {
  Ort::Session session(*state_->environment, model.data(), model.size(), state_->session_options(options));
  return Session(std::make_unique<Session::State>(std::move(session)));
} catch (const Ort::Exception& cause) {
  throw engine_error("ENGINE-LOAD", "", cause);
}

}  // namespace dse::engine
