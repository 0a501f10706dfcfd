// Devices on other hosts: mpirun starts everything there through an agent, which here stands for ssh and stays on this
// machine. The programs, the network stack and all that is measured are real.
#include "dse/commands/remote_calibration.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <sstream>

#include "base/error.hpp"
#include "deploy/package.hpp"
#include "dse/commands/platform_calibration.hpp"
#include "dse/commands/subject.hpp"
#include "dse/version.hpp"
#include "estimator/presets.hpp"
#include "models/zoo.hpp"
#include "platform/platform.hpp"
#include "validator/launch.hpp"
#include "validator/measure.hpp"

using namespace dse;

namespace {

// What ssh would do with a host's name and a command.
class Hosts {
 public:
  explicit Hosts(
      const std::string& agent = "while [ \"${1#-}\" != \"$1\" ]; do shift; done\nshift\nexec sh -c \"$*\"\n") {
    write_file(folder_.path() / "agent", "#!/bin/sh\n" + agent, 0755);
    const std::string loopback = "--mca btl_tcp_if_include lo --mca oob_tcp_if_include lo";
    write_file(folder_.path() / "mpirun",
               "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\nexec mpirun --mca plm_rsh_agent " +
                   (folder_.path() / "agent").string() + " " + loopback + " \"$@\"\n",
               0755);
    ::setenv("DSE_MPIRUN", (folder_.path() / "mpirun").c_str(), 1);
  }
  ~Hosts() { ::unsetenv("DSE_MPIRUN"); }
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  // A program of the hosts.
  std::string program(const std::string& script) const {
    write_file(folder_.path() / "dse", "#!/bin/sh\n" + script, 0755);
    return (folder_.path() / "dse").string();
  }
  fs::path file(const std::string& name) const { return folder_.path() / name; }

 private:
  TempDir folder_{"dse-test-hosts"};
};

std::string installed() { return (executable_folder() / "dse").string(); }

std::vector<Network> tiny() {
  const TempDir folder("dse-test-tiny");
  zoo::make("tiny", folder.path() / "tiny.onnx");
  std::vector<Network> networks;
  networks.push_back(Network::import(folder.path() / "tiny.onnx"));
  return networks;
}

PlatformCalibrationOptions quick(const Hosts& hosts, const std::string& program) {
  PlatformCalibrationOptions options;
  options.folder = hosts.file("devices");
  options.threads = {1};
  options.budget_seconds = 1;
  options.program = program;
  return options;
}

struct Said {
  std::ostringstream out, err;
  Console console{out, err, Format::table, false, false};
};

template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::device);
    CHECK(error.code() == "CALIBRATE-REMOTE");
    return error.message();
  }
  return "";
}

const RemoteHost pi0{"pi0", ""}, pi1{"pi1", "robot"};

}  // namespace

TEST_CASE("devices of another host are calibrated there, and what is written can be explored with") {
  const Hosts hosts;
  const Platform platform = parse_platform(
      "dse: platform/1\nname: far\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB}\n"
      "  - {name: b, host: pi1, user: robot, cores: 1, memory: 1 GiB}\nnetworks:\n"
      "  - {name: lan, kind: switched, members: [a, b], bandwidth: 1 Mbit/s}\n",
      "far.yaml");
  Said said;
  const PlatformCalibrationOptions options = quick(hosts, installed());
  const PlatformCalibration calibrated = calibrate_platform(platform, tiny(), options, said.console);
  CHECK(calibrated.failures.empty());
  CHECK(calibrated.devices.size() == 2);
  const Platform written = read_platform(options.folder / "platform.yaml");
  for (const Device& device : written.devices) {
    CHECK_FALSE(device.profile->assumed);
    CHECK(device.profile->name == device.name);
    CHECK_FALSE(device.profile->kernels.empty());
    CHECK(device.profile->host.cores == this_host("").cores);
  }
  // What was measured outranks what is declared.
  const Link& lan = written.links.at(written.link_between(0, 1));
  REQUIRE(lan.profile);
  CHECK(transfer_seconds(lan, 0, 1, 1 << 20) < 0.5 * (1 << 20) * 8e-6);
}

TEST_CASE("a link between two hosts is measured in both") {
  const Hosts hosts;
  const LinkCalibration link = RemoteCalibration(installed()).calibrate_link("lan", pi0, pi1);
  CHECK(link.profile.between == "pi0,pi1");
  REQUIRE(link.profile.table.size() > 10);
  CHECK(link.profile.table.back().seconds > link.profile.table.front().seconds);
  CHECK(link.profile.both_ways >= 1);
  CHECK(link.mpi_bytes > 0);
}

TEST_CASE("a package runs on two other hosts, and its outputs are right") {
  const Hosts hosts;
  const Platform platform = parse_platform(
      "dse: platform/1\nname: far\ninput: a\noutput: b\ndevices:\n"
      "  - {name: a, host: pi0, cores: 1, memory: 1 GiB}\n"
      "  - {name: b, host: pi1, user: robot, cores: 1, memory: 1 GiB}\nnetworks:\n"
      "  - {name: lan, kind: switched, members: [a, b], bandwidth: 1 Gbit/s}\n",
      "far.yaml");
  const std::vector<Network> networks = tiny();
  const Network& network = networks.front();
  const Estimator estimator(network, platform);
  deploy::Reference reference(network, engine::Engine::instance());
  for (const Strategy strategy : {Strategy::sequential, Strategy::horizontal}) {
    const Plan plan = lower(network, platform, preset(estimator, strategy, {0, 1}));
    const fs::path package = hosts.file(std::string(to_string(strategy)));
    deploy::write_package(reference, platform, plan, manifest_estimate(platform, estimator.estimate(plan)), package,
                          {});
    validator::MeasureOptions options;
    options.worker = validator::find_worker();
    options.power_sensor = "none";
    options.rounds = 1;
    options.frames = 24;
    const validator::Measurement measured = validator::measure(package, options);
    CAPTURE(measured.failure);
    CHECK(measured.exit == ExitCode::done);
    CHECK(measured.outputs_right);
    CHECK(measured.devices.size() == 2);
  }
}

TEST_CASE("a host that cannot be reached, or has another dse, is named before anything is measured") {
  {
    const Hosts hosts("echo \"ssh: connect to host $2 port 22: No route to host\" >&2\nexit 255\n");
    CHECK(refusal([] { RemoteCalibration(installed()).check(pi0); }).find("host 'pi0'") == 0);
  }
  const Hosts hosts;
  RemoteCalibration(installed()).check(pi0);
  CHECK(refusal([&] { RemoteCalibration(hosts.file("absent").string()).check(pi0); }).find("host 'pi0'") == 0);
  const RemoteCalibration old(hosts.program("echo dse 0.0.1\n"));
  CHECK(refusal([&] { old.check(pi1); }).find("'dse 0.0.1', here is dse " + version_text()) != std::string::npos);
}

TEST_CASE("what a host reports is checked, and why it failed is said") {
  const Hosts hosts;
  Said said;
  HostRequest request;
  request.slices = {1};
  const auto calibrate = [&](const std::string& script) {
    const RemoteCalibration remote(hosts.program(script));
    return refusal([&] { remote.calibrate(pi0, request, "", said.console); });
  };
  CHECK(calibrate("cat >/dev/null; echo measuring\n") == "host 'pi0': ended without a report");
  CHECK(calibrate("cat >/dev/null; echo '{\"slices\": [{\"cores\": 1}]}'\n").find("sent what is no report") !=
        std::string::npos);
  CHECK(
      calibrate("cat >/dev/null; echo 'error[FILE-WRITE]: the disk is full' >&2; exit 5\n").find("the disk is full") !=
      std::string::npos);
  calibrate("cat >/dev/null; echo 'warning: it is hot' >&2\n");
  CHECK(said.err.str().find("warning: host 'pi0': it is hot") != std::string::npos);
}

TEST_CASE("a host of which nothing is heard any more is given up") {
  const Hosts hosts;
  Said said;
  HostRequest request;
  request.slices = {1};
  const RemoteCalibration remote(hosts.program("cat >/dev/null; echo measuring; exec sleep 60\n"),
                                 std::chrono::seconds(3));
  CHECK(refusal([&] { remote.calibrate(pi0, request, "", said.console); }) ==
        "host 'pi0': nothing was heard of it for 3 s");
}

TEST_CASE("where one of several hosts fails while it is measured, the others are written all the same") {
  const Hosts hosts;
  const Platform platform = parse_platform(
      "dse: platform/1\nname: half\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB}\n"
      "  - {name: b, host: pi0, cores: 1, memory: 1 GiB}\nnetworks:\n"
      "  - {name: lan, members: [a, b], bandwidth: 1 Mbit/s}\n",
      "half.yaml");
  Said said;
  const PlatformCalibrationOptions options = quick(
      hosts,
      hosts.program("[ \"$1\" = --version ] && echo dse " + version_text() + " && exit 0\ncat >/dev/null; exit 7\n"));
  const PlatformCalibration calibrated = calibrate_platform(platform, tiny(), options, said.console);
  CHECK(calibrated.devices.size() == 1);
  CHECK(calibrated.failures.count("pi0") == 1);
  const Platform written = read_platform(options.folder / "platform.yaml");
  CHECK_FALSE(written.devices[0].profile->assumed);
  CHECK(written.devices[1].profile->assumed);
}

TEST_CASE("requests and reports arrive as they were sent") {
  HostRequest request;
  request.slices = {1, 4};
  request.threads = {1, 2};
  request.first_two = {4, 1};
  request.neighbours = true;
  request.budget_seconds = 33;
  request.power = {"rapl", "/elsewhere"};
  CHECK(to_json(host_request_from_json(to_json(request))) == to_json(request));
  HostReport report;
  CalibrationResult& slice = report.slices[4];
  slice.profile = generic_profile(4);
  slice.hold_outs = {{2, "tiny", {0.1, -0.05}}};
  slice.preempted = 0.25;
  report.link = LinkCalibration{};
  report.link->profile.name = "local";
  report.link->profile.table = {{1, 1e-5}, {1024, 2e-5}};
  report.link->mpi_bytes = 2e7;
  const HostReport again = host_report_from_json(to_json(report));
  CHECK(to_json(again) == to_json(report));
  CHECK(again.slices.at(4).hold_outs.front().errors == std::vector<double>{0.1, -0.05});
}
