// A written platform reads back as the same one.
#include <doctest/doctest.h>

#include "platform/platform.hpp"

using namespace dse;

TEST_CASE("a platform survives writing and reading") {
  const std::string text =
      "dse: platform/1\nname: lab\ninput: everywhere\noutput: pi0\ndevices:\n"
      "  - {name: nano0, host: 192.168.7.10, user: edge, cores: 4, memory: 3.5 GiB, power: {idle: 2.3 W, active: 5.2 "
      "W, source: datasheet}}\n"
      "  - {name: pi0, host: pi0.local, cores: 3, memory: 1800 MB}\n"
      "networks:\n  - {name: lan, kind: shared, members: [nano0, pi0], bandwidth: 937 Mbit/s, latency: 180 us}\n";
  const Platform first = parse_platform(text, "first.yaml");
  const Platform second = parse_platform(to_yaml(first, {}), "second.yaml");
  REQUIRE(second.devices.size() == 2);
  CHECK(second.name == first.name);
  CHECK(second.input_everywhere);
  CHECK(second.output == 1);
  for (std::size_t d = 0; d < 2; ++d) {
    CHECK(second.devices[d].host == first.devices[d].host);
    CHECK(second.devices[d].user == first.devices[d].user);
    CHECK(second.devices[d].cores == first.devices[d].cores);
    CHECK(second.devices[d].memory_bytes == first.devices[d].memory_bytes);
    CHECK(second.devices[d].power.source == first.devices[d].power.source);
    CHECK(second.devices[d].power.active_watts == first.devices[d].power.active_watts);
  }
  REQUIRE(second.links.size() == 1);
  CHECK(second.links[0].kind == NetworkKind::shared);
  CHECK(second.links[0].bandwidth_bytes_per_second == doctest::Approx(first.links[0].bandwidth_bytes_per_second));
  CHECK(second.links[0].latency_seconds == first.links[0].latency_seconds);
}

TEST_CASE("undeclared local links are written only where a profile measured them") {
  const Platform local = parse_platform(
      "dse: platform/1\nname: here\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB}\n"
      "  - {name: b, host: localhost, cores: 1, memory: 1 GiB}\n",
      "here.yaml");
  CHECK(to_yaml(local, {}).find("networks:") == std::string::npos);
  const std::string measured = to_yaml(local, {{{"a", "a.yaml"}}, {{local.links.at(0).name, "network.yaml"}}});
  CHECK(measured.find("profile: a.yaml") != std::string::npos);
  CHECK(measured.find("profile: network.yaml") != std::string::npos);
}
