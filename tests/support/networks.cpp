#include "tests/support/networks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/support/onnx_build.hpp"

namespace dse::test {
namespace {

std::string relu(OnnxBuild& build, const std::string& in, const std::string& out) {
  build.node("Relu", {in}, {out}, out);
  return out;
}

// conv + relu; returns the tensor that holds the result.
std::string conv_relu(OnnxBuild& build, const std::string& in, const std::string& name, std::int64_t from,
                      std::int64_t to, std::int64_t kernel = 3, std::int64_t stride = 1) {
  build.conv(in, name, from, to, kernel, stride);
  return relu(build, name, name + ".relu");
}

std::string residual_block(OnnxBuild& build, const std::string& in, const std::string& name, std::int64_t from,
                           std::int64_t to, std::int64_t stride) {
  const std::string first = conv_relu(build, in, name + ".conv1", from, to, 3, stride);
  build.conv(first, name + ".conv2", to, to);
  std::string skip = in;
  if (from != to || stride != 1) {
    skip = name + ".skip";
    build.conv(in, skip, from, to, 1, stride);
  }
  build.node("Add", {name + ".conv2", skip}, {name + ".add"}, name + ".add");
  return relu(build, name + ".add", name + ".out");
}

std::string inception_block(OnnxBuild& build, const std::string& in, const std::string& name, std::int64_t from,
                            const std::string& out) {
  const std::string one = conv_relu(build, in, name + ".one", from, 4, 1);
  const std::string three = conv_relu(build, conv_relu(build, in, name + ".reduce", from, 4, 1), name + ".three", 4, 6);
  onnx::NodeProto& pool = build.node("MaxPool", {in}, {name + ".pool"}, name + ".pool");
  OnnxBuild::ints(pool, "kernel_shape", {3, 3});
  OnnxBuild::ints(pool, "pads", {1, 1, 1, 1});
  const std::string pooled = conv_relu(build, name + ".pool", name + ".project", from, 2, 1);
  onnx::NodeProto& concat = build.node("Concat", {one, three, pooled}, {out}, name + ".concat");
  OnnxBuild::integer(concat, "axis", 1);
  return out;
}

}  // namespace

SmallNetwork::SmallNetwork(const std::string& name, const std::string& model, const ImportOptions& options)
    : folder_("dse-test"),
      path_(folder_.path() / (name + ".onnx")),
      network_((write_file(path_, model), Network::import(path_, options))) {}

SmallNetwork chain_network(std::size_t layers) {
  OnnxBuild build;
  build.input("x", {1, 3, 16, 16});
  std::string at = "x";
  for (std::size_t i = 1; i <= layers; ++i) {
    const std::string name = fmt::format("conv{}", i);
    build.conv(at, name, i == 1 ? 3 : 8, 8);
    at = relu(build, name, i == layers ? "y" : name + ".relu");
  }
  build.output("y", {1, 8, 16, 16});
  return {"chain", build.serialised()};
}

SmallNetwork residual_network() {
  OnnxBuild build;
  build.input("x", {1, 3, 16, 16});
  std::string at = conv_relu(build, "x", "stem", 3, 8);
  at = residual_block(build, at, "block1", 8, 8, 1);
  at = residual_block(build, at, "block2", 8, 16, 2);
  build.node("GlobalAveragePool", {at}, {"pooled"}, "pool");
  build.node("Flatten", {"pooled"}, {"flat"}, "flatten");
  build.weight("fc.w", {10, 16}).weight("fc.b", {10});
  OnnxBuild::integer(build.node("Gemm", {"flat", "fc.w", "fc.b"}, {"y"}, "fc"), "transB", 1);
  build.output("y", {1, 10});
  return {"residual", build.serialised()};
}

SmallNetwork branch_network() {
  OnnxBuild build;
  build.input("x", {1, 8, 12, 12});
  const std::string middle = inception_block(build, "x", "mixed1", 8, "mixed1.out");
  inception_block(build, middle, "mixed2", 12, "y");
  build.output("y", {1, 12, 12, 12});
  return {"branches", build.serialised()};
}

SmallNetwork two_output_network() {
  OnnxBuild build;
  build.input("a", {1, 4, 8, 8}).input("b", {1, 4, 8, 8});
  const std::string left = conv_relu(build, "a", "left", 4, 6);
  build.conv("b", "right", 4, 6);
  build.node("Add", {left, "right"}, {"near"}, "join");
  const std::string deep = conv_relu(build, "near", "deep", 6, 6, 3, 2);
  build.conv(deep, "far", 6, 5, 1);
  build.output("far", {1, 5, 4, 4}).output("near", {1, 6, 8, 8});
  return {"two_outputs", build.serialised()};
}

SmallNetwork random_network(std::uint64_t seed, std::size_t layers) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8});
  struct Value {
    std::string name;
    std::int64_t channels;
  };
  std::vector<Value> values{{"x", 4}};
  std::set<std::string> unread;
  for (std::size_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("n{}", i);
    // Recent values are read more often: else the graph is wide and shallow.
    const Value a = values[values.size() - 1 - std::min(pick(values.size()), pick(values.size()))];
    const Value b = values[pick(values.size())];
    std::int64_t channels = a.channels;
    const std::size_t kind = pick(6);
    if (kind == 0 && a.channels == b.channels) {
      build.node("Add", {a.name, b.name}, {name}, name);
      unread.erase(b.name);
    } else if (kind == 1 && a.channels + b.channels <= 16) {
      OnnxBuild::integer(build.node("Concat", {a.name, b.name}, {name}, name), "axis", 1);
      channels = a.channels + b.channels;
      unread.erase(b.name);
    } else if (kind == 2) {
      onnx::NodeProto& pool = build.node("MaxPool", {a.name}, {name}, name);
      OnnxBuild::ints(pool, "kernel_shape", {3, 3});
      OnnxBuild::ints(pool, "pads", {1, 1, 1, 1});
    } else if (kind == 3) {
      relu(build, a.name, name);
    } else {
      channels = static_cast<std::int64_t>(2 + pick(6));
      build.conv(a.name, name, a.channels, channels, kind == 4 ? 1 : 3);
    }
    unread.erase(a.name);
    unread.insert(name);
    values.push_back({name, channels});
  }
  for (const Value& value : values)
    if (unread.contains(value.name)) build.output(value.name, {1, value.channels, 8, 8});
  return {fmt::format("random{}", seed), build.serialised()};
}

}  // namespace dse::test
