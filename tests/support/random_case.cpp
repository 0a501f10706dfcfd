#include "tests/support/random_case.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "deploy/exactness.hpp"
#include "program/exactness.hpp"

namespace dse::test {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t frames_each = 4;  // different ones, through each replica

std::vector<std::string> layer_names(const Network& network) {
  std::vector<std::string> names;
  for (const Layer& layer : network.layers()) names.push_back(layer.name);
  return names;
}

std::vector<std::size_t> tamperable(const Network& network, const Plan& plan) {
  std::vector<std::size_t> result;
  for (std::size_t t = 0; t < plan.transfers.size(); ++t) {
    const ValueId& value = plan.transfers[t].cargo.front().value;
    if (value.kind == ValueId::Kind::partial || network.tensors()[value.index].producer) result.push_back(t);
  }
  return result;
}

// Every element becomes another one, of another sign and size.
bool change_all(DataType type, std::vector<std::byte>& message) {
  if (type != DataType::float32) {
    for (std::byte& byte : message) byte = ~byte;
    return true;
  }
  for (std::size_t at = 0; at + sizeof(float) <= message.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, message.data() + at, sizeof value);
    value = 1.7F - 2.3F * value;
    std::memcpy(message.data() + at, &value, sizeof value);
  }
  return true;
}

}  // namespace

Platform platform_of(const RandomCase& one) {
  Platform platform = local_platform(one.devices);
  platform.input = one.input;
  platform.output = one.output;
  platform.input_everywhere = one.input_everywhere;
  return platform;
}

CaseSubject::CaseSubject(const NetworkSpec& spec)
    : spec_(spec), network_("random", build_model(spec)), reference_(*network_, engine::Engine::instance()) {}

bool CaseSubject::alive() {
  const auto& first = reference_.outputs(0);
  const auto& second = reference_.outputs(1);
  for (std::size_t port = 0; port < first.size(); ++port)
    if (deploy::relative_error(first[port].tensor, first[port].data, second[port].data) < 0.05) return false;
  for (std::size_t port = 0; port < first.size(); ++port)
    if (cancels(port)) return false;
  for (std::size_t frame = 0; frame < 2 * frames_each; ++frame)
    if (magnifies(frame)) return false;
  return true;
}

// Changes of the input in its last bits that come out a hundred times larger: so would any rounding (a normalisation
// over values that are almost equal).
bool CaseSubject::magnifies(std::size_t frame) {
  constexpr float small = 0x1p-20F;
  std::vector<engine::OwnedTensor> shifted = reference_.inputs(frame);
  std::mt19937_64 random(frame + 1);
  for (engine::OwnedTensor& input : shifted) {
    if (input.tensor.type != DataType::float32) continue;
    for (std::size_t at = 0; at + sizeof(float) <= input.data.size(); at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, input.data.data() + at, sizeof value);
      value *= 1 + (random() % 2 == 0 ? small : -small);
      std::memcpy(input.data.data() + at, &value, sizeof value);
    }
  }
  const std::vector<engine::OwnedTensor> moved = reference_.run(shifted);
  const std::vector<engine::OwnedTensor>& outputs = reference_.outputs(frame);
  for (std::size_t port = 0; port < outputs.size(); ++port)
    if (program::is_floating(outputs[port].tensor.type) &&
        deploy::relative_error(outputs[port].tensor, moved[port].data, outputs[port].data) > 100 * double{small})
      return true;
  return false;
}

// An output of few elements that almost cancel in one frame: its error, relative to what is left, is any rounding's.
bool CaseSubject::cancels(std::size_t port) {
  double least = std::numeric_limits<double>::infinity(), largest = 0;
  for (std::size_t frame = 0; frame < 2 * frames_each; ++frame) {
    const engine::OwnedTensor& output = reference_.outputs(frame)[port];
    const double magnitude = program::deviation(output.tensor.type, output.data, output.data).magnitude;
    least = std::min(least, magnitude);
    largest = std::max(largest, magnitude);
  }
  return least < 0.05 * largest;
}

double CaseSubject::own_noise() {
  double noise = 0;
  for (const TensorId output : network_->outputs()) noise = std::max(noise, reference_.noise(output));
  return noise;
}

CaseVerdict CaseSubject::judge(const RandomCase& one, const Tamper& tamper) {
  CaseVerdict verdict;
  try {
    const Outcome outcome = run_in_process(*network_, platform_of(one), one.mapping, reference_,
                                           frames_each * one.mapping.replicas.size(), tamper);
    const Verdict compared = compare(reference_, *network_, outcome);
    verdict.error = compared.worst_error;
    verdict.excess = compared.worst_excess;
    verdict.failed = !compared.exact();
    if (verdict.failed) verdict.reason = "outputs differ by " + std::to_string(compared.worst_error);
  } catch (const std::exception& error) {
    verdict.failed = true;
    verdict.reason = error.what();
  }
  return verdict;
}

CaseVerdict CaseSubject::run(const RandomCase& one) { return judge(one, {}); }

CaseVerdict CaseSubject::tamper(const RandomCase& one, Random& random) {
  const Plan plan = lower(*network_, platform_of(one), one.mapping);
  const std::vector<std::size_t> candidates = tamperable(*network_, plan);
  CaseVerdict verdict;
  // Where the channels' order does not matter, other values must be seen; where an operator hides one transfer's values
  // (a maximum, a rectifier), another's.
  for (std::size_t tries = 0; tries < 4 && !candidates.empty(); ++tries) {
    const std::size_t chosen = candidates[below(random, candidates.size())];
    const Cargo& first = plan.transfers[chosen].cargo.front();
    const TensorType type{value_type(*network_, first.value).type, first.boxes.front().extents()};
    for (const bool swap : {true, false}) {
      std::atomic<bool> changed{false};
      const CaseVerdict judged = judge(one, [&](std::size_t index, std::vector<std::byte>& message) {
        if (index == chosen && (swap ? swap_two_slices(type, message) : change_all(type.type, message))) changed = true;
      });
      verdict.tampered = verdict.tampered || changed;
      verdict.unseen = verdict.tampered && !judged.failed;
      if (judged.failed) return verdict;
    }
  }
  return verdict;
}

RandomCase draw_case(const CaseSubject& subject, Random& random) {
  RandomCase one;
  one.network = subject.spec();
  one.devices = 2 + below(random, 3);
  one.input = below(random, one.devices);
  one.output = below(random, one.devices);
  one.input_everywhere = below(random, 3) == 0;
  one.layers = layer_names(subject.network());
  one.mapping = below(random, 5) == 0 ? random_replicas(subject.network(), one.devices, random)
                                      : random_hybrids(subject.network(), one.devices, random);
  one.mapping.frames_in_flight = static_cast<int>(frames_each + below(random, 2));
  return one;
}

Mapping remapped(const RandomCase& one, const Network& network) {
  Mapping result = one.mapping;
  for (ReplicaMapping& replica : result.replicas) {
    std::map<std::string, std::size_t> stage_of;
    for (std::size_t s = 0; s < replica.stages.size(); ++s) {
      for (const LayerId layer : replica.stages[s].layers) stage_of[one.layers[layer]] = s;
      replica.stages[s].layers.clear();
    }
    std::size_t stage = 0;
    for (LayerId layer = 0; layer < network.layers().size(); ++layer) {
      const auto known = stage_of.find(network.layers()[layer].name);
      if (known != stage_of.end()) stage = known->second;
      replica.stages[stage].layers.push_back(layer);
    }
    std::erase_if(replica.stages, [](const Stage& s) { return s.layers.empty(); });
  }
  return result;
}

CaseVerdict run_case(const RandomCase& one) {
  std::unique_ptr<CaseSubject> subject;
  try {
    subject = std::make_unique<CaseSubject>(one.network);
  } catch (const Error&) {
    return {};
  }
  RandomCase fitted = one;
  fitted.mapping = remapped(one, subject->network());
  fitted.layers = layer_names(subject->network());
  return subject->run(fitted);
}

std::string to_json(const RandomCase& one) {
  const CaseSubject subject(one.network);
  const std::string mapping = to_json(remapped(one, subject.network()), subject.network(), platform_of(one));
  return Json{
      {"network", Json::parse(to_json(one.network))}, {"devices", one.devices}, {"input", one.input},
      {"everywhere", one.input_everywhere},           {"output", one.output},   {"mapping", Json::parse(mapping)}}
      .dump();
}

RandomCase random_case_from_json(const std::string& text) {
  const Json document = Json::parse(text);
  RandomCase one;
  one.network = network_spec_from_json(document.at("network").dump());
  one.devices = document.at("devices").get<std::size_t>();
  one.input = document.at("input").get<std::size_t>();
  one.input_everywhere = document.at("everywhere").get<bool>();
  one.output = document.at("output").get<std::size_t>();
  const CaseSubject subject(one.network);
  one.layers = layer_names(subject.network());
  one.mapping = mapping_from_json(document.at("mapping").dump(), "case", subject.network(), platform_of(one));
  return one;
}

}  // namespace dse::test
