#include "deploy/package.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "deploy/exactness.hpp"
#include "deploy/verify.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/packages.hpp"

using namespace dse;

namespace {

test::PackageMaker& maker() {
  static test::PackageMaker instance;
  return instance;
}

std::map<std::string, std::string> content_of(const fs::path& folder) {
  std::map<std::string, std::string> content;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) content[entry.path().lexically_relative(folder)] = read_text(entry.path(), 1u << 30);
  return content;
}

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    return error.code();
  }
  return "";
}

// A copy of a two-stage package for one kind of damage.
struct Copy {
  TempDir folder{"dse-test"};
  fs::path path = folder.path() / "copy";
  Copy() {
    static const fs::path original = maker().write(maker().stages(2), "original");
    fs::copy(original, path, fs::copy_options::recursive);
  }
};

}  // namespace

TEST_CASE("a package is what the manifest says and reads back as what was written") {
  const fs::path path = maker().write(maker().stages(2), "two");
  const deploy::PackageFacts facts = deploy::verify_package(path);
  CHECK(facts.programs.deployment.devices == std::vector<std::string>{"d0", "d1"});
  CHECK(facts.manifest.model.sha256 == maker().network().sha256());
  CHECK(facts.manifest.golden.frames.size() == 4);
  CHECK(facts.manifest.golden.cuts.size() >= 1);
  CHECK(facts.manifest.golden.tolerance.size() == maker().network().outputs().size());
  for (const double tolerance : facts.manifest.golden.tolerance) CHECK(tolerance >= 1e-4);
  for (const char* name : {"run", "hostfile", "rankfile", "appfile", "deployment.json"})
    CHECK(facts.manifest.files.contains(name));
  CHECK((fs::status(path / "run").permissions() & fs::perms::owner_exec) != fs::perms::none);
  CHECK(facts.files == content_of(path).size());
}

TEST_CASE("equal inputs give equal bytes") {
  const fs::path first = maker().write(maker().stages(3), "once");
  // A second reference: nothing may hang on what the first has kept.
  deploy::Reference fresh(maker().network(), engine::Engine::instance());
  const Platform platform = test::local_platform(3);
  const fs::path second = maker().folder() / "again";
  deploy::write_package(fresh, platform, lower(maker().network(), platform, maker().stages(3)), {}, second);
  CHECK(content_of(first) == content_of(second));
}

TEST_CASE("each device holds its own weights only, each content once") {
  const fs::path path = maker().write(maker().stages(2), "weights");
  const auto folders = deploy::verify_package(path).manifest.model_folders;
  const Network& network = maker().network();
  std::set<std::string> placed;
  std::uint64_t total = 0;
  for (const std::string& folder : folders) {
    const fs::path weights = path / "models" / folder / "weights.bin";
    REQUIRE(fs::exists(weights));
    total += fs::file_size(weights);
  }
  std::uint64_t wanted = 0;
  for (const Weight& weight : network.weights()) {
    const std::span<const std::byte> bytes(weight.data, static_cast<std::size_t>(weight.tensor.bytes()));
    if (bytes.size() < 1024) continue;
    wanted += bytes.size();
    // It lies in exactly one of the devices' files.
    int holders = 0;
    for (const std::string& folder : folders) {
      const std::string file = read_text(path / "models" / folder / "weights.bin", 1u << 30);
      if (file.find(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) != std::string::npos)
        ++holders;
    }
    CHECK(holders == 1);
  }
  CHECK(total >= wanted);
  CHECK(total <= wanted + network.weights().size() * 4096);
}

TEST_CASE("golden tensors are the undivided network's") {
  const fs::path path = maker().write(maker().replicas(3), "replicas");
  const program::Golden golden = deploy::verify_package(path).manifest.golden;
  CHECK(golden.frames.size() == 6);
  std::set<std::string> different;
  for (std::size_t frame = 0; frame < golden.frames.size(); ++frame) {
    different.insert(read_text(path / golden.frames[frame].inputs[0], 1u << 30));
    for (std::size_t port = 0; port < golden.frames[frame].outputs.size(); ++port) {
      const std::string stored = read_text(path / golden.frames[frame].outputs[port], 1u << 30);
      const engine::OwnedTensor& expected = maker().reference().outputs(frame)[port];
      CHECK(deploy::relative_error(expected.tensor, std::as_bytes(std::span(stored.data(), stored.size())),
                                   expected.data) == 0);
    }
  }
  CHECK(different.size() == golden.frames.size());
}

TEST_CASE("what a cut carries, exposed or not, leaves the outputs as they were") {
  deploy::Reference& reference = maker().reference();
  std::vector<TensorId> all;
  for (TensorId id = 0; id < maker().network().tensors().size(); ++id) all.push_back(id);
  const std::vector<engine::OwnedTensor> tensors = reference.tensors(all, 0);
  REQUIRE(tensors.size() == all.size());
  for (const TensorId id : all) CHECK(tensors[id].tensor == maker().network().tensors()[id].tensor);
  CHECK(tensors[maker().network().inputs()[0]].data == reference.inputs(0)[0].data);
  CHECK(tensors[maker().network().outputs()[0]].data == reference.outputs(0)[0].data);
  CHECK(reference.noise(maker().network().inputs()[0]) == 0);
  CHECK(reference.noise(maker().network().outputs()[0]) < 1e-3);
  CHECK(reference.tolerance_of(maker().network().outputs()[0]) <= 1e-3);
}

TEST_CASE("nothing is left of a package that was interrupted") {
  deploy::PackageOptions options;
  int polls = 0;
  options.cancelled = [&] { return ++polls == 3; };
  CHECK_THROWS_AS(maker().write(maker().stages(2), "interrupted", options), Error);
  for (const auto& entry : fs::directory_iterator(maker().folder())) {
    const std::string name = entry.path().filename();
    CHECK(name.find("interrupted") == std::string::npos);
  }
}

TEST_CASE("every kind of damage is found") {
  SUBCASE("none") {
    CHECK(code_of([copy = std::make_shared<Copy>()] { deploy::verify_package(copy->path); }).empty());
  }
  Copy copy;
  const auto verify = [&] { return code_of([&] { deploy::verify_package(copy.path); }); };
  const std::string weights = "models/" + deploy::read_package(copy.path).manifest.model_folders[0] + "/weights.bin";
  SUBCASE("missing file") {
    fs::remove(copy.path / weights);
    CHECK(verify() == "PACKAGE-MISSING");
  }
  SUBCASE("extra file") {
    write_file(copy.path / "models/extra", "x");
    CHECK(verify() == "PACKAGE-EXTRA");
  }
  SUBCASE("changed byte") {
    std::string text = read_text(copy.path / weights, 1u << 30);
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
    write_file(copy.path / weights, text);
    CHECK(verify() == "PACKAGE-HASH");
  }
  SUBCASE("shorter file") {
    fs::resize_file(copy.path / weights, fs::file_size(copy.path / weights) - 1);
    CHECK(verify() == "PACKAGE-SIZE");
  }
  SUBCASE("symbolic link instead of a file") {
    fs::rename(copy.path / weights, copy.folder.path() / "outside");
    fs::create_symlink(copy.folder.path() / "outside", copy.path / weights);
    CHECK(verify() == "PACKAGE-KIND");
  }
  SUBCASE("symbolic link instead of a folder") {
    fs::rename(copy.path / "golden", copy.folder.path() / "golden");
    fs::create_directory_symlink(copy.folder.path() / "golden", copy.path / "golden");
    CHECK(verify() == "PACKAGE-KIND");
  }
  SUBCASE("hard link to outside") {
    fs::create_hard_link(copy.path / weights, copy.folder.path() / "outside");
    CHECK(verify() == "FILE-OUTSIDE");
  }
  SUBCASE("a path that leaves the package") {
    std::string text = read_text(copy.path / "manifest.json", 1u << 30);
    const std::size_t at = text.find("\"deployment.json\"");
    REQUIRE(at != std::string::npos);
    text.replace(at, 17, "\"../deployment.json\"");
    write_file(copy.path / "manifest.json", text);
    CHECK(verify() == "MANIFEST-JSON");
  }
  SUBCASE("another format") {
    std::string text = read_text(copy.path / "manifest.json", 1u << 30);
    const std::size_t at = text.find("package/1");
    REQUIRE(at != std::string::npos);
    text.replace(at, 9, "package/2");
    write_file(copy.path / "manifest.json", text);
    CHECK_FALSE(verify().empty());
  }
  SUBCASE("no manifest") {
    fs::remove(copy.path / "manifest.json");
    CHECK(verify() == "FILE-OPEN");
  }
  SUBCASE("a file in its place") {
    fs::remove_all(copy.path);
    write_file(copy.path, "x");
    CHECK(verify() == "PACKAGE-MISSING");
  }
}
