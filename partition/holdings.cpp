#include "partition/holdings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace dse::lowering {
namespace {

bool belong_together(const Box& a, const Box& b) {
  return !intersect(a, b).empty() || hull(a, b).elements() == a.elements() + b.elements();
}

}  // namespace

Holdings::Holdings(const Network& network, const Platform& platform, const std::vector<Part>& parts,
                   std::size_t first_part)
    : network_(network), platform_(platform), first_part_(first_part), devices_(platform.devices.size()) {
  number_partials(parts);
  holdings_.resize(values() * devices_);
  makers_.resize(values());
  add_own(parts);
  add_reads(parts);
  enter_inputs();
  for (TensorId tensor = 0; tensor < network.tensors().size(); ++tensor) settle(tensor_value(tensor));
  for (LayerId layer = 0; layer + 1 < first_partial_.size(); ++layer)
    for (std::size_t part = 0; part < first_partial_[layer + 1] - first_partial_[layer]; ++part)
      settle(partial_value(layer, part));
}

void Holdings::number_partials(const std::vector<Part>& parts) {
  std::vector<std::size_t> counts(network_.layers().size(), 0);
  for (const Part& part : parts)
    if (part.work.kind == PartKind::partial) counts[part.layer] = std::max(counts[part.layer], part.work.part + 1);
  first_partial_.push_back(network_.tensors().size());
  for (const std::size_t count : counts) first_partial_.push_back(first_partial_.back() + count);
}

std::size_t Holdings::number(const ValueId& value) const {
  return value.kind == ValueId::Kind::tensor ? value.index : first_partial_[value.index] + value.part;
}

void Holdings::add_own(const std::vector<Part>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const ValuePort& port : parts[i].outputs) {
      Holding& holding = at(port.value, parts[i].device);
      holding.own = first_part_ + i;
      holding.own_box = port.box;
      holding.wire = parts[i].wire;
      makers_[number(port.value)].push_back(parts[i].device);
    }
}

void Holdings::add_reads(const std::vector<Part>& parts) {
  for (const Part& part : parts)
    for (const ValuePort& port : part.inputs) add_read(port.value, part.device, port.box);
  for (const TensorId output : network_.outputs())
    add_read(tensor_value(output), platform_.output, Box::whole(network_.tensors()[output].tensor.shape));
}

// Clusters stay disjoint: one that grows swallows those that it meets.
void Holdings::add_read(const ValueId& value, std::size_t device, const Box& box) {
  Holding& holding = at(value, device);
  if (holding.own && holding.own_box.contains(box)) {
    for (const Cluster& known : holding.clusters)
      if (known.box == box) return;
    holding.clusters.push_back({box, true, true, {}});
    return;
  }
  Cluster grown{box, false, false, {}};
  for (bool met = true; met;) {
    met = false;
    for (auto known = holding.clusters.begin(); known != holding.clusters.end() && !met; ++known) {
      if (known->in_own || !belong_together(known->box, grown.box)) continue;
      grown.box = hull(known->box, grown.box);
      holding.clusters.erase(known);
      met = true;
    }
  }
  holding.clusters.push_back(std::move(grown));
}

// A network input enters whole at the source device, or everywhere what is read there.
void Holdings::enter_inputs() {
  for (const TensorId input : network_.inputs()) {
    const ValueId value = tensor_value(input);
    const auto enter = [&](std::size_t device, const Box& box) {
      Holding& holding = at(value, device);
      holding.source = true;
      holding.own_box = box;
      for (Cluster& cluster : holding.clusters) cluster.in_own = true;
      makers_[number(value)].push_back(device);
    };
    if (!platform_.input_everywhere) {
      enter(platform_.input, Box::whole(network_.tensors()[input].tensor.shape));
      continue;
    }
    for (std::size_t device = 0; device < devices_; ++device) {
      const std::vector<Cluster>& clusters = at(value, device).clusters;
      if (clusters.empty()) continue;
      Box box = clusters.front().box;
      for (const Cluster& cluster : clusters) box = hull(box, cluster.box);
      enter(device, box);
    }
  }
}

void Holdings::settle(const ValueId& value) {
  for (std::size_t device = 0; device < devices_; ++device) {
    Holding& holding = at(value, device);
    for (std::size_t c = 0; c < holding.clusters.size(); ++c)
      if (!holding.clusters[c].in_own) fetch(value, device, holding, c);
  }
}

// "Taken from the device itself, else the owner by share, else the lowest device index that holds it": makers stand in
// the order of the stage's devices.
void Holdings::fetch(const ValueId& value, std::size_t device, Holding& holding, std::size_t index) {
  Cluster& cluster = holding.clusters[index];
  Region missing(cluster.box);
  if (holding.has_own()) {
    cluster.touches_own = !intersect(cluster.box, holding.own_box).empty();
    missing = subtract(missing, Region(holding.own_box));
  }
  for (const std::size_t maker : makers_[number(value)]) {
    if (maker == device || missing.empty()) continue;
    const Region piece = intersect(missing, Region(at(value, maker).own_box));
    if (piece.empty()) continue;
    const std::size_t id = delivery(value, maker, device);
    cluster.from.push_back(id);
    for (const Box& box : piece.boxes()) deliveries_[id].pieces.push_back({index, box});
    missing = subtract(missing, piece);
  }
  if (!missing.empty())
    throw Error(ExitCode::internal, "PLAN-MISSING",
                fmt::format("{} of '{}' is read by device {} and computed nowhere", to_string(missing),
                            value_name(network_, value), device));
}

std::size_t Holdings::delivery(const ValueId& value, std::size_t from, std::size_t to) {
  Holding& sender = at(value, from);
  std::vector<std::size_t>& sent = sender.sent;
  for (const std::size_t id : sent)
    if (deliveries_[id].to == to) return id;
  deliveries_.push_back({value, from, to, sender.wire, {}});
  sent.push_back(deliveries_.size() - 1);
  return sent.back();
}

std::size_t Holdings::cluster_index(const ValueId& value, std::size_t device, const Box& box) {
  const std::vector<Cluster>& clusters = at(value, device).clusters;
  for (std::size_t c = 0; c < clusters.size(); ++c)
    if (clusters[c].box.contains(box)) return c;
  throw Error(ExitCode::internal, "PLAN-MISSING", "a part reads a box that no cluster holds");
}

const Cluster& Holdings::cluster_of(const ValueId& value, std::size_t device, const Box& box) {
  return at(value, device).clusters[cluster_index(value, device, box)];
}

std::vector<PartId> Holdings::sources(const Part& part) {
  std::vector<PartId> result;
  for (const ValuePort& port : part.inputs) {
    const Holding& holding = at(port.value, part.device);
    const Cluster& cluster = cluster_of(port.value, part.device, port.box);
    if (holding.own && (cluster.in_own || cluster.touches_own)) result.push_back(*holding.own);
    for (const std::size_t id : cluster.from)
      if (const auto maker = at(port.value, deliveries_[id].from).own) result.push_back(*maker);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::vector<bool> Holdings::read(const std::vector<Part>& parts) {
  std::vector<bool> result(parts.size(), false);
  const auto mark_sources = [&](const Part& reader) {
    for (const PartId source : sources(reader)) result[source - first_part_] = true;
  };
  Part sink;
  sink.device = platform_.output;
  for (const TensorId output : network_.outputs())
    sink.inputs.push_back({tensor_value(output), Box::whole(network_.tensors()[output].tensor.shape)});
  mark_sources(sink);
  for (std::size_t part = parts.size(); part-- > 0;)  // readers come after what they read
    if (result[part]) mark_sources(parts[part]);
  return result;
}

}  // namespace dse::lowering
