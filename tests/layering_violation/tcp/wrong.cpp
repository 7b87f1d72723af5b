// SPDX-License-Identifier: Apache-2.0
// Never compiled: tests/layering.cmake must refuse it.
#include "http/pairer.hpp"
