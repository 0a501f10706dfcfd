// Proves a mapping: deploys it, runs it over MPI, and sets what was measured beside what was estimated.
#pragma once

#include <string>

#include "deploy/reference.hpp"
#include "dse/archive/archive.hpp"
#include "dse/commands/feedback.hpp"
#include "dse/commands/validated_energy.hpp"
#include "dse/report/timeline.hpp"
#include "partition/mapping.hpp"
#include "platform/platform.hpp"
#include "validator/measure.hpp"

namespace dse {

struct ValidationRun {
  archive::Validation validation;  // complete, also where the run failed
  ExitCode exit = ExitCode::done;  // done, mismatch (9), device (7), deadline (8), interrupted, ...
  std::string link;                // what the estimate assumes of the network, for people
  std::vector<HostEnergy> energy;  // empty where no host has a sensor
  bool energy_assumed = false;     // the estimated one
  report::Timeline timeline;       // of the traced run, where there was one
  FeedbackSamples samples;         // empty where the run proves nothing of times
};

// Writes the package of the mapping to `package` (which must not exist) and measures it. A run on this machine alone is
// compared with an estimate for this machine's own transport. Failures of the run are data; throws what lower(),
// write_package() and launch() throw.
ValidationRun validate_mapping(deploy::Reference& reference, const Platform& platform, const Mapping& mapping,
                               const fs::path& package, const validator::MeasureOptions& options);

}  // namespace dse
