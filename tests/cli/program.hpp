// Runs the real `dse` as a user would, by a shell only where the test is about what a shell does.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/process.hpp"

namespace dse::cli_test {

inline fs::path program() {
  const char* folder = std::getenv("DSE_BIN_DIR");
  return fs::path(folder != nullptr ? folder : executable_folder()) / "dse";
}

inline ProcessResult run(std::vector<std::string> words, const std::string& folder = "") {
  words.insert(words.begin(), program().string());
  ProcessOptions options;
  options.argv = std::move(words);
  options.working_folder = folder;
  return run_process(options);
}

// `script` is a shell's: "$DSE" is the program.
inline ProcessResult shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"/bin/bash", "-c", script};
  options.set_environment = {"DSE=" + program().string()};
  return run_process(options);
}

}  // namespace dse::cli_test
