#include "estimator/energy.hpp"

namespace dse {

EnergyParts device_energy(const Power& power, int threads, int cores, double period_s, const Activity& activity) {
  EnergyParts parts;
  parts.idle = power.idle_watts * period_s;
  parts.computing = (power.active_with(threads, cores) - power.idle_watts) * activity.busy_s;
  parts.communicating = (power.active_with(1, cores) - power.idle_watts) * activity.communication_s;
  parts.waiting = (power.waiting_watts - power.idle_watts) * activity.waiting_s;
  parts.messages = power.joules_per_message * activity.messages + power.joules_per_byte * activity.bytes;
  return parts;
}

}  // namespace dse
