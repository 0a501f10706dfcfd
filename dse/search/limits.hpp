// Limits on objectives: `--limit latency=50ms`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "estimator/estimate.hpp"

namespace dse::search {

struct Limit {
  Objective objective = Objective::latency;
  double value =
      0;  // in the objective's unit: s, J, bytes, devices, fraction. An upper limit; for survivability a lower one
};

// "latency=50 ms", "memory-max=512MiB", "energy-max=0.2J", "devices=2", "survivability=0.4"; a bare number is in s, J
// or bytes. Throws Error(usage, LIMIT).
Limit parse_limit(const std::string& text);
std::string to_string(const Limit& limit);  // "latency=0.05": parse_limit reads it back

// Makes the estimate infeasible where it exceeds a limit: adds the relative excess to the violation and a clause to the
// reason.
void apply_limits(Estimate& estimate, std::span<const Limit> limits);

// A value with its unit, for people: "12.3 ms", "1.25 GiB", "0.8 J", "2".
std::string with_unit(double value, Objective objective);

}  // namespace dse::search
