#include "runtime/probes_chain.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

namespace dse::probes {
namespace {

// IEEE half of a number whose magnitude is 1 or less and a multiple of 1/1024: exact for those that are not too small.
std::uint16_t half(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const int exponent = static_cast<int>((bits >> 23) & 0xffu) - 127 + 15;
  if (exponent <= 0) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(exponent) << 10 | ((bits >> 13) & 0x3ffu));
}

template <typename T, typename Make>
void fill_with(std::vector<std::byte>& data, Make make) {
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    const T value = make();
    std::memcpy(data.data() + at, &value, sizeof value);
  }
}

}  // namespace

void TensorStore::fill(const std::string& name, const TensorType& type) {
  engine::OwnedTensor& tensor = tensors_[name];
  tensor.tensor = type;
  for (auto& extent : tensor.tensor.shape) {
    if (extent < 0) extent = 1;
  }
  tensor.data.assign(static_cast<std::size_t>(tensor.tensor.bytes()), std::byte{0});
  std::mt19937 random(static_cast<unsigned>(std::hash<std::string>{}(name)));
  const auto uniform = [&random] { return static_cast<float>(random() >> 21) / 1024.f - 1.f; };
  const auto bit = [&random] { return random() >> 31; };
  switch (type.type) {
    case DataType::float32:
      fill_with<float>(tensor.data, uniform);
      break;
    case DataType::float64:
      fill_with<double>(tensor.data, [&] { return static_cast<double>(uniform()); });
      break;
    case DataType::float16:
      fill_with<std::uint16_t>(tensor.data, [&] { return half(uniform()); });
      break;
    case DataType::int64:
    case DataType::uint64:
      fill_with<std::uint64_t>(tensor.data, bit);
      break;
    case DataType::int32:
    case DataType::uint32:
      fill_with<std::uint32_t>(tensor.data, [&] { return static_cast<std::uint32_t>(bit()); });
      break;
    case DataType::int16:
    case DataType::uint16:
      fill_with<std::uint16_t>(tensor.data, [&] { return static_cast<std::uint16_t>(bit()); });
      break;
    default:
      fill_with<std::uint8_t>(tensor.data, [&] { return static_cast<std::uint8_t>(bit()); });
      break;
  }
}

std::uint64_t TensorStore::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, tensor] : tensors_) sum += tensor.data.size();
  return sum;
}

LoadedChain::LoadedChain(const engine::Engine& engine, const Chain& chain) {
  for (const std::string& path : chain) models_.push_back({engine.load(fs::path(path)), {}, {}});
}

void LoadedChain::bind(Model& model, TensorStore& store) {
  model.inputs.clear();
  model.outputs.clear();
  for (const engine::PortInfo& port : model.session.inputs()) {
    engine::OwnedTensor& tensor = store.at(port.name);
    model.inputs.push_back({tensor.tensor, tensor.data.data()});
  }
  for (const engine::PortInfo& port : model.session.outputs()) {
    engine::OwnedTensor& tensor = store.at(port.name);
    model.outputs.push_back({tensor.tensor, tensor.data.data()});
  }
}

void LoadedChain::read_inputs(std::size_t model) const {
  constexpr std::size_t cache_line = 64;
  [[maybe_unused]] volatile std::byte sink{};
  for (const engine::ConstTensorView& input : models_[model].inputs)
    for (std::size_t at = 0; at < static_cast<std::size_t>(input.tensor.bytes()); at += cache_line)
      sink = static_cast<const std::byte*>(input.data)[at];
}

void LoadedChain::first_run(TensorStore& store) {
  for (Model& model : models_) {
    for (const engine::PortInfo& port : model.session.inputs()) {
      if (!store.has(port.name)) store.fill(port.name, port.tensor);
    }
    const auto& ports = model.session.outputs();
    const bool known = std::all_of(ports.begin(), ports.end(), [&store](const engine::PortInfo& port) {
      const auto& shape = port.tensor.shape;
      return store.has(port.name) ||
             std::none_of(shape.begin(), shape.end(), [](std::int64_t extent) { return extent < 0; });
    });
    if (known) {
      for (const engine::PortInfo& port : ports) {
        if (!store.has(port.name)) store.fill(port.name, port.tensor);
      }
      bind(model, store);
      model.session.run(model.inputs, model.outputs);
    } else {
      run_for_shapes(model, store);
    }
  }
}

// The engine makes the outputs, since only it knows their shapes.
void LoadedChain::run_for_shapes(Model& model, TensorStore& store) {
  std::vector<engine::ConstTensorView> inputs;
  for (const engine::PortInfo& port : model.session.inputs()) {
    engine::OwnedTensor& tensor = store.at(port.name);
    inputs.push_back({tensor.tensor, tensor.data.data()});
  }
  std::vector<engine::OwnedTensor> outputs = model.session.run(inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = model.session.outputs()[i].name;
    // Another chain's bindings may point at a tensor that is there already: it keeps its memory.
    if (!store.has(name)) store.at(name) = std::move(outputs[i]);
  }
  bind(model, store);
}

}  // namespace dse::probes
