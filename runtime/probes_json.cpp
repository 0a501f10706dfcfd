#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "runtime/probes.hpp"

namespace dse::probes {
namespace {

using nlohmann::json;

template <typename Read>
auto parsed(const std::string& text, Read read) try {
  return read(json::parse(text));
} catch (const json::exception& cause) {
  throw Error(ExitCode::bad_input, "PROBE-JSON", std::string("not a probe's message: ") + printable(cause.what()));
}

json times_json(const std::vector<ModelTime>& times) {
  json models = json::array();
  for (const ModelTime& m : times)
    models.push_back({{"seconds", m.seconds}, {"spread", m.spread}, {"samples", m.samples}});
  return models;
}

std::vector<ModelTime> times_of(const json& models) {
  std::vector<ModelTime> times;
  for (const json& m : models)
    times.push_back({m.at("seconds").get<double>(), m.at("spread").get<double>(), m.at("samples").get<std::size_t>()});
  return times;
}

}  // namespace

std::string to_json(const TimingRequest& r) {
  return json{
      {"threads", r.threads},         {"cpus", r.cpus},     {"seconds", r.seconds}, {"least_passes", r.least_passes},
      {"most_passes", r.most_passes}, {"chains", r.chains}, {"apart", r.apart}}
      .dump();
}

TimingRequest timing_request_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    TimingRequest r;
    j.at("threads").get_to(r.threads);
    j.at("cpus").get_to(r.cpus);
    j.at("seconds").get_to(r.seconds);
    j.at("least_passes").get_to(r.least_passes);
    j.at("most_passes").get_to(r.most_passes);
    j.at("chains").get_to(r.chains);
    j.at("apart").get_to(r.apart);
    return r;
  });
}

std::string to_json(const TimingReport& r) {
  json chains = json::array();
  for (const auto& chain : r.chains) chains.push_back(times_json(chain));
  json copies = json::array();
  for (const CopyTime& c : r.copies)
    copies.push_back({{"bytes", c.bytes}, {"seconds", c.seconds}, {"warm_seconds", c.warm_seconds}});
  return json{{"engine_version", r.engine_version},
              {"chains", std::move(chains)},
              {"apart", times_json(r.apart)},
              {"copies", std::move(copies)},
              {"passes", r.passes},
              {"preempted", r.preempted},
              {"noise", r.noise},
              {"quota", r.quota},
              {"seconds", r.seconds}}
      .dump();
}

TimingReport timing_report_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    TimingReport r;
    j.at("engine_version").get_to(r.engine_version);
    j.at("passes").get_to(r.passes);
    j.at("preempted").get_to(r.preempted);
    for (const json& c : j.at("copies"))
      r.copies.push_back(
          {c.at("bytes").get<std::int64_t>(), c.at("seconds").get<double>(), c.at("warm_seconds").get<double>()});
    j.at("noise").get_to(r.noise);
    j.at("quota").get_to(r.quota);
    j.at("seconds").get_to(r.seconds);
    for (const json& chain : j.at("chains")) r.chains.push_back(times_of(chain));
    r.apart = times_of(j.at("apart"));
    return r;
  });
}

std::string to_json(const MemoryRequest& r) { return json{{"threads", r.threads}, {"chain", r.chain}}.dump(); }

MemoryRequest memory_request_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    return MemoryRequest{j.at("threads").get<int>(), j.at("chain").get<Chain>()};
  });
}

std::string to_json(const MemoryReport& r) {
  return json{{"base_bytes", r.base_bytes},
              {"loaded_peak_bytes", r.loaded_peak_bytes},
              {"run_peak_bytes", r.run_peak_bytes},
              {"port_bytes", r.port_bytes}}
      .dump();
}

MemoryReport memory_report_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    MemoryReport r;
    j.at("base_bytes").get_to(r.base_bytes);
    j.at("loaded_peak_bytes").get_to(r.loaded_peak_bytes);
    j.at("run_peak_bytes").get_to(r.run_peak_bytes);
    j.at("port_bytes").get_to(r.port_bytes);
    return r;
  });
}

std::string to_json(const LinkRequest& r) {
  return json{{"sizes", r.sizes},
              {"repetitions", r.repetitions},
              {"longest_seconds", r.longest_seconds},
              {"poll_microseconds", r.poll_microseconds},
              {"cpus", r.cpus}}
      .dump();
}

LinkRequest link_request_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    return LinkRequest{j.at("sizes").get<std::vector<std::int64_t>>(), j.at("repetitions").get<std::size_t>(),
                       j.at("longest_seconds").get<double>(), j.at("poll_microseconds").get<int>(),
                       j.at("cpus").get<std::vector<std::vector<int>>>()};
  });
}

std::string to_json(const LinkReport& r) {
  json samples = json::array();
  for (const LinkSample& s : r.samples)
    samples.push_back({{"bytes", s.bytes}, {"seconds", s.seconds}, {"cpu_seconds", s.cpu_seconds}});
  json wakes = json::array();
  for (const WakeSample& w : r.wakes)
    wakes.push_back({{"waited_seconds", w.waited_seconds}, {"late_seconds", w.late_seconds}});
  return json{{"samples", std::move(samples)},
              {"wakes", std::move(wakes)},
              {"computing_cpu_seconds", r.computing_cpu_seconds},
              {"both_ways", r.both_ways},
              {"mpi_bytes", r.mpi_bytes}}
      .dump();
}

LinkReport link_report_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    LinkReport r;
    j.at("mpi_bytes").get_to(r.mpi_bytes);
    j.at("computing_cpu_seconds").get_to(r.computing_cpu_seconds);
    j.at("both_ways").get_to(r.both_ways);
    for (const json& s : j.at("samples")) {
      r.samples.push_back(
          {s.at("bytes").get<std::int64_t>(), s.at("seconds").get<double>(), s.at("cpu_seconds").get<double>()});
    }
    for (const json& w : j.at("wakes"))
      r.wakes.push_back({w.at("waited_seconds").get<double>(), w.at("late_seconds").get<double>()});
    return r;
  });
}

namespace {

constexpr const char* power_states[] = {"idle", "active", "waiting"};

PowerState power_state(const std::string& name) {
  for (const PowerState state : {PowerState::idle, PowerState::active, PowerState::waiting})
    if (name == power_states[static_cast<std::size_t>(state)]) return state;
  throw Error(ExitCode::bad_input, "PROBE-JSON", "not a power state: '" + printable(name, 40) + "'");
}

}  // namespace

std::string to_json(const PowerRequest& r) {
  return json{{"state", power_states[static_cast<std::size_t>(r.state)]},
              {"sensor", r.sensor},
              {"root", r.root},
              {"seconds", r.seconds},
              {"longest_seconds", r.longest_seconds},
              {"threads", r.threads},
              {"cpus", r.cpus},
              {"chain", r.chain},
              {"poll_microseconds", r.poll_microseconds}}
      .dump();
}

PowerRequest power_request_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    PowerRequest r;
    r.state = power_state(j.at("state").get<std::string>());
    j.at("sensor").get_to(r.sensor);
    j.at("root").get_to(r.root);
    j.at("seconds").get_to(r.seconds);
    j.at("longest_seconds").get_to(r.longest_seconds);
    j.at("threads").get_to(r.threads);
    j.at("cpus").get_to(r.cpus);
    j.at("chain").get_to(r.chain);
    j.at("poll_microseconds").get_to(r.poll_microseconds);
    return r;
  });
}

std::string to_json(const PowerReport& r) {
  return json{
      {"sensor", r.sensor}, {"source", r.source}, {"watts", r.watts}, {"seconds", r.seconds}, {"samples", r.samples}}
      .dump();
}

PowerReport power_report_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    return PowerReport{j.at("sensor").get<std::string>(), j.at("source").get<std::string>(),
                       j.at("watts").get<double>(), j.at("seconds").get<double>(), j.at("samples").get<std::size_t>()};
  });
}

}  // namespace dse::probes
