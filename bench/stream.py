#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends a capture of more than 4 GiB through a pipe, and so never to a disk.

Checks the counts in the report against the generator's truth, and that the peak
of memory, printed beside that of a small capture, stays below a bar. The report
is restricted to flows with a label that none has: it is the reading and judging
that is measured, not the writing.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

BAR = 128  # MiB
KEYS = ("flows", "exchanges", "flow_labels", "exchange_labels")


def nonzero(value):
    return {key: count for key, count in value.items() if count} if isinstance(value, dict) else value


def stream(options, folder, mib):
    """Peak memory in MiB of the analysis, and whether its counts are right."""
    pipe, report = os.path.join(folder, "pipe"), os.path.join(folder, "report.json")
    os.mkfifo(pipe)
    tools = {name: os.path.join(options.build, name) for name in ("httpdiag", "bench/make_callbacks", "bench/measure")}
    with open(report, "wb") as out, \
            subprocess.Popen([tools["bench/make_callbacks"], pipe, "--mib", str(mib)], stdout=subprocess.PIPE) as made, \
            subprocess.Popen([tools["bench/measure"], tools["httpdiag"], "analyze", pipe, "-q", "--format", "ndjson",
                              "--label", "capture-file-truncated"],
                             stdout=out, stderr=subprocess.PIPE, text=True) as analysis:
        truth = json.loads(made.communicate()[0])
        words = analysis.communicate()[1].splitlines()
    os.remove(pipe)
    if analysis.returncode != 0 or not words or not words[-1].startswith("measured "):
        sys.exit("\n".join(words) or "the analysis failed")
    wall, cpu, peak = words[-1].split()[1:]
    with open(report, encoding="utf-8") as text:
        result = json.loads(text.readlines()[-1])
    good = all(nonzero(result["summary"][key]) == nonzero(truth[key]) for key in KEYS)
    good &= result["input"]["files"][0]["bytes"] >= mib << 20
    print(f"  {mib:6} MiB  wall {float(wall):7.1f} s  CPU {float(cpu):7.1f} s  peak {int(peak) / 1024:6.1f} MiB"
          f"  counts {'right' if good else 'WRONG'}")
    return int(peak) / 1024, good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="build folder of a release build with HTTPDIAG_BENCH=ON")
    parser.add_argument("--mib", type=int, default=5120)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory(prefix="httpdiag-stream-") as folder:
        _, small_good = stream(options, folder, 256)
        peak, large_good = stream(options, folder, options.mib)
    print(f"  {'ok  ' if peak <= BAR else 'OVER'} peak MiB: {peak:.1f}, at most {BAR}")
    return 0 if small_good and large_good and peak <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
