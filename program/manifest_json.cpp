#include <fmt/format.h>
#include <algorithm>

#include "base/error.hpp"
#include "program/json_door.hpp"
#include "program/manifest.hpp"

namespace dse::program {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view code = "MANIFEST-JSON";
constexpr std::int64_t extent_cap = std::int64_t{1} << 48;
constexpr double longest_seconds = 1e9;

std::string read_path(const JsonNode& node) {
  std::string path = node.text(4096);
  if (!is_package_path(path))
    node.fail(
        "is no path inside the package: components of letters, digits, '.', '_' and '-', none starting with '.' or "
        "'-'");
  return path;
}

std::string read_name(const JsonNode& node) {
  std::string name = read_path(node);
  if (name.find('/') != std::string::npos) node.fail("must be a name without a folder");
  return name;
}

template <typename Read>
auto read_all(const JsonNode& node, Read read) {
  std::vector<decltype(read(node))> result;
  for (const JsonNode& item : node.items()) result.push_back(read(item));
  return result;
}

std::string read_hash(const JsonNode& node) {
  std::string hash = node.text(64);
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hash.size() != 64 || !std::all_of(hash.begin(), hash.end(), digit))
    node.fail("must be 64 lower-case hexadecimal digits");
  return hash;
}

ordered_json write(const Origin& origin) { return {{"name", origin.name}, {"sha256", origin.sha256}}; }

Origin read_origin(const JsonNode& node) {
  node.expect_keys({"name", "sha256"});
  return {node.at("name").text(), read_hash(node.at("sha256"))};
}

ordered_json write(const GoldenFrame& frame) {
  ordered_json result{{"inputs", frame.inputs}, {"outputs", frame.outputs}};
  if (!frame.cuts.empty()) result["cuts"] = frame.cuts;
  return result;
}

GoldenFrame read_frame(const JsonNode& node) {
  node.expect_keys({"inputs", "outputs", "cuts"});
  GoldenFrame frame{read_all(node.at("inputs"), read_path), read_all(node.at("outputs"), read_path), {}};
  if (node.has("cuts")) frame.cuts = read_all(node.at("cuts"), read_path);
  return frame;
}

double read_tolerance(const JsonNode& node) { return node.number(0, 1e3); }

ordered_json write(const GoldenCut& cut) {
  return {{"tensor", cut.tensor},
          {"type", to_string(cut.type.type)},
          {"shape", cut.type.shape},
          {"tolerance", cut.tolerance}};
}

GoldenCut read_cut(const JsonNode& node) {
  node.expect_keys({"tensor", "type", "shape", "tolerance"});
  const auto type = data_type_from_string(node.at("type").text());
  if (!type || element_size(*type) == 0) node.fail("must have an element type of fixed size");
  GoldenCut cut{node.at("tensor").text(),
                {*type, node.at("shape").integers(1, extent_cap)},
                read_tolerance(node.at("tolerance"))};
  if (element_count(cut.type.shape).value_or(extent_cap + 1) > extent_cap)
    node.fail("is a tensor of too many elements");
  return cut;
}

ordered_json write(const Golden& golden) {
  ordered_json result{{"count", golden.frames.size()},
                      {"tolerance", golden.tolerance},
                      {"cuts", ordered_json::array()},
                      {"frames", ordered_json::array()}};
  for (const GoldenCut& cut : golden.cuts) result["cuts"].push_back(write(cut));
  for (const GoldenFrame& frame : golden.frames) result["frames"].push_back(write(frame));
  return result;
}

Golden read_golden(const JsonNode& node) {
  node.expect_keys({"count", "tolerance", "cuts", "frames"});
  Golden golden{read_all(node.at("frames"), read_frame), read_all(node.at("tolerance"), read_tolerance),
                read_all(node.at("cuts"), read_cut)};
  const auto count = static_cast<std::int64_t>(golden.frames.size());
  node.at("count").integer(count, count);
  return golden;
}

ordered_json write(const Estimate& estimate) {
  ordered_json result{
      {"latency_s", estimate.latency_s}, {"period_s", estimate.period_s}, {"devices", ordered_json::array()}};
  for (const DeviceEstimate& device : estimate.devices)
    result["devices"].push_back({{"busy_s", device.busy_s}, {"memory_bytes", device.memory_bytes}});
  return result;
}

DeviceEstimate read_device_estimate(const JsonNode& node) {
  node.expect_keys({"busy_s", "memory_bytes"});
  return {node.at("busy_s").number(0, longest_seconds),
          static_cast<std::uint64_t>(node.at("memory_bytes").integer(0, extent_cap))};
}

Estimate read_estimate(const JsonNode& node) {
  node.expect_keys({"latency_s", "period_s", "devices"});
  return {node.at("latency_s").number(0, longest_seconds), node.at("period_s").number(0, longest_seconds),
          read_all(node.at("devices"), read_device_estimate)};
}

std::map<std::string, FileFacts> read_files(const JsonNode& node) {
  std::map<std::string, FileFacts> result;
  for (const auto& [path, facts] : node.members()) {
    if (!is_package_path(path)) facts.fail("is no path inside the package");
    facts.expect_keys({"sha256", "bytes"});
    result.emplace(path, FileFacts{read_hash(facts.at("sha256")),
                                   static_cast<std::uint64_t>(facts.at("bytes").integer(0, extent_cap))});
  }
  return result;
}

WaitPolicy read_wait(const JsonNode& node) try {
  return wait_policy_from_string(node.text(64));
} catch (const Error& error) {
  if (error.code() != "WAIT-POLICY") throw;
  node.fail("must be spin, yield or sleep:US");
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  ordered_json files = ordered_json::object();
  for (const auto& [path, facts] : manifest.files) files[path] = {{"sha256", facts.sha256}, {"bytes", facts.bytes}};
  return dump_json({{"dse", manifest.format},
                    {"tool_version", manifest.tool_version},
                    {"engine_version", manifest.engine_version},
                    {"created", manifest.created},
                    {"model", write(manifest.model)},
                    {"platform", write(manifest.platform)},
                    {"wait", to_string(manifest.wait)},
                    {"programs", manifest.programs},
                    {"model_folders", manifest.model_folders},
                    {"golden", write(manifest.golden)},
                    {"estimate", write(manifest.estimate)},
                    {"files", files}},
                   1);
}

Manifest manifest_from_json(const std::string& text, const std::string& path) {
  const nlohmann::json document = parse_json(text, path, code);
  const JsonNode root(document, path, code);
  root.expect_keys({"dse", "tool_version", "engine_version", "created", "model", "platform", "wait", "programs",
                    "model_folders", "golden", "estimate", "files"});
  Manifest manifest;
  manifest.format = root.at("dse").text(64);
  if (manifest.format != Manifest::current_format)
    root.at("dse").fail(
        fmt::format("is '{}'; this version reads '{}'", printable(manifest.format, 40), Manifest::current_format));
  manifest.tool_version = root.at("tool_version").text(256);
  manifest.engine_version = root.at("engine_version").text(256);
  manifest.created = root.at("created").text(64);
  manifest.model = read_origin(root.at("model"));
  manifest.platform = read_origin(root.at("platform"));
  manifest.wait = read_wait(root.at("wait"));
  manifest.programs = read_all(root.at("programs"), read_name);
  manifest.model_folders = read_all(root.at("model_folders"), read_name);
  manifest.golden = read_golden(root.at("golden"));
  manifest.estimate = read_estimate(root.at("estimate"));
  manifest.files = read_files(root.at("files"));
  return manifest;
}

}  // namespace dse::program
