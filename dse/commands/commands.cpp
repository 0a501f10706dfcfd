#include "dse/commands/commands.hpp"

namespace dse {

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      // one line each
      model_inspect_command(),
      model_make_command(),
      platform_check_command(),
      platform_schema_command(),
      platform_discover_command(),
      calibrate_command(),
      explore_command(),
      front_command(),
      show_command(),
      compare_command(),
      estimate_command(),
      deploy_command(),
      package_verify_command(),
      validate_command(),
      export_command(),
      doctor_command(),
  };
  return all;
}

}  // namespace dse
