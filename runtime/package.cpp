#include "runtime/package.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/sha256.hpp"

namespace dse::runtime {
namespace {

constexpr std::uint64_t text_cap = 256u << 20;
constexpr std::uint64_t file_cap = std::uint64_t{1} << 40;

std::string text_of(const Package& package, const std::string& relative) {
  const MappedFile file = MappedFile::open_beneath(package.folder, relative, text_cap);
  const auto listed = package.manifest.files.find(relative);
  if (listed != package.manifest.files.end() && sha256_hex(file.text()) != listed->second.sha256)
    throw Error(ExitCode::bad_input, "PACKAGE-HASH", {(package.folder / relative).string()},
                "was changed since the package was written; write the package again");
  return std::string(file.text());
}

std::string shown(const Package& package, const std::string& relative) { return (package.folder / relative).string(); }

}  // namespace

Package read_package(const fs::path& folder) {
  Package package;
  package.folder = folder;
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw Error(ExitCode::bad_input, "PACKAGE-FOLDER", {folder.string()}, "is no folder; give the folder of a package");
  package.manifest = program::manifest_from_json(text_of(package, "manifest.json"), shown(package, "manifest.json"));
  package.set.deployment =
      program::deployment_from_json(text_of(package, "deployment.json"), shown(package, "deployment.json"));
  program::check(package.manifest, package.set.deployment);
  for (const std::string& name : package.manifest.programs) {
    const std::string relative = "programs/" + name;
    package.set.programs.push_back(program::program_from_json(text_of(package, relative), shown(package, relative)));
  }
  program::check(package.set);
  return package;
}

MappedFile package_file(const Package& package, const std::string& relative) {
  MappedFile file = MappedFile::open_beneath(package.folder, relative, file_cap);
  const auto listed = package.manifest.files.find(relative);
  if (listed == package.manifest.files.end() || listed->second.bytes != file.bytes().size())
    throw Error(ExitCode::bad_input, "PACKAGE-FILE", {shown(package, relative)},
                "is not in the manifest with the size that it has; write the package again");
  return file;
}

std::vector<engine::Session> load_sessions(const Package& package, std::size_t device, const engine::Engine& engine) {
  const program::Program& program = package.set.programs[device];
  const std::string folder = "models/" + package.manifest.model_folders[device] + "/";
  for (const auto& [path, facts] : package.manifest.files)
    if (path.starts_with(folder)) package_file(package, path);  // the engine opens them by name and trusts their sizes
  engine::SessionOptions options;
  options.execution_provider = program.execution_provider;
  std::vector<engine::Session> sessions;
  sessions.reserve(program.segments.size());
  for (const program::Segment& segment : program.segments) {
    if (!program::is_package_path(segment.model) || !package.manifest.files.contains(folder + segment.model))
      throw Error(ExitCode::bad_input, "PACKAGE-FILE", {shown(package, folder + printable(segment.model))},
                  "is the model of a segment but not in the manifest; write the package again");
    sessions.push_back(engine.load(package.folder / (folder + segment.model), options));
  }
  return sessions;
}

std::uint64_t model_bytes(const Package& package, std::size_t device) {
  const std::string folder = "models/" + package.manifest.model_folders[device] + "/";
  std::uint64_t bytes = 0;
  for (const auto& [path, facts] : package.manifest.files)
    if (path.starts_with(folder)) bytes += facts.bytes;
  return bytes;
}

double progress_deadline(const program::Estimate& estimate) {
  return std::max(10.0, 5 * std::max(estimate.latency_s, estimate.period_s) + 3);
}

double start_deadline(std::uint64_t model_bytes) { return 60 + static_cast<double>(model_bytes) / 10e6; }

}  // namespace dse::runtime
