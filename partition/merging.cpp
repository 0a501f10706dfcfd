#include <algorithm>
#include <map>
#include <tuple>

#include "partition/lowering.hpp"

namespace dse::lowering {
namespace {

// By delivery: when its first reader runs, as a position in the order of the groups; nobody: as the network's output.
std::vector<std::size_t> first_readers(Holdings& holdings, const std::vector<Part>& parts,
                                       const std::vector<std::size_t>& group_of,
                                       const std::vector<std::size_t>& order) {
  std::vector<std::size_t> position(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) position[order[i]] = i;
  std::vector<std::size_t> first(holdings.deliveries().size(), nobody);
  for (std::size_t part = 0; part < parts.size(); ++part)
    for (const ValuePort& port : parts[part].inputs)
      for (const std::size_t id : holdings.cluster_of(port.value, parts[part].device, port.box).from)
        first[id] = std::min(first[id], position[group_of[part]]);
  return first;
}

}  // namespace

std::vector<std::vector<std::size_t>> merge_deliveries(Holdings& holdings, const std::vector<Part>& parts,
                                                       std::size_t first_part, const std::vector<std::size_t>& group_of,
                                                       const std::vector<std::size_t>& order) {
  const std::vector<Delivery>& deliveries = holdings.deliveries();
  const std::vector<std::size_t> first = first_readers(holdings, parts, group_of, order);
  std::map<std::tuple<std::size_t, std::size_t, std::size_t, Wire>, std::size_t> known;
  std::vector<std::vector<std::size_t>> messages;
  for (std::size_t id = 0; id < deliveries.size(); ++id) {
    const Delivery& delivery = deliveries[id];
    const auto maker = holdings.at(delivery.value, delivery.from).own;
    std::size_t message = messages.size();
    if (maker && first[id] != nobody)
      message = known.try_emplace({group_of[*maker - first_part], delivery.to, first[id], delivery.wire}, message)
                    .first->second;
    if (message == messages.size()) messages.emplace_back();
    messages[message].push_back(id);
  }
  return messages;
}

}  // namespace dse::lowering
