#include "validator/mpirun.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "base/error.hpp"

namespace dse::validator {

bool executable(const fs::path& path) { return fs::is_regular_file(path) && ::access(path.c_str(), X_OK) == 0; }

fs::path in_path(std::string_view program) {
  const char* variable = std::getenv("PATH");
  std::stringstream folders(variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty() && executable(fs::path(folder) / program)) return fs::absolute(fs::path(folder) / program);
  return {};
}

fs::path find_mpirun() {
  const char* named = std::getenv("DSE_MPIRUN");
  fs::path found = named != nullptr && *named != '\0' ? fs::absolute(named) : in_path("mpirun");
  if (!executable(found))
    throw Error(ExitCode::device, "LAUNCH-MPI",
                "mpirun is not in PATH; install Open MPI (Debian: openmpi-bin) or name it with DSE_MPIRUN");
  return found;
}

ProcessOptions mpirun_process(const std::vector<std::string>& words) {
  ProcessOptions options;
  options.argv = {find_mpirun().string(),
                  "--mca",
                  "odls_base_sigkill_timeout",
                  "0",
                  "--mca",
                  "orte_base_help_aggregate",
                  "0",
                  "--mca",
                  "btl",
                  "^openib",
                  "--mca",
                  "plm_rsh_args",
                  "-oBatchMode=yes"};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  if (::geteuid() == 0) options.set_environment = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  // What another MPI job or a user's shell left there must not steer this run, nor slip code into it.
  options.drop_environment = {"OMPI_",    "PMIX_",      "PRTE_",    "ORTE_",     "PMI_",
                              "MPIEXEC_", "LD_PRELOAD", "LD_AUDIT", "DSE_LAUNCH"};
  // A rank that dies while it starts leaves mpirun writing to a socket that nobody reads: it must live to say who died.
  options.ignore_broken_pipes = true;
  return options;
}

}  // namespace dse::validator
