# SPDX-License-Identifier: Apache-2.0
# Finds llhttp and defines llhttp::llhttp, from the first of
#   1. upstream's CMake package (9.x; its static target is llhttp::llhttp_static in some releases),
#   2. pkg-config libllhttp,
#   3. the C sources of Debian's node-llhttp, built here as a static library.
include(FindPackageHandleStandardArgs)

if(NOT TARGET llhttp::llhttp)
  find_package(llhttp CONFIG QUIET)
endif()
foreach(name IN ITEMS llhttp_static llhttp_shared)
  if(NOT TARGET llhttp::llhttp AND TARGET llhttp::${name})
    add_library(llhttp::llhttp INTERFACE IMPORTED)
    target_link_libraries(llhttp::llhttp INTERFACE llhttp::${name})
  endif()
endforeach()
if(TARGET llhttp::llhttp)
  set(llhttp_ORIGIN "CMake package")
endif()

if(NOT llhttp_ORIGIN)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(PC_LLHTTP QUIET IMPORTED_TARGET libllhttp)
  endif()
  if(TARGET PkgConfig::PC_LLHTTP)
    add_library(llhttp::llhttp INTERFACE IMPORTED)
    target_link_libraries(llhttp::llhttp INTERFACE PkgConfig::PC_LLHTTP)
    set(llhttp_ORIGIN "pkg-config")
  endif()
endif()

if(NOT llhttp_ORIGIN)
  find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
  find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp)
  mark_as_advanced(LLHTTP_SOURCE_DIR LLHTTP_INCLUDE_DIR)
  if(LLHTTP_SOURCE_DIR AND LLHTTP_INCLUDE_DIR)
    add_library(llhttp_from_sources STATIC
      "${LLHTTP_SOURCE_DIR}/llhttp.c" "${LLHTTP_SOURCE_DIR}/api.c" "${LLHTTP_SOURCE_DIR}/http.c")
    target_include_directories(llhttp_from_sources SYSTEM PUBLIC "${LLHTTP_INCLUDE_DIR}")
    # Generated code: worth optimising even where ours is built for debugging.
    target_compile_options(llhttp_from_sources PRIVATE -O2 -fPIE)
    # Its code for SSE 4.2 is a matter of the compiler's flags: a second copy of the state machine,
    # of which one symbol is left visible, for processors that have it (src/http/parser.cpp).
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_OBJCOPY)
      set(entry llhttp__internal_execute_sse42)
      add_library(llhttp_sse42_whole OBJECT "${LLHTTP_SOURCE_DIR}/llhttp.c")
      target_include_directories(llhttp_sse42_whole SYSTEM PRIVATE "${LLHTTP_INCLUDE_DIR}")
      target_compile_options(llhttp_sse42_whole PRIVATE -O2 -fPIE -msse4.2)
      target_compile_definitions(llhttp_sse42_whole PRIVATE llhttp__internal_execute=${entry})
      set_target_properties(llhttp_sse42_whole PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF)
      set(object "${CMAKE_CURRENT_BINARY_DIR}/llhttp_sse42.o")
      add_custom_command(
        OUTPUT "${object}"
        COMMAND "${CMAKE_OBJCOPY}" --keep-global-symbol=${entry}
                $<TARGET_OBJECTS:llhttp_sse42_whole> "${object}"
        DEPENDS llhttp_sse42_whole $<TARGET_OBJECTS:llhttp_sse42_whole>
        VERBATIM)
      set_source_files_properties("${object}" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
      target_sources(llhttp_from_sources PRIVATE "${object}")
    endif()
    add_library(llhttp::llhttp ALIAS llhttp_from_sources)
    set(llhttp_ORIGIN "sources in ${LLHTTP_SOURCE_DIR}")
  endif()
endif()

find_package_handle_standard_args(llhttp
  REQUIRED_VARS llhttp_ORIGIN
  REASON_FAILURE_MESSAGE "On Debian and Ubuntu: apt-get install node-llhttp")
