// Gather and GatherND in parts: constant indices and such as come in, of any rank, along any axis.
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

void add_indices(test::OnnxBuild& build, const Shape& shape, const std::vector<std::int64_t>& values,
                 DataType type = DataType::int64) {
  onnx::TensorProto& tensor = *build.graph().add_initializer();
  tensor.set_name("indices");
  tensor.set_data_type(static_cast<int>(type));
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  for (const std::int64_t value : values) {
    if (type == DataType::int64)
      tensor.add_int64_data(value);
    else
      tensor.add_int32_data(static_cast<std::int32_t>(value));
  }
}

test::OnnxBuild gathered(std::int64_t opset, const Shape& data, std::int64_t axis, const Shape& shape,
                         const std::vector<std::int64_t>& values, DataType type = DataType::int64) {
  test::OnnxBuild build(opset);
  build.input("x", data).output("y");
  if (values.empty())
    build.input("indices", shape, type);
  else
    add_indices(build, shape, values, type);
  build.integer(build.node("Gather", {"x", "indices"}, {"y"}, "gather"), "axis", axis);
  return build;
}

test::OnnxBuild gathered_nd(std::int64_t opset, const Shape& data, std::int64_t batch, const Shape& shape,
                            const std::vector<std::int64_t>& values) {
  test::OnnxBuild build(opset);
  build.input("x", data).output("y");
  if (values.empty())
    build.input("indices", shape, DataType::int64);
  else
    add_indices(build, shape, values);
  onnx::NodeProto& node = build.node("GatherND", {"x", "indices"}, {"y"}, "gather");
  if (batch != 0) build.integer(node, "batch_dims", batch);
  return build;
}

}  // namespace

TEST_CASE("parts of gathers with constant indices equal the parts of the whole") {
  test::check_moved("channels", gathered(13, {1, 8, 5, 4}, 1, {5}, {7, 0, 3, 3, -2}));
  test::check_moved("one", gathered(13, {2, 8, 5}, 1, {}, {-3}));
  test::check_moved("table", gathered(11, {2, 9, 5}, 1, {2, 3}, {4, 5, 6, -1, 2, 3}));
  test::check_moved("last axis", gathered(13, {2, 3, 9}, -1, {4}, {8, 7, 6, 1}, DataType::int32));
  test::check_moved("first axis", gathered(1, {9, 4}, 0, {3, 1, 2}, {0, 1, 8, 7, 3, 3}));
  test::check_moved("vector to scalar", gathered(13, {9}, 0, {}, {4}));
}

TEST_CASE("parts of gathers with indices that come in equal the parts of the whole") {
  test::check_moved("rows", gathered(13, {100, 6}, 0, {7, 3}, {}));
  test::check_moved("middle", gathered(13, {2, 100, 5}, 1, {6}, {}, DataType::int32));
  test::OnnxBuild embedding;
  embedding.weight("table", {100, 12}).input("words", {2, 9}, DataType::int64).output("y");
  embedding.node("Gather", {"table", "words"}, {"y"}, "embed");
  test::check_moved("embedding", embedding);
}

TEST_CASE("parts of gathers of positions equal the parts of the whole") {
  test::check_moved("positions", gathered_nd(12, {100, 100, 3}, 0, {5, 2}, {}));
  test::check_moved("rows", gathered_nd(11, {100, 6, 3}, 0, {4, 3, 1}, {}));
  test::check_moved("batches", gathered_nd(13, {3, 100, 6}, 1, {3, 4, 1}, {}));
  test::check_moved("constant", gathered_nd(13, {4, 5, 6}, 0, {3, 2}, {0, 1, 3, 4, -1, -2}));
  test::check_moved("two batches", gathered_nd(13, {2, 3, 5, 4}, 2, {2, 3, 1}, {0, 1, 2, 3, 4, -1}));
  test::check_moved("all axes", gathered_nd(12, {4, 5}, 0, {2, 2, 2}, {0, 1, 3, 4, 2, 2, 1, 0}));
}

}  // namespace dse
