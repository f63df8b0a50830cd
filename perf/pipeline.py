#!/usr/bin/env python3
"""The engine without a network: workers as in `hotlead run` decode, score and emit made-up events that wait in memory (hotlead-pipeline).

The first half of the events fills the table, the second half meets it warm. Figures are of CPU time (user and system, the whole process): what else
runs on the machine costs little. With --before another hotlead-pipeline runs in turns with this one. JSON as in perf/system.py.
"""
import argparse
import json
import pathlib
import statistics
import subprocess

from measured import measurement, table, write
from micro import ROOT


def run(binary, args):
    """What one run printed."""
    done = subprocess.run([binary, "--model", args.model, "--schemas", ROOT / "schemas", "--events", str(args.events), "--contacts",
                           str(args.contacts), "--workers", str(args.workers)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def results(now, before):
    out = []
    for half in ("cold", "warm"):
        mine, other = [r[half]["cpu_ns_per_event"] for r in now], [r[half]["cpu_ns_per_event"] for r in before]
        if other:
            out.append(measurement(f"pipeline_{half}_before", "CPU ns/event", other))
        ratio = statistics.median(a / b for a, b in zip(mine, other)) if other else None
        out.append(measurement(f"pipeline_{half}", "CPU ns/event", mine, f"pipeline_{half}_before" if other else None, ratio))
    out.append(measurement("pipeline_rate", "events/s", [r["warm"]["rate"] for r in now]))
    return out + [measurement("pipeline_bytes_per_contact", "bytes", [r["warm"]["bytes_per_contact"] for r in now])]


def main():
    p = argparse.ArgumentParser(prog="perf/run.sh pipeline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build/perf", help="the build folder (default: build/perf)")
    p.add_argument("--before", type=pathlib.Path, help="another hotlead-pipeline to compare with")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=6000000)
    p.add_argument("--contacts", type=int, default=1000000)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--model", type=pathlib.Path, default=ROOT / "config/model.yaml")
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    args = p.parse_args()
    now, before = [], []
    for i in range(args.rounds):
        sides = [(args.build / "perf/hotlead-pipeline", now)] + ([(args.before, before)] if args.before else [])
        for binary, runs in sides[::-1] if i % 2 else sides:
            runs.append(run(binary, args))
    for a, b in zip(now, before):
        if a["transitions"] != b["transitions"]:
            raise SystemExit(f"perf: {a['transitions']} transitions, and {b['transitions']} before")
    measured = results(now, before)
    print(table(measured))
    write(args.json, measured)


if __name__ == "__main__":
    main()
