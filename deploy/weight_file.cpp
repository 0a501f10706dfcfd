#include "deploy/weight_file.hpp"

#include "base/sha256.hpp"

namespace dse::deploy {

WeightFile::WeightFile(const Network& network, std::span<const WeightId> weights) {
  std::map<std::string, std::int64_t> by_content;
  for (const WeightId id : weights) {
    if (offsets_.contains(id)) continue;
    const Weight& weight = network.weights()[id];
    const std::span<const std::byte> bytes(weight.data, static_cast<std::size_t>(weight.tensor.bytes()));
    const std::int64_t next = (size_ + alignment - 1) / alignment * alignment;
    const auto [known, added] = by_content.emplace(sha256_hex(bytes), next);
    offsets_.emplace(id, known->second);
    if (!added) continue;
    pieces_.push_back({next, bytes});
    size_ = next + static_cast<std::int64_t>(bytes.size());
  }
}

std::optional<WeightLocation> WeightFile::locate(WeightId weight, const std::string& file) const {
  const auto found = offsets_.find(weight);
  if (found == offsets_.end()) return std::nullopt;
  return WeightLocation{file, found->second};
}

}  // namespace dse::deploy
