// Living processes that were started with a path among their words.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace dse::test {

// dse-worker processes (not mpirun) whose command line names `path`; zombies have no command line and do not count.
std::vector<pid_t> workers_of(const std::string& path);
// mpirun processes whose command line names it.
std::vector<pid_t> launchers_of(const std::string& path);
// Waits until `count` workers run, and returns them by rank; fewer where that takes longer than 60 s.
std::vector<pid_t> wait_for_workers(const std::string& path, std::size_t count);
// The same, once each of them has begun to load its models: MPI is up then.
std::vector<pid_t> wait_for_loaded_workers(const std::string& path, std::size_t count);
// True once neither workers nor launchers are left, waiting for at most 5 s.
bool all_gone(const std::string& path);

}  // namespace dse::test
