"""What a run has left, held against its recorded input: for millions of events, where the plain reference alone would take too long.

The input is read back from Kafka, partition by partition. All events of a contact are in one topic (perf/load/feed.c), so their order is
the recorded one, and contacts do not touch each other; the model has no moves by time. Then
  - for every contact: transitions, alerts, stage and ledger rows (points of time apart: how often each rule has scored) are those of
    `hotlead simulate` on that input;
  - for a seeded sample of whole contacts: transitions, alerts, states and the scores in memory are those of the reference in Python;
  - every transition's headers lead to the record of the event that it names.
What is found is a list of sentences, empty when all agree, and three numbers: lost, doubled, out of order."""
import collections
import concurrent.futures
import dataclasses
import io
import json
import multiprocessing
import pathlib
import subprocess
import time
import zlib

import fastavro

import harness
import reference

PER_MILLE = 50   # contacts of the sample, of a thousand
MOST_SENTENCES = 10
# of a transition: all but the time of writing. Numbers to nine digits, as simulate writes them.
STATE = ("stage", "kind", "visit", "seq", "grade", "suspect", "owner", "fit", "sla_due", "model_version")


@dataclasses.dataclass
class Place:
    """What a process of its own needs to know of a run."""
    bootstrap: str
    inputs: list
    out: dict
    dir: str
    seed: int
    until: int

    def read(self, topic, partition):
        return harness.records(topic, partition, self.bootstrap)

    def path(self, kind, partition):
        return pathlib.Path(self.dir) / f"recorded-{partition}.{kind}"

    def sampled(self, contact):
        return zlib.crc32(f"{self.seed} {contact}".encode()) % 1000 < PER_MILLE


class Found:
    """Differences, and their numbers."""

    def __init__(self):
        self.lost = self.doubled = self.unordered = 0
        self.wrong = []

    def say(self, sentence):
        self.wrong.append(sentence)

    def add(self, other):
        self.lost, self.doubled, self.unordered = self.lost + other.lost, self.doubled + other.doubled, self.unordered + other.unordered
        self.wrong += other.wrong

    def records(self, want, got, name, order=None):
        """Records of one kind, each a list of dictionaries; `name` is the field with the id, `order` one that grows with each record of a
        contact."""
        expected, have, last = {r[name]: r for r in want}, set(), collections.defaultdict(int)
        for r in got:
            if r[name] in have:
                self.doubled += 1
                self.say(f"{r[name]} comes twice")
                continue
            have.add(r[name])
            if order:
                if r[order] <= last[r["contact_id"]]:
                    self.unordered += 1
                    self.say(f"{r[name]} comes after {order} {last[r['contact_id']]}")
                last[r["contact_id"]] = max(last[r["contact_id"]], r[order])
            if r[name] not in expected:
                self.say(f"{r[name]} is not expected")
            elif r != expected[r[name]]:
                self.say(f"{r[name]}: " + "; ".join(f"{k}: {expected[r[name]].get(k)!r} expected, got {r.get(k)!r}"
                                                    for k in r.keys() | expected[r[name]].keys() if r.get(k) != expected[r[name]].get(k)))
        missing = expected.keys() - have
        self.lost += len(missing)
        self.wrong += [f"{m} is not there" for m in sorted(missing)[:MOST_SENTENCES]]


def rounded(record):
    """As simulate writes numbers."""
    return {k: round(v, 9) if isinstance(v, float) else v for k, v in record.items()}


def comparable(transition):
    same = rounded({k: v for k, v in transition.items() if k != "emitted_at"})
    same["reasons"] = [rounded(r) for r in same["reasons"]]
    return same


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


# ---------------------------------------------------------------- the input, and what simulate makes of it

class Container:
    """An Avro container file, written from data that are encoded already."""
    SYNC = b"recorded by test"

    def __init__(self, path):
        self.file, self.count, self.block, self.bytes = open(path, "wb"), 0, [], 0
        schema = json.dumps(harness.schema("event")).encode()
        self.file.write(b"Obj\1" + self.long(1) + self.text(b"avro.schema") + self.text(schema) + self.long(0) + self.SYNC)

    @staticmethod
    def long(n):
        out, n = bytearray(), n << 1   # none is negative
        while n > 127:
            out.append(n & 127 | 128)
            n >>= 7
        out.append(n)
        return bytes(out)

    def text(self, data):
        return self.long(len(data)) + data

    def add(self, datum):
        self.block.append(datum)
        self.bytes += len(datum)
        if self.bytes > 1 << 16:
            self.flush()

    def flush(self):
        if self.block:
            self.file.write(self.long(len(self.block)) + self.long(self.bytes) + b"".join(self.block) + self.SYNC)
            self.count += len(self.block)
        self.block, self.bytes = [], 0

    def close(self):
        self.flush()
        self.file.close()


def event_of(value):
    ev = fastavro.schemaless_reader(io.BytesIO(value[5:]), harness.schema("event"), None)
    if hasattr(ev["occurred_at"], "timestamp"):
        ev["occurred_at"] = harness.millis(ev["occurred_at"])
    return ev


def read_input(place, partition, triggers, found):
    """Into a file for simulate; (events, those of the sample). triggers: {(topic, offset): event id}."""
    container, sample = Container(place.path("avro", partition)), []
    for topic in place.inputs:
        for m in place.read(topic, partition):
            value = m.value()
            container.add(value[5:])
            trigger = triggers.pop((topic, m.offset()), None)
            if trigger is not None and trigger.encode() not in value:
                found.say(f"{topic} {partition}/{m.offset()} is not the event {trigger} that its transition names")
            if place.sampled(m.key().decode()):
                sample.append(event_of(value))
    container.close()
    for place_of, trigger in triggers.items():
        found.say(f"a transition by event {trigger} names {place_of}, and no such record is there")
    return container.count, sample


def simulate(place, partition):
    out = place.path("transitions", partition)
    with open(out, "wb") as f:
        done = subprocess.run([harness.binary(), "simulate", "-m", pathlib.Path(place.dir) / "model.yaml", "-o", "json", "-t", "1",
                               "--state", place.path("states", partition), "--alerts", place.path("alerts", partition),
                               "--until", str(place.until), place.path("avro", partition)], stdout=f, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"simulate ended with {done.returncode}: {done.stderr[-2000:]}")
    place.path("avro", partition).unlink()
    return lines(out)


def first_part(place, partition):
    """While the processes still run: events and transitions, and those of the sample."""
    found, triggers, got = Found(), {}, []
    for m in place.read(place.out["transitions"], partition):
        o = harness.Out(m, "stage_transition", 2)
        got.append(o.value)
        headers = {k: v.decode() for k, v in o.headers.items()}
        if (o.key, int(headers["source.partition"])) != (o.value["contact_id"], partition):
            found.say(f"{o.value['transition_id']} has key {o.key}, partition {partition} and headers {headers}")
        triggers[headers["source.topic"], int(headers["source.offset"])] = o.value["trigger_event_id"]
    events, sample = read_input(place, partition, triggers, found)
    found.records([comparable(t) for t in simulate(place, partition)], [comparable(t) for t in got], "transition_id", "seq")
    return {"found": found, "events": events, "transitions": len(got), "sample": sample,
            "sampled_transitions": [t for t in got if place.sampled(t["contact_id"])]}


# ---------------------------------------------------------------- alerts and states

def compare_alerts(want, got, found):
    """Starts are exact. simulate lets deadlines pass as early as its one stream allows, and a run may be later: what was answered in time there
    has an end here, whichever; what passed there may have been called off here. No clock has two ends."""
    dues = lambda alerts: [rounded(a) for a in alerts if a["event"] == "due"]
    found.records(dues(want), dues(got), "alert_id")
    clock = lambda a: a["alert_id"].rpartition(":")[0]
    started, ends = set(), collections.Counter()
    for a in got:
        if a["event"] == "due":
            started.add(clock(a))
            continue
        ends[clock(a)] += 1
        if clock(a) not in started:
            found.unordered += 1
            found.say(f"{a['alert_id']} comes before its start")
    answered = {clock(a) for a in want if a["event"] == "met"}
    found.doubled += sum(n - 1 for n in ends.values())
    found.lost += len(answered - ends.keys())
    found.wrong += [f"{c} has {n} ends" for c, n in ends.items() if n > 1]
    found.wrong += [f"{c} has no end" for c in sorted(answered - ends.keys())]


def compare_states(want, got, found):
    want, counts = {s["contact_id"]: s for s in want}, lambda s: {r["rule"]: r["count"] for r in s["rows"]}
    for contact in sorted(want.keys() | got.keys()):
        a, b = want.get(contact), got.get(contact)
        if not a or not b:
            found.lost += not b
            found.say(f"{contact} has {'no state' if a else 'a state and no events'}")
            continue
        bad = [f"{k}: {a[k]!r} expected, got {b[k]!r}" for k in STATE if rounded(a)[k] != rounded(b)[k]]
        if counts(a) != counts(b):
            bad.append(f"scored {counts(a)} expected, got {counts(b)}")
        if bad:
            found.say(f"state of {contact}: " + "; ".join(bad))


def second_part(place, partition):
    """After the end of all processes."""
    found, newest = Found(), {}
    transitions = sum(1 for _ in place.read(place.out["transitions"], partition))
    alerts = [harness.Out(m, "alert", 4).value for m in place.read(place.out["alerts"], partition)]
    compare_alerts(lines(place.path("alerts", partition)), alerts, found)
    n_states = 0
    for m in place.read(place.out["state"], partition):
        newest[m.key()] = m
        n_states += 1
    states = {k.decode(): harness.Out(m, "contact_state", 3).value for k, m in newest.items() if m.value() is not None}
    compare_states(lines(place.path("states", partition)), states, found)
    return {"found": found, "transitions": transitions, "alerts": len(alerts), "state": n_states, "contacts": len(states),
            "sampled_alerts": [a for a in alerts if place.sampled(a["contact_id"])],
            "sampled_states": {c: s for c, s in states.items() if place.sampled(c)}}


class Recorded:
    """The check of one run, in two steps: begin() while processes run, end() when they have ended."""

    def __init__(self, setup, seed):
        self.place = Place(harness.kafka().bootstrap, setup.inputs, setup.out, str(setup.dir), seed, int(time.time() * 1000))
        self.partitions, self.model = range(setup.partitions), (setup.dir / "model.yaml").read_text()
        self.found = Found()

    def _each(self, part):
        with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            done = list(pool.map(part, [self.place] * len(self.partitions), self.partitions))
        for d in done:
            self.found.add(d["found"])
        return done

    def begin(self):
        self.parts = self._each(first_part)
        total = lambda what: sum(p[what] for p in self.parts)
        self.events, self.transitions = total("events"), total("transitions")
        sample = [ev for p in self.parts for ev in p["sample"]]
        self.sampled = len(sample)
        self.scorer = reference.run(self.model, sample, True, self.place.until, follow=False)
        got = [t for p in self.parts for t in p["sampled_transitions"]]
        self.found.wrong += harness.differences(self.scorer.transitions, got)
        return self

    def end(self):
        """How many records of each output are there."""
        parts = self._each(second_part)
        counts = {what: sum(p[what] for p in parts) for what in ("transitions", "alerts", "state")}
        if counts["transitions"] != self.transitions:
            self.found.say(f"{counts['transitions']} transitions at the end, {self.transitions} when all was committed")
        alerts, states = [a for p in parts for a in p["sampled_alerts"]], {}
        for p in parts:
            states.update(p["sampled_states"])
        self.contacts = sum(p["contacts"] for p in parts)
        self.found.wrong += harness.alert_differences(self.scorer.alerts, alerts) + harness.state_differences(self.scorer, states)
        return counts
