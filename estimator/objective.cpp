#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "estimator/estimate.hpp"

namespace dse {
namespace {

constexpr std::array<std::pair<Objective, std::string_view>, 7> names{{
    {Objective::latency, "latency"},
    {Objective::period, "period"},
    {Objective::energy_max, "energy-max"},
    {Objective::energy_sum, "energy-sum"},
    {Objective::memory_max, "memory-max"},
    {Objective::devices, "devices"},
    {Objective::survivability, "survivability"},
}};

}  // namespace

std::string_view to_string(Objective objective) {
  for (const auto& [value, name] : names) {
    if (value == objective) return name;
  }
  return "";
}

Objective objective_from_string(std::string_view text) {
  std::vector<std::string> allowed;
  for (const auto& [value, name] : names) {
    if (name == text) return value;
    allowed.emplace_back(name);
  }
  throw Error(ExitCode::usage, "OBJECTIVE", "unknown objective '" + printable(text) + "'" + suggestion(text, allowed));
}

double objective_value(const Estimate& estimate, Objective objective) {
  switch (objective) {
    case Objective::latency:
      return estimate.latency_s;
    case Objective::period:
      return estimate.period_s;
    case Objective::energy_max:
      return estimate.energy_max_j;
    case Objective::energy_sum:
      return estimate.energy_sum_j;
    case Objective::memory_max:
      return estimate.memory_max_bytes;
    case Objective::devices:
      return estimate.device_count;
    case Objective::survivability:
      return -estimate.survivability;
  }
  return 0;
}

Interval objective_interval(const Estimate& estimate, Objective objective) {
  const double value = objective_value(estimate, objective);
  double relative = 0;
  switch (objective) {
    case Objective::latency:
    case Objective::period:
    case Objective::energy_max:
    case Objective::energy_sum:
      relative = std::min(estimate.uncertainty, 1.0);
      break;
    case Objective::memory_max:
      relative = memory_uncertainty;
      break;
    case Objective::devices:
    case Objective::survivability:
      break;
  }
  const double width = relative * std::abs(value);
  return {value - width, value + width};
}

bool told_apart(const Estimate& a, const Estimate& b, std::span<const Objective> objectives) {
  return std::any_of(objectives.begin(), objectives.end(), [&](Objective objective) {
    return !objective_interval(a, objective).overlaps(objective_interval(b, objective));
  });
}

}  // namespace dse
