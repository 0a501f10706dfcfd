// What people write for a candidate or a run, made into ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dse/archive/archive.hpp"
#include "dse/command.hpp"

namespace dse {

// The run that was asked for, else the newest. Throws Error(usage, RUN) where there is none such, naming those there
// are.
std::int64_t resolve_run(const archive::Archive& archive, std::optional<std::int64_t> asked);

// "17" or "knee" (of `run`, else of the newest run, over that run's objectives) as the id of a stored candidate. Throws
// Error(usage, CANDIDATE) for anything else, for an id that is not stored, and for one of another run where `run` is
// given; Error(infeasible, CANDIDATE) where the front that should have the knee is empty.
std::int64_t resolve_candidate(const archive::Archive& archive, const std::string& text,
                               std::optional<std::int64_t> run);

// The candidate behind the words; same errors.
archive::Candidate find_candidate(const archive::Archive& archive, const std::string& text,
                                  std::optional<std::int64_t> run);

// What the run minimised: "objectives" of its options (a list, or words with commas), else latency, energy-max and
// memory-max.
std::vector<Objective> objectives_of(const archive::Run& run);

// "--run R", for every command that reads an archive, and its value.
OptionSpec run_option();
std::optional<std::int64_t> run_asked(const Arguments& arguments);

}  // namespace dse
