// The second half of the door: structure, names and attributes of a parsed model. libonnx's checker is not used: it
// accepts most of what is refused here, and its shape inference crashes on hostile files.
#pragma once

#include "models/reader.hpp"

namespace dse {

// Checks everything that does not need shapes and returns the model with nodes in topological order (the stored order
// as far as that is one), Constant nodes and initializers as constants, and initializers taken out of the inputs.
// Throws Error(bad_input, MODEL-OPSET | MODEL-GRAPH | MODEL-NAME | MODEL-CYCLE | MODEL-DANGLING | MODEL-OPERATOR |
// MODEL-ATTRIBUTE | MODEL-TENSOR | ...).
Draft check_model(const ModelFile& file);

// Strides, dilations, kernel, pads and groups of windowed operators (door_attributes.cpp).
void check_attributes(const Draft& draft, const onnx::NodeProto& node, std::size_t index);

// What the engine's shape inference lets pass: channels against weights, empty tensors (door_shapes.cpp). Needs
// Draft::types.
void check_shapes(const Draft& draft);

}  // namespace dse
