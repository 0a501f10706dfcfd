// Layers placed before, and ways of values between devices found before: what outlines of mappings share. Private to
// the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mix.hpp"
#include "partition/holdings.hpp"
#include "partition/lowering.hpp"
#include "partition/outline.hpp"
#include "partition/placement.hpp"

namespace dse::lowering {

// A value's way, everything by local index.
struct ValueWay {
  struct Cluster {
    std::int64_t bytes = 0;
    bool in_own = false, touches_own = false;
    std::int64_t own_bytes = 0;      // of it, what is the device's own
    std::int64_t view_elements = 0;  // of what a sub-model binds to read it
    std::size_t view = 0;            // the first cluster of the holding whose view is the same
    std::vector<std::size_t> from;   // deliveries
  };
  struct Holding {
    std::size_t device = 0;
    std::size_t own = nobody;  // index of the part among its layer's
    bool source = false;
    std::int64_t own_bytes = 0, own_elements = 0;
    std::size_t own_in = nobody;  // the cluster whose buffer holds the own result as well
    std::vector<std::size_t> clusters;
    std::vector<std::size_t> sent;  // deliveries
    bool has_own() const { return own != nobody || source; }
  };
  struct Delivery {
    std::size_t from = 0, to = 0;  // holdings
    Wire wire = Wire::full;
    std::int64_t bytes = 0;             // on the wire
    std::vector<std::size_t> clusters;  // that its pieces fill, piece by piece
    bool shortened = false;
    bool whole_to_send = false, whole_to_receive = false;  // one piece, and contiguous in its buffer there
  };
  std::vector<Cluster> clusters;
  std::vector<Holding> holdings;
  std::vector<Delivery> deliveries;
  // By reading layer, then by part of it, then by port: the holding and the cluster that it reads.
  struct PartReads {
    std::size_t holding = nobody;
    std::vector<std::size_t> clusters;
  };
  std::vector<std::vector<PartReads>> reads;
  std::size_t output = nobody;  // the cluster that leaves the network
  std::size_t output_holding = nobody;
};

// Where a part's input port comes from.
struct PortPlace {
  std::size_t value = 0;  // tensor, or addend of the layer's partial results
  bool partial = false;
  std::size_t reader = 0;   // the layer's place among the tensor's consumers
  std::size_t ordinal = 0;  // among the part's ports of the same value
};

struct PlacedLayer {
  std::uint64_t id = 0;
  std::vector<PlacedPart> parts;
  std::vector<PartFacts> facts;               // by part
  std::vector<std::vector<PortPlace>> ports;  // by part and input
  std::vector<ValueWay> partials;             // ways of partial results, which stay inside the layer
};

// A stage but for its layers; with the granularities of its channels, and the end of the stage where halos are
// recomputed.
struct StageKind {
  std::vector<std::size_t> devices;
  Split split = Split::none;
  std::vector<std::int64_t> shares;
  Halo halo = Halo::exchange;
  Wire wire = Wire::full;
  int threads = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> granularities;
  LayerId end = 0;
  auto operator<=>(const StageKind&) const = default;
};

class PlacedLayers {
 public:
  PlacedLayers(const Network& network, const Platform& platform, std::function<PartNote(const Part&, int)> note);

  // By layer; entries are made on first use by at().
  class Kind;
  Kind& kind_of(const Stage& stage);  // recomputed halos: of the stage's last layer, from layer 0 on
  const PlacedLayer& at(Kind& kind, LayerId layer);

  // The way of a tensor whose producer (null: it enters) and readers are placed so. Kept as long as this is, or where
  // too many are, put at the end of `unkept`.
  const ValueWay* way(TensorId tensor, const PlacedLayer* producer, const std::vector<const PlacedLayer*>& readers,
                      std::vector<std::unique_ptr<const ValueWay>>& unkept);
  // No other has it.
  std::uint64_t id() const { return id_; }

 private:
  struct Shard {
    std::shared_mutex mutex;
    std::unordered_map<MixedKey, std::unique_ptr<const ValueWay>, MixedKey::Hash> ways;
  };

  std::unique_ptr<PlacedLayer> make(std::vector<Part> parts, int threads);
  void find_ports(PlacedLayer& layer) const;
  ValueWay find_way(const ValueId& value, const PlacedLayer* producer,
                    const std::vector<const PlacedLayer*>& readers) const;

  std::uint64_t id_;
  const Network& network_;
  const Platform& platform_;
  std::function<PartNote(const Part&, int)> note_;
  std::vector<AxisRoles> roles_;
  std::vector<std::int64_t> multiples_;  // by layer
  std::atomic<std::uint64_t> next_id_{1};
  std::shared_mutex kinds_mutex_;
  std::map<StageKind, std::unique_ptr<Kind>> kinds_;
  std::vector<Shard> shards_;
};

class PlacedLayers::Kind {
 public:
  Kind(StageKind of, std::size_t layers) : of_(std::move(of)), placed_(layers) {}
  ~Kind();
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;

 private:
  friend class PlacedLayers;
  StageKind of_;
  std::vector<std::atomic<const PlacedLayer*>> placed_;
  std::mutex making_;
};

}  // namespace dse::lowering
