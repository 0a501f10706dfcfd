// What `dse explore` was asked to do: the options that determine the result, as typed and as stored with the run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dse/command.hpp"
#include "dse/search/search.hpp"

namespace dse::search {

struct Request {
  SearchOptions search;  // threads do not change the result and are not stored
  Strategies strategies;
  std::optional<double> seconds;    // instead of search.evaluations
  std::vector<std::string> shapes;  // "input=1x3x224x224", as typed
};

// The options of explore, for --help and the parser.
std::vector<OptionSpec> request_options();

// Defaults, or a stored run's options, with what was given on top. With `stored`, only what ends the search and the
// threads may be given another value: Error(usage, RESUME-OPTIONS).
Request read_request(const Arguments& arguments, const std::string* stored = nullptr);

// Canonical JSON: {"objectives": [...], "limits": [...], "strategies": [...], "algorithm", "population", "seed",
// "shapes": [...], "evaluations" or "time_s"}, and "wires", "keep", "target_hypervolume" and "stagnation" where they
// were asked for.
std::string to_json(const Request& request);

}  // namespace dse::search
