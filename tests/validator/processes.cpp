#include "tests/validator/processes.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "validator/orphans.hpp"

namespace dse::test {
namespace {

std::vector<pid_t> named(const std::string& program, const std::string& path) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string words{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::string first = std::filesystem::path(words.substr(0, words.find('\0'))).filename();
    if (first == program && words.find(path) != std::string::npos) found.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return found;
}

void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

}  // namespace

std::vector<pid_t> workers_of(const std::string& path) { return named("dse-worker", path); }

std::vector<pid_t> launchers_of(const std::string& path) {
  std::vector<pid_t> found = named("mpirun", path);
  const std::vector<pid_t> by_alias = named("mpirun.openmpi", path);
  found.insert(found.end(), by_alias.begin(), by_alias.end());
  return found;
}

std::vector<pid_t> wait_for_workers(const std::string& path, std::size_t count) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::vector<pid_t> workers = workers_of(path);
  while (workers.size() < count && std::chrono::steady_clock::now() < until) {
    pause();
    workers = workers_of(path);
  }
  const auto rank = [](pid_t pid) { return validator::environment_of(pid, "OMPI_COMM_WORLD_RANK"); };
  std::sort(workers.begin(), workers.end(), [&](pid_t a, pid_t b) { return rank(a) < rank(b); });
  return workers;
}

std::vector<pid_t> wait_for_loaded_workers(const std::string& path, std::size_t count) {
  const std::vector<pid_t> workers = wait_for_workers(path, count);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto is_loading = [](pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/maps");
    const std::string maps{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return maps.find("libonnxruntime") != std::string::npos;
  };
  while (!std::all_of(workers.begin(), workers.end(), is_loading) && std::chrono::steady_clock::now() < until) pause();
  return workers;
}

bool all_gone(const std::string& path) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!workers_of(path).empty() || !launchers_of(path).empty()) {
    if (std::chrono::steady_clock::now() > until) return false;
    pause();
  }
  return true;
}

}  // namespace dse::test
