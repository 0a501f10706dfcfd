#include "program/manifest.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "base/error.hpp"

using namespace dse;
using namespace dse::program;

namespace {

const std::string hash(64, 'a');

Deployment deployment() {
  Deployment result;
  result.devices = {"a", "b"};
  result.inputs = {{"x", {DataType::float32, {2}}}};
  result.outputs = {{"y", {DataType::float32, {3}}}};
  return result;
}

Manifest manifest() {
  Manifest result;
  result.tool_version = "1";
  result.engine_version = "2";
  result.created = "2024-01-01T00:00:00Z";
  result.model = {"m.onnx", hash};
  result.platform = {"p.yaml", hash};
  result.wait = {WaitPolicy::Kind::sleep, 75};
  result.programs = {"a_0.json", "b_1.json"};
  result.model_folders = {"a_0", "b_1"};
  result.golden.tolerance = {1e-4};
  result.golden.cuts = {{"t", {DataType::float16, {4}}, 2e-3}};
  result.golden.frames = {{{"golden/i"}, {"golden/o"}, {"golden/c"}}};
  result.estimate = {0.5, 0.25, {{0.1, 1000}, {0.2, 2000}}};
  result.files = {{"deployment.json", {hash, 1}}, {"programs/a_0.json", {hash, 2}}, {"programs/b_1.json", {hash, 3}},
                  {"golden/i", {hash, 8}},        {"golden/o", {hash, 12}},         {"golden/c", {hash, 8}}};
  return result;
}

std::string code_of(const std::function<void(Manifest&)>& change) {
  Manifest changed = manifest();
  change(changed);
  try {
    check(manifest_from_json(to_json(changed), "manifest.json"), deployment());
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    return error.code();
  }
  return "";
}

}  // namespace

TEST_CASE("a manifest survives writing and reading") {
  CHECK(manifest_from_json(to_json(manifest()), "m") == manifest());
  CHECK(code_of([](Manifest&) {}) == "");
}

TEST_CASE("counts must agree with the deployment") {
  CHECK(code_of([](Manifest& m) { m.programs.pop_back(); }) == "MANIFEST-COUNT");
  CHECK(code_of([](Manifest& m) { m.model_folders.pop_back(); }) == "MANIFEST-COUNT");
  CHECK(code_of([](Manifest& m) { m.golden.tolerance.clear(); }) == "MANIFEST-COUNT");
  CHECK(code_of([](Manifest& m) { m.golden.frames[0].inputs.clear(); }) == "MANIFEST-COUNT");
  CHECK(code_of([](Manifest& m) { m.golden.frames[0].cuts.push_back("golden/c"); }) == "MANIFEST-COUNT");
  CHECK(code_of([](Manifest& m) { m.estimate.devices.pop_back(); }) == "MANIFEST-COUNT");
  CHECK(code_of([](Manifest& m) { m.estimate.devices.clear(); }) == "");
  CHECK(code_of([](Manifest& m) { m.golden.frames[0].cuts.clear(); }) == "");
}

TEST_CASE("every file named is listed, with the size of its tensor") {
  CHECK(code_of([](Manifest& m) { m.files.erase("deployment.json"); }) == "MANIFEST-FILE");
  CHECK(code_of([](Manifest& m) { m.files.erase("programs/b_1.json"); }) == "MANIFEST-FILE");
  CHECK(code_of([](Manifest& m) { m.files.erase("golden/o"); }) == "MANIFEST-FILE");
  CHECK(code_of([](Manifest& m) { m.files["golden/o"].bytes = 11; }) == "MANIFEST-SIZE");
  CHECK(code_of([](Manifest& m) { m.files["golden/c"].bytes = 9; }) == "MANIFEST-SIZE");
}

TEST_CASE("paths stay inside the package") {
  for (const char* good : {"a", "a/b.bin", "golden/f0_in0.bin", "A-b_c.9"}) CHECK(is_package_path(good));
  for (const char* bad : {"", "/a", "a/", "a//b", "..", "a/../b", "./a", ".hidden", "a/.b", "-rf", "a/-b", "a b",
                          "a\nb", "a\\b", "\xc3\xa9"})
    CHECK_FALSE(is_package_path(bad));
  CHECK(code_of([](Manifest& m) { m.programs[0] = "../a_0.json"; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.programs[0] = "sub/a_0.json"; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.model_folders[0] = "/etc"; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.golden.frames[0].inputs[0] = "/dev/zero"; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.files["../x"] = {hash, 1}; }) == "MANIFEST-JSON");
}

TEST_CASE("values are checked") {
  CHECK(code_of([](Manifest& m) { m.format = "package/2"; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.model.sha256 = "abc"; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.files["golden/o"].sha256 = std::string(64, 'G'); }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.golden.tolerance[0] = -1; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.estimate.latency_s = std::stod("inf"); }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.golden.cuts[0].type.type = DataType::string; }) == "MANIFEST-JSON");
  CHECK(code_of([](Manifest& m) { m.golden.cuts[0].type.shape = {0}; }) == "MANIFEST-JSON");
}

TEST_CASE("ways to wait") {
  for (const char* text : {"spin", "yield", "sleep:50", "sleep:1", "sleep:1000000"})
    CHECK(to_string(wait_policy_from_string(text)) == text);
  for (const char* text : {"", "sleep", "sleep:", "sleep:0", "sleep:-1", "sleep:1000001", "sleep:5x", "Spin", "poll"})
    CHECK_THROWS_AS(wait_policy_from_string(text), Error);
}
