# SPDX-License-Identifier: Apache-2.0
# What we link, as found on the system; cmake/setup.sh installs it on Debian and
# Ubuntu, vcpkg.json names it for other platforms. Nothing is vendored.
find_package(PCAP REQUIRED)
find_package(llhttp MODULE REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# xxhash: upstream has a CMake package, Debian's libxxhash-dev has none.
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY NAMES xxhash REQUIRED)
mark_as_advanced(XXHASH_INCLUDE_DIR XXHASH_LIBRARY)
add_library(httpdiag_xxhash INTERFACE)
target_include_directories(httpdiag_xxhash SYSTEM INTERFACE "${XXHASH_INCLUDE_DIR}")
target_link_libraries(httpdiag_xxhash INTERFACE "${XXHASH_LIBRARY}")

# Brotli is optional: without it, bodies with Content-Encoding: br are not read.
find_path(BROTLI_INCLUDE_DIR brotli/decode.h)
find_library(BROTLI_LIBRARY NAMES brotlidec)
mark_as_advanced(BROTLI_INCLUDE_DIR BROTLI_LIBRARY)
add_library(httpdiag_brotli INTERFACE)
if(BROTLI_INCLUDE_DIR AND BROTLI_LIBRARY)
  target_include_directories(httpdiag_brotli SYSTEM INTERFACE "${BROTLI_INCLUDE_DIR}")
  target_link_libraries(httpdiag_brotli INTERFACE "${BROTLI_LIBRARY}")
  target_compile_definitions(httpdiag_brotli INTERFACE HTTPDIAG_BROTLI)
endif()

# Optional as well: without them, captures compressed that way are refused by name.
add_library(httpdiag_compressions INTERFACE)
foreach(compression IN ITEMS "ZSTD zstd.h zstd" "LZ4 lz4frame.h lz4" "XZ lzma.h lzma")
  string(REPLACE " " ";" compression "${compression}")
  list(GET compression 0 name)
  list(GET compression 1 header)
  list(GET compression 2 library)
  find_path(${name}_INCLUDE_DIR ${header})
  find_library(${name}_LIBRARY NAMES ${library})
  mark_as_advanced(${name}_INCLUDE_DIR ${name}_LIBRARY)
  if(${name}_INCLUDE_DIR AND ${name}_LIBRARY)
    target_include_directories(httpdiag_compressions SYSTEM INTERFACE "${${name}_INCLUDE_DIR}")
    target_link_libraries(httpdiag_compressions INTERFACE "${${name}_LIBRARY}")
    target_compile_definitions(httpdiag_compressions INTERFACE HTTPDIAG_${name})
  endif()
endforeach()

if(HTTPDIAG_TESTS)
  find_package(GTest REQUIRED)
  # The system's Python first: it is the one that python3-jsonschema is for.
  find_program(HTTPDIAG_PYTHON NAMES python3 HINTS /usr/bin REQUIRED)
  mark_as_advanced(HTTPDIAG_PYTHON)
endif()
