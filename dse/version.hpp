// What this program is and what it was built with: for --version and for the provenance of a run.
#pragma once

#include <string>

namespace dse {

std::string version_text();  // "0.1.0"
// One JSON object: dse, commit, compiler, build flags, sqlite, pagmo, fmt, and the versions of the formats that it
// reads and writes.
std::string versions_json();

}  // namespace dse
