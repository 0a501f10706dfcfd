// JSON Schema of platform/1 files, for editors. It holds what a schema can say; names that must exist, pairs that must
// be connected and the like are the reader's. A test holds that both agree on the examples and on files with structural
// faults.
#include "platform/platform.hpp"

namespace dse {

std::string platform_schema() {
  return R"json({
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "dse platform/1",
  "description": "Edge devices and the networks between them",
  "type": "object",
  "additionalProperties": false,
  "required": ["dse", "devices"],
  "properties": {
    "dse": {"const": "platform/1", "description": "format and version"},
    "name": {"$ref": "#/definitions/name"},
    "input": {"$ref": "#/definitions/name", "description": "the source device, or 'everywhere': each first-stage device has its own source (default: the first device)"},
    "output": {"$ref": "#/definitions/name", "description": "the sink device (default: the first device)"},
    "devices": {"type": "array", "minItems": 1, "maxItems": 1024, "items": {"$ref": "#/definitions/device"}},
    "networks": {"type": "array", "maxItems": 256, "items": {"$ref": "#/definitions/network"},
      "description": "each pair of devices is on a common network; may be absent where all devices are localhost"}
  },
  "definitions": {
    "name": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$"},
    "device": {
      "type": "object",
      "additionalProperties": false,
      "required": ["name", "host", "cores", "memory"],
      "properties": {
        "name": {"$ref": "#/definitions/name"},
        "host": {"type": "string", "maxLength": 253, "pattern": "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", "description": "host name or IPv4 address as ssh takes it; localhost is a local rank"},
        "user": {"type": "string", "pattern": "^[a-z_][a-z0-9_-]{0,31}$"},
        "cores": {"type": "integer", "minimum": 1, "maximum": 4096},
        "memory": {"$ref": "#/definitions/bytes", "description": "what a worker may use, such as 3.5 GiB"},
        "engine": {"enum": ["cpu", "cuda", "tensorrt", "xnnpack"], "default": "cpu"},
        "profile": {"type": "string", "minLength": 1, "description": "file that dse calibrate wrote, relative to this one"},
        "power": {"$ref": "#/definitions/power"}
      }
    },
    "power": {
      "type": "object",
      "additionalProperties": false,
      "required": ["idle", "active"],
      "properties": {
        "idle": {"$ref": "#/definitions/watts"},
        "active": {"$ref": "#/definitions/watts", "description": "all cores busy"},
        "waiting": {"$ref": "#/definitions/watts", "description": "a worker that waits (default: idle)"},
        "per_byte": {"$ref": "#/definitions/joules", "description": "energy of a byte sent or received"},
        "per_message": {"$ref": "#/definitions/joules"},
        "source": {"enum": ["measured", "datasheet", "assumed"], "default": "assumed"}
      }
    },
    "network": {
      "type": "object",
      "additionalProperties": false,
      "required": ["name", "members"],
      "properties": {
        "name": {"$ref": "#/definitions/name"},
        "kind": {"enum": ["switched", "shared"], "default": "switched", "description": "switched: each NIC sends and receives by itself; shared: one half-duplex medium (WiFi)"},
        "members": {"type": "array", "minItems": 2, "uniqueItems": true, "items": {"$ref": "#/definitions/name"}},
        "bandwidth": {"$ref": "#/definitions/rate"},
        "latency": {"$ref": "#/definitions/seconds"},
        "profile": {"type": "string", "minLength": 1}
      }
    },
    "bytes": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)? *(B|kB|MB|GB|KiB|MiB|GiB)$"},
    "rate": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)? *(kbit|Mbit|Gbit|kB|MB|GB)/s$"},
    "seconds": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)? *(ns|us|ms|s)$"},
    "watts": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)? *(mW|W)$"},
    "joules": {"type": "string", "pattern": "^(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)? *(nJ|uJ|mJ|J)$"}
  }
}
)json";
}

}  // namespace dse
