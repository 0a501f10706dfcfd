#include "tests/support/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
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
        for (const NamedMapping& named : strategies(network_, devices, shares)) try_strategy(named);
    }
    return result_;
  }

 private:
  void try_strategy(const NamedMapping& named) {
    const auto is_it = [&](const StrategyRow& row) { return row.name == named.name; };
    auto row = std::find_if(result_.rows.begin(), result_.rows.end(), is_it);
    if (row == result_.rows.end()) {
      row = result_.rows.emplace(row);
      row->name = named.name;
      count_whole(named.mapping, *row);
    }
    const std::size_t wrong = result_.wrong;
    row->worst_excess = std::max(row->worst_excess, try_mapping(named.mapping));
    row->wrong += result_.wrong - wrong;
    ++row->cases;
  }

  // Layers of split stages that one device computes alone.
  void count_whole(const Mapping& mapping, StrategyRow& row) const {
    const Plan plan = lower(network_, platform_, mapping);
    double work = 0, whole = 0;
    for (std::size_t replica = 0; replica < mapping.replicas.size(); ++replica)
      for (const Stage& stage : mapping.replicas[replica].stages) {
        if (stage.split == Split::none || stage.devices.size() < 2) continue;
        for (const LayerId id : stage.layers) {
          const Layer& layer = network_.layers()[id];
          const auto parts = std::count_if(plan.parts.begin(), plan.parts.end(), [&](const Part& part) {
            return part.replica == replica && part.layer == id;
          });
          const auto arithmetic = static_cast<double>(layer.macs + layer.operations);
          ++row.split_layers;
          work += arithmetic;
          if (parts > 1) continue;
          ++row.whole_layers;
          ++row.kinds[layer.op_type];
          whole += arithmetic;
        }
      }
    row.whole_work = work > 0 ? whole / work : 0;
  }

  // Returns the error over its tolerance.
  double try_mapping(const Mapping& mapping) {
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
    return verdict.worst_excess;
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
  // swapped. Where an operator hides that transfer's values (a maximum, a rectifier), another.
  void tamper(const Mapping& mapping) {
    const Plan plan = lower(network_, platform_, mapping);
    std::vector<std::size_t> between_layers;
    for (std::size_t t = 0; t < plan.transfers.size(); ++t)
      if (between_layers_only(plan.transfers[t])) between_layers.push_back(t);
    bool tampered = false;
    for (std::size_t tries = 0; tries < 3 && !between_layers.empty(); ++tries) {
      const std::size_t chosen = between_layers[below(random_, between_layers.size())];
      const std::optional<bool> exact = exact_with_swapped(mapping, plan, chosen);
      if (!exact) continue;
      result_.tampered += tampered ? 0 : 1;
      tampered = true;
      if (!*exact) return;
    }
    result_.unseen += tampered ? 1 : 0;
  }

  // Nothing where the transfer has no two slices that differ.
  std::optional<bool> exact_with_swapped(const Mapping& mapping, const Plan& plan, std::size_t chosen) {
    std::atomic<bool> changed{false};
    const Outcome outcome = run_in_process(
        network_, platform_, mapping, reference_, mapping.replicas.size(), [&](std::size_t transfer, auto& message) {
          if (transfer == chosen && swap_two_slices(type_of(plan.transfers[chosen]), message)) changed = true;
        });
    return changed ? std::optional(compare(reference_, network_, outcome).exact()) : std::nullopt;
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

void print_rows(std::ostream& out, const std::string& network, const SweepResult& result) {
  for (const StrategyRow& row : result.rows) {
    out << "| " << network << " | " << row.name << " | " << row.cases << " | " << row.wrong << " | "
        << fmt::format("{:.3f}", row.worst_excess) << " | " << row.whole_layers << " of " << row.split_layers << " | "
        << fmt::format("{:.1f} %", 100 * row.whole_work) << " |";
    for (const auto& [kind, count] : row.kinds) out << ' ' << kind << ' ' << count;
    out << " |\n";
  }
  out.flush();
}

}  // namespace dse::test
