// Profiles as YAML. Keys are the fields of the structs and carry their unit, so numbers stand bare and round-trip
// exactly.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/sha256.hpp"
#include "platform/profile.hpp"
#include "platform/yaml_door.hpp"

namespace dse {
namespace {

using yaml::quote;
using yaml::shortest;
using yaml::Value;

constexpr std::uint64_t profile_cap = 16u << 20;
constexpr double huge = 1e18;  // no second, byte or rate of a device comes near it
constexpr std::int64_t huge_integer = std::numeric_limits<std::int64_t>::max();

double non_negative(const Value& map, std::string_view key, double fallback) {
  const auto value = map.find(key);
  return value ? value->number(0, huge) : fallback;
}

double positive(const Value& value) {
  const double number = value.number(0, huge);
  if (number <= 0) value.fail("PROFILE-ZERO", "must be above 0");
  return number;
}

double positive_or(const Value& map, std::string_view key, double fallback) {
  const auto value = map.find(key);
  return value ? positive(*value) : fallback;
}

int thread_count(const Value& map) { return static_cast<int>(map.at("threads").integer(1, 4096)); }

HostFingerprint read_host(const Value& map) {
  map.allow_keys({"cpu", "kernel", "engine_version", "cores", "memory_bytes"});
  HostFingerprint host;
  const auto text = [&](std::string_view key) { return map.has(key) ? map.at(key).text() : std::string(); };
  host.cpu = text("cpu");
  host.kernel = text("kernel");
  host.engine_version = text("engine_version");
  if (const auto cores = map.find("cores")) host.cores = static_cast<int>(cores->integer(0, 4096));
  if (const auto bytes = map.find("memory_bytes"))
    host.memory_bytes = static_cast<std::uint64_t>(bytes->integer(0, huge_integer));
  return host;
}

KernelShape read_shape(const Value& list) {
  const std::vector<Value> items = list.items();
  if (items.size() != 4) list.fail("PROFILE-SHAPE", "must be [channels in, channels out, positions in, positions out]");
  return {positive(items[0]), positive(items[1]), positive(items[2]), positive(items[3])};
}

KernelMeasurement read_kernel(const Value& map) {
  map.allow_keys({"signature", "op_class", "threads", "seconds", "spread", "samples", "macs", "bytes", "shape"});
  KernelMeasurement kernel;
  kernel.signature = map.at("signature").scalar_text();
  kernel.op_class = map.at("op_class").text();
  kernel.threads = thread_count(map);
  kernel.seconds = positive(map.at("seconds"));
  kernel.spread = non_negative(map, "spread", 0);
  if (const auto samples = map.find("samples")) kernel.samples = static_cast<int>(samples->integer(0, 1'000'000'000));
  kernel.macs = non_negative(map, "macs", 0);
  kernel.bytes = non_negative(map, "bytes", 0);
  if (const auto shape = map.find("shape")) kernel.shape = read_shape(*shape);
  return kernel;
}

PartMeasurement read_part(const Value& map) {
  map.allow_keys(
      {"signature", "op_class", "axis", "threads", "fraction", "seconds", "spread", "samples", "macs", "bytes"});
  PartMeasurement part;
  part.signature = map.at("signature").scalar_text();
  part.op_class = map.at("op_class").text();
  const std::string axis = map.at("axis").text();
  const auto known = {PartAxis::channels, PartAxis::inputs, PartAxis::rows};
  const auto found = std::find_if(known.begin(), known.end(), [&](PartAxis one) { return to_string(one) == axis; });
  if (found == known.end()) map.at("axis").fail("PROFILE-AXIS", "must be channels, inputs or rows");
  part.axis = *found;
  part.threads = thread_count(map);
  part.fraction = map.at("fraction").number(0, 1);
  if (part.fraction <= 0 || part.fraction >= 1)
    map.at("fraction").fail("PROFILE-FRACTION", "must be above 0 and below 1: the whole is among the kernels");
  part.seconds = positive(map.at("seconds"));
  part.spread = non_negative(map, "spread", 0);
  if (const auto samples = map.find("samples")) part.samples = static_cast<int>(samples->integer(0, 1'000'000'000));
  part.macs = non_negative(map, "macs", 0);
  part.bytes = non_negative(map, "bytes", 0);
  return part;
}

std::vector<CopyMeasurement> read_copies(const Value& list) {
  std::vector<CopyMeasurement> copies;
  for (const Value& row : list.items()) {
    row.allow_keys({"bytes", "seconds", "warm_seconds"});
    const CopyMeasurement copy{row.at("bytes").integer(1, std::int64_t{1} << 50), positive(row.at("seconds")),
                               positive(row.at("warm_seconds"))};
    if (!copies.empty() && (copy.bytes <= copies.back().bytes || copy.seconds < copies.back().seconds))
      row.fail("PROFILE-ORDER", "rows must be in ascending order of bytes, and larger copies take no less");
    copies.push_back(copy);
  }
  return copies;
}

ClassModel read_class(const Value& map) {
  // Profiles of before November 2026 also have "unsaved", which nothing reads any more.
  map.allow_keys({"op_class", "threads", "base_seconds", "macs_per_second", "bytes_per_second", "error", "unsaved"});
  ClassModel model;
  model.op_class = map.at("op_class").text();
  model.threads = thread_count(map);
  model.base_seconds = non_negative(map, "base_seconds", 0);
  model.macs_per_second = non_negative(map, "macs_per_second", 0);
  model.bytes_per_second = non_negative(map, "bytes_per_second", 0);
  model.error = non_negative(map, "error", 0);
  return model;
}

void read_memory(const Value& map, DeviceProfile& profile) {
  map.allow_keys({"base_bytes", "session_bytes", "part_bytes", "weight_factor", "activation_factor", "growth_factor",
                  "relaid_factor", "fold_factor", "load_factor", "load_bytes"});
  profile.memory_base_bytes = non_negative(map, "base_bytes", 0);
  profile.memory_session_bytes = non_negative(map, "session_bytes", 0);
  profile.memory_part_bytes = non_negative(map, "part_bytes", 0);
  profile.memory_weight_factor = positive_or(map, "weight_factor", 1);
  profile.memory_activation_factor = positive_or(map, "activation_factor", 1);
  profile.memory_growth_factor = non_negative(map, "growth_factor", 0);
  profile.memory_relaid_factor = non_negative(map, "relaid_factor", 1);
  profile.memory_fold_factor = non_negative(map, "fold_factor", 1);
  profile.memory_load_factor = non_negative(map, "load_factor", 3);
  if (const auto bytes = map.find("load_bytes")) profile.memory_load_bytes = bytes->number(-huge, huge);
}

constexpr double most_watts = 10'000;  // what is above is a broken sensor or a mistaken unit

double watts(const Value& map, std::string_view key) { return map.at(key).number(0, most_watts); }

std::vector<ActivePower> read_active(const Value& list, double idle_watts) {
  std::vector<ActivePower> active;
  for (const Value& row : list.items()) {
    row.allow_keys({"threads", "watts"});
    const ActivePower power{thread_count(row), watts(row, "watts")};
    if (!active.empty() && power.threads <= active.back().threads)
      row.at("threads").fail("PROFILE-ORDER", "rows must be in ascending order of threads");
    if (power.watts < idle_watts)
      row.at("watts").fail("PROFILE-POWER",
                           fmt::format("active power ({} W) is below idle power ({} W)", power.watts, idle_watts));
    active.push_back(power);
  }
  if (active.empty()) list.fail("PROFILE-EMPTY", "no active power; measure it with 'dse calibrate'");
  return active;
}

PowerProfile read_power(const Value& map) {
  map.allow_keys({"source", "sensor", "idle_watts", "waiting_watts", "active"});
  map.at("source").choice({"measured"});
  PowerProfile power;
  power.sensor = map.at("sensor").scalar_text();
  power.idle_watts = watts(map, "idle_watts");
  if (map.has("waiting_watts")) power.waiting_watts = watts(map, "waiting_watts");
  if (power.waiting_watts && *power.waiting_watts < power.idle_watts)
    map.at("waiting_watts").fail("PROFILE-POWER", "waiting power is below idle power");
  power.active = read_active(map.at("active"), power.idle_watts);
  return power;
}

std::string write_power(const PowerProfile& p) {
  std::string out = fmt::format("power:\n  source: measured\n  sensor: {}\n  idle_watts: {}\n", quote(p.sensor),
                                shortest(p.idle_watts));
  if (p.waiting_watts) out += fmt::format("  waiting_watts: {}\n", shortest(*p.waiting_watts));
  out += "  active:\n";
  for (const ActivePower& row : p.active)
    out += fmt::format("    - {{threads: {}, watts: {}}}\n", row.threads, shortest(row.watts));
  return out;
}

std::string write_kernel(const KernelMeasurement& k) {
  return fmt::format(
      "  - {{signature: {}, op_class: {}, threads: {}, seconds: {}, spread: {}, samples: {}, macs: {}, bytes: {}{}}}\n",
      quote(k.signature), quote(k.op_class), k.threads, shortest(k.seconds), shortest(k.spread), k.samples,
      shortest(k.macs), shortest(k.bytes),
      k.shape.known()
          ? fmt::format(", shape: [{}, {}, {}, {}]", shortest(k.shape.channels_in), shortest(k.shape.channels_out),
                        shortest(k.shape.positions_in), shortest(k.shape.positions_out))
          : "");
}

std::string write_part(const PartMeasurement& p) {
  return fmt::format(
      "  - {{signature: {}, op_class: {}, axis: {}, threads: {}, fraction: {}, seconds: {}, spread: {}, samples: {}, "
      "macs: {}, bytes: {}}}\n",
      quote(p.signature), quote(p.op_class), to_string(p.axis), p.threads, shortest(p.fraction), shortest(p.seconds),
      shortest(p.spread), p.samples, shortest(p.macs), shortest(p.bytes));
}

std::string write_class(const ClassModel& m) {
  return fmt::format(
      "  - {{op_class: {}, threads: {}, base_seconds: {}, macs_per_second: {}, bytes_per_second: {}, error: {}}}\n",
      quote(m.op_class), m.threads, shortest(m.base_seconds), shortest(m.macs_per_second), shortest(m.bytes_per_second),
      shortest(m.error));
}

}  // namespace

std::string to_yaml(const DeviceProfile& p) {
  std::string out =
      fmt::format("dse: profile/1\nname: {}\nassumed: {}\ncreated: {}\n", quote(p.name), p.assumed, quote(p.created));
  out +=
      fmt::format("host: {{cpu: {}, kernel: {}, engine_version: {}, cores: {}, memory_bytes: {}}}\n", quote(p.host.cpu),
                  quote(p.host.kernel), quote(p.host.engine_version), p.host.cores, p.host.memory_bytes);
  out += fmt::format(
      "noise: {}\nhold_out_error: {}\nrun_overhead_seconds: {}\ncut_seconds_per_byte: {}\nstreaming_factor: {}\n"
      "split_factor: {}\nexchange_seconds: {}\n",
      shortest(p.noise), shortest(p.hold_out_error), shortest(p.run_overhead_seconds), shortest(p.cut_seconds_per_byte),
      shortest(p.streaming_factor), shortest(p.split_factor), shortest(p.exchange_seconds));
  out += fmt::format(
      "memory: {{base_bytes: {}, session_bytes: {}, part_bytes: {}, weight_factor: {}, activation_factor: {}, "
      "growth_factor: {}, "
      "relaid_factor: "
      "{}, fold_factor: {}, load_factor: {}, load_bytes: {}}}\n",
      shortest(p.memory_base_bytes), shortest(p.memory_session_bytes), shortest(p.memory_part_bytes),
      shortest(p.memory_weight_factor), shortest(p.memory_activation_factor), shortest(p.memory_growth_factor),
      shortest(p.memory_relaid_factor), shortest(p.memory_fold_factor), shortest(p.memory_load_factor),
      shortest(p.memory_load_bytes));
  if (p.power) out += write_power(*p.power);
  if (!p.copies.empty()) out += "copies:\n";
  for (const CopyMeasurement& copy : p.copies)
    out += fmt::format("  - {{bytes: {}, seconds: {}, warm_seconds: {}}}\n", copy.bytes, shortest(copy.seconds),
                       shortest(copy.warm_seconds));
  out += p.classes.empty() ? "classes: []\n" : "classes:\n";
  for (const ClassModel& model : p.classes) out += write_class(model);
  if (!p.parts.empty()) out += fmt::format("part_error: {}\nparts:\n", shortest(p.part_error));
  for (const PartMeasurement& part : p.parts) out += write_part(part);
  out += p.kernels.empty() ? "kernels: []\n" : "kernels:\n";
  for (const KernelMeasurement& kernel : p.kernels) out += write_kernel(kernel);
  return out;
}

namespace {

std::string write_table(const std::vector<LinkPoint>& table, const std::string& indent) {
  std::string out = indent + (table.empty() ? "table: []\n" : "table:\n");
  for (const LinkPoint& point : table)
    out += fmt::format("{}  - {{bytes: {}, seconds: {}}}\n", indent, point.bytes, shortest(point.seconds));
  return out;
}

std::vector<LinkPoint> read_table(const Value& rows) {
  std::vector<LinkPoint> table;
  for (const Value& row : rows.items()) {
    row.allow_keys({"bytes", "seconds"});
    const LinkPoint point{row.at("bytes").integer(0, std::int64_t{1} << 50), positive(row.at("seconds"))};
    if (!table.empty() && point.bytes <= table.back().bytes)
      row.at("bytes").fail("PROFILE-ORDER", fmt::format("{} bytes after {}; rows must be in ascending order of bytes",
                                                        point.bytes, table.back().bytes));
    table.push_back(point);
  }
  if (table.empty())
    rows.fail("PROFILE-EMPTY", "the table holds no rows; measure the network with 'dse calibrate --platform'");
  return table;
}

LinkPair read_pair(const Value& map) {
  map.allow_keys({"between", "table"});
  const Value between = map.at("between");
  const auto ends = between.items();
  if (ends.size() != 2) between.fail("PROFILE-PAIR", "a pair is of two hosts, such as [pi0, pi1]");
  return {ends[0].scalar_text(), ends[1].scalar_text(), read_table(map.at("table"))};
}

}  // namespace

std::string to_yaml(const LinkProfile& p) {
  std::string out = fmt::format("dse: network-profile/1\nname: {}\nbetween: {}\n", quote(p.name), quote(p.between));
  out += fmt::format("cpu_seconds_per_byte: {}\ncpu_seconds_per_message: {}\n", shortest(p.cpu_seconds_per_byte),
                     shortest(p.cpu_seconds_per_message));
  out += fmt::format("wake_share: {}\nwake_longest_seconds: {}\n", shortest(p.wake_share),
                     shortest(p.wake_longest_seconds));
  out += fmt::format("both_ways: {}\n", shortest(p.both_ways));
  out += write_table(p.table, "");
  if (!p.pairs.empty()) out += "pairs:\n";
  for (const LinkPair& pair : p.pairs)
    out +=
        fmt::format("  - between: [{}, {}]\n", quote(pair.first), quote(pair.second)) + write_table(pair.table, "    ");
  return out;
}

DeviceProfile parse_device_profile(const std::string& text, const std::string& path) {
  const Value root = yaml::parse_format(text, path, "profile", 1);
  root.allow_keys({"dse", "name", "assumed", "created", "host", "noise", "hold_out_error", "run_overhead_seconds",
                   "cut_seconds_per_byte", "streaming_factor", "split_factor", "exchange_seconds", "memory", "power",
                   "classes", "kernels", "part_error", "parts", "copies"});
  DeviceProfile profile;
  profile.name = root.at("name").scalar_text();
  if (const auto assumed = root.find("assumed")) profile.assumed = assumed->boolean();
  if (const auto created = root.find("created")) profile.created = created->scalar_text();
  if (const auto host = root.find("host")) profile.host = read_host(*host);
  profile.noise = non_negative(root, "noise", 0);
  profile.hold_out_error = non_negative(root, "hold_out_error", 0);
  profile.run_overhead_seconds = non_negative(root, "run_overhead_seconds", 0);
  profile.cut_seconds_per_byte = non_negative(root, "cut_seconds_per_byte", 0);
  profile.streaming_factor = positive_or(root, "streaming_factor", 1);
  profile.split_factor = positive_or(root, "split_factor", 1);
  profile.exchange_seconds = non_negative(root, "exchange_seconds", 0);
  if (const auto memory = root.find("memory")) read_memory(*memory, profile);
  // Older readers refuse the key, so that they misread nothing: the version stays.
  if (const auto power = root.find("power")) profile.power = read_power(*power);
  if (const auto copies = root.find("copies")) profile.copies = read_copies(*copies);
  const Value classes = root.at("classes"), kernels = root.at("kernels");
  for (const Value& model : classes.items()) profile.classes.push_back(read_class(model));
  for (const Value& kernel : kernels.items()) profile.kernels.push_back(read_kernel(kernel));
  profile.part_error = non_negative(root, "part_error", 0);
  if (const auto parts = root.find("parts"))
    for (const Value& part : parts->items()) profile.parts.push_back(read_part(part));
  if (profile.classes.empty() && profile.kernels.empty())
    kernels.fail("PROFILE-EMPTY",
                 "the profile holds neither kernels nor classes; measure the device with 'dse calibrate'");
  return profile;
}

LinkProfile parse_link_profile(const std::string& text, const std::string& path) {
  const Value root = yaml::parse_format(text, path, "network-profile", 1);
  root.allow_keys({"dse", "name", "between", "cpu_seconds_per_byte", "cpu_seconds_per_message", "wake_share",
                   "wake_longest_seconds", "both_ways", "table", "pairs"});
  LinkProfile profile;
  profile.name = root.at("name").scalar_text();
  if (const auto between = root.find("between")) profile.between = between->scalar_text();
  profile.cpu_seconds_per_byte = non_negative(root, "cpu_seconds_per_byte", 0);
  profile.cpu_seconds_per_message = non_negative(root, "cpu_seconds_per_message", 0);
  profile.wake_share = non_negative(root, "wake_share", 0);
  profile.wake_longest_seconds = non_negative(root, "wake_longest_seconds", 0);
  profile.both_ways = positive_or(root, "both_ways", 1);
  profile.table = read_table(root.at("table"));
  if (const auto pairs = root.find("pairs"))
    for (const Value& pair : pairs->items()) profile.pairs.push_back(read_pair(pair));
  return profile;
}

DeviceProfile device_profile_of(const fs::path& file, const std::string& text,
                                const std::optional<std::string>& corrections) {
  DeviceProfile profile = parse_device_profile(text, file.string());
  profile.file = file;
  profile.sha256 = sha256_hex(text);
  if (!corrections) return profile;
  Corrections read = parse_corrections(*corrections, corrections_file(file).string());
  profile.corrections_outdated = read.profile_sha256 != profile.sha256;
  if (!profile.corrections_outdated) profile.corrections = std::move(read);
  return profile;
}

DeviceProfile read_device_profile(const fs::path& path) {
  return device_profile_of(path, read_text(path, profile_cap), corrections_text(path));
}
LinkProfile read_link_profile(const fs::path& path) {
  return parse_link_profile(read_text(path, profile_cap), path.string());
}

}  // namespace dse
