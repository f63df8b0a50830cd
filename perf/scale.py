"""What many contacts, and a few that have most of the events, cost: the rate of `hotlead run` on topics of different contacts.

One broker and one redis-server on loopback, a topic for each shape, written once. Each round scores every topic once, from nothing, in an order
that rotates. The first half of a topic fills the table; the rate is that of the second half, read from outside as in perf/system.py.

  contacts_100k, contacts_many    100,000 contacts, and as many as --contacts says (10 M), alike but for that; the ratio of their rates
  uniform, zipf_1.1, hot          a million contacts: all alike; by Zipf's law with exponent 1.1; all alike, but for one that has a tenth of all events
Memory by contact is that of contacts_many: of the process at its end; of Redis when it has them all, which the next start sees to."""
import argparse
import pathlib
import shutil
import signal
import statistics
import sys

import system
from measured import table, write
from system import ROOT, Failed, Run, Watch, servers, value

SHAPES = {"contacts_100k": (100_000, 0), "contacts_many": (None, 0), "uniform": (1_000_000, 0), "zipf_1.1": (1_000_000, 1.1),
          "hot": (1_000_000, 0, "--hot", "0.1")}
RATIOS = (("contacts_many", "contacts_100k"), ("zipf_1.1", "uniform"), ("hot", "uniform"))


class Bench(system.Bench):
    def redis_used(self):
        return int(self.redis.call("INFO", "memory").decode().split("used_memory:")[1].split()[0])

    def copied(self):
        """Contacts in Redis."""
        markers = [self.redis.call("GET", f"{{perf{self.runs}:{p}}}:marker") for p in range(system.PARTITIONS)]
        return sum(int(m.split()[1]) for m in markers if m)   # "position count sum sum"

    def copy_all(self, contacts):
        path = self.dir / f"perf{self.runs}-perf.yaml"
        with open(path.with_suffix(".again.log"), "wb") as log:
            child = servers.spawn([self.build / "hotlead", "run", "-c", path], stdout=log, stderr=log)
        try:
            servers.wait_for("a whole copy in Redis", lambda: self.copied() == contacts, 900, every=1)
        finally:
            servers.stop(child, 60)

    def watch(self, w):
        redis_before = self.redis_used()
        first, last = w.until(self.events // 2), w.until(self.events)
        events, text = self.events - first.consumed, (w.read() or last).text
        if value(text, "hotlead_dead_letters_total") or w.since(first, last, "hotlead_rebalances_total"):
            raise Failed("dead letters, or rebalanced on the way")
        details = {"contacts": int(value(text, "hotlead_contacts")), "table_bytes": value(text, "hotlead_table_bytes")}
        if self.topic == "contacts_many":
            w.child.send_signal(signal.SIGTERM)   # writes the state of all contacts, and fills Redis as far as it has the patience to
            w.child.wait(600)
            self.copy_all(details["contacts"])
            details["redis_bytes"] = self.redis_used() - redis_before
        return Run(events / (last.at - first.at), (last.cpu - first.cpu) / events * 1e9, w.peak, details)


class Peak(Watch):
    """Keeps the peak while the process is there."""
    peak = 0

    def read(self):
        try:
            self.peak = max(self.peak, self.peak_mb())
        except OSError:
            pass
        return super().read()


def measurements(rounds):
    out = []
    for name in SHAPES:
        out.append(system.measurement(f"scale_{name}", "events/s", [r[name].rate for r in rounds]))
        out.append(system.measurement(f"scale_{name}_cpu", "ns/event", [r[name].cpu_ns for r in rounds]))
    for name, against in RATIOS:
        ratios = [r[name].rate / r[against].rate for r in rounds]
        out.append(system.measurement(f"scale_{name}_ratio", "1", ratios, f"scale_{against}", statistics.median(ratios)))
    many = [r["contacts_many"] for r in rounds]
    out.append(system.measurement("contacts", "1", [m.details["contacts"] for m in many]))
    out.append(system.measurement("table_bytes_per_contact", "bytes", [m.details["table_bytes"] / m.details["contacts"] for m in many]))
    out.append(system.measurement("peak_bytes_per_contact", "bytes", [m.rss_mb * 2**20 / m.details["contacts"] for m in many]))
    return out + [system.measurement("redis_bytes_per_contact", "bytes", [m.details["redis_bytes"] / m.details["contacts"] for m in many])]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    p = argparse.ArgumentParser(prog="perf/run.sh scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=20_000_000, help="of each topic")
    p.add_argument("--contacts", type=int, default=10_000_000)
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args()
    system.Watch = Peak
    with system.broker() as kafka, servers.Redis() as redis:
        bench = Bench(args.build, kafka, redis, args.events)
        try:
            for bench.topic, (contacts, skew, *more) in SHAPES.items():
                kafka.create_topics(bench.topic, partitions=system.PARTITIONS)
                bench.write(args.events, contacts or args.contacts, 1, skew, *more)
            bench.topic = "contacts_100k"
            bench.score("exactly_once")   # warms the broker
            rounds = []
            for i in range(args.rounds):
                runs = {}
                for bench.topic in system.rotated(list(SHAPES), i):
                    runs[bench.topic] = r = bench.score("exactly_once")
                    print(f"round {i + 1} {bench.topic}: {r.rate:,.0f}/s, {r.cpu_ns:,.0f} ns, {r.rss_mb:,.0f} MiB, {r.details}", file=sys.stderr)
                rounds.append(runs)
        except Failed as e:
            sys.exit(f"perf: {e}")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    results = measurements(rounds)
    print(table(results))
    write(args.json, results)


if __name__ == "__main__":
    main()
