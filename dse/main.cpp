// dse: design-space exploration for distributed CNN inference at the edge.
#include <iostream>

#include "dse/cli.hpp"
#include "dse/report/standard_output.hpp"

int main(int argc, char** argv) {
  dse::prepare_process();
  dse::StandardOutput out;
  return dse::run_cli({argv, argv + argc}, out, std::cerr);
}
