// Reading untrusted files and writing files that are never half-written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dse {

namespace fs = std::filesystem;

// The bytes of a regular file, mapped read-only for as long as the object lives.
class MappedFile {
 public:
  // Opens without following a hang (O_NONBLOCK), requires a regular file of at most `cap` bytes.
  // Throws Error(io, FILE-OPEN) when it cannot be opened, Error(bad_input, FILE-KIND | FILE-SIZE) otherwise.
  static MappedFile open(const fs::path& path, std::uint64_t cap);
  // The same for a file inside `folder`: no "..", no absolute path, no symbolic or hard link on the way (openat2
  // RESOLVE_BENEATH). Throws Error(bad_input, FILE-OUTSIDE) where the path leaves the folder.
  static MappedFile open_beneath(const fs::path& folder, const std::string& relative, std::uint64_t cap);

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(mapping_.get()), size_}; }
  std::string_view text() const { return {static_cast<const char*>(mapping_.get()), size_}; }
  // Shares ownership of the mapping with whoever needs to keep it alive.
  std::shared_ptr<const void> mapping() const { return mapping_; }

 private:
  MappedFile() = default;
  static MappedFile map(int fd, const fs::path& shown, std::uint64_t cap);
  std::shared_ptr<const void> mapping_;
  std::size_t size_ = 0;
};

// The whole text of a regular file of at most `cap` bytes; errors as MappedFile::open.
std::string read_text(const fs::path& path, std::uint64_t cap);

// Writes to a temporary file in the same folder, fsyncs it, renames it over `path` and fsyncs the folder.
// Throws Error(io, FILE-WRITE); on any error nothing is left behind and an existing file is unchanged.
void write_file(const fs::path& path, std::string_view content, unsigned mode = 0644);

// Brings a file's bytes to the disk and has the system forget its copy in memory, so that whoever maps the file finds
// it as after a restart. A mapping of what was written a moment ago was seen to be read at half the speed (a virtual
// machine, ext4). Does nothing where the system cannot.
void settle_file(const fs::path& path);

// A folder under TMPDIR (or /tmp) that is removed with everything in it when the object goes.
class TempDir {
 public:
  explicit TempDir(std::string_view prefix);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The folder of the running executable: the project's other programs are looked for there.
fs::path executable_folder();

// A file or folder name made from an untrusted name: [A-Za-z0-9_-], at most 48 characters, then "_<index>".
// The index makes it unique and keeps it from being empty, hidden, or a path.
std::string safe_file_name(std::string_view name, std::size_t index);

}  // namespace dse
