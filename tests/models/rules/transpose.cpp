// Transpose in parts: any permutation, and the default that reverses the axes.
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

test::OnnxBuild transposed(std::int64_t opset, const Shape& input, const std::vector<std::int64_t>& perm) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  onnx::NodeProto& node = build.node("Transpose", {"x"}, {"y"}, "turn");
  if (!perm.empty()) build.ints(node, "perm", perm);
  return build;
}

}  // namespace

TEST_CASE("parts of transposed tensors equal the parts of the whole") {
  test::check_moved("channels last", transposed(13, {1, 3, 5, 6}, {0, 2, 3, 1}));
  test::check_moved("channels first", transposed(1, {2, 5, 6, 3}, {0, 3, 1, 2}));
  test::check_moved("reversed", transposed(13, {2, 3, 4, 5}, {}));
  test::check_moved("same", transposed(13, {2, 3, 4}, {0, 1, 2}));
  test::check_moved("matrix", transposed(9, {7, 4}, {1, 0}));
  test::check_moved("vector", transposed(13, {7}, {}));
  test::check_moved("shuffle", transposed(13, {1, 2, 4, 3, 5}, {0, 2, 1, 3, 4}));
  test::check_moved("six axes", transposed(13, {1, 2, 3, 2, 4, 3}, {5, 0, 3, 1, 4, 2}));
}

}  // namespace dse
