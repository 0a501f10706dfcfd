#include "partition/placed_layers.hpp"

#include <algorithm>

namespace dse::lowering {
namespace {

constexpr std::size_t shard_count = 64;
// Ways kept by a shard: beyond that they are found again every time.
constexpr std::size_t most_ways = 4096;

std::int64_t size_of(const Network& network, const ValueId& value) {
  return static_cast<std::int64_t>(element_size(value_type(network, value).type));
}

std::uint64_t next_placed_layers_id() {
  static std::atomic<std::uint64_t> next{1};
  return next++;
}

// A value's holdings and deliveries, as ValueHoldings leaves them, made into a way.
class WayBuilder {
 public:
  WayBuilder(const Network& network, const ValueId& value, const std::vector<Holding>& by_device,
             const std::vector<Delivery>& deliveries)
      : network_(network),
        value_(value),
        by_device_(by_device),
        deliveries_(deliveries),
        holding_of_(by_device.size(), nobody) {}

  ValueWay run() {
    for (std::size_t device = 0; device < by_device_.size(); ++device)
      if (by_device_[device].has_own() || !by_device_[device].clusters.empty()) add_holding(device);
    for (const Delivery& delivery : deliveries_) add_delivery(delivery);
    return std::move(way_);
  }

  std::size_t holding_of(std::size_t device) const { return holding_of_[device]; }

 private:
  void add_holding(std::size_t device) {
    const Holding& from = by_device_[device];
    holding_of_[device] = way_.holdings.size();
    ValueWay::Holding& to = way_.holdings.emplace_back();
    to.device = device;
    to.own = from.own.value_or(nobody);
    to.source = from.source;
    to.sent = from.sent;
    first_cluster_.push_back(way_.clusters.size());
    if (from.has_own()) {
      to.own_elements = from.own_box.elements();
      to.own_bytes = to.own_elements * size_of(network_, value_);
      for (std::size_t c = 0; c < from.clusters.size() && to.own_in == nobody; ++c)
        if (!from.clusters[c].in_own && from.clusters[c].box.contains(from.own_box) &&
            program::contiguous_in(from.own_box, from.clusters[c].box))
          to.own_in = c;
    }
    const Box& own_buffer = to.own_in == nobody ? from.own_box : from.clusters[to.own_in].box;
    if (to.own_in != nobody) to.own_in += way_.clusters.size();
    std::vector<Box> views;
    for (const lowering::Cluster& cluster : from.clusters) {
      const bool bound_whole = cluster.in_own && !program::contiguous_in(cluster.box, own_buffer);
      views.push_back(bound_whole ? from.own_box : cluster.box);
      const auto alike = std::find(views.begin(), views.end(), views.back()) - views.begin();
      ValueWay::Cluster made;
      made.bytes = cluster.box.elements() * size_of(network_, value_);
      made.in_own = cluster.in_own;
      made.touches_own = cluster.touches_own;
      if (from.has_own()) made.own_bytes = intersect(from.own_box, cluster.box).elements() * size_of(network_, value_);
      made.view_elements = views.back().elements();
      made.view = first_cluster_.back() + static_cast<std::size_t>(alike);
      made.from = cluster.from;
      to.clusters.push_back(way_.clusters.size());
      way_.clusters.push_back(std::move(made));
    }
  }

  void add_delivery(const Delivery& from) {
    const DataType type = value_type(network_, value_).type;
    ValueWay::Delivery to;
    to.from = holding_of_[from.from];
    to.to = holding_of_[from.to];
    to.wire = from.wire;
    to.shortened = program::shortens(from.wire, type);
    for (const Delivery::Piece& piece : from.pieces) {
      to.bytes += program::wire_bytes(from.wire, type, piece.box.elements());
      to.clusters.push_back(first_cluster_[to.to] + piece.cluster);
    }
    if (from.pieces.size() == 1) {
      const Box& box = from.pieces.front().box;
      const Holding& sender = by_device_[from.from];
      const std::size_t own_in = way_.holdings[to.from].own_in;
      const Box& sent_from = own_in == nobody ? sender.own_box : sender.clusters[own_in - first_cluster_[to.from]].box;
      to.whole_to_send = program::contiguous_in(box, sent_from);
      to.whole_to_receive = program::contiguous_in(box, by_device_[from.to].clusters[from.pieces.front().cluster].box);
    }
    way_.deliveries.push_back(std::move(to));
  }

  const Network& network_;
  const ValueId& value_;
  const std::vector<Holding>& by_device_;
  const std::vector<Delivery>& deliveries_;
  std::vector<std::size_t> holding_of_, first_cluster_;  // by device; by holding
  ValueWay way_;
};

}  // namespace

PlacedLayers::Kind::~Kind() {
  for (const std::atomic<const PlacedLayer*>& placed : placed_) delete placed.load();
}

PlacedLayers::PlacedLayers(const Network& network, const Platform& platform,
                           std::function<PartNote(const Part&, int)> note)
    : id_(next_placed_layers_id()),
      network_(network),
      platform_(platform),
      note_(std::move(note)),
      roles_(axis_roles(network)),
      shards_(shard_count) {
  for (LayerId layer = 0; layer < network.layers().size(); ++layer)
    multiples_.push_back(channel_granularity(network, roles_, layer));
}

PlacedLayers::Kind& PlacedLayers::kind_of(const Stage& stage) {
  StageKind of{stage.devices, stage.split, stage.shares, stage.halo, stage.wire, stage.threads, {}, 0};
  if (stage.split == Split::none || stage.split == Split::rows || stage.split == Split::tiles ||
      stage.split == Split::batch) {
    if (stage.split != Split::none && stage.halo == Halo::recompute) of.end = stage.layers.back() + 1;
  } else {
    const Granularities granularity = granularities(network_, roles_, multiples_, stage.layers);
    of.granularities.assign(granularity.begin(), granularity.end());
    if (stage.halo == Halo::recompute) of.end = stage.layers.back() + 1;
  }
  {
    const std::shared_lock lock(kinds_mutex_);
    const auto known = kinds_.find(of);
    if (known != kinds_.end()) return *known->second;
  }
  const std::unique_lock lock(kinds_mutex_);
  std::unique_ptr<Kind>& kind = kinds_[of];
  if (!kind) kind = std::make_unique<Kind>(of, network_.layers().size());
  return *kind;
}

const PlacedLayer& PlacedLayers::at(Kind& kind, LayerId layer) {
  std::atomic<const PlacedLayer*>& place = kind.placed_[layer];
  if (const PlacedLayer* known = place.load(std::memory_order_acquire)) return *known;
  const std::lock_guard lock(kind.making_);
  if (const PlacedLayer* known = place.load(std::memory_order_acquire)) return *known;
  const StageKind& of = kind.of_;
  Stage stage{{layer}, of.devices, of.split, of.shares, of.halo, 0, of.wire};
  const auto keep = [&](LayerId l, std::vector<Part> parts) {
    kind.placed_[l].store(make(std::move(parts), of.threads).release(), std::memory_order_release);
  };
  if (of.split == Split::none) {
    std::vector<Part> parts{make_part(network_, 0, of.devices.front(), whole_work(network_, layer))};
    parts.front().wire = of.wire;
    keep(layer, std::move(parts));
  } else if (of.end == 0) {
    keep(layer, split_layer(network_, roles_, stage, layer, {of.granularities.begin(), of.granularities.end()}));
  } else {
    stage.layers.resize(of.end);
    for (LayerId l = 0; l < of.end; ++l) stage.layers[l] = l;
    for (auto& [l, parts] : split_stage(network_, roles_, stage)) keep(l, std::move(parts));
  }
  return *place.load(std::memory_order_acquire);
}

std::unique_ptr<PlacedLayer> PlacedLayers::make(std::vector<Part> parts, int threads) {
  auto made = std::make_unique<PlacedLayer>();
  made->id = next_id_++;
  std::size_t partials = 0;
  for (Part& part : parts) {
    if (part.work.kind == PartKind::partial) partials = std::max(partials, part.work.part + 1);
    made->facts.push_back(facts_of(network_, part));
    PlacedPart placed{std::move(part), {}, next_id_++};
    placed.note = note_(placed.part, threads > 0 ? threads : platform_.devices[placed.part.device].cores);
    made->parts.push_back(std::move(placed));
  }
  find_ports(*made);
  for (std::size_t addend = 0; addend < partials; ++addend)
    made->partials.push_back(find_way(partial_value(made->parts.front().part.layer, addend), made.get(), {made.get()}));
  return made;
}

void PlacedLayers::find_ports(PlacedLayer& layer) const {
  for (const PlacedPart& placed : layer.parts) {
    std::vector<PortPlace>& ports = layer.ports.emplace_back();
    const std::vector<ValuePort>& inputs = placed.part.inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      PortPlace port;
      port.ordinal = static_cast<std::size_t>(
          std::count_if(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](const ValuePort& earlier) { return earlier.value == inputs[i].value; }));
      port.partial = inputs[i].value.kind == ValueId::Kind::partial;
      port.value = port.partial ? inputs[i].value.part : inputs[i].value.index;
      if (!port.partial) {
        const std::vector<LayerId>& consumers = network_.tensors()[port.value].consumers;
        port.reader = static_cast<std::size_t>(std::find(consumers.begin(), consumers.end(), placed.part.layer) -
                                               consumers.begin());
      }
      ports.push_back(port);
    }
  }
}

ValueWay PlacedLayers::find_way(const ValueId& value, const PlacedLayer* producer,
                                const std::vector<const PlacedLayer*>& readers) const {
  std::vector<Holding> by_device(platform_.devices.size());
  std::vector<Delivery> deliveries;
  ValueHoldings holdings(value, by_device, deliveries);
  if (producer != nullptr)
    for (std::size_t p = 0; p < producer->parts.size(); ++p)
      for (const ValuePort& port : producer->parts[p].part.outputs)
        if (port.value == value)
          holdings.own(producer->parts[p].part.device, p, port.box, producer->parts[p].part.wire);
  const auto for_reads = [&](const Part& part, const auto& call) {
    for (const ValuePort& port : part.inputs)
      if (port.value == value) call(port.box);
  };
  for (const PlacedLayer* reader : readers)
    for (const PlacedPart& placed : reader->parts)
      for_reads(placed.part, [&](const Box& box) { holdings.read(placed.part.device, box); });
  const bool is_tensor = value.kind == ValueId::Kind::tensor;
  const bool is_output = is_tensor && network_.tensors()[value.index].is_output;
  const Box whole = Box::whole(value_type(network_, value).shape);
  if (is_output) holdings.read(platform_.output, whole);
  if (is_tensor && producer == nullptr) holdings.enter(network_, platform_);
  holdings.settle(network_);

  WayBuilder builder(network_, value, by_device, deliveries);
  ValueWay way = builder.run();
  const auto cluster_at = [&](std::size_t device, const Box& box) {
    return way.holdings[builder.holding_of(device)].clusters[holdings.cluster_index(device, box)];
  };
  for (const PlacedLayer* reader : readers) {
    auto& of_layer = way.reads.emplace_back();
    for (const PlacedPart& placed : reader->parts) {
      ValueWay::PartReads& reads = of_layer.emplace_back();
      reads.holding = builder.holding_of(placed.part.device);
      for_reads(placed.part, [&](const Box& box) { reads.clusters.push_back(cluster_at(placed.part.device, box)); });
    }
  }
  if (is_output) {
    way.output_holding = builder.holding_of(platform_.output);
    way.output = cluster_at(platform_.output, whole);
  }
  return way;
}

const ValueWay* PlacedLayers::way(TensorId tensor, const PlacedLayer* producer,
                                  const std::vector<const PlacedLayer*>& readers,
                                  std::vector<std::unique_ptr<const ValueWay>>& unkept) {
  MixedKey key(tensor);
  key.add(producer == nullptr ? 0 : producer->id);
  for (const PlacedLayer* reader : readers) key.add(reader->id);
  Shard& shard = shards_[key.second() % shard_count];
  {
    const std::shared_lock lock(shard.mutex);
    const auto known = shard.ways.find(key);
    if (known != shard.ways.end()) return known->second.get();
  }
  auto found = std::make_unique<const ValueWay>(find_way(tensor_value(tensor), producer, readers));
  const std::unique_lock lock(shard.mutex);
  if (shard.ways.size() < most_ways) return shard.ways.try_emplace(key, std::move(found)).first->second.get();
  unkept.push_back(std::move(found));
  return unkept.back().get();
}

}  // namespace dse::lowering
