// Which parts of a device run as one sub-model.
//
// A cut inside a device breaks fusion and adds layout reorders, so groups are as large as three rules allow:
//  - a group begins at a part with a remote input, unless the group was going to wait for that producer anyway;
//  - a part that reads together what its own device and others computed comes after a cut: the pieces meet in memory;
//  - a group ends before a part that a remote consumer of the group's results does not need, where waiting for it (and
//    what follows) would cost more than the cut.
// Acyclic: an edge from group S into an open group G is only ever added where S is an ancestor of G already, or where S
// is an earlier, closed group of the same device, which gains no further inputs.
#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "partition/cut_rule.hpp"
#include "partition/lowering.hpp"

namespace dse::lowering {
namespace {

class Grouping {
 public:
  Grouping(const Network& network, const std::vector<Part>& parts, const std::vector<std::vector<std::size_t>>& sources)
      : network_(network),
        parts_(parts),
        sources_(sources),
        reaches_(parts.size(), parts.size()),
        group_of_(parts.size(), nobody),
        ancestors_(parts.size(), parts.size()),
        waiting_elsewhere_(parts.size()),
        work_after_(parts.size()) {
    std::size_t devices = 0;
    for (const Part& part : parts) devices = std::max(devices, part.device + 1);
    open_.assign(devices, nobody);
    std::vector<double> work(devices, 0);
    for (std::size_t part = parts.size(); part-- > 0;) {
      const Layer& layer = network.layers()[parts[part].layer];
      double& sum = work[parts[part].device];
      sum += parts[part].fraction * static_cast<double>(layer.macs + layer.operations);
      work_after_[part] = sum;
    }
    // reaches_.get(a, b): part b depends on part a. Every part reaches itself.
    std::vector<std::vector<std::size_t>> readers(parts.size());
    for (std::size_t part = 0; part < parts.size(); ++part)
      for (const std::size_t source : sources[part]) {
        readers[source].push_back(part);
        if (parts[source].device != parts[part].device) waiting_elsewhere_[source].push_back(part);
      }
    for (std::size_t part = parts.size(); part-- > 0;) {
      reaches_.set(part, part);
      for (const std::size_t reader : readers[part]) reaches_.add_row(part, reader);
    }
  }

  std::vector<Group> run() {
    for (std::size_t part = 0; part < parts_.size(); ++part) place(part);
    return std::move(groups_);
  }

 private:
  void place(std::size_t part) {
    const std::size_t device = parts_[part].device;
    std::size_t& open = open_[device];
    if (open == nobody || !may_join(part, open) || others_should_not_wait_for(part, open)) {
      open = groups_.size();
      groups_.push_back({device, {}});
      ancestors_.set(open, open);
    }
    group_of_[part] = open;
    groups_[open].parts.push_back(part);
    for (const std::size_t source : sources_[part]) ancestors_.add_row(open, group_of_[source]);
  }

  bool may_join(std::size_t part, std::size_t group) const {
    const bool known = std::all_of(sources_[part].begin(), sources_[part].end(), [&](std::size_t source) {
      return parts_[source].device == groups_[group].device || ancestors_.get(group, group_of_[source]);
    });
    return known && !meets_in_memory(part, group);
  }

  // Whether the part reads a value of which the group computes a piece and other devices the rest.
  bool meets_in_memory(std::size_t part, std::size_t group) const {
    return std::any_of(sources_[part].begin(), sources_[part].end(), [&](std::size_t source) {
      if (group_of_[source] != group) return false;
      for (const ValuePort& read : parts_[part].inputs)
        for (const ValuePort& made : parts_[source].outputs)
          if (made.value == read.value && !made.box.contains(read.box)) return true;
      return false;
    });
  }

  bool others_should_not_wait_for(std::size_t part, std::size_t group) const {
    for (const std::size_t member : groups_[group].parts) {
      const auto& waiting = waiting_elsewhere_[member];
      if (std::none_of(waiting.begin(), waiting.end(), [&](std::size_t reader) { return !reaches_.get(part, reader); }))
        continue;
      if (cut_pays(work_after_[part], bytes_of(parts_[member]))) return true;
    }
    return false;
  }

  double bytes_of(const Part& part) const {
    double bytes = 0;
    for (const ValuePort& port : part.outputs)
      bytes += static_cast<double>(port.box.elements()) *
               static_cast<double>(element_size(value_type(network_, port.value).type));
    return bytes;
  }

  const Network& network_;
  const std::vector<Part>& parts_;
  const std::vector<std::vector<std::size_t>>& sources_;
  BitMatrix reaches_;
  std::vector<std::size_t> group_of_;
  BitMatrix ancestors_;                                      // of groups; every group is its own
  std::vector<std::vector<std::size_t>> waiting_elsewhere_;  // parts of other devices that read a part's results
  std::vector<std::size_t> open_;                            // per device
  std::vector<double> work_after_;                           // per part: its device's work from it on
  std::vector<Group> groups_;
};

}  // namespace

std::vector<Group> group_parts(const Network& network, const std::vector<Part>& parts,
                               const std::vector<std::vector<std::size_t>>& sources) {
  return Grouping(network, parts, sources).run();
}

std::vector<std::size_t> order_groups(const std::vector<Group>& groups, const std::vector<std::size_t>& group_of,
                                      const std::vector<std::vector<std::size_t>>& sources) {
  std::vector<std::set<std::size_t>> successors(groups.size());
  std::vector<std::size_t> missing(groups.size(), 0);
  for (std::size_t part = 0; part < group_of.size(); ++part)
    for (const std::size_t source : sources[part])
      if (group_of[source] != group_of[part] && successors[group_of[source]].insert(group_of[part]).second)
        ++missing[group_of[part]];
  std::set<std::pair<std::size_t, std::size_t>> ready;
  const auto key = [&](std::size_t group) { return std::pair{groups[group].parts.front(), group}; };
  for (std::size_t group = 0; group < groups.size(); ++group)
    if (missing[group] == 0) ready.insert(key(group));
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t group = ready.extract(ready.begin()).value().second;
    order.push_back(group);
    for (const std::size_t next : successors[group])
      if (--missing[next] == 0) ready.insert(key(next));
  }
  if (order.size() != groups.size())
    throw Error(ExitCode::internal, "PLAN-CYCLE", "the segments of a replica wait for each other");
  return order;
}

}  // namespace dse::lowering
