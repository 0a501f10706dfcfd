// Runs, candidates and validations with every field set to something of its own, for the tests of the archive.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <string>

#include "dse/archive/archive.hpp"

namespace dse::archive::samples {

inline const std::string platform_text =
    "dse: platform/1\nname: lab\ndevices:\n  - {name: nano0, host: localhost, cores: 1, memory: 1 GiB}\n"
    "  - {name: pi0, host: localhost, cores: 1, memory: 1 GiB}\n";

inline RunInfo run_info() {
  RunInfo info;
  info.model_path = "models/a b.onnx";
  info.model_name = "a b";
  info.model_sha256 = std::string(64, 'a');
  info.platform_path = "lab.yaml";
  info.platform_text = platform_text;
  info.platform_sha256 = std::string(64, 'b');
  info.options_json = R"({"objectives":["latency","energy-max"]})";
  info.argv = "dse explore 'a b.onnx' --platform lab.yaml";
  info.seed = 0xffff'ffff'ffff'fff1u;
  info.versions_json = R"({"dse":"0.1.0"})";
  info.host_json = R"({"cores":2})";
  return info;
}

inline DeviceEstimate device(std::size_t index, double base) {
  DeviceEstimate d;
  d.device = index;
  d.used = true;
  d.busy_s = base + 0.1;
  d.communication_s = base + 0.2;
  d.waiting_s = base + 0.3;
  d.nic_out_s = base + 0.4;
  d.nic_in_s = base + 0.5;
  d.memory_bytes = base + 1e8 + 0.25;
  d.memory_load_bytes = base + 2e8;
  d.memory_run_bytes = base + 3e8;
  d.energy_j = base + 0.6;
  d.weight_bytes = base + 4e8;
  return d;
}

// Candidate `number` of a made-up front: the higher the number, the higher the latency and the lower the energy.
inline NewCandidate candidate(int number) {
  NewCandidate c;
  c.mapping_json = fmt::format(
      R"({{"dse":"mapping/1","replicas":[{{"share":1,"stages":[{{"layers":["conv1","pool{}"],"devices":["nano0"]}},{{"only":["fc","prob"],"devices":["pi0"],"threads":2}}]}}]}})",
      number);
  c.strategy = "sequential";
  c.generation = number;
  c.on_front = true;
  Estimate& e = c.estimate;
  e.latency_s = 0.010 + 0.001 * number;
  e.period_s = 0.005 + 1.0 / 3.0 * number;
  e.memory_max_bytes = 1e8 + number + 0.5;
  e.energy_max_j = 2.0 / (1 + number);
  e.energy_sum_j = 3.0 / (1 + number);
  e.device_count = 2;
  e.survivability = 0.5;
  e.tier = Tier::analytical;
  e.uncertainty = 0.125;
  e.energy_assumed = true;
  e.bottleneck = "device nano0";
  e.devices = {device(0, number), device(1, number + 0.5)};
  return c;
}

inline Checkpoint checkpoint(std::int64_t generation, std::vector<NewCandidate> added) {
  Checkpoint c;
  c.generation = generation;
  c.evaluations = 100 * generation;
  c.seconds = 0.25 * static_cast<double>(generation);
  c.state = std::string("state\0with a zero ", 18) + std::to_string(generation);
  c.added = std::move(added);
  return c;
}

inline Validation validation() {
  Validation v;
  v.ok = true;
  v.max_relative_output_error = 1e-6;
  v.tolerance = 1e-4;
  v.frames = 64;
  v.latency_estimated_s = 0.011;
  v.latency_measured_s = 0.010;
  v.period_estimated_s = 0.004;
  v.period_measured_s = 0.005;
  v.memory_estimated_bytes = 2e8;
  v.memory_measured_bytes = 1.6e8;
  v.energy_estimated_j = 0.5;
  v.provenance_json = R"({"link":"shared memory"})";
  v.devices = {{"nano0", 0.003, 0.002, 1e8, 8e7, 0.25, 0.2}, {"pi0", 0.004, 0.005, 2e8, 1.6e8, 0.5, std::nullopt}};
  v.steps = {{"nano0", "conv1..pool1", "run", 0, 0.003, 0.002}, {"nano0", "pool1 to pi0", "send", 0, 0.0001, 0.0002}};
  return v;
}

// An archive with one run of three candidates on the front, the first one validated.
inline void fill(const fs::path& path) {
  Archive archive = Archive::open(path, Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(run_info());
  archive.commit(run, checkpoint(1, {candidate(0), candidate(1), candidate(2)}));
  archive.add_validation(1, validation());
  archive.finish_run(run, "done", R"({"front_size":3})");
}

// SQL as any other program would run it.
inline SQLite::Database plain(const fs::path& path) { return SQLite::Database(path.string(), SQLite::OPEN_READWRITE); }

}  // namespace dse::archive::samples
