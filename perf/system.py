"""The whole program against its floor: how fast `hotlead run` scores a topic, and how fast librdkafka alone consumes it.

One broker and one redis-server on loopback, one topic, written once. Each round runs every variant of VARIANTS once, in an order
that rotates from round to round, so that whatever else the machine does meets all of them alike. Ratios are taken within a round.

What is measured
  consume  hotlead-consume: librdkafka with the very settings of hotlead's consumers, records counted and given back. Wall clock
           and CPU time of the process, from the first record to the last.
  score    `hotlead run` with 2 workers and Redis, from nothing: a group of its own, output topics of its own (an old state topic
           would be read at start, and its events skipped) and an emptied Redis. Read from outside, by /metrics and
           /proc/PID/stat, every 20 ms near the begin and the end: from the first reading that shows records to the first that
           shows all of them. What came before the first reading is not counted, nor are start and recovery. The last commit, at
           most commit.max_interval later, lies outside; that it comes is checked. Checkpoints as --interval says (30 s); the
           first one begins so long after the start: a shorter run writes only the state of contacts that changed stage.
           score_exactly_once_Ns: the same with another interval, for --curve.
One scoring run comes before the first round and does not count: it warms the broker, whose code is compiled while it runs.
CPU is user + system time of the client process alone, without broker and Redis. Memory is its peak resident set since it started.
A run that loses or repeats a record, makes a dead letter, aborts a transaction, is rebalanced on the way, or ends with other
numbers of transitions, contacts or scored events than the first one, ends the benchmark with status 1."""
import argparse
import collections
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import measured  # noqa: E402
import servers  # noqa: E402
from measured import write  # noqa: E402

TOPIC, PARTITIONS, WORKERS = "web.engagement", 8, 2
POLL_S, QUIET_S = 0.02, 60
# name, what to run, with what
VARIANTS = [("raw_consume", "consume", WORKERS), ("raw_consume_one_thread", "consume", 1),
            ("score_exactly_once", "score", "exactly_once"), ("score_low_latency", "score", "low_latency")]
Run = collections.namedtuple("Run", "rate cpu_ns rss_mb details")


class Failed(Exception):
    pass


def value(text, name, labels=""):
    """Sum of the series of a metric whose labels contain a text."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + "{", name + " ")) and labels in line)


def rotated(items, i):
    """The order of the i-th round: what else the machine does meets all of them alike."""
    return items[i % len(items):] + items[:i % len(items)]


def wait_committed(bootstrap, group, topic, events):
    """Until the group has committed so many records."""
    from confluent_kafka import Consumer, TopicPartition
    asker = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    asked = [TopicPartition(topic, p) for p in range(PARTITIONS)]

    def done():
        return sum(p.offset for p in asker.committed(asked, timeout=10)) == events

    try:
        servers.wait_for("commit of all records", done, 10)
    except TimeoutError as e:
        raise Failed(str(e)) from None
    finally:
        asker.close()


class Bench:
    def __init__(self, build, kafka, redis, events, interval="30s", topic=TOPIC):
        self.build, self.kafka, self.redis, self.events, self.interval, self.topic = build, kafka, redis, events, interval, topic
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hotlead-perf-"))
        self.runs = 0
        self.outcome = None   # of the first scoring run

    def tool(self, name, *args):
        folder = self.build if name == "hotlead-load" else self.build / "perf"
        done = subprocess.run([folder / name, *map(str, args)], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise Failed(f"{name} ended with {done.returncode}")
        return json.loads(done.stdout)

    def write(self, events, contacts, seed, skew=0.67, *more):
        """Events of 30 days that ended an hour ago."""
        return self.tool("hotlead-load", "-b", self.kafka.bootstrap, "-t", self.topic, "--backlog", "30d", "--events", events, "--contacts", contacts,
                         "--skew", skew, "--seed", seed, "-o", "json", *more)

    def consume(self, threads):
        got = self.tool("hotlead-consume", "--brokers", self.kafka.bootstrap, "--topics", self.topic, "--threads", threads)
        if got["events"] != self.events:
            raise Failed(f"hotlead-consume got {got['events']} of {self.events} records")
        return Run(got["events"] / got["seconds"], got["cpu_seconds"] / got["events"] * 1e9, got["max_rss_bytes"] / 2**20, got)

    def config(self, name, instance, port, delivery="exactly_once", threads=WORKERS, interval=None):
        """The configuration of one process of a group, and the names of the group's output topics."""
        outputs = {key: f"{name}.{key}" for key in ("transitions", "state", "alerts", "dead_letter", "merges")}
        path = self.dir / f"{name}-{instance}.yaml"
        path.write_text(json.dumps({   # JSON is YAML
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, "group.id": name, "instance": instance, "replication_factor": 1},
            "inputs": [{"topic": self.topic, "format": "avro"}], "outputs": outputs, "delivery": delivery, "threads": threads,
            "checkpoint": {"interval": interval or self.interval},
            "schemas": {"dir": str(ROOT / "schemas")}, "redis": {"url": self.redis.url},
            "model": str(ROOT / "config" / "model.yaml"), "http": {"listen": f"127.0.0.1:{port}"},
        }))
        return path, outputs.values()

    def same_outcome(self, text):
        """What a run came to, by its metrics; all runs must come to the same."""
        outcome = {"transitions": int(value(text, "hotlead_transitions_total")), "contacts": int(value(text, "hotlead_contacts")),
                   "scored": int(value(text, "hotlead_events_total", 'result="scored"'))}
        self.outcome = self.outcome or outcome
        if outcome != self.outcome:
            raise Failed(f"{outcome}, and the first run had {self.outcome}")
        return outcome

    def score(self, delivery, interval=None, looking=None):
        """looking: a context manager of its HTTP port, for as long as it scores."""
        self.runs += 1
        self.redis.call("FLUSHALL")
        name = f"perf{self.runs}"
        port = servers.free_port()
        path, outputs = self.config(name, "perf", port, delivery, interval=interval)
        self.kafka.create_topics(*outputs, partitions=PARTITIONS)
        with open(path.with_suffix(".log"), "wb") as log:
            child = servers.spawn([self.build / "hotlead", "run", "-c", path], stdout=log, stderr=log)
        try:
            with looking(port) if looking else contextlib.nullcontext():
                run = self.watch(Watch(child, port))
            self.check_committed(name)
        except Failed as e:
            raise Failed(f"{delivery}: {e}\n" + path.with_suffix(".log").read_text()[-3000:]) from None
        finally:
            servers.stop(child, 0)   # a clean end would write a checkpoint of all contacts first
        return run

    def watch(self, w):
        """Follow a scoring process from its first record to its last."""
        first, threads = w.until(1), w.threads()
        last = w.until(self.events)
        threads = {name: seconds - threads.get(name, 0) for name, seconds in w.threads().items()}
        events = self.events - first.consumed
        settled = w.read()   # within one reading the counters may be a few events apart
        if not settled:
            raise Failed("/metrics does not answer after the last record")
        text = settled.text
        details = {
            "events": events, "seconds": last.at - first.at, "cpu_seconds": last.cpu - first.cpu,
            "commits": int(w.since(first, settled, "hotlead_txn_total")),
            "commit_seconds": w.since(first, settled, "hotlead_txn_duration_seconds_sum"),   # sum over the workers
            "thread_seconds": threads,   # CPU, by name
        }
        if settled.consumed != self.events:
            raise Failed(f"{settled.consumed} records consumed, {self.events} are there")
        if value(text, "hotlead_dead_letters_total"):
            raise Failed("dead letters")
        if value(text, "hotlead_txn_total") != value(text, "hotlead_txn_total", 'outcome="committed"'):
            raise Failed("a transaction was not committed")
        if w.since(first, settled, "hotlead_rebalances_total"):
            raise Failed("rebalanced on the way")
        details |= self.same_outcome(text)
        return Run(events / details["seconds"], details["cpu_seconds"] / events * 1e9, w.peak_mb(), details)

    def check_committed(self, group):
        wait_committed(self.kafka.bootstrap, group, self.topic, self.events)


Reading = collections.namedtuple("Reading", "at cpu consumed text")


def cpu_of(folder):
    """CPU seconds of a process or thread, from its folder in /proc."""
    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")   # utime + stime


class Watch:
    """Readings of a running hotlead, from outside."""

    def __init__(self, child, port):
        self.child, self.port = child, port
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def read(self):
        """None while it does not answer."""
        try:
            self.http.request("GET", "/metrics")
            text = self.http.getresponse().read().decode()
        except (OSError, http.client.HTTPException):
            self.http.close()
            return None
        return Reading(time.monotonic(), self.cpu(), int(value(text, "hotlead_consumed_total")), text)

    def until(self, consumed):
        """The first reading that shows so many records."""
        seen, pause, quiet_until = 0, POLL_S, time.monotonic() + QUIET_S
        start = self.read() if consumed > 1 else None
        while time.monotonic() < quiet_until:
            if self.child.poll() is not None:
                raise Failed(f"hotlead ended with {self.child.returncode}")
            reading = self.read()
            if reading and reading.consumed >= consumed:
                return reading
            if reading and reading.consumed > seen:
                seen, quiet_until = reading.consumed, time.monotonic() + QUIET_S
            if start and reading and reading.consumed > start.consumed:
                # a reading costs the CPU of hotlead: few of them while the end is far
                left = (consumed - reading.consumed) * (reading.at - start.at) / (reading.consumed - start.consumed)
                pause = min(max(POLL_S, left / 4), 1)
            time.sleep(pause)
        raise Failed(f"stuck at {seen} of {consumed} records for {QUIET_S} s")

    @staticmethod
    def since(first, last, name):
        return value(last.text, name) - value(first.text, name)

    def cpu(self):
        return cpu_of(pathlib.Path(f"/proc/{self.child.pid}"))

    def threads(self):
        """CPU seconds of the threads of each name."""
        sums = collections.Counter()
        for task in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            with contextlib.suppress(OSError):   # it has ended
                sums[(task / "comm").read_text().strip()] += cpu_of(task)
        return dict(sums)

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


# ---------------------------------------------------------------- what comes out

def measurement(name, unit, values, against=None, ratio=None):
    return measured.measurement(name, unit, [round(v, 4) for v in values], against, ratio)


def measurements(rounds, variants=VARIANTS):
    """rounds: a list of {variant: Run}. A ratio is the median of the ratios within each round."""
    def quotients(name, field):
        return [getattr(r[name], field) / getattr(r["raw_consume"], field) for r in rounds]

    out = []
    for name, *_ in variants:
        against = None if name == "raw_consume" else "raw_consume"
        ratio = statistics.median(quotients(name, "rate")) if against else None
        out.append(measurement(name, "events/s", [r[name].rate for r in rounds], against, ratio))
    ratios = quotients("score_exactly_once", "cpu_ns")
    out.append(measurement("cpu_per_event_ratio", "1", ratios, "raw_consume", statistics.median(ratios)))
    ratios = quotients("score_low_latency", "cpu_ns")
    out.append(measurement("cpu_per_event_ratio_low_latency", "1", ratios, "raw_consume", statistics.median(ratios)))
    for name, *_ in variants:
        out.append(measurement(name + "_cpu", "ns/event", [r[name].cpu_ns for r in rounds]))
        out.append(measurement(name + "_memory", "MiB", [r[name].rss_mb for r in rounds]))
    return out


def machine():
    models = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    cpu = models[0] if models else platform.machine()
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / 2**20
    system = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)["PRETTY_NAME"].strip('"')
    return f"{os.cpu_count()} x {cpu}, {memory:.0f} GiB, {system}, Linux {platform.release()}"


def output_of(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


def versions(build):
    kafka = next((p.name[len("kafka-clients-"):-len(".jar")] for p in servers.KAFKA_LIB.glob("kafka-clients-*.jar")), "?")
    java = output_of("java", "-version").splitlines()[0].replace('"', "")
    redis = output_of("redis-server", "--version").split(" sha")[0]
    hotlead = output_of(build / "hotlead", "version").replace("\n", ", ")
    return f"{hotlead}; Apache Kafka {kafka}; {java}; {redis}"


def heading(title, build):
    """First lines of a report: when, of what, where, with what."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return [f"# {title}", "", f"{now:%Y-%m-%d %H:%M} UTC, commit {output_of('git', 'describe', '--always', '--dirty')}.  ", f"{machine()}.  ",
            f"{versions(build)}.  "]


def markdown(results, rounds, written, args, load, variants=VARIANTS):
    by_name = {m["name"]: m for m in results}
    score = rounds[0]["score_exactly_once"].details
    seconds = {name: statistics.median(r[name].details["seconds"] for r in rounds) for name, *_ in variants}
    lines = heading("perf/run.sh system", args.build) + [
        f"{args.events:,} events of {written['value_bytes'] / args.events:.0f} bytes, {args.contacts:,} contacts "
        f"({score['contacts']:,} seen), {PARTITIONS} partitions, lz4, seed {args.seed}; {len(rounds)} rounds, {WORKERS} workers. "
        f"Broker and Redis on the same machine; load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after.  ",
        f"{score['transitions']:,} transitions ({score['transitions'] / args.events:.1%} of the events) in each scoring run.", "",
        "| | events/s, median (min to max) | to raw_consume | CPU ns/event | to raw_consume | peak MiB | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    cpu_ratio = {"score_exactly_once": "cpu_per_event_ratio", "score_low_latency": "cpu_per_event_ratio_low_latency"}
    for name, *_ in variants:
        m, cpu = by_name[name], by_name[name + "_cpu"]
        ratio = f"{m['ratio']:.3f}" if m["ratio"] else ""
        cpu_to = f"{by_name[cpu_ratio[name]]['ratio']:.2f}" if name in cpu_ratio else ""
        lines.append(f"| {name} | {m['median']:,.0f} ({m['min']:,.0f} to {m['max']:,.0f}) | {ratio} | {cpu['median']:,.0f} | "
                     f"{cpu_to} | {by_name[name + '_memory']['median']:,.0f} | {seconds[name]:.1f} |")
    lines += ["", "What was measured:", "", "```", __doc__.strip(), "```"]
    return "\n".join(lines)


def broker():
    """As in the tests, but members that start together share the first assignment: nothing is rebalanced while the clock runs."""
    kafka = servers.Kafka(heap_mb=1024, lasting=True)
    with open(kafka.properties, "a") as f:
        f.write("group.initial.rebalance.delay.ms=1000\n")
    return kafka


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped
    p = argparse.ArgumentParser(prog="perf/run.sh system", description="Scoring rate against raw consume rate.")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=30_000_000)
    p.add_argument("--contacts", type=int, default=1_000_000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--interval", default="30s", help="checkpoint.interval")
    p.add_argument("--curve", action="store_true", help="checkpoint intervals of 5, 10 and 60 s, too")
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args()
    load = os.getloadavg()
    with broker() as kafka, servers.Redis() as redis:
        bench = Bench(args.build, kafka, redis, args.events, args.interval)
        variants = VARIANTS + ([(f"score_exactly_once_{s}s", "score", "exactly_once", f"{s}s") for s in (5, 10, 60)] if args.curve else [])
        kafka.create_topics(TOPIC, partitions=PARTITIONS)
        written = bench.write(args.events, args.contacts, args.seed)
        print(f"written: {written['events']:,} events, {written['rate']:,.0f}/s", file=sys.stderr)
        rounds = []
        try:
            bench.consume(WORKERS)   # warms the broker and the page cache
            bench.score("exactly_once")
            for i in range(args.rounds):
                runs = {}
                for name, kind, *what in rotated(variants, i):
                    runs[name] = getattr(bench, kind)(*what)
                    r = runs[name]
                    print(f"round {i + 1} {name}: {r.rate:,.0f}/s, {r.cpu_ns:,.0f} ns, {r.rss_mb:,.0f} MiB, {r.details}",
                          file=sys.stderr)
                rounds.append(runs)
        except Failed as e:
            sys.exit(f"perf: {e}")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    results = measurements(rounds, variants)
    write(args.json, results)
    print(markdown(results, rounds, written, args, load, variants))


if __name__ == "__main__":
    main()
