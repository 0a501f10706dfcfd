// Open MPI's launcher.
#pragma once

#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/process.hpp"

namespace dse::validator {

// DSE_MPIRUN, else in PATH. Throws Error(device, LAUNCH-MPI) where it cannot be executed.
fs::path find_mpirun();

// `program` in the folders of PATH; empty where it is in none of them.
fs::path in_path(std::string_view program);
bool executable(const fs::path& path);

// mpirun with these words. What another MPI job or a user's shell left in the environment does not steer it (settings
// belong into $HOME/.openmpi/mca-params.conf, which is read), ssh never asks for a password, and ranks that are left
// behind are killed at once.
ProcessOptions mpirun_process(const std::vector<std::string>& words);

}  // namespace dse::validator
