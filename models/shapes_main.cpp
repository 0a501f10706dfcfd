// dse-shapes FOLDER [values]: loads FOLDER/model.onnx without optimisation and writes FOLDER/ports, one line for each
// output of the model: "i" (the engine inferred it) or "r" (read from a run), element type, rank, extents. The model is
// run, with small made-up inputs, only where an output's shape is not inferred, or when `values` are asked for: each
// output's bytes then lie in FOLDER/<index>. Exit code: that of the error; its code and message are two lines on
// stderr.
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "engine/engine.hpp"

namespace dse {
namespace {

constexpr std::int64_t most_bytes = std::int64_t{8} << 30;

// The engine's interface shows a tensor of unknown rank as one of rank 0, which therefore counts as unknown.
bool known(const TensorType& tensor) {
  return tensor.type != DataType::undefined && !tensor.shape.empty() && element_count(tensor.shape).has_value();
}

// Refuses to run what could not fit; sizes that are not known yet are bounded by the process's own memory limit.
void check_sizes(const std::vector<engine::PortInfo>& ports) {
  std::int64_t sum = 0;
  for (const engine::PortInfo& port : ports) {
    if (!known(port.tensor)) continue;
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(port.tensor.elements(), static_cast<std::int64_t>(element_size(port.tensor.type)),
                               &bytes) ||
        __builtin_add_overflow(sum, bytes, &sum) || sum > most_bytes)
      throw Error(ExitCode::bad_input, "MODEL-SIZE", {},
                  fmt::format("its tensors up to '{}' need more than 8 GiB for one frame", printable(port.name)));
  }
}

// Numbers in [0, 1) for floating-point types, 0 and 1 for integers: small enough to be an index or a condition.
std::vector<std::byte> made_up(const TensorType& tensor) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.bytes()));
  std::uint32_t state = 12345;
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    state = state * 1664525u + 1013904223u;
    std::byte* target = bytes.data() + static_cast<std::size_t>(i) * element_size(tensor.type);
    const double value = static_cast<double>(state >> 8) / 16777216.0;
    if (tensor.type == DataType::float32) {
      const auto number = static_cast<float>(value);
      std::memcpy(target, &number, sizeof number);
    } else if (tensor.type == DataType::float64) {
      std::memcpy(target, &value, sizeof value);
    } else if (tensor.type == DataType::float16) {
      const std::uint16_t half = static_cast<std::uint16_t>(0x3800 + (state >> 22));  // [0.5, 1)
      std::memcpy(target, &half, sizeof half);
    } else if (tensor.type == DataType::bfloat16) {
      const std::uint16_t half = static_cast<std::uint16_t>(0x3f00 + (state >> 25));  // [0.5, 1)
      std::memcpy(target, &half, sizeof half);
    } else {
      *target = static_cast<std::byte>(state >> 31);
    }
  }
  return bytes;
}

std::vector<engine::OwnedTensor> run(const engine::Session& session) {
  check_sizes(session.inputs());
  check_sizes(session.outputs());
  std::vector<std::vector<std::byte>> data;
  std::vector<engine::ConstTensorView> views;
  for (const engine::PortInfo& port : session.inputs()) data.push_back(made_up(port.tensor));
  for (std::size_t i = 0; i < data.size(); ++i) views.push_back({session.inputs()[i].tensor, data[i].data()});
  return session.run(views);
}

std::string line(char source, const TensorType& tensor) {
  std::string text = fmt::format("{} {} {}", source, static_cast<int>(tensor.type), tensor.shape.size());
  for (const std::int64_t extent : tensor.shape) text += fmt::format(" {}", extent);
  return text + "\n";
}

void examine(const fs::path& folder, bool values) {
  engine::SessionOptions options;
  options.optimisation = engine::Optimisation::none;
  const engine::Session session = engine::Engine::instance().load(folder / "model.onnx", options);
  const std::vector<engine::PortInfo>& ports = session.outputs();
  bool all_known = true;
  for (const engine::PortInfo& port : ports) all_known = all_known && known(port.tensor);
  std::vector<engine::OwnedTensor> results;
  if (values || !all_known) results = run(session);
  std::string text;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (known(ports[i].tensor))
      text += line('i', ports[i].tensor);
    else
      text += line(results[i].tensor.shape.empty() ? 'i' : 'r', results[i].tensor);  // a scalar varies in nothing
    if (values)
      write_file(folder / std::to_string(i),
                 {reinterpret_cast<const char*>(results[i].data.data()), results[i].data.size()});
  }
  write_file(folder / "ports", text);
}

}  // namespace
}  // namespace dse

int main(int argc, char** argv) try {
  if (argc < 2 || argc > 3 || (argc == 3 && std::string(argv[2]) != "values")) {
    std::fputs("usage: dse-shapes FOLDER [values]\n", stderr);
    return static_cast<int>(dse::ExitCode::usage);
  }
  dse::examine(argv[1], argc == 3);
  return 0;
} catch (const dse::Error& error) {
  std::fprintf(stderr, "%s\n%s\n", error.code().c_str(), error.message().c_str());
  return static_cast<int>(error.exit());
} catch (const std::exception& error) {
  std::fprintf(stderr, "MODEL-ENGINE\n%s\n", error.what());
  return static_cast<int>(dse::ExitCode::bad_input);
}
