// Mappings as YAML and JSON: one document in two notations. JSON is a subset of YAML, so both go through the YAML door;
// JSON text is first held to JSON's own grammar.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/suggest.hpp"
#include "partition/mapping.hpp"
#include "partition/mapping_check.hpp"
#include "platform/yaml_door.hpp"

namespace dse {
namespace {

using yaml::Value;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t file_cap = 16u << 20;

class Reader {
 public:
  Reader(const Network& network, const Platform& platform) : network_(network), platform_(platform) {}

  Mapping read(const Value& root) {
    root.allow_keys({"dse", "frames_in_flight", "replicas"});
    Mapping mapping;
    if (const auto frames = root.find("frames_in_flight"))
      mapping.frames_in_flight = static_cast<int>(frames->integer(0, 1024));
    const Value list = root.at("replicas");
    if (list.items().empty()) list.fail("MAPPING-REPLICAS", "no replicas; a mapping has at least one");
    for (const Value& item : list.items()) mapping.replicas.push_back(read_replica(item));
    check(mapping, network_, platform_, [&](std::size_t replica, std::optional<std::size_t> stage) {
      return stage ? stages_[replica][*stage] : replicas_[replica];
    });
    return canonical(std::move(mapping));
  }

 private:
  ReplicaMapping read_replica(const Value& map) {
    map.allow_keys({"share", "stages"});
    replicas_.push_back(map.place());
    stages_.emplace_back();
    ReplicaMapping replica;
    if (const auto share = map.find("share")) replica.share = share->integer(1, 1'000'000);
    for (const Value& item : map.at("stages").items()) {
      stages_.back().push_back(item.place());
      replica.stages.push_back(read_stage(item));
    }
    return replica;
  }

  Stage read_stage(const Value& map) {
    map.allow_keys({"layers", "only", "devices", "split", "shares", "halo", "threads", "wire"});
    Stage stage;
    stage.layers = read_layers(map);
    for (const Value& item : map.at("devices").items()) stage.devices.push_back(device(item));
    if (const auto split = map.find("split")) stage.split = static_cast<Split>(split->choice(split_names));
    if (const auto halo = map.find("halo")) stage.halo = static_cast<Halo>(halo->choice(halo_names));
    if (const auto wire = map.find("wire")) stage.wire = static_cast<Wire>(wire->choice(wire_names));
    if (const auto threads = map.find("threads")) stage.threads = static_cast<int>(threads->integer(0, 4096));
    if (const auto shares = map.find("shares")) stage.shares = read_shares(*shares, stage.devices.size());
    return stage;
  }

  static std::vector<std::int64_t> read_shares(const Value& list, std::size_t devices) {
    std::vector<std::int64_t> shares;
    for (const Value& item : list.items()) shares.push_back(item.integer(1, 1'000'000));
    if (shares.size() != devices)
      list.fail("MAPPING-SHARES", fmt::format("{} shares for {} devices; give one a device", shares.size(), devices));
    return shares;
  }

  std::vector<LayerId> read_layers(const Value& map) const {
    const auto range = map.find("layers"), names = map.find("only");
    if (range && names) names->fail("MAPPING-LAYERS", "a stage has either 'layers' or 'only', not both");
    if (!range && !names) map.fail("YAML-MISSING", "the stage needs 'layers: [first, last]' or 'only: [names]'");
    return range ? read_range(*range) : read_names(*names);
  }

  std::vector<LayerId> read_range(const Value& list) const {
    const auto ends = list.items();
    if (ends.size() != 2)
      list.fail(
          "MAPPING-LAYERS",
          fmt::format("'layers' is a range [first, last], found {} names; list single layers in 'only'", ends.size()));
    const LayerId first = layer(ends[0]), last = layer(ends[1]);
    if (last < first)
      list.fail("MAPPING-LAYERS", fmt::format("'{}' comes after '{}' in the network's order; swap them",
                                              network_.layers()[first].name, network_.layers()[last].name));
    std::vector<LayerId> layers;
    for (LayerId id = first; id <= last; ++id) layers.push_back(id);
    return layers;
  }

  std::vector<LayerId> read_names(const Value& list) const {
    std::vector<bool> seen(network_.layers().size());
    for (const Value& item : list.items()) {
      const LayerId id = layer(item);
      if (seen[id])
        item.fail("MAPPING-LAYER-TWICE", fmt::format("layer '{}' stands twice in 'only'", network_.layers()[id].name));
      seen[id] = true;
    }
    std::vector<LayerId> layers;
    for (LayerId id = 0; id < seen.size(); ++id)
      if (seen[id]) layers.push_back(id);
    return layers;
  }

  LayerId layer(const Value& value) const {
    const std::string name = value.scalar_text();
    if (const auto id = network_.layer_named(name)) return *id;
    std::vector<std::string> names;
    for (const Layer& known : network_.layers()) names.push_back(known.name);
    value.fail("MAPPING-LAYER",
               fmt::format("the network has no layer '{}'{}", printable(name, 60), suggestion(name, names)));
  }

  std::size_t device(const Value& value) const {
    const std::string name = value.scalar_text();
    if (const auto id = platform_.device_named(name)) return *id;
    std::vector<std::string> names;
    for (const Device& known : platform_.devices) names.push_back(known.name);
    value.fail("MAPPING-DEVICE",
               fmt::format("the platform has no device '{}'{}", printable(name, 60), suggestion(name, names)));
  }

  const Network& network_;
  const Platform& platform_;
  std::vector<Place> replicas_;
  std::vector<std::vector<Place>> stages_;
};

bool is_range(const std::vector<LayerId>& layers) {
  return !layers.empty() && layers.back() - layers.front() + 1 == layers.size();
}

// The document both notations write; what has its default value is left out, so that equal mappings have equal text.
Json document(const Mapping& mapping, const Network& network, const Platform& platform) {
  Json replicas = Json::array();
  for (const ReplicaMapping& replica : canonical(mapping).replicas) {
    Json stages = Json::array();
    for (const Stage& stage : replica.stages) {
      Json one;
      const auto name = [&](LayerId id) { return network.layers().at(id).name; };
      if (is_range(stage.layers)) {
        one["layers"] = {name(stage.layers.front()), name(stage.layers.back())};
      } else {
        one["only"] = Json::array();
        for (const LayerId id : stage.layers) one["only"].push_back(name(id));
      }
      one["devices"] = Json::array();
      for (const std::size_t id : stage.devices) one["devices"].push_back(platform.devices.at(id).name);
      if (stage.split != Split::none) one["split"] = split_names[static_cast<std::size_t>(stage.split)];
      if (!stage.shares.empty()) one["shares"] = stage.shares;
      if (stage.halo != Halo::exchange) one["halo"] = halo_names[static_cast<std::size_t>(stage.halo)];
      if (stage.threads != 0) one["threads"] = stage.threads;
      if (stage.wire != Wire::full) one["wire"] = wire_names[static_cast<std::size_t>(stage.wire)];
      stages.push_back(std::move(one));
    }
    replicas.push_back(Json{{"share", replica.share}, {"stages", std::move(stages)}});
  }
  Json root{{"dse", "mapping/1"}};
  if (mapping.frames_in_flight != 0) root["frames_in_flight"] = mapping.frames_in_flight;
  root["replicas"] = std::move(replicas);
  return root;
}

// A scalar or list of scalars in YAML's flow notation.
std::string flow(const Json& value) {
  if (value.is_string()) return yaml::quote(value.get<std::string>());
  if (!value.is_array()) return value.dump();
  std::vector<std::string> items;
  for (const Json& item : value) items.push_back(flow(item));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

}  // namespace

Mapping read_mapping(const fs::path& path, const Network& network, const Platform& platform) {
  return parse_mapping(read_text(path, file_cap), path.string(), network, platform);
}

Mapping parse_mapping(const std::string& text, const std::string& path, const Network& network,
                      const Platform& platform) {
  return Reader(network, platform).read(yaml::parse_format(text, path, "mapping", 1));
}

std::string to_yaml(const Mapping& mapping, const Network& network, const Platform& platform) {
  const Json root = document(mapping, network, platform);
  std::string out = "dse: mapping/1\n";
  if (root.contains("frames_in_flight")) out += fmt::format("frames_in_flight: {}\n", flow(root["frames_in_flight"]));
  out += "replicas:\n";
  for (const Json& replica : root["replicas"]) {
    out += fmt::format("  - share: {}\n    stages:\n", flow(replica["share"]));
    for (const Json& stage : replica["stages"]) {
      std::vector<std::string> entries;
      for (const auto& [key, value] : stage.items()) entries.push_back(fmt::format("{}: {}", key, flow(value)));
      out += fmt::format("      - {{{}}}\n", fmt::join(entries, ", "));
    }
  }
  return out;
}

std::string to_json(const Mapping& mapping, const Network& network, const Platform& platform) {
  return document(mapping, network, platform).dump();
}

Mapping mapping_from_json(const std::string& text, const std::string& where, const Network& network,
                          const Platform& platform) {
  if (!Json::accept(text))
    throw Error(ExitCode::bad_input, "MAPPING-JSON", Place{where, 0, 0}, "the mapping is not JSON");
  return parse_mapping(text, where, network, platform);
}

}  // namespace dse
