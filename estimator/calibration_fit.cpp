#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <numeric>

#include "estimator/calibration.hpp"
#include "estimator/class_model.hpp"
#include "estimator/costs.hpp"
#include "estimator/nnls.hpp"

namespace dse {
namespace {

// A kernel that the fit explains away (its time is in its neighbours') still takes a moment: profiles hold no zeros.
constexpr double least_seconds = 1e-7;

struct Kernel {
  const Layer* layer = nullptr;
  LayerFeatures of;
  KernelShape shape;
  double spread = 0;
  int samples = 0;
};

// The distinct kernels of several networks, and the equations that their measured groups make.
class KernelFit {
 public:
  void add(const NetworkTimes& times) {
    for (std::size_t c = 0; c < times.chains.size(); ++c) {
      const auto& chain = times.plan->chains[c];
      const bool hold_out = c + 1 == times.chains.size();
      for (std::size_t g = 0; g < chain.size() && !hold_out; ++g)
        add(*times.network, chain[g], times.chains[c][g], c == 0);
    }
  }

  // Fits kernels, and the engine call and the cut where they are not given.
  void solve(double* call, double* cut, bool fit_overheads) {
    const auto kernels = static_cast<Eigen::Index>(kernels_.size());
    const auto rows = static_cast<Eigen::Index>(equations_.size());
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(rows, kernels + (fit_overheads ? 2 : 0));
    Eigen::VectorXd b(rows);
    for (Eigen::Index r = 0; r < rows; ++r) {
      const Equation& equation = equations_[static_cast<std::size_t>(r)];
      const double weight = equation.importance / equation.seconds;
      double seconds = equation.seconds;
      for (const std::size_t kernel : equation.kernels) a(r, static_cast<Eigen::Index>(kernel)) += weight;
      if (fit_overheads) {
        a(r, kernels) = weight;
        a(r, kernels + 1) = weight * equation.cut_bytes;
      } else {
        seconds -= *call + *cut * equation.cut_bytes;
      }
      b[r] = weight * seconds;
    }
    const Eigen::VectorXd x = nnls(a, b);
    seconds_.assign(x.data(), x.data() + kernels);
    for (double& seconds : seconds_) seconds = std::max(seconds, least_seconds);
    if (!fit_overheads) return;
    *call = x[kernels];
    *cut = x[kernels + 1];
  }

  std::vector<KernelMeasurement> measurements(int threads) const {
    std::vector<KernelMeasurement> result;
    for (std::size_t k = 0; k < kernels_.size(); ++k) {
      const Kernel& kernel = kernels_[k];
      result.push_back({kernel.layer->signature, std::string(to_string(kernel.layer->op_class)), threads, seconds_[k],
                        kernel.spread, kernel.samples, kernel.of.work, kernel.of.bytes, kernel.shape});
    }
    return result;
  }

  double predict(const CalibrationGroup& group, const Network& network, double call, double cut) const {
    double seconds = call + cut * group.cut_bytes;
    for (const LayerId id : group.layers) seconds += seconds_[index_.at(network.layers()[id].signature)];
    return seconds;
  }

 private:
  struct Equation {
    std::vector<std::size_t> kernels;
    double cut_bytes = 0, seconds = 0, importance = 1;
  };

  void add(const Network& network, const CalibrationGroup& group, const GroupTime& time, bool whole) {
    // The undivided network outweighs its pieces: deployments run long segments.
    constexpr double whole_importance = 5;
    Equation equation{{},
                      group.cut_bytes,
                      time.seconds,
                      whole ? whole_importance : std::sqrt(static_cast<double>(group.layers.size()))};
    for (const LayerId id : group.layers) {
      const Layer& layer = network.layers()[id];
      const auto [at, fresh] = index_.try_emplace(layer.signature, kernels_.size());
      if (fresh) kernels_.push_back({&layer, features(network, layer), kernel_shape(network, layer), 0, 0});
      Kernel& kernel = kernels_[at->second];
      equation.kernels.push_back(at->second);
      if (group.layers.size() > 1) continue;
      kernel.spread = std::max(kernel.spread, time.spread);
      kernel.samples += time.samples;
    }
    if (time.seconds > 0) equations_.push_back(std::move(equation));
  }

  std::map<std::string, std::size_t> index_;
  std::vector<Kernel> kernels_;
  std::vector<Equation> equations_;
  std::vector<double> seconds_;
};

using Kernels = std::vector<const KernelMeasurement*>;

double evaluate(const ClassModel& model, const KernelMeasurement& k) {
  return roofline_seconds(model, k.macs, k.bytes);
}

// Too few kernels to tell the terms apart: the generic device's, all as much faster or slower as these kernels are.
ClassModel scaled_generic(const std::string& op_class, int threads, const Kernels& kernels) {
  const DeviceProfile generic = generic_profile(threads);
  const ClassModel* known = generic.class_model(op_class, threads);
  ClassModel model = known != nullptr ? *known : generic.classes.front();
  double logs = 0;
  for (const KernelMeasurement* kernel : kernels) logs += std::log(kernel->seconds / evaluate(model, *kernel));
  const double slower = std::exp(logs / static_cast<double>(kernels.size()));
  model.op_class = op_class;
  model.threads = threads;
  model.base_seconds *= slower;
  model.macs_per_second /= slower;
  model.bytes_per_second /= slower;
  model.error = 0;
  return model;
}

ClassModel fit_class(const std::string& op_class, int threads, const Kernels& kernels) {
  constexpr std::size_t terms = 3;
  if (kernels.size() <= terms) return scaled_generic(op_class, threads, kernels);
  const auto rows = static_cast<Eigen::Index>(kernels.size());
  Eigen::MatrixXd a(rows, 3);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const KernelMeasurement& k = *kernels[static_cast<std::size_t>(r)];
    a.row(r) << 1 / k.seconds, k.macs / k.seconds, k.bytes / k.seconds;
  }
  const Eigen::VectorXd x = nnls(a, Eigen::VectorXd::Ones(rows));
  ClassModel model{op_class, threads, x[0], 0, 0, 0};
  if (x[1] > 0) model.macs_per_second = 1 / x[1];
  if (x[2] > 0) model.bytes_per_second = 1 / x[2];
  return model;
}

// Mean absolute relative error of kernels that were left out of the fit, five parts in turn; 0 where there are too few
// to leave any out.
double cross_validate(const std::string& op_class, int threads, const Kernels& kernels) {
  constexpr std::size_t folds = 5;
  // A layer and its parts are left out together: they tell of each other.
  std::map<std::string, std::size_t> signatures;
  for (const KernelMeasurement* kernel : kernels) signatures.try_emplace(kernel->signature, signatures.size());
  if (signatures.size() < folds) return 0;
  double error = 0;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    Kernels kept, left_out;
    for (const KernelMeasurement* kernel : kernels)
      (signatures.at(kernel->signature) % folds == fold ? left_out : kept).push_back(kernel);
    const ClassModel model = fit_class(op_class, threads, kept);
    const Neighbours neighbours(model, kept);
    for (const KernelMeasurement* kernel : left_out) {
      const double predicted = evaluate(model, *kernel) * neighbours.of(*kernel).factor;
      error += std::abs(predicted / kernel->seconds - 1);
    }
  }
  return error / static_cast<double>(kernels.size());
}

constexpr std::size_t enough_of_one = 4;

void add_classes(int threads, DeviceProfile& profile) {
  std::map<std::string, Kernels> by_class;
  std::map<std::string, Kernels> by_operator;
  Kernels all;
  const auto add = [&](const KernelMeasurement& kernel) {
    by_class[kernel.op_class].push_back(&kernel);
    by_operator[narrow_class(kernel)].push_back(&kernel);
    all.push_back(&kernel);
  };
  for (const KernelMeasurement& kernel : profile.kernels)
    if (kernel.threads == threads) add(kernel);
  std::deque<KernelMeasurement> shapes;
  for (const PartMeasurement& part : profile.parts)
    if (part.threads == threads)
      add(shapes.emplace_back(as_kernel(part, profile.find(part.signature, threads)->shape)));
  // One operator of several in a class, where there is enough to go by.
  for (auto& [narrow, kernels] : by_operator)
    if (kernels.size() >= enough_of_one && kernels.size() < by_class.at(kernels.front()->op_class).size())
      by_class[narrow] = kernels;
  by_class[std::string(to_string(OperatorClass::other))] = all;  // what no class of its own was measured for
  for (const auto& [op_class, kernels] : by_class) {
    ClassModel model = fit_class(op_class, threads, kernels);
    model.error = cross_validate(op_class, threads, kernels);
    profile.classes.push_back(model);
  }
}

}  // namespace

void add_shapes(const NetworkTimes& times, DeviceProfile& profile) {
  // What is less than its edges is known to be quicker than they are, no more.
  constexpr double least_share = 0.2;
  for (std::size_t g = 0; g < times.alone.size(); ++g) {
    const GroupTime& time = times.alone[g];
    const CalibrationGroup& group = times.plan->alone[g];
    if (time.seconds <= 0 || group.layers.size() != 1) continue;
    const Layer& layer = times.network->layers()[group.layers.front()];
    if (profile.find(layer.signature, times.threads) != nullptr) continue;
    const double edges = profile.run_overhead_seconds + profile.cut_seconds_per_byte * group.cut_bytes;
    const LayerFeatures of = features(*times.network, layer);
    profile.kernels.push_back({layer.signature, std::string(to_string(layer.op_class)), times.threads,
                               std::max(time.seconds - edges, least_share * time.seconds), time.spread, time.samples,
                               of.work, of.bytes, kernel_shape(*times.network, layer)});
  }
}

std::vector<HoldOut> fit_times(std::span<const NetworkTimes> times, std::span<const NetworkTimes> shapes,
                               DeviceProfile& profile) {
  std::map<int, KernelFit, std::greater<>> fits;  // most threads first
  for (const NetworkTimes& of : times) fits[of.threads].add(of);
  bool overheads_known = false;
  for (auto& [threads, fit] : fits) {
    fit.solve(&profile.run_overhead_seconds, &profile.cut_seconds_per_byte, !overheads_known);
    overheads_known = true;
    for (KernelMeasurement& kernel : fit.measurements(threads)) profile.kernels.push_back(std::move(kernel));
    for (const NetworkTimes& of : times)
      if (of.threads == threads) fit_parts(of, profile);
    for (const NetworkTimes& of : shapes)
      if (of.threads == threads) add_shapes(of, profile);
    add_classes(threads, profile);
  }
  judge_parts(profile);
  std::vector<HoldOut> result;
  std::vector<double> magnitudes;
  for (const NetworkTimes& of : times) {
    HoldOut hold_out{of.threads, of.network->name(), {}};
    const auto& chain = of.plan->chains.back();
    for (std::size_t g = 0; g < chain.size(); ++g) {
      const double predicted =
          fits.at(of.threads)
              .predict(chain[g], *of.network, profile.run_overhead_seconds, profile.cut_seconds_per_byte);
      hold_out.errors.push_back(predicted / of.chains.back()[g].seconds - 1);
    }
    for (const double error : hold_out.errors) magnitudes.push_back(std::abs(error));
    result.push_back(std::move(hold_out));
  }
  std::sort(magnitudes.begin(), magnitudes.end());
  if (!magnitudes.empty()) profile.hold_out_error = magnitudes[magnitudes.size() / 2];
  return result;
}

}  // namespace dse
