// dse: design-space exploration for distributed CNN inference at the edge.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "dse/cli.hpp"
#include "dse/report/standard_output.hpp"

namespace {

// Under mpirun with several ranks. Then `dse explore` goes on as dse-islands, the same program with MPI: all others
// start without loading it.
bool is_island(int argc, char** argv) {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  if (size == nullptr) size = std::getenv("PMI_SIZE");
  return argc > 1 && std::string_view(argv[1]) == "explore" && size != nullptr && std::atoi(size) > 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (is_island(argc, argv)) {
    const dse::fs::path program = dse::executable_folder() / "dse-islands";
    ::execv(program.c_str(), argv);
    std::cerr << "error[ISLANDS]: " << program.string() << " cannot be started; it belongs beside dse" << std::endl;
    return static_cast<int>(dse::ExitCode::io);
  }
  dse::prepare_process();
  dse::StandardOutput out;
  return dse::run_cli({argv, argv + argc}, out, std::cerr);
}
