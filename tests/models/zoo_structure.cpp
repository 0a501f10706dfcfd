// The zoo's topologies against published parameter and multiply-accumulate counts, and the files it writes.
#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "models/zoo.hpp"
#include "models/zoo/networks.hpp"
#include "models/zoo/writer.hpp"

using namespace dse;

namespace {

std::int64_t product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// Counts from the records of a network, with shapes of its own that owe nothing to the builder's.
class Counter {
 public:
  explicit Counter(const zoo::Builder& network) {
    for (const zoo::Initializer& weight : network.initializers()) shapes_[weight.name] = weight.shape;
    for (const zoo::Value& input : network.inputs()) shapes_[input.name] = input.shape;
    for (const zoo::Initializer& weight : network.initializers())
      parameters += counted(weight) ? product(weight.shape) : 0;
    for (const zoo::Node& node : network.nodes()) shapes_[node.output] = shape_of(node);
  }

  const Shape& shape(const std::string& tensor) const { return shapes_.at(tensor); }
  std::int64_t parameters = 0;  // trained ones: weights, biases, scales
  std::int64_t macs = 0;

 private:
  static bool counted(const zoo::Initializer& weight) {
    return weight.name.ends_with(".weight") || weight.name.ends_with(".bias");
  }

  static std::vector<std::int64_t> ints(const zoo::Node& node, const std::string& name) {
    for (const zoo::Attribute& attribute : node.attributes)
      if (attribute.name == name) return std::get<std::vector<std::int64_t>>(attribute.value);
    return {};
  }
  static std::int64_t integer(const zoo::Node& node, const std::string& name) {
    for (const zoo::Attribute& attribute : node.attributes)
      if (attribute.name == name) return std::get<std::int64_t>(attribute.value);
    return 0;
  }

  Shape windowed(const zoo::Node& node, const Shape& x, std::int64_t channels) const {
    const auto kernel = ints(node, "kernel_shape"), strides = ints(node, "strides"), pads = ints(node, "pads");
    Shape shape{x[0], channels};
    for (std::size_t i = 0; i < 2; ++i) {
      const double span = static_cast<double>(x[i + 2] + pads[i] + pads[i + 2] - kernel[i]);
      const double steps = span / static_cast<double>(strides[i]);
      shape.push_back(
          static_cast<std::int64_t>(integer(node, "ceil_mode") != 0 ? std::ceil(steps) : std::floor(steps)) + 1);
    }
    return shape;
  }

  Shape shape_of(const zoo::Node& node) {
    const Shape& x = shapes_.at(node.inputs.at(0));
    if (node.op_type == "Conv") {
      const Shape& w = shapes_.at(node.inputs[1]);
      const Shape y = windowed(node, x, w[0]);
      macs += product(y) * w[1] * w[2] * w[3];
      return y;
    }
    if (node.op_type == "ConvTranspose") {
      const Shape& w = shapes_.at(node.inputs[1]);
      macs += product(x) * w[1] * w[2] * w[3];
      return {x[0], w[1], (x[2] - 1) * 2 + w[2], (x[3] - 1) * 2 + w[3]};
    }
    if (node.op_type == "Gemm") {
      const Shape& w = shapes_.at(node.inputs[1]);
      REQUIRE(w[1] == x[1]);
      macs += product(w);
      return {x[0], w[0]};
    }
    if (node.op_type == "MaxPool" || node.op_type == "AveragePool") return windowed(node, x, x[1]);
    if (node.op_type == "GlobalAveragePool") return {x[0], x[1], 1, 1};
    if (node.op_type == "Flatten") return {x[0], product(x) / x[0]};
    if (node.op_type == "Resize") return {x[0], x[1], 2 * x[2], 2 * x[3]};
    if (node.op_type == "Slice") return {x[0], x[1] / 2, x[2], x[3]};
    if (node.op_type == "Concat") {
      Shape y = x;
      y[1] = 0;
      for (const std::string& input : node.inputs) y[1] += shapes_.at(input)[1];
      return y;
    }
    if (node.op_type == "Add") REQUIRE(x == shapes_.at(node.inputs[1]));
    return x;
  }

  std::map<std::string, Shape> shapes_;
};

struct Anchor {
  const char* name;
  void (*build)(zoo::Builder&);
  std::int64_t parameters;  // exact
  double gmacs;             // within 1 %
  Shape output;             // of the first output
};

std::string bytes_of(const fs::path& path) { return read_text(path, std::uint64_t{1} << 31); }

onnx::ModelProto parsed(const fs::path& path) {
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(bytes_of(path)));
  return model;
}

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace

TEST_CASE("zoo: parameters and multiply-accumulates are the published ones") {
  // torchvision's parameter counts; GoogLeNet's are those of Caffe's model, the U-Net's those of its brain-segmentation
  // port
  const Shape logits{1, 1000};
  const std::vector<Anchor> anchors{
      {"alexnet", zoo::alexnet, 61'100'840, 0.714, logits},
      {"vgg16", zoo::vgg16, 138'357'544, 15.47, logits},
      {"vgg19", zoo::vgg19, 143'667'240, 19.63, logits},
      {"resnet18", zoo::resnet18, 11'689'512, 1.814, logits},
      {"resnet50", zoo::resnet50, 25'557'032, 4.089, logits},
      {"resnet101", zoo::resnet101, 44'549'160, 7.801, logits},
      {"mobilenetv2", zoo::mobilenetv2, 3'504'872, 0.3008, logits},
      {"densenet121", zoo::densenet121, 7'978'856, 2.834, logits},
      {"densenet264", zoo::densenet264, 33'337'704, 5.752, logits},
      {"squeezenet1.1", zoo::squeezenet11, 1'235'496, 0.349, logits},
      {"googlenet", zoo::googlenet, 6'998'552, 1.582, logits},
      {"unet", zoo::unet, 7'763'041, 12.07, {1, 1, 256, 256}},
      {"yolov4-tiny", zoo::yolov4_tiny, 6'056'606, 3.45, {1, 255, 13, 13}},
  };
  for (const Anchor& anchor : anchors) {
    CAPTURE(anchor.name);
    zoo::Builder network(anchor.name, 1);
    anchor.build(network);
    const Counter counter(network);
    CHECK(counter.parameters == anchor.parameters);
    CHECK(static_cast<double>(counter.macs) / 1e9 == doctest::Approx(anchor.gmacs).epsilon(0.01));
    for (const zoo::Value& output : network.outputs()) CHECK(counter.shape(output.name) == output.shape);
    CHECK(network.outputs()[0].shape == anchor.output);
    CHECK(network.inputs()[0].name == "input");
  }
}

TEST_CASE("zoo: all networks are listed once, the detector and the test network have several outputs") {
  std::map<std::string, int> names;
  for (const zoo::Entry& entry : zoo::entries()) {
    ++names[entry.name];
    CHECK_FALSE(entry.description.empty());
  }
  CHECK(names.size() == 14);
  CHECK(zoo::entries().size() == 14);
  zoo::Builder detector("yolov4-tiny", 1), tiny("tiny", 1);
  zoo::yolov4_tiny(detector);
  zoo::tiny(tiny);
  CHECK(detector.outputs().size() == 2);
  CHECK(tiny.outputs().size() == 2);
  CHECK(Counter(tiny).parameters < 50'000);
}

TEST_CASE("zoo: a file holds the records of its network, in a form that other tools read") {
  const TempDir folder("dse-zoo");
  const fs::path path = folder.path() / "tiny.onnx";
  zoo::make("tiny", path);
  const onnx::ModelProto model = parsed(path);
  zoo::Builder network("tiny", 1);
  zoo::tiny(network);

  CHECK(model.ir_version() == 7);
  REQUIRE(model.opset_import_size() == 1);
  CHECK(model.opset_import(0).version() == 13);
  REQUIRE(model.graph().node_size() == static_cast<int>(network.nodes().size()));
  for (int i = 0; i < model.graph().node_size(); ++i) CHECK(model.graph().node(i).name() == network.nodes()[i].name);
  REQUIRE(model.graph().initializer_size() == static_cast<int>(network.initializers().size()));
  for (int i = 0; i < model.graph().initializer_size(); ++i) {
    const onnx::TensorProto& tensor = model.graph().initializer(i);
    CHECK(tensor.name() == network.initializers()[i].name);
    const std::size_t each = tensor.data_type() == onnx::TensorProto::INT64 ? 8 : 4;
    CHECK(tensor.raw_data().size() == each * static_cast<std::size_t>(product(network.initializers()[i].shape)));
  }
}

TEST_CASE("zoo: equal seeds give equal files, different seeds different weights everywhere") {
  const TempDir folder("dse-zoo");
  zoo::make("tiny", folder.path() / "a.onnx", {7});
  zoo::make("tiny", folder.path() / "b.onnx", {7});
  zoo::make("tiny", folder.path() / "c.onnx", {8});
  CHECK(bytes_of(folder.path() / "a.onnx") == bytes_of(folder.path() / "b.onnx"));
  const onnx::ModelProto a = parsed(folder.path() / "a.onnx"), c = parsed(folder.path() / "c.onnx");
  for (int i = 0; i < a.graph().initializer_size(); ++i)
    if (a.graph().initializer(i).name().find(".scales") == std::string::npos)
      CHECK_MESSAGE(a.graph().initializer(i).raw_data() != c.graph().initializer(i).raw_data(),
                    a.graph().initializer(i).name());
}

TEST_CASE("zoo: weights are the same on every machine") {
  // computed from the definitions (splitmix64, FNV-1a, Irwin-Hall of four) with integers of any length
  const std::uint64_t key = zoo::stream_key(1, "a");
  CHECK(key == 0x8484C83A54DA2D8BU);
  std::array<float, 4> values{};
  const double unit = std::sqrt((65536.0 * 65536.0 - 1) / 3);  // the deviation at which one step is 1
  zoo::draw({zoo::Distribution::Kind::normal, 0, unit, 0}, key, 0, values);
  CHECK(values == std::array<float, 4>{-35783, 69730, 29062, -30690});
}

TEST_CASE("zoo: drawn numbers have the asked moments, and a filter's sum is nothing") {
  std::vector<float> values(90'000);
  const auto moments = [&values] {
    double sum = 0, squares = 0;
    for (const float value : values)
      sum += static_cast<double>(value), squares += static_cast<double>(value) * static_cast<double>(value);
    const double mean = sum / static_cast<double>(values.size());
    return std::pair{mean, std::sqrt(squares / static_cast<double>(values.size()) - mean * mean)};
  };
  using Kind = zoo::Distribution::Kind;
  zoo::draw({Kind::normal, 0, 2, 0}, 1, 0, values);
  CHECK(moments().first == doctest::Approx(0).epsilon(0.03));
  CHECK(moments().second == doctest::Approx(2).epsilon(0.02));
  zoo::draw({Kind::normal, 3, 0.5, 0}, 1, 0, values);
  CHECK(moments().first == doctest::Approx(3).epsilon(0.01));
  CHECK(moments().second == doctest::Approx(0.5).epsilon(0.02));
  zoo::draw({Kind::uniform, 1, 0.25, 0}, 1, 0, values);
  CHECK(moments().second == doctest::Approx(0.25 / std::sqrt(3.0)).epsilon(0.02));
  for (const float value : values) REQUIRE((value >= 0.75F && value <= 1.25F));
  zoo::draw({Kind::normal, 0, 1, 90}, 1, 0, values);
  for (std::size_t start = 0; start < values.size(); start += 90)
    REQUIRE(std::abs(std::accumulate(values.begin() + start, values.begin() + start + 90, 0.0)) < 0.01);
  std::vector<float> part(180);
  zoo::draw({Kind::normal, 0, 1, 90}, 1, 900, part);
  CHECK(std::equal(part.begin(), part.end(), values.begin() + 900));
}

TEST_CASE("zoo: external weights are aligned, inside their file, and equal to the embedded ones") {
  const TempDir folder("dse-zoo");
  zoo::make("tiny", folder.path() / "in.onnx");
  zoo::make("tiny", folder.path() / "out.onnx", {1, true});
  CHECK(zoo::files(folder.path() / "out.onnx", {1, true}).at(1) == folder.path() / "out.weights.bin");
  const std::string weights = bytes_of(folder.path() / "out.weights.bin");
  const onnx::ModelProto embedded = parsed(folder.path() / "in.onnx"), external = parsed(folder.path() / "out.onnx");
  int moved = 0;
  for (int i = 0; i < external.graph().initializer_size(); ++i) {
    const onnx::TensorProto& tensor = external.graph().initializer(i);
    const std::string& expected = embedded.graph().initializer(i).raw_data();
    CHECK((tensor.data_location() == onnx::TensorProto::EXTERNAL) == (expected.size() >= 1024));
    if (tensor.data_location() != onnx::TensorProto::EXTERNAL) {
      CHECK(tensor.raw_data() == expected);
      continue;
    }
    ++moved;
    std::map<std::string, std::string> entries;
    for (const auto& entry : tensor.external_data()) entries[entry.key()] = entry.value();
    CHECK(entries["location"] == "out.weights.bin");
    const std::size_t offset = std::stoull(entries["offset"]), length = std::stoull(entries["length"]);
    CHECK(offset % 4096 == 0);
    REQUIRE(offset + length <= weights.size());
    CHECK(weights.compare(offset, length, expected) == 0);
  }
  CHECK(moved > 5);
}

TEST_CASE("zoo: what cannot be made is refused before anything is written") {
  const TempDir folder("dse-zoo");
  const fs::path path = folder.path() / "m.onnx";
  CHECK(code_of([&] { zoo::make("resnet5", path); }) == "ZOO-NAME");
  for (const std::int64_t width : {std::int64_t{23'200}, std::int64_t{1} << 31}) {
    zoo::Builder network("wide", 1);
    const zoo::Value x = network.flatten("flatten", network.input("input", {1, width, 1, 1}));
    network.output("output", network.gemm("fc", x, width));
    CHECK(code_of([&] { zoo::write_model(network, path, false); }) == "ZOO-SIZE");
    CHECK(code_of([&] { zoo::write_model(network, path, true); }) == "ZOO-SIZE");
  }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("zoo: a wrong description is caught while the graph is built") {
  zoo::Builder network("wrong", 1);
  const zoo::Value x = network.input("input", {1, 4, 8, 8});
  network.relu("relu", x);
  CHECK(code_of([&] { network.relu("relu", x); }) == "ZOO-GRAPH");
  CHECK(code_of([&] { network.conv("grouped", x, {.out = 6, .groups = 3}); }) == "ZOO-GRAPH");
  CHECK(code_of([&] { network.conv("large", x, {.out = 6, .kernel = 11, .pad = 0}); }) == "ZOO-GRAPH");
  CHECK(code_of([&] { network.add("sum", x, network.max_pool("pool", x, {})); }) == "ZOO-GRAPH");
  CHECK(code_of([&] { network.slice_channels("slice", x, 2, 5); }) == "ZOO-GRAPH");
  CHECK(code_of([&] { network.gemm("gemm", x, 3); }) == "ZOO-GRAPH");
}
