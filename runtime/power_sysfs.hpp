// Attributes of sysfs, read strictly: one value a file, in decimal, of the size that the caller expects.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"

namespace dse::runtime {

struct Range {
  std::int64_t lowest = 0, highest = 0;
};

// More than any device of a network like ours takes; what is above is a broken sensor or a mistaken unit.
constexpr std::int64_t most_watts = 10'000;

// A file that is kept open and read anew each time. (sysfs files cannot be mapped, and say a size that they do not
// have.) Errors name the file: POWER-SENSOR where it cannot be read, POWER-VALUE where it holds something else.
class SysfsAttribute {
 public:
  explicit SysfsAttribute(fs::path path);
  ~SysfsAttribute();
  SysfsAttribute(SysfsAttribute&& other) noexcept;
  SysfsAttribute& operator=(SysfsAttribute&&) = delete;

  std::string text() const;  // without the newline at its end
  // A whole number in this range; `unit` is for the error.
  std::int64_t number(Range range, const char* unit) const;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  int fd_ = -1;
};

bool present(const fs::path& path);
std::string read_attribute(const fs::path& path);
// The attribute as it may be shown, or `fallback` where there is no such file or it is empty.
std::string read_label(const fs::path& path, const std::string& fallback);
// Entries of a folder whose names begin so, hwmon2 before hwmon10; none where there is no such folder.
std::vector<fs::path> entries(const fs::path& folder, const std::string& prefix);

}  // namespace dse::runtime
