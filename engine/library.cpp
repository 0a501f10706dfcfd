#include "engine/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>

#include <cstdlib>
#include <vector>

#include "base/error.hpp"

namespace dse::engine {
namespace {

std::vector<std::string> candidates(const fs::path& wanted) {
  if (!wanted.empty()) return {wanted.string()};
  const char* named = std::getenv("DSE_ORT_LIBRARY");
  if (named != nullptr && *named != '\0') return {named};
  return {DSE_DEFAULT_ORT_LIBRARY, "libonnxruntime.so", "libonnxruntime.so.1"};
}

void* open_first(const std::vector<std::string>& names) {
  std::string reasons;
  for (const std::string& name : names) {
    if (void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return handle;
    reasons += fmt::format("{}{}", reasons.empty() ? "" : "; ", ::dlerror());
  }
  throw Error(
      ExitCode::device, "ENGINE-LIBRARY",
      fmt::format("ONNX Runtime cannot be loaded ({}); run scripts/setup, or name the library in DSE_ORT_LIBRARY",
                  reasons));
}

}  // namespace

// A direct link would bind to the symbol version of one release; OrtGetApiBase is the library's whole interface.
std::string open_library(const fs::path& wanted) {
  void* handle = open_first(candidates(wanted));
  using BaseFunction = const OrtApiBase* (*)();
  const auto base = reinterpret_cast<BaseFunction>(::dlsym(handle, "OrtGetApiBase"));
  if (base == nullptr)
    throw Error(ExitCode::device, "ENGINE-LIBRARY", "the library named for ONNX Runtime has no OrtGetApiBase");
  std::string version = base()->GetVersionString();
  const OrtApi* api = base()->GetApi(ORT_API_VERSION);
  if (api == nullptr)
    throw Error(ExitCode::device, "ENGINE-LIBRARY",
                fmt::format("ONNX Runtime {} is too old: this build needs 1.{} or newer", version, ORT_API_VERSION));
  Ort::InitApi(api);
  return version;
}

}  // namespace dse::engine
