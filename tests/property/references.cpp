// Real networks against reference outputs that came with them: undivided, and divided in process.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <regex>
#include <sstream>

#include "deploy/exactness.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/mappings.hpp"

using namespace dse;
using namespace dse::test;

namespace {

fs::path shared_models() {
  if (const char* named = std::getenv("DSE_SHARED_MODELS")) return named;
  const char* source = std::getenv("DSE_SOURCE_DIR");
  return source == nullptr ? fs::path() : fs::path(source) / ".." / "shared" / "models";
}

Shape npy_shape(const fs::path& path) {
  const std::string file = read_text(path, 1u << 30);
  std::smatch match;
  const std::string header = file.substr(0, 256);
  REQUIRE(std::regex_search(header, match, std::regex(R"(\(([^)]*)\))")));
  Shape shape;
  std::stringstream numbers(match[1].str());
  for (std::string word; std::getline(numbers, word, ',');)
    if (word.find_first_of("0123456789") != std::string::npos) shape.push_back(std::stoll(word));
  return shape;
}

// The elements of a .npy file (format 1.0: magic, version, the header's length in two bytes, header, row-major data).
std::vector<std::byte> read_npy(const fs::path& path) {
  const std::string file = read_text(path, 1u << 30);
  REQUIRE(file.size() > 10);
  const std::size_t header = static_cast<unsigned char>(file[8]) + 256u * static_cast<unsigned char>(file[9]);
  const auto* data = reinterpret_cast<const std::byte*>(file.data());
  return {data + 10 + header, data + file.size()};
}

std::vector<engine::OwnedTensor> read_ports(const fs::path& folder, const std::string& name, const std::string& kind,
                                            const Network& network, const std::vector<TensorId>& ports) {
  std::vector<engine::OwnedTensor> tensors;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const TensorType& type = network.tensors()[ports[i]].tensor;
    tensors.push_back({type, read_npy(folder / (name + "." + kind + std::to_string(i) + ".npy"))});
    REQUIRE(tensors.back().data.size() == static_cast<std::size_t>(type.bytes()));
  }
  return tensors;
}

// Symbolic dimensions are what the case's inputs have.
Network bound(const fs::path& model, const fs::path& stem) {
  ImportOptions options;
  options.allow_unbound = true;
  const Network open = Network::import(model, options);
  options.allow_unbound = false;
  for (std::size_t i = 0; i < open.inputs().size(); ++i)
    options.shapes.push_back(
        {open.tensors()[open.inputs()[i]].name, npy_shape(stem.string() + ".in" + std::to_string(i) + ".npy")});
  return Network::import(model, options);
}

}  // namespace

TEST_CASE("real networks give their reference outputs, undivided and divided") {
  const fs::path folder = shared_models() / "io";
  if (!fs::is_directory(folder)) {
    std::cout << "skipped 1: no folder of reference outputs (DSE_SHARED_MODELS)" << std::endl;
    return;
  }
  std::map<std::string, std::vector<std::string>> cases;  // network → names of its cases
  const std::regex name(R"((.+)\.([^.]+)\.in0\.npy)");
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::smatch match;
    const std::string file = entry.path().filename().string();
    if (std::regex_match(file, match, name)) cases[match[1]].push_back(match[2]);
  }
  Random random(5);
  std::size_t compared = 0;
  for (const auto& [model, names] : cases) {
    const Platform platform = local_platform(3);
    for (const std::string& one : names) {
      const std::string stem = model + "." + one;
      const Network network = bound(shared_models() / (model + ".onnx"), folder / stem);
      deploy::Reference reference(network, engine::Engine::instance());
      const auto inputs = read_ports(folder, stem, "in", network, network.inputs());
      const auto wanted = read_ports(folder, stem, "out", network, network.outputs());
      const auto undivided = reference.run(inputs);
      const auto check = [&](const char* what, std::size_t port, std::span<const std::byte> got) {
        const double error = deploy::relative_error(wanted[port].tensor, got, wanted[port].data);
        CHECK_MESSAGE(error <= reference.tolerance_of(network.outputs()[port]), stem, " ", what, " output ", port,
                      " is off by ", error);
        ++compared;
      };
      for (std::size_t port = 0; port < wanted.size(); ++port) check("undivided", port, undivided[port].data);
      for (const Mapping& mapping :
           {random_contiguous(network, 3, 3, random), Mapping{{random_hybrid(network, 3, random)}, 0}}) {
        const Outcome outcome = run_in_process(network, platform, mapping, {inputs});
        for (std::size_t port = 0; port < wanted.size(); ++port) check("divided", port, outcome.outputs[0][port]);
      }
    }
  }
  std::cout << compared << " reference outputs of " << cases.size() << " networks compared" << std::endl;
  CHECK(compared > 0);
}
