// Whether the order that `after` gives is enough: every read sees what was written for it, and no cycle waits for
// itself.
#pragma once

#include "program/program.hpp"

namespace dse::program {

// Steps that touch the same elements, one of them writing, must be ordered by `after` (directly or through other
// steps), and what is read must have been written. Throws Error(bad_input, PROGRAM-FLOW). Views and `after` have been
// checked.
void check_flow(const Program& program, const Lane& lane);

// The steps of all devices, joined by `after` and by transfers, have no cycle. Throws Error(bad_input, PROGRAM-CYCLE).
void check_acyclic(const ProgramSet& set);

// Of two buffers in one block all steps of one are over before any step writes the other, for certain: by `after` and
// by messages; a message's memory is given away only by `after`. An output's buffer is the last of its block. Throws
// Error(bad_input, PROGRAM-MEMORY). All else has been checked.
void check_shared_memory(const ProgramSet& set, std::size_t replica);

}  // namespace dse::program
