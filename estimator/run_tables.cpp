#include "estimator/run_tables.hpp"

#include <algorithm>
#include <map>

namespace dse {
namespace {

double element_bytes(DataType type) { return static_cast<double>(element_size(type)); }

bool nest(const std::vector<RunTables::Read>& reads) {
  for (std::size_t a = 0; a < reads.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (!reads[a].box.contains(reads[b].box) && !reads[b].box.contains(reads[a].box)) return false;
  return true;
}

// Bytes of the values that are alive while the layers of a growing run [first, end) compute one after another.
class Live {
 public:
  Live(LayerId first, std::size_t layers) : first_(first), bytes_(layers - first, 0) {}

  // Alive from layer `from` to `last`, both included.
  void add(std::int64_t bytes, LayerId from, LayerId last) {
    for (std::size_t i = from; i <= last; ++i) bytes_[i - first_] += bytes;
  }
  std::int64_t peak(LayerId last) const {
    return *std::max_element(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(last - first_ + 1));
  }

 private:
  LayerId first_;
  std::vector<std::int64_t> bytes_;
};

}  // namespace

RunTables::RunTables(const Network& network, const Platform& platform, const CostTable& costs)
    : network_(network), layers_(network.layers().size()), memory_(new MemoryRow[layers_]) {
  std::vector<Part> parts;
  for (LayerId layer = 0; layer < layers_; ++layer) parts.push_back(whole_part(network, layer));
  add_tensors(parts);
  find_dependencies();
  find_independent_layers();
  work_.assign(1, 0);
  for (const Layer& layer : network.layers())
    work_.push_back(work_.back() + static_cast<double>(layer.macs + layer.operations));
  add_costs(platform, costs);
  add_slices(parts);
  usable_ = usable_ && all_layers_matter();
}

void RunTables::add_tensors(const std::vector<Part>& parts) {
  for (const NetworkTensor& facts : network_.tensors()) {
    Tensor tensor;
    tensor.producer = facts.producer.value_or(none);
    tensor.type = facts.tensor.type;
    tensor.whole = Box::whole(facts.tensor.shape);
    tensor.elements = tensor.whole.elements();
    tensor.is_output = facts.is_output;
    if (facts.is_output && !facts.producer) usable_ = false;
    tensors_.push_back(std::move(tensor));
  }
  for (const Part& part : parts) {
    for (std::size_t position = 0; position < part.inputs.size(); ++position) {
      const ValuePort& port = part.inputs[position];
      Tensor& tensor = tensors_[port.value.index];
      if (!tensor.reads.empty() && tensor.reads.back().layer == part.layer) tensor.nested = false;
      tensor.reads.push_back({part.layer, position, port.box, port.box.elements(), none});
    }
    for (std::size_t position = 0; position < part.outputs.size(); ++position) {
      Tensor& tensor = tensors_[part.outputs[position].value.index];
      tensor.position = position;
      tensor.made_bytes = relaid_bytes(network_, part.outputs[position], Port::made);
      if (part.outputs[position].box != tensor.whole) usable_ = false;
    }
  }
  across_.resize(layers_ + 1);
  for (TensorId id = 0; id < tensors_.size(); ++id) {
    Tensor& tensor = tensors_[id];
    tensor.nested =
        tensor.nested && nest(tensor.reads) && tensor.reads.size() == network_.tensors()[id].consumers.size();
    const ValuePort port{tensor_value(id), tensor.whole};
    if (relaid_bytes(network_, port, Port::read) > 0) tensor.read_element_bytes = element_bytes(tensor.type);
    if (tensor.producer == none || tensor.reads.empty()) continue;
    for (LayerId layer = tensor.producer + 1; layer <= tensor.reads.back().layer; ++layer) across_[layer].push_back(id);
  }
}

void RunTables::find_dependencies() {
  reaches_ = BitMatrix(layers_, layers_);
  for (LayerId layer = layers_; layer-- > 0;) {
    reaches_.set(layer, layer);
    for (const TensorId output : network_.layers()[layer].outputs)
      for (const Read& read : tensors_[output].reads) reaches_.add_row(layer, read.layer);
  }
}

void RunTables::find_independent_layers() {
  for (Tensor& tensor : tensors_) {
    if (tensor.producer == none) continue;
    for (Read& read : tensor.reads)
      for (LayerId layer = tensor.producer + 1; layer < read.layer && read.independent == none; ++layer)
        if (!reaches_.get(layer, read.layer)) read.independent = layer;
  }
}

void RunTables::add_costs(const Platform& platform, const CostTable& costs) {
  std::map<std::pair<const DeviceProfile*, int>, std::size_t> known;
  for (std::size_t d = 0; d < platform.devices.size(); ++d) {
    const Device& device = platform.devices[d];
    most_threads_.push_back(device.cores);
    const auto [entry, fresh] = known.try_emplace({device.profile.get(), device.cores}, sums_.size());
    first_sums_.push_back(entry->second);
    if (!fresh) continue;
    for (int threads = 1; threads <= device.cores; ++threads) {
      Sums sums{{0}, {0}, {0}, {0}};
      for (LayerId layer = 0; layer < layers_; ++layer) {
        const LayerCost& cost = costs.at(layer, d, threads);
        sums.seconds.push_back(sums.seconds.back() + static_cast<long double>(cost.seconds));
        sums.doubt.push_back(sums.doubt.back() + static_cast<long double>(cost.seconds * cost.uncertainty));
        sums.corrected.push_back(sums.corrected.back() + (cost.tier == Tier::corrected ? 1 : 0));
        sums.analytical.push_back(sums.analytical.back() + (cost.tier == Tier::analytical ? 1 : 0));
      }
      sums_.push_back(std::move(sums));
    }
  }
}

RunTables::Cost RunTables::cost(LayerId first, LayerId end, std::size_t device, int threads) const {
  const int row = std::clamp(threads, 1, most_threads_[device]) - 1;
  const Sums& sums = sums_[first_sums_[device] + static_cast<std::size_t>(row)];
  Cost cost;
  cost.seconds = static_cast<double>(sums.seconds[end] - sums.seconds[first]);
  cost.doubt = static_cast<double>(sums.doubt[end] - sums.doubt[first]);
  if (sums.analytical[end] > sums.analytical[first])
    cost.tier = Tier::analytical;
  else if (sums.corrected[end] > sums.corrected[first])
    cost.tier = Tier::corrected;
  return cost;
}

// A layer from which no output comes is not computed at all.
bool RunTables::all_layers_matter() const {
  std::vector<bool> matters(layers_, false);
  for (LayerId layer = layers_; layer-- > 0;)
    for (const TensorId output : network_.layers()[layer].outputs) {
      if (tensors_[output].is_output) matters[layer] = true;
      for (const Read& read : tensors_[output].reads)
        if (matters[read.layer]) matters[layer] = true;
    }
  return std::find(matters.begin(), matters.end(), false) == matters.end();
}

void RunTables::add_slices(const std::vector<Part>& parts) {
  std::map<WeightSlice, std::uint32_t> known;
  for (const Part& part : parts) {
    LayerMemory& of = layer_memory_.emplace_back();
    const Part* const alone = &part;
    const SegmentMemory memory = segment_memory(network_, std::span(&alone, 1), part.outputs);
    of.relaid = memory.relaid_bytes > 0;
    of.folded = memory.folded_bytes > 0;
    of.largest_relaid_bytes = memory.largest_relaid_bytes;
    for (const WeightSlice& slice : part.weights) {
      const auto [entry, fresh] = known.try_emplace(slice, static_cast<std::uint32_t>(known.size()));
      if (fresh) slice_bytes_.push_back(slice_size(network_, slice));
      of.slices.push_back(entry->second);
    }
  }
}

const SegmentMemory& RunTables::memory(LayerId first, LayerId end) const {
  MemoryRow& row = memory_[first];
  std::call_once(row.made, [&] { fill(first, row.by_end); });
  return row.by_end[end - first - 1];
}

// What segment_memory() says of [first, end) for every end. A value that is made inside lives until its last reader,
// wherever that is; one that comes from outside lives from the start to its last reader inside.
void RunTables::fill(LayerId first, std::vector<SegmentMemory>& row) const {
  enum : unsigned char { in_all = 1, in_relaid = 2, in_folded = 4 };
  std::vector<unsigned char> seen(slice_bytes_.size(), 0);
  const auto count = [&](std::uint32_t slice, unsigned char in, std::int64_t& bytes) {
    if ((seen[slice] & in) == 0) bytes += slice_bytes_[slice];
    seen[slice] |= in;
  };
  struct Outside {
    std::int64_t bytes = 0;
    LayerId last = 0;
  };
  std::map<TensorId, Outside> outside;
  Live live(first, layers_);
  Arena arena;
  std::vector<std::vector<std::int64_t>> pieces(layers_);  // that are free after each layer
  SegmentMemory so_far;
  row.reserve(layers_ - first);
  for (LayerId layer = first; layer < layers_; ++layer) {
    const LayerMemory& of = layer_memory_[layer];
    ++so_far.parts;
    for (const std::uint32_t slice : of.slices) {
      count(slice, in_all, so_far.weight_bytes);
      if (of.relaid) count(slice, in_relaid, so_far.relaid_bytes);
      if (of.folded) count(slice, in_folded, so_far.folded_bytes);
    }
    so_far.largest_relaid_bytes = std::max(so_far.largest_relaid_bytes, of.largest_relaid_bytes);
    for (const TensorId id : network_.layers()[layer].inputs) {
      const Tensor& tensor = tensors_[id];
      if (tensor.producer != none && tensor.producer >= first) continue;
      for (const Read& read : tensor.reads) {
        if (read.layer != layer) continue;
        const std::int64_t bytes = read.elements * static_cast<std::int64_t>(element_size(tensor.type));
        const auto [entry, fresh] = outside.try_emplace(id);
        if (!fresh) live.add(-entry->second.bytes, first, entry->second.last);
        entry->second = {std::max(entry->second.bytes, bytes), layer};
        live.add(entry->second.bytes, first, layer);
      }
    }
    for (const TensorId id : network_.layers()[layer].outputs) {
      const Tensor& tensor = tensors_[id];
      const LayerId last = tensor.is_output ? layers_ - 1 : tensor.reads.empty() ? layer : tensor.reads.back().layer;
      const std::int64_t bytes = tensor.elements * static_cast<std::int64_t>(element_size(tensor.type));
      live.add(bytes, layer, last);
      pieces[last].push_back(arena.take(bytes));
    }
    so_far.live_bytes = live.peak(layer);
    so_far.arena_bytes = arena.bytes();
    for (const std::int64_t piece : pieces[layer]) arena.give_back(piece);
    row.push_back(so_far);
  }
}

}  // namespace dse
