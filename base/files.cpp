#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace dse {
namespace {

std::string reason(int error) { return std::strerror(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

int open_below(int folder, const char* relative) {
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, folder, relative, &how, sizeof how));
}

void write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(ExitCode::io, "FILE-WRITE", {path.string()}, "cannot write: " + reason(errno));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

MappedFile MappedFile::map(int fd, const fs::path& shown, std::uint64_t cap) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw Error(ExitCode::io, "FILE-OPEN", {shown.string()}, reason(errno));
  if (!S_ISREG(status.st_mode))
    throw Error(ExitCode::bad_input, "FILE-KIND", {shown.string()}, "is not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > cap)
    throw Error(ExitCode::bad_input, "FILE-SIZE", {shown.string()},
                fmt::format("holds {} bytes, more than the limit of {}", size, cap));
  MappedFile file;
  file.size_ = static_cast<std::size_t>(size);
  if (size == 0) {
    file.mapping_ = std::make_shared<char>();
    return file;
  }
  void* address = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED)
    throw Error(ExitCode::io, "FILE-OPEN", {shown.string()}, "cannot be mapped: " + reason(errno));
  file.mapping_ = std::shared_ptr<const void>(
      address, [length = file.size_](const void* p) { ::munmap(const_cast<void*>(p), length); });
  return file;
}

MappedFile MappedFile::open(const fs::path& path, std::uint64_t cap) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) {
    const ExitCode exit = errno == EACCES || errno == EIO ? ExitCode::io : ExitCode::bad_input;
    throw Error(exit, "FILE-OPEN", {path.string()}, "cannot be opened: " + reason(errno));
  }
  return map(fd.get(), path, cap);
}

MappedFile MappedFile::open_beneath(const fs::path& folder, const std::string& relative, std::uint64_t cap) {
  const fs::path shown = folder / relative;
  if (relative.empty() || relative.front() == '/' || relative.find('\0') != std::string::npos)
    throw Error(ExitCode::bad_input, "FILE-OUTSIDE", {folder.string()},
                "'" + printable(relative) + "' is not a file name inside this folder");
  const Descriptor base(::open(folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.valid()) throw Error(ExitCode::io, "FILE-OPEN", {folder.string()}, "cannot be opened: " + reason(errno));
  const Descriptor fd(open_below(base.get(), relative.c_str()));
  if (!fd.valid()) {
    if (errno == EXDEV || errno == ELOOP)
      throw Error(ExitCode::bad_input, "FILE-OUTSIDE", {shown.string()},
                  "leaves its folder or passes a symbolic link, which is not followed");
    throw Error(ExitCode::bad_input, "FILE-OPEN", {shown.string()}, "cannot be opened: " + reason(errno));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 1)
    throw Error(ExitCode::bad_input, "FILE-OUTSIDE", {shown.string()},
                "has a second hard link, which may lie outside its folder");
  return map(fd.get(), shown, cap);
}

std::string read_text(const fs::path& path, std::uint64_t cap) {
  return std::string(MappedFile::open(path, cap).text());
}

void write_file(const fs::path& path, std::string_view content, unsigned mode) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string temporary = (folder / (".dse-" + path.filename().string().substr(0, 64) + ".XXXXXX")).string();
  Descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) throw Error(ExitCode::io, "FILE-WRITE", {path.string()}, "cannot be created: " + reason(errno));
  try {
    write_all(fd.get(), content, path);
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd.get(), mode & ~mask) != 0 || ::fsync(fd.get()) != 0 || fd.close() != 0 ||
        ::rename(temporary.c_str(), path.c_str()) != 0)
      throw Error(ExitCode::io, "FILE-WRITE", {path.string()}, "cannot be written: " + reason(errno));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.valid()) ::fsync(parent.get());
}

void settle_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (::fsync(fd) == 0) ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

TempDir::TempDir(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string name =
      (fs::path(base != nullptr && *base != '\0' ? base : "/tmp") / (std::string(prefix) + ".XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw Error(ExitCode::io, "FILE-WRITE", {name}, "temporary folder cannot be made: " + reason(errno));
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path executable_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path() : self.parent_path();
}

std::string safe_file_name(std::string_view name, std::size_t index) {
  std::string safe;
  for (const char c : name.substr(0, 48)) {
    const bool kept =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    safe += kept ? c : '_';
  }
  if (safe.empty() || safe.front() == '-') safe.insert(0, "n");
  return fmt::format("{}_{}", safe, index);
}

}  // namespace dse
