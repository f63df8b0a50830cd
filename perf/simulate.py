#!/usr/bin/env python3
"""The rate of `hotlead simulate` on one thread: 10 million made-up events of a million contacts (hotlead-events), config/model.yaml, as JSON
Lines and as an Avro container, every transition printed.

Rates are events a second of CPU time (user and system, the whole process): what else runs on the machine costs little. With --before another
binary runs in turns with this one. JSON as in perf/system.py.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

from measured import measurement, table, write
from micro import ROOT, cpu_seconds


def make(build, path, events, contacts):
    """The events as a file; its bytes an event."""
    command = [build / "perf/hotlead-events", "--events", str(events), "--contacts", str(contacts)]
    if path.suffix == ".avro":
        command += ["--avro", ROOT / "schemas/event.avsc"]
    with open(path, "wb") as out:
        subprocess.run(command, check=True, stdout=out)
    return path.stat().st_size / events


def rate(binary, path, events):
    return events / cpu_seconds(binary, "simulate", "-t", "1", "--model", ROOT / "config/model.yaml", "-o", "json", path)[0]


def measure(args, path):
    """Runs in turns; the first in each pair is another one each time."""
    name = "simulate_rate_json" if path.suffix == ".jsonl" else "simulate_rate_avro"
    now, before = [], []
    for i in range(args.rounds):
        sides = [(args.build / "hotlead", now)] + ([(args.before, before)] if args.before else [])
        for binary, rates in sides[::-1] if i % 2 else sides:
            rates.append(rate(binary, path, args.events))
    if not before:
        return [measurement(name, "events/s of CPU", now)]
    ratio = statistics.median(a / b for a, b in zip(now, before))
    return [measurement(f"{name}_before", "events/s of CPU", before), measurement(name, "events/s of CPU", now, f"{name}_before", ratio)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build/perf", help="the build folder (default: build/perf)")
    p.add_argument("--before", type=pathlib.Path, help="another hotlead to compare with")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=10000000)
    p.add_argument("--contacts", type=int, default=1000000)
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    args = p.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("jsonl", "avro"):
            path = pathlib.Path(folder) / f"events.{kind}"
            size = make(args.build, path, args.events, args.contacts)
            results += measure(args, path) + [measurement(f"event_bytes_{kind}", "bytes/event", [size])]
            path.unlink()
    print(table(results))
    write(args.json, results)


if __name__ == "__main__":
    main()
