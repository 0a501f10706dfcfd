// Energy of a device for an average frame of the system (DESIGN section 4, "Energy").
#pragma once

#include "platform/platform.hpp"

namespace dse {

// What a device does during one period.
struct Activity {
  double busy_s = 0;               // computing with the program's threads
  double communication_s = 0;      // one core moving messages
  double waiting_s = 0;            // the worker waits: the rest of the period
  double messages = 0, bytes = 0;  // sent and received
};

// By part, joules: their sum is the device's energy.
struct EnergyParts {
  double idle = 0, computing = 0, communicating = 0, waiting = 0, messages = 0;
  double total() const { return idle + computing + communicating + waiting + messages; }
};

// idle * period + (active(threads) - idle) * busy + (active(1) - idle) * communication + (waiting - idle) * waiting
// + joules a message * messages + joules a byte * bytes.
EnergyParts device_energy(const Power& power, int threads, int cores, double period_s, const Activity& activity);

}  // namespace dse
