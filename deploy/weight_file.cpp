#include "deploy/weight_file.hpp"

#include "base/sha256.hpp"

namespace dse::deploy {
namespace {

std::vector<WeightSlice> whole_slices(const Network& network, std::span<const WeightId> weights) {
  std::vector<WeightSlice> slices;
  for (const WeightId id : weights) slices.push_back({id, Box::whole(network.weights()[id].tensor.shape)});
  return slices;
}

}  // namespace

WeightFile::WeightFile(const Network& network, std::span<const WeightId> weights)
    : WeightFile(network, whole_slices(network, weights)) {}

WeightFile::WeightFile(const Network& network, std::span<const WeightSlice> slices) {
  std::map<std::string, std::int64_t> by_content;
  for (const WeightSlice& slice : slices) {
    if (offsets_.contains(slice)) continue;
    std::vector<std::byte> memory;
    std::span<const std::byte> bytes = slice_bytes(network, slice, memory);
    const std::int64_t next = (size_ + alignment - 1) / alignment * alignment;
    const auto [known, added] = by_content.emplace(sha256_hex(bytes), next);
    offsets_.emplace(slice, known->second);
    if (slice.box == Box::whole(network.weights()[slice.weight].tensor.shape))
      whole_.emplace(slice.weight, known->second);
    if (!added) continue;
    if (!memory.empty()) bytes = packed_.emplace_back(std::move(memory));
    pieces_.push_back({next, bytes});
    size_ = next + static_cast<std::int64_t>(bytes.size());
  }
}

std::optional<WeightLocation> WeightFile::locate(const WeightSlice& slice, const std::string& file) const {
  const auto found = offsets_.find(slice);
  if (found == offsets_.end()) return std::nullopt;
  return WeightLocation{file, found->second};
}

std::optional<WeightLocation> WeightFile::locate(WeightId weight, const std::string& file) const {
  const auto found = whole_.find(weight);
  if (found == whole_.end()) return std::nullopt;
  return WeightLocation{file, found->second};
}

}  // namespace dse::deploy
