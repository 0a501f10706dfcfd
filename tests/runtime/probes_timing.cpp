// The probes of messages and copies, run for real.
#include <doctest/doctest.h>

#include "base/files.hpp"
#include "runtime/probes.hpp"
#include "tests/support/ranks.hpp"

using namespace dse;

TEST_CASE("copies are measured from small to large, and larger ones take no less") {
  const std::vector<probes::CopyTime> copies = probes::measure_copies();
  REQUIRE(copies.size() >= 4);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    CHECK(copies[i].seconds > 0);
    CHECK(copies[i].warm_seconds > 0);
    if (i == 0) continue;
    CHECK(copies[i].bytes > copies[i - 1].bytes);
    CHECK(copies[i].seconds >= copies[i - 1].seconds);
    CHECK(copies[i].warm_seconds >= copies[i - 1].warm_seconds);
  }
}

TEST_CASE("the link probe tells of every size, of pauses and of processor time") {
  const TempDir folder("dse-test-link");
  probes::LinkRequest request;
  request.sizes = {1, 4096, 1 << 20};
  request.repetitions = 4;
  write_file(folder.path() / "request.json", probes::to_json(request));
  const ProcessResult result = test::run_ranks(
      "2", {(executable_folder() / "dse-probe").string(), "link", (folder.path() / "request.json").string()});
  REQUIRE_MESSAGE(result.exit_code == 0, result.errors);
  const probes::LinkReport report = probes::link_report_from_json(result.output);
  REQUIRE(report.samples.size() == request.sizes.size());
  for (std::size_t i = 0; i < report.samples.size(); ++i) {
    CHECK(report.samples[i].bytes == request.sizes[i]);
    CHECK(report.samples[i].seconds > 0);
    CHECK(report.samples[i].cpu_seconds >= 0);
  }
  CHECK(report.wakes.size() >= 3);
  CHECK(report.mpi_bytes > 0);
  const probes::LinkReport again = probes::link_report_from_json(probes::to_json(report));
  CHECK(again.samples.back().cpu_seconds == report.samples.back().cpu_seconds);
  CHECK(again.wakes.back().late_seconds == report.wakes.back().late_seconds);
}
