// Constant folding and dead code: what the engine would compute once is computed once, and what nobody reads goes.
#pragma once

#include "models/draft.hpp"

namespace dse {

// Before shapes are known: drops dead nodes and unread optional outputs (a Dropout's mask), whose shapes nobody needs
// and the engine may not know, and fills ConstantOfShape of constant shapes, so that weights made by it need not travel
// to the engine.
void fold_fills(Draft& draft);

// Folds nodes whose inputs are all constant, and Shape and Size of tensors whose shapes do not depend on data. Values
// come from the engine (evaluate()). Left alone: DequantizeLinear (folding it would undo the quantisation), random
// operators, and constants of more than 512 MiB each or 1 GiB together. Fills Draft::dynamic, removes dead nodes and
// constants. A graph output that turns out constant keeps an Identity node that copies it.
void fold_constants(Draft& draft);

bool is_random(const onnx::NodeProto& node);

}  // namespace dse
