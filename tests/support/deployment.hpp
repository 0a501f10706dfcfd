// A whole deployment in one process: the executor that ships, one thread a device, over the in-process transport.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "deploy/reference.hpp"
#include "models/network.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"

namespace dse::test {

// A platform of `devices` local devices with plenty of memory, named d0, d1, ...
Platform local_platform(std::size_t devices);

// Changes a message on its way: what a wrong cut would do. Gets the transfer's index and its bytes.
using Tamper = std::function<void(std::size_t transfer, std::vector<std::byte>& message)>;

struct Outcome {
  std::vector<std::vector<std::vector<std::byte>>> outputs;  // by frame, port
  std::size_t segments = 0;
  std::size_t transfers = 0;
  std::int64_t transferred = 0;  // bytes of a frame, all transfers
  Wire wire = Wire::full;        // the one that loses most
};

// Lowers the mapping and runs `frames` frames of the reference's inputs with the deployment's own frames in flight.
Outcome run_in_process(const Network& network, const Platform& platform, const Mapping& mapping,
                       deploy::Reference& reference, std::size_t frames, const Tamper& tamper = {});

// The same on given inputs, by frame and port.
Outcome run_in_process(const Network& network, const Platform& platform, const Mapping& mapping,
                       std::vector<std::vector<engine::OwnedTensor>> inputs, const Tamper& tamper = {});

struct Verdict {
  double worst_error = 0;   // relative, over all frames and outputs
  double worst_excess = 0;  // error ÷ tolerance
  bool exact() const { return worst_excess <= 1; }
};

Verdict compare(deploy::Reference& reference, const Network& network, const Outcome& outcome);

// Swaps the two halves of the channel axis (else of the first axis that has two): what a split with its slices in the
// wrong order would send. False where the tensor has no such axis or its halves are equal.
bool swap_two_slices(const TensorType& tensor, std::vector<std::byte>& message);

}  // namespace dse::test
