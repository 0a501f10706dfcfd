// A program under mpirun, on this machine.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/process.hpp"

namespace dse::test {

inline ProcessResult run_ranks(const std::string& count, std::vector<std::string> command) {
  ProcessOptions options;
  options.argv = {"mpirun", "--oversubscribe", "--bind-to", "none", "-n", count};
  options.argv.insert(options.argv.end(), command.begin(), command.end());
  options.set_environment = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  options.deadline = std::chrono::seconds(120);
  return run_process(options);
}

}  // namespace dse::test
