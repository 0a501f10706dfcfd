// Opening the ONNX Runtime library. Private to the room.
#pragma once

#include <string>

#include "base/files.hpp"

namespace dse::engine {

// dlopens the library and initialises the C++ API's table. Returns the library's version.
// Throws Error(device, ENGINE-LIBRARY) where it is missing or older than the headers.
std::string open_library(const fs::path& wanted);

}  // namespace dse::engine
