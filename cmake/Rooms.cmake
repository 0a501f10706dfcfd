# Headers that most sources of a target read are parsed once for it; HEADERS adds the target's own heavy ones. Every file still
# includes what it uses.
set(DSE_COMMON_HEADERS <algorithm> <chrono> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string> <string_view>
  <vector> <boost/container/small_vector.hpp> <fmt/format.h>)
option(DSE_PRECOMPILE "Precompile common headers" ON)
function(dse_precompile target)
  get_target_property(sources ${target} SOURCES)
  list(LENGTH sources count)
  if(DSE_PRECOMPILE AND count GREATER 2)
    target_precompile_headers(${target} PRIVATE ${DSE_COMMON_HEADERS} ${ARGN})
  endif()
endfunction()

# dse_room(NAME USES...): the library of one folder. Every .cpp directly in it, and in its sub-folders named by SUBFOLDERS,
# except main.cpp and *_main.cpp, belongs to it; headers are included as "room/file.hpp". USES names rooms and imported targets.
function(dse_room name)
  cmake_parse_arguments(ROOM "" "" "USES;PRIVATE_USES;SUBFOLDERS;HEADERS" ${ARGN})
  set(patterns ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder IN LISTS ROOM_SUBFOLDERS)
    list(APPEND patterns ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  list(FILTER sources EXCLUDE REGEX "(_|/)main\\.cpp$")
  if(sources)
    add_library(dse_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_link_libraries(dse_${name} PRIVATE dse_warnings ${ROOM_PRIVATE_USES})
    dse_precompile(dse_${name} ${ROOM_HEADERS})
  else()
    add_library(dse_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(dse_${name} ${scope} ${PROJECT_SOURCE_DIR})
  target_link_libraries(dse_${name} ${scope} ${ROOM_USES})
endfunction()

# dse_program(NAME SOURCE USES...): an executable in bin/.
function(dse_program name source)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE dse_warnings ${ARGN})
endfunction()

# dse_test(NAME USES...): one doctest executable from every .cpp of the current folder, run by ctest as NAME.
# LABELS and TIMEOUT (seconds) are passed on.
function(dse_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "USES;LABELS;PROGRAMS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE dse_warnings dse_test_main ${TEST_USES})
  target_compile_options(test_${name} PRIVATE -O0)  # tests call what is fast; they need not be
  dse_precompile(test_${name} <doctest/doctest.h>)
  if(TEST_PROGRAMS)
    add_dependencies(test_${name} ${TEST_PROGRAMS})
  endif()
  if("fast" IN_LIST TEST_LABELS)
    set_property(GLOBAL APPEND PROPERTY DSE_FAST_TESTS test_${name})
  endif()
  add_test(NAME ${name} COMMAND test_${name})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}"
    ENVIRONMENT "DSE_SOURCE_DIR=${PROJECT_SOURCE_DIR};DSE_BIN_DIR=${CMAKE_BINARY_DIR}/bin")
endfunction()
