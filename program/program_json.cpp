#include <fmt/format.h>
#include <array>

#include "base/error.hpp"
#include "program/json_door.hpp"
#include "program/program.hpp"

namespace dse::program {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view code = "PROGRAM-JSON";
constexpr std::size_t count_cap = 1u << 20;  // devices, replicas, transfers, ports
constexpr std::int64_t extent_cap = std::int64_t{1} << 48;
constexpr std::array kind_names{"input", "receive", "run", "copy", "send", "output"};

std::string_view name_of(StepKind kind) { return kind_names.at(static_cast<std::size_t>(kind)); }

std::string_view name_of(Wire wire) { return wire_names.at(static_cast<std::size_t>(wire)); }

Wire read_wire(const JsonNode& node) {
  const std::string text = node.text();
  for (std::size_t i = 0; i < wire_names.size(); ++i)
    if (text == wire_names[i]) return static_cast<Wire>(i);
  node.fail("must be one of full, fp16, int8");
}

StepKind read_kind(const JsonNode& node) {
  const std::string text = node.text();
  for (std::size_t i = 0; i < kind_names.size(); ++i)
    if (text == kind_names[i]) return static_cast<StepKind>(i);
  node.fail("must be one of input, receive, run, copy, send, output");
}

void write_box(ordered_json& object, const Box& box) {
  object["lo"] = box.lo;
  object["hi"] = box.hi;
}

Box read_box(const JsonNode& node) {
  Box box{node.at("lo").integers(0, extent_cap), node.at("hi").integers(0, extent_cap)};
  if (box.lo.size() != box.hi.size()) node.fail("has 'lo' and 'hi' of different lengths");
  std::int64_t elements = 1;
  for (std::size_t axis = 0; axis < box.lo.size(); ++axis) {
    if (box.lo[axis] >= box.hi[axis]) node.fail("is an empty box: 'lo' must be below 'hi' on every axis");
    if (__builtin_mul_overflow(elements, box.hi[axis] - box.lo[axis], &elements) || elements > extent_cap)
      node.fail("is a box of too many elements");
  }
  return box;
}

DataType read_type(const JsonNode& node) {
  const auto type = data_type_from_string(node.text());
  if (!type || element_size(*type) == 0)
    node.fail("must be the name of an element type of fixed size, such as 'float32'");
  return *type;
}

ordered_json write(const Buffer& buffer) {
  ordered_json result{{"tensor", buffer.tensor}, {"type", to_string(buffer.type)}};
  write_box(result, buffer.box);
  if (buffer.block) result["block"] = *buffer.block;
  return result;
}

Buffer read_buffer(const JsonNode& node, std::size_t buffers) {
  node.expect_keys({"tensor", "type", "lo", "hi", "block"});
  Buffer buffer{node.at("tensor").text(), read_type(node.at("type")), read_box(node)};
  if (node.has("block")) buffer.block = node.at("block").index(buffers);
  return buffer;
}

ordered_json write(const std::vector<View>& views) {
  ordered_json result = ordered_json::array();
  for (const View& view : views) {
    ordered_json item{{"buffer", view.buffer}};
    write_box(item, view.box);
    result.push_back(std::move(item));
  }
  return result;
}

std::vector<View> read_views(const JsonNode& node, std::size_t buffers) {
  std::vector<View> result;
  for (const JsonNode& item : node.items()) {
    item.expect_keys({"buffer", "lo", "hi"});
    result.push_back({item.at("buffer").index(buffers), read_box(item)});
  }
  return result;
}

bool has_port(StepKind kind) { return kind == StepKind::input || kind == StepKind::output; }
bool has_transfer(StepKind kind) { return kind == StepKind::receive || kind == StepKind::send; }

ordered_json write(const Step& step) {
  ordered_json result{{"kind", name_of(step.kind)}, {"name", step.name}};
  if (has_port(step.kind)) result["port"] = step.port;
  if (has_transfer(step.kind)) {
    result["transfer"] = step.transfer;
    result["peer"] = step.peer;
    if (step.wire != Wire::full) result["wire"] = name_of(step.wire);
  }
  if (step.kind == StepKind::run) result["segment"] = step.segment;
  if (!step.sources.empty()) result["sources"] = write(step.sources);
  if (!step.targets.empty()) result["targets"] = write(step.targets);
  result["after"] = step.after;
  return result;
}

Step read_step(const JsonNode& node, std::size_t buffers, std::size_t segments, std::size_t earlier) {
  node.expect_keys({"kind", "name", "port", "transfer", "peer", "wire", "segment", "sources", "targets", "after"});
  Step step;
  step.kind = read_kind(node.at("kind"));
  step.name = node.at("name").text();
  if (has_port(step.kind)) step.port = node.at("port").index(count_cap);
  if (has_transfer(step.kind)) {
    step.transfer = node.at("transfer").index(count_cap);
    step.peer = node.at("peer").index(count_cap);
    if (node.has("wire")) step.wire = read_wire(node.at("wire"));
  }
  if (step.kind == StepKind::run) step.segment = node.at("segment").index(segments);
  if (node.has("sources")) step.sources = read_views(node.at("sources"), buffers);
  if (node.has("targets")) step.targets = read_views(node.at("targets"), buffers);
  if (!node.at("after").items().empty()) step.after = node.at("after").indices(earlier);
  return step;
}

ordered_json write(const Segment& segment) {
  return {{"name", segment.name},
          {"model", segment.model},
          {"layers", segment.layers},
          {"inputs", segment.inputs},
          {"outputs", segment.outputs}};
}

Segment read_segment(const JsonNode& node) {
  node.expect_keys({"name", "model", "layers", "inputs", "outputs"});
  return {node.at("name").text(), node.at("model").text(), node.at("layers").texts(), node.at("inputs").texts(),
          node.at("outputs").texts()};
}

ordered_json write(const Lane& lane) {
  ordered_json result{{"replica", lane.replica}, {"buffers", ordered_json::array()}, {"steps", ordered_json::array()}};
  for (const Buffer& buffer : lane.buffers) result["buffers"].push_back(write(buffer));
  for (const Step& step : lane.steps) result["steps"].push_back(write(step));
  return result;
}

Lane read_lane(const JsonNode& node, std::size_t segments) {
  node.expect_keys({"replica", "buffers", "steps"});
  Lane lane;
  lane.replica = node.at("replica").index(count_cap);
  const auto buffers = node.at("buffers").items();
  for (const JsonNode& item : buffers) lane.buffers.push_back(read_buffer(item, buffers.size()));
  for (const JsonNode& item : node.at("steps").items())
    lane.steps.push_back(read_step(item, lane.buffers.size(), segments, lane.steps.size()));
  return lane;
}

ordered_json write(const Port& port) {
  return {{"name", port.name}, {"type", to_string(port.tensor.type)}, {"shape", port.tensor.shape}};
}

Port read_port(const JsonNode& node) {
  node.expect_keys({"name", "type", "shape"});
  Port port{node.at("name").text(), {read_type(node.at("type")), node.at("shape").integers(1, extent_cap)}};
  const auto elements = element_count(port.tensor.shape);
  if (!elements || *elements > extent_cap) node.fail("is a tensor of too many elements");
  return port;
}

Replica read_replica(const JsonNode& node, std::size_t devices) {
  node.expect_keys({"share", "frames_in_flight", "sources", "sink"});
  return {node.at("share").integer(1, 1'000'000),
          static_cast<std::size_t>(node.at("frames_in_flight").integer(1, 4096)), node.at("sources").indices(devices),
          node.at("sink").index(devices)};
}

void expect_format(const JsonNode& node, const std::string& format) {
  const std::string found = node.at("dse").text();
  if (found != format) node.fail("is of format '" + printable(found, 40) + "'; this version reads '" + format + "'");
}

}  // namespace

std::string to_json(const Program& program) {
  ordered_json result{{"dse", "program/1"},
                      {"device", program.device},
                      {"index", program.index},
                      {"threads", program.threads},
                      {"execution_provider", program.execution_provider},
                      {"segments", ordered_json::array()},
                      {"lanes", ordered_json::array()}};
  for (const Segment& segment : program.segments) result["segments"].push_back(write(segment));
  for (const Lane& lane : program.lanes) result["lanes"].push_back(write(lane));
  return dump_json(result, 1);
}

std::string to_json(const Deployment& deployment) {
  ordered_json result{{"dse", "deployment/1"},
                      {"devices", deployment.devices},
                      {"inputs", ordered_json::array()},
                      {"outputs", ordered_json::array()},
                      {"replicas", ordered_json::array()},
                      {"transfers", deployment.transfers}};
  for (const Port& port : deployment.inputs) result["inputs"].push_back(write(port));
  for (const Port& port : deployment.outputs) result["outputs"].push_back(write(port));
  for (const Replica& replica : deployment.replicas)
    result["replicas"].push_back({{"share", replica.share},
                                  {"frames_in_flight", replica.frames_in_flight},
                                  {"sources", replica.sources},
                                  {"sink", replica.sink}});
  return dump_json(result, 1);
}

Program program_from_json(const std::string& text, const std::string& path) {
  const nlohmann::json document = parse_json(text, path, code);
  const JsonNode root(document, path, code);
  root.expect_keys({"dse", "device", "index", "threads", "execution_provider", "segments", "lanes"});
  expect_format(root, "program/1");
  Program program;
  program.device = root.at("device").text();
  program.index = root.at("index").index(count_cap);
  program.threads = static_cast<int>(root.at("threads").integer(1, 4096));
  program.execution_provider = root.at("execution_provider").text(64);
  for (const JsonNode& item : root.at("segments").items()) program.segments.push_back(read_segment(item));
  for (const JsonNode& item : root.at("lanes").items())
    program.lanes.push_back(read_lane(item, program.segments.size()));
  return program;
}

Deployment deployment_from_json(const std::string& text, const std::string& path) {
  const nlohmann::json document = parse_json(text, path, code);
  const JsonNode root(document, path, code);
  root.expect_keys({"dse", "devices", "inputs", "outputs", "replicas", "transfers"});
  expect_format(root, "deployment/1");
  Deployment deployment;
  deployment.devices = root.at("devices").texts();
  for (const JsonNode& item : root.at("inputs").items()) deployment.inputs.push_back(read_port(item));
  for (const JsonNode& item : root.at("outputs").items()) deployment.outputs.push_back(read_port(item));
  for (const JsonNode& item : root.at("replicas").items())
    deployment.replicas.push_back(read_replica(item, deployment.devices.size()));
  deployment.transfers = root.at("transfers").index(count_cap);
  return deployment;
}

}  // namespace dse::program
