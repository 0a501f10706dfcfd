// Corrections: statistics, the file beside the profile, and who may write it.
#include "platform/corrections.hpp"

#include <cmath>
#include <random>
#include <thread>

#include "base/sha256.hpp"
#include "platform/platform.hpp"
#include "tests/platform/helpers.hpp"

using namespace dse;
using dse::test::error_of;
using dse::test::message_of;
using dse::test::replaced;

namespace {

const std::string text =
    "dse: corrections/1\nprofile_sha256: abc\ncorrections:\n"
    "  - {op_class: convolution, threads: 2, count: 12.5, mean: 0.1, squared_deviations: 0.02}\n"
    "  - {op_class: convolution, threads: 1, count: 1, mean: -0.2, squared_deviations: 0}\n";

std::string corrections_error(const std::string& from, const std::string& to) {
  return error_of([&] { parse_corrections(replaced(text, from, to), "c.yaml"); });
}

// A folder with a platform of one device that has a profile.
class Lab {
 public:
  Lab() : folder_("dse-corrections-test") {
    write_file(profile(), to_yaml(generic_profile(2)));
    write_file(folder_.path() / "lab.yaml",
               "dse: platform/1\ndevices:\n  - {name: nano0, host: localhost, cores: 1, memory: 1 GiB, profile: "
               "nano0.yaml}\n");
  }
  fs::path profile() const { return folder_.path() / "nano0.yaml"; }
  fs::path sidecar() const { return corrections_file(profile()); }
  std::string sha256() const { return sha256_hex(read_text(profile(), 1u << 20)); }
  Platform platform() const { return read_platform(folder_.path() / "lab.yaml"); }
  Corrections update(const std::vector<CorrectionSample>& samples) const {
    return update_corrections(profile(), sha256(), samples);
  }

 private:
  TempDir folder_;
};

}  // namespace

TEST_CASE("the running statistics are those of all samples at once") {
  std::mt19937_64 random(11);
  std::normal_distribution<double> ratio(0.2, 0.05);
  std::uniform_real_distribution<double> weight(0.01, 1);
  Correction running;
  double weights = 0, sum = 0;
  std::vector<std::pair<double, double>> all;
  for (int i = 0; i < 500; ++i) {
    all.emplace_back(ratio(random), weight(random));
    running.add(all.back().first, all.back().second);
    weights += all.back().second;
    sum += all.back().first * all.back().second;
  }
  double squares = 0;
  for (const auto& [x, w] : all) squares += w * (x - sum / weights) * (x - sum / weights);
  CHECK(running.count == doctest::Approx(weights));
  CHECK(running.mean == doctest::Approx(sum / weights));
  CHECK(running.squared_deviations == doctest::Approx(squares));
  CHECK(running.spread() == doctest::Approx(std::sqrt(squares / weights)));
  CHECK(running.spread() == doctest::Approx(0.05).epsilon(0.2));
}

TEST_CASE("few samples correct little, and many by what they say; doubt goes from the model's to the residual's") {
  for (const double ratio : {0.5, 1.1, 2.0}) {
    CAPTURE(ratio);
    Correction correction;
    double before = 1, doubt = 0.3;
    CHECK(correction.factor() == 1);
    CHECK(correction.uncertainty(doubt) == doctest::Approx(doubt));
    for (int k = 1; k <= 1000; ++k) {
      correction.add(std::log(ratio), 1);
      const double factor = correction.factor();
      if (ratio > 1) CHECK((factor > before && factor < ratio));
      if (ratio < 1) CHECK((factor < before && factor > ratio));
      before = factor;
    }
    CHECK(before == doctest::Approx(ratio).epsilon(0.01));
    CHECK(correction.uncertainty(doubt) < 0.06);
    Correction one;
    one.add(std::log(ratio), 1);
    CHECK(one.factor() == doctest::Approx(std::pow(ratio, 1.0 / 6)));
  }
  Correction noisy;
  for (int k = 0; k < 1000; ++k) noisy.add(k % 2 == 0 ? 0.3 : -0.1, 1);
  CHECK(noisy.uncertainty(0.01) == doctest::Approx(0.2).epsilon(0.02));
}

TEST_CASE("corrections lie beside the profile, round-trip, and are found by class and threads") {
  CHECK(corrections_file("devices/nano0.yaml") == "devices/nano0.corrections.yaml");
  CHECK(corrections_file("nano0.yml") == "nano0.yml.corrections.yaml");
  const Corrections read = parse_corrections(text, "c.yaml");
  CHECK(read.profile_sha256 == "abc");
  REQUIRE(read.find("convolution", 2) != nullptr);
  CHECK(read.find("convolution", 2)->count == 12.5);
  CHECK(read.find("convolution", 1)->mean == -0.2);
  CHECK(read.find("convolution", 3) == nullptr);
  CHECK(read.find("gemm", 1) == nullptr);
  const std::string written = to_yaml(read);
  CHECK(to_yaml(parse_corrections(written, "c.yaml")) == written);
  CHECK(written.find("x1.07") != std::string::npos);  // exp(0.1 * 12.5 / 17.5)
}

TEST_CASE("corrections of another version or with impossible figures are refused") {
  CHECK(corrections_error("corrections/1", "corrections/2") == "YAML-VERSION 1:6");
  CHECK(corrections_error("corrections/1", "profile/1") == "YAML-FORMAT 1:6");
  CHECK(corrections_error("count: 12.5", "count: 0") == "CORRECTIONS-COUNT 4:48");
  CHECK(corrections_error("count: 12.5", "count: -1") == "YAML-RANGE 4:48");
  CHECK(corrections_error("count: 12.5", "count: .nan") == "YAML-NUMBER 4:48");
  CHECK(corrections_error("mean: 0.1", "mean: 51") == "YAML-RANGE 4:60");
  CHECK(corrections_error("mean: 0.1", "mean: .inf") == "YAML-NUMBER 4:60");
  CHECK(corrections_error("squared_deviations: 0.02", "squared_deviations: -0.02").starts_with("YAML-RANGE 4:"));
  CHECK(corrections_error("threads: 2", "threads: 0").starts_with("YAML-RANGE 4:"));
  CHECK(corrections_error("threads: 2", "threads: 1") == "CORRECTIONS-TWICE 5:5");
  CHECK(corrections_error("op_class", "class").starts_with("YAML-KEY 4:"));
  CHECK(corrections_error("profile_sha256: abc\n", "").starts_with("YAML-MISSING"));
}

TEST_CASE("an update adds to the file beside the profile, and the profile keeps every byte") {
  const Lab lab;
  const std::string before = read_text(lab.profile(), 1u << 20);
  CHECK(lab.update({{"convolution", 1, 0.2, 1}}).find("convolution", 1)->count == 1);
  CHECK(lab.update({{"convolution", 1, 0.4, 1}, {"gemm", 2, -0.1, 0.5}}).statistics.size() == 2);
  const Corrections now = read_device_profile(lab.profile()).corrections;
  REQUIRE(now.find("convolution", 1) != nullptr);
  CHECK(now.find("convolution", 1)->count == 2);
  CHECK(now.find("convolution", 1)->mean == doctest::Approx(0.3));
  CHECK(now.find("gemm", 2)->count == 0.5);
  CHECK(read_text(lab.profile(), 1u << 20) == before);
}

TEST_CASE("validations at the same time lose no sample") {
  const Lab lab;
  const std::string sha256 = lab.sha256();
  constexpr int writers = 8, updates = 20;
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w)
    threads.emplace_back([&] {
      for (int i = 0; i < updates; ++i) update_corrections(lab.profile(), sha256, {{"pool", 1, 0.01 * i, 1}});
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(read_device_profile(lab.profile()).corrections.find("pool", 1)->count == writers * updates);
}

TEST_CASE("corrections of an earlier calibration are not used, and replaced by the next") {
  const Lab lab;
  const std::string old = lab.sha256();
  lab.update({{"pool", 1, 0.5, 10}});
  write_file(lab.profile(), to_yaml(generic_profile(1)));
  const DeviceProfile profile = read_device_profile(lab.profile());
  CHECK(profile.corrections_outdated);
  CHECK(profile.corrections.statistics.empty());
  const Platform platform = lab.platform();
  CHECK(platform.devices[0].profile->corrections.find("pool", 1) == nullptr);
  CHECK(std::any_of(platform.warnings.begin(), platform.warnings.end(), [](const std::string& warning) {
    return warning.find("'nano0.corrections.yaml' was learnt from an earlier calibration") != std::string::npos;
  }));
  // What a validation that began before the calibration measured is not mixed in.
  CHECK(message_of([&] {
          update_corrections(lab.profile(), old, {{"pool", 1, 0.5, 1}});
        }).find("error[CORRECTIONS-PROFILE]: was calibrated anew") != std::string::npos);
  CHECK(lab.update({{"pool", 1, 0.1, 1}}).find("pool", 1)->count == 1);
  CHECK_FALSE(read_device_profile(lab.profile()).corrections_outdated);
}

TEST_CASE("a platform has the corrections of its devices, and its hash knows them") {
  const Lab lab;
  const Platform without = lab.platform();
  CHECK(without.devices[0].profile->corrections.statistics.empty());
  lab.update({{"pool", 1, 0.5, 10}});
  const Platform with = lab.platform();
  REQUIRE(with.devices[0].profile->corrections.find("pool", 1) != nullptr);
  CHECK(with.sha256 != without.sha256);
  CHECK(with.sha256 == lab.platform().sha256);
  const Platform raw = uncorrected(with);
  CHECK(raw.devices[0].profile->corrections.find("pool", 1) == nullptr);
  CHECK(with.devices[0].profile->corrections.find("pool", 1) != nullptr);
}

TEST_CASE("corrections that cannot be read are an error that names their file") {
  const Lab lab;
  write_file(lab.sidecar(), replaced(text, "corrections/1", "corrections/7"));
  CHECK(error_of([&] { lab.platform(); }) == "YAML-VERSION 1:6");
  CHECK(message_of([&] { lab.platform(); }).starts_with(lab.sidecar().string() + ":1:6: "));
  CHECK(message_of([&] { lab.update({{"pool", 1, 0.5, 1}}); }).starts_with(lab.sidecar().string()));
  fs::remove(lab.sidecar());
  fs::create_directory(lab.sidecar());
  CHECK(error_of([&] { lab.platform(); }) == "CORRECTIONS-READ 0:0");
  CHECK(message_of([&] { read_device_profile(lab.profile()); }).starts_with(lab.sidecar().string()));
}
