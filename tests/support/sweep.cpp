#include "tests/support/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "tests/support/deployment.hpp"

namespace dse::test {
namespace {

std::vector<LayerId> cut_positions(std::size_t layers, std::size_t wanted) {
  std::vector<LayerId> positions;
  if (layers < 2) return positions;
  const std::size_t all = layers - 1;
  const std::size_t count = wanted == 0 ? all : std::min(wanted, all);
  for (std::size_t i = 0; i < count; ++i) positions.push_back(1 + i * all / count);
  return positions;
}

class Sweep {
 public:
  Sweep(const Network& network, const SweepOptions& options)
      : network_(network),
        options_(options),
        platform_(local_platform(4)),
        reference_(network, engine::Engine::instance()),
        random_(options.seed) {}

  SweepResult run() {
    for (const LayerId cut : cut_positions(network_.layers().size(), options_.cuts)) {
      const std::size_t first = cut % 2;
      try_mapping(contiguous(network_, {cut}, {first, 1 - first}));
    }
    for (std::size_t i = 0; i < options_.three_stages; ++i) try_mapping(random_contiguous(network_, 3, 4, random_));
    for (std::size_t i = 0; i < options_.four_devices; ++i) try_mapping(random_free(network_, 4, random_));
    for (std::size_t i = 0; i < options_.replicas; ++i) try_mapping(random_replicas(network_, 4, random_));
    for (std::size_t i = 0; i < options_.hybrids; ++i)
      try_mapping(random_hybrids(network_, 2 + below(random_, 3), random_));
    for (std::size_t devices = 2; options_.strategies && devices <= 4; ++devices) {
      std::vector<std::int64_t> uneven(devices, 1);
      uneven.front() = 3;
      for (const auto& shares : {std::vector<std::int64_t>{}, uneven})
        for (const NamedMapping& named : strategies(network_, devices, shares)) try_mapping(named.mapping);
    }
    return result_;
  }

 private:
  void try_mapping(const Mapping& mapping) {
    ++result_.cases;
    const Outcome outcome = run_in_process(network_, platform_, mapping, reference_, options_.frames);
    const Verdict verdict = compare(reference_, network_, outcome);
    result_.worst_error = std::max(result_.worst_error, verdict.worst_error);
    result_.worst_excess = std::max(result_.worst_excess, verdict.worst_excess);
    if (!verdict.exact()) {
      ++result_.wrong;
      if (result_.first_failure.empty()) result_.first_failure = to_json(mapping, network_, platform_);
    }
    if (outcome.transfers > 0) tamper(mapping);
  }

  bool between_layers_only(const Transfer& transfer) const {
    const ValueId& value = transfer.cargo.front().value;
    return value.kind == ValueId::Kind::partial || network_.tensors()[value.index].producer;
  }

  TensorType type_of(const Transfer& transfer) const {
    const Cargo& first = transfer.cargo.front();
    return {value_type(network_, first.value).type, first.boxes.front().extents()};
  }

  // A test that could not see a wrong cut would prove nothing: one transfer between layers arrives with two slices
  // swapped.
  void tamper(const Mapping& mapping) {
    const Plan plan = lower(network_, platform_, mapping);
    std::vector<std::size_t> between_layers;
    for (std::size_t t = 0; t < plan.transfers.size(); ++t)
      if (between_layers_only(plan.transfers[t])) between_layers.push_back(t);
    if (between_layers.empty()) return;
    const std::size_t chosen = between_layers[below(random_, between_layers.size())];
    std::atomic<bool> changed{false};
    const Outcome outcome = run_in_process(
        network_, platform_, mapping, reference_, mapping.replicas.size(), [&](std::size_t transfer, auto& message) {
          if (transfer == chosen && swap_two_slices(type_of(plan.transfers[chosen]), message)) changed = true;
        });
    if (!changed) return;
    ++result_.tampered;
    if (compare(reference_, network_, outcome).exact()) ++result_.unseen;
  }

  const Network& network_;
  SweepOptions options_;
  Platform platform_;
  deploy::Reference reference_;
  Random random_;
  SweepResult result_;
};

}  // namespace

SweepResult sweep(const Network& network, const SweepOptions& options) { return Sweep(network, options).run(); }

std::ostream& operator<<(std::ostream& out, const SweepResult& result) {
  out << result.cases << " mappings, " << result.wrong << " wrong, worst error " << result.worst_error << " ("
      << result.worst_excess << " of its tolerance), " << result.tampered << " tampered, " << result.unseen
      << " unseen";
  if (!result.first_failure.empty()) out << "; first wrong: " << result.first_failure;
  return out;
}

}  // namespace dse::test
