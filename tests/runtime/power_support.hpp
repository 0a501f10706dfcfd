// Constructed trees and a clock of one's own for the tests of power sensors.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "runtime/power_sensor.hpp"

namespace dse::runtime::test {

// A constructed sysfs.
class Tree {
 public:
  // In place: a sensor keeps its files open.
  void set(const fs::path& file, const std::string& text) const {
    fs::create_directories((root() / file).parent_path());
    std::ofstream(root() / file) << text << '\n';
  }
  // Makes a file that even root cannot open.
  void lose(const fs::path& file) const {
    fs::create_directories((root() / file).parent_path());
    fs::remove(root() / file);
    fs::create_symlink("nowhere", root() / file);
  }
  const fs::path& root() const { return folder_.path(); }

 private:
  TempDir folder_{"dse-power"};
};

// Time that passes only when a test says so: a sampling thread takes the steps that are due until then.
class FakeTime {
 public:
  PowerClock clock() {
    return {[this] { return now(); }, [this] { return now(); },
            [this](const std::stop_token& stop, double due) { wait(stop, due); }};
  }

  void run(double seconds) {
    std::unique_lock lock(mutex_);
    until_ += seconds;
    changed_.notify_all();
    changed_.wait(lock, [this] { return due_ > until_; });
    now_ = until_;
  }

 private:
  double now() {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  void wait(const std::stop_token& stop, double due) {
    std::unique_lock lock(mutex_);
    due_ = due;
    changed_.notify_all();
    if (changed_.wait(lock, stop, [&] { return due <= until_; })) now_ = due;
    due_ = 0;
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  double now_ = 1000, until_ = 1000;
  double due_ = 0;  // what the thread waits for; 0: it does not wait
};

inline std::unique_ptr<PowerSensor> open(const Tree& tree, FakeTime& time, const std::string& kind = "auto") {
  return open_power_sensor({kind, tree.root(), time.clock()});
}

inline EnergyReading measure(PowerSensor& sensor, FakeTime& time, double seconds) {
  sensor.start();
  time.run(seconds);
  return sensor.stop().value();
}

template <class Act>
std::string refused(const char* code, const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("not refused");
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline const fs::path hwmon = "sys/class/hwmon", powercap = "sys/class/powercap";

inline void ina3221(const Tree& tree, const fs::path& device, const std::vector<std::string>& labels) {
  tree.set(device / "name", "ina3221");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string n = std::to_string(i + 1);
    tree.set(device / ("in" + n + "_label"), labels[i]);
    tree.set(device / ("in" + n + "_input"), "5000");
    tree.set(device / ("curr" + n + "_input"), std::to_string(100 * (i + 1)));
  }
}

inline void rapl(const Tree& tree, const std::string& zone, const std::string& name, const std::string& energy) {
  tree.set(powercap / zone / "name", name);
  tree.set(powercap / zone / "energy_uj", energy);
  tree.set(powercap / zone / "max_energy_range_uj", "262143328850");
}

// A RAPL package whose counter goes on in real time, at so many watts, for programs that read it from outside.
class LivingCounter {
 public:
  LivingCounter(const Tree& tree, double watts) {
    rapl(tree, "intel-rapl:0", "package-0", text(0));
    const fs::path file = tree.root() / powercap / "intel-rapl:0/energy_uj";
    thread_ = std::jthread([file, watts](const std::stop_token& stop) {
      std::fstream counter(file, std::ios::in | std::ios::out);  // in place: it is never empty
      for (const auto begin = std::chrono::steady_clock::now(); !stop.stop_requested();) {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
        counter.seekp(0);
        counter << text(watts * passed.count()) << std::flush;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }

 private:
  // Always equally long.
  static std::string text(double joules) {
    return std::to_string(200'000'000'000 + static_cast<std::int64_t>(1e6 * joules));
  }
  std::jthread thread_;
};

// A meter's program that writes a line every few milliseconds.
class LivingMeter {
 public:
  LivingMeter(const fs::path& file, double watts) {
    thread_ = std::jthread([file, watts](const std::stop_token& stop) {
      std::ofstream meter(file, std::ios::app);
      while (!stop.stop_requested()) {
        const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
        meter << std::to_string(now.count()) + "," + std::to_string(watts) + "\n" << std::flush;
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    });
    while (!fs::exists(file) || fs::file_size(file) == 0) std::this_thread::yield();
  }

 private:
  std::jthread thread_;
};

}  // namespace dse::runtime::test
