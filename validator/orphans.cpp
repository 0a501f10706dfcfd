#include "validator/orphans.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

namespace dse::validator {
namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// One of the NUL-terminated entries is the mark.
bool holds(const std::string& environment, const std::string& mark) {
  const std::string entry = mark + '\0';
  return environment.starts_with(entry) || environment.find('\0' + entry) != std::string::npos;
}

}  // namespace

std::string new_mark() {
  static std::atomic<unsigned> count{0};
  return fmt::format("DSE_LAUNCH={}-{}-{:08x}", ::getpid(), count++, std::random_device{}());
}

std::vector<pid_t> marked(const std::string& mark) {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    // A zombie's environment reads as empty, a foreign process's cannot be read: neither is found.
    if (holds(content(entry.path() / "environ"), mark)) found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return found;
}

std::vector<pid_t> stopped(const std::string& mark) {
  std::vector<pid_t> found = marked(mark);
  std::erase_if(found, [](pid_t pid) {
    // "pid (name) state ...": the name may hold anything, so the state follows the last parenthesis.
    const std::string status = content(fmt::format("/proc/{}/stat", pid));
    const std::size_t end = status.rfind(')');
    return end == std::string::npos || end + 2 >= status.size() || (status[end + 2] != 'T' && status[end + 2] != 't');
  });
  return found;
}

std::string environment_of(pid_t pid, const std::string& name) {
  const std::string environment = '\0' + content(fmt::format("/proc/{}/environ", pid));
  const std::string key = '\0' + name + '=';
  const std::size_t at = environment.find(key);
  if (at == std::string::npos) return "";
  return environment.substr(at + key.size(), environment.find('\0', at + key.size()) - at - key.size());
}

bool sweep(const std::string& mark, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    const std::vector<pid_t> left = marked(mark);
    if (left.empty()) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace dse::validator
