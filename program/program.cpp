#include "program/program.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace dse::program {

std::int64_t Lane::slot_bytes() const {
  std::vector<std::int64_t> blocks(buffers.size(), 0);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    std::int64_t& block = blocks[buffers[i].block.value_or(i)];
    block = std::max(block, buffers[i].bytes());
  }
  return std::accumulate(blocks.begin(), blocks.end(), std::int64_t{0});
}

std::vector<std::size_t> deal_frames(const std::vector<Replica>& replicas, std::size_t frames) {
  if (replicas.empty()) throw Error(ExitCode::internal, "PROGRAM-REPLICAS", "frames cannot be dealt to no replica");
  std::int64_t total = 0;
  for (const Replica& replica : replicas) total += replica.share;
  std::vector<std::int64_t> credit(replicas.size(), 0);
  std::vector<std::size_t> dealt;
  dealt.reserve(frames);
  while (dealt.size() < frames) {
    std::size_t best = 0;
    for (std::size_t r = 0; r < replicas.size(); ++r) {
      credit[r] += replicas[r].share;
      if (credit[r] > credit[best]) best = r;
    }
    credit[best] -= total;
    dealt.push_back(best);
  }
  return dealt;
}

std::int64_t staged_bytes(const Lane& lane, const Step& step) {
  if (step.kind != StepKind::send && step.kind != StepKind::receive) return 0;
  const std::vector<View>& views = step.kind == StepKind::send ? step.sources : step.targets;
  std::int64_t bytes = 0;
  bool shortened = false;
  for (const View& view : views) {
    const DataType type = lane.buffers[view.buffer].type;
    shortened = shortened || shortens(step.wire, type);
    bytes += wire_bytes(step.wire, type, view.box.elements());
  }
  const bool in_place =
      !shortened && views.size() == 1 && contiguous_in(views.front().box, lane.buffers[views.front().buffer].box);
  return in_place ? 0 : bytes;
}

bool contiguous_in(const Box& box, const Box& outer) {
  const std::size_t rank = box.lo.size();
  const auto extent = [](const Box& b, std::size_t axis) { return b.hi[axis] - b.lo[axis]; };
  std::size_t axis = 0;
  while (axis < rank && extent(box, axis) == 1) ++axis;
  // The first axis with more than one element may be cut; everything inside it must be whole.
  for (++axis; axis < rank; ++axis)
    if (extent(box, axis) != extent(outer, axis)) return false;
  return true;
}

}  // namespace dse::program
