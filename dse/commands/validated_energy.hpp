// Energy that validation measured, beside what was estimated of it. A sensor sees a host: what several devices on it
// took together is compared with the sum of their estimates, and is nobody's own.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dse/archive/archive.hpp"
#include "validator/measure.hpp"

namespace dse {

struct HostEnergy {
  std::vector<std::size_t> ranks;
  std::vector<std::string> devices;  // by those ranks
  double estimated_j = 0;            // a frame, of all of them
  std::optional<double> measured_j;
  std::string sensor;   // kind
  std::string source;   // what of the host it measures
  std::string failure;  // why nothing was measured
};

// Of every host whose worker told of a sensor; `estimated`: by rank.
std::vector<HostEnergy> host_energies(const validator::Measurement& measured, const std::vector<double>& estimated);

// Fills the measured energy of devices that have a host to themselves, and the highest where all of them do.
void store_energy(const std::vector<HostEnergy>& hosts, archive::Validation& validation);

// "measured with rapl", "no sensor", "not measured", for the whole.
std::string energy_label(const std::vector<HostEnergy>& hosts);
// A line a host: "energy of left and right together: 1.2 mJ measured (rapl, ...), 1.0 mJ estimated".
std::vector<std::string> energy_lines(const std::vector<HostEnergy>& hosts, bool assumed);
nlohmann::ordered_json to_json(const std::vector<HostEnergy>& hosts);

}  // namespace dse
