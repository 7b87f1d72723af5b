#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recipes of docs/scale.md: those that can be run here are run, the others are read.

  recipes.py parallel HTTPDIAG CAPTURE...    GNU parallel; the report is that of the undivided run
  recipes.py duckdb HTTPDIAG CAPTURE...      the query, where duckdb is installed; else whether the lines
                                             have all columns that it reads, with their types
  recipes.py read                            the syntax of the other recipes, and of those of docs/ci.md

Exit status 77, which ctest takes for "skipped", where a program is missing.
"""
import ast
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DOCS = pathlib.Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "scale.md").read_text("utf-8")
CI = (DOCS / "ci.md").read_text("utf-8")


def recipe(mark):
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```\n", PAGE, re.S)
    assert found, f"docs/scale.md has no recipe marked {mark}"
    return found.group(1)


def with_tool(tool):
    return {**os.environ, "PATH": f"{pathlib.Path(tool).resolve().parent}:{os.environ['PATH']}"}


def run_parallel(tool, captures):
    if not shutil.which("parallel") or not shutil.which("nproc"):
        return 77
    for capture in captures:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(capture, f"{folder}/big.pcap")
            subprocess.run(["bash", "-euo", "pipefail", "-c", recipe("run: parallel")], cwd=folder,
                           env=with_tool(tool), check=True)
            whole = subprocess.run(["httpdiag", "analyze", "big.pcap", "--format", "json", "-q"],
                                   cwd=folder, env=with_tool(tool), check=True, capture_output=True)
            parts = list(pathlib.Path(folder).glob("part*.json"))
            assert parts, "no shard was made"
            assert pathlib.Path(folder, "report.json").read_bytes() == whole.stdout, capture
    print(f"{len(captures)} captures in shards")
    return 0


def type_of(text):
    """A DuckDB type as a scalar's name, a dict of members, or a list of one type."""
    text = text.strip()
    if text.endswith("[]"):
        return [type_of(text[:-2])]
    if not text.startswith("STRUCT("):
        return text
    members, depth, start = {}, 0, 0
    inner = text[len("STRUCT("):-1] + ","
    for i, c in enumerate(inner):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            name, kind = inner[start:i].strip().split(" ", 1)
            assert re.fullmatch(r'"\w+"', name), f"{name}: a word of SQL's, unless it is in quotes"
            members[name.strip('"')] = type_of(kind)
            start = i + 1
    return members


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def problems(kind, value, path):
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        return [p for name, inner in kind.items()
                for p in ([f"{path}.{name} is not there"] if name not in value
                          else problems(inner, value[name], f"{path}.{name}"))]
    if value is None:
        return []
    if isinstance(kind, list):
        return [p for each in value for p in problems(kind[0], each, path + "[]")]
    right = {"VARCHAR": lambda v: isinstance(v, str),
             "TIMESTAMP": lambda v: isinstance(v, str) and bool(TIME.match(v)),
             "UBIGINT": lambda v: isinstance(v, int) and 0 <= v < 2**64,
             "BIGINT": lambda v: isinstance(v, int) and -2**63 <= v < 2**63,
             "USMALLINT": lambda v: isinstance(v, int) and 0 <= v < 2**16}[kind]
    return [] if right(value) else [f"{path} is no {kind}: {value!r}"]


def run_duckdb(tool, captures):
    sql = recipe("run: duckdb")
    with tempfile.TemporaryDirectory() as folder:
        errors = 0
        columns = {m.group(1): type_of(m.group(2))
                   for m in re.finditer(r"^  (\w+): '([^']*)'", sql, re.M)}
        assert {"type", "exchanges"} <= columns.keys()
        wrong = set()
        for i, capture in enumerate(captures):
            out = f"{folder}/{i}.ndjson"
            subprocess.run([tool, "analyze", capture, "--format", "ndjson", "-q", "-o", out], check=True)
            for line in pathlib.Path(out).read_text("utf-8").splitlines():
                value = json.loads(line)
                if value["type"] != "flow":
                    continue
                wrong.update(problems(columns, value, "flow"))
                errors += sum(each["severity"] == "error" for each in value["exchanges"])
        for each in sorted(wrong):
            print(each)
        if wrong or errors == 0:
            return 1
        if not shutil.which("duckdb"):
            print("duckdb is not installed: the columns that its query reads are there")
            return 0
        table = subprocess.run(["duckdb", "-json", "-c", sql], cwd=folder, check=True,
                               capture_output=True, text=True).stdout
        assert sum(row["failures"] for row in json.loads(table)) == errors, table
    return 0


def read():
    subprocess.run(["bash", "-n"], input=recipe("check: bash"), text=True, check=True)
    ast.parse(recipe("check: python"))
    # What the lines are asked for by ClickHouse, DuckDB reads, whose columns are looked for in them.
    known = recipe("run: duckdb")
    for name in re.findall(r"(\w+) (?:String|UInt16|DateTime64|Nullable|Tuple|Array)\b",
                           recipe("check: clickhouse")):
        assert re.search(rf'^  {name}: |"{name}" ', known, re.M), f"{name}: of no column"
    try:
        import yaml
    except ImportError:
        return 0
    job = yaml.safe_load(recipe("check: yaml"))
    assert f"/{job['spec']['completions']}\"" in job["spec"]["template"]["spec"]["containers"][0]["args"][0]
    # docs/ci.md: a workflow of GitHub's is one with an event and jobs; YAML 1.1 takes `on` for true.
    workflow, pipeline = [yaml.safe_load(each) for each in re.findall(r"```yaml\n(.*?)```", CI, re.S)]
    assert {True, "jobs"} <= workflow.keys(), workflow.keys()
    steps = [step["run"] for step in workflow["jobs"]["captures"]["steps"] if "run" in step]
    for commands in (steps, pipeline["captures"]["script"]):
        subprocess.run(["bash", "-n"], input="\n".join(commands), text=True, check=True)
        assert any("httpdiag check" in each for each in commands), commands
    return 0


def main(what, *rest):
    if what == "read":
        return read()
    return {"parallel": run_parallel, "duckdb": run_duckdb}[what](rest[0], rest[1:])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
