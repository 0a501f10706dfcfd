// What calibration measured of a device and of a network. YAML files, "dse: profile/1" and "dse: network-profile/1".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "platform/corrections.hpp"

namespace dse {

// What tells shapes of one class apart: channels and positions (rows times columns) of the first input and of the first
// output. All 0: unknown.
struct KernelShape {
  double channels_in = 0, channels_out = 0, positions_in = 0, positions_out = 0;
  bool known() const { return channels_out > 0; }
};

// One fused kernel of one layer signature with one thread count.
struct KernelMeasurement {
  std::string signature;  // Layer::signature, or the signature of a run of layers measured as one
  std::string op_class;
  int threads = 1;
  double seconds = 0;  // steady, batch as in the signature
  double spread = 0;   // relative interquartile range
  int samples = 0;
  double macs = 0, bytes = 0;  // features: multiply-accumulates, bytes touched (inputs + weights + outputs)
  KernelShape shape;
};

// Along which axis a part of a layer is smaller than the whole: its output channels, the input channels that it sums
// over, or rows (and columns).
enum class PartAxis { channels, inputs, rows };
std::string_view to_string(PartAxis);

// A part of one layer signature with one thread count; the whole is in the kernel table.
struct PartMeasurement {
  std::string signature;  // of the whole layer
  std::string op_class;
  PartAxis axis = PartAxis::channels;
  int threads = 1;
  double fraction = 0;  // of the layer's arithmetic, above 0 and below 1
  double seconds = 0;
  double spread = 0;
  int samples = 0;
  double macs = 0, bytes = 0;  // features, as a kernel's
};

// One thread's copy between two places in memory, what it measures of the memory's bandwidth at that size.
struct CopyMeasurement {
  std::int64_t bytes = 0;
  double seconds = 0;       // neither place was touched lately: what other work has left in the caches
  double warm_seconds = 0;  // the same places again and again
};

// Coefficients of the analytical fallback for one operator class and thread count: seconds = base + macs/rate +
// bytes/bandwidth. op_class may be narrowed to one operator, "normalisation/LRN".
struct ClassModel {
  std::string op_class;
  int threads = 1;
  double base_seconds = 0;
  double macs_per_second = 0;  // 0: no such term
  double bytes_per_second = 0;
  double error = 0;  // mean absolute relative error, cross-validated; 0 when unknown
};

struct HostFingerprint {
  std::string cpu, kernel, engine_version;
  int cores = 0;
  std::uint64_t memory_bytes = 0;
};

struct ActivePower {
  int threads = 1;
  double watts = 0;
};

// Power states of the whole host, as its sensor saw them.
struct PowerProfile {
  std::string sensor;  // which, and what of the host it measures
  double idle_watts = 0;
  std::optional<double> waiting_watts;  // while one worker waits for a message
  std::vector<ActivePower> active;      // ascending threads; never below idle
};

struct DeviceProfile {
  std::string name;
  bool assumed = false;  // generic: nothing was measured
  HostFingerprint host;
  std::string created;  // ISO 8601
  double noise = 0;     // relative spread of a fixed probe
  // Median magnitude of the relative error on runs of layers that were measured but not fitted; 0: unknown.
  double hold_out_error = 0;
  std::vector<KernelMeasurement> kernels;
  std::vector<PartMeasurement> parts;
  // Median magnitude of the relative error of a part's time that is interpolated between larger and smaller parts;
  // 0: unknown.
  double part_error = 0;
  std::vector<ClassModel> classes;
  std::vector<CopyMeasurement> copies;  // ascending bytes; empty: not measured
  double run_overhead_seconds = 0;      // of one engine call
  double cut_seconds_per_byte = 0;  // layout reorder and lost fusion at a cut, per byte of each tensor that crosses it
  double streaming_factor = 1;      // stage time while streaming / standalone
  // Time of a part of a layer whose other parts are computed by other devices meanwhile / of the part by itself: what
  // it reads comes from elsewhere, and devices of one host compete for its memory.
  double split_factor = 1;
  // What a frame waits for a message to this device beyond its transfer: devices that wait for each other are never
  // ready at the same moment.
  double exchange_seconds = 0;
  // Memory, bytes: the larger of loading and of running = base + session * segments + factor * weights + factor * live
  // activations.
  double memory_base_bytes = 0;         // worker with engine and MPI up, nothing loaded
  double memory_session_bytes = 0;      // each further session
  double memory_part_bytes = 0;         // each layer, or part of one, in a session: the engine's node and its plans
  double memory_weight_factor = 1;      // resident bytes per weight byte
  double memory_activation_factor = 1;  // resident bytes per byte that the engine's arena grows to by the first frame
  double memory_growth_factor = 0;      // and per live byte of every segment that is hungrier than all before it
  double memory_relaid_factor = 1;      // loading: per byte of convolutions' weights of all sessions
  double memory_fold_factor = 1;        // and of those that a normalisation is folded into, of the one being created
  double memory_load_factor = 3;        // and of the largest convolution of that one
  double memory_load_bytes = 0;         // and whatever their size; may be below 0
  std::optional<PowerProfile> power;    // where there was a sensor

  // Of a profile that was read from a file, and no part of that file.
  fs::path file;
  std::string sha256;                 // of its text
  Corrections corrections;            // of this calibration
  bool corrections_outdated = false;  // there are some, of an earlier calibration

  // Looked up by (signature, threads).
  const KernelMeasurement* find(const std::string& signature, int threads) const;
  // Of the class, else of the class "other": with that thread count, else the nearest below, else the nearest above.
  // Null where there is neither.
  const ClassModel* class_model(const std::string& op_class, int threads) const;
};

struct LinkPoint {
  std::int64_t bytes = 0;
  double seconds = 0;  // one way
};

// One-way seconds of a message: log-log interpolation between rows of ascending bytes, never less for more bytes; the
// last segment extrapolated. 0 of an empty table.
double table_seconds(const std::vector<LinkPoint>& table, std::int64_t bytes);

// Two hosts of a network that has others too.
struct LinkPair {
  std::string first, second;  // as the platform names their hosts; in either order
  std::vector<LinkPoint> table;
};

struct LinkProfile {
  std::string name;
  std::string between;           // "nano0,pi0": what was measured
  std::vector<LinkPoint> table;  // of hosts that `pairs` does not have
  std::vector<LinkPair> pairs;
  double cpu_seconds_per_byte = 0;
  double cpu_seconds_per_message = 0;
  // A device that has been waiting for w seconds notices a message later by min(wake_share * w, wake_longest_seconds).
  double wake_share = 0;
  double wake_longest_seconds = 0;
  // Time of a large message while one of its size goes the other way / its time alone: 1 full duplex, 2 half. Told, and
  // compared with the network's kind; no estimate is made of it.
  double both_ways = 1;
  double seconds(std::int64_t bytes) const { return table_seconds(table, bytes); }
};

// A generic device: `gflops` per core, labelled assumed.
DeviceProfile generic_profile(int cores);

std::string to_yaml(const DeviceProfile& profile);
std::string to_yaml(const LinkProfile& profile);
// Throw Error(bad_input, PROFILE-...) with file:line:column; another format version is refused.
DeviceProfile parse_device_profile(const std::string& text, const std::string& path);  // `path` is for messages
LinkProfile parse_link_profile(const std::string& text, const std::string& path);
// With the corrections that lie beside the file.
DeviceProfile read_device_profile(const fs::path& path);
// The same of texts that were read already.
DeviceProfile device_profile_of(const fs::path& file, const std::string& text,
                                const std::optional<std::string>& corrections);
LinkProfile read_link_profile(const fs::path& path);

// Cores that this process may run on.
int usable_cores();
// The machine that this process runs on.
HostFingerprint this_host(const std::string& engine_version);

}  // namespace dse
