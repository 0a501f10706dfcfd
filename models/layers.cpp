#include "models/layers.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>

#include "models/fold.hpp"

namespace dse {
namespace {

constexpr std::array<std::string_view, 66> elementwise{"Abs",
                                                       "Acos",
                                                       "Acosh",
                                                       "Add",
                                                       "And",
                                                       "Asin",
                                                       "Asinh",
                                                       "Atan",
                                                       "Atanh",
                                                       "BatchNormalization",
                                                       "BitShift",
                                                       "BitwiseAnd",
                                                       "BitwiseNot",
                                                       "BitwiseOr",
                                                       "BitwiseXor",
                                                       "Cast",
                                                       "CastLike",
                                                       "Ceil",
                                                       "Celu",
                                                       "Clip",
                                                       "Cos",
                                                       "Cosh",
                                                       "DequantizeLinear",
                                                       "Div",
                                                       "Dropout",
                                                       "Elu",
                                                       "Equal",
                                                       "Erf",
                                                       "Exp",
                                                       "Floor",
                                                       "Gelu",
                                                       "Greater",
                                                       "GreaterOrEqual",
                                                       "HardSigmoid",
                                                       "HardSwish",
                                                       "Identity",
                                                       "IsInf",
                                                       "IsNaN",
                                                       "LeakyRelu",
                                                       "Less",
                                                       "LessOrEqual",
                                                       "Log",
                                                       "Max",
                                                       "Mean",
                                                       "Min",
                                                       "Mish",
                                                       "Mod",
                                                       "Mul",
                                                       "Neg",
                                                       "Not",
                                                       "Or",
                                                       "PRelu",
                                                       "Pow",
                                                       "QuantizeLinear",
                                                       "Reciprocal",
                                                       "Relu",
                                                       "Round",
                                                       "Selu",
                                                       "Shrink",
                                                       "Sigmoid",
                                                       "Sign",
                                                       "Sin",
                                                       "Softplus",
                                                       "Softsign",
                                                       "Sub",
                                                       "Sum"};
constexpr std::array<std::string_view, 9> more_elementwise{
    "Sinh", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor", "ImageScaler"};

constexpr std::size_t none = static_cast<std::size_t>(-1);

class Grouper {
 public:
  explicit Grouper(const Draft& draft) : draft_(draft), group_of_(draft.nodes.size(), none) {}

  std::vector<NodeGroup> run() {
    index_values();
    for (std::size_t i = 0; i < draft_.nodes.size(); ++i) place(i);
    add_prefixes();
    return sorted();
  }

 private:
  void index_values() {
    for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
      for (const std::string& output : draft_.nodes[i].output())
        if (!output.empty()) producer_[output] = i;
      std::set<std::string> read(draft_.nodes[i].input().begin(), draft_.nodes[i].input().end());
      for (const std::string& input : read) ++readers_[input];
    }
    outputs_.insert(draft_.outputs.begin(), draft_.outputs.end());
    prefix_.resize(draft_.nodes.size(), false);
    constant_.resize(draft_.nodes.size(), false);
    for (std::size_t i = 0; i < draft_.nodes.size(); ++i) {
      constant_[i] = is_constant(draft_.nodes[i]);
      prefix_[i] = is_prefix(i);
    }
  }

  bool is_output(const onnx::NodeProto& node) const {
    return std::any_of(node.output().begin(), node.output().end(),
                       [&](const std::string& name) { return outputs_.contains(name); });
  }

  // Whether no activation reaches the node. Its producers come first, so that this needs no recursion.
  bool is_constant(const onnx::NodeProto& node) const {
    if (is_random(node)) return false;
    return std::all_of(node.input().begin(), node.input().end(), [&](const std::string& name) {
      if (name.empty() || draft_.constants.contains(name)) return true;
      const auto producer = producer_.find(name);
      return producer != producer_.end() && prefix_[producer->second] && constant_[producer->second];
    });
  }

  // Repeated in each group that reads it, so that no cut can come between it and its reader.
  bool is_prefix(std::size_t index) const {
    const onnx::NodeProto& node = draft_.nodes[index];
    return !is_output(node) && !is_dynamic(node) && (node.op_type() == "DequantizeLinear" || constant_[index]);
  }

  bool is_dynamic(const onnx::NodeProto& node) const {
    return std::any_of(node.output().begin(), node.output().end(),
                       [&](const std::string& name) { return draft_.dynamic.contains(name); });
  }

  void place(std::size_t index) {
    const onnx::NodeProto& node = draft_.nodes[index];
    if (prefix_[index]) return;
    if (is_dynamic(node)) {
      if (dynamic_group_ == none)
        dynamic_group_ = start(index, true);
      else
        join(index, dynamic_group_);
      return;
    }
    const std::size_t host = is_elementwise(node) ? best_host(node) : none;
    if (host == none)
      start(index, false);
    else
      join(index, host);
  }

  std::size_t start(std::size_t index, bool whole) {
    groups_.push_back({{index}, index, whole});
    return group_of_[index] = groups_.size() - 1;
  }

  void join(std::size_t index, std::size_t group) {
    groups_[group].nodes.push_back(index);
    group_of_[index] = group;
  }

  std::size_t best_host(const onnx::NodeProto& node) const {
    std::size_t best = none;
    std::size_t best_producer = 0;
    for (const std::string& input : node.input()) {
      const auto producer = producer_.find(input);
      if (producer == producer_.end() || !can_host(producer->second, input, node)) continue;
      if (best == none || producer->second > best_producer) {
        best = group_of_[producer->second];
        best_producer = producer->second;
      }
    }
    return best;
  }

  bool can_host(std::size_t producer, const std::string& value, const onnx::NodeProto& tail) const {
    if (prefix_[producer] || group_of_[producer] == none || groups_[group_of_[producer]].whole) return false;
    if (readers_.at(value) != 1 || outputs_.contains(value) || live_outputs(producer) != 1 || live_outputs(tail) != 1)
      return false;
    return draft_.types.at(value).shape == draft_.types.at(first_live_output(tail)).shape;
  }

  int live_outputs(std::size_t index) const { return live_outputs(draft_.nodes[index]); }
  int live_outputs(const onnx::NodeProto& node) const {
    return static_cast<int>(std::count_if(node.output().begin(), node.output().end(),
                                          [&](const std::string& name) { return is_live(name); }));
  }
  bool is_live(const std::string& name) const {
    return !name.empty() && (readers_.contains(name) || outputs_.contains(name));
  }
  const std::string& first_live_output(const onnx::NodeProto& node) const {
    return *std::find_if(node.output().begin(), node.output().end(),
                         [&](const std::string& name) { return is_live(name); });
  }

  void add_prefixes() {
    for (NodeGroup& group : groups_) {
      std::set<std::size_t> members(group.nodes.begin(), group.nodes.end());
      std::vector<std::size_t> pending = group.nodes;
      while (!pending.empty()) {
        const std::size_t index = pending.back();
        pending.pop_back();
        for (const std::string& input : draft_.nodes[index].input()) {
          const auto producer = producer_.find(input);
          if (producer != producer_.end() && prefix_[producer->second] && members.insert(producer->second).second)
            pending.push_back(producer->second);
        }
      }
      group.nodes.assign(members.begin(), members.end());
    }
  }

  std::vector<std::vector<std::size_t>> followers(std::vector<std::size_t>& waiting) const {
    std::vector<std::vector<std::size_t>> result(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      std::set<std::size_t> before;
      for (const std::size_t index : groups_[g].nodes)
        for (const std::string& input : draft_.nodes[index].input()) {
          const auto producer = producer_.find(input);
          if (producer != producer_.end() && group_of_[producer->second] != none && group_of_[producer->second] != g)
            before.insert(group_of_[producer->second]);
        }
      waiting[g] = before.size();
      for (const std::size_t earlier : before) result[earlier].push_back(g);
    }
    return result;
  }

  std::vector<NodeGroup> sorted() const {
    std::vector<std::size_t> waiting(groups_.size(), 0);
    const std::vector<std::vector<std::size_t>> after = followers(waiting);
    using Entry = std::pair<std::size_t, std::size_t>;  // anchor, group
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      if (waiting[g] == 0) ready.emplace(groups_[g].anchor, g);
    std::vector<NodeGroup> result;
    while (!ready.empty()) {
      const std::size_t g = ready.top().second;
      ready.pop();
      result.push_back(groups_[g]);
      for (const std::size_t follower : after[g])
        if (--waiting[follower] == 0) ready.emplace(groups_[follower].anchor, follower);
    }
    if (result.size() != groups_.size())
      throw Error(ExitCode::internal, "MODEL-LAYERS", {draft_.path.string()}, "its layers wait for each other");
    return result;
  }

  const Draft& draft_;
  std::vector<std::size_t> group_of_;
  std::vector<NodeGroup> groups_;
  std::vector<bool> prefix_;
  std::vector<bool> constant_;
  std::map<std::string, std::size_t> producer_;
  std::map<std::string, std::size_t> readers_;
  std::set<std::string> outputs_;
  std::size_t dynamic_group_ = none;
};

}  // namespace

bool is_elementwise(const onnx::NodeProto& node) {
  if (!is_default_domain(node.domain())) return false;
  return std::find(elementwise.begin(), elementwise.end(), node.op_type()) != elementwise.end() ||
         std::find(more_elementwise.begin(), more_elementwise.end(), node.op_type()) != more_elementwise.end();
}

std::vector<NodeGroup> group_nodes(const Draft& draft) { return Grouper(draft).run(); }

}  // namespace dse
