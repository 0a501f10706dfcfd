#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "dse/report/progress.hpp"
#include "dse/report/table.hpp"

using namespace dse;
using namespace dse::report;

namespace {

Table sample() {
  return {{{"name", "name"},
           {"latency_s", "latency", Quantity::seconds},
           {"memory_bytes", "memory", Quantity::bytes},
           {"ok", "ok"},
           {"hidden", ""},
           {"", "mark", Quantity::plain, false}},
          {{"a", 0.0125, 3 << 20, true, "x,\"y\"", "knee"}, {"größer", 1.5, std::nan(""), false, Cell(), ""}}};
}

template <typename Print>
std::string printed(const Print& print) {
  std::ostringstream out;
  print(out, sample());
  return out.str();
}

}  // namespace

TEST_CASE("a table is aligned, numbers to the right, in units that people read") {
  CHECK(printed(print_table) ==
        "name    latency ms  memory MiB  ok   mark\n"
        "a            12.50       3.000  yes  knee\n"
        "größer     1500.00           -  no\n");
}

TEST_CASE("JSON is one array of objects in base units, and what is not known is null") {
  const nlohmann::json rows = nlohmann::json::parse(printed(print_json));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0] ==
        nlohmann::json{
            {"name", "a"}, {"latency_s", 0.0125}, {"memory_bytes", 3145728}, {"ok", true}, {"hidden", "x,\"y\""}});
  CHECK(rows[0]["memory_bytes"].is_number_integer());
  CHECK(rows[1]["memory_bytes"].is_null());
  CHECK(rows[1]["hidden"].is_null());
}

TEST_CASE("CSV is quoted as RFC 4180 says") {
  CHECK(printed(print_csv) ==
        "name,latency_s,memory_bytes,ok,hidden\r\n"
        "a,0.0125,3145728,1,\"x,\"\"y\"\"\"\r\n"
        "größer,1.5,,0,\r\n");
}

TEST_CASE("text from outside cannot steer the terminal, nor break JSON") {
  const Table table{{{"name", "name"}}, {{"\x1b[2J\xff"}}};
  std::ostringstream out, json;
  print_table(out, table);
  CHECK(out.str() == "name\n\\x1b[2J\\xff\n");
  print_json(json, table);
  CHECK_NOTHROW(nlohmann::json::parse(json.str()));
}

TEST_CASE("a record is a line a value, or one object") {
  std::ostringstream out, err;
  Console console{out, err};
  const std::vector<Column> columns = {{"run_id", "run"}, {"seconds", "time", Quantity::seconds}};
  print_record(console, columns, {7, 0.25});
  CHECK(out.str() == "run   7\ntime  250.0 ms\n");
  out.str("");
  console.format = Format::json;
  print_record(console, columns, {7, 0.25});
  CHECK(nlohmann::json::parse(out.str()) == nlohmann::json{{"run_id", 7}, {"seconds", 0.25}});
}

TEST_CASE("the width of text is counted in columns of the terminal") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("größe") == 5);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("\xe6\x97") == 1);  // cut off in the middle
}

TEST_CASE("quantities in sentences") {
  CHECK(human(0.0123, Quantity::seconds) == "12.30 ms");
  CHECK(human(45 << 20, Quantity::bytes) == "45.00 MiB");
  CHECK(human(0.00321, Quantity::joules) == "3.210 mJ");
  CHECK(human(0.12, Quantity::fraction) == "12.00 %");
  CHECK(human(0.000000123, Quantity::seconds) == "0.0001230 ms");
  CHECK(human(std::nan(""), Quantity::seconds) == "-");
}

TEST_CASE("the progress line: share, detail, and the time that is left once there is something to go by") {
  CHECK(progress_text("exploring", 0.25, 10, "1 of 4") == "exploring 25 % (1 of 4), 30 s left");
  CHECK(progress_text("exploring", 0.001, 10, "") == "exploring 0 %");
  CHECK(progress_text("validating", -1, 10, "candidate 3") == "validating (candidate 3)");
  CHECK(progress_text("exploring", 0.5, 7000, "") == "exploring 50 %, 1 h 56 min left");
}

TEST_CASE("progress is silent where there is no terminal") {
  std::ostringstream out, err;
  const Console console{out, err};
  {
    Progress progress(console, "exploring");
    progress.update(0.5, "half");
  }
  CHECK(err.str().empty());
}
