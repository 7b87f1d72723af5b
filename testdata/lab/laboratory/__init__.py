# SPDX-License-Identifier: Apache-2.0
"""The laboratory: namespaces, programs, captures, and what is true of them."""
