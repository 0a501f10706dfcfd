#include "estimator/costs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "estimator/class_model.hpp"

namespace dse {
namespace {

double evaluate(const ClassModel& model, const LayerFeatures& of) { return roofline_seconds(model, of.work, of.bytes); }

LayerCost analytical(const ClassModel& model, const LayerFeatures& of) {
  return {evaluate(model, of), Tier::analytical, model.error > 0 ? model.error : unvalidated_uncertainty};
}

// The class' model, corrected by what like kernels of the class took. Where nothing is like it, its error may be that
// of the model without its neighbours.
LayerCost from_class(const Network& network, const Layer& layer, const DeviceProfile& profile,
                     const ClassModel& model) {
  const LayerFeatures of = features(network, layer);
  LayerCost cost = analytical(model, of);
  std::vector<const KernelMeasurement*> measured;
  for (const KernelMeasurement& kernel : profile.kernels)
    if (covers(model, kernel)) measured.push_back(&kernel);
  KernelMeasurement unknown;
  unknown.macs = of.work;
  unknown.bytes = of.bytes;
  unknown.shape = kernel_shape(network, layer);
  const Neighbourhood near = neighbourhood(model, measured, unknown);
  cost.seconds *= near.factor;
  cost.uncertainty =
      near.support * cost.uncertainty + (1 - near.support) * std::max(cost.uncertainty, unvalidated_uncertainty);
  return cost;
}

bool is_blocked(OperatorClass op_class) {
  return op_class == OperatorClass::convolution || op_class == OperatorClass::depthwise_convolution ||
         op_class == OperatorClass::pool || op_class == OperatorClass::global_pool;
}

const ClassModel* measured_class(const DeviceProfile& profile, const Layer& layer, int threads) {
  const std::string narrow = narrow_class(to_string(layer.op_class), layer.op_type);
  for (const ClassModel& model : profile.classes)
    if (model.threads == threads && model.op_class == narrow) return &model;
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
  for (double* seconds : {&cost.base_seconds, &cost.seconds_per_work, &cost.seconds_per_byte, &cost.whole_seconds})
    *seconds *= by.factor();
  for (PartCurve& curve : cost.curves) curve.scale(by.factor());
  cost.tier = Tier::corrected;
  cost.uncertainty = by.uncertainty(cost.uncertainty);
  cost.between = by.uncertainty(cost.between);
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

bool is_relaid(const Network& network, const NetworkTensor& tensor, Port how) {
  if (how == Port::made) return tensor.producer && is_blocked(network.layers()[*tensor.producer].op_class);
  return std::any_of(tensor.consumers.begin(), tensor.consumers.end(),
                     [&](LayerId layer) { return is_blocked(network.layers()[layer].op_class); });
}

double relaid_bytes(const Network& network, const ValuePort& port, Port how) {
  if (port.value.kind != ValueId::Kind::tensor) return 0;
  const NetworkTensor& tensor = network.tensors()[port.value.index];
  if (!is_relaid(network, tensor, how)) return 0;
  return static_cast<double>(port.box.elements()) * static_cast<double>(element_size(tensor.tensor.type));
}

KernelShape kernel_shape(const Network& network, const Layer& layer) {
  if (layer.inputs.empty() || layer.outputs.empty()) return {};
  const auto channels = [](const Shape& shape) { return shape.size() > 1 ? static_cast<double>(shape[1]) : 1.0; };
  const auto positions = [](const Shape& shape) {
    double product = 1;
    for (std::size_t axis = 2; axis < shape.size(); ++axis) product *= static_cast<double>(shape[axis]);
    return product;
  };
  const Shape& in = network.tensors()[layer.inputs.front()].tensor.shape;
  const Shape& out = network.tensors()[layer.outputs.front()].tensor.shape;
  const KernelShape shape{channels(in), channels(out), positions(in), positions(out)};
  const bool empty =
      shape.channels_in <= 0 || shape.channels_out <= 0 || shape.positions_in <= 0 || shape.positions_out <= 0;
  return empty ? KernelShape{} : shape;
}

LayerFeatures part_features(const Network& network, const Part& part) {
  const Layer& layer = network.layers()[part.layer];
  LayerFeatures result;
  result.work = part.fraction * static_cast<double>(layer.macs > 0 ? layer.macs : layer.operations);
  const auto add = [&](const ValuePort& port) {
    result.bytes += static_cast<double>(port.box.elements()) *
                    static_cast<double>(element_size(value_type(network, port.value).type));
  };
  for (const ValuePort& port : part.inputs) add(port);
  for (const ValuePort& port : part.outputs) add(port);
  for (const WeightSlice& slice : part.weights) result.bytes += static_cast<double>(slice_size(network, slice));
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
  if (const ClassModel* model = measured_class(profile, layer, threads))
    return from_class(network, layer, profile, *model);
  for (int fewer = threads - 1; fewer >= 1; --fewer) {
    if (const KernelMeasurement* kernel = profile.find(layer.signature, fewer)) {
      return {kernel->seconds, Tier::analytical, unmeasured_threads_uncertainty};
    }
  }
  for (int fewer = threads - 1; fewer >= 1; --fewer) {
    if (const ClassModel* model = measured_class(profile, layer, fewer)) {
      LayerCost cost = from_class(network, layer, profile, *model);
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
  const ClassModel* model = measured_class(profile, layer, threads);
  if (model == nullptr) model = profile.class_model(std::string(to_string(layer.op_class)), threads);
  const double modelled = model != nullptr ? evaluate(*model, of) : 0;
  PartCost result;
  result.whole_seconds = whole.seconds;
  result.uncertainty = whole.uncertainty;
  if (model != nullptr && modelled > 0) {
    const double scale = whole.seconds / modelled;
    result.base_seconds = scale * model->base_seconds;
    result.unsaved = model->unsaved;
    if (model->macs_per_second > 0) result.seconds_per_work = scale / model->macs_per_second;
    if (model->bytes_per_second > 0) result.seconds_per_byte = scale / model->bytes_per_second;
    result.uncertainty = std::max(result.uncertainty, model->error > 0 ? model->error : unvalidated_uncertainty);
  } else if (of.work > 0) {
    result.seconds_per_work = whole.seconds / of.work;
  } else {
    result.base_seconds = whole.seconds;
  }
  for (const PartAxis axis : {PartAxis::channels, PartAxis::inputs, PartAxis::rows})
    result.curves[static_cast<std::size_t>(axis)] = part_curve(profile, layer.signature, axis, threads, whole.seconds);
  result.between = std::max(whole.uncertainty, profile.part_error);
  return result;
}

double least_seconds(const Layer& layer, const PartCost& cost) {
  double least = cost.whole_seconds;
  for (const PartCurve& curve : cost.curves) {
    if (curve.known()) {
      least = std::min(least, curve.least_per_fraction());
      continue;
    }
    // Any part does its share of the work, and strips of rows read all weights; the other bytes are left out.
    const auto work = static_cast<double>(layer.macs > 0 ? layer.macs : layer.operations);
    least = std::min(least, cost.base_seconds + cost.seconds_per_work * work +
                                cost.seconds_per_byte * static_cast<double>(layer.weight_bytes));
  }
  return least;
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
