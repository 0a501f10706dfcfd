#include "tests/runtime/toy_package.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/sha256.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse::toy {
namespace {

using namespace dse::program;

std::string model_of(const Network& network, std::size_t layer) {
  test::OnnxBuild build;
  std::string sum;
  for (std::size_t i = 0; i < network.inputs[layer].size(); ++i) {
    const std::string input = fmt::format("x{}", i);
    build.input(input, network.shape, DataType::int64);
    if (i == 0) {
      sum = input;
      continue;
    }
    const std::string next = fmt::format("s{}", i);
    build.node("Add", {sum, input}, {next});
    sum = next;
  }
  build.values("factor", {layer % 3 == 0 ? 2 : 1}).values("layer", {static_cast<std::int64_t>(layer)});
  build.node("Mul", {sum, "factor"}, {"scaled"});
  build.node("Add", {"scaled", "layer"}, {"y"});
  build.output("y", network.shape, DataType::int64);
  return build.serialised();
}

class Folder {
 public:
  Folder(const fs::path& path, Manifest& manifest) : path_(path), manifest_(manifest) {}
  void add(const std::string& name, std::string_view content) {
    fs::create_directories((path_ / name).parent_path());
    write_file(path_ / name, content);
    manifest_.files[name] = {sha256_hex(content), content.size()};
  }
  std::string add_tensor(const std::string& name, const std::vector<std::int64_t>& values) {
    add(name,
        {static_cast<const char*>(static_cast<const void*>(values.data())), values.size() * sizeof(std::int64_t)});
    return name;
  }

 private:
  fs::path path_;
  Manifest& manifest_;
};

GoldenFrame golden_frame(const Network& network, Folder& folder, std::size_t frame, const PackageOptions& options) {
  GoldenFrame golden;
  const auto tensors = evaluate(network, frame);
  golden.inputs = {folder.add_tensor(fmt::format("golden/f{}_in0.bin", frame), tensors[0])};
  for (std::size_t port = 0; port < network.outputs.size(); ++port) {
    std::vector<std::int64_t> values = tensors[network.outputs[port]];
    if (port == 0 && options.spoil) options.spoil(values, frame);
    golden.outputs.push_back(folder.add_tensor(fmt::format("golden/f{}_out{}.bin", frame, port), values));
  }
  for (std::size_t tensor = 0; tensor < tensors.size(); ++tensor)
    golden.cuts.push_back(folder.add_tensor(fmt::format("golden/f{}_cut{}.bin", frame, tensor), tensors[tensor]));
  return golden;
}

}  // namespace

void write_package(const Network& network, const ProgramSet& lowered, const fs::path& path,
                   const PackageOptions& options) {
  ProgramSet set = lowered;
  Manifest manifest;
  manifest.tool_version = "test";
  manifest.engine_version = "test";
  manifest.model = {"toy", sha256_hex("toy")};
  manifest.platform = {"toy", sha256_hex("toy")};
  manifest.estimate = {0.001, 0.001, {}};
  Folder folder(path, manifest);
  for (Program& program : set.programs) {
    manifest.programs.push_back(fmt::format("p{}.json", program.index));
    manifest.model_folders.push_back(fmt::format("d{}", program.index));
    for (Segment& segment : program.segments) {
      segment.model = fmt::format("layer{}_{}.onnx", segment.name, &segment - program.segments.data());
      folder.add("models/" + manifest.model_folders.back() + "/" + segment.model,
                 model_of(network, std::stoul(segment.name)));
    }
    folder.add("programs/" + manifest.programs.back(), to_json(program));
  }
  folder.add("deployment.json", to_json(set.deployment));
  manifest.golden.tolerance.assign(network.outputs.size(), 0);
  for (std::size_t tensor = 0; tensor <= network.inputs.size(); ++tensor)
    manifest.golden.cuts.push_back({fmt::format("t{}", tensor), {DataType::int64, network.shape}, 0});
  for (std::size_t frame = 0; frame < options.golden_frames; ++frame)
    manifest.golden.frames.push_back(golden_frame(network, folder, frame, options));
  if (options.change) options.change(manifest);
  write_file(path / "manifest.json", to_json(manifest));
}

ProcessOptions worker_command(std::size_t ranks, const std::vector<std::string>& arguments) {
  const char* folder = std::getenv("DSE_BIN_DIR");
  const fs::path worker = fs::path(folder != nullptr ? folder : executable_folder()) / "dse-worker";
  ProcessOptions command;
  command.argv = {"mpirun",
                  "-np",
                  std::to_string(ranks),
                  "--oversubscribe",
                  "--bind-to",
                  "none",
                  "--mca",
                  "odls_base_sigkill_timeout",
                  "0",
                  worker.string()};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.set_environment = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                             "OMPI_MCA_mpi_yield_when_idle=1"};
  return command;
}

}  // namespace dse::toy
