// The external data file of a set of weights: each content once, aligned for mapping, in the order given.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/network.hpp"
#include "models/submodel.hpp"

namespace dse::deploy {

class WeightFile {
 public:
  static constexpr std::int64_t alignment = 4096;  // a page: weights are mapped, and shared by the ranks of a host

  // Places the weights; repeats, and other weights with the same bytes, take no space of their own.
  WeightFile(const Network& network, std::span<const WeightSlice> slices);
  WeightFile(const Network& network, std::span<const WeightId> weights);  // whole ones

  bool empty() const { return pieces_.empty(); }
  std::int64_t size() const { return size_; }
  // For SubmodelRequest::locate: `file` is where the bytes will be written, relative to the sub-model's folder.
  std::optional<WeightLocation> locate(const WeightSlice& slice, const std::string& file) const;
  std::optional<WeightLocation> locate(WeightId weight, const std::string& file) const;

  // The file's bytes in order: each weight, and zeros between them.
  template <typename Sink>
  void write(Sink&& sink) const {
    static constexpr std::byte zeros[alignment] = {};
    std::int64_t at = 0;
    for (const Piece& piece : pieces_) {
      if (piece.offset > at) sink(std::span(zeros, static_cast<std::size_t>(piece.offset - at)));
      sink(piece.bytes);
      at = piece.offset + static_cast<std::int64_t>(piece.bytes.size());
    }
  }

 private:
  struct Piece {
    std::int64_t offset = 0;
    std::span<const std::byte> bytes;  // the network's memory, or packed_
  };
  std::vector<Piece> pieces_;
  std::deque<std::vector<std::byte>> packed_;  // slices that do not lie in one piece
  std::map<WeightSlice, std::int64_t> offsets_;
  std::map<WeightId, std::int64_t> whole_;
  std::int64_t size_ = 0;
};

}  // namespace dse::deploy
