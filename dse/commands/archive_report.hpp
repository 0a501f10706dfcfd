// Stored runs and candidates as tables and as JSON: the same keys wherever a command shows one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dse/archive/archive.hpp"
#include "dse/report/table.hpp"

namespace dse {

// One row a candidate, with the columns of the view candidate_summary first. `knee` marks one of them.
report::Table candidate_table(const std::vector<archive::Candidate>& candidates, std::optional<std::int64_t> knee);

// One row a device that the candidate uses: busy, communicating, waiting, memory, energy.
report::Table device_table(const archive::Candidate& candidate, const std::vector<std::string>& names);

// One row a stage: replica, share, layers, devices, split, threads. Throws Error(database, DB-DAMAGED) for a text that
// is no mapping.
report::Table stage_table(const std::string& mapping_json);

// One row a validation and quantity: estimated, measured, the estimate's relative error.
report::Table validation_table(const std::vector<archive::Validation>& validations);

// Everything stored of a candidate: the columns of candidate_table, mapping, devices, validations with devices and
// steps.
nlohmann::ordered_json candidate_json(const archive::Candidate& candidate, const std::vector<std::string>& names,
                                      const std::vector<archive::Validation>& validations);

// A stored JSON text as a value; a text that is not JSON is kept as a string. Nesting over 64 levels is refused
// (DB-DAMAGED).
nlohmann::ordered_json stored_json(const std::string& text);

// "nano0", or "device 3" where the run has no such name.
std::string device_label(const std::vector<std::string>& names, std::size_t device);

}  // namespace dse
