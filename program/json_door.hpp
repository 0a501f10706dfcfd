// Reading JSON that nobody has checked yet: every value is asked for with its type and range, unknown and repeated keys
// are refused, depth and size are bounded. Included by .cpp files only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace dse::program {

struct JsonLimits {
  std::size_t bytes = 256u << 20;
  int depth = 16;
};

// Throws Error(bad_input, code) with the file's path.
nlohmann::json parse_json(const std::string& text, const std::string& path, std::string_view code,
                          const JsonLimits& limits = {});

// One value of a parsed document and its place in it ("lanes[0].steps[3].peer").
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, const std::string& path, std::string_view code)
      : value_(&value), path_(&path), code_(code) {}

  // An object with these keys at most; absent keys are found when they are asked for.
  void expect_keys(std::initializer_list<std::string_view> allowed) const;
  bool has(std::string_view key) const;
  JsonNode at(std::string_view key) const;
  std::vector<JsonNode> items() const;                            // of an array
  std::vector<std::pair<std::string, JsonNode>> members() const;  // of an object with free keys

  std::int64_t integer(std::int64_t lowest, std::int64_t highest) const;
  std::size_t index(std::size_t end) const;            // 0 <= value < end
  double number(double lowest, double highest) const;  // finite
  std::string text(std::size_t longest = 65536) const;
  std::vector<std::string> texts() const;
  std::vector<std::int64_t> integers(std::int64_t lowest, std::int64_t highest) const;
  std::vector<std::size_t> indices(std::size_t end) const;

  [[noreturn]] void fail(const std::string& message) const;

 private:
  JsonNode(const nlohmann::json& value, const JsonNode& parent, std::string where)
      : value_(&value), path_(parent.path_), code_(parent.code_), where_(std::move(where)) {}

  const nlohmann::json* value_;
  const std::string* path_;
  std::string_view code_;
  std::string where_;
};

// Text of a document that other programs will read: names that are not UTF-8 have their bad bytes replaced.
std::string dump_json(const nlohmann::ordered_json& document, int indent);

}  // namespace dse::program
