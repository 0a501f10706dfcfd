#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "runtime/probes.hpp"
#include "runtime/probes_host.hpp"
#include "runtime/quantile.hpp"

namespace dse::probes {
namespace {

// From the first levels of cache to beyond the last of most boards.
constexpr std::int64_t sizes[] = {4 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20};
constexpr std::size_t apart = std::size_t{8} << 20;
constexpr std::size_t most_repetitions = 64, least_repetitions = 9;

// Copies from one half of the memory to the other; `step`: from one copy's place to the next one's.
double copy_seconds(std::vector<std::byte>& memory, std::size_t bytes, std::size_t step) {
  const std::size_t half = memory.size() / 2;
  const std::size_t repetitions = std::clamp((std::size_t{64} << 20) / bytes, least_repetitions, most_repetitions);
  std::vector<double> times;
  std::size_t at = 0;
  for (std::size_t i = 0; i < repetitions; ++i) {
    const double before = wall_seconds();
    std::memcpy(memory.data() + half + at, memory.data() + at, bytes);
    times.push_back(wall_seconds() - before);
    at = at + step + bytes <= half ? at + step : 0;
  }
  constexpr double quartile = 0.25;
  return std::max(runtime::quantile(std::move(times), quartile), 1e-9);
}

}  // namespace

std::vector<CopyTime> measure_copies() {
  std::vector<CopyTime> result;
  for (const std::int64_t size : sizes) {
    const auto bytes = static_cast<std::size_t>(size);
    std::vector<std::byte> memory(2 * std::max(2 * bytes, apart), std::byte{1});
    CopyTime copy{size, copy_seconds(memory, bytes, bytes), copy_seconds(memory, bytes, 0)};
    // A larger copy takes no less: what says so is noise.
    if (!result.empty()) {
      copy.seconds = std::max(copy.seconds, result.back().seconds);
      copy.warm_seconds = std::max(copy.warm_seconds, result.back().warm_seconds);
    }
    result.push_back(copy);
  }
  return result;
}

}  // namespace dse::probes
