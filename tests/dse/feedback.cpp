// What validations teach, from a measured step to the next estimate; what dse says of it, and of profiles of elsewhere.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/feedback.hpp"
#include "estimator/presets.hpp"
#include "models/zoo.hpp"
#include "partition/mapping.hpp"

using namespace dse;
using nlohmann::json;

namespace {

using Words = std::vector<std::pair<std::string, std::string>>;

struct Ran {
  int exit = 0;
  std::string error;  // as what() says it
  json result;
  std::string notes;
};

Ran run(const Command& command, const Words& words, Format format = Format::json) {
  Arguments arguments;
  for (const OptionSpec& option : command.options)
    if (!option.fallback.empty()) arguments.set(option.name.substr(option.name.find("--")), option.fallback);
  for (const auto& [name, value] : words) arguments.set(name, value);
  std::ostringstream out, err;
  Console console{out, err, format, false, false};
  Ran ran;
  try {
    ran.exit = command.run(arguments, console);
  } catch (const Error& error) {
    ran.exit = static_cast<int>(error.exit());
    ran.error = error.what();
  }
  if (format == Format::json)
    ran.result = json::parse(out.str(), nullptr, false);
  else
    ran.result = out.str();
  ran.notes = err.str();
  return ran;
}

std::size_t count(const std::string& text, const std::string& of) {
  std::size_t found = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++found;
  return found;
}

// A "measured" profile: the generic rates under another name, of no known machine unless `host` is one.
DeviceProfile profile(const HostFingerprint& host = {}) {
  DeviceProfile made = generic_profile(1);
  made.name = "board";
  made.assumed = false;
  made.host = host;
  return made;
}

// The smallest model, and two local devices: `left` with a profile, `right` with what is asked for.
class Bench {
 public:
  explicit Bench(const std::string& right = "", int cores = 1) : folder_("dse-feedback") {
    zoo::make("tiny", file("tiny.onnx"));
    write_file(file("board.yaml"), to_yaml(profile()));
    write_platform(right, cores);
  }
  void write_platform(const std::string& right, int cores = 1) const {
    write_file(file("pair.yaml"),
               fmt::format("dse: platform/1\nname: pair\ndevices:\n"
                           "  - {{name: left, host: localhost, cores: {0}, memory: 2 GiB, profile: board.yaml}}\n"
                           "  - {{name: right, host: localhost, cores: {0}, memory: 2 GiB{1}}}\n",
                           cores, right));
  }
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string text(const std::string& name) const { return read_text(file(name), 1u << 20); }
  Platform platform() const { return read_platform(file("pair.yaml")); }
  Network network() const { return Network::import(file("tiny.onnx")); }
  bool taught() const { return fs::exists(file("board.corrections.yaml")); }
  Ran explore() const {
    return run(explore_command(), {{"MODEL", file("tiny.onnx")},
                                   {"--platform", file("pair.yaml")},
                                   {"--db", file("runs.db")},
                                   {"--evaluations", "60"},
                                   {"--seed", "1"}});
  }
  Ran validate(Words words = {}) const {
    words.insert(words.end(), {{"DB", file("runs.db")}, {"--rounds", "1"}, {"--frames", "10"}});
    return run(validate_command(), words);
  }

 private:
  TempDir folder_;
};

const std::string shared = ", profile: board.yaml";

// Times that are `ratio` times what is estimated without corrections.
std::vector<MeasuredSegment> measured(const Estimator& raw, const Plan& plan, double ratio) {
  std::vector<MeasuredSegment> result;
  for (const PlanSegment& segment : plan.segments)
    result.push_back({&segment, ratio * raw.segment_seconds(plan, segment)});
  return result;
}

double all_segments(const Estimator& estimator, const Plan& plan) {
  double seconds = 0;
  for (const PlanSegment& segment : plan.segments) seconds += estimator.segment_seconds(plan, segment);
  return seconds;
}

void record(const Bench& bench, const Platform& platform, const FeedbackSamples& samples, std::string* said = nullptr,
            const HostFingerprint& here = {}) {
  std::ostringstream out, err;
  record_feedback(platform, samples, here, Console{out, err, Format::table, false, false});
  if (said != nullptr) *said = err.str();
  CHECK(bench.text("board.yaml") == to_yaml(profile()));
}

Mapping mapping_of(const std::string& kind, const Network& network, const Platform& platform) {
  if (kind == "single") return single_device(network, 0);
  const Estimator estimator(network, platform);
  PresetOptions options;
  if (kind == "inputs") options.split = Split::inputs;
  return preset(estimator, kind == "inputs" ? Strategy::horizontal : strategy_from_string(kind), {0, 1}, options);
}

}  // namespace

TEST_CASE("equal validations bring the estimate monotonically to what was measured, and leave the profile alone") {
  const Bench bench(shared);
  const Network network = bench.network();
  for (const std::string kind : {"single", "data", "sequential", "horizontal", "inputs", "vertical"}) {
    for (const double ratio : {0.6, 1.0, 1.2, 3.0}) {
      CAPTURE(kind);
      CAPTURE(ratio);
      fs::remove(bench.file("board.corrections.yaml"));
      const Platform untaught = bench.platform();
      const Plan plan = lower(network, untaught, mapping_of(kind, network, untaught));
      const double raw = all_segments(Estimator(network, untaught), plan);
      double before = raw;
      for (int k = 1; k <= 6; ++k) {
        // Each validation reads what the ones before it taught.
        const Platform now = bench.platform();
        const Platform without = uncorrected(now);
        const Estimator estimator(network, without);
        CHECK(all_segments(estimator, plan) == raw);
        FeedbackSamples samples = feedback_samples(estimator, plan, measured(estimator, plan, ratio));
        if (k == 6)  // and then very many
          for (auto& of_device : samples)
            for (CorrectionSample& sample : of_device) sample.weight *= 1e8;
        record(bench, now, samples);
        const Platform taught = bench.platform();
        const double corrected = all_segments(Estimator(network, taught), plan);
        if (ratio > 1) CHECK(corrected > before);
        if (ratio < 1) CHECK(corrected < before);
        before = corrected;
      }
      // One segment alone is met exactly. Of many, the layers share a ratio though engine calls weigh differently, and
      // a step that is nearly all engine call cannot be corrected by its layers.
      const double left = std::abs(before / raw - ratio);
      CHECK(left <= (kind == "single" ? 1e-4 : 0.3 * std::abs(ratio - 1) + 1e-9));
    }
  }
}

TEST_CASE("a class' weight is its share of the step") {
  const Bench bench;
  const Network network = bench.network();
  const Platform platform = bench.platform();
  const Estimator estimator(network, platform);
  const Plan plan = lower(network, platform, single_device(network, 0));
  const FeedbackSamples samples = feedback_samples(estimator, plan, measured(estimator, plan, 2));
  REQUIRE(samples.size() == 2);
  CHECK(samples[1].empty());
  const double whole = all_segments(estimator, plan);
  for (const CorrectionSample& sample : samples[0]) {
    double seconds = 0;
    for (LayerId id = 0; id < network.layers().size(); ++id)
      if (to_string(network.layers()[id].op_class) == sample.op_class) seconds += estimator.layer(id, 0, 1).seconds;
    CHECK(sample.weight == doctest::Approx(seconds / whole));
    CHECK(sample.threads == 1);
    CHECK(sample.log_ratio > std::log(2));  // what the engine call did not take twice as long is the layers'
  }
  // A step that took next to nothing, or for ever, moves nothing further than tenfold.
  for (const double ratio : {1e-9, 1e9}) {
    const FeedbackSamples extreme = feedback_samples(estimator, plan, measured(estimator, plan, ratio));
    for (const CorrectionSample& sample : extreme[0])
      CHECK(std::abs(sample.log_ratio) == doctest::Approx(std::log(10)));
  }
}

TEST_CASE("sums of partial results are element-wise work, as they are estimated") {
  const Bench bench(shared);
  const Network network = bench.network();
  const Platform platform = bench.platform();
  const Estimator estimator(network, platform);
  const Plan plan = lower(network, platform, mapping_of("inputs", network, platform));
  double sums = 0;
  for (const Part& part : plan.parts)
    if (part.work.kind == PartKind::reduce) sums += estimator.part(plan, part).seconds;
  REQUIRE(sums > 0);
  for (const Layer& layer : network.layers()) REQUIRE(layer.op_class != OperatorClass::elementwise);
  double weighted = 0;
  for (const PlanSegment& segment : plan.segments) {
    const double whole = estimator.segment_seconds(plan, segment);
    for (const auto& of_device : feedback_samples(estimator, plan, {{&segment, whole}}))
      for (const CorrectionSample& sample : of_device)
        if (sample.op_class == "elementwise") weighted += sample.weight * whole;
  }
  CHECK(weighted / sums == doctest::Approx(1));
}

TEST_CASE("a device that is slower while frames stream is expected to be, and its layers are not blamed for it") {
  const Bench bench;
  DeviceProfile streams = profile();
  streams.streaming_factor = 1.5;
  write_file(bench.file("board.yaml"), to_yaml(streams));
  const Network network = bench.network();
  const Platform platform = bench.platform();
  const Estimator estimator(network, platform);
  const Plan plan = lower(network, platform, single_device(network, 0));
  const FeedbackSamples samples = feedback_samples(estimator, plan, measured(estimator, plan, 1.5));
  CHECK_FALSE(samples[0].empty());
  for (const CorrectionSample& sample : samples[0]) CHECK(sample.log_ratio == doctest::Approx(0));
}

TEST_CASE(
    "devices that share a profile teach it together; assumed profiles and those of other machines learn nothing") {
  const CorrectionSample sample{"convolution", 1, std::log(1.5), 1};
  std::string said;
  const Bench both(shared);
  record(both, both.platform(), {{sample}, {sample}}, &said);
  CHECK(said == "note: left, right: correction of convolution (1 thread) now x1.12 from 2 samples\n");
  CHECK(read_device_profile(both.file("board.yaml")).corrections.find("convolution", 1)->count == 2);
  const Bench one;
  record(one, one.platform(), {{}, {sample}}, &said);
  CHECK(said == "");
  CHECK_FALSE(one.taught());
  HostFingerprint elsewhere;
  elsewhere.cpu = "Cortex-A57";
  const Bench foreign(", profile: foreign.yaml");
  write_file(foreign.file("foreign.yaml"), to_yaml(profile(elsewhere)));
  HostFingerprint here;
  here.cpu = "Cortex-A72";
  record(foreign, foreign.platform(), {{}, {sample}}, &said, here);
  CHECK(said == "");
  CHECK_FALSE(fs::exists(foreign.file("foreign.corrections.yaml")));
}

TEST_CASE("what cannot be learnt is a warning: the validation stands") {
  const Bench bench;
  const Platform platform = bench.platform();
  write_file(bench.file("board.corrections.yaml"), "dse: corrections/2\n");
  std::string said;
  record(bench, platform, {{{"convolution", 1, 0.1, 1}}, {}}, &said);
  CHECK(said.starts_with("warning: left: what was measured is not learnt: "));
  CHECK(said.find("YAML-VERSION") != std::string::npos);
}

TEST_CASE("validate teaches the profiles of a run that proves something, unless told not to") {
  const Bench bench(shared);
  REQUIRE(bench.explore().exit == 0);
  const Ran untaught = bench.validate({{"--no-feedback", ""}});
  CAPTURE(untaught.notes);
  REQUIRE(untaught.exit == 0);
  CHECK_FALSE(bench.taught());
  CHECK(untaught.notes.find("correction") == std::string::npos);
  const Ran validated = bench.validate();
  CAPTURE(validated.notes);
  REQUIRE(validated.exit == 0);
  const bool proves = !validated.result[0]["oversubscribed"].get<bool>();
  CHECK(bench.taught() == proves);
  CHECK((validated.notes.find(": correction of ") != std::string::npos) == proves);
  CHECK(bench.text("board.yaml") == to_yaml(profile()));
  if (!proves) return;
  // As if very many runs had taken a ten thousandth: compared with that estimate, and not with the uncorrected one, the
  // next would seem far too slow.
  const fs::path file = bench.file("board.yaml");
  const Correction first = *read_device_profile(file).corrections.find("convolution", 1);
  Corrections fast{read_device_profile(file).sha256, {}};
  constexpr double taught = -9.2;
  fast.add({"convolution", 1, taught, 1000});
  write_file(corrections_file(file), to_yaml(fast));
  REQUIRE(bench.validate().exit == 0);
  const Correction now = *read_device_profile(file).corrections.find("convolution", 1);
  const double sample = taught + (now.mean - taught) * now.count / (now.count - 1000);
  CHECK(std::abs(sample - first.mean) < 1.2);
}

TEST_CASE("an oversubscribed validation teaches nothing") {
  const Bench bench(shared, usable_cores() + 1);
  REQUIRE(bench.explore().exit == 0);
  const Ran validated = bench.validate();
  CAPTURE(validated.notes);
  REQUIRE(validated.exit == 0);
  CHECK(validated.result[0]["oversubscribed"] == true);
  CHECK_FALSE(bench.taught());
}

TEST_CASE("local devices whose profile is of another machine are warned of, once, by explore, estimate and validate") {
  HostFingerprint elsewhere = this_host("0.0.1");
  elsewhere.memory_bytes *= 2;
  const Bench bench(", profile: foreign.yaml");
  const auto ask = [&] {
    return run(estimate_command(), {{"MODEL", bench.file("tiny.onnx")},
                                    {"--platform", bench.file("pair.yaml")},
                                    {"--strategy", "sequential"}})
        .notes;
  };
  write_file(bench.file("foreign.yaml"), to_yaml(profile(this_host(""))));
  CHECK(ask().find("another machine") == std::string::npos);
  write_file(bench.file("foreign.yaml"), to_yaml(profile(elsewhere)));
  CHECK(count(ask(), "device 'right': the profile was measured on another machine than this (") == 1);
  CHECK(ask().find("ONNX Runtime 0.0.1, not ") != std::string::npos);
  write_file(bench.file("board.yaml"), to_yaml(profile(elsewhere)));
  bench.write_platform(shared);
  const std::string line = "devices 'left', 'right': the profile was measured on another machine than this (";
  for (const std::string& notes : {ask(), bench.explore().notes, bench.validate({{"--candidate", "knee"}}).notes}) {
    CAPTURE(notes);
    CHECK(count(notes, line) == 1);
    CHECK(count(notes, "another machine") == 1);
  }
  CHECK_FALSE(bench.taught());
}

TEST_CASE("a profile of another format version is refused by every command that estimates") {
  const Bench bench;
  std::string text = bench.text("board.yaml");
  write_file(bench.file("board.yaml"), text.replace(text.find("profile/1"), 9, "profile/2"));
  for (const Ran& refused :
       {bench.explore(), run(calibrate_command(), {{"PROFILE", bench.file("board.yaml")}, {"--show", ""}}),
        run(calibrate_command(), {{"--platform", bench.file("pair.yaml")}, {"--show", ""}})}) {
    CHECK(refused.exit == 3);
    CHECK(refused.error.find("board.yaml:1:6: error[YAML-VERSION]") != std::string::npos);
  }
}

TEST_CASE("calibrate --show tells of each class and thread count what is measured, modelled, learnt and assumed") {
  const Bench bench;
  DeviceProfile known = profile({"Cortex-A72", "6.1.0", "1.30.0", 3, std::uint64_t{4} << 30});
  known.created = "2026-01-31T12:00:00Z";
  known.noise = 0.02;
  known.hold_out_error = 0.04;
  known.classes = {{"convolution", 2, 1e-6, 1e9, 0, 0.11}, {"pool", 2, 1e-6, 0, 1e9, 0}, {"other", 1, 1e-6, 0, 1e9, 0}};
  known.copies = {{4096, 2e-6, 1e-6}, {1 << 20, 1e-3, 5e-4}};
  known.split_factor = 1.1;
  known.kernels = {{"a", "convolution", 2, 1e-3, 0, 5, 2e6, 0, {}}, {"b", "convolution", 2, 1e-3, 0, 5, 0, 0, {}}};
  write_file(bench.file("board.yaml"), to_yaml(known));
  const DeviceProfile read = read_device_profile(bench.file("board.yaml"));
  update_corrections(read.file, read.sha256, {{"convolution", 2, std::log(2), 10}, {"convolution", 2, 0, 10}});
  const Ran shown = run(calibrate_command(), {{"PROFILE", bench.file("board.yaml")}, {"--show", ""}});
  CAPTURE(shown.error);
  REQUIRE(shown.exit == 0);
  REQUIRE(shown.result.size() == 1);
  const json& one = shown.result[0];
  CHECK(one["cpu"] == "Cortex-A72");
  CHECK(one["engine_version"] == "1.30.0");
  CHECK(one["cores"] == 3);
  CHECK(one["created"] == "2026-01-31T12:00:00Z");
  CHECK(one["noise"] == 0.02);
  CHECK(one["hold_out_error"] == 0.04);
  CHECK(one["peak_macs_per_second"].get<double>() == doctest::Approx(2e9));
  CHECK(one["near_bytes_per_second"].get<double>() == doctest::Approx(8.192e9));
  CHECK(one["memory_bytes_per_second"].get<double>() == doctest::Approx(2.097152e9));
  CHECK(one["split_factor"] == 1.1);
  CHECK(one["assumed"] == false);
  const auto row = [&](const std::string& op_class, int threads) {
    for (const json& of : one["classes"])
      if (of["op_class"] == op_class && of["threads"] == threads) return of;
    return json();
  };
  CHECK(row("convolution", 2)["kernels"] == 2);
  CHECK(row("convolution", 2)["error"] == 0.11);
  CHECK(row("convolution", 2)["source"] == "measured");
  CHECK(row("convolution", 2)["correction"].get<double>() == doctest::Approx(std::exp(std::log(2.0) / 2 * 20 / 25)));
  CHECK(row("convolution", 2)["correction_samples"] == 20);
  CHECK(row("convolution", 2)["correction_spread"].get<double>() == doctest::Approx(std::log(2.0) / 2));
  CHECK(row("convolution", 3)["source"] == "extrapolated from 2 threads");
  CHECK(row("convolution", 3)["correction"].is_null());
  CHECK(row("pool", 2)["source"] == "modelled");
  CHECK(row("pool", 2)["error"].is_null());
  CHECK(row("softmax", 1)["source"] == "extrapolated from class other");
  CHECK(row("convolution", 1)["source"] == "assumed");  // threads are only credited upwards
  const Ran both = run(calibrate_command(), {{"--platform", bench.file("pair.yaml")}, {"--show", ""}});
  REQUIRE(both.result.size() == 2);
  CHECK(both.result[0]["devices"] == json{"left"});
  CHECK(both.result[1]["assumed"] == true);
  CHECK(both.result[1]["classes"][0]["source"] == "assumed");
  const Words words{{"PROFILE", bench.file("board.yaml")}, {"--show", ""}};
  const std::string table = run(calibrate_command(), words, Format::table).result;
  CHECK(table.find("Cortex-A72") != std::string::npos);
  CHECK(table.find("residual spread %") != std::string::npos);
  const std::string csv = run(calibrate_command(), words, Format::csv).result;
  CHECK(count(csv, "\r\n") == one["classes"].size() + 1);
}

TEST_CASE("calibrate --show takes a profile or a platform, and what measures takes neither") {
  const Bench bench;
  const std::string profile = bench.file("board.yaml"), platform = bench.file("pair.yaml");
  for (const Words& words : std::vector<Words>{{{"--show", ""}},
                                               {{"--show", ""}, {"PROFILE", profile}, {"--platform", platform}},
                                               {{"--show", ""}, {"PROFILE", profile}, {"--output", "x"}},
                                               {{"PROFILE", profile}, {"--output", "x"}},
                                               {}}) {
    const Ran refused = run(calibrate_command(), words);
    CHECK(refused.exit == 2);
    CHECK(refused.error.find("error[USAGE]") != std::string::npos);
  }
  CHECK(run(calibrate_command(), {{"--show", ""}, {"PROFILE", bench.file("none.yaml")}}).exit == 3);
}
