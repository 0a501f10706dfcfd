#include "runtime/output_order.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace dse;

namespace {

class Log : public runtime::FrameSink {
 public:
  void take(std::size_t frame, runtime::Outputs outputs) override {
    std::int32_t value = 0;
    std::memcpy(&value, outputs[0].data(), sizeof value);
    frames.push_back(frame);
    values.push_back(value);
  }
  std::vector<std::size_t> frames;
  std::vector<std::int32_t> values;
};

bool offer(runtime::OutputOrder& order, std::size_t frame) {
  const auto value = static_cast<std::int32_t>(frame * 10);
  std::array<std::byte, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  const std::array<std::span<const std::byte>, 1> outputs{bytes};
  const bool taken = order.offer(frame, outputs);
  bytes.fill(std::byte{0xff});  // the slot is used again
  return taken;
}

}  // namespace

TEST_CASE("early frames are set aside and leave in their turn") {
  Log log;
  runtime::OutputOrder order(log, {1, 4, 5, 9}, 2);
  CHECK(offer(order, 5));
  CHECK(offer(order, 4));
  CHECK(log.frames.empty());
  CHECK_FALSE(offer(order, 9));  // no room
  CHECK(offer(order, 1));
  CHECK(log.frames == std::vector<std::size_t>{1, 4, 5});
  CHECK(offer(order, 9));
  CHECK(log.frames == std::vector<std::size_t>{1, 4, 5, 9});
  CHECK(log.values == std::vector<std::int32_t>{10, 40, 50, 90});
}

TEST_CASE("a place is free again once its frame has left") {
  Log log;
  runtime::OutputOrder order(log, {0, 1, 2, 3}, 1);
  CHECK(offer(order, 1));
  CHECK(offer(order, 0));
  CHECK(offer(order, 3));
  CHECK(offer(order, 2));
  CHECK(log.frames == std::vector<std::size_t>{0, 1, 2, 3});
}
