#include <map>
#include <tuple>

#include "partition/lowering.hpp"

namespace dse::lowering {

std::vector<std::vector<std::size_t>> merge_deliveries(const std::vector<DeliveryFacts>& deliveries) {
  std::map<std::tuple<std::size_t, std::size_t, std::size_t, Wire>, std::size_t> known;
  std::vector<std::vector<std::size_t>> messages;
  for (std::size_t id = 0; id < deliveries.size(); ++id) {
    const DeliveryFacts& of = deliveries[id];
    std::size_t message = messages.size();
    if (of.maker != nobody && of.first_reader != nobody)
      message = known.try_emplace({of.maker, of.to, of.first_reader, of.wire}, message).first->second;
    if (message == messages.size()) messages.emplace_back();
    messages[message].push_back(id);
  }
  return messages;
}

}  // namespace dse::lowering
