#include "deploy/package_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/sha256.hpp"

namespace dse::deploy {
namespace {

Error write_error(const fs::path& path, int error) {
  return Error(ExitCode::io, "FILE-WRITE", {path.string()}, std::string("cannot be written: ") + std::strerror(error));
}

unsigned creation_mask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

class NewFile {
 public:
  NewFile(const fs::path& path, unsigned mode)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) {
    if (fd_ < 0) throw write_error(path_, errno);
  }
  ~NewFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    hash_.add(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw write_error(path_, errno);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  program::FileFacts finish() {
    if (::fsync(fd_) != 0) throw write_error(path_, errno);
    const int closed = ::close(fd_);
    fd_ = -1;
    if (closed != 0) throw write_error(path_, errno);
    return {hash_.hex(), size_};
  }

 private:
  fs::path path_;
  int fd_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

bool is_package(const fs::path& folder) { return fs::is_regular_file(fs::symlink_status(folder / "manifest.json")); }

void check_place(const fs::path& place, bool force) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(place, error);
  if (!fs::exists(status)) return;
  const std::string where = place.string();
  if (!fs::is_directory(status))
    throw Error(ExitCode::usage, "OUTPUT-EXISTS", {where}, "exists and is no folder; name a new folder");
  if (fs::is_empty(place)) return;
  if (!is_package(place))
    throw Error(ExitCode::usage, "OUTPUT-EXISTS", {where}, "is not empty and holds no package; name a new folder");
  if (!force)
    throw Error(ExitCode::usage, "OUTPUT-EXISTS", {where},
                "holds a package already; name a new folder, or replace it with --force");
}

fs::path sibling(const fs::path& place) {
  std::string name = (place.parent_path() / ("." + place.filename().string().substr(0, 100) + ".XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw Error(
        ExitCode::io, "OUTPUT-FOLDER", {place.string()},
        "cannot be made: " + std::string(std::strerror(errno)) + "; its parent folder must exist and be writable");
  return name;
}

fs::path normalised(const fs::path& place) {
  fs::path result = fs::absolute(place).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

}  // namespace

PackageFolder::PackageFolder(const fs::path& place, bool force) : place_(normalised(place)), force_(force) {
  check_place(place_, force_);
  temporary_ = sibling(place_);
}

PackageFolder::~PackageFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void PackageFolder::add(const std::string& relative, std::string_view content, unsigned mode) {
  add(
      relative, [&](const Sink& sink) { sink(std::as_bytes(std::span(content.data(), content.size()))); }, mode);
}

void PackageFolder::add(const std::string& relative, const std::function<void(const Sink&)>& writer, unsigned mode) {
  if (!program::is_package_path(relative) || files_.contains(relative))
    throw Error(ExitCode::internal, "PACKAGE-PATH", {relative}, "is no path of a package, or was written before");
  const fs::path path = temporary_ / relative;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw write_error(path.parent_path(), error.value());
  NewFile file(path, mode);
  writer([&](std::span<const std::byte> piece) { file.write(piece); });
  files_[relative] = file.finish();
}

void PackageFolder::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(temporary_))
    if (entry.is_directory()) sync_folder(entry.path());
  if (::chmod(temporary_.c_str(), 0777 & ~creation_mask()) != 0) throw write_error(place_, errno);
  sync_folder(temporary_);
  check_place(place_, force_);
  // A folder that is there and not empty cannot be renamed over: it steps aside until the new one is in place.
  fs::path aside;
  if (fs::exists(place_) && !fs::is_empty(place_)) {
    aside = sibling(place_);
    if (::rename(place_.c_str(), (aside / "old").c_str()) != 0) {
      const int reason = errno;
      ::rmdir(aside.c_str());
      throw write_error(place_, reason);
    }
  }
  if (::rename(temporary_.c_str(), place_.c_str()) != 0) {
    const int reason = errno;
    std::error_code ignored;
    if (!aside.empty()) {
      fs::rename(aside / "old", place_, ignored);
      fs::remove_all(aside, ignored);
    }
    throw write_error(place_, reason);
  }
  temporary_.clear();
  sync_folder(place_.parent_path());
  std::error_code ignored;
  if (!aside.empty()) fs::remove_all(aside, ignored);
}

}  // namespace dse::deploy
