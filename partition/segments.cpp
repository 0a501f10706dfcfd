// Which layers of a device run as one sub-model.
//
// A cut inside a device breaks fusion and adds layout reorders, so groups are as large as two rules allow:
//  - a group begins at a layer with a remote input, unless the group was going to wait for that producer anyway;
//  - a group ends before a layer that a remote consumer of the group's results does not need, where waiting for it (and
//  what
//    follows) would cost more than the cut.
// Acyclic: an edge from group S into an open group G is only ever added where S is an ancestor of G already, or where S
// is an earlier, closed group of the same device, which gains no further inputs.
#include <algorithm>

#include "partition/lowering.hpp"

namespace dse::lowering {
namespace {

// Rough rates for the one question whether a cut pays; the estimator charges the real costs later. A layout reorder
// reads and writes at memory speed while a core computes at a few tens of GMAC/s: about ten MACs for each byte that
// crosses.
constexpr std::int64_t macs_per_cut_byte = 10;
constexpr std::int64_t macs_per_engine_call = 100'000;

class Grouping {
 public:
  Grouping(const Network& network, const std::vector<std::size_t>& device_of)
      : network_(network),
        device_of_(device_of),
        reaches_(reachability(network)),
        group_of_(network.layers().size(), nobody),
        ancestors_(network.layers().size(), network.layers().size()) {
    const std::size_t devices = device_of.empty() ? 0 : *std::max_element(device_of.begin(), device_of.end()) + 1;
    open_.assign(devices, nobody);
    work_after_.assign(network.layers().size(), 0);
    std::vector<std::int64_t> work(devices, 0);
    for (LayerId layer = network.layers().size(); layer-- > 0;) {
      std::int64_t& sum = work[device_of[layer]];
      sum += network.layers()[layer].macs + network.layers()[layer].operations;
      work_after_[layer] = sum;
    }
  }

  std::vector<Group> run() {
    for (LayerId layer = 0; layer < network_.layers().size(); ++layer) place(layer);
    return std::move(groups_);
  }

 private:
  void place(LayerId layer) {
    const std::size_t device = device_of_[layer];
    std::size_t& open = open_[device];
    if (open == nobody || !may_join(layer, open) || others_should_not_wait_for(layer, open)) {
      open = groups_.size();
      groups_.push_back({device, {}});
      ancestors_.set(open, open);
    }
    group_of_[layer] = open;
    groups_[open].layers.push_back(layer);
    for (const std::size_t source : source_groups(layer)) ancestors_.add_row(open, source);
  }

  // The groups that compute what the layer reads; network inputs are there before everything.
  std::vector<std::size_t> source_groups(LayerId layer) const {
    std::vector<std::size_t> result;
    for (const TensorId tensor : network_.layers()[layer].inputs)
      if (const auto producer = network_.tensors()[tensor].producer) result.push_back(group_of_[*producer]);
    return result;
  }

  bool may_join(LayerId layer, std::size_t group) const {
    const std::vector<std::size_t> sources = source_groups(layer);
    return std::all_of(sources.begin(), sources.end(), [&](std::size_t source) {
      return groups_[source].device == groups_[group].device || ancestors_.get(group, source);
    });
  }

  bool others_should_not_wait_for(LayerId layer, std::size_t group) const {
    for (const LayerId member : groups_[group].layers) {
      for (const TensorId tensor : network_.layers()[member].outputs) {
        const NetworkTensor& result = network_.tensors()[tensor];
        const bool waited_for = std::any_of(result.consumers.begin(), result.consumers.end(), [&](LayerId consumer) {
          return device_of_[consumer] != device_of_[member] && !reaches_.get(layer, consumer);
        });
        if (waited_for && work_after_[layer] > macs_per_engine_call + macs_per_cut_byte * result.bytes()) return true;
      }
    }
    return false;
  }

  const Network& network_;
  const std::vector<std::size_t>& device_of_;
  BitMatrix reaches_;
  std::vector<std::size_t> group_of_;
  BitMatrix ancestors_;                   // of groups; every group is its own
  std::vector<std::size_t> open_;         // per device
  std::vector<std::int64_t> work_after_;  // per layer: its device's work from it on
  std::vector<Group> groups_;
};

}  // namespace

BitMatrix reachability(const Network& network) {
  const std::size_t count = network.layers().size();
  BitMatrix reaches(count, count);
  for (LayerId layer = count; layer-- > 0;) {
    reaches.set(layer, layer);
    for (const TensorId tensor : network.layers()[layer].outputs)
      for (const LayerId consumer : network.tensors()[tensor].consumers) reaches.add_row(layer, consumer);
  }
  return reaches;
}

std::vector<Group> group_layers(const Network& network, const std::vector<std::size_t>& device_of) {
  return Grouping(network, device_of).run();
}

}  // namespace dse::lowering
