// The split shapes that the search may ask for: which are measured, and what a profile keeps of them.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "estimator/calibration.hpp"
#include "estimator/costs.hpp"
#include "estimator/part_curve.hpp"

namespace dse {
namespace {

// Layers that together make most of the time, by what a generic device would take: nothing is measured yet.
std::vector<LayerId> heavy_layers(const Network& network) {
  constexpr double most_of_the_time = 0.9;
  constexpr std::size_t most_layers = 24;
  // Their slices would have to be stored several times; what they cost goes by their bytes, as the class' model has it.
  constexpr std::int64_t most_weight_bytes = 32 << 20;
  const DeviceProfile generic = generic_profile(1);
  std::map<std::string, double> by_signature;
  std::vector<LayerId> first;
  double all = 0;
  for (LayerId id = 0; id < network.layers().size(); ++id) {
    const Layer& layer = network.layers()[id];
    const double seconds = layer_cost(network, layer, generic, 1).seconds;
    const auto [at, fresh] = by_signature.try_emplace(layer.signature, 0);
    at->second += seconds;
    all += seconds;
    if (fresh) first.push_back(id);
  }
  const auto seconds_of = [&](LayerId id) { return by_signature.at(network.layers()[id].signature); };
  std::stable_sort(first.begin(), first.end(), [&](LayerId a, LayerId b) { return seconds_of(a) > seconds_of(b); });
  std::vector<LayerId> heavy;
  double sum = 0;
  for (const LayerId id : first) {
    if (sum >= most_of_the_time * all || heavy.size() == most_layers) break;
    sum += seconds_of(id);
    if (network.layers()[id].weight_bytes <= most_weight_bytes) heavy.push_back(id);
  }
  return heavy;
}

Platform equal_devices(std::size_t count) {
  Platform platform;
  Link link;
  for (std::size_t d = 0; d < count; ++d) {
    Device device;
    device.name = "part" + std::to_string(d);
    device.host = "localhost";
    device.profile = std::make_shared<const DeviceProfile>(generic_profile(1));
    platform.devices.push_back(std::move(device));
    link.members.push_back(d);
  }
  platform.links.push_back(std::move(link));
  return platform;
}

double edge_bytes(const Network& network, const std::vector<ValuePort>& ports, Port how) {
  double bytes = 0;
  for (const ValuePort& port : ports) {
    if (port.value.kind != ValueId::Kind::tensor) continue;
    const NetworkTensor& tensor = network.tensors()[port.value.index];
    if (tensor.producer && !tensor.is_output) bytes += relaid_bytes(network, port, how);
  }
  return bytes;
}

const GroupTime* alone(const NetworkTimes& times, LayerId layer, const CalibrationGroup** group) {
  constexpr std::size_t every_layer_alone = 1;  // of the plan's chains
  const auto& chain = times.plan->chains[every_layer_alone];
  for (std::size_t g = 0; g < chain.size(); ++g)
    if (chain[g].layers == std::vector<LayerId>{layer}) {
      *group = &chain[g];
      return &times.chains[every_layer_alone][g];
    }
  return nullptr;
}

// Leaving out, of every curve, one fraction between two others.
double interpolation_error(const DeviceProfile& profile) {
  std::vector<double> errors;
  for (const PartMeasurement& left_out : profile.parts) {
    std::vector<CurvePoint> others;
    bool smaller = false;
    for (const PartMeasurement& part : profile.parts) {
      if (part.signature != left_out.signature || part.axis != left_out.axis || part.threads != left_out.threads ||
          part.fraction == left_out.fraction)
        continue;
      smaller = smaller || part.fraction < left_out.fraction;
      others.push_back({part.fraction, part.seconds});
    }
    const KernelMeasurement* whole = profile.find(left_out.signature, left_out.threads);
    if (!smaller || whole == nullptr) continue;
    const double between = PartCurve(std::move(others), whole->seconds).seconds(left_out.fraction);
    errors.push_back(std::abs(between / left_out.seconds - 1));
  }
  if (errors.empty()) return 0;
  const auto middle = errors.begin() + std::ssize(errors) / 2;
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

}  // namespace

std::vector<CalibrationPart> plan_parts(const Network& network) {
  std::vector<CalibrationPart> result;
  const std::vector<LayerId> heavy = heavy_layers(network);
  std::vector<LayerId> all(network.layers().size());
  for (LayerId id = 0; id < all.size(); ++id) all[id] = id;
  std::set<std::pair<std::string, std::pair<PartAxis, double>>> seen;
  for (const std::size_t devices : {2U, 3U, 4U}) {
    const Platform platform = equal_devices(devices);
    for (const Split split : {Split::channels, Split::inputs, Split::rows}) {
      Stage stage;
      stage.layers = all;
      for (std::size_t d = 0; d < devices; ++d) stage.devices.push_back(d);
      stage.split = split;
      Mapping mapping;
      mapping.replicas.push_back({1, {stage}});
      const Plan plan = lower(network, platform, mapping);
      for (const LayerId layer : heavy)
        for (const Part& part : plan.parts) {
          // The second device's: of three and more it has neighbours on both sides.
          if (part.layer != layer || part.device != 1 || part.work.kind == PartKind::reduce) continue;
          if (part.fraction <= 0 || part.fraction >= 1) continue;
          const PartAxis axis = part_axis(network, part);
          if (!seen.insert({network.layers()[layer].signature, {axis, part.fraction}}).second) continue;
          const LayerFeatures of = part_features(network, part);
          result.push_back(
              {layer, axis, part.fraction, part.work, part.inputs, part.outputs, of.work, of.bytes,
               edge_bytes(network, part.inputs, Port::read) + edge_bytes(network, part.outputs, Port::made)});
        }
    }
  }
  return result;
}

void fit_parts(const NetworkTimes& times, DeviceProfile& profile) {
  for (std::size_t i = 0; i < times.parts.size(); ++i) {
    const CalibrationPart& part = times.plan->parts[i];
    const GroupTime& time = times.parts[i];
    const Layer& layer = times.network->layers()[part.layer];
    const KernelMeasurement* whole = profile.find(layer.signature, times.threads);
    const CalibrationGroup* group = nullptr;
    const GroupTime* whole_time = alone(times, part.layer, &group);
    if (whole == nullptr || whole_time == nullptr || time.seconds <= 0) continue;
    const auto without_edges = [&](double seconds, double edges) {
      return seconds - profile.run_overhead_seconds - profile.cut_seconds_per_byte * edges;
    };
    const double of_whole = without_edges(whole_time->seconds, group->cut_bytes);
    const double of_part = without_edges(time.seconds, part.edge_bytes);
    // What is less than its edges cannot be told from them.
    if (of_whole <= 0 || of_part <= 0) continue;
    profile.parts.push_back({layer.signature, std::string(to_string(layer.op_class)), part.axis, times.threads,
                             part.fraction, whole->seconds * of_part / of_whole, time.spread, time.samples, part.macs,
                             part.bytes});
  }
}

void judge_parts(DeviceProfile& profile) { profile.part_error = interpolation_error(profile); }

}  // namespace dse
