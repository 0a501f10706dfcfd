// Whatever the mapping, the deployed network's outputs equal the undivided network's.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "models/zoo.hpp"
#include "tests/support/reseed.hpp"
#include "tests/support/sweep.hpp"

using namespace dse;
using namespace dse::test;

namespace {

void check_exact(const std::string& name, const Network& network, const SweepOptions& options) {
  const SweepResult result = sweep(network, options);
  std::cout << name << " (" << network.layers().size() << " layers): " << result << std::endl;
  CHECK_MESSAGE(result.wrong == 0, name, ": ", result.first_failure);
  CHECK_MESSAGE(result.unseen == 0, name, ": a swapped slice was not seen");
  CHECK_MESSAGE(result.tampered > 0, name, ": no transfer was tampered with");
}

SweepOptions sampled(std::size_t cuts, std::size_t random_each) {
  SweepOptions options;
  options.cuts = cuts;
  options.three_stages = options.four_devices = random_each;
  return options;
}

fs::path shared_models() {
  if (const char* named = std::getenv("DSE_SHARED_MODELS")) return named;
  const char* source = std::getenv("DSE_SOURCE_DIR");
  return source == nullptr ? fs::path() : fs::path(source) / ".." / "shared" / "models";
}

}  // namespace

TEST_CASE("zoo networks are exact under stages, branches across devices, and replicas") {
  const TempDir folder("dse-stages");
  const auto zoo_network = [&](const std::string& name) {
    const fs::path path = folder.path() / (name + ".onnx");
    zoo::make(name, path, {});
    return Network::import(path);
  };
  check_exact("tiny", zoo_network("tiny"),
              SweepOptions{.cuts = 0, .three_stages = 20, .four_devices = 40, .replicas = 20});
  check_exact("squeezenet1.1", zoo_network("squeezenet1.1"), sampled(6, 4));
  check_exact("mobilenetv2", zoo_network("mobilenetv2"), sampled(4, 3));
  check_exact("resnet18", zoo_network("resnet18"), sampled(4, 2));
  check_exact("densenet121", zoo_network("densenet121"), sampled(2, 2));
  check_exact("googlenet", zoo_network("googlenet"), sampled(2, 2));
  check_exact("yolov4-tiny", zoo_network("yolov4-tiny"), sampled(2, 2));
  check_exact("unet", zoo_network("unet"), sampled(2, 2));
}

TEST_CASE("real networks are exact too") {
  const fs::path folder = shared_models();
  if (!fs::is_directory(folder)) {
    std::cout << "skipped 1: no folder of real networks (DSE_SHARED_MODELS)" << std::endl;
    return;
  }
  const TempDir work("dse-stages");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".onnx") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string name = file.stem();
    ImportOptions options;
    if (name == "ppocr_cls") options.shapes = {{"x", {1, 3, 48, 192}}};
    Network network = Network::import(file, options);
    if (name.starts_with("light_")) {  // constant fills are blind to a wrong cut
      CHECK(write_reseeded(network, work.path() / file.filename(), 7) > 0);
      network = Network::import(work.path() / file.filename());
    }
    const bool large = name == "light_vgg19" || name == "light_resnet50" || name == "yolox_nano";
    check_exact(name, network, large ? sampled(2, 1) : sampled(3, 2));
  }
}
