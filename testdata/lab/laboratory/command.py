# SPDX-License-Identifier: Apache-2.0
"""lab run | list | check-tools | clean"""
import argparse
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

from laboratory import network, packets, tools
from laboratory.bench import Bench, interrupted
from laboratory.truth import NotShown

import scenarios

HERE = Path(__file__).resolve().parent.parent
OUTPUT = HERE.parent / "pcaps" / "lab"
open_benches, lock = set(), threading.Lock()


def make(scenario, output):
    """One scenario from its network to its folder. Returns what went wrong, or nothing."""
    if interrupted.is_set():
        return "interrupted"
    bench = Bench(scenario.name, scenario.hosts, scenario.ipv6)
    with lock:
        open_benches.add(bench)
    try:
        scenario.function(bench)
        if bench.truth_of is None:
            raise NotShown("the scenario has read no capture")
        about = {"scenario": scenario.name, "incident": scenario.incident, "made": scenario.says,
                 "software": tools.versions(scenario.software)}
        bench.truth_of.write(bench.folder / "truth.json", about)
        keep(bench, output / scenario.name)
        return None
    except Exception as error:  # one failed scenario must not end the others
        return describe(bench, error)
    finally:
        bench.close()
        bench.remove_files()
        with lock:
            open_benches.discard(bench)


def describe(bench, error):
    lines = [f"{type(error).__name__}: {error}"]
    if not isinstance(error, NotShown):
        lines.append("".join(traceback.format_tb(error.__traceback__)[-3:]))
    capture = bench.folder / "capture.pcap"
    if capture.exists():
        lines.append(subprocess.run(["tshark", "-n", "-t", "r", "-c", "80", "-r", capture],
                                    capture_output=True, text=True, check=False).stdout)
    for log in sorted(bench.logs.glob("*.txt")):
        lines.append(f"-- {log.name}\n{log.read_text(errors='replace')[-1500:]}")
    return "\n".join(lines)


def keep(bench, folder):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    shutil.copyfile(bench.folder / "capture.pcap", folder / "capture.pcap")
    shutil.copyfile(bench.folder / "truth.json", folder / "truth.json")
    for log in sorted(bench.logs.glob("*.txt")):
        # Where the lab ran is nobody's business.
        text = log.read_text(errors="replace").replace(str(bench.folder), ".")
        if text.strip():
            (folder / "logs" / log.name).write_text(text)


def run(options):
    if os.geteuid() != 0:
        sys.exit("lab: network namespaces need root")
    chosen = scenarios.named(options.scenario)
    missing = tools.missing(chosen)
    if missing:
        sys.exit("lab: missing\n" + "\n".join(missing))
    output = Path(options.out)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(make, scenario, output): scenario for scenario in chosen}
        try:
            for done in concurrent.futures.as_completed(waiting):
                problem = done.result()
                failed += problem is not None
                print(f"{'FAILED' if problem else 'made  '} {waiting[done].name}", flush=True)
                if problem:
                    print(problem, file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            interrupted.set()
            with lock:
                benches = list(open_benches)
            for bench in benches:
                bench.end_programs()
            raise  # each scenario removes what is its own
    return 1 if failed else 0


def list_(options):
    for scenario in scenarios.named(options.scenario):
        print(f"{scenario.name:45} {scenario.says}")
    return 0


def check_tools(options):
    missing = tools.missing(scenarios.named([]))
    print("\n".join(missing) or "nothing is missing")
    return 1 if missing else 0


def clean(options):
    for name in network.remove_leftovers():
        print("removed", name)
    return 0


def main(words):
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, function in (("run", run), ("list", list_)):
        command = commands.add_parser(name)
        command.add_argument("scenario", nargs="*", help="names or their beginnings; none: all")
        command.set_defaults(function=function)
        if function is run:
            command.add_argument("-j", "--jobs", type=int, default=6)
            command.add_argument("-o", "--out", default=str(OUTPUT))
    commands.add_parser("check-tools").set_defaults(function=check_tools)
    commands.add_parser("clean").set_defaults(function=clean)
    options = parser.parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return options.function(options)
    except KeyboardInterrupt:
        print("lab: interrupted, everything is removed", file=sys.stderr)
        return 130
