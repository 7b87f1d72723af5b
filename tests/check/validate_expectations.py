#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every expectation in the folders given is what docs/expect.schema.json says."""
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)

schema = json.loads((pathlib.Path(__file__).parents[2] / "docs/expect.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
paths = sorted(p for folder in sys.argv[1:] for p in pathlib.Path(folder).rglob("*.expect.json"))
wrong = 0
for path in paths:
    for error in validator.iter_errors(json.loads(path.read_text())):
        print(f"{path}: {error.json_path}: {error.message}")
        wrong += 1
print(f"{len(paths)} expectations, {wrong} violations")
sys.exit(1 if wrong or not paths else 0)
