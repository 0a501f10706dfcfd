// Profiles: round trip, checks, look-ups, interpolation.
#include "platform/profile.hpp"
#include "platform/platform.hpp"

#include <cmath>
#include <random>

#include "tests/platform/helpers.hpp"

using namespace dse;
using dse::test::error_of;
using dse::test::message_of;
using dse::test::replaced;

namespace {

DeviceProfile sample() {
  DeviceProfile p;
  p.name = "nano 0";
  p.host = {"ARM: Cortex, \"A57\"", "6.1.0-13", "1.21.0", 4, 4'156'755'968u};
  p.created = "2026-01-31T12:00:00Z";
  p.noise = 0.013;
  p.hold_out_error = 0.031;
  p.kernels = {{"Conv|1x3x224x224 pads=[1, 1]|Relu",
                "convolution",
                2,
                1.0 / 3,
                0.02,
                25,
                1.18e8,
                9633792,
                {3, 64, 50176, 12544}},
               {"12", "gemm", 1, 3.3e-5, 0, 3, 0, 0, {}}};
  p.classes = {
      {"convolution", 1, 5e-6, 4.25e9, 0, 0.11}, {"convolution", 4, 5e-6, 1.5e10, 0, 0}, {"other", 2, 1e-6, 0, 1e9, 0}};
  p.parts = {{"12", "gemm", PartAxis::rows, 1, 0.5, 1.8e-5, 0.01, 4, 0, 512}};
  p.part_error = 0.04;
  p.copies = {{4096, 2e-7, 1e-7}, {65536, 4e-6, 2e-6}};
  p.run_overhead_seconds = 1.23e-5;
  p.cut_seconds_per_byte = 3.1e-10;
  p.streaming_factor = 1.07;
  p.split_factor = 1.05;
  p.exchange_seconds = 2e-5;
  p.memory_base_bytes = 8.1e7;
  p.memory_session_bytes = 66'000;
  p.memory_part_bytes = 31'000;
  p.memory_weight_factor = 1.21;
  p.memory_activation_factor = 1.4;
  p.memory_growth_factor = 0.3;
  return p;
}

const std::string link_text =
    "dse: network-profile/1\nname: lan\nbetween: a,b\nwake_share: 0.0625\nwake_longest_seconds: 0.0005\ntable:\n"
    "  - {bytes: 0, seconds: 0.0001}\n  - {bytes: 1024, seconds: 0.0002}\n  - {bytes: 65536, seconds: 0.0008}\n  - "
    "{bytes: 1048576, seconds: 0.01}\n";

std::string link_error(const std::string& from, const std::string& to) {
  return error_of([&] { parse_link_profile(replaced(link_text, from, to), "l.yaml"); });
}

std::string profile_error(const std::string& from, const std::string& to) {
  return error_of([&] { parse_device_profile(replaced(to_yaml(sample()), from, to), "p.yaml"); });
}

}  // namespace

TEST_CASE("a device profile round-trips exactly") {
  const DeviceProfile a = sample();
  const std::string text = to_yaml(a);
  const DeviceProfile b = parse_device_profile(text, "p.yaml");
  CHECK(to_yaml(b) == text);
  CHECK(b.name == a.name);
  CHECK_FALSE(b.assumed);
  CHECK(b.host.cpu == a.host.cpu);
  CHECK(b.host.kernel == a.host.kernel);
  CHECK(b.host.memory_bytes == a.host.memory_bytes);
  CHECK(b.created == a.created);
  CHECK(b.noise == a.noise);
  CHECK(b.hold_out_error == a.hold_out_error);
  CHECK(b.streaming_factor == a.streaming_factor);
  CHECK(b.split_factor == a.split_factor);
  CHECK(b.exchange_seconds == a.exchange_seconds);
  CHECK(b.memory_part_bytes == a.memory_part_bytes);
  CHECK(b.memory_growth_factor == a.memory_growth_factor);
  CHECK(b.memory_activation_factor == a.memory_activation_factor);
  CHECK(b.cut_seconds_per_byte == a.cut_seconds_per_byte);
  REQUIRE(b.kernels.size() == 2);
  CHECK(b.kernels[0].signature == a.kernels[0].signature);
  CHECK(b.kernels[0].seconds == 1.0 / 3);
  CHECK(b.kernels[0].samples == 25);
  CHECK(b.kernels[0].shape.positions_out == 12544);
  CHECK_FALSE(b.kernels[1].shape.known());
  CHECK(b.kernels[1].signature == "12");
  REQUIRE(b.parts.size() == 1);
  CHECK(b.parts[0].axis == PartAxis::rows);
  CHECK(b.parts[0].fraction == 0.5);
  CHECK(b.parts[0].seconds == 1.8e-5);
  CHECK(b.part_error == 0.04);
  REQUIRE(b.copies.size() == 2);
  CHECK(b.copies[1].bytes == 65536);
  CHECK(b.copies[1].seconds == 4e-6);
  CHECK(b.copies[1].warm_seconds == 2e-6);
  REQUIRE(b.classes.size() == 3);
  CHECK(b.classes[0].macs_per_second == 4.25e9);
  CHECK(b.classes[0].error == 0.11);
}

TEST_CASE("files of profiles are written and read") {
  TempDir folder("dse-profile-test-");
  write_file(folder.path() / "p.yaml", to_yaml(sample()));
  CHECK(to_yaml(read_device_profile(folder.path() / "p.yaml")) == to_yaml(sample()));
  write_file(folder.path() / "l.yaml", link_text);
  CHECK(to_yaml(read_link_profile(folder.path() / "l.yaml")) == to_yaml(parse_link_profile(link_text, "l")));
  CHECK_THROWS_AS(read_device_profile(folder.path() / "l.yaml"), const Error&);
  CHECK_THROWS_AS(read_link_profile(folder.path() / "none.yaml"), const Error&);
}

TEST_CASE("row 50: profiles of another version, with impossible figures, or truncated") {
  CHECK(profile_error("profile/1", "profile/2") == "YAML-VERSION 1:6");
  CHECK(profile_error("profile/1", "network-profile/1") == "YAML-FORMAT 1:6");
  CHECK(profile_error("noise: 0.013", "noise: .nan") == "YAML-NUMBER 6:8");
  CHECK(profile_error("noise: 0.013", "noise: .inf") == "YAML-NUMBER 6:8");
  CHECK(profile_error("noise: 0.013", "noise: -0.1") == "YAML-RANGE 6:8");
  CHECK(profile_error("noise: 0.013", "noize: 0.013") == "YAML-KEY 6:1");
  CHECK(profile_error("streaming_factor: 1.07", "streaming_factor: 0") == "PROFILE-ZERO 10:19");
  CHECK(profile_error("seconds: 3.3e-05", "seconds: -3.3e-05").starts_with("YAML-RANGE 26:"));
  CHECK(profile_error("seconds: 3.3e-05", "seconds: 0").starts_with("PROFILE-ZERO 26:"));
  CHECK(profile_error("axis: rows", "axis: columns").starts_with("PROFILE-AXIS 23:"));
  CHECK(profile_error("fraction: 0.5", "fraction: 1").starts_with("PROFILE-FRACTION 23:"));
  CHECK(profile_error("threads: 2", "threads: 0").starts_with("YAML-RANGE "));
  CHECK(profile_error("weight_factor: 1.21", "weight_factor: 1e400").starts_with("YAML-RANGE "));
  CHECK(error_of([] { parse_device_profile("dse: profile/1\nname: x\nclasses: []\nkernels: []\n", "p"); }) ==
        "PROFILE-EMPTY 4:10");
  const std::string text = to_yaml(sample());
  for (std::size_t sixteenth = 0; sixteenth < 16; ++sixteenth) {
    CAPTURE(sixteenth);
    CHECK(error_of([&] { parse_device_profile(text.substr(0, text.size() * sixteenth / 16), "p"); }) != "");
  }
}

namespace {

DeviceProfile with_power() {
  DeviceProfile p = sample();
  p.power = PowerProfile{"rapl, packages: \"0\"", 2.5, 2.75, {{1, 4}, {4, 10.0 / 3 + 4}}};
  return p;
}

std::string power_error(const std::string& from, const std::string& to) {
  return error_of([&] { parse_device_profile(replaced(to_yaml(with_power()), from, to), "p.yaml"); });
}

}  // namespace

TEST_CASE("measured power round-trips in a profile, and impossible figures are refused") {
  CHECK_FALSE(parse_device_profile(to_yaml(sample()), "p.yaml").power.has_value());
  const std::string text = to_yaml(with_power());
  CHECK(text.find("  source: measured\n") != std::string::npos);
  const DeviceProfile read = parse_device_profile(text, "p.yaml");
  CHECK(to_yaml(read) == text);
  REQUIRE(read.power.has_value());
  CHECK(read.power->sensor == "rapl, packages: \"0\"");
  CHECK(read.power->idle_watts == 2.5);
  CHECK(read.power->waiting_watts == 2.75);
  REQUIRE(read.power->active.size() == 2);
  CHECK(read.power->active[1].threads == 4);
  CHECK(read.power->active[1].watts == 10.0 / 3 + 4);
  CHECK_FALSE(parse_device_profile(replaced(text, "  waiting_watts: 2.75\n", ""), "p.yaml").power->waiting_watts);
  CHECK(power_error("source: measured", "source: guessed").starts_with("YAML-VALUE"));
  CHECK(power_error("  source: measured\n", "").starts_with("YAML-MISSING"));
  CHECK(power_error("idle_watts: 2.5", "idle_watts: -1").starts_with("YAML-RANGE"));
  CHECK(power_error("idle_watts: 2.5", "idle_watts: .nan").starts_with("YAML-NUMBER"));
  CHECK(power_error("idle_watts: 2.5", "idle_watts: 2.6e5").starts_with("YAML-RANGE"));
  CHECK(power_error("idle_watts: 2.5", "idle_wats: 2.5").starts_with("YAML-KEY"));
  CHECK(power_error("waiting_watts: 2.75", "waiting_watts: 2").starts_with("PROFILE-POWER"));
  CHECK(power_error("watts: 4}", "watts: 2}").starts_with("PROFILE-POWER"));
  CHECK(power_error("threads: 4,", "threads: 1,").starts_with("PROFILE-ORDER"));
}

TEST_CASE("kernels are found by signature and threads; classes fall back to near thread counts, then to other") {
  const DeviceProfile p = sample();
  REQUIRE(p.find("12", 1));
  CHECK(p.find("12", 1)->op_class == "gemm");
  CHECK_FALSE(p.find("12", 2));
  CHECK(p.class_model("convolution", 1)->macs_per_second == 4.25e9);
  CHECK(p.class_model("convolution", 3)->threads == 1);
  CHECK(p.class_model("convolution", 8)->threads == 4);
  CHECK(p.class_model("softmax", 1)->op_class == "other");
  CHECK(p.class_model("softmax", 1)->threads == 2);
  CHECK_FALSE(DeviceProfile().class_model("gemm", 1));
}

TEST_CASE("the generic profile is assumed, covers every class, and more threads are never slower") {
  for (const int cores : {1, 4, 64}) {
    const DeviceProfile p = generic_profile(cores);
    CHECK(p.assumed);
    for (const char* op_class : {"convolution", "gemm", "pool", "concat", "other", "unheard-of"}) {
      double before = 0;
      for (int threads = 1; threads <= cores; ++threads) {
        const ClassModel* model = p.class_model(op_class, threads);
        REQUIRE(model);
        CHECK(model->macs_per_second + model->bytes_per_second > 0);
        CHECK(model->macs_per_second + model->bytes_per_second >= before);
        before = model->macs_per_second + model->bytes_per_second;
      }
      CHECK(p.class_model(op_class, cores)->threads == cores);
    }
    CHECK(to_yaml(parse_device_profile(to_yaml(p), "generic")) == to_yaml(p));
  }
}

TEST_CASE("a link profile hits its table, interpolates on logarithms and extrapolates by rate") {
  const LinkProfile p = parse_link_profile(link_text, "l.yaml");
  CHECK(p.between == "a,b");
  CHECK(p.wake_share == 0.0625);
  CHECK(p.wake_longest_seconds == 0.0005);
  for (const LinkPoint& point : p.table) CHECK(p.seconds(point.bytes) == doctest::Approx(point.seconds));
  CHECK(p.seconds(8192) == doctest::Approx(0.0004));        // geometric middle of 1024 and 65536
  CHECK(p.seconds(512) == doctest::Approx(0.00015));        // linear from 0 bytes
  const double rate = (0.01 - 0.0008) / (1048576 - 65536);  // of the last segment
  CHECK(p.seconds(4 * 1048576) == doctest::Approx(0.01 + 3 * 1048576 * rate));
  CHECK(to_yaml(parse_link_profile(to_yaml(p), "l")) == to_yaml(p));
}

TEST_CASE("a link profile has tables of pairs of hosts") {
  const std::string pairs =
      "both_ways: 1.9\npairs:\n  - between: [pi0, \"10.0.0.7\"]\n    table:\n      - {bytes: 1, seconds: 0.5}\n";
  const LinkProfile p = parse_link_profile(link_text + pairs, "l.yaml");
  CHECK(p.both_ways == 1.9);
  REQUIRE(p.pairs.size() == 1);
  CHECK(p.pairs[0].first == "pi0");
  CHECK(p.pairs[0].second == "10.0.0.7");
  CHECK(table_seconds(p.pairs[0].table, 1) == 0.5);
  CHECK(to_yaml(parse_link_profile(to_yaml(p), "l")) == to_yaml(p));
  const auto refused = [&](const std::string& from, const std::string& to) {
    return error_of([&] { parse_link_profile(link_text + replaced(pairs, from, to), "l.yaml"); });
  };
  CHECK(refused("[pi0, \"10.0.0.7\"]", "[pi0]") == "PROFILE-PAIR 13:14");
  CHECK(refused("0.5", "-0.5") == "YAML-RANGE 15:29");
}

TEST_CASE("a message between two hosts takes what their own table says, in either direction") {
  const TempDir folder("dse-test-pairs");
  write_file(folder.path() / "lan.yaml",
             "dse: network-profile/1\nname: lan\ntable:\n  - {bytes: 1, seconds: 1}\npairs:\n"
             "  - between: [pi1, pi0]\n    table:\n      - {bytes: 1, seconds: 0.5}\n");
  write_file(folder.path() / "p.yaml",
             "dse: platform/1\ndevices:\n  - {name: a, host: pi0, cores: 1, memory: 1 GiB}\n"
             "  - {name: b, host: pi1, cores: 1, memory: 1 GiB}\n  - {name: c, host: pi2, cores: 1, memory: 1 GiB}\n"
             "networks:\n  - {name: lan, members: [a, b, c], profile: lan.yaml}\n");
  const Platform platform = read_platform(folder.path() / "p.yaml");
  const Link& lan = platform.links.at(0);
  CHECK(transfer_seconds(lan, 0, 1, 1) == 0.5);
  CHECK(transfer_seconds(lan, 1, 0, 1) == 0.5);
  CHECK(transfer_seconds(lan, 1, 2, 1) == 1);
}

TEST_CASE("a link profile is monotone whatever was measured") {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(-6, -1);
  for (int round = 0; round < 200; ++round) {
    LinkProfile p;
    std::int64_t bytes = round % 2;
    const int points = 1 + round % 12;
    for (int i = 0; i < points; ++i) {
      p.table.push_back({bytes, std::pow(10, exponent(random))});
      bytes = bytes * 3 + 1 + static_cast<std::int64_t>(random() % 5000);
    }
    double before = 0;
    for (std::int64_t b = 0; b < bytes * 4; b += std::max<std::int64_t>(1, b / 17)) {
      const double seconds = p.seconds(b);
      REQUIRE(std::isfinite(seconds));
      REQUIRE(seconds >= before * (1 - 1e-12));
      before = seconds;
    }
  }
}

TEST_CASE("link profiles are checked") {
  CHECK(link_error("bytes: 1024", "bytes: 0") == "PROFILE-ORDER 8:13");
  CHECK(link_error("bytes: 1024", "bytes: 1e3") == "YAML-NUMBER 8:13");
  CHECK(link_error("seconds: 0.0002", "seconds: 0") == "PROFILE-ZERO 8:28");
  CHECK(link_error("seconds: 0.0002", "seconds: .nan") == "YAML-NUMBER 8:28");
  CHECK(link_error("seconds: 0.0002", "sekonds: 0.0002") == "YAML-KEY 8:19");
  CHECK(link_error("network-profile/1", "network-profile/9") == "YAML-VERSION 1:6");
  CHECK(error_of([] { parse_link_profile("dse: network-profile/1\nname: x\ntable: []\n", "l"); }) ==
        "PROFILE-EMPTY 3:8");
}

TEST_CASE("this host has a fingerprint") {
  const HostFingerprint host = this_host("1.30");
  CHECK(host.cores >= 1);
  CHECK(host.memory_bytes > (1u << 20));
  CHECK_FALSE(host.cpu.empty());
  CHECK_FALSE(host.kernel.empty());
  CHECK(host.engine_version == "1.30");
}
