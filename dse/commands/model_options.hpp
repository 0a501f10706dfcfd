// The options of every command that reads a model.
#pragma once

#include "dse/command.hpp"
#include "models/network.hpp"

namespace dse {

OptionSpec shape_option();  // --shape input=1x3x224x224, repeated
// Throws Error(usage, OPTION-VALUE) for a text that is no binding.
ImportOptions import_options(const Arguments& arguments);
// Network::import, its notes told to the user.
Network import_model(const Arguments& arguments, const std::string& path, Console& console);

}  // namespace dse
