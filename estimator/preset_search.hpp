// How the presets that have something to choose choose it. Private to the room.
#pragma once

#include <cstdint>
#include <vector>

#include "estimator/estimate.hpp"
#include "partition/mapping.hpp"

namespace dse::presets {

// The mapping with a wire for every stage.
Mapping over_wire(Mapping mapping, Wire wire);

// A contiguous stage on every device for the least period.
Mapping best_pipeline(const Estimator& estimator, const std::vector<std::size_t>& devices, Wire wire,
                      std::size_t exhaustive);

struct SpatialSplit {
  Split split = Split::rows;
  std::vector<Halo> halos;  // to try
  Wire wire = Wire::full;
};

// A prefix split over the devices and the rest on one of them for the least latency.
Mapping best_prefix(const Estimator& estimator, const std::vector<std::size_t>& devices,
                    const std::vector<std::int64_t>& shares, const SpatialSplit& how, std::size_t exhaustive);

}  // namespace dse::presets
