#include "runtime/slot.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <new>

#include "runtime/wire_codec.hpp"

namespace dse::runtime {
namespace {

using program::Step;
using program::StepKind;
using program::View;

constexpr std::size_t alignment = 64;  // a cache line, and what the engine's widest kernels like

std::size_t padded(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

class LayoutBuilder {
 public:
  LayoutBuilder(const program::Lane& lane, const program::Deployment& deployment)
      : lane_(lane), deployment_(deployment) {}

  StepLayout build(const Step& step) const {
    StepLayout layout;
    layout.wire = step.wire;
    if (step.kind == StepKind::send) message(step.sources, true, layout);
    if (step.kind == StepKind::receive) message(step.targets, false, layout);
    layout.in_place = program::staged_bytes(lane_, step) == 0;
    if (step.kind == StepKind::input) input(step, layout);
    if (step.kind == StepKind::copy) copy(step, layout);
    return layout;
  }

 private:
  const Box& box(const View& view) const { return lane_.buffers[view.buffer].box; }
  std::size_t element(const View& view) const { return element_size(lane_.buffers[view.buffer].type); }

  void message(const std::vector<View>& views, bool outgoing, StepLayout& layout) const {
    for (const View& view : views) {
      const Box& from = outgoing ? box(view) : view.box;
      const Box& to = outgoing ? view.box : box(view);
      const DataType type = lane_.buffers[view.buffer].type;
      ViewCopy copy{view.buffer, 0, layout.message_bytes, StridedCopy(view.box, from, to, element(view))};
      copy.shortened = program::shortens(layout.wire, type);
      copy.elements = static_cast<std::size_t>(view.box.elements());
      layout.message_bytes += static_cast<std::size_t>(program::wire_bytes(layout.wire, type, view.box.elements()));
      layout.copies.push_back(std::move(copy));
    }
  }

  void input(const Step& step, StepLayout& layout) const {
    const Box whole = Box::whole(deployment_.inputs[step.port].tensor.shape);
    for (const View& view : step.targets)
      layout.copies.push_back({view.buffer, 0, 0, StridedCopy(view.box, whole, box(view), element(view)), false, 0});
  }

  void copy(const Step& step, StepLayout& layout) const {
    for (std::size_t i = 0; i < step.sources.size(); ++i) {
      const View& from = step.sources[i];
      const View& to = step.targets[i];
      layout.copies.push_back(
          {from.buffer, to.buffer, 0, StridedCopy(from.box, box(from), box(to), element(from)), false, 0});
    }
  }

  const program::Lane& lane_;
  const program::Deployment& deployment_;
};

// Feature maps are read and written whole by one device after the other: fewer pages to look up, and to pin where MPI
// copies between processes. Only whole huge pages inside the memory; a kernel that has none is as good without.
void prefer_huge_pages(std::byte* memory, std::size_t bytes) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  void* first = memory;
  std::size_t left = bytes;
  if (std::align(huge, huge, first, left) != nullptr) ::madvise(first, left / huge * huge, MADV_HUGEPAGE);
}

std::size_t staging_bytes(const StepLayout& layout) { return layout.in_place ? 0 : padded(layout.message_bytes); }

}  // namespace

LaneLayout::LaneLayout(const program::Lane& described, const program::Deployment& deployment)
    : lane(&described), successors(described.steps.size()) {
  const LayoutBuilder builder(described, deployment);
  for (std::size_t index = 0; index < described.steps.size(); ++index) {
    const Step& step = described.steps[index];
    steps.push_back(builder.build(step));
    if (step.kind == StepKind::output) ++outputs;
    for (const std::size_t earlier : step.after) successors[earlier].push_back(index);
  }
  std::size_t longest = 0;
  for (const StepLayout& step : steps)
    for (const ViewCopy& copy : step.copies)
      if (copy.shortened) longest = std::max(longest, copy.elements);
  if (longest > 0) dense = std::make_unique<float[]>(longest);
}

void Slot::Release::operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{alignment}); }

Slot::Slot(const LaneLayout& layout) : layout_(&layout) {
  const program::Lane& lane = *layout.lane;
  std::size_t total = alignment;
  std::vector<std::size_t> blocks(lane.buffers.size(), 0);
  const auto block_of = [&](std::size_t buffer) { return lane.buffers[buffer].block.value_or(buffer); };
  for (std::size_t i = 0; i < lane.buffers.size(); ++i)
    blocks[block_of(i)] = std::max(blocks[block_of(i)], padded(static_cast<std::size_t>(lane.buffers[i].bytes())));
  for (const std::size_t block : blocks) total += block;
  for (const StepLayout& step : layout.steps) total += staging_bytes(step);
  memory_.reset(static_cast<std::byte*>(::operator new (total, std::align_val_t{alignment})));
  prefer_huge_pages(memory_.get(), total);
  std::byte* next = memory_.get();
  std::vector<std::byte*> places;
  for (const std::size_t block : blocks) {
    places.push_back(next);
    next += block;
  }
  for (std::size_t i = 0; i < lane.buffers.size(); ++i) buffers_.push_back(places[block_of(i)]);
  for (std::size_t step = 0; step < lane.steps.size(); ++step) {
    bindings_.push_back(bind(lane.steps[step], layout.steps[step], next));
    next += staging_bytes(layout.steps[step]);
  }
}

StepBinding Slot::bind(const Step& step, const StepLayout& layout, std::byte* staging) const {
  StepBinding binding;
  const auto& buffers = layout_->lane->buffers;
  const auto place = [&](const View& view) {
    const program::Buffer& buffer = buffers[view.buffer];
    return buffers_[view.buffer] + offset_in(view.box, buffer.box, element_size(buffer.type));
  };
  const auto type = [&](const View& view) { return TensorType{buffers[view.buffer].type, view.box.extents()}; };
  if (step.kind == StepKind::run) {
    for (const View& view : step.sources) binding.inputs.push_back({type(view), place(view)});
    for (const View& view : step.targets) binding.outputs.push_back({type(view), place(view)});
  }
  if (step.kind == StepKind::output)
    binding.message = {place(step.sources.front()), static_cast<std::size_t>(type(step.sources.front()).bytes())};
  if (step.kind == StepKind::send || step.kind == StepKind::receive) {
    const View& first = step.kind == StepKind::send ? step.sources.front() : step.targets.front();
    binding.message = {layout.in_place ? place(first) : staging, layout.message_bytes};
  }
  return binding;
}

void Slot::pack(std::size_t step) const {
  const StepLayout& layout = layout_->steps[step];
  if (layout.in_place) return;
  for (const ViewCopy& view : layout.copies) {
    std::byte* const place = bindings_[step].message.data() + view.offset;
    if (!view.shortened) {
      view.copy.run(buffers_[view.buffer], place);
      continue;
    }
    const std::span<float> dense{layout_->dense.get(), view.elements};
    view.copy.run(buffers_[view.buffer], std::as_writable_bytes(dense).data());
    encode(layout.wire, dense, place);
  }
}

void Slot::unpack(std::size_t step) const {
  const StepLayout& layout = layout_->steps[step];
  if (layout.in_place) return;
  for (const ViewCopy& view : layout.copies) {
    const std::byte* const place = bindings_[step].message.data() + view.offset;
    if (!view.shortened) {
      view.copy.run(place, buffers_[view.buffer]);
      continue;
    }
    const std::span<float> dense{layout_->dense.get(), view.elements};
    decode(layout.wire, place, dense);
    view.copy.run(std::as_bytes(dense).data(), buffers_[view.buffer]);
  }
}

void Slot::fill(std::size_t step, std::span<const std::byte> whole_input) const {
  for (const ViewCopy& view : layout_->steps[step].copies) view.copy.run(whole_input.data(), buffers_[view.buffer]);
}

void Slot::copy(std::size_t step) const {
  for (const ViewCopy& view : layout_->steps[step].copies) view.copy.run(buffers_[view.buffer], buffers_[view.other]);
}

}  // namespace dse::runtime
