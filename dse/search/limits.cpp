#include "dse/search/limits.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "platform/yaml_door.hpp"

namespace dse::search {
namespace {

[[noreturn]] void refuse(const std::string& text, std::string_view why) {
  throw Error(ExitCode::usage, "LIMIT", fmt::format("--limit {}: {}", printable(text), why));
}

enum class Unit { second, joule, byte, none };

Unit unit_of(Objective objective) {
  switch (objective) {
    case Objective::latency:
    case Objective::period:
      return Unit::second;
    case Objective::energy_max:
    case Objective::energy_sum:
      return Unit::joule;
    case Objective::memory_max:
      return Unit::byte;
    case Objective::devices:
    case Objective::survivability:
      return Unit::none;
  }
  return Unit::none;
}

// Units are those of the platform files, by the same reader.
double quantity(const std::string& text, const std::string& whole, Unit unit) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc() && end == text.data() + text.size()) return number;
  try {
    const yaml::Value value = yaml::parse("v: " + text, "--limit").at("v");
    if (unit == Unit::second) return value.seconds();
    if (unit == Unit::joule) return value.joules();
    if (unit == Unit::byte) return static_cast<double>(value.bytes());
  } catch (const Error& error) {
    refuse(whole, error.message());
  }
  refuse(whole, "takes a number without a unit");
}

}  // namespace

Limit parse_limit(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) refuse(text, "write objective=value, for example latency=50ms");
  Limit limit;
  limit.objective = objective_from_string(text.substr(0, equals));
  limit.value = quantity(text.substr(equals + 1), text, unit_of(limit.objective));
  if (!std::isfinite(limit.value) || limit.value <= 0) refuse(text, "the value must be above 0");
  return limit;
}

std::string to_string(const Limit& limit) { return fmt::format("{}={}", to_string(limit.objective), limit.value); }

void apply_limits(Estimate& estimate, std::span<const Limit> limits) {
  for (const Limit& limit : limits) {
    const bool at_least = limit.objective == Objective::survivability;
    const double value = std::abs(objective_value(estimate, limit.objective));
    const double excess = at_least ? limit.value - value : value / limit.value - 1;
    if (!(excess > 0)) continue;
    if (!estimate.feasible && estimate.violation <= 0) continue;  // has no figures at all
    estimate.feasible = false;
    estimate.violation += excess;
    if (!estimate.reason.empty()) estimate.reason += "; ";
    estimate.reason +=
        fmt::format("{} {} is {} the limit of {}", to_string(limit.objective), with_unit(value, limit.objective),
                    at_least ? "below" : "above", with_unit(limit.value, limit.objective));
  }
}

std::string with_unit(double value, Objective objective) {
  const Unit unit = unit_of(objective);
  if (unit == Unit::byte) {
    return value >= 1 << 30 ? fmt::format("{:.2f} GiB", value / (1 << 30))
                            : fmt::format("{:.1f} MiB", value / (1 << 20));
  }
  if (unit == Unit::none) return fmt::format("{:.4g}", value);
  const std::string_view name = unit == Unit::second ? "s" : "J";
  if (value >= 1 || value == 0) return fmt::format("{:.3f} {}", value, name);
  if (value >= 1e-3) return fmt::format("{:.3f} m{}", value * 1e3, name);
  return fmt::format("{:.3f} u{}", value * 1e6, name);
}

}  // namespace dse::search
