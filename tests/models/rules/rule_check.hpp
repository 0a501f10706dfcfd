// Checks operator rules on many configurations: configurations of one operator set share a network, since importing one
// takes longer than checking its parts.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <tuple>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse::test {

// Of each configuration: layers without a rule, and layers that are split by inputs.
struct Expected {
  std::size_t whole_layers = 0;
  std::size_t sums = 0;
};
constexpr Expected whole{1, 0};
constexpr Expected summed{0, 1};

// Checks everything that was added when it goes out of scope.
class RuleChecks {
 public:
  RuleChecks() = default;
  RuleChecks(const RuleChecks&) = delete;
  RuleChecks& operator=(const RuleChecks&) = delete;
  ~RuleChecks() {
    for (const auto& [key, group] : groups_) check(group);
  }

  // name: distinguishes the layers in what is complained about.
  void add(const std::string& name, const OnnxBuild& build, Expected expected = {}) {
    onnx::ModelProto model;
    model.ParseFromString(build.serialised());
    const std::string prefix = std::to_string(added_++) + " " + name + ": ";
    const auto rename = [&](std::string& value) { value = value.empty() ? value : prefix + value; };
    onnx::GraphProto& graph = *model.mutable_graph();
    for (onnx::NodeProto& node : *graph.mutable_node()) {
      rename(*node.mutable_name());
      for (std::string& value : *node.mutable_input()) rename(value);
      for (std::string& value : *node.mutable_output()) rename(value);
    }
    for (onnx::TensorProto& weight : *graph.mutable_initializer()) rename(*weight.mutable_name());
    for (onnx::ValueInfoProto& value : *graph.mutable_input()) rename(*value.mutable_name());
    for (onnx::ValueInfoProto& value : *graph.mutable_output()) rename(*value.mutable_name());
    std::string opsets;
    for (const onnx::OperatorSetIdProto& opset : model.opset_import()) opsets += opset.SerializeAsString();
    Group& group = groups_[{opsets, expected.whole_layers, expected.sums}];
    ++group.configurations;
    group.each = expected;
    group.model.MergeFrom(model);
    if (group.configurations > 1) *group.model.mutable_opset_import() = model.opset_import();
  }

 private:
  struct Group {
    onnx::ModelProto model;
    std::size_t configurations = 0;
    Expected each;
  };

  static void check(const Group& group) try {
    const SmallNetwork network("rules", group.model.SerializeAsString());
    const PartCheck result = check_parts(*network, 11, 16);
    CHECK(result.whole_layers == group.each.whole_layers * group.configurations);
    CHECK(result.sums == group.each.sums * group.configurations);
    if (group.each.whole_layers == 0) CHECK(result.parts >= 16 * group.configurations);
    for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
  } catch (const std::exception& error) {
    FAIL_CHECK(error.what());
  }

  std::map<std::tuple<std::string, std::size_t, std::size_t>, Group> groups_;
  std::size_t added_ = 0;
};

}  // namespace dse::test
