// A sub-model under construction: which box of which value is there under which name, and the weights it uses. For
// models/ only.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/region.hpp"
#include "models/network.hpp"
#include "models/submodel.hpp"

namespace dse {

class GraphBuilder {
 public:
  explicit GraphBuilder(const Network& network);

  onnx::GraphProto& graph() { return graph_; }
  const Network& network() const { return network_; }
  std::int64_t opset() const { return opset_; }

  // The box of the value is there under this name from now on.
  void provide(const std::string& value, const Box& box, const std::string& name);
  bool provides(const std::string& value, const Box& box) const;
  // A name under which exactly this box of a value or weight is there: cut out of a larger one where needed. Throws
  // Error(internal) where no box that contains it is there.
  std::string demand(const std::string& value, const Box& box);

  // The value's own name, or another where that is taken.
  std::string new_name(const std::string& value);
  std::string fresh_value();
  std::string fresh_node(const std::string& base);
  // A small constant inside the model.
  std::string constant(const TensorType& tensor, std::string bytes);
  std::string integers(const std::vector<std::int64_t>& values);
  std::string slice(const std::string& name, const Box& held, const Box& wanted);
  std::string reshape(const std::string& name, const Shape& shape);  // needs opset 5
  std::string cast(const std::string& name, DataType type);

  // In the order of first use.
  const std::vector<WeightSlice>& weights() const { return weights_; }
  static std::string weight_name(const Network& network, const WeightSlice& slice);

 private:
  struct Held {
    Box box;
    std::string name;
  };
  const Network& network_;
  std::int64_t opset_;
  onnx::GraphProto graph_;
  std::map<std::string, std::vector<Held>, std::less<>> held_;
  std::vector<WeightSlice> weights_;
  std::map<std::string, std::string> constants_;  // bytes → name
  std::set<std::string> taken_;                   // names of values
  std::size_t fresh_ = 0;
  std::map<std::string, std::size_t> node_names_;
};

}  // namespace dse
