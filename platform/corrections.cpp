#include "platform/corrections.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <tuple>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "platform/yaml_door.hpp"

namespace dse {
namespace {

using yaml::Value;

constexpr std::uint64_t corrections_cap = 1u << 20;
constexpr std::uint64_t profile_cap = 16u << 20;
constexpr double huge = 1e18;
constexpr double largest_logarithm = 50;  // of a ratio; no device is e^50 times off

constexpr std::string_view explanation =
    "# What 'dse validate' learnt: statistics of log(measured / estimated), by operator class and thread count.\n"
    "# Times are multiplied with exp(mean * count / (count + 5)). The profile itself is never changed; without this\n"
    "# file its estimates are uncorrected.\n";

Correction read_correction(const Value& map) {
  map.allow_keys({"op_class", "threads", "count", "mean", "squared_deviations"});
  Correction result;
  result.op_class = map.at("op_class").text();
  result.threads = static_cast<int>(map.at("threads").integer(1, 4096));
  const Value count = map.at("count");
  result.count = count.number(0, huge);
  if (result.count <= 0) count.fail("CORRECTIONS-COUNT", "a correction without samples; leave it out");
  result.mean = map.at("mean").number(-largest_logarithm, largest_logarithm);
  result.squared_deviations = map.at("squared_deviations").number(0, huge);
  return result;
}

auto key(const Correction& of) { return std::tie(of.op_class, of.threads); }

// Holds the profile itself locked: nothing replaces it but a new calibration, and no other file is left lying about.
class ProfileLock {
 public:
  explicit ProfileLock(const fs::path& profile) : fd_(::open(profile.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    int failed = fd_ < 0 ? -1 : 0;
    while (fd_ >= 0 && (failed = ::flock(fd_, LOCK_EX)) != 0 && errno == EINTR) continue;
    if (failed == 0) return;
    const std::string reason = std::strerror(errno);
    if (fd_ >= 0) ::close(fd_);
    throw Error(ExitCode::io, "CORRECTIONS-LOCK", {profile.string()}, "the profile cannot be locked: " + reason);
  }
  ~ProfileLock() { ::close(fd_); }
  ProfileLock(const ProfileLock&) = delete;
  ProfileLock& operator=(const ProfileLock&) = delete;

 private:
  int fd_;
};

}  // namespace

// Welford's update: no difference of large sums, and no rounding that could make a square negative.
void Correction::add(double log_ratio, double weight) {
  const double deviation = log_ratio - mean;
  const double share = weight / (count + weight);
  squared_deviations += deviation * deviation * count * share;
  mean += deviation * share;
  count += weight;
}

double Correction::factor() const { return std::exp(mean * count / (count + prior_samples)); }

double Correction::spread() const { return count > 0 ? std::sqrt(squared_deviations / count) : 0; }

double Correction::uncertainty(double model) const {
  const double all = prior_samples + count;
  const double between = prior_samples * count / all * mean * mean;  // the prior samples' mean is 0
  return std::sqrt((prior_samples * model * model + squared_deviations + between) / all);
}

const Correction* Corrections::find(std::string_view op_class, int threads) const {
  const auto found = std::find_if(statistics.begin(), statistics.end(), [&](const Correction& of) {
    return of.threads == threads && of.op_class == op_class;
  });
  return found == statistics.end() ? nullptr : &*found;
}

void Corrections::add(const CorrectionSample& sample) {
  const Correction fresh{sample.op_class, sample.threads};
  auto place = std::lower_bound(statistics.begin(), statistics.end(), fresh,
                                [](const Correction& a, const Correction& b) { return key(a) < key(b); });
  if (place == statistics.end() || key(*place) != key(fresh)) place = statistics.insert(place, fresh);
  place->add(sample.log_ratio, sample.weight);
}

fs::path corrections_file(const fs::path& profile) {
  fs::path name = profile.filename();
  if (name.extension() == ".yaml") name.replace_extension();
  name += ".corrections.yaml";
  return profile.parent_path() / name;
}

std::string to_yaml(const Corrections& corrections) {
  std::string out =
      fmt::format("dse: corrections/1\n{}profile_sha256: {}\n", explanation, yaml::quote(corrections.profile_sha256));
  out += corrections.statistics.empty() ? "corrections: []\n" : "corrections:\n";
  for (const Correction& of : corrections.statistics)
    out += fmt::format("  - {{op_class: {}, threads: {}, count: {}, mean: {}, squared_deviations: {}}}  # x{:.3f}\n",
                       yaml::quote(of.op_class), of.threads, yaml::shortest(of.count), yaml::shortest(of.mean),
                       yaml::shortest(of.squared_deviations), of.factor());
  return out;
}

Corrections parse_corrections(const std::string& text, const std::string& path) {
  const Value root = yaml::parse_format(text, path, "corrections", 1);
  root.allow_keys({"dse", "profile_sha256", "corrections"});
  Corrections result;
  result.profile_sha256 = root.at("profile_sha256").scalar_text();
  const Value list = root.at("corrections");
  for (const Value& item : list.items()) {
    const Correction of = read_correction(item);
    if (result.find(of.op_class, of.threads) != nullptr)
      item.fail("CORRECTIONS-TWICE", fmt::format("{} with {} threads is corrected twice; keep one of the two",
                                                 printable(of.op_class, 60), of.threads));
    result.statistics.push_back(of);
  }
  std::sort(result.statistics.begin(), result.statistics.end(),
            [](const Correction& a, const Correction& b) { return key(a) < key(b); });
  return result;
}

std::optional<std::string> corrections_text(const fs::path& profile) {
  const fs::path file = corrections_file(profile);
  std::error_code failed;
  if (fs::symlink_status(file, failed).type() == fs::file_type::not_found) return std::nullopt;
  try {
    return read_text(file, corrections_cap);
  } catch (const Error& error) {
    throw Error(
        error.exit(), "CORRECTIONS-READ", {file.string()},
        fmt::format("the corrections of '{}' cannot be read: {}; without this file its estimates are uncorrected",
                    printable(profile.filename().string(), 120), error.message()));
  }
}

Corrections update_corrections(const fs::path& profile, const std::string& profile_sha256,
                               const std::vector<CorrectionSample>& samples) {
  const ProfileLock lock(profile);
  if (sha256_hex(read_text(profile, profile_cap)) != profile_sha256)
    throw Error(ExitCode::io, "CORRECTIONS-PROFILE", {profile.string()},
                "was calibrated anew in the meantime; what was measured says nothing of it");
  const fs::path file = corrections_file(profile);
  Corrections corrections;
  if (const auto text = corrections_text(profile)) corrections = parse_corrections(*text, file.string());
  if (corrections.profile_sha256 != profile_sha256) corrections = {profile_sha256, {}};
  for (const CorrectionSample& sample : samples) corrections.add(sample);
  write_file(file, to_yaml(corrections));
  return corrections;
}

}  // namespace dse
