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
#include <queue>

#include "base/error.hpp"
#include "partition/cut_rule.hpp"
#include "partition/lowering.hpp"

namespace dse::lowering {
namespace {

class Grouping {
 public:
  Grouping(const std::vector<PartFacts>& parts, const Sources& sources)
      : parts_(parts),
        sources_(sources),
        reaches_(parts.size(), parts.size()),
        group_of_(parts.size(), nobody),
        ancestors_(parts.size(), parts.size()),
        last_waiting_(parts.size(), nobody),
        work_after_(parts.size()) {
    std::size_t devices = 0;
    for (const PartFacts& part : parts) devices = std::max(devices, part.device + 1);
    open_.assign(devices, nobody);
    waited_for_.resize(devices);
    std::vector<double> work(devices, 0);
    for (std::size_t part = parts.size(); part-- > 0;) work_after_[part] = work[parts[part].device] += parts[part].work;
    // reaches_.get(a, b): part b depends on part a. Every part reaches itself. Readers come after what they read: seen
    // from the last part, a part's row is complete when it is added to its sources'.
    for (std::size_t part = parts.size(); part-- > 0;) {
      reaches_.set(part, part);
      for (const Source& source : sources.of(part)) {
        reaches_.add_row(source.part, part);
        if (parts[source.part].device == parts[part].device) continue;
        waiting_.push_back({part, last_waiting_[source.part]});
        last_waiting_[source.part] = waiting_.size() - 1;
      }
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
    if (open == nobody || !may_join(part, open) || others_should_not_wait_for(part)) {
      open = groups_.size();
      groups_.push_back({device, {}});
      ancestors_.set(open, open);
      waited_for_[device].clear();
    }
    group_of_[part] = open;
    groups_[open].parts.push_back(part);
    if (last_waiting_[part] != nobody) waited_for_[device].push_back(part);
    for (const Source& source : sources_.of(part)) ancestors_.add_row(open, group_of_[source.part]);
  }

  // A part that reads a value of which the group computes a piece and other devices the rest may not.
  bool may_join(std::size_t part, std::size_t group) const {
    const std::span<const Source> sources = sources_.of(part);
    return std::all_of(sources.begin(), sources.end(), [&](const Source& source) {
      const std::size_t of_source = group_of_[source.part];
      if (source.meets && of_source == group) return false;
      return parts_[source.part].device == groups_[group].device || ancestors_.get(group, of_source);
    });
  }

  // Of the device's open group.
  bool others_should_not_wait_for(std::size_t part) const {
    const std::vector<std::size_t>& members = waited_for_[parts_[part].device];
    return std::any_of(members.begin(), members.end(), [&](std::size_t member) {
      if (!cut_pays(work_after_[part], parts_[member].bytes)) return false;
      std::size_t waiting = last_waiting_[member];
      while (waiting != nobody && reaches_.get(part, waiting_[waiting].reader)) waiting = waiting_[waiting].next;
      return waiting != nobody;
    });
  }

  const std::vector<PartFacts>& parts_;
  const Sources& sources_;
  BitMatrix reaches_;
  std::vector<std::size_t> group_of_;
  BitMatrix ancestors_;  // of groups; every group is its own
  struct Waiting {
    std::size_t reader = 0, next = nobody;
  };
  std::vector<Waiting> waiting_;           // parts of other devices that read a part's results, as linked lists
  std::vector<std::size_t> last_waiting_;  // per part: into waiting_
  std::vector<std::size_t> open_;          // per device
  std::vector<std::vector<std::size_t>> waited_for_;  // per device: those parts of its open group
  std::vector<double> work_after_;                    // per part: its device's work from it on
  std::vector<Group> groups_;
};

}  // namespace

PartFacts facts_of(const Network& network, const Part& part) {
  const Layer& layer = network.layers()[part.layer];
  PartFacts facts{part.device, part.fraction * static_cast<double>(layer.macs + layer.operations), 0};
  for (const ValuePort& port : part.outputs)
    facts.bytes += static_cast<double>(port.box.elements()) *
                   static_cast<double>(element_size(value_type(network, port.value).type));
  return facts;
}

void Sources::add(std::span<Source> of_part) {
  std::sort(of_part.begin(), of_part.end(), [](const Source& a, const Source& b) { return a.part < b.part; });
  const std::size_t begin = items_.size();
  for (const Source& source : of_part) {
    if (items_.size() > begin && items_.back().part == source.part)
      items_.back().meets |= source.meets;
    else
      items_.push_back(source);
  }
  first_.push_back(items_.size());
}

std::vector<Group> group_parts(const std::vector<PartFacts>& parts, const Sources& sources) {
  return Grouping(parts, sources).run();
}

std::vector<std::size_t> order_groups(const std::vector<Group>& groups, const std::vector<std::size_t>& group_of,
                                      const Sources& sources) {
  std::vector<std::size_t> missing(groups.size(), 0), first(groups.size() + 1, 0);
  const auto for_edges = [&](const auto& call) {  // as often as parts say so
    for (std::size_t part = 0; part < group_of.size(); ++part)
      for (const Source& source : sources.of(part))
        if (group_of[source.part] != group_of[part]) call(group_of[source.part], group_of[part]);
  };
  for_edges([&](std::size_t from, std::size_t to) {
    ++missing[to];
    ++first[from + 1];
  });
  for (std::size_t group = 0; group < groups.size(); ++group) first[group + 1] += first[group];
  std::vector<std::size_t> successors(first.back()), next(first.begin(), first.end() - 1);
  for_edges([&](std::size_t from, std::size_t to) { successors[next[from]++] = to; });
  const auto later = [&](std::size_t a, std::size_t b) { return groups[a].parts.front() > groups[b].parts.front(); };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> ready(later);
  for (std::size_t group = 0; group < groups.size(); ++group)
    if (missing[group] == 0) ready.push(group);
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t group = ready.top();
    ready.pop();
    order.push_back(group);
    for (std::size_t i = first[group]; i < first[group + 1]; ++i)
      if (--missing[successors[i]] == 0) ready.push(successors[i]);
  }
  if (order.size() != groups.size())
    throw Error(ExitCode::internal, "PLAN-CYCLE", "the segments of a replica wait for each other");
  return order;
}

}  // namespace dse::lowering
