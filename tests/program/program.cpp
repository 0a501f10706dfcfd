#include "program/program.hpp"

#include <doctest/doctest.h>

#include <map>

#include "base/error.hpp"

using namespace dse;
using namespace dse::program;

namespace {

std::vector<Replica> shares(const std::vector<std::int64_t>& list) {
  std::vector<Replica> result;
  for (const std::int64_t share : list) result.push_back({share, 1, {}, 0});
  return result;
}

}  // namespace

TEST_CASE("frames are dealt as nginx deals requests") {
  using Dealt = std::vector<std::size_t>;
  CHECK(deal_frames(shares({5, 1, 1}), 7) == Dealt{0, 0, 1, 0, 2, 0, 0});  // the example of nginx's own commit message
  CHECK(deal_frames(shares({1}), 3) == Dealt{0, 0, 0});
  CHECK(deal_frames(shares({1, 1, 1}), 4) == Dealt{0, 1, 2, 0});
  CHECK(deal_frames(shares({1, 2}), 6) == Dealt{1, 0, 1, 1, 0, 1});
  CHECK(deal_frames(shares({3, 2}), 0).empty());
  CHECK_THROWS_AS(deal_frames({}, 1), Error);
}

TEST_CASE("over one round every replica gets its share, and prefixes agree") {
  const auto replicas = shares({7, 3, 5});
  const auto dealt = deal_frames(replicas, 30);
  std::map<std::size_t, int> count;
  for (const std::size_t replica : dealt) ++count[replica];
  CHECK(count == std::map<std::size_t, int>{{0, 14}, {1, 6}, {2, 10}});
  const auto shorter = deal_frames(replicas, 11);
  CHECK(std::equal(shorter.begin(), shorter.end(), dealt.begin()));
}

TEST_CASE("contiguous boxes") {
  const Box outer{{0, 0, 0}, {4, 6, 5}};
  CHECK(contiguous_in(outer, outer));
  CHECK(contiguous_in({{1, 0, 0}, {3, 6, 5}}, outer));        // some channels
  CHECK(contiguous_in({{1, 2, 0}, {2, 4, 5}}, outer));        // rows of one channel
  CHECK(contiguous_in({{1, 2, 1}, {2, 3, 4}}, outer));        // part of one row
  CHECK_FALSE(contiguous_in({{0, 2, 0}, {2, 4, 5}}, outer));  // rows of two channels
  CHECK_FALSE(contiguous_in({{0, 0, 0}, {4, 6, 4}}, outer));  // columns
  CHECK(contiguous_in({{}, {}}, {{}, {}}));                   // a scalar
  // A buffer may itself be a part of the tensor.
  CHECK(contiguous_in({{2, 3, 0}, {4, 6, 5}}, {{1, 3, 0}, {4, 6, 5}}));
}

TEST_CASE("a message that is one piece of its buffer needs no memory of its own, others all that they hold") {
  Lane lane;
  lane.buffers = {{"a", DataType::float32, Box::whole({4, 6, 5})}, {"b", DataType::float32, Box::whole({3})}};
  Step step;
  step.kind = StepKind::send;
  step.sources = {{0, {{1, 0, 0}, {3, 6, 5}}}};
  CHECK(staged_bytes(lane, step) == 0);
  step.sources.push_back({1, {{0}, {3}}});
  CHECK(staged_bytes(lane, step) == (60 + 3) * 4);
  step.sources = {{0, {{0, 0, 0}, {4, 6, 4}}}};  // columns
  CHECK(staged_bytes(lane, step) == 96 * 4);
  step.sources = {{0, {{1, 0, 0}, {3, 6, 5}}}};
  step.wire = Wire::fp16;
  CHECK(staged_bytes(lane, step) == 60 * 2);
  step.targets = step.sources;
  step.kind = StepKind::receive;
  CHECK(staged_bytes(lane, step) == 60 * 2);
  step.kind = StepKind::copy;
  CHECK(staged_bytes(lane, step) == 0);
}

TEST_CASE("a slot holds all buffers of its lane, those of a block in the same memory") {
  Lane lane;
  lane.buffers = {{"a", DataType::float32, Box::whole({1, 3, 4})}, {"b", DataType::uint8, {{2}, {7}}}};
  CHECK(lane.slot_bytes() == 48 + 5);
  lane.buffers.push_back({"c", DataType::float32, Box::whole({20}), 1});
  lane.buffers[1].block = 1;
  CHECK(lane.slot_bytes() == 48 + 80);
}
