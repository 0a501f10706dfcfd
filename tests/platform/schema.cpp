// The schema accepts the examples, and agrees with the reader on files with structural faults.
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "platform/platform.hpp"
#include "platform/yaml_door.hpp"
#include "tests/platform/helpers.hpp"

using namespace dse;
using dse::test::lab;
using dse::test::message_of;
using dse::test::replaced;
using nlohmann::json;

namespace {

// As an editor's YAML reader sees the document.
json to_json(const yaml::Value& value) {
  json out;
  if (value.is_map()) {
    out = json::object();
    for (const std::string& key : value.keys()) out[key] = to_json(value.at(key));
  } else if (value.is_list()) {
    out = json::array();
    for (const yaml::Value& item : value.items()) out.push_back(to_json(item));
  } else if (value.is_scalar()) {
    const std::string text = value.scalar_text();
    const bool as_text = message_of([&] { static_cast<void>(value.text()); }).empty();
    if (as_text) {
      out = text;
    } else if (text == "true" || text == "false") {
      out = text == "true";
    } else {
      out = json::accept(text) ? json::parse(text) : json(0.5);  // 010, .nan and the like: some number
    }
  }
  return out;
}

bool schema_accepts(const json& document) {
  static const std::unique_ptr<const valijson::Schema> schema = [] {
    auto parsed = std::make_unique<valijson::Schema>();
    const json text = json::parse(platform_schema());
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(text), *parsed);
    return parsed;
  }();
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  return validator.validate(*schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
}

bool schema_accepts(const std::string& text) { return schema_accepts(to_json(yaml::parse(text, "f.yaml"))); }
bool reader_accepts(const std::string& text) {
  return message_of([&] { parse_platform(text, "f.yaml"); }).empty();
}

}  // namespace

TEST_CASE("the schema accepts every example, and what discover writes") {
  for (const auto& entry : fs::directory_iterator(fs::path(std::getenv("DSE_SOURCE_DIR")) / "platform/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    CHECK(schema_accepts(read_text(entry.path(), 1 << 20)));
  }
  CHECK(schema_accepts(discover_platform(2)));
}

TEST_CASE("schema and reader refuse the same structural faults") {
  const std::pair<std::string, std::string> faults[] = {{"bandwidth:", "bandwith:"},
                                                        {"name: lab", "nmae: lab"},
                                                        {"idle:", "idel:"},
                                                        {"host: pi0.local, ", ""},
                                                        {"memory: 3.5 GiB", ""},
                                                        {"members: [nano0, pi0], ", ""},
                                                        {"idle: 2.3 W, ", ""},
                                                        {"[nano0, pi0]", "nano0"},
                                                        {"[nano0, pi0]", "[nano0]"},
                                                        {"[nano0, pi0]", "[nano0, nano0]"},
                                                        {"name: nano0", "name: [nano0]"},
                                                        {"name: nano0", "name: 12"},
                                                        {"name: nano0", "name: true"},
                                                        {"name: nano0", "name: \"a b\""},
                                                        {"cores: 4", "cores: 010"},
                                                        {"cores: 4", "cores: \"4\""},
                                                        {"cores: 4", "cores: 0"},
                                                        {"cores: 4", "cores: -1"},
                                                        {"cores: 4", "cores: 4.5"},
                                                        {"cores: 4", "cores: 5000"},
                                                        {"cores: 4", "cores:"},
                                                        {"3.5 GiB", "3.5"},
                                                        {"3.5 GiB", "3.5 gib"},
                                                        {"3.5 GiB", "1,5 GiB"},
                                                        {"3.5 GiB", "-1 GiB"},
                                                        {"3.5 GiB", "010 GiB"},
                                                        {"940 Mbit/s", "940"},
                                                        {"940 Mbit/s", "940 Mbps"},
                                                        {"180 us", "180"},
                                                        {"180 us", "-1 us"},
                                                        {"2.3 W", "2.3"},
                                                        {"switched", "swiched"},
                                                        {"datasheet", "guess"},
                                                        {"user: edge", "user: -l"},
                                                        {"user: edge", "user: 'root;'"},
                                                        {"host: pi0.local", "host: -oProxyCommand=x"},
                                                        {"host: pi0.local", "host: 'a,b'"},
                                                        {"host: pi0.local", "host: 'h:4'"},
                                                        {"host: pi0.local", "host: +n0"},
                                                        {"host: pi0.local", "host: ''"},
                                                        {"platform/1", "platform/2"},
                                                        {"platform/1", "mapping/1"},
                                                        {"dse: platform/1\n", ""},
                                                        {"input: nano0", "input: [nano0]"},
                                                        {"input: nano0", "input:"},
                                                        {"user: edge", "port: 22"},
                                                        {"user: edge", "engine: gpu"},
                                                        {"user: edge", "profile: 7"},
                                                        {"user: edge", "power: 5 W"}};
  CHECK(schema_accepts(lab));
  CHECK(reader_accepts(lab));
  for (const auto& [from, to] : faults) {
    const std::string text = replaced(lab, from, to);
    CAPTURE(from);
    CAPTURE(to);
    CHECK_FALSE(schema_accepts(text));
    CHECK_FALSE(reader_accepts(text));
  }
}

TEST_CASE("schema and reader accept the same variants") {
  const std::pair<std::string, std::string> variants[] = {
      {"name: lab\n", ""},
      {"input: nano0\n", ""},
      {"input: nano0", "input: everywhere"},
      {"kind: switched, ", ""},
      {"kind: switched", "kind: shared"},
      {"3.5 GiB", "3.5GiB"},
      {"3.5 GiB", "'3.5 GiB'"},
      {"3.5 GiB", "1e3 MB"},
      {", latency: 180 us", ""},
      {"user: edge, ", ""},
      {"user: edge", "engine: xnnpack"},
      {"active: 5.2 W", "active: 5.2 W, waiting: 2400 mW, per_byte: 5 nJ, per_message: 1 uJ"},
      {"source: datasheet", "source: measured"}};
  for (const auto& [from, to] : variants) {
    const std::string text = replaced(lab, from, to);
    CAPTURE(from);
    CAPTURE(to);
    CHECK(schema_accepts(text));
    CHECK(reader_accepts(text));
  }
}
