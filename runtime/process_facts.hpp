// What the kernel knows of this process: memory, cores, host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dse::runtime {

std::uint64_t resident_bytes();       // now
std::uint64_t peak_resident_bytes();  // since the start, or the last reset_peak()
// Where the kernel allows it; else the peak stays.
void reset_peak();
// Gives memory that was freed back to the kernel.
void trim_heap();

std::vector<int> affinity();  // cores that this process may run on
std::string host_name();
// The same for all processes of one running kernel, containers with names of their own included.
std::uint64_t host_identity();

}  // namespace dse::runtime
