// What every device has, reads and is sent of every value of one replica: "needed minus owned". Private to the room.
#pragma once

#include <optional>
#include <span>
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
  std::vector<std::size_t> sent;  // deliveries to others

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

// One value on all devices. In this order: own() and read() for every part, then enter(), then settle().
class ValueHoldings {
 public:
  // by_device: empty holdings; deliveries: those of this value are added at the end.
  ValueHoldings(const ValueId& value, std::span<Holding> by_device, std::vector<Delivery>& deliveries)
      : value_(value), holdings_(by_device), deliveries_(deliveries) {}

  void own(std::size_t device, PartId part, const Box& box, Wire wire);
  void read(std::size_t device, const Box& box);
  // A network input: enters whole at the source device, or everywhere what is read there.
  void enter(const Network& network, const Platform& platform);
  // Finds what every device is sent. Throws Error(internal, PLAN-MISSING).
  void settle(const Network& network);
  // The cluster that holds a box that the device reads.
  std::size_t cluster_index(std::size_t device, const Box& box) const;

 private:
  void enter_at(std::size_t device, const Box& box);
  void fetch(const Network& network, std::size_t device, std::size_t cluster);
  std::size_t delivery(std::size_t from, std::size_t to);

  ValueId value_;
  std::span<Holding> holdings_;
  std::vector<Delivery>& deliveries_;
  std::vector<std::size_t> makers_;  // devices that have some of it, in the order of the parts
};

class Holdings {
 public:
  // parts: of one replica, ids from `first_part` on. Throws Error(internal, PLAN-MISSING) where something that is read
  // is computed nowhere.
  Holdings(const Network& network, const Platform& platform, const std::vector<Part>& parts, std::size_t first_part);

  // Numbers the values of the replica: tensors, then partial results. Below values().
  std::size_t number(const ValueId& value) const;
  std::size_t values() const { return first_partial_.back(); }
  Holding& at(const ValueId& value, std::size_t device) { return holdings_[number(value) * devices_ + device]; }
  // The cluster that holds a box that the device reads.
  const Cluster& cluster_of(const ValueId& value, std::size_t device, const Box& box);
  std::size_t cluster_index(const ValueId& value, std::size_t device, const Box& box);
  const std::vector<Delivery>& deliveries() const { return deliveries_; }
  // Deliveries of a value that a device sends.
  const std::vector<std::size_t>& sent(const ValueId& value, std::size_t device) { return at(value, device).sent; }
  // The parts of the replica, by index, that must be done before a part: its own device's and, through deliveries,
  // others'.
  std::vector<PartId> sources(const Part& part);
  // By part: whether an output comes from it. A consumer may need less than the devices of a stage make together
  // (Gather, Slice, strides).
  std::vector<bool> read(const std::vector<Part>& parts);

 private:
  void number_partials(const std::vector<Part>& parts);
  const Network& network_;
  const Platform& platform_;
  std::size_t first_part_;
  std::vector<Delivery> deliveries_;
  std::size_t devices_;
  std::vector<std::size_t> first_partial_;  // by layer, and one more: the number of its first partial result
  std::vector<Holding> holdings_;           // by number, then device
  std::vector<ValueHoldings> by_value_;     // by number, over the holdings above
};

}  // namespace dse::lowering
