// External data: only regular files inside the model's folder, with every number checked.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "tests/support/onnx_build.hpp"

#include "models/network.hpp"

namespace dse {
namespace {

using test::OnnxBuild;
using Entries = std::vector<std::pair<std::string, std::string>>;

// y = x + w where w (4 floats) lies outside, as `entries` say.
OnnxBuild with_external(const Entries& entries) {
  OnnxBuild build;
  build.input("x", {1, 4}).output("y", {1, 4});
  build.node("Add", {"x", "w"}, {"y"}, "add");
  onnx::TensorProto& tensor = *build.graph().add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(4);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : entries) {
    tensor.add_external_data()->set_key(key);
    tensor.mutable_external_data(tensor.external_data_size() - 1)->set_value(value);
  }
  return build;
}

// A folder with a secret beside the model's folder, and links to it from inside.
struct Scene {
  TempDir root{"dse-test"};
  fs::path folder = root.path() / "model";
  fs::path path = folder / "m.onnx";

  Scene() {
    fs::create_directory(folder);
    fs::create_directory(folder / "sub");
    const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const std::string bytes(reinterpret_cast<const char*>(values), sizeof values);
    write_file(root.path() / "secret.bin", bytes);
    write_file(folder / "w.bin", bytes);
    write_file(folder / "sub" / "w.bin", bytes);
    fs::create_symlink("../secret.bin", folder / "link.bin");
    fs::create_directory_symlink("..", folder / "up");
    write_file(folder / "original.bin", bytes);
    fs::create_hard_link(folder / "original.bin", folder / "hard.bin");
    REQUIRE(::mkfifo((folder / "fifo.bin").c_str(), 0600) == 0);
  }

  std::string code(const Entries& entries) const {
    with_external(entries).write(path);
    try {
      Network::import(path);
    } catch (const Error& error) {
      CHECK(error.exit() == ExitCode::bad_input);
      CHECK(std::string(error.what()).find("'w'") != std::string::npos);
      return error.code();
    }
    return "accepted";
  }
};

}  // namespace

TEST_CASE("external data inside the folder is mapped from its offset") {
  const Scene scene;
  CHECK(scene.code({{"location", "w.bin"}}) == "accepted");
  CHECK(scene.code({{"location", "sub/w.bin"}, {"offset", "16"}, {"length", "16"}, {"checksum", "x"}}) == "accepted");
  const Network network = Network::import(scene.path);
  REQUIRE(network.weights().size() == 1);
  float first = 0;
  std::memcpy(&first, network.weights()[0].data, sizeof first);
  CHECK(first == 5);
}

TEST_CASE("the network's hash covers its external data") {
  const Scene scene;
  REQUIRE(scene.code({{"location", "w.bin"}}) == "accepted");
  const std::string before = Network::import(scene.path).sha256();
  write_file(scene.folder / "w.bin", std::string(32, '\1'));
  CHECK(Network::import(scene.path).sha256() != before);
}

TEST_CASE("external data outside the folder is never opened") {
  const Scene scene;
  CHECK(scene.code({{"location", "../secret.bin"}}) == "FILE-OUTSIDE");
  CHECK(scene.code({{"location", "sub/../../secret.bin"}}) == "FILE-OUTSIDE");
  CHECK(scene.code({{"location", (scene.root.path() / "secret.bin").string()}}) == "FILE-OUTSIDE");
  CHECK(scene.code({{"location", "link.bin"}}) == "FILE-OUTSIDE");
  CHECK(scene.code({{"location", "up/secret.bin"}}) == "FILE-OUTSIDE");
  CHECK(scene.code({{"location", "hard.bin"}}) == "FILE-OUTSIDE");
  CHECK(scene.code({{"location", "fifo.bin"}}) == "FILE-KIND");
  CHECK(scene.code({{"location", "sub"}}) == "FILE-KIND");
  CHECK(scene.code({{"location", "missing.bin"}}) == "FILE-OPEN");
  CHECK(scene.code({{"location", std::string("w.bin\0x", 7)}}) == "FILE-OUTSIDE");
}

TEST_CASE("external data's numbers and keys") {
  const Scene scene;
  CHECK(scene.code({}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", ""}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"offset", "-1"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"offset", "9223372036854775808"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"offset", "9223372036854775807"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"offset", "0x10"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"offset", "20"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"length", "64"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"length", "12"}}) == "MODEL-TENSOR");
  CHECK(scene.code({{"location", "w.bin"}, {"length", "-16"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"location", "sub/w.bin"}}) == "MODEL-EXTERNAL");
  CHECK(scene.code({{"location", "w.bin"}, {"__class__", "x"}}) == "MODEL-EXTERNAL");
}

TEST_CASE("a tensor inside an attribute may not lie outside") {
  const Scene scene;
  OnnxBuild build;
  build.input("x", {1, 4}).output("y", {1, 4}).values("shape", {1, 4});
  onnx::NodeProto& fill = build.node("ConstantOfShape", {"shape"}, {"w"}, "fill");
  onnx::AttributeProto& value = *fill.add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  value.mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
  value.mutable_t()->add_dims(1);
  value.mutable_t()->set_data_location(onnx::TensorProto::EXTERNAL);
  value.mutable_t()->add_external_data()->set_key("location");
  value.mutable_t()->mutable_external_data(0)->set_value("../secret.bin");
  build.node("Add", {"x", "w"}, {"y"}, "add");
  build.write(scene.path);
  CHECK_THROWS_WITH_AS(Network::import(scene.path), doctest::Contains("MODEL-ATTRIBUTE"), Error);
}

}  // namespace dse
