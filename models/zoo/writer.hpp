// Writes a built network as an ONNX file (opset 13, IR 7).
#pragma once

#include "base/files.hpp"
#include "models/zoo/builder.hpp"

namespace dse::zoo {

// Bytes of all weights; saturates at the largest std::int64_t.
std::int64_t weight_bytes(const Builder& network);

// Where the weights of a model at `path` go if they are external: <stem>.weights.bin beside it.
fs::path external_file(const fs::path& path);

// Draws the weights straight into the file's image: one copy of them is in memory. With `external`, weights of at least
// 1 KiB go to <stem>.weights.bin beside the model, each at a multiple of 4096 bytes so that it can be mapped. Throws
// Error(usage, ZOO-SIZE), before anything is allocated, where the weights exceed 2 GiB (protobuf's limit for a
// message).
void write_model(const Builder& network, const fs::path& path, bool external);

}  // namespace dse::zoo
