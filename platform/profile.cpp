// Look-ups, interpolation and the generic device.
#include "platform/profile.hpp"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

namespace dse {
namespace {

// Assumed rates of one core of a board-class CPU (Cortex-A72 at 1.5 GHz: 12 GFLOP/s peak, float32). Orders of
// magnitude, not measurements: whoever shows what rests on them shows `assumed`.
struct AssumedClass {
  std::string_view op_class;
  double macs_per_second;
  double bytes_per_second;  // of memory; 0: compute-bound only
};
constexpr double assumed_memory_bandwidth = 3e9;
constexpr AssumedClass assumed_classes[] = {
    {"convolution", 4e9, 0},
    {"depthwise_convolution", 1e9, assumed_memory_bandwidth},
    {"transposed_convolution", 2e9, 0},
    {"gemm", 4e9, assumed_memory_bandwidth},
    {"pool", 0, 1e9},
    {"global_pool", 0, 2e9},
    {"normalisation", 0, 1.5e9},
    {"elementwise", 0, assumed_memory_bandwidth},
    {"activation", 0, 1.5e9},
    {"softmax", 0, 5e8},
    {"concat", 0, assumed_memory_bandwidth},
    {"data_movement", 0, assumed_memory_bandwidth},
    {"resize", 0, 1e9},
    {"other", 5e8, 1e9},
};

// Threads for which the generic profile has coefficients: all up to 16, then powers of two, and all cores.
std::vector<int> assumed_thread_counts(int cores) {
  std::vector<int> counts;
  for (int threads = 1; threads < cores; threads = threads < 16 ? threads + 1 : threads * 2) counts.push_back(threads);
  counts.push_back(cores);
  return counts;
}

std::string first_line_after(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    const std::size_t begin = colon == std::string::npos ? std::string::npos : line.find_first_not_of(" \t", colon + 1);
    if (begin != std::string::npos) return line.substr(begin);
  }
  return "";
}

std::string cpu_name() {
  if (auto name = first_line_after("/proc/cpuinfo", "model name"); !name.empty()) return name;
  std::ifstream board("/proc/device-tree/model");  // ARM boards name the board, not the core
  std::string name;
  std::getline(board, name, '\0');
  return name.empty() ? "unknown" : name;
}

}  // namespace

std::string_view to_string(PartAxis axis) {
  switch (axis) {
    case PartAxis::channels:
      return "channels";
    case PartAxis::inputs:
      return "inputs";
    case PartAxis::rows:
      break;
  }
  return "rows";
}

const KernelMeasurement* DeviceProfile::find(const std::string& signature, int threads) const {
  const auto found = std::find_if(kernels.begin(), kernels.end(), [&](const KernelMeasurement& kernel) {
    return kernel.threads == threads && kernel.signature == signature;
  });
  return found == kernels.end() ? nullptr : &*found;
}

const ClassModel* DeviceProfile::class_model(const std::string& op_class, int threads) const {
  for (const std::string_view wanted : {std::string_view(op_class), std::string_view("other")}) {
    const ClassModel* below = nullptr;
    const ClassModel* above = nullptr;
    for (const ClassModel& model : classes) {
      if (model.op_class != wanted) continue;
      if (model.threads <= threads && (!below || model.threads > below->threads)) below = &model;
      if (model.threads > threads && (!above || model.threads < above->threads)) above = &model;
    }
    if (below || above) return below ? below : above;
  }
  return nullptr;
}

double table_seconds(const std::vector<LinkPoint>& table, std::int64_t bytes) {
  if (table.empty()) return 0;
  // A noisy measurement may dip; a larger message is never faster, so the running maximum is interpolated.
  double t0 = table.front().seconds;
  if (bytes <= table.front().bytes) return t0;
  for (std::size_t i = 1; i < table.size(); ++i) {
    const double t1 = std::max(t0, table[i].seconds);
    const auto b0 = static_cast<double>(table[i - 1].bytes), b1 = static_cast<double>(table[i].bytes),
               b = static_cast<double>(bytes);
    const bool last = i + 1 == table.size();
    if (bytes > table[i].bytes && !last) {
      t0 = t1;
      continue;
    }
    // From 0 bytes there is no logarithm; beyond the table the last segment's bytes a second hold.
    if (bytes > table[i].bytes) return t1 > t0 ? t1 + (b - b1) * (t1 - t0) / (b1 - b0) : t1 * b / b1;
    if (b0 <= 0 || t0 <= 0) return t0 + (b - b0) / (b1 - b0) * (t1 - t0);
    return std::min(t1, t0 * std::exp(std::log(t1 / t0) * std::log(b / b0) / std::log(b1 / b0)));
  }
  return table.front().bytes > 0 ? t0 * static_cast<double>(bytes) / static_cast<double>(table.front().bytes) : t0;
}

DeviceProfile generic_profile(int cores) {
  DeviceProfile profile;
  profile.name = "generic";
  profile.assumed = true;
  profile.host.cpu = "generic";
  profile.host.cores = cores;
  for (const int threads : assumed_thread_counts(std::max(cores, 1))) {
    const double compute = std::pow(threads, 0.9);                // parallel efficiency falls with the team
    const double memory = std::min(std::pow(threads, 0.9), 2.0);  // two cores saturate a board's memory
    for (const AssumedClass& one : assumed_classes)
      profile.classes.push_back(
          {std::string(one.op_class), threads, 5e-6, one.macs_per_second * compute, one.bytes_per_second * memory, 0});
  }
  profile.run_overhead_seconds = 10e-6;
  profile.cut_seconds_per_byte = 1 / assumed_memory_bandwidth;  // one reorder: each byte read and written once more
  profile.memory_base_bytes = 80e6;
  profile.memory_session_bytes = 1e6;
  profile.memory_weight_factor = 1.2;
  profile.memory_activation_factor = 1.3;
  return profile;
}

int usable_cores() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
}

HostFingerprint this_host(const std::string& engine_version) {
  HostFingerprint host;
  host.cpu = cpu_name();
  utsname names{};
  if (uname(&names) == 0) host.kernel = names.release;
  host.engine_version = engine_version;
  host.cores = usable_cores();
  host.memory_bytes =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
  return host;
}

}  // namespace dse
