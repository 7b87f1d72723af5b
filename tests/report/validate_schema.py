#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Validates reports against docs/report.schema.json, and against what a schema cannot say.

  validate_schema.py REPORT...                  reports in format json or ndjson
  validate_schema.py --tool HTTPDIAG CAPTURE... runs the tool on captures (or folders of them), both formats

Exit status 77, which ctest takes for "skipped", where python3-jsonschema is missing.
"""
import collections
import argparse
import copy
import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: needs python3-jsonschema")
    sys.exit(77)

SCHEMA = json.loads((pathlib.Path(__file__).parents[2] / "docs/report.schema.json").read_text("utf-8"))


def validator(part=None):
    schema = SCHEMA if part is None else {"$ref": f"#/$defs/{part}", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


DOCUMENT, FLOW_LINE, SUMMARY_LINE = validator(), validator("flow_line"), validator("summary_line")


def violations(validator_, value):
    for error in validator_.iter_errors(value):
        yield f"at /{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def contradictions(rest, flows):
    """Sums and orders that the contract promises."""
    ledger, summary = rest["input"]["ledger"], rest["summary"]
    accounts = ledger["decoded"] + ledger["duplicates"] + ledger["filtered"] + sum(ledger["skipped"].values())
    if accounts != rest["input"]["packets"]:
        yield f"ledger sums to {accounts}, not to {rest['input']['packets']} packets"
    for labels, total in (("flow_labels", "flows"), ("exchange_labels", "exchanges")):
        if sum(summary[labels].values()) != summary[total]:
            yield f"{labels} do not sum to {total}"
    if sum(summary["delivery_verdicts"].values()) != summary["deliveries"]:
        yield "delivery_verdicts do not sum to deliveries"
    causes, problems = collections.Counter(), collections.Counter()
    for cause in rest["causes"]:
        causes[cause["label"]] += cause["count"]
    for problem in summary["problems"]:
        if problem["role"] == "primary":
            problems[problem["label"]] += problem["count"]
    if causes != problems if rest["omitted"]["causes"] == 0 else not causes <= problems:
        yield f"causes {dict(causes)} are not the problems {dict(problems)}"
    attempts = [(a["flow"], a["exchange"]) for d in rest["deliveries"] for a in d["attempts"]]
    if len(set(attempts)) != len(attempts):
        yield "an attempt belongs to two deliveries"
    ids = [flow["id"] for flow in flows]
    if len(set(ids)) != len(ids):
        yield "a flow is there twice"
    if rest["settings"]["report.labels"] or rest["settings"]["report.flow"] is not None:
        return
    shown = sum(len(flow["exchanges"]) for flow in flows)
    if len(flows) + rest["omitted"]["flows"] != summary["flows"]:
        yield "flows shown and omitted do not sum to flows"
    if shown + rest["omitted"]["exchanges"] != summary["exchanges"]:
        yield "exchanges shown and omitted do not sum to exchanges"


def check(text):
    """All that is wrong with a report."""
    lines = text.splitlines()
    if lines and lines[0].startswith('{"type":'):
        values = [json.loads(line) for line in lines]
        for flow in values[:-1]:
            yield from violations(FLOW_LINE, flow)
        yield from violations(SUMMARY_LINE, values[-1])
        yield from contradictions(values[-1], values[:-1])
        return
    report = json.loads(text)
    yield from violations(DOCUMENT, report)
    yield from contradictions(report, report["flows"])
    ids = [flow["id"] for flow in report["flows"]]
    if ids != sorted(ids):
        yield "flows are not in order of id"


def rejects_what_is_wrong(report):
    """The check is checked: each of these must be found."""
    def spoilt(change):
        copied = copy.deepcopy(report)
        change(copied)
        return json.dumps(copied, separators=(",", ":"))

    changes = [
        lambda r: r.pop("summary") and r.update(summary={}),
        lambda r: r.update(surplus=1),
        lambda r: r["input"].update(packets=r["input"]["packets"] + 1),
        lambda r: r["summary"].update(worst_severity="fatal"),
        lambda r: r["summary"].update(flows=r["summary"]["flows"] + 1),
    ]
    for number, change in enumerate(changes):
        try:
            found = list(check(spoilt(change)))
        except KeyError:
            found = ["unusable"]
        if not found:
            yield f"spoilt report {number} passed"


def reports(arguments):
    """Name and text of each report to look at."""
    if arguments.tool is None:
        for name in arguments.files:
            yield name, pathlib.Path(name).read_text("utf-8")
        return
    for name in arguments.files:
        path = pathlib.Path(name)
        captures = sorted(path.glob("**/*.pcap*")) if path.is_dir() else [path]
        for number, capture in enumerate(captures):
            for form in ("json", "ndjson", "json --shard 0/2"):
                if "shard" in form and number % 10 != 0:  # alike in all of them
                    continue
                run = subprocess.run([arguments.tool, "analyze", "-q", str(capture), "--format", *form.split()],
                                     capture_output=True, check=False)
                if run.returncode == 2:  # what cannot be read is for other tests
                    continue
                yield f"{capture} ({form})", run.stdout.decode("utf-8")


def main():
    parser = argparse.ArgumentParser(description="Validate httpdiag reports")
    parser.add_argument("--tool")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    seen = wrong = 0
    for name, text in reports(arguments):
        faults = list(check(text))
        if seen == 0 and not faults and text.startswith('{"schema"'):
            faults = list(rejects_what_is_wrong(json.loads(text)))
        seen += 1
        for fault in faults[:10]:
            print(f"{name}: {fault}")
        wrong += bool(faults)
    print(f"{seen} reports, {wrong} of them wrong")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
