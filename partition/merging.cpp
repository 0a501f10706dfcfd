#include <algorithm>

#include "partition/lowering.hpp"

namespace dse::lowering {

std::vector<std::size_t> merge_deliveries(const std::vector<DeliveryFacts>& deliveries) {
  std::size_t makers = 0;
  for (const DeliveryFacts& of : deliveries)
    if (of.maker != nobody) makers = std::max(makers, of.maker + 1);
  std::vector<std::size_t> last_of_maker(makers, nobody);  // delivery that began a message
  std::vector<std::size_t> earlier(deliveries.size(), nobody), message_of(deliveries.size(), nobody);
  std::size_t messages = 0;
  for (std::size_t id = 0; id < deliveries.size(); ++id) {
    const DeliveryFacts& of = deliveries[id];
    const bool merges = of.maker != nobody && of.first_reader != nobody;
    if (merges) {
      std::size_t other = last_of_maker[of.maker];
      while (other != nobody && !(deliveries[other].to == of.to && deliveries[other].wire == of.wire &&
                                  deliveries[other].first_reader == of.first_reader))
        other = earlier[other];
      if (other != nobody) {
        message_of[id] = message_of[other];
        continue;
      }
      earlier[id] = last_of_maker[of.maker];
      last_of_maker[of.maker] = id;
    }
    message_of[id] = messages++;
  }
  return message_of;
}

}  // namespace dse::lowering
