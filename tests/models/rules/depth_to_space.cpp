// DepthToSpace and SpaceToDepth in parts.
#include "models/rules/needs.hpp"
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

test::OnnxBuild moved(const char* op_type, std::int64_t opset, const Shape& input, std::int64_t block,
                      const char* mode = "") {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  onnx::NodeProto& node = build.node(op_type, {"x"}, {"y"}, "move");
  build.integer(node, "blocksize", block);
  if (*mode != '\0') build.text(node, "mode", mode);
  return build;
}

}  // namespace

TEST_CASE("parts of depth moved to space equal the parts of the whole") {
  test::check_moved("default", moved("DepthToSpace", 13, {1, 12, 3, 4}, 2));
  test::check_moved("old", moved("DepthToSpace", 1, {2, 8, 3, 5}, 2));
  test::check_moved("depth, column, row", moved("DepthToSpace", 11, {1, 18, 3, 4}, 3, "DCR"));
  test::check_moved("column, row, depth", moved("DepthToSpace", 13, {2, 18, 3, 4}, 3, "CRD"));
  test::check_moved("blocks of one", moved("DepthToSpace", 13, {1, 3, 3, 4}, 1, "CRD"));
}

TEST_CASE("parts of space moved to depth equal the parts of the whole") {
  test::check_moved("two", moved("SpaceToDepth", 13, {1, 3, 6, 8}, 2));
  test::check_moved("three", moved("SpaceToDepth", 1, {2, 4, 6, 9}, 3));
  test::check_moved("one channel", moved("SpaceToDepth", 13, {1, 1, 6, 8}, 2));
}

TEST_CASE("space moved to depth reads only the channels of one position") {
  const test::SmallNetwork network("inside", moved("SpaceToDepth", 13, {1, 4, 6, 8}, 2).serialised());
  const RuleResult result = needs(*network, 0, {Region(Box{{0, 9, 1, 0}, {1, 11, 2, 4}})});
  CHECK(result.inputs[0] == Region(Box{{0, 1, 2, 0}, {1, 3, 4, 8}}));
  CHECK(result.computed[0] == Region(Box{{0, 9, 1, 0}, {1, 11, 2, 4}}));
}

}  // namespace dse
