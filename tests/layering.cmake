# SPDX-License-Identifier: Apache-2.0
# Stages do not know each other: they meet in include/httpdiag/, and only
# src/analysis/ joins them. Run: cmake -DSRC=<repo>/src -P tests/layering.cmake
cmake_minimum_required(VERSION 3.25)
get_filename_component(SRC "${SRC}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")

# What each folder may include besides itself, httpdiag/, the system (sys/,
# POSIX headers) and the standard library. Leave no list empty: an empty
# pattern matches everything.
set(base    base/ brotli/ fmt/ openssl/ "zlib\\.h" "xxhash\\.h" "stddef\\.h" "stdint\\.h")
set(capture base/ "zlib\\.h" "zstd\\.h" "zstd_errors\\.h" "lz4frame\\.h" "lzma\\.h")
set(decode  base/)
set(tcp     base/ "xxhash\\.h")
set(dns     base/)
set(tls     base/ openssl/ fmt/)
set(http    base/ "llhttp\\.h" "xxhash\\.h")
set(rules   base/ fmt/)
set(legs    base/ fmt/ arpa/)
set(delivery base/ fmt/)
set(shard   base/ fmt/ nlohmann/ "zlib\\.h")
# Two captures of a flow are laid side by side by their sequence numbers, which only one file adds up.
set(views   base/ fmt/ "tcp/seq\\.hpp")
set(report  base/ fmt/ nlohmann/)
set(config  base/ fmt/ nlohmann/)
# Tools on top of the analysis: they read and write JSON, and ask for analyses as the program does.
set(check   base/ config/ report/ fmt/ nlohmann/)
set(compare base/ report/ fmt/ nlohmann/)
set(cli     base/ report/ check/ compare/ CLI/ fmt/ spdlog/)

# Libraries that one file alone may know.
set(only_pcap   "capture/link_types.cpp" "capture/bpf.cpp")
set(only_llhttp "http/parser.cpp")
set(only_openssl "base/sha256.cpp" "tls/certificate.cpp")

set(posix "sys/|fcntl\\.h|unistd\\.h|signal\\.h|errno\\.h|stdio\\.h")
set(checked 0)
foreach(folder IN ITEMS base capture decode tcp http tls dns rules legs delivery shard views report config check compare cli)
  list(JOIN ${folder} "|" others)
  file(GLOB_RECURSE files RELATIVE "${SRC}" "${SRC}/${folder}/*.[ch]pp")
  foreach(file IN LISTS files)
    file(STRINGS "${SRC}/${file}" lines REGEX "^[ \t]*#[ \t]*include")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"]*).*" "\\1" header "${line}")
      math(EXPR checked "${checked} + 1")
      foreach(library IN ITEMS pcap llhttp openssl)
        if(header MATCHES "^${library}[/.]" AND NOT file IN_LIST only_${library})
          message(SEND_ERROR "src/${file} may not include ${header}: only src/${only_${library}} may")
        endif()
      endforeach()
      if(header MATCHES "^pcap[/.]" AND folder STREQUAL "capture")
        continue()
      endif()
      if(header MATCHES "[/.]" AND NOT header MATCHES "^(httpdiag/|${folder}/|${posix}|${others})")
        message(SEND_ERROR "src/${file} may not include ${header}")
      endif()
    endforeach()
  endforeach()
endforeach()
if(checked EQUAL 0)
  message(FATAL_ERROR "no source file found under SRC='${SRC}'")
endif()
