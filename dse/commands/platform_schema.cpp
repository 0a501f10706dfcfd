// dse platform schema: the JSON Schema of platform files, for editors.
#include "dse/commands/commands.hpp"
#include "platform/platform.hpp"

namespace dse {

Command platform_schema_command() {
  return {{"platform", "schema"},
          "print the JSON Schema (draft-07) of platform files, whatever the format",
          {},
          {},
          [](const Arguments&, Console& console) {
            console.out << platform_schema();
            return 0;
          }};
}

}  // namespace dse
