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
  by_value_.reserve(values());
  const auto add_value = [&](const ValueId& value) {
    by_value_.emplace_back(value, std::span(holdings_).subspan(by_value_.size() * devices_, devices_), deliveries_);
  };
  for (TensorId tensor = 0; tensor < network.tensors().size(); ++tensor) add_value(tensor_value(tensor));
  for (LayerId layer = 0; layer + 1 < first_partial_.size(); ++layer)
    for (std::size_t part = 0; part < first_partial_[layer + 1] - first_partial_[layer]; ++part)
      add_value(partial_value(layer, part));
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const ValuePort& port : parts[i].outputs)
      by_value_[number(port.value)].own(parts[i].device, first_part_ + i, port.box, parts[i].wire);
  for (const Part& part : parts)
    for (const ValuePort& port : part.inputs) by_value_[number(port.value)].read(part.device, port.box);
  for (const TensorId output : network_.outputs())
    by_value_[output].read(platform_.output, Box::whole(network_.tensors()[output].tensor.shape));
  for (const TensorId input : network_.inputs()) by_value_[input].enter(network_, platform_);
  for (ValueHoldings& value : by_value_) value.settle(network_);
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

void ValueHoldings::own(std::size_t device, PartId part, const Box& box, Wire wire) {
  Holding& holding = holdings_[device];
  holding.own = part;
  holding.own_box = box;
  holding.wire = wire;
  makers_.push_back(device);
}

// Clusters stay disjoint: one that grows swallows those that it meets.
void ValueHoldings::read(std::size_t device, const Box& box) {
  Holding& holding = holdings_[device];
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

void ValueHoldings::enter_at(std::size_t device, const Box& box) {
  Holding& holding = holdings_[device];
  holding.source = true;
  holding.own_box = box;
  for (Cluster& cluster : holding.clusters) cluster.in_own = true;
  makers_.push_back(device);
}

void ValueHoldings::enter(const Network& network, const Platform& platform) {
  if (!platform.input_everywhere)
    return enter_at(platform.input, Box::whole(network.tensors()[value_.index].tensor.shape));
  for (std::size_t device = 0; device < holdings_.size(); ++device) {
    const std::vector<Cluster>& clusters = holdings_[device].clusters;
    if (clusters.empty()) continue;
    Box box = clusters.front().box;
    for (const Cluster& cluster : clusters) box = hull(box, cluster.box);
    enter_at(device, box);
  }
}

void ValueHoldings::settle(const Network& network) {
  for (std::size_t device = 0; device < holdings_.size(); ++device)
    for (std::size_t c = 0; c < holdings_[device].clusters.size(); ++c)
      if (!holdings_[device].clusters[c].in_own) fetch(network, device, c);
}

// "Taken from the device itself, else the owner by share, else the lowest device index that holds it": makers stand in
// the order of the stage's devices.
void ValueHoldings::fetch(const Network& network, std::size_t device, std::size_t index) {
  const Holding& holding = holdings_[device];
  Cluster& cluster = holdings_[device].clusters[index];
  Region missing(cluster.box);
  if (holding.has_own()) {
    cluster.touches_own = !intersect(cluster.box, holding.own_box).empty();
    missing = subtract(missing, Region(holding.own_box));
  }
  for (const std::size_t maker : makers_) {
    if (maker == device || missing.empty()) continue;
    const Region piece = intersect(missing, Region(holdings_[maker].own_box));
    if (piece.empty()) continue;
    const std::size_t id = delivery(maker, device);
    cluster.from.push_back(id);
    for (const Box& box : piece.boxes()) deliveries_[id].pieces.push_back({index, box});
    missing = subtract(missing, piece);
  }
  if (!missing.empty())
    throw Error(ExitCode::internal, "PLAN-MISSING",
                fmt::format("{} of '{}' is read by device {} and computed nowhere", to_string(missing),
                            value_name(network, value_), device));
}

std::size_t ValueHoldings::delivery(std::size_t from, std::size_t to) {
  Holding& sender = holdings_[from];
  std::vector<std::size_t>& sent = sender.sent;
  for (const std::size_t id : sent)
    if (deliveries_[id].to == to) return id;
  deliveries_.push_back({value_, from, to, sender.wire, {}});
  sent.push_back(deliveries_.size() - 1);
  return sent.back();
}

std::size_t ValueHoldings::cluster_index(std::size_t device, const Box& box) const {
  const std::vector<Cluster>& clusters = holdings_[device].clusters;
  for (std::size_t c = 0; c < clusters.size(); ++c)
    if (clusters[c].box.contains(box)) return c;
  throw Error(ExitCode::internal, "PLAN-MISSING", "a part reads a box that no cluster holds");
}

std::size_t Holdings::cluster_index(const ValueId& value, std::size_t device, const Box& box) {
  return by_value_[number(value)].cluster_index(device, box);
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
