#include "deploy/package.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "deploy/launch_files.hpp"
#include "deploy/package_folder.hpp"
#include "deploy/weight_file.hpp"
#include "models/submodel.hpp"

namespace dse::deploy {
namespace {

constexpr const char* weights_name = "weights.bin";

class Writer {
 public:
  Writer(Reference& reference, const Platform& platform, const Plan& plan, const fs::path& place,
         const PackageOptions& options)
      : reference_(reference),
        platform_(platform),
        plan_(plan),
        options_(options),
        folder_(place, options.force),
        ranks_(assign_ranks(platform, plan.programs, options.local_cores)),
        set_(renumber(plan.programs, ranks_)) {}

  PackageReport write(const program::Estimate& estimate) {
    for (std::size_t rank = 0; rank < ranks_.ranks.size(); ++rank) write_device(rank);
    program::check(set_);
    folder_.add("deployment.json", program::to_json(set_.deployment));
    write_launch_files();
    poll();
    manifest_.golden = write_golden(folder_, reference_, plan_, options_.golden);
    describe(estimate);
    manifest_.files = folder_.files();
    program::check(manifest_, set_.deployment);
    folder_.add("manifest.json", program::to_json(manifest_));
    poll();
    folder_.commit();
    return report();
  }

 private:
  void poll() const {
    if (options_.cancelled && options_.cancelled())
      throw Error(ExitCode::interrupted, "INTERRUPTED", "interrupted; nothing was written");
  }

  // The first run step of each of the program's segments: replicas share segments.
  std::vector<const PlanSegment*> segments_of(std::size_t rank) const {
    std::vector<const PlanSegment*> result(set_.programs[rank].segments.size(), nullptr);
    for (const PlanSegment& segment : plan_.segments)
      if (segment.device == ranks_.ranks[rank].device && result.at(segment.program_segment) == nullptr)
        result[segment.program_segment] = &segment;
    if (std::find(result.begin(), result.end(), nullptr) != result.end())
      throw Error(ExitCode::internal, "PACKAGE-SEGMENT", {ranks_.ranks[rank].name},
                  "has a segment that no run step uses");
    return result;
  }

  WeightFile weights_of(const std::vector<const PlanSegment*>& segments) const {
    std::vector<WeightSlice> weights;
    for (const PlanSegment* segment : segments) {
      const std::vector<WeightSlice> own =
          external_slices(reference_.network(), model_request(plan_, *segment, "weights"));
      weights.insert(weights.end(), own.begin(), own.end());
    }
    return WeightFile(reference_.network(), weights);
  }

  void write_device(std::size_t rank) {
    program::Program& program = set_.programs[rank];
    const std::string name = safe_file_name(program.device, rank);
    const std::vector<const PlanSegment*> segments = segments_of(rank);
    const WeightFile weights = weights_of(segments);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      poll();
      program::Segment& segment = program.segments[i];
      segment.model = safe_file_name(segment.name, i) + ".onnx";
      folder_.add(fmt::format("models/{}/{}", name, segment.model),
                  write_part_model(reference_.network(), request(*segments[i], segment.name, weights)));
    }
    if (!weights.empty())
      folder_.add(fmt::format("models/{}/{}", name, weights_name),
                  [&](const PackageFolder::Sink& sink) { weights.write(sink); });
    manifest_.model_folders.push_back(name);
    manifest_.programs.push_back(name + ".json");
    folder_.add("programs/" + manifest_.programs.back(), program::to_json(program));
  }

  PartModelRequest request(const PlanSegment& segment, const std::string& name, const WeightFile& weights) const {
    PartModelRequest result = model_request(plan_, segment, name);
    result.locate = [&weights](const WeightSlice& slice) { return weights.locate(slice, weights_name); };
    return result;
  }

  void write_launch_files() {
    folder_.add("hostfile", hostfile_text(ranks_));
    folder_.add("rankfile", rankfile_text(ranks_));
    folder_.add("appfile", appfile_text(ranks_));
    folder_.add("run", run_script(ranks_), 0755);
  }

  void describe(const program::Estimate& estimate) {
    manifest_.tool_version = DSE_VERSION;
    manifest_.engine_version = reference_.engine().version();
    manifest_.model = {reference_.network().name(), reference_.network().sha256()};
    manifest_.platform = {platform_.name, platform_.sha256};
    manifest_.wait = options_.wait;
    manifest_.estimate = {estimate.latency_s, estimate.period_s, {}};
    if (!estimate.devices.empty())
      for (const Rank& rank : ranks_.ranks) manifest_.estimate.devices.push_back(estimate.devices.at(rank.device));
  }

  PackageReport report() const {
    PackageReport result{folder_.place(), ranks_, 0, folder_.files().size(), manifest_.golden, {}};
    for (const auto& [path, facts] : folder_.files()) result.bytes += facts.bytes;
    if (ranks_.oversubscribed)
      result.warnings.push_back(
          fmt::format("local devices ask for more cores than the {} of this machine and share them: times say nothing "
                      "about separate devices",
                      ranks_.local_cores));
    if (std::any_of(ranks_.ranks.begin(), ranks_.ranks.end(),
                    [](const Rank& rank) { return rank.host != "localhost"; }))
      result.warnings.push_back(
          "starting ranks on other hosts is written by Open MPI's rules but was only tested on one machine");
    return result;
  }

  Reference& reference_;
  const Platform& platform_;
  const Plan& plan_;
  const PackageOptions& options_;
  PackageFolder folder_;
  Ranks ranks_;
  program::ProgramSet set_;
  program::Manifest manifest_;
};

}  // namespace

PackageReport write_package(Reference& reference, const Platform& platform, const Plan& plan,
                            const program::Estimate& estimate, const fs::path& place, const PackageOptions& options) {
  return Writer(reference, platform, plan, place, options).write(estimate);
}

}  // namespace dse::deploy
