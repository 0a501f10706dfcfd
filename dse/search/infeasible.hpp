// What to say where nothing fits.
#pragma once

#include <string>

#include "dse/search/evaluator.hpp"

namespace dse::search {

// "no mapping fits. The nearest one ...: <reason>. It would fit with ...": from the candidate that violates the
// constraints least.
std::string why_infeasible(const Evaluations& evaluations, const Network& network, const Platform& platform);

}  // namespace dse::search
