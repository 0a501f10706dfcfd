// What to say where nothing fits.
#pragma once

#include <string>

#include "dse/search/evaluator.hpp"

namespace dse::search {

// "none of ... mappings fits. The nearest one ...: <reason>; layer ... alone holds .... It would fit with ..., or ...":
// from the candidate that violates the constraints least, and from what is feasible, as the seeds say, where all
// strategies are allowed or there is one more device.
std::string why_infeasible(const Evaluations& evaluations, const Network& network, const Platform& platform);

}  // namespace dse::search
