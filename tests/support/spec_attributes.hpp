// Reads a node's attributes, with a plain value for those that are left out.
#pragma once

#include <string>
#include <vector>

#include "tests/support/network_spec.hpp"

namespace dse::test {

using Numbers = std::vector<std::int64_t>;

inline std::int64_t number(const SpecNode& node, const std::string& name, std::int64_t plain = 0) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() || found->second.empty() ? plain : found->second.front();
}

inline Numbers numbers(const SpecNode& node, const std::string& name, std::size_t count, std::int64_t plain) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? Numbers(count, plain) : found->second;
}

inline std::size_t spatial_rank(const Shape& shape) { return shape.size() < 2 ? 0 : shape.size() - 2; }

// A convolution's group: 0 says one a channel.
inline std::int64_t groups(const SpecNode& node, const Shape& input) {
  const std::int64_t group = number(node, "group", 1);
  return group == 0 ? input[1] : group;
}

}  // namespace dse::test
