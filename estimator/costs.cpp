#include "estimator/costs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace dse {
namespace {

double evaluate(const ClassModel& model, const LayerFeatures& of) {
  double seconds = model.base_seconds;
  if (model.macs_per_second > 0) seconds += of.work / model.macs_per_second;
  if (model.bytes_per_second > 0) seconds += of.bytes / model.bytes_per_second;
  return seconds;
}

LayerCost analytical(const ClassModel& model, const LayerFeatures& of) {
  return {evaluate(model, of), Tier::analytical, model.error > 0 ? model.error : unvalidated_uncertainty};
}

const ClassModel* measured_class(const DeviceProfile& profile, const Layer& layer, int threads) {
  const ClassModel* model = profile.class_model(std::string(to_string(layer.op_class)), threads);
  return model != nullptr && model->threads == threads ? model : nullptr;
}

// The profile's model of a class of which it need not have measured a kernel, else the generic device's.
const ClassModel& model_of(const DeviceProfile& profile, OperatorClass op_class, int threads) {
  static const DeviceProfile generic = generic_profile(1);
  const std::string name(to_string(op_class));
  const ClassModel* model = profile.class_model(name, threads);
  return model != nullptr && model->bytes_per_second > 0 ? *model : *generic.class_model(name, 1);
}

// What validated runs of the device say of the class.
void correct(LayerCost& cost, const Correction& by) {
  cost = {cost.seconds * by.factor(), Tier::corrected, by.uncertainty(cost.uncertainty)};
}

void correct(PartCost& cost, const Correction& by) {
  for (double* seconds : {&cost.base_seconds, &cost.seconds_per_work, &cost.seconds_per_byte}) *seconds *= by.factor();
  cost.uncertainty = by.uncertainty(cost.uncertainty);
}

template <typename Cost>
Cost corrected(Cost cost, const DeviceProfile& profile, OperatorClass op_class, int threads) {
  if (const Correction* by = profile.corrections.find(to_string(op_class), threads)) correct(cost, *by);
  return cost;
}

}  // namespace

LayerFeatures features(const Network& network, const Layer& layer) {
  LayerFeatures result;
  result.work = static_cast<double>(layer.macs > 0 ? layer.macs : layer.operations);
  result.bytes = static_cast<double>(layer.weight_bytes);
  for (const TensorId id : layer.inputs) result.bytes += static_cast<double>(network.tensors()[id].bytes());
  for (const TensorId id : layer.outputs) result.bytes += static_cast<double>(network.tensors()[id].bytes());
  return result;
}

LayerCost layer_cost(const Network& network, const Layer& layer, const DeviceProfile& profile, int threads) {
  if (const KernelMeasurement* kernel = profile.find(layer.signature, threads)) {
    // The quartile of n samples is known to about their spread / sqrt(n).
    const double sampling =
        kernel->samples > 0 ? kernel->spread / std::sqrt(static_cast<double>(kernel->samples)) : kernel->spread;
    return {kernel->seconds, Tier::table, std::max(sampling, profile.hold_out_error)};
  }
  const LayerFeatures of = features(network, layer);
  if (const ClassModel* model = measured_class(profile, layer, threads)) return analytical(*model, of);
  for (int fewer = threads - 1; fewer >= 1; --fewer) {
    if (const KernelMeasurement* kernel = profile.find(layer.signature, fewer)) {
      return {kernel->seconds, Tier::analytical, unmeasured_threads_uncertainty};
    }
  }
  for (int fewer = threads - 1; fewer >= 1; --fewer) {
    if (const ClassModel* model = measured_class(profile, layer, fewer)) {
      LayerCost cost = analytical(*model, of);
      cost.uncertainty = std::max(cost.uncertainty, unmeasured_threads_uncertainty);
      return cost;
    }
  }
  const DeviceProfile generic = generic_profile(threads);
  const ClassModel* model = generic.class_model(std::string(to_string(layer.op_class)), threads);
  if (model == nullptr) model = &generic.classes.front();
  LayerCost cost = analytical(*model, of);
  cost.uncertainty = std::max(cost.uncertainty, unmeasured_threads_uncertainty);
  return cost;
}

PartCost part_cost(const Network& network, const Layer& layer, const DeviceProfile& profile, int threads) {
  const LayerCost whole = layer_cost(network, layer, profile, threads);
  const LayerFeatures of = features(network, layer);
  const ClassModel* model = profile.class_model(std::string(to_string(layer.op_class)), threads);
  const double modelled = model != nullptr ? evaluate(*model, of) : 0;
  PartCost result;
  result.uncertainty = whole.uncertainty;
  if (model != nullptr && modelled > 0) {
    const double scale = whole.seconds / modelled;
    result.base_seconds = scale * model->base_seconds;
    if (model->macs_per_second > 0) result.seconds_per_work = scale / model->macs_per_second;
    if (model->bytes_per_second > 0) result.seconds_per_byte = scale / model->bytes_per_second;
    result.uncertainty = std::max(result.uncertainty, model->error > 0 ? model->error : unvalidated_uncertainty);
  } else if (of.work > 0) {
    result.seconds_per_work = whole.seconds / of.work;
  } else {
    result.base_seconds = whole.seconds;
  }
  return result;
}

LayerCost sum_cost(const DeviceProfile& profile, const LayerFeatures& of, int threads) {
  return corrected(analytical(model_of(profile, OperatorClass::elementwise, threads), of), profile,
                   OperatorClass::elementwise, threads);
}

double copy_seconds(const DeviceProfile& profile, double bytes, int threads) {
  return 2 * bytes / model_of(profile, OperatorClass::data_movement, threads).bytes_per_second;
}

CostTable::CostTable(const Network& network, const Platform& platform) : layers_(network.layers().size()) {
  std::map<std::pair<const DeviceProfile*, int>, Block> known;  // devices of one kind share a profile, and so a block
  for (const Device& device : platform.devices) {
    const auto [entry, fresh] =
        known.try_emplace({device.profile.get(), device.cores}, Block{costs_.size(), device.cores});
    devices_.push_back(entry->second);
    if (!fresh) continue;
    for (int threads = 1; threads <= device.cores; ++threads) {
      for (const Layer& layer : network.layers()) {
        const DeviceProfile& profile = *device.profile;
        costs_.push_back(corrected(layer_cost(network, layer, profile, threads), profile, layer.op_class, threads));
        parts_.push_back(corrected(part_cost(network, layer, profile, threads), profile, layer.op_class, threads));
      }
    }
  }
}

std::size_t CostTable::index(LayerId layer, std::size_t device, int threads) const {
  const Block& block = devices_.at(device);
  const auto row = static_cast<std::size_t>(std::clamp(threads, 1, block.threads) - 1);
  return block.first + row * layers_ + layer;
}

}  // namespace dse
