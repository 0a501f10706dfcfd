#include "dse/commands/subject.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/commands/model_options.hpp"

namespace dse {
namespace {

// Shapes bound with --shape when the run was made are part of its options.
ImportOptions stored_import_options(const archive::Run& run, const Arguments& arguments) {
  if (arguments.has("--shape")) return import_options(arguments);
  const nlohmann::json options = nlohmann::json::parse(run.info.options_json, nullptr, false);
  Arguments words;
  if (options.is_object() && options.contains("shapes") && options["shapes"].is_array())
    for (const nlohmann::json& shape : options["shapes"])
      if (shape.is_string()) words.set("--shape", shape.get<std::string>());
  return import_options(words);
}

// What two devices of this machine get where a platform file says nothing of their network.
Link local_transport() {
  const Platform pair = parse_platform(
      "dse: platform/1\nname: local\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB}\n"
      "  - {name: b, host: localhost, cores: 1, memory: 1 GiB}\n",
      "local");
  return pair.links.at(pair.link_between(0, 1));
}

}  // namespace

Subject reopen(const archive::Run& run, const Arguments& arguments, Console& console) {
  const std::string model = arguments.has("--model") ? arguments.text("--model") : run.info.model_path;
  Subject subject;
  try {
    subject.network = std::make_unique<const Network>(Network::import(model, stored_import_options(run, arguments)));
  } catch (const Error& error) {
    if (error.code() != "FILE-OPEN") throw;
    throw Error(error.exit(), error.code(), error.place(),
                error.message() + "; --model FILE names where the model of this run lies now");
  }
  if (subject.network->sha256() != run.info.model_sha256)
    throw Error(ExitCode::bad_input, "MODEL-CHANGED", {model},
                fmt::format("is not the model of run {}: its sha256 is {:.12}..., that of the run {:.12}...; --model "
                            "FILE names another",
                            run.id, subject.network->sha256(), printable(run.info.model_sha256)));
  subject.platform = parse_platform(run.info.platform_text, run.info.platform_path);
  if (subject.platform.sha256 != run.info.platform_sha256)
    console.warn(
        fmt::format("a profile of platform '{}', or what validations taught, has changed since run {}: estimates made "
                    "now differ from the stored ones",
                    printable(subject.platform.name), run.id));
  return subject;
}

OptionSpec moved_model_option() {
  return {"--model", "FILE", "where the model of the run lies now", false, false, "", {}};
}

bool is_archive(const fs::path& path) {
  static constexpr std::string_view magic = "SQLite format 3";
  const MappedFile file = MappedFile::open(path, std::uint64_t{1} << 40);
  return file.text().starts_with(magic);
}

program::Estimate manifest_estimate(const Platform& platform, const Estimate& estimate) {
  program::Estimate result{estimate.latency_s, estimate.period_s,
                           std::vector<program::DeviceEstimate>(platform.devices.size())};
  for (const DeviceEstimate& device : estimate.devices)
    result.devices.at(device.device) = {device.busy_s, static_cast<std::uint64_t>(std::max(0.0, device.memory_bytes))};
  return result;
}

Platform as_run_locally(const Platform& platform, std::vector<std::string>& changed) {
  Platform result = platform;
  if (!std::all_of(platform.devices.begin(), platform.devices.end(),
                   [](const Device& device) { return device.local(); }))
    return result;
  for (Link& link : result.links) {
    if (!link.declared) continue;
    const Link local = local_transport();
    link.kind = local.kind;
    link.bandwidth_bytes_per_second = local.bandwidth_bytes_per_second;
    link.latency_seconds = local.latency_seconds;
    link.declared = false;
    link.profile = nullptr;
    changed.push_back(link.name);
  }
  return result;
}

}  // namespace dse
