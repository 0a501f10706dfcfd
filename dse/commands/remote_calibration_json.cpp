#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/commands/remote_calibration.hpp"
#include "dse/version.hpp"

namespace dse {
namespace {

using nlohmann::json;

template <typename Read>
auto parsed(const std::string& text, Read read) {
  try {
    return read(json::parse(text));
  } catch (const json::exception& error) {
    throw Error(ExitCode::bad_input, "CALIBRATE-JSON",
                "is no calibration request or report: " + printable(error.what(), 200));
  }
}

json result_json(int cores, const CalibrationResult& result) {
  json hold_outs = json::array();
  for (const HoldOut& h : result.hold_outs)
    hold_outs.push_back({{"threads", h.threads}, {"network", h.network}, {"errors", h.errors}});
  return {{"cores", cores},
          {"profile", to_yaml(result.profile)},
          {"hold_outs", std::move(hold_outs)},
          {"preempted", result.preempted},
          {"over_budget", result.over_budget}};
}

CalibrationResult result_of(const json& j) {
  CalibrationResult result;
  result.profile = parse_device_profile(j.at("profile").get<std::string>(), "profile");
  for (const json& h : j.at("hold_outs"))
    result.hold_outs.push_back(
        {h.at("threads").get<int>(), h.at("network").get<std::string>(), h.at("errors").get<std::vector<double>>()});
  j.at("preempted").get_to(result.preempted);
  j.at("over_budget").get_to(result.over_budget);
  return result;
}

}  // namespace

std::string to_json(const HostRequest& r) {
  return json{{"dse", version_text()},
              {"link_name", r.link_name},
              {"slices", r.slices},
              {"threads", r.threads},
              {"first_two", r.first_two},
              {"neighbours", r.neighbours},
              {"budget_seconds", r.budget_seconds},
              {"power_kind", r.power.kind},
              {"power_root", r.power.root.string()}}
      .dump();
}

HostRequest host_request_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    HostRequest r;
    j.at("link_name").get_to(r.link_name);
    j.at("slices").get_to(r.slices);
    j.at("threads").get_to(r.threads);
    j.at("first_two").get_to(r.first_two);
    j.at("neighbours").get_to(r.neighbours);
    j.at("budget_seconds").get_to(r.budget_seconds);
    j.at("power_kind").get_to(r.power.kind);
    r.power.root = j.at("power_root").get<std::string>();
    return r;
  });
}

std::string to_json(const HostReport& r) {
  json slices = json::array();
  for (const auto& [cores, result] : r.slices) slices.push_back(result_json(cores, result));
  json report{{"slices", std::move(slices)}};
  if (r.link) report["link"] = {{"profile", to_yaml(r.link->profile)}, {"mpi_bytes", r.link->mpi_bytes}};
  return report.dump();
}

HostReport host_report_from_json(const std::string& text) {
  return parsed(text, [](const json& j) {
    HostReport r;
    for (const json& slice : j.at("slices")) r.slices[slice.at("cores").get<int>()] = result_of(slice);
    if (j.contains("link"))
      r.link = LinkCalibration{parse_link_profile(j["link"].at("profile").get<std::string>(), "network profile"),
                               j["link"].at("mpi_bytes").get<double>()};
    return r;
  });
}

}  // namespace dse
