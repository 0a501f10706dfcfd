#include "engine/engine.hpp"

#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include <numeric>
#include <thread>

#include "base/error.hpp"

using namespace dse;
using namespace dse::engine;

namespace {

void add_port(onnx::ValueInfoProto& port, const std::string& name, const Shape& shape) {
  port.set_name(name);
  auto& tensor = *port.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : shape) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

// y = x * w, the weight embedded or in an external file.
onnx::ModelProto scaling_model(const std::vector<float>& weight, const std::string& external = "",
                               std::int64_t offset = 0) {
  onnx::ModelProto model;
  model.set_ir_version(7);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("scaling");
  const Shape shape{static_cast<std::int64_t>(weight.size())};
  add_port(*graph.add_input(), "x", shape);
  add_port(*graph.add_output(), "y", shape);
  onnx::TensorProto& w = *graph.add_initializer();
  w.set_name("w");
  w.set_data_type(onnx::TensorProto::FLOAT);
  w.add_dims(shape[0]);
  if (external.empty()) {
    w.set_raw_data(weight.data(), weight.size() * sizeof(float));
  } else {
    w.set_data_location(onnx::TensorProto::EXTERNAL);
    const auto entry = [&](const char* key, const std::string& value) {
      auto& added = *w.add_external_data();
      added.set_key(key);
      added.set_value(value);
    };
    entry("location", external);
    entry("offset", std::to_string(offset));
    entry("length", std::to_string(weight.size() * sizeof(float)));
  }
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Mul");
  node.set_name("scale");
  node.add_input("x");
  node.add_input("w");
  node.add_output("y");
  return model;
}

Session load(const onnx::ModelProto& model) {
  const std::string bytes = model.SerializeAsString();
  return Engine::instance().load(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

std::vector<float> run(const Session& session, std::vector<float> x) {
  std::vector<float> y(x.size());
  const TensorType type{DataType::float32, {static_cast<std::int64_t>(x.size())}};
  const ConstTensorView in[] = {{type, x.data()}};
  const TensorView out[] = {{type, y.data()}};
  session.run(in, out);
  return y;
}

}  // namespace

TEST_CASE("the engine says its version and keeps its thread count") {
  CHECK(Engine::instance().version().find('.') != std::string::npos);
  CHECK_THROWS_AS(Engine::instance(EngineOptions{{}, Engine::instance().threads() + 1, false}), Error);
}

TEST_CASE("a session reads and writes the caller's memory") {
  const Session session = load(scaling_model({1, 2, 3}));
  CHECK(session.inputs().at(0).name == "x");
  CHECK(session.outputs().at(0).tensor == TensorType{DataType::float32, {3}});
  CHECK(run(session, {1, 10, 100}) == std::vector<float>{1, 20, 300});
}

TEST_CASE("outputs that the engine allocates carry their type and shape") {
  const Session session = load(scaling_model({2, 2}));
  const std::vector<float> x{1, 2};
  const ConstTensorView in[] = {{{DataType::float32, {2}}, x.data()}};
  const std::vector<OwnedTensor> out = session.run(in);
  CHECK(out.at(0).tensor == TensorType{DataType::float32, {2}});
  CHECK(reinterpret_cast<const float*>(out[0].data.data())[1] == 4);
}

TEST_CASE("one session serves several threads at once") {
  const Session session = load(scaling_model(std::vector<float>(1000, 3)));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i)
        if (run(session, std::vector<float>(1000, static_cast<float>(t))) !=
            std::vector<float>(1000, 3 * static_cast<float>(t)))
          ++wrong[t];
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::accumulate(wrong.begin(), wrong.end(), 0) == 0);
}

TEST_CASE("external weights are found in the model's folder at their offset") {
  const TempDir folder("dse-engine");
  const std::vector<float> weight(2048, 5);
  std::string file(4096, '\0');
  file.append(reinterpret_cast<const char*>(weight.data()), weight.size() * sizeof(float));
  write_file(folder.path() / "weights.bin", file);
  write_file(folder.path() / "m.onnx", scaling_model(weight, "weights.bin", 4096).SerializeAsString());
  const Session session = Engine::instance().load(folder.path() / "m.onnx");
  CHECK(run(session, std::vector<float>(2048, 1)) == weight);
}

TEST_CASE("what the engine refuses becomes a bad-input error in one line") {
  onnx::ModelProto model = scaling_model({1});
  model.mutable_graph()->mutable_node(0)->set_op_type("NoSuchOperator");
  try {
    load(model);
    FAIL("an unknown operator was accepted");
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    CHECK(error.message().find("NoSuchOperator") != std::string::npos);
    CHECK(error.message().find('\n') == std::string::npos);
  }
  CHECK_THROWS_AS(Engine::instance().load(std::as_bytes(std::span("garbage", 7))), Error);
  const Session session = load(scaling_model({1, 2}));
  CHECK_THROWS_AS(run(session, {1, 2, 3}), Error);  // shape mismatch
}
