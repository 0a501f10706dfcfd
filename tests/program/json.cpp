#include <doctest/doctest.h>

#include <string>

#include "base/error.hpp"
#include "program/program.hpp"

using namespace dse;
using namespace dse::program;

namespace {

Program sample() {
  Program program{"nano \"0\"", 1, 4, "cpu", {{"seg", "seg_0.onnx", {"conv1", "relu"}, {"x"}, {"y"}}}, {Lane{}}};
  const Box whole = Box::whole({1, 2, 3});
  Lane& lane = program.lanes[0];
  lane.replica = 2;
  lane.buffers = {{"x", DataType::float16, whole},
                  {"y", DataType::int64, {{0, 1, 0}, {1, 2, 3}}},
                  {"s", DataType::float32, {{}, {}}, 1}};
  lane.buffers[1].block = 1;
  lane.steps = {{StepKind::input, "in", 1, 0, 0, 0, {}, {{0, whole}}, {}},
                {StepKind::receive, "r", 0, 5, 3, 0, {}, {{2, {{}, {}}}}, {}},
                {StepKind::run, "go", 0, 0, 0, 0, {{0, whole}}, {{1, {{0, 1, 0}, {1, 2, 3}}}}, {0, 1}},
                {StepKind::copy, "c", 0, 0, 0, 0, {{0, {{0, 0, 0}, {1, 1, 3}}}}, {{0, {{0, 0, 0}, {1, 1, 3}}}}, {2}},
                {StepKind::send, "s", 0, 6, 0, 0, {{0, {{0, 0, 0}, {1, 2, 1}}}}, {}, {2}},
                {StepKind::output, "out", 3, 0, 0, 0, {{1, {{0, 1, 0}, {1, 2, 3}}}}, {}, {2}}};
  lane.steps[4].wire = Wire::int8;
  return program;
}

Deployment sample_deployment() {
  Deployment deployment;
  deployment.devices = {"a", "b"};
  deployment.inputs = {{"x", {DataType::float32, {1, 3, 8, 8}}}, {"scalar", {DataType::int64, {}}}};
  deployment.outputs = {{"y", {DataType::boolean, {1}}}};
  deployment.replicas = {{3, 2, {0, 1}, 1}, {1, 4, {}, 0}};
  deployment.transfers = 9;
  return deployment;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
  try {
    program_from_json(text, "p.json");
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    CHECK(error.code() == "PROGRAM-JSON");
    CHECK(error.place().path == "p.json");
    return error.message();
  }
  return "";
}

std::string compact(const Program& program) {
  std::string text = to_json(program), result;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
    if (quoted || (text[i] != '\n' && text[i] != ' ')) result += text[i];
  }
  return result;
}

}  // namespace

TEST_CASE("programs and deployments survive writing and reading") {
  const std::string text = to_json(sample());
  CHECK(to_json(program_from_json(text, "p")) == text);
  const Program read = program_from_json(text, "p");
  CHECK(read.device == "nano \"0\"");
  CHECK(read.lanes[0].buffers[1].box == Box{{0, 1, 0}, {1, 2, 3}});
  CHECK(read.lanes[0].buffers[2].box.elements() == 1);
  CHECK(read.lanes[0].buffers[0].block == std::nullopt);
  CHECK(read.lanes[0].buffers[2].block == 1);
  CHECK(read.lanes[0].steps[1].transfer == 5);
  CHECK(read.lanes[0].steps[1].peer == 3);
  CHECK(read.lanes[0].steps[1].wire == Wire::full);
  CHECK(read.lanes[0].steps[4].wire == Wire::int8);
  CHECK(read.lanes[0].steps[2].after == std::vector<std::size_t>{0, 1});
  CHECK(read.segments[0].layers == std::vector<std::string>{"conv1", "relu"});
  const std::string deployment = to_json(sample_deployment());
  CHECK(to_json(deployment_from_json(deployment, "d")) == deployment);
  CHECK(deployment_from_json(deployment, "d").inputs[1].tensor.shape.empty());
}

TEST_CASE("names that are not UTF-8 are written all the same") {
  Program program = sample();
  program.segments[0].name = "bad \xff\xfe";
  CHECK_NOTHROW(program_from_json(to_json(program), "p"));
}

TEST_CASE("damaged programs are refused with the place in them") {
  const std::string good = compact(sample());
  REQUIRE(refusal(good) == "");
  CHECK(refusal("") != "");
  CHECK(refusal("[1,2") != "");
  CHECK(refusal("[]").find("must be an object") != std::string::npos);
  for (std::size_t cut = 1; cut < good.size(); cut += 37) CHECK(refusal(good.substr(0, cut)) != "");
  CHECK(refusal(replaced(good, "\"threads\":4", "\"threads\":4,\"treads\":1")).find("did you mean 'threads'") !=
        std::string::npos);
  CHECK(refusal(replaced(good, "\"threads\":4", "\"threads\":4,\"threads\":5")).find("given twice") !=
        std::string::npos);
  CHECK(refusal(replaced(good, "\"threads\":4", "\"threads\":0")) == "'threads' must be an integer from 1 to 4096");
  CHECK(refusal(replaced(good, "\"threads\":4", "\"threads\":4.5")) != "");
  CHECK(refusal(replaced(good, "\"threads\":4", "\"threads\":\"4\"")) != "");
  CHECK(refusal(replaced(good, "\"threads\":4,", "")) == "the document lacks the key 'threads'");
  CHECK(refusal(replaced(good, "\"index\":1", "\"index\":-1")) != "");
  CHECK(refusal(replaced(good, "\"index\":1", "\"index\":18446744073709551615")) != "");
  CHECK(refusal(replaced(good, "program/1", "program/2")).find("this version reads") != std::string::npos);
  CHECK(refusal(replaced(good, "\"float16\"", "\"string\"")) != "");
  CHECK(refusal(replaced(good, "\"kind\":\"copy\"", "\"kind\":\"move\"")).find("lanes[0].steps[3].kind") !=
        std::string::npos);
  CHECK(refusal(replaced(good, "\"segment\":0", "\"segment\":1")) != "");
  CHECK(refusal(replaced(good, "\"after\":[0,1]", "\"after\":[0,2]")) != "");
  CHECK(refusal(replaced(good, "\"buffer\":2", "\"buffer\":3")) != "");
  CHECK(refusal(replaced(good, "\"lo\":[0,1,0]", "\"lo\":[0,1]")) != "");
  CHECK(refusal(replaced(good, "\"lo\":[0,1,0]", "\"lo\":[0,2,0]")).find("empty box") != std::string::npos);
  CHECK(refusal(replaced(good, "\"hi\":[1,2,3]", "\"hi\":[140737488355328,140737488355328,3]"))
            .find("too many elements") != std::string::npos);
}

TEST_CASE("deep nesting is refused, however deep") {
  CHECK(refusal(std::string(100'000, '[')) != "");
  CHECK(refusal(replaced(compact(sample()), "\"threads\":4",
                         "\"threads\":" + std::string(50'000, '[') + std::string(50'000, ']'))) != "");
}

TEST_CASE("deployments are checked too") {
  const std::string good = to_json(sample_deployment());
  CHECK_THROWS_AS(deployment_from_json(replaced(good, "\"share\": 3", "\"share\": 0"), "d"), Error);
  CHECK_THROWS_AS(deployment_from_json(replaced(good, "\"sink\": 1", "\"sink\": 2"), "d"), Error);
  CHECK_THROWS_AS(deployment_from_json(replaced(good, "\"transfers\": 9", "\"transfers\": 99999999"), "d"), Error);
  CHECK_THROWS_AS(deployment_from_json(replaced(good, "deployment/1", "program/1"), "d"), Error);
}
