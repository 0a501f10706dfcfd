// The manifest of a package: which files it holds and what a run must reproduce. Shared by the package writer and the
// worker.
//
//   package/manifest.json                     this
//   package/deployment.json                   program::to_json(Deployment)
//   package/programs/<programs[k]>            program::to_json(Program) of device index k
//   package/models/<model_folders[k]>/<f>     f = Segment::model of device k's segments, and their external data
//   package/golden/...                        dense row-major little-endian elements of one tensor a file, no header
//
// Every path is relative, of portable characters, and stays inside the package.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "program/program.hpp"

namespace dse::program {

// How a worker's communication thread waits while messages are outstanding.
struct WaitPolicy {
  enum class Kind { spin, yield, sleep };
  Kind kind = Kind::sleep;
  int microseconds = 50;  // sleep only: 1 .. 1'000'000
  bool operator==(const WaitPolicy&) const = default;
};

std::string to_string(const WaitPolicy& wait);  // "spin", "yield", "sleep:50"
// Throws Error(usage, WAIT-POLICY).
WaitPolicy wait_policy_from_string(std::string_view text);

struct FileFacts {
  std::string sha256;
  std::uint64_t bytes = 0;
  bool operator==(const FileFacts&) const = default;
};

// A file that the package was made from.
struct Origin {
  std::string name;
  std::string sha256;
  bool operator==(const Origin&) const = default;
};

// One golden frame; paths are relative to the package ("golden/f0_in0.bin").
struct GoldenFrame {
  std::vector<std::string> inputs;   // by network input
  std::vector<std::string> outputs;  // by network output
  std::vector<std::string> cuts;     // by Golden::cuts; all frames have them or none has
  bool operator==(const GoldenFrame&) const = default;
};

// A tensor that crosses a cut.
struct GoldenCut {
  std::string tensor;    // Buffer::tensor of the programs
  TensorType type;       // of the whole tensor
  double tolerance = 0;  // relative to the tensor's largest magnitude
  bool operator==(const GoldenCut&) const = default;
};

struct Golden {
  std::vector<GoldenFrame> frames;
  std::vector<double>
      tolerance;  // by network output, relative to the tensor's largest magnitude; integers are compared exactly
  std::vector<GoldenCut> cuts;
  bool operator==(const Golden&) const = default;
};

struct DeviceEstimate {
  double busy_s = 0;               // per frame of the deployment
  std::uint64_t memory_bytes = 0;  // peak resident
  bool operator==(const DeviceEstimate&) const = default;
};

// What was estimated for the deployment; deadlines derive from it.
struct Estimate {
  double latency_s = 0;
  double period_s = 0;
  std::vector<DeviceEstimate> devices;  // by device index; empty where unknown
  bool operator==(const Estimate&) const = default;
};

struct Manifest {
  static constexpr std::string_view current_format = "package/1";

  std::string format{current_format};
  std::string tool_version;
  std::string engine_version;  // that made the golden tensors
  std::string created;         // UTC, ISO 8601; may be empty (reproducible packages)
  Origin model;
  Origin platform;
  WaitPolicy wait;
  std::vector<std::string> programs;       // file names inside programs/, by device index
  std::vector<std::string> model_folders;  // folder names inside models/, by device index
  Golden golden;
  Estimate estimate;
  std::map<std::string, FileFacts> files;  // by path inside the package; every file but manifest.json
  bool operator==(const Manifest&) const = default;
};

// True for a path that a manifest may name: components of [A-Za-z0-9._-] joined by '/', none starting with '.' or '-'.
bool is_package_path(std::string_view path);

// Structure and ranges: Error(bad_input, MANIFEST-JSON).
std::string to_json(const Manifest& manifest);
Manifest manifest_from_json(const std::string& text, const std::string& path);

// Counts agree with the deployment (devices, inputs, outputs), and every file named is in `files`: Error(bad_input,
// MANIFEST-...).
void check(const Manifest& manifest, const Deployment& deployment);

}  // namespace dse::program
