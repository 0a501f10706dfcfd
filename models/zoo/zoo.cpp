#include "models/zoo.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "models/zoo/networks.hpp"
#include "models/zoo/writer.hpp"

namespace dse::zoo {
namespace {

struct Recipe {
  const char* name;
  const char* description;
  void (*build)(Builder&);
};

constexpr std::array recipes{
    Recipe{"alexnet", "AlexNet (torchvision), 224x224, 61.1 M parameters, 0.71 GMAC", alexnet},
    Recipe{"vgg16", "VGG-16, 224x224, 138.4 M parameters, 15.5 GMAC", vgg16},
    Recipe{"vgg19", "VGG-19, 224x224, 143.7 M parameters, 19.6 GMAC", vgg19},
    Recipe{"resnet18", "ResNet-18, 224x224, 11.7 M parameters, 1.8 GMAC", resnet18},
    Recipe{"resnet50", "ResNet-50, 224x224, 25.6 M parameters, 4.1 GMAC", resnet50},
    Recipe{"resnet101", "ResNet-101, 224x224, 44.5 M parameters, 7.8 GMAC", resnet101},
    Recipe{"mobilenetv2", "MobileNetV2, 224x224, 3.5 M parameters, 0.3 GMAC", mobilenetv2},
    Recipe{"densenet121", "DenseNet-121, 224x224, 8.0 M parameters, 2.8 GMAC", densenet121},
    Recipe{"densenet264", "DenseNet-264, 224x224, 33.3 M parameters, 5.8 GMAC", densenet264},
    Recipe{"squeezenet1.1", "SqueezeNet 1.1, 224x224, 1.2 M parameters, 0.35 GMAC", squeezenet11},
    Recipe{"googlenet",
           "GoogLeNet as first published (LRN, no batch normalisation), 224x224, 7.0 M parameters, 1.6 GMAC",
           googlenet},
    Recipe{"unet", "U-Net of base width 32 with transposed convolutions, 256x256, 7.8 M parameters, 12.1 GMAC", unet},
    Recipe{"yolov4-tiny", "YOLOv4-tiny detector with two heads, 416x416, 6.1 M parameters, 3.5 GMAC", yolov4_tiny},
    Recipe{"tiny", "a small network with a residual sum, branches and two outputs, for tests, 32x32", tiny},
};

const Recipe& recipe_of(const std::string& name) {
  const auto found =
      std::find_if(recipes.begin(), recipes.end(), [&](const Recipe& recipe) { return name == recipe.name; });
  if (found != recipes.end()) return *found;
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes) names.emplace_back(recipe.name);
  throw Error(ExitCode::usage, "ZOO-NAME", "'" + printable(name) + "' is not in the zoo" + suggestion(name, names));
}

}  // namespace

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = [] {
    std::vector<Entry> list;
    for (const Recipe& recipe : recipes) list.push_back({recipe.name, recipe.description});
    return list;
  }();
  return all;
}

std::vector<fs::path> files(const fs::path& path, const MakeOptions& options) {
  if (options.external_data) return {path, external_file(path)};
  return {path};
}

void make(const std::string& name, const fs::path& path, const MakeOptions& options) {
  const Recipe& recipe = recipe_of(name);
  Builder network(recipe.name, options.seed);
  recipe.build(network);
  write_model(network, path, options.external_data);
}

void make_calibration_shapes(const fs::path& path) {
  Builder network("calibration_shapes", 1);
  calibration_shapes(network);
  write_model(network, path, false);
}

}  // namespace dse::zoo
