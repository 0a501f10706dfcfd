// Devices, networks and profiles: what the YAML files say, checked once and typed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "platform/profile.hpp"

namespace dse {

// Where a coefficient comes from; an assumed one is labelled wherever what rests on it is shown.
enum class Provenance { measured, datasheet, assumed };
std::string_view to_string(Provenance);

struct Power {
  double idle_watts = 0;
  double active_watts = 0;     // all cores busy
  double waiting_watts = 0;    // a worker that waits (sleeping wait: close to idle)
  double joules_per_byte = 0;  // sent or received
  double joules_per_message = 0;
  Provenance source = Provenance::assumed;
  bool declared = false;                      // stood in the file
  std::vector<ActivePower> active_threads{};  // by thread count, where it was measured so; else empty
  // Active power with `threads` of `cores` busy: linear between idle and what is known of more threads, and on from the
  // last in proportion.
  double active_with(int threads, int cores) const;
};

struct Device {
  std::string name;
  std::string host;  // checked grammar; "localhost" makes a local rank
  std::string user;  // may be empty
  int cores = 1;
  std::uint64_t memory_bytes = 0;
  std::string engine = "cpu";  // cpu | cuda | tensorrt | xnnpack
  Power power;
  std::shared_ptr<const DeviceProfile> profile;  // never null: a generic one where the file names none
  bool local() const { return host == "localhost"; }
};

enum class NetworkKind { switched, shared };

struct Link {
  std::string name;
  NetworkKind kind = NetworkKind::switched;
  std::vector<std::size_t> members;  // device indices
  double bandwidth_bytes_per_second = 0;
  double latency_seconds = 0;
  bool declared = false;  // bandwidth or latency stood in the file; else local transport is assumed
  std::shared_ptr<const LinkProfile> profile;  // may be null
  // Of devices whose hosts the profile has a table of their own for, the lower index first: index into profile->pairs.
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> pairs = {};
};

// One-way seconds for a message of `bytes` over the link, nothing else on it: the measured table where there is one,
// else latency + bytes / bandwidth.
double transfer_seconds(const Link& link, std::int64_t bytes);
// Between two of its devices: the table of their own where there is one.
double transfer_seconds(const Link& link, std::size_t from, std::size_t to, std::int64_t bytes);

struct Platform {
  std::string name;
  std::vector<Device> devices;
  std::vector<Link> links;
  std::size_t input = 0;  // source device
  bool input_everywhere = false;
  std::size_t output = 0;  // sink device
  std::vector<std::string> warnings;
  std::string text;    // the file as read
  std::string sha256;  // of text, of every profile read and of the corrections beside it

  std::optional<std::size_t> device_named(std::string_view name) const;
  // Index of the network that carries messages between two devices: the first that lists both. Checked to exist for
  // every pair.
  std::size_t link_between(std::size_t a, std::size_t b) const;
  // More local cores asked for than there are.
  bool oversubscribed() const;
};

// Throws Error(bad_input, PLATFORM-...) with file:line:column.
Platform read_platform(const fs::path& path);
Platform parse_platform(const std::string& text, const std::string& path);

// The platform without what validations taught: devices that shared a profile still do.
Platform uncorrected(const Platform& platform);

// Profile files by device and by network name, relative to the platform file that names them.
struct ProfileFiles {
  std::map<std::string, std::string> devices;
  std::map<std::string, std::string> links;
};

// The file that reads back as `platform`, each device and network with the profile that `profiles` gives it. Assumed
// power and undeclared local links without a profile are left out, so that they stay what they are.
std::string to_yaml(const Platform& platform, const ProfileFiles& profiles);

// JSON Schema (draft-07) of platform files.
std::string platform_schema();

// A platform file for this machine: one local device a core (at most `devices`), as `dse platform discover` writes it.
std::string discover_platform(std::size_t devices);

}  // namespace dse
