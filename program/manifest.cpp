#include "program/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace dse::program {
namespace {

bool portable(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_component(std::string_view text) {
  return !text.empty() && text.size() <= 255 && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), portable);
}

}  // namespace

bool is_package_path(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    if (!is_component(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string to_string(const WaitPolicy& wait) {
  if (wait.kind == WaitPolicy::Kind::spin) return "spin";
  if (wait.kind == WaitPolicy::Kind::yield) return "yield";
  return fmt::format("sleep:{}", wait.microseconds);
}

WaitPolicy wait_policy_from_string(std::string_view text) {
  if (text == "spin") return {WaitPolicy::Kind::spin, 0};
  if (text == "yield") return {WaitPolicy::Kind::yield, 0};
  constexpr std::string_view prefix = "sleep:";
  int microseconds = 0;
  if (text.starts_with(prefix)) {
    const std::string_view digits = text.substr(prefix.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), microseconds);
    if (error == std::errc() && end == digits.data() + digits.size() && microseconds >= 1 && microseconds <= 1'000'000)
      return {WaitPolicy::Kind::sleep, microseconds};
  }
  throw Error(ExitCode::usage, "WAIT-POLICY",
              "'" + printable(text, 40) +
                  "' is no way to wait; it must be spin, yield or sleep:US with 1 to 1000000 microseconds");
}

namespace {

[[noreturn]] void fail(std::string_view code, const std::string& message) {
  throw Error(ExitCode::bad_input, code, {"manifest.json"}, message);
}

void check_count(std::string_view what, std::size_t found, std::size_t wanted) {
  if (found != wanted) fail("MANIFEST-COUNT", fmt::format("has {} {}, the deployment needs {}", found, what, wanted));
}

void check_listed(const Manifest& manifest, const std::string& path) {
  if (!manifest.files.contains(path))
    fail("MANIFEST-FILE", "names '" + printable(path) + "', which is not in its list of files");
}

void check_frame(const Manifest& manifest, const GoldenFrame& frame, const Deployment& deployment) {
  check_count("golden inputs in a frame", frame.inputs.size(), deployment.inputs.size());
  check_count("golden outputs in a frame", frame.outputs.size(), deployment.outputs.size());
  if (!frame.cuts.empty()) check_count("golden cuts in a frame", frame.cuts.size(), manifest.golden.cuts.size());
  const auto require = [&](const std::string& path, std::int64_t bytes) {
    check_listed(manifest, path);
    if (manifest.files.at(path).bytes != static_cast<std::uint64_t>(bytes))
      fail("MANIFEST-SIZE", fmt::format("gives '{}' {} bytes, its tensor has {}", printable(path),
                                        manifest.files.at(path).bytes, bytes));
  };
  for (std::size_t i = 0; i < frame.inputs.size(); ++i) require(frame.inputs[i], deployment.inputs[i].tensor.bytes());
  for (std::size_t i = 0; i < frame.outputs.size(); ++i)
    require(frame.outputs[i], deployment.outputs[i].tensor.bytes());
  for (std::size_t i = 0; i < frame.cuts.size(); ++i) require(frame.cuts[i], manifest.golden.cuts[i].type.bytes());
}

}  // namespace

void check(const Manifest& manifest, const Deployment& deployment) {
  const std::size_t devices = deployment.devices.size();
  check_count("programs", manifest.programs.size(), devices);
  check_count("model folders", manifest.model_folders.size(), devices);
  if (!manifest.estimate.devices.empty()) check_count("device estimates", manifest.estimate.devices.size(), devices);
  check_count("tolerances", manifest.golden.tolerance.size(), deployment.outputs.size());
  check_listed(manifest, "deployment.json");
  for (const std::string& program : manifest.programs) check_listed(manifest, "programs/" + program);
  for (const GoldenFrame& frame : manifest.golden.frames) check_frame(manifest, frame, deployment);
}

}  // namespace dse::program
