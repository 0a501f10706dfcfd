// What the operating system tells a probe: processor time, preemption, quotas, resident memory.
#pragma once

#include <cstdint>
#include <vector>

namespace dse::probes {

double wall_seconds();        // monotonic
double thread_cpu_seconds();  // of the calling thread
double process_cpu_seconds();
long involuntary_switches(bool process);  // of the calling thread, or of all threads

// Keeps the calling thread, and those that it starts, on the processors. Throws Error(device, PROBE-CPUS) where that is
// refused.
void stay_on(const std::vector<int>& cpus);

struct Resident {
  std::uint64_t now = 0, peak = 0;  // bytes; mapped files' resident pages included
};
Resident resident();
// The peak starts again from what is resident now, after free memory of the heap went back to the system.
void restart_peak();

}  // namespace dse::probes
