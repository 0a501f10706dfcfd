#include "runtime/power_sysfs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace dse::runtime {
namespace {

[[noreturn]] void unreadable(const fs::path& path, const std::string& why) {
  throw Error(ExitCode::device, "POWER-SENSOR", {path.string()}, why);
}

std::string reason(int error) {
  // Kernels since 5.10 let root alone read RAPL's counters.
  const bool refused = error == EACCES || error == EPERM;
  return std::strerror(error) + std::string(refused ? "; give this user read access, as by a udev rule" : "");
}

}  // namespace

SysfsAttribute::SysfsAttribute(fs::path path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {
  if (fd_ < 0) unreadable(path_, "cannot be opened: " + reason(errno));
  struct stat status {};
  if (::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) return;
  ::close(std::exchange(fd_, -1));
  unreadable(path_, "is not a regular file; an attribute of sysfs was expected");
}

SysfsAttribute::~SysfsAttribute() {
  if (fd_ >= 0) ::close(fd_);
}

SysfsAttribute::SysfsAttribute(SysfsAttribute&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

std::string SysfsAttribute::text() const {
  std::array<char, 256> buffer{};
  ssize_t got = -1;
  do got = ::pread(fd_, buffer.data(), buffer.size(), 0);
  while (got < 0 && errno == EINTR);
  if (got < 0) unreadable(path_, "cannot be read: " + reason(errno));
  if (static_cast<std::size_t>(got) == buffer.size())
    throw Error(ExitCode::device, "POWER-VALUE", {path_.string()}, "holds a long text where one value was expected");
  std::string text(buffer.data(), static_cast<std::size_t>(got));
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::int64_t SysfsAttribute::number(Range range, const char* unit) const {
  const std::string found = text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
  if (error != std::errc() || end != found.data() + found.size() || value < range.lowest || value > range.highest)
    throw Error(ExitCode::device, "POWER-VALUE", {path_.string()},
                fmt::format("holds '{}'; a whole number of {} from {} to {} was expected", printable(found, 40), unit,
                            range.lowest, range.highest));
  return value;
}

bool present(const fs::path& path) {
  std::error_code ignored;
  // A link that leads nowhere is there, and cannot be read.
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

std::string read_attribute(const fs::path& path) { return SysfsAttribute(path).text(); }

std::string read_label(const fs::path& path, const std::string& fallback) {
  const std::string label = present(path) ? printable(read_attribute(path), 60) : "";
  return label.empty() ? fallback : label;
}

std::vector<fs::path> entries(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().filename().string().starts_with(prefix)) found.push_back(at->path());
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    const std::string left = a.filename().string(), right = b.filename().string();
    return left.size() != right.size() ? left.size() < right.size() : left < right;
  });
  return found;
}

}  // namespace dse::runtime
