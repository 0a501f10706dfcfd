// What every device has, reads and is sent of every value of one replica: "needed minus owned". Private to the room.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "models/network.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"

namespace dse::lowering {

// A box of a value that a device's parts read: boxes that overlap, or that make one box together, are one.
struct Cluster {
  Box box;
  bool in_own = false;            // the device's own result contains it
  bool touches_own = false;       // part of it is the device's own result
  std::vector<std::size_t> from;  // deliveries that bring the rest
};

// One value on one device.
struct Holding {
  std::optional<PartId> own;  // the part that computes some of it here
  bool source = false;        // a network input that enters here
  Box own_box;                // what it computes, or what enters
  Wire wire = Wire::full;     // how it sends that
  std::vector<Cluster> clusters;

  bool has_own() const { return own || source; }
};

// A region of a value that one device needs of another: one for each (value, sender, receiver).
struct Delivery {
  ValueId value;
  std::size_t from = 0;
  std::size_t to = 0;
  Wire wire = Wire::full;
  // The clusters of the receiver that it fills, with the boxes that it brings, in the order of packing.
  struct Piece {
    std::size_t cluster = 0;
    Box box;
  };
  std::vector<Piece> pieces;
};

class Holdings {
 public:
  // parts: of one replica, ids from `first_part` on. Throws Error(internal, PLAN-MISSING) where something that is read
  // is computed nowhere.
  Holdings(const Network& network, const Platform& platform, const std::vector<Part>& parts, std::size_t first_part);

  Holding& at(const ValueId& value, std::size_t device);
  const Holding* find(const ValueId& value, std::size_t device) const;  // null: nothing to do with it
  // The cluster that holds a box that the device reads.
  const Cluster& cluster_of(const ValueId& value, std::size_t device, const Box& box);
  std::size_t cluster_index(const ValueId& value, std::size_t device, const Box& box);
  const std::vector<Delivery>& deliveries() const { return deliveries_; }
  // Deliveries of a value that a device sends.
  const std::vector<std::size_t>& sent(const ValueId& value, std::size_t device) const;
  // The parts of the replica, by index, that must be done before a part: its own device's and, through deliveries,
  // others'.
  std::vector<PartId> sources(const Part& part);
  // By part: whether an output comes from it. A consumer may need less than the devices of a stage make together
  // (Gather, Slice, strides).
  std::vector<bool> read(const std::vector<Part>& parts);

 private:
  using Key = std::pair<ValueId, std::size_t>;
  void add_own(const std::vector<Part>& parts);
  void add_reads(const std::vector<Part>& parts);
  void add_read(const ValueId& value, std::size_t device, const Box& box);
  void enter_inputs();
  void settle(const ValueId& value, std::size_t device, Holding& holding);
  void fetch(const ValueId& value, std::size_t device, Holding& holding, std::size_t cluster);
  std::size_t delivery(const ValueId& value, std::size_t from, std::size_t to);

  const Network& network_;
  const Platform& platform_;
  std::size_t first_part_;
  std::vector<Delivery> deliveries_;
  std::map<Key, Holding> holdings_;
  std::map<ValueId, std::vector<std::size_t>> makers_;  // devices that have some of it, in the order of the parts
  std::map<Key, std::vector<std::size_t>> sent_;
};

}  // namespace dse::lowering
