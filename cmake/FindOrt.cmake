# ONNX Runtime: the target Ort::headers (needed to compile) and ORT_RUNTIME_LIBRARY (the default path for dlopen).
#   1. ORT_ROOT (cache or environment): an unpacked official release
#   2. the distribution's package (Debian 13 and later: onnxruntimeConfig.cmake)
#   3. .deps/onnxruntime, as scripts/setup leaves it
set(ORT_ROOT "$ENV{ORT_ROOT}" CACHE PATH "folder of an unpacked ONNX Runtime release")
set(_ort_deps ${PROJECT_SOURCE_DIR}/.deps/onnxruntime)

if(NOT ORT_ROOT)
  find_package(onnxruntime CONFIG QUIET)
endif()
if(TARGET onnxruntime::onnxruntime)
  get_target_property(ORT_INCLUDE_DIR onnxruntime::onnxruntime INTERFACE_INCLUDE_DIRECTORIES)
  get_target_property(ORT_RUNTIME_LIBRARY onnxruntime::onnxruntime LOCATION)
else()
  # find_library does not know *.so.1 names, so look for files
  find_file(ORT_RUNTIME_LIBRARY NAMES libonnxruntime.so libonnxruntime.so.1
    HINTS ${ORT_ROOT} ${_ort_deps} PATH_SUFFIXES lib PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} /usr/local/lib)
  find_path(ORT_INCLUDE_DIR onnxruntime_c_api.h
    HINTS ${ORT_ROOT}/include ${_ort_deps}/include PATH_SUFFIXES onnxruntime onnxruntime/core/session)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Ort REQUIRED_VARS ORT_INCLUDE_DIR ORT_RUNTIME_LIBRARY
  REASON_FAILURE_MESSAGE "run scripts/setup, or set ORT_ROOT to an unpacked ONNX Runtime release")
if(Ort_FOUND AND NOT TARGET Ort::headers)
  add_library(Ort::headers INTERFACE IMPORTED)
  set_target_properties(Ort::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${ORT_INCLUDE_DIR}"
    INTERFACE_COMPILE_DEFINITIONS "ORT_API_MANUAL_INIT" INTERFACE_LINK_LIBRARIES "${CMAKE_DL_LIBS}")
endif()
