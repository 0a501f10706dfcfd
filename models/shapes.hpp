// Types, shapes and constants come from the engine that will run the network: a child process (dse-shapes) under
// resource limits, because a hostile model may crash it.
#pragma once

#include <vector>

#include "models/draft.hpp"

namespace dse {

// Binds the inputs' dimensions: `bindings` first, then symbols that they gave a value, then a symbolic first dimension
// to 1 with a note. Fills Draft::unbound with what is left. Throws Error(usage, MODEL-SHAPE) for a binding that does
// not fit.
void bind_inputs(Draft& draft, const std::vector<ShapeBinding>& bindings);

// Fills Draft::types and Draft::inferred for every value. Needs bound inputs.
// Throws Error(bad_input, MODEL-ENGINE) with the engine's reason, also where it crashed or took too long; Error(device,
// ...) where there is no engine.
void infer_shapes(Draft& draft);

// The values that `nodes` (topological order, reading only constants of the draft and each other) compute for `wanted`.
std::vector<Constant> evaluate(const Draft& draft, const std::vector<const onnx::NodeProto*>& nodes,
                               const std::vector<std::string>& wanted);

// One name for a value in a model of ONNX: adds a ValueInfo with a full type.
void describe(onnx::ValueInfoProto& value, const std::string& name, const TensorType& tensor);

}  // namespace dse
