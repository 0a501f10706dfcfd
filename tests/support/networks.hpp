// Small networks for the tests of every room: real files, imported through the door. Compiled into dse_test_networks;
// needs dse-shapes beside the test executable (they share bin/).
#pragma once

#include <cstdint>
#include <string>

#include "base/files.hpp"
#include "models/network.hpp"

namespace dse::test {

// A model file in a folder of its own that goes with the object, and what it imports as.
class SmallNetwork {
 public:
  // model: the serialised ModelProto.
  SmallNetwork(const std::string& name, const std::string& model, const ImportOptions& options = {});

  const fs::path& path() const { return path_; }
  const Network& network() const { return network_; }
  const Network& operator*() const { return network_; }
  const Network* operator->() const { return &network_; }

 private:
  TempDir folder_;
  fs::path path_;
  Network network_;
};

// `layers` times Conv 3x3 (8 channels) + Relu on a 1x3x16x16 input "x"; layers conv1, conv2, ...; output "y".
SmallNetwork chain_network(std::size_t layers = 4);

// A stem, two residual blocks (one with a 1x1 convolution on its skip, stride 2), global average pooling, Flatten and
// Gemm: cuts cross skips. Input "x" 1x3x16x16, output "y" 1x10.
SmallNetwork residual_network();

// Three parallel branches (1x1, 3x3, pool + 1x1) that a Concat joins, twice; input "x" 1x8x12x12, output "y".
SmallNetwork branch_network();

// Two outputs of different depth and two inputs: "a" (1x4x8x8) and "b" (1x4x8x8); outputs "near" and "far", and "near"
// is read inside too.
SmallNetwork two_output_network();

// A random directed acyclic graph of `layers` Conv, Add, Concat, MaxPool and Relu nodes with seeded weights; input "x"
// 1x4x8x8. Every tensor that nobody reads is an output.
SmallNetwork random_network(std::uint64_t seed, std::size_t layers = 12);

}  // namespace dse::test
