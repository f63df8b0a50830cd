"""The same four workers as one process, as two and as four: what it costs to be many.

One broker and one redis-server on loopback, one topic, written once. Each round scores it with each number of processes, from nothing, in an order that
rotates; the processes of a run are members of one group, start together, and are read from outside as in perf/system.py: the rate is that of the second half
of the topic, the figures are sums over the processes. On a machine of two cores this shows the cost, not the gain.

A run that consumes a record twice, or ends with other numbers of transitions, contacts or scored events than the first one, ends the benchmark with
status 1."""
import argparse
import contextlib
import pathlib
import shutil
import signal
import statistics
import sys

import system
from measured import table, write
from system import PARTITIONS, ROOT, TOPIC, Failed, Reading, Run, Watch, servers

WORKERS, COUNTS = 4, (1, 2, 4)


class Fleet(Watch):
    """Readings of processes that are one: sums, and the text of all."""

    def __init__(self, watches):
        self.watches, self.child = watches, watches[0].child

    def read(self):
        parts = [w.read() for w in self.watches]
        if None in parts:
            return None
        return Reading(parts[-1].at, sum(p.cpu for p in parts), sum(p.consumed for p in parts), "\n".join(p.text for p in parts))

    def peak_mb(self):
        return sum(w.peak_mb() for w in self.watches)


class Bench(system.Bench):
    def start(self, stack, name, n):
        """n processes, which are stopped when the stack is left."""
        watches = []
        for i in range(n):
            port = servers.free_port()
            path, outputs = self.config(name, f"p{i}", port, threads=WORKERS // n)
            if i == 0:
                self.kafka.create_topics(*outputs, partitions=PARTITIONS)
            log = stack.enter_context(open(path.with_suffix(".log"), "wb"))
            child = servers.spawn([self.build / "hotlead", "run", "-c", path], stdout=log, stderr=log)
            stack.callback(servers.stop, child, 0)
            watches.append(Watch(child, port))
        return Fleet(watches)

    def score_with(self, n):
        self.runs += 1
        self.redis.call("FLUSHALL")
        name = f"processes{self.runs}"
        try:
            with contextlib.ExitStack() as stack:
                fleet = self.start(stack, name, n)
                first, last = fleet.until(self.events // 2), fleet.until(self.events)
                self.check(fleet.read())
                self.check_committed(name)
                events = self.events - first.consumed
                return Run(events / (last.at - first.at), (last.cpu - first.cpu) / events * 1e9, fleet.peak_mb(), {})
        except Failed as e:
            logs = "\n".join(p.read_text()[-1500:] for p in sorted(self.dir.glob(f"{name}-*.log")))
            raise Failed(f"{n} processes: {e}\n{logs}") from None

    def check(self, settled):
        if settled is None or settled.consumed != self.events:
            raise Failed(f"{settled and settled.consumed} records consumed, {self.events} are there")
        self.same_outcome(settled.text)


def measurements(rounds):
    out = []
    for n in COUNTS:
        runs = [r[n] for r in rounds]
        out += [system.measurement(f"processes_{n}", "events/s", [r.rate for r in runs], "processes_1" if n > 1 else None,
                                   statistics.median(r[n].rate / r[1].rate for r in rounds) if n > 1 else None),
                system.measurement(f"processes_{n}_cpu", "ns/event", [r.cpu_ns for r in runs]),
                system.measurement(f"processes_{n}_memory", "MiB", [r.rss_mb for r in runs])]
    return out


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    p = argparse.ArgumentParser(prog="perf/run.sh processes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=16_000_000)
    p.add_argument("--contacts", type=int, default=1_000_000)
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args()
    with system.broker() as kafka, servers.Redis() as redis:
        bench, rounds = Bench(args.build, kafka, redis, args.events), []
        try:
            kafka.create_topics(TOPIC, partitions=PARTITIONS)
            bench.write(args.events, args.contacts, 1)
            bench.score_with(1)   # warms the broker
            for i in range(args.rounds):
                runs = {}
                for n in system.rotated(COUNTS, i):
                    runs[n] = r = bench.score_with(n)
                    print(f"round {i + 1} {n} processes: {r.rate:,.0f}/s, {r.cpu_ns:,.0f} ns, {r.rss_mb:,.0f} MiB", file=sys.stderr)
                rounds.append(runs)
        except Failed as e:
            sys.exit(f"perf: {e}")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    results = measurements(rounds)
    print("\n".join([*system.heading("perf/run.sh processes", args.build), "", table(results)]))
    write(args.json, results)


if __name__ == "__main__":
    main()
