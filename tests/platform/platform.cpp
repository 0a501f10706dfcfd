// Platform files: what is read, what is assumed, what is refused and where.
#include "platform/platform.hpp"

#include <cstdlib>

#include "base/sha256.hpp"
#include "platform/names.hpp"
#include "tests/platform/helpers.hpp"

using namespace dse;
using dse::test::error_of;
using dse::test::lab;
using dse::test::message_of;
using dse::test::replaced;

namespace {

std::string lab_error(const std::string& from, const std::string& to) {
  return error_of([&] { parse_platform(replaced(lab, from, to), "lab.yaml"); });
}

std::string lab_message(const std::string& from, const std::string& to) {
  return message_of([&] { parse_platform(replaced(lab, from, to), "lab.yaml"); });
}

fs::path examples() { return fs::path(std::getenv("DSE_SOURCE_DIR")) / "platform/examples"; }

bool warned(const Platform& platform, const std::string& text) {
  for (const std::string& warning : platform.warnings)
    if (warning.find(text) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("a platform is read with its units") {
  const Platform platform = parse_platform(lab, "lab.yaml");
  CHECK(platform.name == "lab");
  REQUIRE(platform.devices.size() == 2);
  CHECK(platform.devices[0].host == "192.168.7.10");
  CHECK(platform.devices[0].user == "edge");
  CHECK(platform.devices[0].cores == 4);
  CHECK(platform.devices[0].memory_bytes == 3'758'096'384u);
  CHECK(platform.devices[0].engine == "cpu");
  CHECK(platform.devices[0].power.source == Provenance::assumed);
  CHECK(platform.devices[0].power.active_watts > platform.devices[0].power.idle_watts);
  CHECK(platform.devices[1].power.source == Provenance::datasheet);
  CHECK(platform.devices[1].power.idle_watts == 2.3);
  CHECK(platform.devices[1].power.waiting_watts == 2.3);
  CHECK(platform.devices[1].power.active_with(2, 4) == doctest::Approx(3.75));
  CHECK(platform.devices[1].power.active_with(9, 4) == 5.2);
  REQUIRE(platform.devices[0].profile);
  CHECK(platform.devices[0].profile->assumed);
  CHECK(warned(platform, "'nano0' has no profile"));
  CHECK(platform.input == 0);
  CHECK(platform.output == 1);
  CHECK_FALSE(platform.input_everywhere);
  REQUIRE(platform.links.size() == 1);
  CHECK(platform.links[0].declared);
  CHECK(platform.links[0].bandwidth_bytes_per_second == 117.5e6);
  CHECK(transfer_seconds(platform.links[0], 117'500) == doctest::Approx(180e-6 + 1e-3));
  CHECK(platform.link_between(1, 0) == 0);
  CHECK(platform.device_named("pi0") == 1);
  CHECK_FALSE(platform.device_named("pi1"));
  CHECK(platform.text == lab);
  CHECK(platform.sha256 == sha256_hex(lab));
}

TEST_CASE("local ranks need no network: an implied one carries the assumed figures of local transport") {
  const Platform platform = read_platform(examples() / "two-local-ranks.yaml");
  REQUIRE(platform.devices.size() == 2);
  CHECK(platform.devices[0].local());
  REQUIRE(platform.links.size() == 1);
  CHECK_FALSE(platform.links[0].declared);
  CHECK(platform.links[0].members == std::vector<std::size_t>{0, 1});
  CHECK(platform.links[0].bandwidth_bytes_per_second > 1e9);
  CHECK(platform.link_between(0, 1) == 0);
  CHECK(platform.name == "two-local-ranks");
}

TEST_CASE("a declared network of local ranks may leave its figures out, or state them") {
  const std::string head =
      "dse: platform/1\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB}\n  - {name: b, host: "
      "localhost, cores: 1, memory: 1 GiB}\n";
  const Platform bare = parse_platform(head + "networks:\n  - {name: shm, members: [a, b]}\n", "p.yaml");
  REQUIRE(bare.links.size() == 1);
  CHECK_FALSE(bare.links[0].declared);
  CHECK(bare.links[0].bandwidth_bytes_per_second > 0);
  CHECK(bare.name == "p");
  const Platform stated =
      parse_platform(head + "networks:\n  - {name: lan, members: [a, b], bandwidth: 100 Mbit/s}\n", "p.yaml");
  CHECK(stated.links[0].declared);
  CHECK(stated.links[0].bandwidth_bytes_per_second == 12.5e6);
}

TEST_CASE("oversubscription is a warning") {
  const std::string text = "dse: platform/1\ndevices:\n  - {name: a, host: localhost, cores: 4096, memory: 1 GiB}\n";
  const Platform platform = parse_platform(text, "p.yaml");
  CHECK(platform.oversubscribed());
  CHECK(warned(platform, "oversubscribed"));
  CHECK_FALSE(parse_platform(replaced(text, "4096", "1"), "p.yaml").oversubscribed());
  CHECK_FALSE(parse_platform(lab, "p.yaml").oversubscribed());
}

TEST_CASE("input everywhere, engines, and the first network wins") {
  const Platform everywhere = parse_platform(replaced(lab, "input: nano0", "input: everywhere"), "lab.yaml");
  CHECK(everywhere.input_everywhere);
  const Platform cuda =
      parse_platform(replaced(lab, "cores: 4, memory: 3.5 GiB", "cores: 4, memory: 3.5 GiB, engine: cuda"), "lab.yaml");
  CHECK(cuda.devices[0].engine == "cuda");
  CHECK(warned(cuda, "only cpu is tested"));
  const Platform two = read_platform(examples() / "two-networks.yaml");
  CHECK(two.links[two.link_between(0, 1)].name == "cable");
  CHECK(two.links[two.link_between(2, 1)].name == "wifi");
  CHECK(two.links[1].kind == NetworkKind::shared);
}

TEST_CASE("all examples are read, and profiles come from beside the file") {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(examples())) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    CHECK_NOTHROW(read_platform(entry.path()));
    ++count;
  }
  CHECK(count >= 4);
  const Platform platform = read_platform(examples() / "lab.yaml");
  CHECK(platform.devices[0].profile->name == "nano");
  CHECK(platform.devices[1].profile->name == "pi");
  REQUIRE(platform.links[0].profile);
  CHECK(transfer_seconds(platform.links[0], 1048576) == doctest::Approx(0.0095));
  CHECK(platform.sha256 != sha256_hex(platform.text));
}

TEST_CASE("a profile that cannot be read is told at its place; a faulty one in its own file") {
  TempDir folder("dse-platform-test-");
  const auto lab_with = [&](const std::string& profile) {
    return replaced(lab, "memory: 3.5 GiB", "memory: 3.5 GiB, profile: " + profile);
  };
  const std::string path = (folder.path() / "lab.yaml").string();
  CHECK(error_of([&] { parse_platform(lab_with("none.yaml"), path); }) == "PLATFORM-PROFILE 6:87");
  CHECK(error_of([&] { parse_platform(lab_with("."), path); }) == "PLATFORM-PROFILE 6:87");
  write_file(folder.path() / "bad.yaml", "dse: profile/1\nname: x\nclasses: []\nkernels: []\nnoise: -1\n");
  CHECK(error_of([&] { parse_platform(lab_with("bad.yaml"), path); }) == "YAML-RANGE 5:8");
  write_file(folder.path() / "good.yaml", to_yaml(generic_profile(2)));
  const Platform platform = parse_platform(lab_with("good.yaml"), path);
  CHECK(warned(platform, "has 4 cores, but its profile was measured with 2"));
}

TEST_CASE("row 33: unknown keys are refused with the nearest known one") {
  CHECK(lab_error("bandwidth:", "bandwith:") == "YAML-KEY 9:56");
  CHECK(lab_message("bandwidth:", "bandwith:") ==
        "lab.yaml:9:56: error[YAML-KEY]: key 'bandwith' is not known here, did you mean 'bandwidth'?");
  CHECK(lab_error("name: lab", "nmae: lab") == "YAML-KEY 2:1");
  CHECK(lab_error("cores: 4, memory: 3.5", "cores: 4, port: 22, memory: 3.5") == "YAML-KEY 6:61");
  CHECK(lab_error("idle:", "idel:") == "YAML-KEY 7:70");
  CHECK(lab_error("switched", "swiched") == "YAML-VALUE 9:23");
  CHECK(lab_error("datasheet", "guess") == "YAML-VALUE 7:106");
  CHECK(lab_error("cores: 4, memory: 3.5 GiB", "cores: 4, memory: 3.5 GiB, engine: gpu") == "YAML-VALUE 6:86");
}

TEST_CASE("rows 34 and 35: missing keys and wrong kinds") {
  CHECK(lab_error("host: pi0.local, ", "") == "YAML-MISSING 7:5");
  CHECK(lab_error("memory: 3.5 GiB", "") == "YAML-MISSING 6:5");
  CHECK(lab_error("members: [nano0, pi0], ", "") == "YAML-MISSING 9:5");
  CHECK(lab_error("idle: 2.3 W, ", "") == "YAML-MISSING 7:69");
  CHECK(lab_error("bandwidth: 940 Mbit/s, ", "") == "PLATFORM-BANDWIDTH 9:5");
  CHECK(error_of([] { parse_platform("dse: platform/1\nname: x\n", "p"); }) == "YAML-MISSING 1:1");
  CHECK(error_of([] { parse_platform("dse: platform/1\ndevices: {name: a}\n", "p"); }) == "YAML-TYPE 2:10");
  CHECK(error_of([] { parse_platform("dse: platform/1\ndevices: [nano0]\n", "p"); }) == "YAML-TYPE 2:11");
  CHECK(error_of([] { parse_platform("dse: platform/1\ndevices: []\n", "p"); }) == "PLATFORM-DEVICES 2:10");
  CHECK(lab_error("[nano0, pi0]", "nano0") == "YAML-TYPE 9:42");
  CHECK(lab_error("name: nano0", "name: [nano0]") == "YAML-TYPE 6:12");
}

TEST_CASE("rows 39 and 40: numbers, and zeros that would divide") {
  for (const char* bad : {"010", "0x4", "1_0", ".nan", ".inf", "\"4\"", "4.0", "1e1", "yes"}) {
    CAPTURE(bad);
    CHECK(lab_error("cores: 4, memory: 3.5", std::string("cores: ") + bad + ", memory: 3.5") == "YAML-NUMBER 6:58");
  }
  for (const char* bad : {"0", "-1", "5000"})
    CHECK(lab_error("cores: 4, memory: 3.5", std::string("cores: ") + bad + ", memory: 3.5") == "YAML-RANGE 6:58");
  CHECK(lab_error("3.5 GiB", "0 GiB") == "PLATFORM-ZERO 6:69");
  CHECK(lab_error("3.5 GiB", "3.5") == "YAML-UNIT 6:69");
  CHECK(lab_error("3.5 GiB", "1e400 GiB") == "YAML-RANGE 6:69");
  CHECK(lab_error("940 Mbit/s", "0 Mbit/s") == "PLATFORM-ZERO 9:67");
  CHECK(lab_error("940 Mbit/s", "-5 Mbit/s") == "YAML-RANGE 9:67");
  CHECK(lab_error("940 Mbit/s", "940") == "YAML-UNIT 9:67");
  CHECK(lab_error("180 us", "-1 us") == "YAML-RANGE 9:88");
  CHECK(lab_error("active: 5.2 W", "active: 1 W") == "PLATFORM-POWER 7:91");
}

TEST_CASE("row 41: names are unique, and hosts but localhost") {
  CHECK(lab_error("name: pi0", "name: nano0") == "PLATFORM-NAME 7:12");
  CHECK(lab_error("host: pi0.local", "host: 192.168.7.10") == "PLATFORM-HOST 7:23");
  CHECK(lab_error("name: pi0", "name: everywhere") == "PLATFORM-NAME 7:12");
  CHECK(lab_error("  - {name: lan",
                  "  - {name: lan, members: [nano0, pi0], bandwidth: 1 Gbit/s, latency: 1 us}\n  - {name: lan") ==
        "PLATFORM-NAME 10:12");
}

TEST_CASE("row 42: networks name devices that exist, each once, and connect every pair") {
  CHECK(lab_error("[nano0, pi0]", "[nano0, pi1]") == "PLATFORM-DEVICE 9:50");
  CHECK(lab_message("[nano0, pi0]", "[nano0, pi1]").find("did you mean 'pi0'?") != std::string::npos);
  CHECK(lab_error("[nano0, pi0]", "[nano0, nano0]") == "PLATFORM-NETWORK 9:50");
  CHECK(lab_error("[nano0, pi0]", "[nano0]") == "PLATFORM-NETWORK 9:42");
  CHECK(lab_error("networks:", "  - {name: far, host: far.local, cores: 1, memory: 1 GiB}\nnetworks:") ==
        "PLATFORM-PAIR 9:1");
  CHECK(lab_message("networks:", "  - {name: far, host: far.local, cores: 1, memory: 1 GiB}\nnetworks:")
            .find("'nano0' and 'far'") != std::string::npos);
  CHECK(error_of([] { parse_platform(lab.substr(0, lab.find("networks:")), "p"); }) == "PLATFORM-PAIR 5:1");
  CHECK(lab_error("input: nano0", "input: nano1") == "PLATFORM-DEVICE 3:8");
  CHECK(lab_error("output: pi0", "output: everywhere") == "PLATFORM-DEVICE 4:9");
}

TEST_CASE("row 43: hosts") {
  const std::string homoglyph = "n\xd0\xb0no";  // a Cyrillic a
  for (const std::string bad : {"-oProxyCommand=touch",
                                "a;b",
                                "a b",
                                "$(x)",
                                "a,b",
                                "h:4",
                                "+n0",
                                "",
                                ".a",
                                "a.",
                                "a..b",
                                "a-.b",
                                "-a",
                                "a/b",
                                "fe80::1",
                                "::1",
                                "127.0.0.1",
                                "300.1.1.1",
                                "1.2.3",
                                "01.2.3.4",
                                "1234",
                                "a\nb",
                                "a_b",
                                "a'b"}) {
    CAPTURE(bad);
    CHECK(host_fault(bad) != "");
  }
  CHECK(host_fault(homoglyph) != "");
  CHECK(host_fault(std::string(300, 'a')) != "");
  CHECK(host_fault(std::string(64, 'a')) != "");
  for (const std::string good :
       {"localhost", "pi0.local", "192.168.7.10", "a", "A-1", "xn--bcher-kva.example", "10.0.0.1", "4boards"}) {
    CAPTURE(good);
    CHECK(host_fault(good) == "");
  }
  CHECK(lab_error("host: pi0.local", "host: -oProxyCommand=x") == "PLATFORM-HOST 7:23");
  CHECK(lab_error("host: pi0.local", "host: \"a,b\"") == "PLATFORM-HOST 7:23");
  CHECK(lab_error("host: pi0.local", "host: \"a\\nb\"") == "PLATFORM-HOST 7:23");
  CHECK(lab_error("host: pi0.local", "host: +n0") == "PLATFORM-HOST 7:23");
  CHECK(lab_error("host: pi0.local", "host: 12") == "YAML-TEXT 7:23");
}

TEST_CASE("rows 44 and 45: users and names") {
  for (const std::string bad : {"-l", "root;", "", "Root", "a b", "0root", "a.b", "ro$ot"}) {
    CAPTURE(bad);
    CHECK(user_fault(bad) != "");
  }
  CHECK(user_fault(std::string(33, 'a')) != "");
  for (const std::string good : {"root", "_dse", "edge-1"}) CHECK(user_fault(good) == "");
  CHECK(lab_error("user: edge", "user: -l") == "PLATFORM-USER 6:45");
  for (const std::string bad : {"../..", "~", "a b", "a'b", "", "-a", ".hidden", "a,b", "a/b"}) {
    CAPTURE(bad);
    CHECK(name_fault(bad) != "");
  }
  CHECK(name_fault(std::string(64, 'a')) != "");
  CHECK(lab_error("name: pi0", "name: ../pi0") == "PLATFORM-NAME 7:12");
}

TEST_CASE("row 46: CRLF works") {
  std::string crlf;
  for (const char c : lab) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(parse_platform(crlf, "lab.yaml").devices[1].host == "pi0.local");
}

TEST_CASE("row 48: limits") {
  const auto with_devices = [](int count) {
    std::string text = "dse: platform/1\ndevices:\n";
    for (int i = 0; i < count; ++i)
      text += "  - {name: d" + std::to_string(i) + ", host: localhost, cores: 1, memory: 1 MiB}\n";
    return text;
  };
  CHECK(parse_platform(with_devices(1024), "p").devices.size() == 1024);
  CHECK(error_of([&] { parse_platform(with_devices(10'000), "p"); }) == "PLATFORM-DEVICES 1027:5");
}

TEST_CASE("files that are none") {
  CHECK_THROWS_AS(read_platform("/"), const Error&);
  CHECK_THROWS_AS(read_platform("no-such-file.yaml"), const Error&);
  CHECK_THROWS_AS(read_platform("/dev/zero"), const Error&);
}

TEST_CASE("discover writes a platform that is read back") {
  for (const std::size_t devices : {std::size_t{1}, std::size_t{2}, std::size_t{10'000}}) {
    const Platform platform = parse_platform(discover_platform(devices), "found.yaml");
    CHECK(platform.devices.size() <= devices);
    CHECK(platform.devices.size() >= 1);
    CHECK_FALSE(platform.oversubscribed());
  }
}

TEST_CASE("measured power of a profile is used where the file declares none, and shared by the devices of a host") {
  const TempDir folder("dse-platform-power");
  DeviceProfile profile = generic_profile(4);
  profile.power = PowerProfile{"rapl", 2, 2.4, {{1, 3}, {3, 6}}};
  write_file(folder.path() / "p.yaml", to_yaml(profile));
  const auto read = [&](const std::string& second) {
    return parse_platform(
        "dse: platform/1\ndevices:\n  - {name: a, host: localhost, cores: 4, memory: 1 GiB, profile: p.yaml}\n" +
            second,
        (folder.path() / "f.yaml").string());
  };
  const Power alone = read("").devices[0].power;
  CHECK(alone.source == Provenance::measured);
  CHECK_FALSE(alone.declared);
  CHECK(alone.idle_watts == 2);
  CHECK(alone.waiting_watts == 2.4);
  CHECK(alone.joules_per_byte == 0);
  CHECK(alone.active_with(0, 4) == 2);
  CHECK(alone.active_with(1, 4) == 3);
  CHECK(alone.active_with(2, 4) == doctest::Approx(4.5));
  CHECK(alone.active_with(3, 4) == 6);
  CHECK(alone.active_with(4, 4) == doctest::Approx(2 + 4 * 4 / 3.0));  // in proportion to what three threads add
  CHECK(alone.active_with(9, 4) == alone.active_watts);
  // Idle power is the host's: its two devices have half each, and all of what they add.
  const Platform both = read(
      "  - {name: b, host: localhost, cores: 4, memory: 1 GiB, profile: p.yaml, power: {idle: 7 W, active: 8 W}}\n");
  CHECK(both.devices[0].power.idle_watts == 1);
  CHECK(both.devices[0].power.waiting_watts == doctest::Approx(1.4));
  CHECK(both.devices[0].power.active_with(1, 4) == doctest::Approx(2));
  CHECK(both.devices[1].power.idle_watts == 7);
  CHECK(both.devices[1].power.source == Provenance::assumed);
  // What stood in the file is written, assumed or not; what a profile says stays there.
  const std::string text = to_yaml(both, {{{"a", "p.yaml"}, {"b", "p.yaml"}}, {}});
  CHECK(text.find("idle: 7 W") != std::string::npos);
  CHECK(text.find("idle: 1 W") == std::string::npos);
}
