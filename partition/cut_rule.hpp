// When a sub-model ends before a layer for the sake of devices that wait for what it has already made.
#pragma once

namespace dse {

// Rough rates for the one question whether a cut pays; the estimator charges the real costs later. A layout reorder
// reads and writes at memory speed while a core computes at a few tens of GMAC/s: about ten MACs for each byte that
// crosses.
inline constexpr double macs_per_cut_byte = 10;
inline constexpr double macs_per_engine_call = 100'000;

// work_after: the device's arithmetic (multiply-accumulates and other operations) from the cut on; bytes: what the
// others wait for.
constexpr bool cut_pays(double work_after, double bytes) {
  return work_after > macs_per_engine_call + macs_per_cut_byte * bytes;
}

}  // namespace dse
