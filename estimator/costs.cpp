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

KernelMeasurement unknown_kernel(const LayerFeatures& of, const KernelShape& shape) {
  KernelMeasurement kernel;
  kernel.macs = of.work;
  kernel.bytes = of.bytes;
  kernel.shape = shape;
  return kernel;
}

bool is_blocked(OperatorClass op_class) {
  return op_class == OperatorClass::convolution || op_class == OperatorClass::depthwise_convolution ||
         op_class == OperatorClass::pool || op_class == OperatorClass::global_pool;
}

// The profile's model of a class of which it need not have measured a kernel, else the generic device's.
const ClassModel& model_of(const DeviceProfile& profile, OperatorClass op_class, int threads) {
  static const DeviceProfile generic = generic_profile(1);
  const std::string name(to_string(op_class));
  const ClassModel* model = profile.class_model(name, threads);
  const bool grows = model != nullptr && (model->bytes_per_second > 0 || model->macs_per_second > 0);
  return grows ? *model : *generic.class_model(name, 1);
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

namespace {

// Of a part that does this fraction of the work: strips of rows read all weights, slices of channels all inputs.
LayerFeatures share_features(const Network& network, const Layer& layer, PartAxis axis, double fraction) {
  double in = 0, out = 0;
  for (const TensorId id : layer.inputs) in += static_cast<double>(network.tensors()[id].bytes());
  for (const TensorId id : layer.outputs) out += static_cast<double>(network.tensors()[id].bytes());
  const auto weights = static_cast<double>(layer.weight_bytes);
  const bool channelwise = layer.weight_bytes == 0 || layer.op_class == OperatorClass::depthwise_convolution;
  LayerFeatures of = features(network, layer);
  of.work *= fraction;
  switch (axis) {
    case PartAxis::channels:
      of.bytes = fraction * (weights + out) + (channelwise ? fraction : 1) * in;
      break;
    case PartAxis::inputs:
      of.bytes = fraction * (weights + in) + out;
      break;
    case PartAxis::rows:
      of.bytes = weights + fraction * (in + out);
      break;
  }
  return of;
}

}  // namespace

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

namespace {

// What a profile says of layers: what is asked again and again of it is looked up once.
class ProfileCosts {
 public:
  explicit ProfileCosts(const DeviceProfile& profile) : profile_(profile) {
    for (const PartMeasurement& part : profile.parts)
      if (const KernelMeasurement* whole = profile.find(part.signature, part.threads))
        part_kernels_.push_back(as_kernel(part, whole->shape));
  }

  LayerCost layer(const Network& network, const Layer& layer, int threads) {
    if (const KernelMeasurement* kernel = profile_.find(layer.signature, threads)) {
      // The quartile of n samples is known to about their spread / sqrt(n).
      const double sampling =
          kernel->samples > 0 ? kernel->spread / std::sqrt(static_cast<double>(kernel->samples)) : kernel->spread;
      return {kernel->seconds, Tier::table, std::max(sampling, profile_.hold_out_error)};
    }
    if (const ClassModel* model = measured_class(layer, threads)) return from_class(network, layer, *model);
    for (int fewer = threads - 1; fewer >= 1; --fewer)
      if (const KernelMeasurement* kernel = profile_.find(layer.signature, fewer))
        return {kernel->seconds, Tier::analytical, unmeasured_threads_uncertainty};
    for (int fewer = threads - 1; fewer >= 1; --fewer)
      if (const ClassModel* model = measured_class(layer, fewer))
        return of_unmeasured_threads(from_class(network, layer, *model));
    const DeviceProfile generic = generic_profile(threads);
    const ClassModel* model = generic.class_model(std::string(to_string(layer.op_class)), threads);
    if (model == nullptr) model = &generic.classes.front();
    return of_unmeasured_threads(analytical(*model, features(network, layer)));
  }

  PartCost part(const Network& network, const Layer& of, int threads) {
    const LayerCost whole = layer(network, of, threads);
    const LayerFeatures all = features(network, of);
    const ClassModel* model = measured_class(of, threads);
    if (model == nullptr) model = profile_.class_model(std::string(to_string(of.op_class)), threads);
    const double modelled = model != nullptr ? evaluate(*model, all) : 0;
    PartCost result;
    result.whole_seconds = whole.seconds;
    result.uncertainty = whole.uncertainty;
    if (model != nullptr && modelled > 0) {
      const double scale = whole.seconds / modelled;
      result.base_seconds = scale * model->base_seconds;
      if (model->macs_per_second > 0) result.seconds_per_work = scale / model->macs_per_second;
      if (model->bytes_per_second > 0) result.seconds_per_byte = scale / model->bytes_per_second;
      result.uncertainty = std::max(result.uncertainty, model->error > 0 ? model->error : unvalidated_uncertainty);
    } else if (all.work > 0) {
      result.seconds_per_work = whole.seconds / all.work;
    } else {
      result.base_seconds = whole.seconds;
    }
    for (const PartAxis axis : {PartAxis::channels, PartAxis::inputs, PartAxis::rows}) {
      const auto at = static_cast<std::size_t>(axis);
      result.curves[at] = part_curve(profile_, of.signature, axis, threads, whole.seconds);
      result.measured[at] = result.curves[at].known();
      if (!result.measured[at] && model != nullptr && modelled > 0)
        result.curves[at] = modelled_curve(network, of, *model, axis, whole.seconds);
    }
    result.between = std::max(whole.uncertainty, profile_.part_error);
    return result;
  }

 private:
  const ClassModel* measured_class(const Layer& layer, int threads) const {
    const std::string narrow = narrow_class(to_string(layer.op_class), layer.op_type);
    for (const ClassModel& model : profile_.classes)
      if (model.threads == threads && model.op_class == narrow) return &model;
    const ClassModel* model = profile_.class_model(std::string(to_string(layer.op_class)), threads);
    return model != nullptr && model->threads == threads ? model : nullptr;
  }

  static LayerCost of_unmeasured_threads(LayerCost cost) {
    cost.uncertainty = std::max(cost.uncertainty, unmeasured_threads_uncertainty);
    return cost;
  }

  const Neighbours& neighbours(const ClassModel& model) {
    const auto known = neighbours_.find(&model);
    if (known != neighbours_.end()) return known->second;
    std::vector<const KernelMeasurement*> measured;
    for (const std::span<const KernelMeasurement> kernels :
         {std::span(profile_.kernels), std::span(std::as_const(part_kernels_))})
      for (const KernelMeasurement& kernel : kernels)
        if (covers(model, kernel)) measured.push_back(&kernel);
    return neighbours_.emplace(&model, Neighbours(model, measured)).first->second;
  }

  // The class' model, corrected by what like kernels of the class took. Where nothing is like it, its error may be that
  // of the model without its neighbours.
  LayerCost from_class(const Network& network, const Layer& layer, const ClassModel& model) {
    const LayerFeatures of = features(network, layer);
    LayerCost cost = analytical(model, of);
    const Neighbourhood near = neighbours(model).of(unknown_kernel(of, kernel_shape(network, layer)));
    cost.seconds *= near.factor;
    cost.uncertainty =
        near.support * cost.uncertainty + (1 - near.support) * std::max(cost.uncertainty, unvalidated_uncertainty);
    return cost;
  }

  // Parts are kernels of other shapes; the whole costs what it costs, the parts in proportion.
  PartCurve modelled_curve(const Network& network, const Layer& layer, const ClassModel& model, PartAxis axis,
                           double whole_seconds) {
    const KernelShape shape = kernel_shape(network, layer);
    if (!shape.known()) return {};
    const bool depthwise = layer.op_class == OperatorClass::depthwise_convolution;
    const Neighbours& near = neighbours(model);
    const auto seconds = [&](double fraction) {
      const LayerFeatures of = share_features(network, layer, axis, fraction);
      const KernelShape of_part = fraction < 1 ? part_shape(shape, axis, fraction, depthwise) : shape;
      return evaluate(model, of) * near.of(unknown_kernel(of, of_part)).factor;
    };
    constexpr int points = 8;
    const double scale = whole_seconds / seconds(1);
    std::vector<CurvePoint> curve;
    for (int i = 1; i < points; ++i) {
      const double fraction = static_cast<double>(i) / points;
      curve.push_back({fraction, scale * seconds(fraction)});
    }
    return {std::move(curve), whole_seconds};
  }

  const DeviceProfile& profile_;
  std::vector<KernelMeasurement> part_kernels_;
  std::map<const ClassModel*, Neighbours> neighbours_;
};

}  // namespace

LayerCost layer_cost(const Network& network, const Layer& layer, const DeviceProfile& profile, int threads) {
  return ProfileCosts(profile).layer(network, layer, threads);
}

PartCost part_cost(const Network& network, const Layer& layer, const DeviceProfile& profile, int threads) {
  return ProfileCosts(profile).part(network, layer, threads);
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
  if (profile.copies.empty()) {
    static const DeviceProfile generic = generic_profile(1);
    const std::string name(to_string(OperatorClass::data_movement));
    const ClassModel* model = profile.class_model(name, threads);
    if (model == nullptr || model->bytes_per_second <= 0) model = generic.class_model(name, 1);
    return 2 * bytes / model->bytes_per_second;
  }
  const auto above = std::find_if(profile.copies.begin(), profile.copies.end(), [&](const CopyMeasurement& copy) {
    return static_cast<double>(copy.bytes) >= bytes;
  });
  if (above == profile.copies.begin()) return above->seconds;
  const CopyMeasurement& low = *(above - 1);
  const double beyond = bytes - static_cast<double>(low.bytes);
  if (above == profile.copies.end()) return low.seconds + beyond * low.seconds / static_cast<double>(low.bytes);
  return low.seconds + beyond * (above->seconds - low.seconds) / static_cast<double>(above->bytes - low.bytes);
}

CostTable::CostTable(const Network& network, const Platform& platform) : layers_(network.layers().size()) {
  std::map<std::pair<const DeviceProfile*, int>, Block> known;  // devices of one kind share a profile, and so a block
  for (const Device& device : platform.devices) {
    const auto [entry, fresh] =
        known.try_emplace({device.profile.get(), device.cores}, Block{costs_.size(), device.cores});
    devices_.push_back(entry->second);
    if (!fresh) continue;
    const DeviceProfile& profile = *device.profile;
    ProfileCosts costs(profile);
    for (int threads = 1; threads <= device.cores; ++threads) {
      for (const Layer& layer : network.layers()) {
        costs_.push_back(corrected(costs.layer(network, layer, threads), profile, layer.op_class, threads));
        parts_.push_back(corrected(costs.part(network, layer, threads), profile, layer.op_class, threads));
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
