// What validated runs taught of a device: by how much its calibrated costs are off, by operator class and thread count.
// It lies beside the profile (YAML, "dse: corrections/1"), which stays as calibration wrote it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"

namespace dse {

// Running statistics of log(measured / estimated), the estimate being the uncorrected one: else corrections would be
// learnt of corrections. Samples are weighted by how much of the measured step was of the class, so a count is a sum of
// weights.
struct Correction {
  std::string op_class;
  int threads = 1;
  double count = 0;
  double mean = 0;
  double squared_deviations = 0;  // sum of weight * (sample - mean)^2

  void add(double log_ratio, double weight);
  // What times are multiplied with: exp(mean), shrunk towards 1 as if `prior_samples` samples without any error had
  // been seen before.
  double factor() const;
  // Standard deviation of the samples about their mean; 0 of a single one.
  double spread() const;
  // Relative, of a corrected time whose uncorrected one was uncertain by `model`: the same prior samples, spread as the
  // model says, pooled with those that were measured. So it is the model's without samples and the residual spread with
  // many; in between, what the shrunk factor leaves uncorrected counts too.
  double uncertainty(double model) const;

  static constexpr double prior_samples = 5;
};

struct CorrectionSample {
  std::string op_class;
  int threads = 1;
  double log_ratio = 0;
  double weight = 1;  // above 0
};

struct Corrections {
  std::string profile_sha256;          // of the profile's text whose estimates were compared
  std::vector<Correction> statistics;  // by class, then threads

  const Correction* find(std::string_view op_class, int threads) const;
  void add(const CorrectionSample& sample);
};

// "nano0.yaml" -> "nano0.corrections.yaml", in the same folder.
fs::path corrections_file(const fs::path& profile);

std::string to_yaml(const Corrections& corrections);
// Throws Error(bad_input, CORRECTIONS-... or YAML-...) with file:line:column; another format version is refused.
Corrections parse_corrections(const std::string& text, const std::string& path);  // `path` is for messages
// The text of the file beside the profile; empty where there is none. Throws Error(CORRECTIONS-READ) where it is there
// and cannot be read.
std::optional<std::string> corrections_text(const fs::path& profile);

// Adds samples to the file beside the profile, and returns what it holds now. Other processes that do the same wait for
// each other. Corrections of an earlier calibration are replaced. Throws Error(io, CORRECTIONS-PROFILE) where the
// profile's text is not the one of `profile_sha256` any more, else what reading and write_file() throw.
Corrections update_corrections(const fs::path& profile, const std::string& profile_sha256,
                               const std::vector<CorrectionSample>& samples);

}  // namespace dse
