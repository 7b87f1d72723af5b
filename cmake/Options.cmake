# SPDX-License-Identifier: Apache-2.0
# httpdiag_options: how our own code is compiled. Linked PRIVATE by every target
# of ours and by nothing of anyone else's, so that warnings and sanitizers never
# reach a dependency or an embedding project.
option(HTTPDIAG_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(HTTPDIAG_BENCH "Build the capture generator and the benchmarks" OFF)
option(HTTPDIAG_FUZZ "Build the fuzz targets with libFuzzer (needs clang)" OFF)
option(HTTPDIAG_WERROR "Treat warnings in our code as errors" OFF)
option(HTTPDIAG_COVERAGE "Instrument our code for gcov" OFF)
set(HTTPDIAG_SANITIZE "" CACHE STRING "Sanitizers for our code, e.g. address,undefined")

add_library(httpdiag_options INTERFACE)
target_compile_features(httpdiag_options INTERFACE cxx_std_20)
target_compile_options(httpdiag_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast> $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)

if(HTTPDIAG_WERROR)
  target_compile_options(httpdiag_options INTERFACE -Werror)
endif()

if(HTTPDIAG_SANITIZE)
  target_compile_options(httpdiag_options INTERFACE
    -fsanitize=${HTTPDIAG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(httpdiag_options INTERFACE -fsanitize=${HTTPDIAG_SANITIZE})
endif()

if(HTTPDIAG_COVERAGE)
  target_compile_options(httpdiag_options INTERFACE --coverage)
  target_link_options(httpdiag_options INTERFACE --coverage)
endif()

if(HTTPDIAG_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "HTTPDIAG_FUZZ needs clang: cmake --preset fuzz")
  endif()
  target_compile_options(httpdiag_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Our own mistakes found early in dev; the input's attempts made harder in release.
target_compile_definitions(httpdiag_options INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_compile_options(httpdiag_options INTERFACE
  $<$<CONFIG:Release>:-fstack-protector-strong>
  $<$<CONFIG:Release>:-fPIE>
  $<$<CONFIG:Release>:-U_FORTIFY_SOURCE>  # distributions may have set it already
  $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
if(NOT APPLE)
  target_link_options(httpdiag_options INTERFACE
    $<$<AND:$<CONFIG:Release>,$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>>:-pie>
    $<$<CONFIG:Release>:LINKER:-z,relro,-z,now>)
endif()
