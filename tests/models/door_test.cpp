// Every way in which a file or a model is refused: exit 3, one line, a stable code, never a crash.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <limits>

#include "base/error.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse {
namespace {

using test::OnnxBuild;

// The error that importing `path` ends with; fails the test where there is none.
Error refusal(const fs::path& path, const ImportOptions& options = {}) {
  try {
    Network::import(path, options);
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    CHECK(std::string(error.what()).find(path.filename().string()) != std::string::npos);
    return error;
  }
  FAIL("the file was accepted");
  throw std::logic_error("unreachable");
}

std::string code_of_text(const std::string& text) {
  const TempDir folder("dse-test");
  write_file(folder.path() / "m.onnx", text);
  return refusal(folder.path() / "m.onnx").code();
}

// x -> Conv c -> y, changed by `damage`.
OnnxBuild small_conv() {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8});
  build.conv("x", "y", 4, 4);
  build.output("y", {1, 4, 8, 8});
  return build;
}

Error damaged(const std::function<void(OnnxBuild&)>& damage) {
  OnnxBuild build = small_conv();
  damage(build);
  const TempDir folder("dse-test");
  build.write(folder.path() / "m.onnx");
  return refusal(folder.path() / "m.onnx");
}

onnx::AttributeProto& attribute(OnnxBuild& build, const std::string& name) {
  for (onnx::AttributeProto& found : *build.graph().mutable_node(0)->mutable_attribute())
    if (found.name() == name) return found;
  throw std::logic_error("no such attribute");
}

void set_ints(OnnxBuild& build, const std::string& name, const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& found = attribute(build, name);
  found.clear_ints();
  for (const std::int64_t value : values) found.add_ints(value);
}

}  // namespace

TEST_CASE("the undamaged model of the door tests is accepted") {
  const test::SmallNetwork network("m", small_conv().serialised());
  CHECK(network->layers().size() == 1);
}

TEST_CASE("files that are no models") {
  CHECK(code_of_text("") == "MODEL-FILE");
  CHECK(code_of_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n") == "MODEL-FILE");
  CHECK(code_of_text("<!DOCTYPE html><html></html>") == "MODEL-FILE");
  CHECK(code_of_text("  \n<?xml version='1.0'?>") == "MODEL-FILE");
  CHECK(code_of_text(std::string("PK\x03\x04 zip")) == "MODEL-FILE");
  CHECK(code_of_text("\x89HDF\r\n") == "MODEL-FILE");
  CHECK(code_of_text("just some text") == "MODEL-PARSE");
  CHECK(code_of_text(std::string(1, '\x42')) == "MODEL-PARSE");
  CHECK(code_of_text(std::string(1, '\0')) == "MODEL-PARSE");
}

TEST_CASE("a megabyte of noise is refused") {
  std::string noise(1 << 20, '\0');
  std::uint32_t state = 7;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  noise[0] = '\x3a';  // so that it does not end at the first byte: field 7, the graph
  CHECK(code_of_text(noise) == "MODEL-PARSE");
}

TEST_CASE("a model cut off at every sixteenth is refused") {
  const std::string whole = small_conv().serialised();
  for (std::size_t part = 1; part < 16; ++part) {
    CAPTURE(part);
    const std::string code = code_of_text(whole.substr(0, whole.size() * part / 16));
    CHECK(code.starts_with("MODEL-"));
  }
}

TEST_CASE("what is no regular file, or too large, is refused without reading") {
  const TempDir folder("dse-test");
  CHECK(refusal(folder.path()).code().starts_with("FILE-"));
  const fs::path fifo = folder.path() / "fifo.onnx";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(refusal(fifo).code() == "FILE-KIND");
  const fs::path sparse = folder.path() / "sparse.onnx";
  write_file(sparse, "x");
  REQUIRE(::truncate(sparse.c_str(), std::int64_t{10} << 30) == 0);
  CHECK(refusal(sparse).code() == "FILE-SIZE");
  CHECK(refusal(folder.path() / "missing.onnx").code() == "FILE-OPEN");
  CHECK(refusal("/dev/zero").code() == "FILE-KIND");
}

TEST_CASE("graphs that are none") {
  CHECK(damaged([](OnnxBuild& b) { b.model().clear_graph(); }).code() == "MODEL-PARSE");
  CHECK(damaged([](OnnxBuild& b) { b.graph().clear_node(); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.graph().clear_output(); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.graph().clear_input(); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_node(0)->set_input(0, "nowhere"); }).code() == "MODEL-DANGLING");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_output(0)->set_name("nowhere"); }).code() == "MODEL-DANGLING");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_node(0)->set_input(0, "y"); }).code() == "MODEL-CYCLE");
  CHECK(damaged([](OnnxBuild& b) {
          b.node("Relu", {"p"}, {"q"});
          b.node("Relu", {"q"}, {"p"});
        }).code() == "MODEL-CYCLE");
  CHECK(damaged([](OnnxBuild& b) { b.node("Relu", {"x"}, {"y"}); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.node("Relu", {"y"}, {"x"}); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.input("x", {1}); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.output("y"); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.weight("y.w", {1}); }).code() == "MODEL-GRAPH");
  CHECK(damaged([](OnnxBuild& b) { b.model().add_functions()->set_name("f"); }).code() == "MODEL-FUNCTION");
  CHECK(damaged([](OnnxBuild& b) { b.graph().add_sparse_initializer(); }).code() == "MODEL-TENSOR");
}

TEST_CASE("operator sets and operators") {
  CHECK(damaged([](OnnxBuild& b) { b.model().clear_opset_import(); }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) { b.model().mutable_opset_import(0)->set_version(0); }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) { b.model().mutable_opset_import(0)->set_version(9999); }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) { b.model().add_opset_import()->set_version(13); }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) {
          b.model().add_opset_import()->set_version(13);
          b.model().mutable_opset_import(1)->set_domain("ai.onnx");
        }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) { b.model().set_ir_version(0); }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_node(0)->set_domain("my.domain"); }).code() == "MODEL-OPSET");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_node(0)->set_op_type(""); }).code() == "MODEL-OPERATOR");
  const Error unknown = damaged([](OnnxBuild& b) { b.graph().mutable_node(0)->set_op_type("Convolve"); });
  CHECK(unknown.code() == "MODEL-ENGINE");
  CHECK(unknown.place().to_string().find("'y'") != std::string::npos);
  CHECK(damaged([](OnnxBuild& b) { b.model().mutable_opset_import(0)->set_version(900); }).code() == "MODEL-ENGINE");
}

TEST_CASE("control flow is refused, however deep it nests") {
  for (const int depth : {1, 30, 60, 200}) {
    CAPTURE(depth);
    const Error error = damaged([depth](OnnxBuild& b) {
      onnx::GraphProto inner;
      inner.set_name("inner");
      for (int i = 0; i < depth; ++i) {
        onnx::GraphProto outer;
        onnx::NodeProto& node = *outer.add_node();
        node.set_op_type("If");
        onnx::AttributeProto& branch = *node.add_attribute();
        branch.set_name("then_branch");
        branch.set_type(onnx::AttributeProto::GRAPH);
        *branch.mutable_g() = inner;
        inner = outer;
      }
      *b.graph().add_node() = inner.node(0);
    });
    CHECK((error.code() == "MODEL-CONTROL-FLOW" ||
           error.code() == "MODEL-PARSE"));  // protobuf itself stops at 100 levels
  }
}

TEST_CASE("attributes that would divide by zero or overflow") {
  const auto ints = [](const char* name, std::vector<std::int64_t> values) {
    return damaged([&](OnnxBuild& b) { set_ints(b, name, values); }).code();
  };
  CHECK(ints("strides", {0, 1}) == "MODEL-ATTRIBUTE");
  CHECK(ints("strides", {1, -1}) == "MODEL-ATTRIBUTE");
  CHECK(ints("strides", {1, 1, 1}) == "MODEL-ATTRIBUTE");
  CHECK(ints("pads", {1, 1, -1, 1}) == "MODEL-ATTRIBUTE");
  CHECK(ints("pads", {1, 1}) == "MODEL-ATTRIBUTE");
  CHECK(ints("pads", {1, 1, std::numeric_limits<std::int64_t>::max(), 1}) == "MODEL-ATTRIBUTE");
  const auto added = [](const char* name, std::vector<std::int64_t> values) {
    return damaged([&](OnnxBuild& b) { OnnxBuild::ints(*b.graph().mutable_node(0), name, values); }).code();
  };
  CHECK(added("dilations", {0, 0}) == "MODEL-ATTRIBUTE");
  CHECK(added("kernel_shape", {3}) == "MODEL-ATTRIBUTE");
  CHECK(added("kernel_shape", {5, 5}) == "MODEL-ATTRIBUTE");
  CHECK(added("strides", {1, 1}) == "MODEL-ATTRIBUTE");  // twice
  const auto group = [](std::int64_t value) {
    return damaged([&](OnnxBuild& b) { attribute(b, "group").set_i(value); }).code();
  };
  CHECK(group(0) == "MODEL-ATTRIBUTE");
  CHECK(group(-1) == "MODEL-ATTRIBUTE");
  CHECK(group(3) == "MODEL-ATTRIBUTE");
  CHECK(group(2).starts_with("MODEL-"));  // divides, but then the weights take 8 channels of 4
  CHECK(damaged([](OnnxBuild& b) { OnnxBuild::text(*b.graph().mutable_node(0), "auto_pad", "SAME"); }).code() ==
        "MODEL-ATTRIBUTE");
  CHECK(damaged([](OnnxBuild& b) { b.node("MaxPool", {"y"}, {"z"}); }).code() == "MODEL-ATTRIBUTE");
}

TEST_CASE("weights that do not fit their operator") {
  CHECK(damaged([](OnnxBuild& b) {
          b.graph()
              .mutable_input(0)
              ->mutable_type()
              ->mutable_tensor_type()
              ->mutable_shape()
              ->mutable_dim(1)
              ->set_dim_value(5);
        })
            .code()
            .starts_with("MODEL-"));
  CHECK(damaged([](OnnxBuild& b) {
          b.weight("five", {5});
          b.graph().mutable_node(0)->set_input(2, "five");
        }).code() == "MODEL-SHAPE");
  CHECK(damaged([](OnnxBuild& b) {
          set_ints(b, "pads", {0, 0, 0, 0});
          for (const int axis : {2, 3})
            b.graph()
                .mutable_input(0)
                ->mutable_type()
                ->mutable_tensor_type()
                ->mutable_shape()
                ->mutable_dim(axis)
                ->set_dim_value(2);
        })
            .code()
            .starts_with("MODEL-"));
}

TEST_CASE("tensors whose dims and bytes disagree") {
  const auto weight = [](const std::function<void(onnx::TensorProto&)>& change) {
    return damaged([&](OnnxBuild& b) { change(*b.graph().mutable_initializer(1)); }).code();
  };
  CHECK(weight([](onnx::TensorProto& t) { t.set_dims(0, 5); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.set_dims(0, -4); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) {
          t.set_dims(0, std::int64_t{1} << 40);
          t.add_dims(std::int64_t{1} << 40);
        }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.set_raw_data("abc"); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.set_raw_data(std::string(17, 'a')); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.set_data_type(99); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.set_data_type(0); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.set_data_type(onnx::TensorProto::STRING); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) { t.mutable_segment()->set_begin(0); }) == "MODEL-TENSOR");
  CHECK(weight([](onnx::TensorProto& t) {
          for (int i = 0; i < 20; ++i) t.add_dims(1);
        }) == "MODEL-TENSOR");
}

TEST_CASE("names") {
  const auto named = [](const std::string& name) {
    return damaged([&](OnnxBuild& b) { b.graph().mutable_node(0)->set_name(name); }).code();
  };
  CHECK(named(std::string("a\0b", 3)) == "MODEL-NAME");
  CHECK(named("two\nlines") == "MODEL-NAME");
  CHECK(named("\x1b[31mred") == "MODEL-NAME");
  CHECK(named("\xff\xfe") == "MODEL-NAME");
  CHECK(named(std::string(1 << 20, 'n')) == "MODEL-NAME");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_initializer(0)->set_name(""); }).code() == "MODEL-NAME");
}

TEST_CASE("names that are only odd are kept") {
  for (const std::string name : {"../../etc/x", "$(id)", "\"; rm -rf", "class", "ünïcødé", "a b", "-o"}) {
    CAPTURE(name);
    OnnxBuild build = small_conv();
    build.graph().mutable_node(0)->set_name(name);
    const test::SmallNetwork network("m", build.serialised());
    CHECK(network->layers()[0].name == name);
  }
}

TEST_CASE("symbolic dimensions") {
  OnnxBuild build;
  build.symbolic_input("x", {"N", "4", "H", "8"});
  build.conv("x", "y", 4, 4);
  build.output("y");
  const TempDir folder("dse-test");
  const fs::path path = folder.path() / "m.onnx";
  build.write(path);
  const Error error = refusal(path);
  CHECK(error.code() == "MODEL-SHAPE");
  CHECK(error.message().find("--shape x=1x4x?x8") != std::string::npos);

  ImportOptions lenient;
  lenient.allow_unbound = true;
  const Network open = Network::import(path, lenient);
  REQUIRE(open.unbound().size() == 1);
  CHECK(open.unbound()[0] == "x: 2 (H)");
  CHECK(open.inputs().size() == 1);

  ImportOptions bound;
  bound.shapes = {{"x", {2, 4, 6, 8}}};
  CHECK(Network::import(path, bound).tensors()[0].tensor.shape == Shape{2, 4, 6, 8});

  const auto binding_error = [&](const ShapeBinding& binding) {
    ImportOptions wrong;
    wrong.shapes = {binding};
    try {
      Network::import(path, wrong);
    } catch (const Error& caught) {
      return std::pair(caught.exit(), caught.message());
    }
    return std::pair(ExitCode::done, std::string());
  };
  CHECK(binding_error({"X", {1, 4, 6, 8}}).second.find("did you mean 'x'") != std::string::npos);
  CHECK(binding_error({"x", {1, 4, 6}}).first == ExitCode::usage);
  CHECK(binding_error({"x", {1, 5, 6, 8}}).first == ExitCode::usage);
  CHECK(binding_error({"x", {1, 4, 0, 8}}).first == ExitCode::usage);
  CHECK(binding_error({"x", {1, 4, -6, 8}}).first == ExitCode::usage);
}

TEST_CASE("a symbol that is bound once is bound everywhere, a free batch is 1") {
  OnnxBuild build;
  build.symbolic_input("a", {"N", "4", "S", "S"}).symbolic_input("b", {"N", "4", "S", "S"});
  build.node("Add", {"a", "b"}, {"y"}, "join");
  build.output("y");
  ImportOptions options;
  options.shapes = {{"a", {3, 4, 5, 5}}};
  const test::SmallNetwork bound("m", build.serialised(), options);
  CHECK(bound->tensors()[1].tensor.shape == Shape{3, 4, 5, 5});
  CHECK(bound->notes().empty());

  OnnxBuild batch;
  batch.symbolic_input("a", {"N", "4", "5", "5"});
  batch.node("Relu", {"a"}, {"y"}, "act");
  batch.output("y");
  const test::SmallNetwork one("m", batch.serialised());
  CHECK(one->tensors()[0].tensor.shape == Shape{1, 4, 5, 5});
  CHECK(one->notes().size() == 1);
}

TEST_CASE("large graphs are bounded, long chains do not recurse") {
  OnnxBuild build;
  build.input("x", {1, 2});
  std::string at = "x";
  for (int i = 0; i < 20'000; ++i) {
    std::string next = "t" + std::to_string(i);
    build.node(i % 2 == 0 ? "Relu" : "Neg", {at}, {next});
    at = std::move(next);
  }
  build.output(at);
  CHECK(test::SmallNetwork("long", build.serialised())->layers().size() == 1);

  std::string many = "\x3a";  // field 7, the graph: 100,001 empty nodes
  const std::size_t bytes = 2 * 100'001;
  std::size_t rest = bytes;
  for (; rest >= 0x80; rest >>= 7) many += static_cast<char>((rest & 0x7f) | 0x80);
  many += static_cast<char>(rest);
  for (int i = 0; i < 100'001; ++i) many += std::string("\x0a\x00", 2);
  CHECK(code_of_text(many) == "MODEL-SIZE");
}

TEST_CASE("tensors that fit into no memory") {
  const Error error = damaged([](OnnxBuild& b) {
    b.values("huge", {1 << 18, 1 << 18});
    b.node("ConstantOfShape", {"huge"}, {"h"}, "fill");
    OnnxBuild::integer(b.node("ReduceSum", {"h"}, {"s"}, "sum"), "keepdims", 0);
    b.node("Add", {"y", "s"}, {"z"}, "add");
    b.output("z");
  });
  CHECK(error.code() == "MODEL-SIZE");
  CHECK(std::string(error.what()).find("'h'") != std::string::npos);
}

TEST_CASE("one node with a hundred thousand inputs") {
  OnnxBuild build;
  build.input("x", {1, 2}).output("y");
  onnx::NodeProto& node = build.node("Sum", {}, {"y"}, "sum");
  for (int i = 0; i < 100'000; ++i) node.add_input("x");
  CHECK(test::SmallNetwork("wide", build.serialised())->layers().size() == 1);
}

TEST_CASE("inputs that are no tensors of numbers") {
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_input(0)->clear_type(); }).code() == "MODEL-TENSOR");
  CHECK(damaged([](OnnxBuild& b) { b.graph().mutable_input(0)->mutable_type()->mutable_sequence_type(); }).code() ==
        "MODEL-TENSOR");
  CHECK(damaged([](OnnxBuild& b) {
          b.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(8);
        }).code() == "MODEL-TENSOR");
}

}  // namespace dse
