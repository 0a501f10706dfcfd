#include "dse/commands/commands.hpp"

namespace dse {

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
  };
  return all;
}

}  // namespace dse
