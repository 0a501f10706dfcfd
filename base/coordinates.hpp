// A number for each axis of a tensor.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "base/tensor.hpp"

namespace dse {

// A vector that needs no memory of its own up to rank 4, and is small: a lowering makes, copies and drops boxes by the
// ten thousand, and with std::vector most of its time was the allocator's.
class Coordinates {
 public:
  using value_type = std::int64_t;
  using iterator = std::int64_t*;
  using const_iterator = const std::int64_t*;

  Coordinates() = default;
  Coordinates(std::initializer_list<std::int64_t> values) : Coordinates(values.begin(), values.end()) {}
  Coordinates(const Shape& shape) : Coordinates(shape.begin(), shape.end()) {}  // NOLINT: a Shape is one
  explicit Coordinates(std::size_t rank, std::int64_t value = 0) {
    allot(rank);
    std::fill(begin(), end(), value);
  }
  template <std::input_iterator Iterator>
  Coordinates(Iterator first, Iterator last) {
    allot(static_cast<std::size_t>(last - first));
    std::copy(first, last, begin());
  }
  Coordinates(const Coordinates& other) : size_(other.size_), few_(other.few_) {
    if (!other.many_) return;
    allot(other.size_);
    std::copy(other.begin(), other.end(), begin());
  }
  Coordinates(Coordinates&& other) noexcept
      : size_(std::exchange(other.size_, 0)), few_(other.few_), many_(std::move(other.many_)) {}
  Coordinates& operator=(const Coordinates& other) {
    if (this != &other) *this = Coordinates(other);
    return *this;
  }
  Coordinates& operator=(Coordinates&& other) noexcept {
    size_ = std::exchange(other.size_, 0);
    few_ = other.few_;
    many_ = std::move(other.many_);
    return *this;
  }
  ~Coordinates() = default;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  iterator begin() { return size_ <= few ? few_.data() : many_.get(); }
  iterator end() { return begin() + size_; }
  const_iterator begin() const { return size_ <= few ? few_.data() : many_.get(); }
  const_iterator end() const { return begin() + size_; }
  std::int64_t& operator[](std::size_t axis) { return begin()[axis]; }
  std::int64_t operator[](std::size_t axis) const { return begin()[axis]; }
  std::int64_t& back() { return begin()[size_ - 1]; }
  std::int64_t back() const { return begin()[size_ - 1]; }

  // New axes are 0.
  void resize(std::size_t rank) {
    Coordinates resized(rank);
    std::copy_n(begin(), std::min(size_, rank), resized.begin());
    *this = std::move(resized);
  }
  void push_back(std::int64_t value) {
    resize(size_ + 1);
    back() = value;
  }
  Shape shape() const { return {begin(), end()}; }

  bool operator==(const Coordinates& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }
  std::strong_ordering operator<=>(const Coordinates& other) const {
    return std::lexicographical_compare_three_way(begin(), end(), other.begin(), other.end());
  }

 private:
  static constexpr std::size_t few = 4;

  // For a size that was 0, or with memory that is written anew.
  void allot(std::size_t rank) {
    size_ = rank;
    if (rank > few) many_ = std::make_unique<std::int64_t[]>(rank);
  }

  std::size_t size_ = 0;
  std::array<std::int64_t, few> few_{};
  std::unique_ptr<std::int64_t[]> many_;  // all of them, above rank `few`
};

}  // namespace dse
