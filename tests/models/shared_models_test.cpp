// Real networks, where they are at hand: layers, multiply-accumulates and parameters after folding.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <vector>

#include "base/error.hpp"
#include "models/network.hpp"

namespace dse {
namespace {

struct Expected {
  const char* name;
  std::vector<ShapeBinding> shapes;
  std::size_t
      layers;  // anchors of the model: its nodes less the tails that are fused and the constants that are folded
  std::int64_t macs;
  std::int64_t parameters;
};

const std::vector<Expected>& table() {
  static const std::vector<Expected> all = {
      {"mnist8_conv", {}, 6, 786'560, 5'994},  // Conv 2, MaxPool 2, Reshape 1 (the other is a weight's), MatMul 1
      {"st_mobilenetv2_128_0.5", {}, 60, 18'153'504, 182'276},  // Conv 52, Pad 4, and four
      {"ppocr_cls",
       {{"x", {1, 3, 48, 192}}},
       94,
       16'315'376,
       133'664},  // Conv 53, hard-swish 18, gates 9, GlobalAveragePool 10, and four
      {"ultraface_slim320_simplified",
       {},
       61,
       81'410'560,
       257'916},                                            // Conv 42, Transpose 8, Reshape 8, Concat 2, Softmax
      {"yunet_n_320", {}, 89, 135'598'400, 73'848},         // Conv 59, Transpose 12, Reshape 12, MaxPool 4, Resize 2
      {"yolox_nano", {}, 252, 522'553'408, 904'467},        // Conv 113, SiLU 104, Concat 18, Slice 8, and nine
      {"squeezenet_fp16", {}, 39, 349'151'936, 1'235'496},  // Conv 26, Concat 8, MaxPool 3, GlobalAveragePool, Softmax
      {"unet_sedgen", {}, 17, 1'215'463'424, 116'753},      // Conv 11, MaxPool 2, ConvTranspose 2, Concat 2
      {"espcn_nnresize", {}, 6, 1'041'235'968, 61'124},     // Conv 4, Resize, and the Relu on the input
      {"light_shufflenet",
       {},
       108,
       124'664'528,
       1'420'152},  // Conv 49, Reshape 33, Transpose 16, AveragePool 4, Concat 3, and three
      {"light_inception_v2",
       {},
       95,
       2'018'851'840,
       11'234'792},                                          // Conv 69, Concat 10, AveragePool 8, MaxPool 5, and three
      {"light_vgg19", {}, 26, 19'632'062'464, 143'667'240},  // published: 19.63 GMAC, 143,667,240 parameters
      {"light_resnet50",
       {},
       58,
       4'089'184'256,
       25'610'152},  // published: 4.089 GMAC, 25,557,032 + 53,120 means and variances
      {"seeded_inception_v1", {}, 85, 1'431'556'352, 6'998'552},
      {"seeded_squeezenet", {}, 39, 349'151'936, 1'235'496},
  };
  return all;
}

// Empty, with a printed reason, where the networks are not at hand.
fs::path shared_models() {
  const char* named = std::getenv("DSE_SHARED_MODELS");
  const char* source = std::getenv("DSE_SOURCE_DIR");
  const fs::path folder =
      named != nullptr ? fs::path(named) : fs::path(source != nullptr ? source : ".") / ".." / "shared" / "models";
  if (fs::exists(folder)) return folder;
  std::cout << "SKIPPED: no folder of real networks (DSE_SHARED_MODELS)\n";
  return {};
}

}  // namespace

TEST_CASE("real networks import with the right layers, multiply-accumulates and parameters") {
  const fs::path folder = shared_models();
  if (folder.empty()) return;
  for (const Expected& expected : table()) {
    CAPTURE(expected.name);
    ImportOptions options;
    options.shapes = expected.shapes;
    const Network network = Network::import(folder / (std::string(expected.name) + ".onnx"), options);
    CHECK(network.layers().size() == expected.layers);
    CHECK(network.macs() == expected.macs);
    CHECK(network.parameters() == expected.parameters);
    CHECK(network.parameter_bytes() == expected.parameters * (std::string(expected.name).ends_with("fp16") ? 2 : 4));
    for (const Layer& layer : network.layers()) CHECK_FALSE(layer.whole);
  }
}

TEST_CASE("damaged and foreign files are refused with a place and a reason") {
  const fs::path folder = shared_models();
  if (folder.empty()) return;
  const std::vector<std::pair<const char*, const char*>> refused = {
      {"empty_0byte", "MODEL-FILE"},
      {"lfs_pointer_hardcorenas", "MODEL-FILE"},
      {"dangling_input_unet", "MODEL-DANGLING"},
      {"llm_microllama1", "MODEL-ENGINE"},
      {"customop_requantshift_resnet8", "MODEL-ENGINE"},
  };
  for (const auto& [name, code] : refused) {
    CAPTURE(name);
    try {
      Network::import(folder / "reject" / (std::string(name) + ".onnx"));
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.exit() == ExitCode::bad_input);
      CHECK(error.code() == code);
      CHECK(std::string(error.what()).find(name) != std::string::npos);
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
    }
  }
}

TEST_CASE("operators that were removed from the standard are the engine's to judge") {
  const fs::path folder = shared_models();
  if (folder.empty()) return;
  const Network network = Network::import(folder / "reject" / "experimental_ops_fns_mosaic.onnx");
  CHECK(network.layers().size() == 41);
  CHECK(network.outputs().size() == 1);
}

}  // namespace dse
