// What validated runs taught changes the costs of its class and thread count, and nothing else.
#include <doctest/doctest.h>

#include <cmath>

#include "estimator/costs.hpp"
#include "tests/estimator/samples.hpp"

namespace dse::test {
namespace {

// The sample platform with d0's costs of a class corrected by `ratio`.
Platform corrected_platform(const Platform& raw, OperatorClass op_class, int threads, double ratio) {
  Platform platform = raw;
  auto profile = std::make_shared<DeviceProfile>(*platform.devices[0].profile);
  profile->corrections.add({std::string(to_string(op_class)), threads, std::log(ratio), 20});
  platform.devices[0].profile = profile;
  return platform;
}

}  // namespace

TEST_CASE("a correction scales whole layers and parts of its class, with its thread count, on its device") {
  const Platform raw = sample_platform({});
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const SmallNetwork network = sample_network(seed);
    const OperatorClass op_class = network->layers().front().op_class;
    const Platform taught = corrected_platform(raw, op_class, 2, 1.5);
    const CostTable before(*network, raw), after(*network, taught);
    const double factor = std::exp(std::log(1.5) * 20 / 25);
    for (LayerId id = 0; id < network->layers().size(); ++id) {
      for (std::size_t device = 0; device < raw.devices.size(); ++device) {
        for (int threads = 1; threads <= 2; ++threads) {
          const bool concerned = device == 0 && threads == 2 && network->layers()[id].op_class == op_class;
          const LayerCost &was = before.at(id, device, threads), &is = after.at(id, device, threads);
          CHECK(is.seconds / was.seconds == relative(concerned ? factor : 1));
          CHECK(is.tier == (concerned ? Tier::corrected : was.tier));
          CHECK((is.uncertainty < was.uncertainty) == concerned);
          const PartCost &part_was = before.part_at(id, device, threads), &part = after.part_at(id, device, threads);
          const LayerFeatures half{1e5, 1e4};
          CHECK(part.seconds(half) / part_was.seconds(half) == relative(concerned ? factor : 1));
        }
      }
    }
  }
}

TEST_CASE("sums of partial results are corrected as element-wise work") {
  const Platform raw = sample_platform({});
  const Platform taught = corrected_platform(raw, OperatorClass::elementwise, 1, 2);
  const LayerFeatures sum{1e5, 1e6};
  const double factor = std::exp(std::log(2.0) * 20 / 25);
  const DeviceProfile &was = *raw.devices[0].profile, &is = *taught.devices[0].profile;
  CHECK(sum_cost(is, sum, 1).seconds / sum_cost(was, sum, 1).seconds == relative(factor));
  CHECK(sum_cost(is, sum, 2).seconds == sum_cost(was, sum, 2).seconds);
}

}  // namespace dse::test
