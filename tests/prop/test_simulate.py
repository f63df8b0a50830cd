"""`hotlead simulate` as a program: the same bytes for any number of threads and for JSON Lines as for Avro, arrival by time, bad
input, two models. Usage: test_simulate.py HOTLEAD SOURCE_DIR. Seeded: HL_SEED."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

HOTLEAD, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
SEED = int(os.environ.get("HL_SEED", "20261122"), 0)
sys.path.insert(0, str(SOURCE / "tests" / "support"))
from gen_events import Generator  # noqa: E402

MODEL = SOURCE / "config" / "model.yaml"
OTHER = SOURCE / "config" / "model-score-driven.yaml"
UNKNOWN = ("newsletter_read_aloud", "ad_impression")
UNTIL = "2027-01-01T00:00:00Z"


def simulate(*args, ok=(0,), data=None):
    got = subprocess.run([HOTLEAD, "simulate", *map(str, args)], input=data, capture_output=True, timeout=120)
    assert got.returncode in ok, f"exit {got.returncode}: {got.stderr.decode()}"
    return got


# ---------------------------------------------------------------- a small writer of container files

def number(v):
    out, v = bytearray(), (v << 1) ^ (v >> 63)
    while v > 0x7f:
        out.append(v & 0x7f | 0x80)
        v >>= 7
    return bytes(out + bytes([v]))


def text(s):
    raw = s if isinstance(s, bytes) else s.encode()
    return number(len(raw)) + raw


def datum(ev):
    out = text(ev["event_id"]) + text(ev["contact_id"]) + number(ev["occurred_at"]) + text(ev["type"])
    for key in ("url", "asset", "form", "campaign", "source", "actor", "reason"):
        out += number(0) if ev.get(key) is None else number(1) + text(ev[key])
    own = ev.get("attributes") or {}
    entries = b"".join(text(k) + text(v) for k, v in own.items())
    return out + bytes([bool(ev.get("machine"))]) + (number(len(own)) + entries if own else b"") + number(0)


def container(events, codec, sync=bytes(range(16)), per_block=1000, schema=None):
    schema = schema or (SOURCE / "schemas" / "event.avsc").read_bytes()
    header = {"avro.schema": schema, "avro.codec": codec.encode()}
    out = b"Obj\1" + number(len(header)) + b"".join(text(k) + text(v) for k, v in header.items()) + number(0) + sync
    for i in range(0, len(events), per_block):
        block = events[i:i + per_block]
        raw = b"".join(map(datum, block))
        if codec == "deflate":
            packer = zlib.compressobj(wbits=-15)
            raw = packer.compress(raw) + packer.flush()
        out += number(len(block)) + text(raw) + sync
    return out


class Simulate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.list = list(Generator(SEED, contacts=700, span_ms=150 * 86_400_000, n=10_000))
        cls.lines = [json.dumps(ev) + "\n" for ev in cls.list]
        cls.events = cls.file("events.jsonl", "".join(cls.lines))
        cls.expected = simulate("-m", MODEL, "-o", "json", "-t", 1, "--until", UNTIL, cls.events).stdout

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def file(cls, name, content):
        path = cls.dir / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def test_the_day_is_not_dull(self):
        causes = {json.loads(line)["cause"] for line in self.expected.splitlines()}
        self.assertLessEqual({"opt_in", "hand_raise", "score", "fit", "sales", "manual", "decay"}, causes)

    def test_any_number_of_threads_gives_the_same_bytes(self):
        states = []
        for threads in (1, 2, 4, 7):
            state = self.dir / f"state{threads}"
            got = simulate("-m", MODEL, "-o", "json", "-t", threads, "--until", UNTIL, "--state", state, self.events)
            self.assertEqual(got.stdout, self.expected)
            states.append(state.read_bytes())
        self.assertEqual(len(set(states)), 1)
        self.assertEqual(len(states[0].splitlines()), len({ev["contact_id"] for ev in self.list if ev["type"] not in UNKNOWN}))

    def test_moments_come_in_the_order_of_stream_time(self):
        emitted = [json.loads(line)["emitted_at"] for line in self.expected.splitlines()]
        self.assertEqual(emitted, sorted(emitted))

    def test_several_files_are_one_stream(self):
        parts = [self.file(f"part{i}.jsonl", "".join(self.lines[i * 4000:(i + 1) * 4000])) for i in range(3)]
        self.assertEqual(simulate("-m", MODEL, "-o", "json", "--until", UNTIL, *parts).stdout, self.expected)

    def test_the_standard_input_is_read(self):
        data = "".join(self.lines).encode()
        self.assertEqual(simulate("-m", MODEL, "-o", "json", "--until", UNTIL, "-", data=data).stdout, self.expected)

    def test_container_files_give_what_json_lines_give(self):
        for codec in ("null", "deflate"):
            file = self.file(f"{codec}.avro", container(self.list, codec))
            for threads in (1, 3):
                got = simulate("-m", MODEL, "-o", "json", "-t", threads, "--until", UNTIL, file)
                self.assertEqual(got.stdout, self.expected, codec)

    def test_a_mapping_reads_records_of_another_shape(self):
        def nested(ev):
            rest = {key: v for key, v in ev.items() if key not in ("event_id", "contact_id", "occurred_at", "type")}
            what = {"page_viewed": {"kind": "seen", "what": "page"}}.get(ev["type"], {"kind": ev["type"]})
            return {"user": {"key": ev["contact_id"]}, "n": ev["event_id"], "ts": ev["occurred_at"] / 1000} | what | rest

        flow = "{contact_id: user.id | user.key, event_id: n, occurred_at: ts, type: kind + what}"
        mapping = self.file("nested.yaml", f"format: json\ntime_unit: s\nfields: {flow}\naliases: {{seen:page: page_viewed}}\n")
        file = self.file("nested.jsonl", "".join(json.dumps(nested(ev)) + "\n" for ev in self.list))
        for order, threads in (("file", 1), ("file", 3), ("time", 2)):
            args = ("-m", MODEL, "-o", "json", "--until", UNTIL, "--arrival", order, "-t", threads)
            self.assertEqual(simulate(*args, "--mapping", mapping, file).stdout, simulate(*args, self.events).stdout)

        half = [self.file("half1.jsonl", "".join(self.lines[:5000])),
                self.file("half2.jsonl", "".join(json.dumps(nested(ev)) + "\n" for ev in self.list[5000:]))]
        canonical = self.file("canonical.yaml", "format: json\n")
        args = ("-m", MODEL, "-o", "json", "--until", UNTIL)
        self.assertEqual(simulate(*args, half[0], "--mapping", mapping, half[1]).stdout, self.expected)   # for the files behind it
        self.assertEqual(simulate("--mapping", canonical, half[0], "--mapping", mapping, "--", half[1], ok=(64,)).stdout, b"")
        self.assertEqual(simulate(*args, "--mapping", canonical, half[0], "--mapping", mapping, "--", half[1]).stdout, self.expected)
        got = simulate(*args, "--mapping", mapping, half[0], half[1], ok=(65,))
        self.assertIn(b"5000 events could not be read", got.stderr)

        contact = self.list[0]["contact_id"]
        explain = [HOTLEAD, "explain", contact, "--model", MODEL, "-o", "json"]
        plain = subprocess.run([*explain, "--events", self.events], capture_output=True, timeout=60, check=True).stdout
        mapped = subprocess.run([*explain, "--mapping", mapping, "--events", file], capture_output=True, timeout=60, check=True).stdout
        self.assertEqual(mapped, plain)

    def test_a_mapping_reads_container_files_of_another_schema(self):
        schema = (SOURCE / "schemas" / "event.avsc").read_text().replace('"contact_id"', '"who"').replace('"event_id"', '"n"')
        events = [ev | {"type": ev["type"].replace("page_viewed", "Seen")} for ev in self.list]
        file = self.file("renamed.avro", container(events, "deflate", schema=schema.encode()))
        mapping = self.file("renamed.yaml", "fields: {contact_id: who, event_id: n}\naliases: {Seen: page_viewed}\n")
        for order in ("file", "time"):
            args = ("-m", MODEL, "-o", "json", "--until", UNTIL, "--arrival", order)
            self.assertEqual(simulate(*args, "--mapping", mapping, file).stdout, simulate(*args, self.events).stdout)
        combined = self.file("combined.yaml", "format: json\nfields: {contact_id: who | n}\n")
        got = simulate("-m", MODEL, "--mapping", combined, file, ok=(78,))
        self.assertIn(b"renamed.avro: the mapping combines paths, names attributes or has time_unit s, which is for JSON only", got.stderr)

    def test_a_wrong_mapping_is_told(self):
        wrong = self.file("wrong-mapping.yaml", "format: json\nfields: {contact: who}\n")
        got = simulate("-m", MODEL, "--mapping", wrong, self.events, ok=(78,))
        self.assertIn(f"{wrong}:2:10: error: no field 'contact' in an event".encode(), got.stderr)
        got = simulate("-m", MODEL, "--mapping", self.dir / "none.yaml", self.events, ok=(78,))
        self.assertIn(b"none.yaml: error: No such file or directory", got.stderr)
        got = subprocess.run([HOTLEAD, "explain", "x", "--mapping", self.file("fine.yaml", "format: json\n")], capture_output=True, timeout=60)
        self.assertEqual((got.returncode, b"--mapping is for --events" in got.stderr), (64, True))

    def test_arrival_by_time_is_a_stable_sort(self):
        sorted_events = sorted(self.list, key=lambda ev: ev["occurred_at"])
        in_order = self.file("sorted.jsonl", "".join(json.dumps(ev) + "\n" for ev in sorted_events))
        want = simulate("-m", MODEL, "-o", "json", in_order).stdout
        shuffled = self.file("packed.avro", container(self.list, "deflate"))
        for file in (self.events, shuffled):
            self.assertEqual(simulate("-m", MODEL, "-o", "json", "--arrival", "time", "-t", 3, file).stdout, want)
        self.assertNotEqual(want, simulate("-m", MODEL, "-o", "json", self.events).stdout)

    def test_types_that_are_not_known_are_named(self):
        report = simulate("-m", MODEL, self.events).stdout.decode()
        counts = {name: sum(ev["type"] == name for ev in self.list) for name in UNKNOWN}
        first, second = sorted(UNKNOWN, key=lambda name: -counts[name])
        self.assertIn(f"\nunknown   {first} {counts[first]}; {second} {counts[second]} (ignored; an alias in a mapping says which known type one is)\n", report)
        meant = self.file("meant.jsonl", json.dumps(self.list[0] | {"type": "page_view"}) + "\n")
        self.assertIn("\nunknown   page_view 1, did you mean 'page_viewed'? (ignored; ", simulate("-m", MODEL, meant).stdout.decode())
        self.assertIn(b"hotlead simulate: unknown types: page_view 1, did you mean 'page_viewed'? (ignored; ", simulate("-m", MODEL, "-o", "json", meant).stderr)
        known = self.file("known.jsonl", json.dumps(self.list[0] | {"type": "page_viewed"}) + "\n")
        self.assertNotIn("unknown  ", simulate("-m", MODEL, known).stdout.decode())

    def test_seconds_that_are_taken_for_milliseconds_are_told(self):
        seconds = [ev | {"ts": ev["occurred_at"] // 1000} for ev in self.list]
        for ev in seconds:
            del ev["occurred_at"]
        file = self.file("seconds.jsonl", "".join(json.dumps(ev) + "\n" for ev in [self.list[0] | {"ts": self.list[0]["occurred_at"]}] + seconds))
        mapping = self.file("seconds.yaml", "format: json\nfields: {occurred_at: ts}\n")
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds[0]["ts"] // 1000)) + f".{seconds[0]['ts'] % 1000:03}Z"
        want = (f"{file}:2: warning: occurred_at is {at}, before March 1973, in this and {len(seconds) - 1} other events; "
                "if the numbers in 'ts' count seconds, say time_unit: s in its mapping\n")
        for more in ((), ("--arrival", "time"), ("-t", 3)):
            self.assertIn(want, simulate("-m", MODEL, "-o", "json", *more, "--mapping", mapping, file).stderr.decode())
        mapping.write_text(mapping.read_text() + "time_unit: s\n")
        self.assertNotIn(b"1973", simulate("-m", MODEL, "--mapping", mapping, file, ok=(65,)).stderr)   # the first is in milliseconds
        self.assertNotIn(b"1973", simulate("-m", MODEL, self.events).stderr)
        canonical = self.file("early.jsonl", json.dumps(self.list[0] | {"occurred_at": 1764165600}) + "\n")
        self.assertIn(b"if the numbers in 'occurred_at' count seconds, say time_unit: s in a file for --mapping\n", simulate("-m", MODEL, canonical).stderr)
        fraction = self.file("fraction.jsonl", json.dumps(self.list[0] | {"occurred_at": 1764165600.5}) + "\n")
        self.assertIn(b":1: field 'occurred_at': the number is neither whole milliseconds nor RFC 3339 with an offset; "
                      b"seconds with a fraction are read with time_unit: s\n", simulate("-m", MODEL, fraction, ok=(65,)).stderr)
        packed = self.file("early.avro", container([self.list[0] | {"occurred_at": 1764165600}], "null"))
        self.assertIn(b"early.avro:1: warning: occurred_at is 1970-01-21T10:02:45.600Z, before March 1973, in this and 0 other events; "
                      b"its numbers were read as milliseconds\n", simulate("-m", MODEL, packed).stderr)

    def test_bad_lines_are_told_and_the_rest_is_scored(self):
        bad = ['{"event_id": "x"', '{"event_id":"x","contact_id":"","occurred_at":1,"type":"page_viewed"}', '[1]', '\x01']
        bad = [line + "\n" for line in bad]
        lines = self.lines[:6000] + [bad[0], "  \n"] + self.lines[6000:8000] + bad[1:] + self.lines[8000:]
        file = self.file("bad.jsonl", "".join(lines))
        got = simulate("-m", MODEL, "-o", "json", "--until", UNTIL, file, ok=(65,))
        self.assertEqual(got.stdout, self.expected)
        told = [line for line in got.stderr.decode().splitlines() if line.startswith(str(file))]
        self.assertEqual([int(line.split(":")[1]) for line in told], [6001, 8003, 8004, 8005])
        self.assertIn("4 events could not be read", got.stderr.decode())

    def test_a_damaged_container_ends_with_65_and_keeps_what_came_before(self):
        whole = container(self.list, "deflate")
        head = simulate("-m", MODEL, "-o", "json", self.file("head.jsonl", "".join(self.lines[:9000]))).stdout
        got = simulate("-m", MODEL, "-o", "json", self.file("cut.avro", whole[:-40]), ok=(65,))
        self.assertEqual(got.stdout, head)
        rng = random.Random(SEED)
        for _ in range(30):   # whatever the damage is, there is an answer
            broken = bytearray(whole)
            for _ in range(3):
                broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
            simulate("-m", MODEL, "-o", "json", self.file("broken.avro", bytes(broken)), ok=(0, 65))
        simulate("-m", MODEL, self.file("none.avro", b"no container"), ok=(65,))

    def test_two_models_are_compared(self):
        first_mql = []
        for model in (MODEL, OTHER):
            lines = simulate("-m", model, "-o", "json", self.events).stdout.splitlines()
            seen = {}
            for t in map(json.loads, lines):
                if t["to"] == "mql":
                    seen.setdefault(t["contact_id"], t["occurred_at"])
            first_mql.append(seen)
        got = json.loads(simulate("-m", MODEL, "--against", OTHER, "-o", "json", "-t", 3, self.events).stdout)
        a, b = first_mql
        want = {c: ("a", a[c]) for c in a.keys() - b.keys()} | {c: ("b", b[c]) for c in b.keys() - a.keys()}
        self.assertTrue(want)
        self.assertEqual({d["contact_id"]: (d["under"], d["at"]) for d in got["mql_under_one_only"]}, want)
        states = []
        for model in (MODEL, OTHER):
            simulate("-m", model, "-o", "json", "--state", self.dir / "s", self.events)
            states.append([json.loads(line)["stage"] for line in (self.dir / "s").read_text().splitlines()])
        for row in got["stages"]:
            counts = [s.count(row["stage"]) for s in states]
            self.assertEqual([row["a"], row["b"], row["change"]], [*counts, counts[1] - counts[0]])
        table = simulate("-m", MODEL, "--against", OTHER, self.events).stdout.decode()
        self.assertIn("MQL under one model only", table)

    def test_the_table_counts_what_the_transitions_say(self):
        alerts = self.dir / "alerts.jsonl"
        table = simulate("-m", MODEL, "--until", UNTIL, "--alerts", alerts, self.events).stdout.decode()
        moved = {}
        for t in map(json.loads, self.expected.splitlines()):
            moved[t["from"], t["to"]] = moved.get((t["from"], t["to"]), 0) + 1
        moves, deadlines = table[table.index("from / to"):].split("\n\n")
        matrix = moves.splitlines()
        columns = matrix[0].split()[3:]
        got = {(row.split()[0], to): int(n) for row in matrix[1:] for to, n in zip(columns, row.split()[1:]) if n != "."}
        self.assertEqual(got, moved)
        counts = {}
        for a in map(json.loads, alerts.read_text().splitlines()):
            counts.setdefault(a["sla"], []).append(a["event"])
        self.assertEqual({row.split()[0]: [int(n) for n in row.split()[1:4]] for row in deadlines.splitlines()[1:]},
                         {sla: [events.count(e) for e in ("due", "met", "breached")] for sla, events in counts.items()})
        self.assertTrue(all(e in counts["first-contact"] for e in ("due", "met", "breached")))
        self.assertIn(b"cannot be written", simulate("-m", MODEL, "--alerts", "/nowhere/a", self.events, ok=(69,)).stderr)

    def test_explain_adds_up_for_every_contact_of_a_run(self):
        events = list(Generator(SEED + 1, contacts=120, span_ms=60 * 86_400_000, n=2_500))
        file, state = self.file("few.jsonl", "".join(json.dumps(ev) + "\n" for ev in events)), self.dir / "few.state"
        for model in (MODEL, OTHER):
            simulate("-m", model, "--state", state, file)
            for want in map(json.loads, state.read_text().splitlines()):
                told = subprocess.run([HOTLEAD, "explain", want["contact_id"], "-e", file, "-m", model, "-o", "json"],
                                      capture_output=True, check=True, timeout=60)
                got = json.loads(told.stdout)
                units = got["fit_units"] + sum(r["now_units"] for r in got["rows"]) - sum(g["cap_units"] for g in got["groups"])
                self.assertEqual(units + got["manual_units"] + got["floor_units"], got["score_units"], want)
                self.assertEqual(got["fit"], sum(r["now"] for r in got["fit_rules"]), want)
                for key in want.keys() & got.keys() - {"rows"}:
                    self.assertEqual(got[key], want[key], f"{key} of {want}")

    def test_wrong_use_is_told(self):
        for args in ((), ("-m", MODEL), (self.events,), ("-m", MODEL, "-t", "0", self.events),
                     ("-m", MODEL, "--until", "soon", self.events),
                     ("-m", MODEL, "-o", "xml", self.events), ("-m", MODEL, "--arrival", "late", self.events), ("--bogus",)):
            self.assertTrue(simulate(*args, ok=(64,)).stderr, args)
        simulate("-m", self.file("wrong.yaml", "model: x\nversoin: 1\n"), self.events, ok=(78,))
        self.assertIn(b"nowhere.jsonl", simulate("-m", MODEL, "nowhere.jsonl", ok=(69,)).stderr)
        self.assertIn(b"--against", simulate("--help").stdout)


if __name__ == "__main__":
    print("HL_SEED =", SEED, flush=True)
    unittest.main(argv=sys.argv[:1])
