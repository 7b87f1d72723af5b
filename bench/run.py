#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures httpdiag against a bare libpcap loop over the same files.

Makes the captures, checks httpdiag's counts against the generator's truth, runs
both programs alternately, and prints medians, ratios, and the memory that each
further idle flow and each unanswered SYN costs. Only ratios of one run mean
anything: machines differ, and other work on them comes and goes.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile


def measure(options, command, output):
    """Wall and CPU seconds and peak memory in KiB of one run; see measure.c for why it is not done here."""
    with open(output, "wb") as out:
        done = subprocess.run([options.measure, *command], stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    lines = done.stderr.splitlines()
    if done.returncode != 0 or not lines or not lines[-1].startswith("measured "):
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    wall, cpu, peak = lines[-1].split()[1:]
    return float(wall), float(cpu), int(peak)


def make(options, name, *how):
    path = os.path.join(options.dir, name)
    made = subprocess.run([options.generator, path, *how], stdout=subprocess.PIPE, check=True)
    return path, json.loads(made.stdout)


def check(options, path, truth):
    """The report's counts have to be the generator's."""
    output = os.path.join(options.dir, "report.json")
    measure(options, [options.httpdiag, "analyze", path, "--format", "json", "-q"], output)
    with open(output, encoding="utf-8") as report:
        summary = json.load(report)["summary"]
    wrong = [key for key in ("flows", "exchanges", "flow_labels", "exchange_labels")
             if nonzero(summary[key]) != nonzero(truth[key])]
    for key in wrong:
        print(f"  WRONG {key}: made {truth[key]}, reported {summary[key]}")
    return not wrong


def nonzero(value):
    return {key: count for key, count in value.items() if count} if isinstance(value, dict) else value


def compare(options, name, path):
    """Alternates the programs, so that a busy moment hits both."""
    null = os.devnull
    programs = {"yardstick": [options.yardstick, path],
                "httpdiag": [options.httpdiag, "analyze", path, "-q"]}
    runs = {program: [] for program in programs}
    for program in programs.values():
        measure(options, program, null)  # page cache
    for _ in range(options.rounds):
        for program, command in programs.items():
            runs[program].append(measure(options, command, null))
    medians = {program: [statistics.median(column) for column in zip(*rows)] for program, rows in runs.items()}
    for program, (wall, cpu, memory) in medians.items():
        print(f"  {name:10} {program:10} wall {wall:7.3f} s   CPU {cpu:7.3f} s   peak {memory / 1024:7.1f} MiB")
    ratios = [h / y for h, y in zip(medians["httpdiag"], medians["yardstick"])]
    print(f"  {name:10} {'ratio':10} wall {ratios[0]:7.2f}     CPU {ratios[1]:7.2f}")
    return ratios[1], medians["httpdiag"][2]


def bytes_each(options, name, option, count):
    """Peak memory of a large capture minus that of a small one, per thing in it."""
    small = count // 50
    peaks = {}
    for size in (small, count):
        path, _ = make(options, f"{name}-{size}.pcap", option, str(size))
        peaks[size] = statistics.median(
            measure(options, [options.httpdiag, "analyze", path, "-q"], os.devnull)[2] for _ in range(3))
        os.remove(path)
    each = (peaks[count] - peaks[small]) * 1024 / (count - small)
    print(f"  {name:10} {each:7.0f} bytes each ({count} of them: {peaks[count] / 1024:.1f} MiB)")
    return each


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="build folder of a release build with HTTPDIAG_BENCH=ON")
    parser.add_argument("--dir", help="where the captures go (default: a new temporary folder)")
    parser.add_argument("--mib", type=int, default=1024, help="size of the large captures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flows", type=int, default=500000, help="idle flows, and unanswered SYNs")
    parser.add_argument("--bars", action="store_true", help="exit with status 1 when a bar is missed")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.httpdiag = os.path.join(options.build, "httpdiag")
    options.generator = os.path.join(options.build, "bench", "make_callbacks")
    options.measure = os.path.join(options.build, "bench", "measure")
    options.yardstick = os.path.join(options.build, "bench", "yardstick")

    with tempfile.TemporaryDirectory(prefix="httpdiag-bench-") as temporary:
        options.dir = options.dir or temporary
        os.makedirs(options.dir, exist_ok=True)
        good = True
        print("speed")
        path, truth = make(options, "callbacks.pcap", "--mib", str(options.mib))
        good &= check(options, path, truth)
        cpu, peak = compare(options, "callbacks", path)
        os.remove(path)
        path, _ = make(options, "bulk.pcap", "--mib", str(options.mib), "--bulk")
        compare(options, "bulk", path)
        os.remove(path)
        print("memory")
        flow = bytes_each(options, "idle flows", "--idle-flows", options.flows)
        syn = bytes_each(options, "SYNs", "--syns", options.flows)

    bars = [("callbacks: CPU, times the yardstick", cpu, 2.5), ("callbacks: peak MiB", peak / 1024, 64),
            ("bytes for each idle flow", flow, 1024), ("bytes for each unanswered SYN", syn, 256)]
    print("bars")
    for name, value, bar in bars:
        good &= value <= bar
        print(f"  {'ok  ' if value <= bar else 'OVER'} {name}: {value:.2f}, at most {bar}")
    return 1 if options.bars and not good else 0


if __name__ == "__main__":
    sys.exit(main())
