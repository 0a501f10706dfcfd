// Where a worker's frames come from and go to: golden tensors of the package, or folders of raw files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/executor.hpp"
#include "runtime/package.hpp"

namespace dse::runtime {

// Golden inputs, frame n being golden frame n mod count. Error(bad_input, PACKAGE-GOLDEN) where the package has none.
std::unique_ptr<FrameSource> golden_source(const Package& package);

// FOLDER/frame_<n>_in<i>.bin: dense row-major little-endian elements of input i.
std::unique_ptr<FrameSource> folder_source(const program::Deployment& deployment, const fs::path& folder);

// What comparing an output with its golden tensor found, over all frames seen.
struct OutputCheck {
  double worst = 0;  // largest relative error
  std::size_t compared = 0;
  std::optional<std::size_t> first_wrong;  // frame
};

// Compares each frame's outputs with the golden ones (where `check`), then writes FOLDER/frame_<n>_out<i>.bin (where
// named).
class OutputFiles : public FrameSink {
 public:
  OutputFiles(const Package& package, bool check, const fs::path& folder);
  void take(std::size_t frame, std::span<const std::span<const std::byte>> outputs) override;
  const std::vector<OutputCheck>& checks() const { return checks_; }  // by output; empty without `check`

 private:
  void compare(std::size_t frame, std::size_t port, std::span<const std::byte> got);

  const Package& package_;
  fs::path folder_;
  std::vector<std::vector<MappedFile>> golden_;  // by golden frame and output
  std::vector<OutputCheck> checks_;
};

// Compares what crosses cuts with the golden tensors, step by step.
class CutCheck {
 public:
  explicit CutCheck(const Package& package);
  void look(const FinishedStep& step);
  struct Result {
    std::string tensor;
    double tolerance = 0;
    OutputCheck check;
    std::string first_step;  // where it was first wrong
  };
  const std::vector<Result>& results() const { return results_; }

 private:
  void compare(const FinishedStep& step, const program::View& view, std::size_t cut);

  const Package& package_;
  std::vector<std::vector<MappedFile>> golden_;  // by golden frame and cut
  std::vector<Result> results_;
  std::vector<std::byte> got_, want_;
};

}  // namespace dse::runtime
