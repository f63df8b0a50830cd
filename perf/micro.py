#!/usr/bin/env python3
"""Scale of rules: matching alone (hotlead-match), loading and checking a model, and whole runs of simulate, with 10 and with 1,000 rules.

Times are CPU time, rounds are interleaved: what else runs on the machine costs little of either. JSON as in perf/system.py.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from measured import measurement, table, write

ROOT = pathlib.Path(__file__).resolve().parents[1]


def cpu_seconds(*command):
    """User and system time of one run, all its threads."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {process.returncode}\n{errors.decode()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def runs(build, folder, events, rounds):
    """Simulate, one thread, in turns with 10 and with 1,000 rules; and check of the model of 1,000."""
    log = folder / "events.jsonl"
    log.write_bytes(subprocess.run([build / "perf/hotlead-match", "--log", str(events)], check=True, stdout=subprocess.PIPE).stdout)
    models = {}
    for n in (10, 1000):
        models[n] = folder / f"model-{n}.yaml"
        models[n].write_bytes(subprocess.run([build / "perf/hotlead-match", "--model", str(n)], check=True, stdout=subprocess.PIPE).stdout)
    seconds, memory, check = {10: [], 1000: []}, {10: [], 1000: []}, []
    for i in range(rounds):
        for n in (10, 1000) if i % 2 == 0 else (1000, 10):
            used, peak = cpu_seconds(build / "hotlead", "simulate", "-t", "1", "--model", models[n], log)
            seconds[n].append(used)
            memory[n].append(peak)
        check.append(cpu_seconds(build / "hotlead", "check", "-m", models[1000])[0])
    ratio = statistics.median(a / b for a, b in zip(seconds[10], seconds[1000]))
    return [measurement("simulate_10_rules", "events/s of CPU", [events / s for s in seconds[10]]),
            measurement("growth_rules_simulate", "events/s of CPU", [events / s for s in seconds[1000]], "simulate_10_rules", ratio),
            measurement("simulate_10_rules_peak", "bytes", memory[10]),
            measurement("growth_rules_simulate_peak", "bytes", memory[1000], "simulate_10_rules_peak",
                        statistics.median(memory[1000]) / statistics.median(memory[10])),
            measurement("check_1000_rules", "s", check)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build/perf", help="the build folder (default: build/perf)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=1000000, help="events of a run of simulate")
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    args = p.parse_args()
    match = subprocess.run([args.build / "perf/hotlead-match", "--rounds", str(args.rounds)], check=True, stdout=subprocess.PIPE)
    results = json.loads(match.stdout)
    with tempfile.TemporaryDirectory() as folder:
        results += runs(args.build, pathlib.Path(folder), args.events, args.rounds)
    print(table(results))
    write(args.json, results)


if __name__ == "__main__":
    main()
