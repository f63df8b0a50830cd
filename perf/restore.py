"""How long a start takes that finds its state again: from Redis, from the state topic, and after kill -9 under load.

One broker and one redis-server on loopback. `hotlead run` scores a topic once, writes the state of all contacts and fills Redis; after that
nothing is written any more, and each round starts the program once in each way, in an order that rotates:

  redis      with the copy in Redis, complete up to the end of the state topic
  changelog  without Redis: all of the state topic
  live       with Redis; before it, a process was killed with SIGKILL while it scored events that went on coming, so that the copy is
             behind, input is to be replayed, and a transaction was left open

What is measured
  seconds    from the start of the process to the first answer of /readyz that says ready, asked every 20 ms
  restore    the part of it that the workers spent restoring: the longest of their `restored` lines in the log
  cpu        CPU time of the process until it is ready, all threads: those of the client library, too
The rate per core is contacts by CPU second. Each start has to end with the same number of contacts."""
import argparse
import collections
import json
import math
import os
import pathlib
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

import system
from measured import write
from system import ROOT, Failed, Watch, servers, value

TOPIC, PARTITIONS, EVENTS_PER_CONTACT = system.TOPIC, system.PARTITIONS, 4
SOURCES = ("redis", "changelog", "live")
TAIL_EVENTS = 300_000   # that the killed process has before it
Start = collections.namedtuple("Start", "seconds restore cpu rss_mb contacts records replayed parts")


def contacts_to_ask(n):
    """hotlead-load draws contacts by Zipf's law, here with exponent 2/3, about C * u^3: of how many must it draw, so that n are met by
    EVENTS_PER_CONTACT events for each drawn from?"""
    steps = 10_000   # those that no event meets: the integral of exp(-e/3 x^(-2/3)) over 0..1
    missed = sum(math.exp(-EVENTS_PER_CONTACT / 3 * ((i + 0.5) / steps) ** (-2 / 3)) for i in range(steps)) / steps
    return round(n / (1 - missed))


class Bench:
    def __init__(self, args, kafka, redis):
        self.args, self.kafka, self.redis = args, kafka, redis
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hotlead-restore-"))
        self.outputs = {key: f"restore.{key}" for key in ("transitions", "state", "alerts", "dead_letter", "merges")}
        self.topic, self.contacts, self.written, self.tails = TOPIC, 0, 0, 0

    def load(self, contacts, events, seed):
        return system.Bench.write(self, events, contacts, seed, skew=2 / 3)

    def tool(self, name, *args):
        return system.Bench.tool(self, name, *args)

    @property
    def build(self):
        return self.args.build

    def run(self, binary, redis=True):
        port = servers.free_port()
        config = {
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, "group.id": "restore", "instance": "perf", "replication_factor": 1},
            "inputs": [{"topic": TOPIC, "format": "avro"}], "outputs": self.outputs, "threads": self.args.threads,
            "schemas": {"dir": str(ROOT / "schemas")}, "redis": {"url": self.redis.url if redis else ""},
            "checkpoint": {"interval": "5s"}, "model": str(ROOT / "config" / "model.yaml"), "http": {"listen": f"127.0.0.1:{port}"},
        }
        path = self.dir / "hotlead.yaml"
        path.write_text(json.dumps(config))   # JSON is YAML
        self.log = open(self.dir / "log", "w+")
        began = time.monotonic()
        child = servers.spawn([binary, "run", "-c", path], stdout=self.log, stderr=self.log)
        return child, Watch(child, port), began

    def ready(self, w, limit=1800):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if w.child.poll() is not None:
                raise Failed(f"hotlead ended with {w.child.returncode}\n" + (self.dir / "log").read_text()[-3000:])
            try:
                w.http.request("GET", "/readyz")
                answer = w.http.getresponse()
                answer.read()
                if answer.status == 200:
                    return time.monotonic()
            except (OSError, system.http.client.HTTPException):
                w.http.close()
            time.sleep(system.POLL_S)
        raise Failed("not ready in time")

    @staticmethod
    def read(w):
        """/metrics answers late where all cores are busy."""
        return servers.wait_for("/metrics", w.read, 60)

    def behind(self):
        """Records of the state topic that Redis does not have yet."""
        from confluent_kafka import Consumer, TopicPartition
        asker = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "asker"})
        try:
            ends = [asker.get_watermark_offsets(TopicPartition(self.outputs["state"], p), timeout=20)[1] for p in range(PARTITIONS)]
        finally:
            asker.close()
        at = [int((self.redis.call("GET", f"{{restore:{p}}}:marker") or b"0").split()[0]) for p in range(PARTITIONS)]
        return sum(e - a for e, a in zip(ends, at))

    def fill(self):
        """All contacts in the state topic and in Redis, and nothing left to replay."""
        self.kafka.create_topics(TOPIC, partitions=PARTITIONS)
        self.kafka.create_topics(*(o for k, o in self.outputs.items() if k != "state"), partitions=PARTITIONS)
        self.kafka.create_topics(self.outputs["state"], partitions=PARTITIONS, config={"cleanup.policy": "compact"})
        asked = contacts_to_ask(self.args.contacts)
        self.written = self.load(asked, asked * EVENTS_PER_CONTACT, self.args.seed)["events"]
        child, w, _ = self.run(self.args.build / "hotlead")
        w.until(self.written)
        servers.stop(child, 600)   # writes the state of every contact that has none yet, and fills Redis as far as it has the patience to
        if child.returncode:
            raise Failed(f"hotlead ended with {child.returncode}")
        child, w, _ = self.run(self.args.build / "hotlead")
        self.ready(w)
        servers.wait_for("copy in Redis", lambda: self.behind() <= 0, 1800, every=1)
        self.contacts = int(value(self.read(w).text, "hotlead_contacts"))
        servers.stop(child, 60)

    def kill_under_load(self, binary):
        """A process that is killed while it scores."""
        child, w, _ = self.run(binary)
        self.ready(w)
        self.tails += 1
        before = self.read(w).consumed
        self.load(10_000, TAIL_EVENTS, self.args.seed + self.tails)   # others than those before
        w.until(before + TAIL_EVENTS // 2)
        servers.stop(child, 0)
        self.written += TAIL_EVENTS

    def start(self, source, binary):
        if source == "live":
            self.kill_under_load(binary)
        child, w, began = self.run(binary, redis=source != "changelog")
        try:
            at, cpu = self.ready(w), w.cpu()
            reading = self.read(w)
            contacts = int(value(reading.text, "hotlead_contacts"))
            log = (self.dir / "log").read_text()
            parts = [{k: float(v) for k, v in re.findall(r"(seconds|bounds|redis|state|input)=([\d.]+)", line)}
                     for line in log.splitlines() if " event=restored " in " " + line]
            read = [tuple(map(int, got)) for got in re.findall(r"from_redis=(\d+) from_changelog=(\d+) replayed=(\d+)", log)]
            records, replayed = sum(a + b for a, b, _ in read), sum(c for _, _, c in read)
            if source != "live" and contacts != self.contacts:
                raise Failed(f"{source}: {contacts} contacts, and there were {self.contacts}")
            if source == "live" and contacts < self.contacts:
                raise Failed(f"live: {contacts} contacts of {self.contacts}")
            if source == "changelog" and any(p["redis"] > 0.5 for p in parts) or "redis_copy" in log:
                raise Failed(f"{source}: not restored from there:\n{log[-2000:]}")
            self.contacts = contacts
            return Start(at - began, max(p["seconds"] for p in parts), cpu, w.peak_mb(), contacts, records, replayed, parts)
        finally:
            if source == "live":
                w.until(0)
                servers.wait_for("the events that were left", lambda: self.caught_up(w), 300, every=0.2)
                self.contacts = int(value(self.read(w).text, "hotlead_contacts"))   # some of them are new
                servers.stop(child, 600)   # the next round starts with nothing to replay
            else:
                servers.stop(child, 0)
            self.log.close()

    @staticmethod
    def caught_up(w):
        reading = w.read()
        return reading and value(reading.text, "hotlead_consumer_lag_records") == 0


def measurements(rounds):
    out = []
    for name in rounds[0]:
        binary, source = name
        runs = [r[name] for r in rounds]
        m = system.measurement("restore_seconds" if source != "live" else "live_after_kill_seconds", "s", [r.seconds for r in runs])
        cpu = statistics.median(r.cpu for r in runs)
        m |= {"source": source if source != "live" else "redis", "program": binary, "contacts": runs[-1].contacts, "records": runs[-1].records, "replayed": runs[-1].replayed,
              "restoring_seconds": round(statistics.median(r.restore for r in runs), 3), "cpu_seconds": round(cpu, 3),
              "contacts_per_cpu_second": round(runs[-1].contacts / cpu), "records_per_cpu_second": round(runs[-1].records / cpu), "memory_mb": round(max(r.rss_mb for r in runs))}
        if ("before", source) in rounds[0] and binary == "now":
            m |= {"against": "before", "ratio": round(statistics.median(r[name].seconds / r["before", source].seconds for r in rounds), 4)}
        out.append(m)
    return out


def markdown(results, args, load):
    lines = system.heading("perf/run.sh restore", args.build) + [
             f"{args.contacts:,} contacts asked for, {PARTITIONS} partitions, {args.threads} workers, seed {args.seed}. Broker and Redis on the same "
             f"machine; load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after.", "",
             "| | from | contacts | records read | replayed | start to ready, s: median (min to max) | restoring, s | contacts/s | CPU s | contacts/s and core | "
             "records/s and core | peak MiB |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for m in results:
        what = "start" if m["name"] == "restore_seconds" else "after kill -9"
        lines.append(f"| {what}, {m['program']} | {m['source']} | {m['contacts']:,} | {m['records']:,} | {m['replayed']:,} | {m['median']:.2f} ({m['min']:.2f} to {m['max']:.2f}) | "
                     f"{m['restoring_seconds']:.2f} | {m['contacts'] / m['restoring_seconds']:,.0f} | {m['cpu_seconds']:.2f} | "
                     f"{m['contacts_per_cpu_second']:,} | {m['records_per_cpu_second']:,} | {m['memory_mb']:,} |")
    return "\n".join(lines + ["", "What was measured:", "", "```", __doc__.strip(), "```"])


def arguments():
    p = argparse.ArgumentParser(prog="perf/run.sh restore", description="Seconds from start to ready, with state to restore.")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--contacts", type=int, default=1_000_000)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--sources", default=",".join(SOURCES), help="of " + ", ".join(SOURCES))
    p.add_argument("--before", type=pathlib.Path, help="another build's hotlead, started in turn with this one")
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    p.add_argument("--hold", action="store_true", help=argparse.SUPPRESS)   # fill, then wait: to look at a start with a profiler
    return p.parse_args()


def hold(bench):
    """Everything is in place; starts are made by hand, with the configuration that is named."""
    child, _, _ = bench.run("/bin/true")
    child.wait()
    for redis in (True, False):
        path = bench.dir / f"{'redis' if redis else 'changelog'}.yaml"
        config = json.loads((bench.dir / "hotlead.yaml").read_text())
        config["redis"]["url"] = bench.redis.url if redis else ""
        path.write_text(json.dumps(config))
        print(f"hotlead run -c {path}", flush=True)
    while True:
        time.sleep(1)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped
    args, load = arguments(), os.getloadavg()
    binaries = ([("before", args.before)] if args.before else []) + [("now", args.build / "hotlead")]
    variants = [(name, source) for source in args.sources.split(",") for name, _ in binaries]
    with system.broker() as kafka, servers.Redis() as redis:
        bench, rounds = Bench(args, kafka, redis), []
        try:
            bench.fill()
            print(f"{bench.contacts:,} contacts, Redis {int(redis.call('DBSIZE')):,} keys", file=sys.stderr)
            if args.hold:
                hold(bench)
            for i in range(args.rounds):
                runs = {}
                for name, source in system.rotated(variants, i):
                    runs[name, source] = bench.start(source, dict(binaries)[name])
                    print(f"round {i + 1} {name} {source}: {runs[name, source]}", file=sys.stderr)
                rounds.append({v: runs[v] for v in variants})
        except (Failed, TimeoutError) as e:
            sys.exit(f"perf: {e}")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    results = measurements(rounds)
    write(args.json, results)
    print(markdown(results, args, load))


if __name__ == "__main__":
    main()
