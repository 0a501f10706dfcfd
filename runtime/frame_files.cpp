#include "runtime/frame_files.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "program/exactness.hpp"
#include "runtime/strided_copy.hpp"

namespace dse::runtime {
namespace {

using Paths = std::vector<std::string> program::GoldenFrame::*;

// By golden frame and tensor.
std::vector<std::vector<MappedFile>> golden_files(const Package& package, Paths which) {
  if (package.manifest.golden.frames.empty())
    throw Error(ExitCode::bad_input, "PACKAGE-GOLDEN", {package.folder.string()},
                "has no golden frames; give --input, and leave --check out");
  std::vector<std::vector<MappedFile>> result;
  for (const program::GoldenFrame& frame : package.manifest.golden.frames) {
    result.emplace_back();
    for (const std::string& path : frame.*which) result.back().push_back(package_file(package, path));
  }
  return result;
}

class GoldenSource : public FrameSource {
 public:
  explicit GoldenSource(const Package& package) : inputs_(golden_files(package, &program::GoldenFrame::inputs)) {}
  std::span<const std::byte> input(std::size_t frame, std::size_t port) override {
    return inputs_[frame % inputs_.size()][port].bytes();
  }

 private:
  std::vector<std::vector<MappedFile>> inputs_;
};

class FolderSource : public FrameSource {
 public:
  FolderSource(const program::Deployment& deployment, fs::path folder)
      : deployment_(deployment), folder_(std::move(folder)) {}
  std::span<const std::byte> input(std::size_t frame, std::size_t port) override {
    const std::string name = fmt::format("frame_{}_in{}.bin", frame, port);
    const auto bytes = static_cast<std::uint64_t>(deployment_.inputs[port].tensor.bytes());
    current_.emplace(MappedFile::open_beneath(folder_, name, bytes));
    if (current_->bytes().size() != bytes)
      throw Error(ExitCode::bad_input, "INPUT-SIZE", {(folder_ / name).string()},
                  fmt::format("holds {} bytes, the network's input needs {}", current_->bytes().size(), bytes));
    return current_->bytes();
  }

 private:
  const program::Deployment& deployment_;
  fs::path folder_;
  std::optional<MappedFile> current_;
};

void note(OutputCheck& check, std::size_t frame, double error, bool right) {
  check.worst = std::max(check.worst, error);
  ++check.compared;
  if (!right && !check.first_wrong) check.first_wrong = frame;
}

}  // namespace

std::unique_ptr<FrameSource> golden_source(const Package& package) { return std::make_unique<GoldenSource>(package); }

std::unique_ptr<FrameSource> folder_source(const program::Deployment& deployment, const fs::path& folder) {
  return std::make_unique<FolderSource>(deployment, folder);
}

OutputFiles::OutputFiles(const Package& package, bool check, const fs::path& folder)
    : package_(package), folder_(folder) {
  if (check) {
    golden_ = golden_files(package, &program::GoldenFrame::outputs);
    checks_.resize(package.set.deployment.outputs.size());
  }
  if (folder_.empty()) return;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw Error(ExitCode::io, "OUTPUT-FOLDER", {folder_.string()}, "cannot be made: " + error.message());
}

void OutputFiles::take(std::size_t frame, std::span<const std::span<const std::byte>> outputs) {
  for (std::size_t port = 0; port < outputs.size(); ++port) {
    if (!golden_.empty()) compare(frame, port, outputs[port]);
    if (folder_.empty()) continue;
    const auto* text = static_cast<const char*>(static_cast<const void*>(outputs[port].data()));
    write_file(folder_ / fmt::format("frame_{}_out{}.bin", frame, port), {text, outputs[port].size()});
  }
}

void OutputFiles::compare(std::size_t frame, std::size_t port, std::span<const std::byte> got) {
  const DataType type = package_.set.deployment.outputs[port].tensor.type;
  const program::Deviation found = program::deviation(type, got, golden_[frame % golden_.size()][port].bytes());
  note(checks_[port], frame, found.relative(), program::within(type, found, package_.manifest.golden.tolerance[port]));
}

CutCheck::CutCheck(const Package& package)
    : package_(package), golden_(golden_files(package, &program::GoldenFrame::cuts)) {
  for (const program::GoldenCut& cut : package.manifest.golden.cuts)
    results_.push_back({cut.tensor, cut.tolerance, {}, {}});
  const bool complete =
      std::all_of(golden_.begin(), golden_.end(), [&](const auto& frame) { return frame.size() == results_.size(); });
  if (!complete)
    throw Error(ExitCode::bad_input, "PACKAGE-GOLDEN", {package.folder.string()},
                "has no golden tensors at its cuts; leave --verify-cuts out");
}

void CutCheck::look(const FinishedStep& step) {
  for (const program::View& view : step.lane->steps[step.step].targets)
    for (std::size_t cut = 0; cut < results_.size(); ++cut)
      if (step.lane->buffers[view.buffer].tensor == results_[cut].tensor) compare(step, view, cut);
}

void CutCheck::compare(const FinishedStep& step, const program::View& view, std::size_t cut) {
  const program::GoldenCut& golden = package_.manifest.golden.cuts[cut];
  const program::Buffer& buffer = step.lane->buffers[view.buffer];
  const Box whole = Box::whole(golden.type.shape);
  if (view.box.lo.size() != whole.lo.size() || !whole.contains(view.box) || buffer.type != golden.type.type)
    throw Error(
        ExitCode::bad_input, "PACKAGE-GOLDEN", {package_.folder.string()},
        "its golden tensor at '" + printable(golden.tensor, 80) + "' differs from the programs' in type or shape");
  const std::size_t element = element_size(buffer.type);
  const std::span<const std::byte> expected = golden_[step.frame % golden_.size()][cut].bytes();
  const StridedCopy from_buffer(view.box, buffer.box, view.box, element);
  const StridedCopy from_golden(view.box, whole, view.box, element);
  got_.resize(from_buffer.bytes());
  want_.resize(from_golden.bytes());
  from_buffer.run(step.buffer(view.buffer), got_.data());
  from_golden.run(expected.data(), want_.data());
  program::Deviation found = program::deviation(buffer.type, got_, want_);
  found.magnitude = program::deviation(buffer.type, expected, expected).magnitude;  // of the whole tensor
  const bool right = program::within(buffer.type, found, golden.tolerance);
  Result& result = results_[cut];
  if (!right && !result.check.first_wrong) result.first_step = step.lane->steps[step.step].name;
  note(result.check, step.frame, found.relative(), right);
}

}  // namespace dse::runtime
