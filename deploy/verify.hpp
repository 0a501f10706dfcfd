// Is a folder the package that was written, every byte of it?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "program/manifest.hpp"
#include "program/program.hpp"

namespace dse::deploy {

struct PackageFacts {
  fs::path path;  // absolute
  program::Manifest manifest;
  program::ProgramSet programs;
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

// Every file of the manifest with its size and hash, no other file, nothing but regular files in plain folders (no
// links, no devices), programs that fit each other, sub-models that exist. Throws Error(bad_input, PACKAGE-... |
// MANIFEST-... | PROGRAM-...) for the first thing that is wrong; Error(io, ...) where a file cannot be read.
PackageFacts verify_package(const fs::path& folder);

// The same without hashing: what a launcher needs to know of a package.
PackageFacts read_package(const fs::path& folder);

}  // namespace dse::deploy
