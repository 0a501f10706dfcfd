// What ran when, as JSON that Perfetto (ui.perfetto.dev) and chrome://tracing show: the Chrome trace event format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dse::report {

struct Timeline {
  // What does one thing at a time: shown as a thread of a process. Those of one process stand together.
  struct Track {
    std::string process;  // "device nano0"
    std::string thread;   // "compute"
  };
  struct Event {
    std::size_t track = 0;
    std::string name;
    double start_s = 0, end_s = 0;
    std::size_t frame = 0, replica = 0;
    std::vector<std::string> layers;  // that it computes
    std::int64_t bytes = 0;           // that it moves, where it computes none
  };
  // From one event's start to another's, by index.
  struct Arrow {
    std::size_t from = 0, to = 0;
  };
  std::vector<Track> tracks;
  std::vector<Event> events;
  std::vector<Arrow> arrows;
};

// Events of a track that overlap get threads of their own ("sending on lan 2"): the format has none that overlap.
std::string to_chrome_trace(const Timeline& timeline);

}  // namespace dse::report
