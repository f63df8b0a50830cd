#!/usr/bin/env python3
"""How long after an event its transition can be read, while 20,000 events/s come in, with either kind of delivery.

One broker and one redis-server on loopback. Each round starts hotlead (2 workers, its defaults otherwise) once for each kind of delivery, in an
order that changes from round to round, on topics and with a group of its own, and lets hotlead-load send to it for some seconds: events of
100,000 contacts, of which some (--probes, 500 a second) must move a contact. A plain read_committed consumer notes when their transitions can be
read.

What is measured, in ms
  latency_X            from the acknowledgement of the event by the broker, which is when its sender knows that it was appended, to the
                       transition read: what hotlead and its commit take. It misses the way of the acknowledgement, some 0.2 ms
  latency_X_from_send  from the planned send time: with the producer's linger.ms (1) and the way into the log
  transaction_gap_N    hotlead-transaction: a transaction of four records and four offsets with the settings of hotlead's producers, begun N ms after the
                       one before, on an idle broker: the floor under exactly-once
A run that loses, repeats or misses a transition, or is not sent at the rate, ends the benchmark with status 1."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

import system
from measured import write
from system import ROOT, Failed, servers

DELIVERIES = ("exactly_once", "low_latency")
TARGETS = {"exactly_once": (15, 40, 100), "low_latency": (3, 10, 30)}   # ms: p50, p99, p99.9
QUANTILES = ("p50", "p99", "p999")
PARTITIONS, WORKERS = 8, 2
GAPS = (0, 10)
WARM_S = 45   # before the first round: the broker compiles its code for so long


class Bench:
    def __init__(self, args, kafka, redis):
        self.args, self.kafka, self.redis = args, kafka, redis
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hotlead-latency-"))
        self.runs = 0

    def run(self, delivery, seconds):
        self.runs += 1
        name, port = f"latency{self.runs}", servers.free_port()
        self.redis.call("FLUSHALL")
        outputs = {key: f"{name}.{key}" for key in ("transitions", "state", "alerts", "dead_letter", "merges")}
        config = {
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, "group.id": name, "instance": "perf", "replication_factor": 1, **dict(self.args.kafka)},
            "inputs": [{"topic": f"{name}.web", "format": "avro"}], "outputs": outputs, "delivery": delivery, "threads": WORKERS,
            "schemas": {"dir": str(ROOT / "schemas")}, "redis": {"url": self.redis.url},
            "model": str(ROOT / "config" / "model.yaml"), "http": {"listen": f"127.0.0.1:{port}"},
        }
        path = self.dir / f"{name}.yaml"
        path.write_text(json.dumps(config))   # JSON is YAML
        self.kafka.create_topics(f"{name}.web", *outputs.values(), partitions=PARTITIONS)
        with open(path.with_suffix(".log"), "wb") as log:
            child = servers.spawn([self.args.build / "hotlead", "run", "-c", path], stdout=log, stderr=log)
        try:
            watch = system.Watch(child, port)
            self.wait_ready(port)
            before = servers.wait_for("answer of /metrics", watch.read, 10)
            report = self.load(path, seconds)
            return report, self.commits(before, servers.wait_for("answer of /metrics", watch.read, 10))   # an idle connection was closed
        except (Failed, TimeoutError) as e:
            raise Failed(f"{delivery}: {e}\n" + path.with_suffix(".log").read_text()[-3000:]) from None
        finally:
            servers.stop(child, 0)

    def wait_ready(self, port):
        """hotlead-load waits for all partitions itself, but not for long."""
        def ready():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    return answer.status == 200
            except OSError:
                return False
        servers.wait_for("answer of /readyz", ready, 60)

    def load(self, config, seconds):
        a = self.args
        done = subprocess.run([a.build / "hotlead-load", "-c", config, "-b", self.kafka.bootstrap, "--rate", str(a.rate), "-d", f"{seconds}s", "-o", "json",
                               "--probes", str(a.probes), "--fail-if", "lost>0", "--fail-if", "repeated>0", "--fail-if", "gaps>0", "--fail-if", "failed>0",
                               "--fail-if", f"rate<{a.rate * 0.99}"], stdout=subprocess.PIPE, text=True)
        if done.returncode > 1 or not done.stdout:
            raise Failed(f"hotlead-load ended with {done.returncode}")
        report = json.loads(done.stdout)
        broken = [limit for limit in report["limits"] if limit["broken"]]
        if broken:
            raise Failed(f"hotlead-load: {broken}")
        return report

    def transactions(self):
        """{gap in ms: the phases of a transaction}; each round, so that it is interleaved with the rest."""
        tool = self.args.build / "perf" / "hotlead-transaction"
        found = {}
        for gap in GAPS:
            done = subprocess.run([tool, "--brokers", self.kafka.bootstrap, "--topic", "transactions", "--gap", str(gap), "--rounds", "200"],
                                  stdout=subprocess.PIPE, text=True)
            if done.returncode:
                raise Failed(f"hotlead-transaction ended with {done.returncode}")
            found[gap] = json.loads(done.stdout)
        return found

    @staticmethod
    def commits(before, after):
        n = system.Watch.since(before, after, "hotlead_txn_total")
        return {"commits": n, "commit_ms": system.Watch.since(before, after, "hotlead_txn_duration_seconds_sum") / n * 1000 if n else 0,
                "cpu_seconds": after.cpu - before.cpu}


def measurements(rounds):
    out = []
    for d in DELIVERIES:
        for suffix, series in (("", "latency_service"), ("_from_send", "latency")):
            for q in QUANTILES:
                out.append(system.measurement(f"latency_{d}{suffix}_{q}", "ms", [r[d][0][series][q] * 1000 for r in rounds]))
        out.append(system.measurement(f"latency_{d}_commit", "ms", [r[d][1]["commit_ms"] for r in rounds]))
        out.append(system.measurement(f"latency_{d}_commits", "1/s", [r[d][1]["commits"] / r[d][0]["seconds"] for r in rounds]))
    for gap in GAPS:
        for q in ("p50", "p99"):
            out.append(system.measurement(f"transaction_gap_{gap}_{q}", "ms", [r["transactions"][gap][f"all_{q}"] for r in rounds]))
    return out


def row(by_name, name, target):
    m = by_name[name]
    verdict = "" if target is None else "met" if m["median"] <= target else "missed"
    return f"| {name} | {m['median']:,.2f} | {m['min']:,.2f} to {m['max']:,.2f} | {target or ''} | {verdict} |"


def markdown(results, rounds, args, load):
    by_name = {m["name"]: m for m in results}
    lines = system.heading("perf/run.sh latency", args.build) + [
        f"{args.rate:,} events/s for {args.seconds} s, {args.probes:.1%} of them probes; {PARTITIONS} partitions, {WORKERS} workers, {len(rounds)} rounds. Broker, Redis and "
        f"sender on the same machine; load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after, niceness {os.nice(0)}.  ",
        f"{sum(r[d][0]['seen'] for r in rounds for d in DELIVERIES):,} transitions were waited for; none lost, none repeated.", "",
        "| | median of the rounds | min to max | target | |", "|---|---:|---|---:|---|",
    ]
    for d in DELIVERIES:
        lines += [row(by_name, f"latency_{d}_{q}", t) for q, t in zip(QUANTILES, TARGETS[d])]
        lines += [row(by_name, f"latency_{d}_from_send_{q}", None) for q in QUANTILES]
        lines += [row(by_name, f"latency_{d}_commit", None), row(by_name, f"latency_{d}_commits", None)]
    lines += [row(by_name, f"transaction_gap_{gap}_{q}", None) for gap in GAPS for q in ("p50", "p99")]
    lines += ["", "Times in ms; commits by second and worker pair.", "", "What was measured:", "", "```", __doc__.strip(), "```"]
    return "\n".join(lines)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped
    p = argparse.ArgumentParser(prog="perf/run.sh latency", description="Event appended to transition readable.")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--rate", type=int, default=20_000)
    p.add_argument("--seconds", type=int, default=20)
    p.add_argument("--probes", type=float, default=0.025, help="share of events that must move a contact")
    p.add_argument("--kafka", action="append", default=[], type=lambda s: s.split("=", 1), metavar="NAME=VALUE", help="a property of hotlead's clients, to try")
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args()
    load = os.getloadavg()
    with system.broker() as kafka, servers.Redis() as redis:
        bench, rounds = Bench(args, kafka, redis), []
        try:
            kafka.create_topics("transactions", partitions=PARTITIONS)
            bench.run(DELIVERIES[0], WARM_S)
            for i in range(args.rounds):
                runs = {}
                for d in DELIVERIES if i % 2 == 0 else reversed(DELIVERIES):
                    runs[d] = bench.run(d, args.seconds)
                    report, commits = runs[d]
                    print(f"round {i + 1} {d}: " + ", ".join(f"{q} {report['latency_service'][q] * 1000:.1f}" for q in QUANTILES) + " ms; from send "
                          + ", ".join(f"{report['latency'][q] * 1000:.1f}" for q in QUANTILES) + f"; {commits}", file=sys.stderr)
                runs["transactions"] = bench.transactions()
                rounds.append(runs)
        except Failed as e:
            sys.exit(f"perf: {e}")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    results = measurements(rounds)
    write(args.json, results)
    print(markdown(results, rounds, args, load))


if __name__ == "__main__":
    main()
