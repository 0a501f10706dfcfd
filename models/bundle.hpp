// Networks on their way to another machine that is to measure how long they take there: what their weights are does not
// matter for that, so that large ones travel as repetitions of their own first bytes, compressed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/network.hpp"

namespace dse {

// Bytes for read_bundle(). Throws Error(bad_input, BUNDLE-SIZE) where a network is too large for one ONNX file.
std::string write_bundle(std::span<const Network> networks);

// The networks with their names, layers and signatures; each passes the door as any model does. Their files are in
// `folder` for the moment only. Throws Error(bad_input, BUNDLE-...) and what Network::import() throws.
std::vector<Network> read_bundle(std::string_view bytes, const fs::path& folder);

}  // namespace dse
