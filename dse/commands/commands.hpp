// One function a command, each in a file of its own.
#pragma once

#include "dse/command.hpp"

namespace dse {

Command model_inspect_command();
Command model_make_command();
Command platform_check_command();
Command platform_schema_command();
Command platform_discover_command();
Command calibrate_command();
Command explore_command();
Command front_command();
Command show_command();
Command compare_command();
Command estimate_command();
Command deploy_command();
Command package_verify_command();
Command validate_command();
Command export_command();
Command doctor_command();

}  // namespace dse
