// LRN in parts: neighbours across a cut between channels, fewer of them at the ends.
#include "tests/models/rules/rule_check.hpp"

namespace dse {

TEST_CASE("parts of LRN equal the parts of the whole") {
  test::RuleChecks checks;
  for (const std::int64_t opset : {7, 13})
    for (const std::int64_t size : {1, 3, 5, 9})
      for (const std::int64_t channels : {1, 4, 11}) {
        test::OnnxBuild build(opset);
        build.input("x", {2, channels, 4, 3}).output("y");
        onnx::NodeProto& node = build.node("LRN", {"x"}, {"n"}, "norm");
        build.integer(node, "size", size);
        build.real(node, "alpha", 0.9F);
        build.real(node, "beta", 0.6F);
        build.real(node, "bias", 1.5F);
        build.node("Relu", {"n"}, {"y"}, "relu");
        checks.add("size " + std::to_string(size) + " channels " + std::to_string(channels), build);
      }
}

}  // namespace dse
