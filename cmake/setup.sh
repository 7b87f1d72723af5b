#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing httpdiag needs, on Debian and Ubuntu; does
# nothing when all is there. On another system it names the packages and stops.
#   cmake/setup.sh          build, test, check formatting
#   cmake/setup.sh --fuzz   the same and clang, for the fuzz and tidy presets
set -eu

minimum_cmake=3.25

# command:package
tools="cmake:cmake ninja:ninja-build g++:g++ pkg-config:pkg-config clang-format:clang-format
       python3:python3 git:git xmllint:libxml2-utils parallel:parallel"
libraries="libpcap-dev node-llhttp libcli11-dev libfmt-dev libspdlog-dev nlohmann-json3-dev
           libgtest-dev zlib1g-dev libbrotli-dev libxxhash-dev libssl-dev
           libzstd-dev liblz4-dev liblzma-dev
           python3-jsonschema"

for option in "$@"; do
  case $option in
    --fuzz) tools="$tools clang:clang clang-tidy:clang-tidy" ;;
    *)
      echo "setup.sh: unknown option $option (known: --fuzz)" >&2
      exit 2
      ;;
  esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  {
    echo "setup.sh: this system has no apt-get, so nothing was installed."
    echo "httpdiag needs these, by their Debian names (vcpkg.json has the libraries, too):"
    for entry in $tools; do echo "  ${entry#*:}"; done
    for package in $libraries; do echo "  $package"; done
    echo "CMake must be $minimum_cmake or newer, the compiler must know C++20 (g++ 12, clang 14)."
  } >&2
  exit 1
fi

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
for entry in $tools; do
  command -v "${entry%%:*}" >/dev/null || missing="$missing ${entry#*:}"
done
for package in $libraries; do
  installed "$package" || missing="$missing $package"
done

if [ -z "$missing" ]; then
  echo "setup.sh: everything is there"
else
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "setup.sh: neither root nor sudo; as root, run: apt-get install$missing" >&2
      exit 1
    fi
    as_root=sudo
  fi
  echo "setup.sh: installing$missing"
  $as_root apt-get update -q
  # shellcheck disable=SC2086  # one word per package
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
fi

version=$(cmake --version | sed -n '1s/^cmake version //p')
if [ "$(printf '%s\n%s\n' "$minimum_cmake" "$version" | sort -V | head -n 1)" != "$minimum_cmake" ]; then
  echo "setup.sh: CMake $version is too old, $minimum_cmake or newer is needed (Debian 12, Ubuntu 24.04)" >&2
  exit 1
fi
