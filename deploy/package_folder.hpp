// A folder that appears complete or not at all: written beside its place under another name, then renamed.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "program/manifest.hpp"

namespace dse::deploy {

class PackageFolder {
 public:
  // Checks the place first, before any work is spent. Throws Error(usage, OUTPUT-EXISTS) where something is there
  // already (a package may be replaced with `force`; anything else never is), Error(io, OUTPUT-FOLDER) where nothing
  // can be made there.
  PackageFolder(const fs::path& place, bool force);
  // Without commit() everything written is removed.
  ~PackageFolder();
  PackageFolder(const PackageFolder&) = delete;
  PackageFolder& operator=(const PackageFolder&) = delete;

  using Sink = std::function<void(std::span<const std::byte>)>;
  // Writes a file, its folders made as needed, fsynced; its hash is kept. Throws Error(io, FILE-WRITE).
  void add(const std::string& relative, std::string_view content, unsigned mode = 0644);
  void add(const std::string& relative, const std::function<void(const Sink&)>& writer, unsigned mode = 0644);

  const std::map<std::string, program::FileFacts>& files() const { return files_; }
  // The folder being written; gone after commit().
  const fs::path& path() const { return temporary_; }
  const fs::path& place() const { return place_; }

  // Puts the folder in its place, durably.
  void commit();

 private:
  fs::path place_;
  fs::path temporary_;
  bool force_ = false;
  std::map<std::string, program::FileFacts> files_;
};

}  // namespace dse::deploy
