// Networks that travel as shapes: what is measured of them elsewhere is found under the same signatures here.
#include "models/bundle.hpp"

#include <doctest/doctest.h>

#include <map>

#include "base/error.hpp"
#include "models/zoo.hpp"
#include "tests/support/networks.hpp"

namespace dse {
namespace {

std::map<std::string, std::size_t> signatures(const Network& network) {
  std::map<std::string, std::size_t> count;
  for (const Layer& layer : network.layers()) ++count[layer.signature];
  return count;
}

std::vector<Network> sent(const std::vector<Network>& networks) {
  const TempDir folder("dse-test-bundle");
  return read_bundle(write_bundle(networks), folder.path());
}

void check_alike(const Network& original, const Network& arrived) {
  CHECK(arrived.name() == original.name());
  CHECK(arrived.layers().size() == original.layers().size());
  CHECK(signatures(arrived) == signatures(original));
  CHECK(arrived.macs() == original.macs());
  CHECK(arrived.parameter_bytes() == original.parameter_bytes());
}

TEST_CASE("a network arrives with the layers that it was sent with, and a hundredth of its weight") {
  const TempDir folder("dse-test-bundle");
  for (const char* name : {"resnet18", "mobilenetv2", "squeezenet1.1"}) {
    CAPTURE(name);
    zoo::make(name, folder.path() / (std::string(name) + ".onnx"));
    const std::vector<Network> networks{Network::import(folder.path() / (std::string(name) + ".onnx"))};
    const std::string bytes = write_bundle(networks);
    const std::vector<Network> arrived = sent(networks);
    REQUIRE(arrived.size() == 1);
    check_alike(networks.front(), arrived.front());
    // Small weights travel as they are.
    CHECK(bytes.size() < static_cast<std::size_t>(networks.front().parameter_bytes()) / 8);
    if (std::string(name) == "resnet18")
      CHECK(bytes.size() < static_cast<std::size_t>(networks.front().parameter_bytes()) / 40);
  }
}

TEST_CASE("several random networks arrive in their order") {
  std::vector<Network> networks;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) networks.push_back(*test::random_network(seed, 4 + seed));
  const std::vector<Network> arrived = sent(networks);
  REQUIRE(arrived.size() == networks.size());
  for (std::size_t n = 0; n < networks.size(); ++n) check_alike(networks[n], arrived[n]);
}

TEST_CASE("a bundle that did not arrive whole is refused") {
  const test::SmallNetwork network = test::chain_network();
  const std::string bytes = write_bundle(std::vector<Network>{*network});
  const TempDir folder("dse-test-bundle");
  const auto code = [&](const std::string& damaged) {
    try {
      read_bundle(damaged, folder.path());
    } catch (const Error& error) {
      CHECK(error.exit() == ExitCode::bad_input);
      return error.code();
    }
    return std::string("accepted");
  };
  CHECK(code("") == "BUNDLE-DATA");
  CHECK(code("ssh: welcome to pi0\n") == "BUNDLE-DATA");
  for (std::size_t length = 0; length + 8 < bytes.size(); length += 97) {
    CAPTURE(length);
    CHECK(code(bytes.substr(0, length)) != "accepted");
  }
}

}  // namespace
}  // namespace dse
