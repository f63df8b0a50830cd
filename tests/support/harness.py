"""What the integration tests share: a broker and a Redis, the hotlead process, readers and the comparison with the reference."""
import atexit
import collections
import functools
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import fastavro
import io
import yaml
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

import gen_events
import reference
import servers

ROOT = servers.ROOT
MODEL = ROOT / "tests" / "integration" / "model.yaml"
_numbers = itertools.count(1)


def binary():
    """$HOTLEAD, or the build of the presets."""
    if "HOTLEAD" in os.environ:
        return os.environ["HOTLEAD"]
    found = [p for p in (ROOT / "build" / preset / "hotlead" for preset in ("dev", "release")) if p.exists()]
    if not found:
        raise FileNotFoundError("no build/dev/hotlead: build first, or set HOTLEAD")
    return str(found[0])


@functools.cache
def kafka():
    broker = servers.Kafka()
    atexit.register(broker.close)
    return broker.start()


@functools.cache
def redis():
    server = servers.Redis()
    atexit.register(server.close)
    return server.start()


@functools.cache
def schema(name):
    return fastavro.parse_schema(json.loads((ROOT / "schemas" / f"{name}.avsc").read_text()))


@functools.cache
def prefix(name, last):
    """The schema up to the field `last`: the rest of a record need not be decoded."""
    whole = json.loads((ROOT / "schemas" / f"{name}.avsc").read_text())
    names = [f["name"] for f in whole["fields"]]
    return fastavro.parse_schema({**whole, "fields": whole["fields"][:names.index(last) + 1]})


class Setup:
    """The topics, the configuration and the files of one test; a consumer group of its own."""

    def __init__(self, partitions=8, inputs=None, create=True, model=None, format="avro", **config):
        self.id = f"t{next(_numbers)}"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hotlead-it-"))
        atexit.register(shutil.rmtree, self.dir, True)
        self.partitions = partitions
        self.inputs = [f"{self.id}.{t}" for t in (inputs or gen_events.TOPICS)]
        self.out = {k: f"{self.id}.{v}" for k, v in {"transitions": "lead.transitions", "state": "lead.state", "alerts": "lead.alerts",
                                                     "dead_letter": "lead.dead-letter", "merges": "lead.merges"}.items()}
        self.group = f"{self.id}-hotlead"
        self.registry = None
        shutil.copy(model or MODEL, self.dir / "model.yaml")
        self.config = {
            "kafka": {"bootstrap.servers": kafka().bootstrap, "group.id": self.group, "instance": "one", "replication_factor": 1,
                      "startup_timeout": "20s"},
            "inputs": [{"topic": t, "format": format} for t in self.inputs], "outputs": self.out, "delivery": "exactly_once",
            "checkpoint": {"interval": "1s"}, "schemas": {"dir": str(ROOT / "schemas")}, "redis": {"url": redis().url},
            "threads": 2, "model": "model.yaml", "core_dumps": True, "http": {"listen": f"127.0.0.1:{servers.free_port()}"},
        }
        for key, value in config.items():
            if isinstance(value, dict) and isinstance(self.config.get(key), dict):
                self.config[key].update(value)
            else:
                self.config[key] = value
        if create:
            kafka().create_topics(*self.inputs, partitions=partitions)

    def run(self, instance="one", env=None, core_limit=0, stderr=None, **more):
        """Start `hotlead run` with this configuration, these environment variables on top, and cores up to this size. stderr: a file instead
        of the log."""
        config = {**self.config, **more, "kafka": {**self.config["kafka"], "instance": instance, **more.get("kafka", {})}}
        if instance != "one":
            config["http"] = {"listen": f"127.0.0.1:{servers.free_port()}"}
        path = self.dir / f"{instance}.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        return Hotlead(path, config, env, core_limit, stderr)

    # -- what Kafka says

    @staticmethod
    def _answer(what, ask):
        """A broker that has just started, or is held up by what else runs, is still looking for its coordinator, or its leaders."""
        def once():
            try:
                return [ask()]
            except KafkaException as e:
                if not any(word in e.args[0].name() for word in ("COORDINATOR", "LEADER", "TIMED_OUT", "TRANSPORT")):
                    raise
                return None
        return servers.wait_for(what, once, 60, every=0.2)[0]

    def committed(self):
        """Sum of the group's committed offsets over all input partitions."""
        got = self._answer("coordinator of the group", lambda: self._asker.committed(self._input_partitions(), timeout=30))
        return sum(max(p.offset, 0) for p in got)

    @functools.cached_property
    def _asker(self):
        """Asks, never joins. Read uncommitted: does not wait for a transaction that a killed process left open."""
        asker = Consumer({"bootstrap.servers": kafka().bootstrap, "group.id": self.group, "isolation.level": "read_uncommitted",
                          "log_level": 0})
        atexit.register(asker.close)
        return asker

    def _input_partitions(self):
        return [TopicPartition(t, p) for t in self.inputs for p in range(self.partitions)]

    def merges_done(self):
        """All that was committed to the merges has been read and committed, and nothing came of it since: markers take offsets, too, so the last
        records count."""
        last = lambda: {m.partition(): m.offset() + 1 for m in records(self.out["merges"])}
        wanted = last()
        parts = [TopicPartition(self.out["merges"], p) for p in range(self.partitions)]
        got = {p.partition: p.offset for p in self._asker.committed(parts, timeout=30)}
        return all(got[p] >= offset for p, offset in wanted.items()) and last() == wanted

    def ends(self):
        end = lambda p: self._asker.get_watermark_offsets(p, timeout=20)[1]
        return sum(self._answer(f"leader of {p}", lambda p=p: end(p)) for p in self._input_partitions())

    def wait_done(self, *running, seconds=90):
        """Until every input record is committed. A process that ends before is a failure at once."""
        end = self.ends()

        def done():
            for h in running:
                if h.child.poll() is not None:
                    raise AssertionError(f"hotlead ended with {h.child.returncode} before its work was done:\n{h.log()[-3000:]}")
            return self.committed() == end

        try:
            servers.wait_for(f"commit of all {end} records", done, seconds, every=0.2)
        except TimeoutError as e:
            logs = "\n".join(h.log()[-3000:] for h in running)
            raise AssertionError(f"{e}; committed {self.committed()}\n{logs}") from None

    # -- what came out

    def use_registry(self, registry):
        self.registry = registry
        self.config["schemas"]["registry"] = registry.url

    def schema_id(self, output, otherwise):
        return self.registry.subjects[self.out[output] + "-value"] if self.registry else otherwise

    def transitions(self):
        number = self.schema_id("transitions", 2)
        return [Out(m, "stage_transition", number) for m in read_all(self.out["transitions"])]

    def alerts(self):
        number = self.schema_id("alerts", 4)
        return [Out(m, "alert", number) for m in read_all(self.out["alerts"])]

    def finish(self, scorer, *running, told=None):
        """Until all is committed and all deadlines that have passed are told; then every process ends. told: says whether these alerts have
        been read, for a caller who reads them anyway."""
        self.wait_done(*running, seconds=150)
        for h in running:   # one that was killed and starts again after the last commit: only a process that lives checkpoints
            h.wait_ready()
        passed = {a["alert_id"] for a in scorer.alerts if a["event"] == "breached"}
        told = told or (lambda ids: ids <= {o.value["alert_id"] for o in self.alerts()})
        servers.wait_for(f"{len(passed)} deadlines that pass", lambda: told(passed), 60, every=0.3)
        return [h.stop() for h in running]

    def dead_letters(self):
        return read_all(self.out["dead_letter"])

    def states(self):
        """The last state of each contact."""
        last = {}
        for m in read_all(self.out["state"]):
            last[m.key().decode()] = m
        number = self.schema_id("state", 3)
        return {k: Out(m, "contact_state", number).value for k, m in last.items() if m.value() is not None}


class Out:
    """A decoded output record."""

    def __init__(self, message, schema_name, schema_id):
        raw = message.value()
        assert raw[:5] == b"\0" + schema_id.to_bytes(4, "big"), f"framing of {message.topic()}: {raw[:5]!r}"
        self.value = fastavro.schemaless_reader(io.BytesIO(raw[5:]), schema(schema_name), None)
        for field in ("occurred_at", "emitted_at", "as_of", "stage_since", "sla_due", "due_at", "at"):   # logical types come as datetime
            if hasattr(self.value.get(field), "timestamp"):
                self.value[field] = millis(self.value[field])
        self.key, self.partition, self.headers = message.key().decode(), message.partition(), dict(message.headers() or [])


def millis(moment):
    from datetime import datetime, timedelta, timezone
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def records(topic, partition=None, bootstrap=None):
    """Every record of a topic, or of one of its partitions, to its present end, read committed; in order within a partition."""
    reader = Consumer({"bootstrap.servers": bootstrap or kafka().bootstrap, "group.id": "reader", "enable.auto.commit": False,
                       "isolation.level": "read_committed", "enable.partition.eof": True, "fetch.message.max.bytes": 4 << 20,
                       "fetch.wait.max.ms": 10})   # an end is told at once, not after half a second
    try:
        meta = reader.list_topics(topic, timeout=20).topics[topic]
        left = {p for p in meta.partitions if partition in (None, p)}
        if meta.error or not left:
            return
        reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in left])
        quiet_until = time.monotonic() + 60
        while left:
            for m in reader.consume(5000, timeout=0.1):
                quiet_until = time.monotonic() + 60
                if m.error() is None:
                    yield m
                elif m.error().name() == "_PARTITION_EOF":
                    left.discard(m.partition())
                else:
                    raise RuntimeError(m.error())
            if time.monotonic() > quiet_until:
                raise TimeoutError(f"{topic}: no end of partitions {sorted(left)}")
    finally:
        reader.close()


def hidden(topics):
    """Partitions of which read-committed readers do not see the end yet, as "TOPIC [PARTITION]"."""
    from confluent_kafka import IsolationLevel
    from confluent_kafka.admin import AdminClient, OffsetSpec
    admin = AdminClient({"bootstrap.servers": kafka().bootstrap, "log_level": 0})
    known = admin.list_topics(timeout=30).topics
    ask = {TopicPartition(t, p): OffsetSpec.latest() for t in topics if t in known for p in known[t].partitions}
    try:
        ends = [{(p.topic, p.partition): f.result(30).offset for p, f in admin.list_offsets(ask, isolation_level=level).items()}
                for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)]
    except KafkaException as e:
        return [f"those that do not answer: {e}"]
    return [f"{t} [{p}]" for (t, p), seen in sorted(ends[0].items()) if seen < ends[1][t, p]]


def read_all(topic):
    return list(records(topic))


class Hotlead:
    """A running `hotlead run`."""

    def __init__(self, config_path, config, env=None, core_limit=0, stderr=None):
        self.path = config_path.with_suffix(".log")
        self.config = config
        self.log_start = self.path.stat().st_size if self.path.exists() else 0
        with open(self.path, "ab") as log:
            self.child = servers.spawn([binary(), "run", "-c", str(config_path)], core_limit, stdout=log, stderr=stderr or log,
                                       cwd=config_path.parent, env={**os.environ, **(env or {})})

    def log(self):
        """What this start has written; earlier ones of the same name are in the same file."""
        return self.path.read_bytes()[self.log_start:].decode(errors="replace")

    def kill(self):
        servers.stop(self.child, 0)

    def stop(self, seconds=30):
        """SIGTERM; the exit status. One that does not end tells where it stands, and is killed."""
        if self.child.poll() is None:
            self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"    hotlead does not end within {seconds} s of SIGTERM; /livez: {self.get('/livez')}\n{self.log()[-4000:]}", flush=True)
            return servers.stop(self.child, 0)

    def wait_exit(self, seconds=60):
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hotlead did not end within {seconds} s:\n{self.log()[-3000:]}") from None

    def get(self, path, timeout=5):
        """(status, body) of a GET on its HTTP port; status 0 when it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.config['http']['listen']}{path}", timeout=timeout) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def wait_ready(self, seconds=60):
        def ready():
            if self.child.poll() is not None:
                raise AssertionError(f"hotlead ended with {self.child.returncode} at start:\n{self.log()[-3000:]}")
            return self.get("/readyz")[0] == 200
        servers.wait_for("/readyz", ready, seconds)
        return self

    def metrics(self):
        """{(name, labels as sorted pairs): value}"""
        found = {}
        for line in self.get("/metrics")[1].splitlines():
            got = re.fullmatch(r"(\w+)(?:\{(.*)\})? ([^ ]+)", line)
            if got and not line.startswith("#"):
                labels = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', got[2] or "")))
                found[got[1], labels] = float(got[3])
        return found

    def metric(self, name, **labels):
        """Sum over the series of the name that have these labels."""
        wanted = set(labels.items())
        return sum(v for (n, ls), v in self.metrics().items() if n == name and wanted <= set(ls))

    def results(self):
        """{result: events} of hotlead_events_total."""
        sums = collections.Counter()
        for (name, labels), value in self.metrics().items():
            if name == "hotlead_events_total":
                sums[dict(labels)["result"]] += int(value)
        return sums

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


# ---------------------------------------------------------------- comparison with the reference

EXACT = ("from", "to", "kind", "direction", "cause", "rule", "visit", "trigger_event_id", "occurred_at", "grade", "suspect",
         "owner", "sla_due")
CLOSE = ("score", "fit", "behavior")


def same_moment(key, a, b):
    """Moments by time alone follow from scores; a second is far less than a thousandth of a point here."""
    if key not in ("occurred_at", "sla_due") or None in (a[key], b[key]):
        return False
    return a["cause"] == b["cause"] == "decay" and abs(a[key] - b[key]) <= 1000


def differences(expected, got, limit=10):
    """Transitions of the reference and of hotlead, each a list in order per contact. Sentences; empty when they agree."""
    wrong, want, have = [], collections.defaultdict(list), collections.defaultdict(list)
    for t in expected:
        want[t["contact_id"]].append(t)
    for t in got:
        have[t["contact_id"]].append(t)
    for contact in sorted(want.keys() | have.keys()):
        w, h = want[contact], have[contact]
        seqs = [t["seq"] for t in h]
        if seqs != list(range(1, len(w) + 1)):
            wrong.append(f"{contact}: seq 1..{len(w)} expected, got {seqs}")
            continue
        for a, b in zip(w, h):
            bad = [f"{k}: {a[k]!r} expected, got {b[k]!r}" for k in EXACT if a[k] != b[k] and not same_moment(k, a, b)]
            bad += [f"{k}: {a[k]:.6f} expected, got {b[k]:.6f}" for k in CLOSE if abs(a[k] - b[k]) > 0.01]
            if b["transition_id"] != f"{contact}:{b['seq']}":
                bad.append(f"transition_id {b['transition_id']}")
            if bad:
                wrong.append(f"{contact} seq {a['seq']} {a['from']}->{a['to']}: " + "; ".join(bad))
    return wrong[:limit] + ([f"... and {len(wrong) - limit} more"] if len(wrong) > limit else [])


def alert_differences(late, got, early=None, repeats=False, limit=10):
    """Alerts of the reference and of hotlead, a list each, in order per contact. Sentences; empty when they agree.

    When a deadline passes depends on how far the stream time of the partition has come, and so does whether a breach came before the
    answer, and the owner and the score of a breach, which are compared only where `early` is `late`. There are two references: `late`,
    where deadlines pass after the last event, and `early`, where they pass as soon as any event lets them; None: stream time may have
    been now all the time. What both say must come. The order of a contact is exact where both have the same, else that of what events
    alone decide.
    repeats: the same ids may come again, and so may the other end of a clock."""
    wrong, sides = [], [collections.defaultdict(dict) for _ in range(3)]
    for side, alerts in zip(sides, (late, early or [], got)):
        for a in alerts:
            if side is sides[2] and not repeats and a["alert_id"] in side[a["contact_id"]]:
                wrong.append(f"{a['alert_id']} comes twice")
            side[a["contact_id"]].setdefault(a["alert_id"], a)
    for contact in sorted(set().union(*sides)):
        want, soon, have = (side[contact] for side in sides)
        if early is None:
            soon = {**want, **{breach["alert_id"]: breach for breach in map(breach_of, want.values()) if breach}}
        ends = collections.Counter(a.rpartition(":")[0] for a, alert in have.items() if alert["event"] != "due")
        wrong += [f"{clock} has two ends" for clock, n in ends.items() if n > 1 and not repeats]
        wrong += [f"{a} does not come" for a, alert in want.items() if a not in have
                  and not (alert["event"] == "met" and soon.keys() & have.keys() & {a.removesuffix("met") + "breached"})]
        for a, alert in have.items():
            expected = want.get(a) or soon.get(a)
            loose = ("owner", "score") if alert["event"] == "breached" and early is not late else ()
            wrong += [f"{a}: {x}" for x in alert_wrong(expected, alert, loose)]
        order = lambda side, *events: [a for a in side if a in want and a in have and side[a]["event"] in events]
        same = early is not None and list(want) == list(soon)
        events = ("due", "met", "breached") if same else ("due", "met")
        if order(want, *events) != order(have, *events) and not repeats:
            wrong.append(f"{contact}: the order is {list(have)}, expected {list(want)}")
        places = {a: i for i, a in enumerate(have)}
        wrong += [f"{a} comes before its start" for a in have if places[a] < places.get(a.rpartition(":")[0] + ":due", 0)]
    return wrong[:limit] + ([f"... and {len(wrong) - limit} more"] if len(wrong) > limit else [])


def breach_of(due):
    """The breach that a wall clock can make of a clock that started; None: its time has not come."""
    if due["event"] == "due" and due["due_at"] <= time.time() * 1000:
        return {**due, "alert_id": due["alert_id"].removesuffix("due") + "breached", "event": "breached", "at": due["due_at"]}
    return None


def alert_wrong(want, got, loose):
    if want is None:
        return ["is not expected"]
    if got.keys() != want.keys():
        return [f"fields {sorted(got)}"]
    same = lambda key: abs(want[key] - got[key]) <= 0.01 if key == "score" else want[key] == got[key]
    return [f"{key}: {want[key]!r} expected, got {got[key]!r}" for key in want if key not in loose and not same(key)]


def state_differences(scorer, states, limit=10):
    """Final states: every contact that the reference knows and that has a clock must be there, and agree."""
    wrong = []
    known = {c.id for c in scorer.contacts.values() if c.clock is not None and not c.merged_into}
    if known - states.keys():
        wrong.append(f"{len(known - states.keys())} of {len(known)} contacts have no state, {min(known - states.keys())} for one")
    for contact in sorted(known & states.keys()):
        got, want = states[contact], scorer.state(contact, states[contact]["as_of"])
        bad = [f"{k}: {want[k]!r} expected, got {got[k]!r}" for k in ("stage", "kind", "visit", "seq", "grade", "owner", "suspect")
               if want[k] != got[k]]
        bad += [f"{k}: {want[k]:.6f} expected, got {got[k]:.6f}" for k in CLOSE if abs(want[k] - got[k]) > 0.01]
        rows = {r["rule"]: r["points"] for r in got["rows"]}
        bad += [f"row {r}: {want['rows'].get(r, 0):.6f} expected, got {rows.get(r, 0):.6f}" for r in want["rows"].keys() | rows.keys()
                if abs(want["rows"].get(r, 0) - rows.get(r, 0)) > 0.01]
        if got["as_of"] != scorer.contacts[contact].clock:
            bad.append(f"as_of: {scorer.contacts[contact].clock} expected, got {got['as_of']}")
        if bad:
            wrong.append(f"{contact}: " + "; ".join(bad))
    unknown = states.keys() - scorer.contacts.keys()
    if unknown:
        wrong.append(f"{len(unknown)} contacts that never were, {min(unknown)} for one")
    return wrong[:limit] + ([f"... and {len(wrong) - limit} more"] if len(wrong) > limit else [])


def start_of_events(days=31):
    """A first moment so that a generated month ends a day ago."""
    return (int(time.time()) - days * 86_400) * 1000


class Workload:
    """Generated events, what the reference makes of them, and their Kafka records."""

    def __init__(self, n, contacts, seed=1, topics=gen_events.TOPICS):
        self.events = list(gen_events.Generator(seed, contacts, start_of_events(), n=n))
        self.scorer = reference.run(MODEL.read_text(), self.events, True, int(time.time() * 1000), follow=False)
        encode = gen_events.AvroEncoder()
        self.values = [encode(ev) for ev in self.events]

    @functools.cached_property
    def early(self):
        """The reference, where deadlines pass as soon as the events let them."""
        return reference.run(MODEL.read_text(), self.events, True, int(time.time() * 1000))

    def records(self, setup, part=0, parts=1):
        lo, hi = len(self.events) * part // parts, len(self.events) * (part + 1) // parts
        return ((gen_events.topic_of(ev["contact_id"], setup.inputs), ev["contact_id"], value)
                for ev, value in zip(self.events[lo:hi], self.values[lo:hi]))


@functools.cache
def workload(n=200_000, contacts=8000, seed=1):
    return Workload(n, contacts, seed)


def event(contact_id, kind, event_id=None, occurred_at=None, **fields):
    """One canonical event, now unless told."""
    number = next(_numbers)
    return {"event_id": event_id or f"{contact_id}-{number}", "contact_id": contact_id, "type": kind,
            "occurred_at": int(time.time() * 1000) if occurred_at is None else occurred_at, "attributes": {}, **fields}


GOOD_FIT = {"email": "ann@acme.example", "country": "US", "job_title": "VP Sales", "company_size": "200"}
