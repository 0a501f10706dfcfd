// Facts of a network on a platform that the estimates of all pipelines of whole layers share, tabulated once. Private
// to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/bit_matrix.hpp"
#include "estimator/costs.hpp"
#include "estimator/memory.hpp"

namespace dse {

class RunTables {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // One layer's read of one tensor.
  struct Read {
    LayerId layer = 0;
    std::size_t position = 0;  // among the layer's inputs
    Box box;
    std::int64_t elements = 0;
    // The first layer after the tensor's producer that this reader does not depend on; none where it depends on all
    // between.
    std::size_t independent = none;
  };

  struct Tensor {
    std::size_t producer = none;  // none: enters the network
    std::size_t position = 0;     // among the producer's outputs
    DataType type = DataType::undefined;
    Box whole;
    std::int64_t elements = 0;
    bool is_output = false;
    // Every reader reads one box, and of two boxes one contains the other: what a device is sent is the largest.
    bool nested = true;
    double made_bytes = 0;          // laid out anew where it leaves a sub-model
    double read_element_bytes = 0;  // an element laid out anew where it enters one
    std::vector<Read> reads;        // by layer
  };

  // The arithmetic mean costs of layers [first, end), added up.
  struct Cost {
    double seconds = 0;
    double doubt = 0;  // seconds × uncertainty
    Tier tier = Tier::table;
  };

  // All arguments must outlive it.
  RunTables(const Network& network, const Platform& platform, const CostTable& costs);

  // False for networks that no table describes: layers that nobody reads, outputs that enter.
  bool usable() const { return usable_; }
  std::size_t layers() const { return layers_; }
  const Tensor& tensor(TensorId id) const { return tensors_[id]; }
  // Made before the layer and read by it or a later one.
  std::span<const TensorId> across(LayerId layer) const { return across_[layer]; }
  double work(LayerId first, LayerId end) const { return work_[end] - work_[first]; }  // arithmetic operations
  // True where layer `later` depends on `earlier`, or is it.
  bool reaches(LayerId earlier, LayerId later) const { return reaches_.get(earlier, later); }
  Cost cost(LayerId first, LayerId end, std::size_t device, int threads) const;
  // Thread-safe.
  const SegmentMemory& memory(LayerId first, LayerId end) const;

 private:
  struct Sums {  // by layer, of all before it
    // Differences of sums: the further digits keep them as exact as a sum of their own.
    std::vector<long double> seconds, doubt;
    std::vector<std::uint32_t> corrected, analytical;
  };
  struct LayerMemory {
    std::vector<std::uint32_t> slices;  // of weights, numbered
    bool relaid = false, folded = false;
    std::int64_t largest_relaid_bytes = 0;
  };
  struct MemoryRow {
    std::once_flag made;
    std::vector<SegmentMemory> by_end;  // from the row's first layer + 1 on
  };

  void add_tensors(const std::vector<Part>& parts);
  void find_dependencies();
  void find_independent_layers();
  void add_costs(const Platform& platform, const CostTable& costs);
  void add_slices(const std::vector<Part>& parts);
  bool all_layers_matter() const;
  void fill(LayerId first, std::vector<SegmentMemory>& row) const;

  const Network& network_;
  std::size_t layers_;
  bool usable_ = true;
  std::vector<Tensor> tensors_;
  std::vector<std::vector<TensorId>> across_;
  std::vector<double> work_;  // of all layers before
  BitMatrix reaches_;
  std::vector<std::size_t> first_sums_;  // by device: of one thread
  std::vector<int> most_threads_;        // by device
  std::vector<Sums> sums_;
  std::vector<LayerMemory> layer_memory_;
  std::vector<std::int64_t> slice_bytes_;
  std::unique_ptr<MemoryRow[]> memory_;  // by first layer
};

}  // namespace dse
