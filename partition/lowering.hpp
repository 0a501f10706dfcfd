// The steps of lower(), private to the room: placement → holdings and transfers → segments → programs, one replica at a
// time.
#pragma once

#include <cstdint>
#include <vector>

#include "models/network.hpp"
#include "partition/holdings.hpp"
#include "partition/plan.hpp"

namespace dse::lowering {

constexpr std::size_t nobody = static_cast<std::size_t>(-1);

// Square bit matrix, rows as words: reachability of parts, ancestors of segments.
class BitMatrix {
 public:
  explicit BitMatrix(std::size_t rows, std::size_t columns) : words_((columns + 63) / 64), bits_(rows * words_) {}
  void set(std::size_t row, std::size_t column) {
    bits_[row * words_ + column / 64] |= std::uint64_t{1} << (column % 64);
  }
  bool get(std::size_t row, std::size_t column) const {
    return (bits_[row * words_ + column / 64] >> (column % 64) & 1) != 0;
  }
  void add_row(std::size_t to, std::size_t from) {
    for (std::size_t w = 0; w < words_; ++w) bits_[to * words_ + w] |= bits_[from * words_ + w];
  }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

// Parts of one device that will be one sub-model, as indices into the replica's parts, ascending.
struct Group {
  std::size_t device = 0;
  std::vector<std::size_t> parts;
};

// Groups the parts of one replica; sources[part]: the parts that it depends on, by index. The graph of groups is
// acyclic.
std::vector<Group> group_parts(const Network& network, const std::vector<Part>& parts,
                               const std::vector<std::vector<std::size_t>>& sources);

// The segments in a topological order, the one with the earliest part first among those that are ready.
std::vector<std::size_t> order_groups(const std::vector<Group>& groups, const std::vector<std::size_t>& group_of,
                                      const std::vector<std::vector<std::size_t>>& sources);

}  // namespace dse::lowering
