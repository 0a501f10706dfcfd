// The INA3221 of Jetson boards under NVIDIA's kernels before 5.10 (L4T, drivers/staging/iio/meter/ina3221.c), for N of
// 0 to 2:
//
//   <root>/sys/bus/i2c/drivers/ina3221x/BUS-ADDRESS/iio:deviceD/in_powerN_input   milliwatts
//                                                              rail_name_N        "NC" is not connected
#include "runtime/power_rails.hpp"

namespace dse::runtime {
namespace {

void add_rails(const fs::path& device, std::vector<Rail>& rails) {
  for (int n = 0; n < 3; ++n) {
    const fs::path power = device / ("in_power" + std::to_string(n) + "_input");
    if (!present(power)) continue;
    const std::string fallback = device.filename().string() + "/in_power" + std::to_string(n);
    const std::string label = read_label(device / ("rail_name_" + std::to_string(n)), fallback);
    if (label != "NC") rails.push_back({label, {}, power, {}, {}});
  }
}

}  // namespace

std::vector<FoundSensor> find_ina3221x_sensors(const fs::path& root, const PowerClock& clock) {
  const fs::path folder = root / "sys/bus/i2c/drivers/ina3221x";
  std::vector<Rail> rails;
  std::vector<FoundSensor> found;
  PowerSensorFacts facts{"hwmon", "ina3221x (" + folder.string() + ")", {}, 0, false};
  try {
    for (const fs::path& chip : entries(folder, ""))
      for (const fs::path& device : entries(chip, "iio:device")) add_rails(device, rails);
  } catch (const Error& error) {
    found.push_back({std::move(facts), Scope::rails, nullptr, reason(error)});
    return found;
  }
  if (!rails.empty()) found.push_back(rails_sensor(std::move(facts), Scope::rails, rails, clock));
  return found;
}

}  // namespace dse::runtime
