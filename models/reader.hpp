// The first half of the door: bytes on disk to a ModelProto, with every tensor's bytes found and checked.
#pragma once

#include <memory>

#include "models/draft.hpp"

namespace dse {

struct ModelFile {
  fs::path path;
  std::shared_ptr<const onnx::ModelProto> model;
  MappedFile bytes;
};

// Size cap, regular file, not a Git LFS pointer or a web page, at most 100 000 nodes, parses as protobuf.
// Throws Error(bad_input, MODEL-FILE | MODEL-PARSE | MODEL-SIZE | FILE-...), Error(io, FILE-OPEN).
ModelFile read_model(const fs::path& path, std::uint64_t cap);

// Finds the bytes of tensors: inside the model, or in files beneath its folder.
class TensorReader {
 public:
  explicit TensorReader(const ModelFile& file) : file_(file) {}

  // Throws Error(bad_input, MODEL-TENSOR | MODEL-EXTERNAL | FILE-...) where dims, type, length or location are not
  // sane.
  Constant read(const onnx::TensorProto& tensor, const std::string& name);
  // SHA-256 of the model file, followed by the external files in the order of their names where there are any.
  std::string digest() const;

 private:
  Constant external(const onnx::TensorProto& tensor, const Place& place, Constant constant);
  const MappedFile& mapped(const std::string& location, const Place& place);

  const ModelFile& file_;
  std::map<std::string, MappedFile> external_;
};

}  // namespace dse
