// The door for YAML: what it refuses, where it says so, and how it reads scalars.
#include "platform/yaml_door.hpp"

#include <chrono>
#include <cmath>

#include "tests/platform/helpers.hpp"

using namespace dse;
using dse::test::error_of;
using dse::test::message_of;

namespace {

std::string parse_error(const std::string& text) {
  return error_of([&] { yaml::parse(text, "f.yaml"); });
}

std::string repeated(const std::string& piece, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += piece;
  return out;
}

yaml::Value scalar(const std::string& text) { return yaml::parse("key: " + text + "\n", "f.yaml").at("key"); }

}  // namespace

TEST_CASE("places count from 1, for values, keys and items") {
  const auto root = yaml::parse("a: 1\nb:\n  c: [x,  y]\n  \"d e\": {f: g}\n", "f.yaml");
  CHECK(root.at("a").place().to_string() == "f.yaml:1:4");
  CHECK(root.key_place("b").to_string() == "f.yaml:2:1");
  CHECK(root.at("b").at("c").items()[1].place().to_string() == "f.yaml:3:11");
  CHECK(root.at("b").key_place("d e").to_string() == "f.yaml:4:3");
  CHECK(root.at("b").at("d e").at("f").place().to_string() == "f.yaml:4:14");
  CHECK(root.keys() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("row 31: a tab that indents is named") {
  CHECK(parse_error("a:\n\tb: 1\n") == "YAML-TAB 2:1");
  CHECK(parse_error("a:\n  \tb: 1\n") == "YAML-TAB 2:3");
  CHECK(parse_error("a: b\tc\n") == "");
}

TEST_CASE("row 32: the second of two equal keys is refused where it stands") {
  CHECK(parse_error("a: 1\nb: 2\na: 3\n") == "YAML-DUPLICATE 3:1");
  CHECK(parse_error("x: {a: 1, \"a\": 2}\n") == "YAML-DUPLICATE 1:11");
}

TEST_CASE("row 36: deep nesting ends at the 33rd level") {
  CHECK(parse_error(repeated("[", 33) + repeated("]", 33)) == "YAML-DEPTH 1:33");
  CHECK(parse_error(repeated("[", 100'000)) == "YAML-DEPTH 1:1001");
  CHECK(parse_error(repeated("- ", 50'000)) == "YAML-DEPTH 1:65");
  CHECK(parse_error(repeated("{", 100'000)).starts_with("YAML-"));
  CHECK(parse_error(repeated("? ", 50'000)).starts_with("YAML-"));
  CHECK(parse_error(repeated("[[:", 10'000)).starts_with("YAML-"));
  CHECK(parse_error(repeated("[", 32) + repeated("]", 32)) == "");
}

TEST_CASE("rows 37 and 38: anchors and aliases are refused at the anchor") {
  CHECK(parse_error("a: &x [*x]\n") == "YAML-ALIAS 1:4");
  CHECK(parse_error("a: &x 1\nb: *x\n") == "YAML-ALIAS 1:4");
  CHECK(parse_error("a: &x\n") == "YAML-ALIAS 1:4");
  CHECK(parse_error("a: *x\n").starts_with("YAML-"));
  std::string laughs = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n";
  for (int i = 1; i < 13; ++i)
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
              repeated("*a" + std::to_string(i - 1) + ",", 10) + "]\n";
  CHECK(parse_error(laughs) == "YAML-ALIAS 1:5");
}

TEST_CASE("row 49: tags are refused") {
  CHECK(parse_error("a: !!python/object:os.system x\n") == "YAML-TAG 1:4");
  CHECK(parse_error("a: !custom [1]\n") == "YAML-TAG 1:4");
  CHECK(parse_error("a: !!map {b: 1}\n") == "YAML-TAG 1:4");
  CHECK(parse_error("a: !!int \"1\"\n") == "YAML-TAG 1:4");
}

TEST_CASE("row 46: encodings") {
  using namespace std::string_literals;
  CHECK(parse_error("\xff\xfe"
                    "a\0:\0"s) == "YAML-ENCODING 1:1");
  CHECK(parse_error("\xfe\xff\0a\0:"s) == "YAML-ENCODING 1:1");
  CHECK(parse_error("a\0:\0 \0"s) == "YAML-NUL 1:2");
  CHECK(parse_error("a: 1\nb: x\0y\n"s) == "YAML-NUL 2:5");
  CHECK(parse_error("a: \xc3\x28\n") == "YAML-ENCODING 1:4");
  CHECK(parse_error("a: \xed\xa0\x80\n") == "YAML-ENCODING 1:4");
  CHECK(parse_error("a: \x1b[31m\n") == "YAML-CONTROL 1:4");
  const auto with_bom = yaml::parse(
      "\xef\xbb\xbf"
      "a: 1\r\nb: x\r\n",
      "f.yaml");
  CHECK(with_bom.at("a").integer(0, 9) == 1);
  CHECK(with_bom.at("b").text() == "x");
  CHECK(with_bom.at("b").place().line == 2);
  CHECK(yaml::parse("name: Zürich 机\n", "f").at("name").text() == "Zürich 机");
}

TEST_CASE("row 47: one document, and not an empty one") {
  CHECK(parse_error("") == "YAML-EMPTY 1:1");
  CHECK(parse_error("# only\n# comments\n") == "YAML-EMPTY 1:1");
  CHECK(parse_error("---\n...\n") == "YAML-EMPTY 1:1");
  CHECK(parse_error("a: 1\n---\nb: 2\n") == "YAML-DOCUMENTS 3:1");
  CHECK(parse_error("---\na: 1\n") == "");
}

TEST_CASE("budgets: nodes and bytes") {
  CHECK(parse_error("a: [" + repeated("1,", 199'990) + "1]\n") == "");
  CHECK(parse_error("a: [" + repeated("1,", 200'001) + "1]\n").starts_with("YAML-NODES 1:"));
  CHECK(parse_error(std::string((16u << 20) + 1, 'a')) == "YAML-SIZE 0:0");
  // What yaml-cpp would queue before its first event: gigabytes of tokens.
  CHECK(parse_error(std::string(16u << 20, '[')) == "YAML-DEPTH 1:1001");
  CHECK(parse_error(repeated("['x]',", 2'000'000)).starts_with("YAML-NODES 1:"));
  CHECK(parse_error(repeated("\"a\" ", 4'000'000)).starts_with("YAML-NODES 1:"));
  CHECK(parse_error("a: \"" + std::string(900, '[') + "\"\n") == "");
}

TEST_CASE("syntax errors have a place") {
  CHECK(parse_error("a: [1\nb: 2\n").starts_with("YAML-SYNTAX 2:"));
  for (const char* open : {"a: 'x\n", "a: \"x\n", "a: 'it''s\n\n", "a: \"\\\"\n"})
    CHECK(parse_error(open) == "YAML-SYNTAX 1:4");
  CHECK(parse_error("é: 'ü\n") == "YAML-SYNTAX 1:5");
  CHECK(parse_error("ü: ['ä''', \"\\\"ö\"]\r\nb: 'c\n  d'\n") == "");
  CHECK(parse_error("a: ! b\n") == "YAML-TAG 1:4");
  CHECK(yaml::parse("a: |\n  x\n  y\nb: >-\n  z\n", "f").at("a").text() == "x\ny\n");
  CHECK(parse_error("[a]: 1\n") == "YAML-KEY 1:1");
  CHECK(parse_error("? {a: b}\n: 1\n") == "YAML-KEY 1:3");
  CHECK(parse_error("~: 1\n") == "YAML-KEY 1:1");
}

TEST_CASE("format and version") {
  const auto format_error = [](const std::string& text) {
    return error_of([&] { yaml::parse_format(text, "f", "platform", 1); });
  };
  CHECK(format_error("dse: platform/1\n") == "");
  CHECK(format_error("dse: platform/2\n") == "YAML-VERSION 1:6");
  CHECK(format_error("dse: mapping/1\n") == "YAML-FORMAT 1:6");
  CHECK(format_error("name: x\n") == "YAML-FORMAT 1:1");
  CHECK(format_error("- x\n") == "YAML-FORMAT 1:1");
  CHECK(format_error("dse:\n") == "YAML-TYPE 1:1");
}

TEST_CASE("row 33: a misspelt key is refused at its place, with the nearest one") {
  const auto root = yaml::parse("a: 1\nbandwith: 2\n", "f.yaml");
  const auto check = [&] { root.allow_keys({"a", "bandwidth", "latency"}); };
  CHECK(error_of(check) == "YAML-KEY 2:1");
  CHECK(message_of(check) ==
        "f.yaml:2:1: error[YAML-KEY]: key 'bandwith' is not known here, did you mean 'bandwidth'?");
}

TEST_CASE("rows 34 and 35: missing keys and wrong kinds") {
  const auto root = yaml::parse("m:\n  a: 1\nl: [1]\ns: x\nn:\n", "f.yaml");
  CHECK(error_of([&] { root.at("m").at("b"); }) == "YAML-MISSING 2:3");
  CHECK(error_of([&] { root.at("l").keys(); }) == "YAML-TYPE 3:4");
  CHECK(error_of([&] { root.at("s").items(); }) == "YAML-TYPE 4:4");
  CHECK(error_of([&] { root.at("m").text(); }) == "YAML-TYPE 2:3");
  CHECK(error_of([&] { root.at("n").text(); }) == "YAML-TYPE 5:1");
  CHECK(error_of([&] { root.at("n").integer(0, 1); }) == "YAML-NUMBER 5:1");
  CHECK(message_of([&] { root.at("l").keys(); }) == "f.yaml:3:4: error[YAML-TYPE]: 'l' must be a map, found a list");
}

TEST_CASE("row 39: the number grammar") {
  for (const char* bad : {"010", "1_000", "0x10", "0o17", ".nan", ".inf", "-.inf", "1,5", "1.", ".5", "+5", "1e", "one",
                          "1 000", "--1", "\"5\"", "'5'", "yes", "1.5.2"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { scalar(bad).number(-1e9, 1e9); }) == "YAML-NUMBER 1:6");
    CHECK(error_of([&] { scalar(bad).integer(-1000, 1000); }) == "YAML-NUMBER 1:6");
  }
  for (const char* bad : {"1e400", "-1e400", "2e9"})
    CHECK(error_of([&] { scalar(bad).number(-1e9, 1e9); }) == "YAML-RANGE 1:6");
  for (const char* bad : {"1e3", "1.0", "2.5"})
    CHECK(error_of([&] { scalar(bad).integer(0, 9999); }) == "YAML-NUMBER 1:6");
  for (const char* bad : {"-1", "10", "99999999999999999999"})
    CHECK(error_of([&] { scalar(bad).integer(0, 9); }) == "YAML-RANGE 1:6");
  CHECK(scalar("1e3").number(0, 1e9) == 1000);
  CHECK(scalar("-0.25").number(-1, 1) == -0.25);
  CHECK(scalar("0").integer(0, 9) == 0);
  CHECK(scalar("-9223372036854775808").integer(INT64_MIN, INT64_MAX) == INT64_MIN);
  CHECK(message_of([] { scalar("010").integer(1, 64); }) ==
        "f.yaml:1:6: error[YAML-NUMBER]: 'key' must be a whole number from 1 to 64, found '010'; write it without "
        "leading zeros (it is not octal)");
  CHECK(message_of([] { scalar("1,5").number(0, 9); }).find("a decimal point, not a comma") != std::string::npos);
}

TEST_CASE("row 39: truth values are true and false only") {
  CHECK(scalar("true").boolean());
  CHECK_FALSE(scalar("false").boolean());
  for (const char* bad : {"yes", "no", "on", "off", "True", "\"true\"", "1", "[true]", "~"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { scalar(bad).boolean(); }).starts_with("YAML-BOOLEAN 1:"));
  }
}

TEST_CASE("text that YAML reads otherwise asks for quotes") {
  for (const char* bad : {"12", "1e3", "0x10", "010", "1_000", ".nan", "true", "-5"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { scalar(bad).text(); }) == "YAML-TEXT 1:6");
    CHECK(scalar(bad).scalar_text() == bad);
    CHECK(scalar("\"" + std::string(bad) + "\"").text() == bad);
  }
  for (const char* good : {"yes", "192.168.7.10", "pi0.local", "5 GB", "1e", "a-b"}) CHECK(scalar(good).text() == good);
}

TEST_CASE("quantities: the unit is required, with a space before it or not") {
  CHECK(scalar("5 GB").bytes() == 5'000'000'000u);
  CHECK(scalar("5GB").bytes() == 5'000'000'000u);
  CHECK(scalar("\"5 GB\"").bytes() == 5'000'000'000u);
  CHECK(scalar("3.5 GiB").bytes() == 3'758'096'384u);
  CHECK(scalar("1800 MiB").bytes() == 1'887'436'800u);
  CHECK(scalar("12 kB").bytes() == 12'000u);
  CHECK(scalar("12 KiB").bytes() == 12'288u);
  CHECK(scalar("7 B").bytes() == 7u);
  CHECK(scalar("3 MB").bytes() == 3'000'000u);
  CHECK(scalar("940 Mbit/s").bytes_per_second() == 117.5e6);
  CHECK(scalar("1Gbit/s").bytes_per_second() == 125e6);
  CHECK(scalar("64 kbit/s").bytes_per_second() == 8000);
  CHECK(scalar("2 MB/s").bytes_per_second() == 2e6);
  CHECK(scalar("3 kB/s").bytes_per_second() == 3e3);
  CHECK(scalar("1.5e0 GB/s").bytes_per_second() == 1.5e9);
  CHECK(scalar("180 us").seconds() == 180e-6);
  CHECK(scalar("3ms").seconds() == 3e-3);
  CHECK(scalar("250 ns").seconds() == 250e-9);
  CHECK(scalar("0 s").seconds() == 0);
  CHECK(scalar("2.3 W").watts() == 2.3);
  CHECK(scalar("800 mW").watts() == 0.8);
  CHECK(scalar("5 nJ").joules() == 5e-9);
  CHECK(scalar("5 uJ").joules() == 5e-6);
  CHECK(scalar("5 mJ").joules() == 5e-3);
  CHECK(scalar("5 J").joules() == 5);
}

TEST_CASE("quantities: what is wrong says what would be right") {
  CHECK(message_of([] { scalar("940").bytes_per_second(); }) ==
        "f.yaml:1:6: error[YAML-UNIT]: 'key' needs a unit (kbit/s, Mbit/s, Gbit/s, kB/s, MB/s, GB/s); is '940 Mbit/s' "
        "meant?");
  CHECK(message_of([] { scalar("3.5 gib").bytes(); }).find("did you mean 'GiB'?") != std::string::npos);
  CHECK(message_of([] { scalar("940 Mbps").bytes_per_second(); }).find("bits are written Mbit/s, bytes MB/s") !=
        std::string::npos);
  CHECK(message_of([] { scalar("1,5 GB").bytes(); }).find("a decimal point, not a comma") != std::string::npos);
  for (const char* bad : {"010 GB", "0x10 GB", ".nan GB", "1_000 GB", "GB", "fast", "1,5 GB", ".5 GB", "1.5.5 GB"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { scalar(bad).bytes(); }) == "YAML-NUMBER 1:6");
  }
  for (const char* bad : {"5", "5 GBit", "5 G B", "5 GB GB", "5 m", "5e GB"}) {
    CAPTURE(bad);
    CHECK(error_of([&] { scalar(bad).bytes(); }) == "YAML-UNIT 1:6");
  }
  CHECK(error_of([] { scalar("-1 s").seconds(); }) == "YAML-RANGE 1:6");
  CHECK(error_of([] { scalar("1e400 s").seconds(); }) == "YAML-RANGE 1:6");
  CHECK(error_of([] { scalar("1e300 GB").bytes(); }) == "YAML-RANGE 1:6");
  CHECK(error_of([] { scalar("[1]").watts(); }) == "YAML-UNIT 1:6");
}

TEST_CASE("choices suggest") {
  const std::vector<std::string> kinds{"switched", "shared"};
  CHECK(scalar("shared").choice(kinds) == 1);
  CHECK(error_of([&] { scalar("sharde").choice(kinds); }) == "YAML-VALUE 1:6");
  CHECK(message_of([&] { scalar("sharde").choice(kinds); }).find("did you mean 'shared'?") != std::string::npos);
}

TEST_CASE("quote() writes what reads back as the same text") {
  for (const std::string text : {"plain",
                                 "two words",
                                 "",
                                 "12",
                                 "true",
                                 "~",
                                 "a: b",
                                 "#x",
                                 "- x",
                                 "\"q\" \\ 'p'",
                                 "tab\there\nline",
                                 "\x01\x7f",
                                 "ü",
                                 "1e3",
                                 "-x",
                                 "a,b",
                                 "[x]",
                                 "192.168.0.1",
                                 "*x",
                                 "&x",
                                 "!t",
                                 "%d",
                                 "@a",
                                 "yes"}) {
    CAPTURE(text);
    CHECK(yaml::parse("key: " + yaml::quote(text) + "\n", "f").at("key").text() == text);
    CHECK(yaml::parse("{key: [" + yaml::quote(text) + ", x]}\n", "f").at("key").items()[0].text() == text);
  }
}

TEST_CASE("shortest() reads back exactly") {
  for (const double value : {0.0, 1.0, 0.1, 1e-9, 123456789.125, 1.0 / 3, 6.02214076e23})
    CHECK(scalar(yaml::shortest(value)).number(0, 1e300) == value);
}
