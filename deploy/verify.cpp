#include "deploy/verify.hpp"

#include <fmt/format.h>

#include <set>

#include "base/error.hpp"
#include "base/sha256.hpp"

namespace dse::deploy {
namespace {

constexpr std::uint64_t text_cap = 256u << 20;
constexpr std::uint64_t file_cap = std::uint64_t{1} << 40;

[[noreturn]] void damaged(std::string_view code, const fs::path& folder, const std::string& relative,
                          std::string_view message) {
  throw Error(ExitCode::bad_input, code, {(folder / printable(relative)).string()}, message);
}

std::string text_of(const fs::path& folder, const std::string& relative) {
  return std::string(MappedFile::open_beneath(folder, relative, text_cap).text());
}

// Paths of all regular files below the folder. Links are not followed, and not tolerated.
std::set<std::string> files_below(const fs::path& folder) {
  std::set<std::string> files;
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::none, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string relative = entry->path().lexically_relative(folder).string();
    const fs::file_status status = entry->symlink_status();
    if (fs::is_regular_file(status))
      files.insert(relative);
    else if (!fs::is_directory(status))
      damaged("PACKAGE-KIND", folder, relative, "is neither a regular file nor a folder; a package holds nothing else");
  }
  if (error) throw Error(ExitCode::io, "FILE-OPEN", {folder.string()}, "cannot be read: " + error.message());
  return files;
}

void check_names(const fs::path& folder, const program::Manifest& manifest, const std::set<std::string>& present) {
  for (const auto& [path, facts] : manifest.files)
    if (!present.contains(path))
      damaged("PACKAGE-MISSING", folder, path, "is missing; copy the package again, or deploy again");
  for (const std::string& path : present)
    if (path != "manifest.json" && !manifest.files.contains(path))
      damaged("PACKAGE-EXTRA", folder, path, "is not in the manifest; a package holds only what was written with it");
}

void check_content(const fs::path& folder, const std::string& path, const program::FileFacts& facts) {
  const MappedFile file = MappedFile::open_beneath(folder, path, file_cap);
  if (file.bytes().size() != facts.bytes)
    damaged("PACKAGE-SIZE", folder, path,
            fmt::format("holds {} bytes, the manifest says {}", file.bytes().size(), facts.bytes));
  if (sha256_hex(file.bytes()) != facts.sha256)
    damaged("PACKAGE-HASH", folder, path,
            "was changed since the package was written: its sha256 is not the manifest's");
}

void check_models(const PackageFacts& facts) {
  for (std::size_t rank = 0; rank < facts.programs.programs.size(); ++rank)
    for (const program::Segment& segment : facts.programs.programs[rank].segments) {
      const std::string path = "models/" + facts.manifest.model_folders[rank] + "/" + segment.model;
      if (!facts.manifest.files.contains(path))
        damaged(
            "PACKAGE-MISSING", facts.path, path,
            "is run by device '" + printable(facts.programs.deployment.devices[rank]) + "' but not in the manifest");
    }
}

}  // namespace

PackageFacts read_package(const fs::path& folder) {
  PackageFacts facts;
  facts.path = fs::absolute(folder).lexically_normal();
  if (!facts.path.has_filename()) facts.path = facts.path.parent_path();
  if (!fs::is_directory(facts.path))
    throw Error(ExitCode::bad_input, "PACKAGE-MISSING", {folder.string()},
                "is no folder; name a package that dse deploy wrote");
  const auto shown = [&](const std::string& relative) { return (facts.path / relative).string(); };
  facts.manifest = program::manifest_from_json(text_of(facts.path, "manifest.json"), shown("manifest.json"));
  facts.programs.deployment =
      program::deployment_from_json(text_of(facts.path, "deployment.json"), shown("deployment.json"));
  program::check(facts.manifest, facts.programs.deployment);
  for (const std::string& name : facts.manifest.programs) {
    const std::string relative = "programs/" + name;
    facts.programs.programs.push_back(program::program_from_json(text_of(facts.path, relative), shown(relative)));
  }
  program::check(facts.programs);
  for (const auto& [path, file] : facts.manifest.files) facts.bytes += file.bytes;
  facts.bytes += fs::file_size(facts.path / "manifest.json");
  facts.files = facts.manifest.files.size() + 1;
  check_models(facts);
  return facts;
}

PackageFacts verify_package(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw Error(ExitCode::bad_input, "PACKAGE-MISSING", {folder.string()},
                "is no folder; name a package that dse deploy wrote");
  const std::set<std::string> present = files_below(folder);
  const program::Manifest manifest =
      program::manifest_from_json(text_of(folder, "manifest.json"), (folder / "manifest.json").string());
  check_names(folder, manifest, present);
  for (const auto& [path, facts] : manifest.files) check_content(folder, path, facts);
  return read_package(folder);
}

}  // namespace dse::deploy
