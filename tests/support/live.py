"""A scorer under fire: events that keep coming, a reader of the outputs that never stops looking, and the comparison at the end."""
import collections
import io
import json
import pathlib
import re
import subprocess
import threading
import time
import uuid

import fastavro

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

import gen_events
import harness
import reference


class Feed(threading.Thread):
    """Writes numbered events at a rate until it is stopped; then `scorer` is what the reference makes of those that were written."""

    def __init__(self, setup, seed, rate=1000, contacts=1500, most=120_000):
        super().__init__(daemon=True)
        self.setup, self.rate, self.error = setup, rate, None
        self.source = gen_events.Generator(seed, contacts, harness.start_of_events(), n=most)
        self.events, self.count, self._ending = [], 0, threading.Event()
        self.start()

    def run(self):
        try:
            gen_events.produce(harness.kafka().bootstrap, self._records(), **{"message.timeout.ms": 120_000, "log_level": 0})
        except Exception as e:
            self.error = e

    def _records(self):
        encode, began = gen_events.AvroEncoder(), time.monotonic()
        for ev in self.source:
            while len(self.events) >= (time.monotonic() - began) * self.rate:
                if self._ending.wait(0.05):
                    return
            if self._ending.is_set():
                return
            self.events.append(ev)
            yield gen_events.topic_of(ev["contact_id"], self.setup.inputs), ev["contact_id"], encode(ev)

    def stop(self):
        self._ending.set()

    def check_alive(self):
        """Fails when no more events come."""
        assert self.is_alive(), f"no more events come after {len(self.events)}: {self.error or 'their number was too small'}"

    def finish(self):
        """No more events; all are acknowledged."""
        self.stop()
        self.join(150)
        assert not self.is_alive(), "the producer does not end"
        if self.error:
            raise self.error
        self.count = len(self.events)
        self.scorer = reference.run(harness.MODEL.read_text(), self.events, True, int(time.time() * 1000), follow=False)
        return self


class FastFeed:
    """The same by hotlead-feed (perf/load/feed.c), for tens of thousands of events a second. `scorer` is recorded.Recorded's to make."""

    def __init__(self, setup, seed, rate, contacts):
        self.count = 0
        tool = pathlib.Path(harness.binary()).parent / "perf" / "hotlead-feed"
        command = [tool, "--brokers", harness.kafka().bootstrap, "--topics", ",".join(setup.inputs), "--rate", rate, "--seed", seed,
                   "--contacts", contacts, "--events", 100 * rate, "--start", harness.start_of_events()]
        self.child = harness.servers.spawn(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def stop(self):
        harness.servers.stop(self.child, 0)

    def check_alive(self):
        assert self.child.poll() is None, f"no more events come: {self.child.communicate()}"

    def finish(self):
        self.check_alive()
        self.child.terminate()
        out, err = self.child.communicate(timeout=150)
        assert self.child.returncode == 0, err
        self.count = json.loads(out)["events"]
        return self


class Watcher(threading.Thread):
    """Reads transitions, alerts and state read committed while they are written. What a reader must never see ends up in `wrong`."""

    def __init__(self, setup):
        super().__init__(daemon=True)
        self.setup, self.wrong, self.error = setup, [], None
        self.seen = collections.Counter()   # records by output
        self.lost = self.doubled = self.unordered = 0
        self.places, self.seqs, self.alerts, self.states, self.applied = {}, {}, set(), {}, {}
        self.outputs = {setup.out[output]: (output, look, harness.prefix(schema, last)) for output, look, schema, last in (
            ("transitions", self._transition, "stage_transition", "seq"), ("alerts", self._alert, "alert", "alert_id"),
            ("state", self._state, "contact_state", "seq"))}
        self._ending = threading.Event()
        self.start()

    def run(self):
        reader = Consumer({"bootstrap.servers": harness.kafka().bootstrap, "group.id": "watcher", "enable.auto.commit": False,
                           "isolation.level": "read_committed", "log_level": 0, "fetch.message.max.bytes": 4 << 20})
        try:
            reader.assign([TopicPartition(self.setup.out[o], p, OFFSET_BEGINNING) for o in ("transitions", "alerts", "state")
                           for p in range(self.setup.partitions)])
            while not self._ending.is_set():
                for m in reader.consume(2000, timeout=0.2):
                    if m.error() is None:
                        self._look(m)
        except Exception as e:
            self.error = e
        finally:
            reader.close()

    def _look(self, m):
        place = (m.topic(), m.partition())
        if m.offset() <= self.places.get(place, -1):
            self._say(f"{place}: offset {m.offset()} after {self.places[place]}")
        self.places[place] = m.offset()
        output, look, schema = self.outputs[m.topic()]
        self.seen[output] += 1
        if m.value() is not None:
            look(fastavro.schemaless_reader(io.BytesIO(m.value()[5:]), schema, None), f"{output} {m.partition()}/{m.offset()}")

    def _transition(self, t, where):
        contact, last = t["contact_id"], self.seqs.get(t["contact_id"], 0)
        if t["seq"] != last + 1:
            self.lost += t["seq"] > last + 1
            self.doubled += t["seq"] <= last
            self._say(f"{where}: {contact} seq {t['seq']} after {last}")
        self.seqs[contact] = t["seq"]

    def _alert(self, a, where):
        if a["alert_id"] in self.alerts:
            self.doubled += 1
            self._say(f"{where}: {a['alert_id']} again")
        self.alerts.add(a["alert_id"])

    def _state(self, s, where):
        """A state never goes back: neither in what it has seen of each topic, nor in its transitions."""
        contact, applied = s["contact_id"], s["applied"]
        before = self.applied.get(contact, {})
        if s["seq"] < self.states.get(contact, 0) or any(applied.get(t, 0) < o for t, o in before.items()):
            self.unordered += 1
            self._say(f"{where}: state of {contact} goes back: seq {s['seq']} after {self.states[contact]}, {applied} after {before}")
        self.states[contact], self.applied[contact] = s["seq"], applied

    def _say(self, what):
        self.wrong.append(what)

    def finish(self, **expected):
        """Until it has seen as many records of each output as are there; then what it found."""
        missing = lambda: {o: n for o, n in expected.items() if self.seen[o] < n}
        try:
            harness.servers.wait_for("the watcher's last records", lambda: self.error or not missing(), 60, every=0.1)
        except TimeoutError:
            self._say(f"seen {dict(self.seen)}, there are {expected}")
        self._ending.set()
        self.join(30)
        if self.error:
            raise self.error
        if self.seen != collections.Counter(expected):
            self._say(f"the watcher saw {dict(self.seen)}, a later reader {expected}")
        return self.wrong


SEAL = 8   # bytes before each record in Redis (src/adapter/redis/seal.h)


def redis_marker(setup, redis, partition):
    """The position of the state topic that the copy has reached; -1: there is no copy."""
    return int((redis.call("GET", f"{{{setup.group}:{partition}}}:marker") or b"-1").split()[0])


def front(record):
    """Of a state record what its copy has: the bytes up to the end of `applied`."""
    f = io.BytesIO(record)
    f.seek(5)
    fastavro.schemaless_reader(f, harness.prefix("contact_state", "applied"), None)
    return record[:f.tell()]


def contact_id(field):
    """Of a field in Redis: UUIDs are packed."""
    if field[:1] == b"\1" and len(field) == 17:
        return str(uuid.UUID(bytes=field[1:])).encode()
    return field[1:] if field[:1] == b"\2" else field


def redis_differences(setup, redis, limit=5):
    """The copy in Redis against the last records of the state topic, byte for byte, and its markers. Sentences."""
    newest, ends, copy = {}, collections.Counter(), {}
    for m in harness.records(setup.out["state"]):
        newest[m.key()] = m.value()
        ends[m.partition()] = max(ends[m.partition()], m.offset() + 1)
    for key in redis.keys(f"{{{setup.group}:*"):
        if re.search(rb":b\d+$", key):
            pairs = redis.call("HGETALL", key)
            copy.update((contact_id(k), v[SEAL:]) for k, v in zip(pairs[::2], pairs[1::2]))
    newest = {k: front(v) for k, v in newest.items() if v is not None}
    wrong = [f"{k.decode()}: Redis {'has nothing' if k not in copy else 'has something else'}" for k in newest if copy.get(k) != newest[k]]
    wrong += [f"{k.decode()}: only in Redis" for k in copy.keys() - newest.keys()]
    for p, end in ends.items():
        if redis_marker(setup, redis, p) < end:
            wrong.append(f"marker of partition {p} is {redis_marker(setup, redis, p)}, the last record before {end}")
    return wrong[:limit] + ([f"... and {len(wrong) - limit} more"] if len(wrong) > limit else [])


def memory_differences(feed, running, every=20, limit=5):
    """Contacts in the memory of the processes against the reference, a sample of one in `every`. Sentences."""
    wrong, asked, at = [], 0, int(time.time() * 1000)
    for contact in sorted(c.id for c in feed.scorer.contacts.values() if c.clock is not None and not c.merged_into)[::every]:
        answers = [harness.json.loads(body) for h in running for status, body in [h.get(f"/v1/contacts/{contact}?at={at}")] if status == 200]
        # who left memory is answered from Redis, which only one process can be asked about without doubt
        held = [a for a in answers if len(running) == 1 or a["source"]["from"] == "memory"]
        if len(held) != 1:
            wrong.append(f"{contact}: held by {len(held)} processes")
            continue
        asked, want = asked + 1, feed.scorer.state(contact, at)
        bad = [f"{k}: {want[k]!r} expected, got {held[0][k]!r}" for k in ("stage", "kind", "visit", "seq", "grade") if want[k] != held[0][k]]
        bad += [f"{k}: {want[k]:.6f} expected, got {held[0][k]:.6f}" for k in harness.CLOSE if abs(want[k] - held[0][k]) > 0.01]
        if bad:
            wrong.append(f"{contact} in memory: " + "; ".join(bad))
    if not asked:
        wrong.append("no contact was found in memory")
    return wrong[:limit]
