#!/usr/bin/env python3
"""hotlead beside Apache Flink and Kafka Streams: the same job on the same topic, on the same machine.

The job is perf/peers/model.yaml: Avro events in, points by rules, a score and a stage for each contact, one StageTransition for each stage that is
entered, exactly once. Each round runs every variant once, in an order that rotates from round to round.
  hotlead        the whole program, exactly_once, 2 workers, its defaults otherwise: it also copies contacts to Redis and to its state topic, keeps
                 rows, counts and times of each contact, and writes the reasons of a transition. The others do nothing of that
  flink_1        perf/peers/flink, a process of its own, HashMap state, exactly-once checkpoints every 10 s to a local folder, object reuse, no
                 exchange between operators: one thread decodes, scores and writes, another one fetches
  flink_2        the same with a parallelism of 2, and so keyBy's exchange
  kafka_streams  perf/peers/kstreams, exactly_once_v2, 2 threads, its store in memory and cached, its changelog in Kafka, a commit every 10 s as
                 Flink's checkpoints. On a shorter topic of the same contacts, since its rate is steady and low; hotlead runs on that topic too, for
                 the transitions only
  kafka_streams_100ms  the same with a commit every 100 ms, its default, and hotlead's
So a transition of hotlead and of kafka_streams_100ms can be read within some 100 ms, one of the others within some 10 s.
All JVMs use the parallel collector, which was faster here than G1, and do not check CRCs, as librdkafka does not by default.
What they keep safe lies apart: hotlead's state in Kafka and Redis, whose work is done by the same two cores, that of Kafka Streams in Kafka,
that of Flink in files of the same machine, which is the cheapest, and of no help when the machine is lost.
The peers decode by hand what the rules look at, and skip the rest of an event.

What is measured, from the first reading that shows events to the first that shows all of them (every 20 ms), and for the second half of the events
("warm": threads, caches and the JIT compiler have settled)
  rate    events/s; start, and the last commit, lie outside
  CPU     user and system time of the process alone, with its JIT compiler and garbage collector, without broker and Redis
  memory  the peak resident set of the process
The transitions of every run are read back, read committed, and must be those of hotlead: per contact the same, in order, by stages, event id, time and
score. The first difference ends the benchmark with status 1, before any rate is told."""
import argparse
import collections
import datetime
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import system
from measured import write
from system import PARTITIONS, ROOT, WORKERS, Failed, machine, servers

MODEL = ROOT / "perf" / "peers" / "model.yaml"
VARIANTS = ("hotlead", "flink_1", "flink_2", "kafka_streams", "kafka_streams_100ms")
FLINK = ("flink_1", "flink_2")
COMMIT_MS = 10_000   # of kafka_streams: as Flink's checkpoints
SKEW, DUPLICATES, LATE = 0.67, "1%", "2%"
MIX = {"page_viewed": 530, "link_clicked": 60, "email_delivered": 90, "email_opened": 120, "email_clicked": 70, "file_downloaded": 45, "video_watched": 20,
       "site_searched": 20, "form_submitted": 15, "contact_identified": 12, "webinar_registered": 5, "webinar_attended": 5, "chat_started": 5,
       "email_unsubscribed": 3}
SETTINGS = ("events", "streams_events", "contacts", "seed")
HEAP = {"flink_1": "2g", "flink_2": "3g", "kafka_streams": "3g", "kafka_streams_100ms": "3g"}   # more of it made none of them faster
JVM = ["-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "--add-opens=java.base/java.util=ALL-UNNAMED",
       "--add-opens=java.base/java.lang=ALL-UNNAMED"]
Target = collections.namedtuple("Target", "name text limit at_least")
TARGETS = (
    Target("flink", "rate, warm: times that of the faster Flink", 2, True),
    Target("flink_cpu", "CPU per event, warm: share of what the thriftier Flink takes", 1 / 3, False),
    Target("flink_memory", "peak memory: share of that of the smaller Flink", 1 / 4, False),
    Target("kafka_streams", "rate, warm: times that of Kafka Streams", 20, True),
)


# ---------------------------------------------------------------- the same transitions

Move = collections.namedtuple("Move", "seq before after event occurred_at score")


def first_difference(expected, got):
    """Moves per contact, in order: a sentence on the first contact (by id) that differs, or None."""
    for contact in sorted(expected.keys() | got.keys()):
        want, have = expected.get(contact, []), got.get(contact, [])
        for i in range(max(len(want), len(have))):
            a, b = want[i] if i < len(want) else None, have[i] if i < len(have) else None
            if a != b:
                return f"transition {i + 1} of contact {contact}: {told(a)} expected, got {told(b)}"
    return None


def told(move):
    if move is None:
        return "none"
    return f"{move.before} to {move.after} (seq {move.seq}, event {move.event}, occurred_at {move.occurred_at}, score {move.score:g})"


def moves_schema():
    """schemas/stage_transition.avsc up to the score; times as plain numbers."""
    import fastavro
    whole = json.loads((ROOT / "schemas" / "stage_transition.avsc").read_text())
    names = [f["name"] for f in whole["fields"]]
    fields = [{**f, "type": "long" if f["name"].endswith("_at") else f["type"]} for f in whole["fields"][:names.index("score") + 1]]
    return fastavro.parse_schema({**whole, "fields": fields})


def read_moves(bootstrap, topic):
    """Every transition of a topic, read committed: {contact: [Move]}, in the order of the topic."""
    import fastavro
    import harness
    import io
    schema, moves = moves_schema(), collections.defaultdict(list)
    for m in harness.records(topic, bootstrap=bootstrap):
        t = fastavro.schemaless_reader(io.BytesIO(m.value()[5:]), schema, None)
        moves[t["contact_id"]].append(Move(t["seq"], t["from"], t["to"], t["trigger_event_id"], t["occurred_at"], t["score"]))
    return dict(moves)


# ---------------------------------------------------------------- running

Mark = collections.namedtuple("Mark", "events seconds cpu_seconds")


def figures(first, half, last, peak_mb):
    """What one run gave, from three readings of it."""
    def between(a, b):
        events = b.events - a.events
        return events / (b.seconds - a.seconds), (b.cpu_seconds - a.cpu_seconds) / events * 1e9

    rate, cpu = between(first, last)
    warm_rate, warm_cpu = between(half, last)
    return {"rate": rate, "warm_rate": warm_rate, "cpu_ns": cpu, "warm_cpu_ns": warm_cpu, "peak_mb": peak_mb, "seconds": last.seconds - first.seconds}


def marks(lines, total):
    """The first reading of a JVM that shows events, the first that shows half of them, the last one, and its peak in MiB."""
    first = half = None
    for line in lines:
        words = line.split()
        if len(words) < 4 or words[0] not in ("progress", "end"):
            continue
        mark = Mark(int(words[1]), int(words[2]) / 1e9, int(words[3]) / 1e9)
        if mark.events and not first:
            first = mark
        if mark.events >= total / 2 and not half:
            half = mark
        if words[0] == "end":
            if mark.events != total:
                raise Failed(f"{mark.events} events done, {total} are there")
            if mark.events in (first.events, half.events):
                raise Failed(f"done within one reading: {total} events are too few for a rate")
            return first, half, mark, int(words[4]) / 1024
    raise Failed("it ended before all events were done")


def on_streams(variant):
    return variant.startswith("kafka_streams")


class Bench:
    def __init__(self, args, kafka, redis):
        self.args, self.kafka, self.redis = args, kafka, redis
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hotlead-peers-"))
        self.runs = 0
        self.expected = {}   # topic -> moves, by a run of hotlead

    def write(self, topic, events):
        self.kafka.create_topics(topic, partitions=PARTITIONS)
        command = [self.args.build / "hotlead-load", "-b", self.kafka.bootstrap, "-t", topic, "--backlog", "30d", "--events", events, "--contacts",
                   self.args.contacts, "--skew", SKEW, "--duplicates", DUPLICATES, "--late", LATE, "--seed", self.args.seed,
                   "--mix", ",".join(f"{k}={v}" for k, v in MIX.items()), "-o", "json"]
        done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise Failed(f"hotlead-load ended with {done.returncode}")
        return json.loads(done.stdout)

    def run(self, variant, topic, events):
        """Run a variant on a topic: its figures, and what came out."""
        self.runs += 1
        name = f"run{self.runs}"
        try:
            run = self.hotlead(name, topic, events) if variant == "hotlead" else self.peer(variant, name, topic, events)
        except Failed as e:
            log = self.dir / f"{name}.log"
            raise Failed(f"{variant}: {e}\n" + (log.read_text(errors="replace")[-3000:] if log.exists() else "")) from None
        moves = read_moves(self.kafka.bootstrap, f"{name}.transitions")
        run["transitions"] = sum(map(len, moves.values()))
        if variant == "hotlead":
            self.expected.setdefault(topic, moves)
        return run, moves

    def check(self, variant, topic, moves):
        difference = first_difference(self.expected[topic], moves)
        if difference:
            raise Failed(f"{variant}: other transitions than hotlead's on the {topic} topic: {difference}")

    def hotlead(self, name, topic, events):
        self.redis.call("FLUSHALL")
        port = servers.free_port()
        outputs = {key: f"{name}.{key}" for key in ("transitions", "state", "alerts", "dead_letter", "merges")}
        config = {
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, "group.id": name, "instance": "perf", "replication_factor": 1},
            "inputs": [{"topic": topic, "format": "avro"}], "outputs": outputs, "delivery": "exactly_once", "threads": WORKERS,
            "schemas": {"dir": str(ROOT / "schemas")}, "redis": {"url": self.redis.url}, "model": str(MODEL), "http": {"listen": f"127.0.0.1:{port}"},
        }
        path = self.dir / f"{name}.yaml"
        path.write_text(json.dumps(config))   # JSON is YAML
        self.kafka.create_topics(*outputs.values(), partitions=PARTITIONS)
        with open(path.with_suffix(".log"), "wb") as log:
            child = servers.spawn([self.args.build / "hotlead", "run", "-c", path], stdout=log, stderr=log)
        try:
            watch = system.Watch(child, port)
            readings = [watch.until(n) for n in (1, events // 2, events)]
            result = figures(*(Mark(r.consumed, r.at, r.cpu) for r in readings), watch.peak_mb())
            system.wait_committed(self.kafka.bootstrap, name, topic, events)
            return result
        finally:
            servers.stop(child, 0)   # a clean end would write a checkpoint of all contacts first

    def peer(self, variant, name, topic, events):
        kind, main = ("kstreams", "StreamsJob") if on_streams(variant) else ("flink", "FlinkJob")
        state = self.dir / f"{name}.state"
        state.mkdir()
        tail = {"flink_1": [1, "forward", state], "flink_2": [2, "keyBy", state], "kafka_streams": [WORKERS, state, f"commit.interval.ms={COMMIT_MS}"],
                "kafka_streams_100ms": [WORKERS, state, "commit.interval.ms=100"]}[variant]
        folder = self.args.build.parent / "peers" / kind
        command = ["java", f"-Xmx{HEAP[variant]}", *JVM, "-cp", f"{folder}/*:{folder}/lib/*", f"io.hotlead.peers.{main}", self.kafka.bootstrap, topic,
                   f"{name}.transitions", events, *tail]
        self.kafka.create_topics(f"{name}.transitions", partitions=PARTITIONS)
        with open(self.dir / f"{name}.log", "wb") as log:
            child = servers.spawn([str(c) for c in command], stdout=subprocess.PIPE, stderr=log, text=True, cwd=state)
        try:
            out = child.communicate(timeout=600)[0]
        except subprocess.TimeoutExpired:
            raise Failed("not done within 10 minutes") from None
        finally:
            servers.stop(child, 0)
            shutil.rmtree(state, ignore_errors=True)
        if child.returncode:
            raise Failed(f"it ended with {child.returncode}")
        return figures(*marks(out.splitlines(), events))

    def round(self, number):
        at = number % len(VARIANTS)
        if "short" not in self.expected:
            self.run("hotlead", "short", self.args.streams_events)   # for its transitions; not counted
        runs, waiting = {}, []
        for variant in VARIANTS[at:] + VARIANTS[:at]:
            topic, events = ("short", self.args.streams_events) if on_streams(variant) else ("long", self.args.events)
            runs[variant], moves = self.run(variant, topic, events)
            waiting.append((variant, topic, moves))
            while waiting and waiting[0][1] in self.expected:   # none is told before hotlead has run on the topic
                self.check(*waiting[0])
                tell(waiting[0][0], runs[waiting[0][0]])
                waiting.pop(0)
        return runs


def tell(variant, run):
    print(f"{variant}: {run['rate']:,.0f}/s, warm {run['warm_rate']:,.0f}/s, {run['cpu_ns']:,.0f} ns, warm {run['warm_cpu_ns']:,.0f} ns, "
          f"{run['peak_mb']:,.0f} MiB, {run['transitions']:,} transitions, equal", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- what comes out

def best(run, field):
    """Of the two runs of Flink, the better one."""
    return (max if "rate" in field else min)(run[v][field] for v in FLINK)


def ratios(rounds):
    """{target: its figure in each round}"""
    return {"flink": [r["hotlead"]["warm_rate"] / best(r, "warm_rate") for r in rounds],
            "flink_cpu": [r["hotlead"]["warm_cpu_ns"] / best(r, "warm_cpu_ns") for r in rounds],
            "flink_memory": [r["hotlead"]["peak_mb"] / best(r, "peak_mb") for r in rounds],
            "kafka_streams": [r["hotlead"]["warm_rate"] / r["kafka_streams"]["warm_rate"] for r in rounds]}


FIELDS = (("rate", "_rate", "events/s"), ("warm_rate", "_rate_warm", "events/s"), ("cpu_ns", "_cpu", "ns/event"), ("warm_cpu_ns", "_cpu_warm", "ns/event"),
          ("peak_mb", "_memory", "MiB"))


def measurements(rounds):
    """A target's figure has the name of the target, and as its ratio the same; it is taken within each round."""
    against = {"flink": "better_flink_rate_warm", "flink_cpu": "better_flink_cpu_warm", "flink_memory": "better_flink_memory", "kafka_streams": "kafka_streams_rate_warm"}
    out = [system.measurement(name, "1", values, against[name], statistics.median(values)) for name, values in ratios(rounds).items()]
    for field, suffix, unit in FIELDS:
        out += [system.measurement(variant + suffix, unit, [r[variant][field] for r in rounds]) for variant in VARIANTS]
        out.append(system.measurement("better_flink" + suffix, unit, [best(r, field) for r in rounds]))
    return out


def met(target, figure):
    return figure >= target.limit if target.at_least else figure <= target.limit


def target_rows(by_name):
    for t in TARGETS:
        m = by_name[t.name]
        digits = 1 if t.limit > 5 else 2
        yield (f"| {t.text} | {'at least' if t.at_least else 'at most'} {t.limit:.3g} | {m['median']:.{digits}f} ({m['min']:.{digits}f} to "
               f"{m['max']:.{digits}f}) | {'met' if met(t, m['median']) else 'not met'} |")


def variant_rows(by_name):
    for variant in VARIANTS:
        rate, warm, cpu, warm_cpu, memory = (by_name[variant + suffix] for _, suffix, _ in FIELDS)
        yield (f"| {variant} | {rate['median']:,.0f} | {warm['median']:,.0f} ({warm['min']:,.0f} to {warm['max']:,.0f}) | {cpu['median']:,.0f} | "
               f"{warm_cpu['median']:,.0f} | {memory['median']:,.0f} |")


def versions(args):
    def of(kind, jar):
        return next(p.name[len(jar) + 1:-len(".jar")] for p in (args.build.parent / "peers" / kind / "lib").glob(f"{jar}-[0-9]*.jar"))
    return (f"{system.versions(args.build)}; Flink {of('flink', 'flink-streaming-java')} with flink-connector-kafka {of('flink', 'flink-connector-kafka')}, "
            f"Kafka Streams {of('kstreams', 'kafka-streams')}; heaps: {', '.join(f'{v} {h}' for v, h in HEAP.items())}")


def markdown(by_name, rounds, args, picture):
    first = rounds[0]["runs"]
    times = sorted(r["at"] for r in rounds)
    lines = [
        "# perf/run.sh peers", "",
        f"{times[0]} to {times[-1]} UTC, commit {system.output_of('git', 'describe', '--always', '--dirty')}.  ",
        f"{machine()}.  ",
        f"{versions(args)}.  ",
        f"{args.events:,} events of {args.contacts:,} contacts, for Kafka Streams {args.streams_events:,}; {DUPLICATES} of them sent twice, {LATE} late; "
        f"{PARTITIONS} partitions, lz4, seed {args.seed}; {len(rounds)} rounds. Broker and Redis on the same machine; load average "
        f"{min(r['load'] for r in rounds):.1f} to {max(r['load'] for r in rounds):.1f} before a round.  ",
        f"{first['hotlead']['transitions']:,} transitions from {args.events:,} events, {first['kafka_streams']['transitions']:,} from "
        f"{args.streams_events:,}: in every run the same as hotlead's.", "",
        "| hotlead, to the others | target | median (min to max) of the rounds | |", "|---|---|---|---|", *target_rows(by_name), "",
        f"![Rates, CPU and memory]({picture.name})", "",
        "| | events/s | warm: median (min to max) | CPU ns/event | warm | peak MiB |", "|---|---:|---:|---:|---:|---:|", *variant_rows(by_name), "",
        "Medians of the rounds. What was measured:", "", "```", __doc__.strip(), "```"]
    return "\n".join(lines) + "\n"


PANELS = (("Events/s, second half (more is better)", "_rate_warm"), ("CPU ns/event, second half (less is better)", "_cpu_warm"),
          ("Peak memory, MiB (less is better)", "_memory"))
COLORS = {"hotlead": "#c62828"}


def svg(by_name):
    """Bars of the medians, a line from the least to the most of the rounds."""
    width, label, bar, gap = 720, 165, 22, 8
    panel = 34 + len(VARIANTS) * (bar + gap) + 14
    height = panel * len(PANELS) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" '
           'font-size="13" fill="#212121">', "<title>hotlead, Flink and Kafka Streams</title>", f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for n, (title, suffix) in enumerate(PANELS):
        top = n * panel + 24
        scale = (width - label - 110) / max(by_name[v + suffix]["max"] for v in VARIANTS)
        out.append(f'<text x="10" y="{top}" font-weight="bold">{title}</text>')
        for i, variant in enumerate(VARIANTS):
            m, y = by_name[variant + suffix], top + 10 + i * (bar + gap)
            middle, end = y + bar / 2, label + m["max"] * scale
            out += [f'<text x="{label - 8}" y="{middle + 4.5:.1f}" text-anchor="end">{variant}</text>',
                    f'<rect x="{label}" y="{y}" width="{m["median"] * scale:.1f}" height="{bar}" fill="{COLORS.get(variant, "#78909c")}"/>',
                    f'<path d="M{label + m["min"] * scale:.1f} {middle:.1f}H{end:.1f}" stroke="#212121"/>',
                    f'<text x="{end + 8:.1f}" y="{middle + 4.5:.1f}">{m["median"]:,.0f}</text>']
    return "\n".join(out) + "\n</svg>\n"


# ---------------------------------------------------------------- the command

def kept_rounds(path, settings):
    """Rounds of earlier pieces. They must be of the same events."""
    if not path or not path.exists():
        return []
    rounds = [json.loads(line) for line in path.read_text().splitlines()]
    for r in rounds:
        if r["settings"] != settings:
            raise Failed(f"{path} has rounds with {r['settings']}, and these are {settings}")
    return rounds


def positive(text):
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return number


def arguments(argv=None):
    p = argparse.ArgumentParser(prog="perf/run.sh peers", description="hotlead beside Flink and Kafka Streams.")
    p.add_argument("--rounds", type=positive, default=3)
    p.add_argument("--events", type=positive, default=16_000_000, help="for hotlead and Flink (default: 16 M)")
    p.add_argument("--streams-events", type=positive, default=1_000_000, help="for Kafka Streams (default: 1 M), in a topic of their own")
    p.add_argument("--contacts", type=positive, default=1_000_000)
    p.add_argument("--seed", type=positive, default=1)
    p.add_argument("--keep", type=pathlib.Path, metavar="FILE", help="add these rounds to those in the file, and report on all of them")
    p.add_argument("--json", type=pathlib.Path, metavar="FILE", help="where the measurements go, the report (.md) and its picture (.svg) beside them "
                   "(default: perf/results/DATE-peers.json)")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args(argv)
    args.json = args.json or ROOT / "perf" / "results" / f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}-peers.json"
    if args.json.suffix != ".json":
        p.error(f"--json: '{args.json}' does not end in .json")
    return args


def measure(args, settings, kept):
    """Rounds, each kept as soon as it is there."""
    rounds = []
    with system.broker() as kafka, servers.Redis() as redis:
        bench = Bench(args, kafka, redis)
        try:
            for topic, events in (("short", args.streams_events), ("long", args.events)):
                written = bench.write(topic, events)
                print(f"{topic}: {written['events']:,} events, {written['rate']:,.0f}/s", file=sys.stderr)
            for _ in range(args.rounds):
                at = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M}"
                one = {"settings": settings, "at": at, "load": os.getloadavg()[0], "runs": bench.round(len(kept) + len(rounds))}
                rounds.append(one)
                if args.keep:
                    with open(args.keep, "a") as f:
                        f.write(json.dumps(one) + "\n")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    return kept + rounds


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped
    args = arguments()
    settings = {name: getattr(args, name) for name in SETTINGS}
    try:
        rounds = measure(args, settings, kept_rounds(args.keep, settings))
    except Failed as e:
        sys.exit(f"perf: {e}")
    results = measurements([r["runs"] for r in rounds])
    by_name = {m["name"]: m for m in results}
    report, picture = args.json.with_suffix(".md"), args.json.with_suffix(".svg")
    write(args.json, results)
    picture.write_text(svg(by_name))
    report.write_text(markdown(by_name, rounds, args, picture))
    print(report.read_text(), end="")


if __name__ == "__main__":
    main()
