// Processes of one launch, found by a mark in their environment.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace dse::validator {

// "DSE_LAUNCH=<pid>-<count>-<random>": given to mpirun, inherited by everything it starts.
std::string new_mark();

// Living processes (no zombies) whose environment holds the mark.
std::vector<pid_t> marked(const std::string& mark);

// Those of them that are stopped (SIGSTOP, a debugger).
std::vector<pid_t> stopped(const std::string& mark);

// The value of a variable in a living process's environment; "" where it has none.
std::string environment_of(pid_t pid, const std::string& name);

// Kills them and waits until none is left; false where one is after `patience`.
bool sweep(const std::string& mark, std::chrono::milliseconds patience = std::chrono::seconds(5));

}  // namespace dse::validator
