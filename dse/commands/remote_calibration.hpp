// Calibration of other machines, by the dse that is installed there, which mpirun starts as it starts workers.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "dse/commands/host_calibration.hpp"

namespace dse {

struct RemoteHost {
  std::string name, user;  // of a platform, checked there; user may be empty
  auto operator<=>(const RemoteHost&) const = default;
};

// What mpirun starts on a host, and says on its own: same path on every host.
class RemoteCalibration {
 public:
  // program: dse, on the hosts. patience: how long a host that measures may be silent; it speaks every five seconds.
  explicit RemoteCalibration(std::string program, std::chrono::seconds patience = std::chrono::seconds(60))
      : program_(std::move(program)), patience_(patience) {}

  // Throws Error(device, CALIBRATE-REMOTE) where the host cannot be reached, has no such program, or one of another
  // version.
  void check(const RemoteHost& host) const;

  // As calibrate_host(), over there; its warnings are passed on with the host's name. bundle: write_bundle() of the
  // networks. Throws Error(device, CALIBRATE-REMOTE) also where nothing is heard of the host for too long.
  HostReport calibrate(const RemoteHost& host, const HostRequest& request, const std::string& bundle,
                       const Console& console) const;

  // Messages between two hosts, or between two ranks of one.
  LinkCalibration calibrate_link(const std::string& name, const RemoteHost& first, const RemoteHost& second) const;

 private:
  std::string program_;
  std::chrono::seconds patience_;
};

// The other end: reads a request and a bundle from standard input, writes the report to standard output, whose lines
// before it say no more than that measuring goes on.
int serve_calibration(Console& console);

std::string to_json(const HostRequest& request);
std::string to_json(const HostReport& report);
// Throw Error(bad_input, CALIBRATE-JSON | PROFILE-...).
HostRequest host_request_from_json(const std::string& text);
HostReport host_report_from_json(const std::string& text);

}  // namespace dse
