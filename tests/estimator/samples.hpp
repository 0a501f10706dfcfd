// Platforms and mappings for the laws of the estimator.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "estimator/estimate.hpp"
#include "tests/support/mappings.hpp"
#include "tests/support/networks.hpp"

namespace dse::test {

// doctest's Approx adds 1 to its scale, so that all seconds would be alike.
inline doctest::Approx relative(double value) { return doctest::Approx(value).scale(1e-9); }

struct PlatformShape {
  std::size_t devices = 3;
  NetworkKind kind = NetworkKind::switched;
  double bandwidth = 12.5e6;  // bytes a second
  double latency = 1e-4;
  std::uint64_t memory = std::uint64_t{8} << 30;
};

// Devices d0, d1, ... of different speeds (d1 half as fast as d0, ...), one network over all.
inline Platform sample_platform(const PlatformShape& shape) {
  Platform platform;
  platform.name = "sample";
  Link link;
  link.name = "lan";
  link.kind = shape.kind;
  link.bandwidth_bytes_per_second = shape.bandwidth;
  link.latency_seconds = shape.latency;
  link.declared = true;
  for (std::size_t d = 0; d < shape.devices; ++d) {
    Device device;
    device.name = "d" + std::to_string(d);
    device.host = "localhost";
    device.cores = 2;
    device.memory_bytes = shape.memory;
    device.power = {1.0, 4.0, 1.2, 1e-8, 1e-5, Provenance::datasheet};
    auto profile = std::make_shared<DeviceProfile>(generic_profile(device.cores));
    for (ClassModel& model : profile->classes) {
      model.base_seconds *= static_cast<double>(d + 1);
      model.macs_per_second /= static_cast<double>(d + 1);
    }
    device.profile = profile;
    platform.devices.push_back(device);
    link.members.push_back(d);
  }
  platform.links.push_back(link);
  return platform;
}

inline SmallNetwork sample_network(std::uint64_t seed) {
  switch (seed % 4) {
    case 0:
      return residual_network();
    case 1:
      return branch_network();
    case 2:
      return two_output_network();
    default:
      return random_network(seed);
  }
}

}  // namespace dse::test
