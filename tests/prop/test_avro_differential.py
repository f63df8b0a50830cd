"""fastavro and our plans read the same: random writer schemas and data, written by fastavro, decoded by avro_dump; our records, read by
fastavro. Usage: test_avro_differential.py AVRO_DUMP SCHEMAS_DIR. Seeded: HL_SEED. Exit 77 (skipped): fastavro is not there."""
import io
import json
import os
import random
import subprocess
import sys

try:
    import fastavro
    from fastavro.schema import fingerprint, to_parsing_canonical_form
except ImportError:
    print("skipped: no fastavro for", sys.executable, "(HL_PYTHON names the interpreter of a virtual environment that has it)")
    sys.exit(77)

TEXT_FIELDS = ["url", "asset", "form", "campaign", "source", "actor", "reason"]
REQUIRED = ["event_id", "contact_id", "type"]


class Dump:
    def __init__(self, path):
        self.p = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def tell(self, line):
        self.p.stdin.write(line + "\n")

    def ask(self, line):
        self.tell(line)
        self.p.stdin.flush()
        answer = self.p.stdout.readline()
        if not answer:
            raise AssertionError(f"avro_dump died (exit {self.p.wait()}) on: {line[:2000]}")
        return answer.rstrip("\n")


class Maker:
    """Random schemas with values that fit them. A value comes with what an attribute of it reads as, None: passed over."""

    def __init__(self, rng):
        self.rng = rng
        self.names = 0

    def name(self):
        self.names += 1
        return f"n{self.names}"

    def text(self):
        return "".join(self.rng.choice("abcXYZ09 _-/:\"\\\n\x00éñ€𝄞") for _ in range(self.rng.choice([0, 1, 3, 8, 20, 70])))

    def number(self):
        bits = self.rng.choice([3, 7, 14, 31, 40, 62])
        return self.rng.randint(-(2 ** bits), 2 ** bits)

    def junk(self, depth=0):
        """A field nobody wants: (schema, function that makes a value)."""
        r = self.rng
        kind = r.choice(["null", "boolean", "int", "long", "float", "double", "bytes", "string", "fixed", "enum"]
                        + (["array", "map", "union", "record"] * 2 if depth < 4 else []))
        if kind in ("null", "boolean", "int", "long", "float", "double", "bytes", "string"):
            return kind, {"null": lambda: None, "boolean": lambda: r.random() < .5, "int": lambda: r.randint(-2**31, 2**31 - 1),
                          "long": self.number, "float": lambda: r.uniform(-9, 9), "double": lambda: r.uniform(-9, 9),
                          "bytes": lambda: r.randbytes(r.choice([0, 1, 30, 200])), "string": self.text}[kind]
        if kind == "fixed":
            n = r.choice([0, 1, 16])
            return {"type": "fixed", "name": self.name(), "size": n}, lambda: r.randbytes(n)
        if kind == "enum":
            symbols = [f"S{i}" for i in range(r.randint(1, 5))]
            return {"type": "enum", "name": self.name(), "symbols": symbols}, lambda: r.choice(symbols)
        if kind == "array":
            of, make = self.junk(depth + 1)
            return {"type": "array", "items": of}, lambda: [make() for _ in range(r.randint(0, 4))]
        if kind == "map":
            of, make = self.junk(depth + 1)
            return {"type": "map", "values": of}, lambda: {self.text(): make() for _ in range(r.randint(0, 4))}
        if kind == "record":
            fields = [(self.name(), *self.junk(depth + 1)) for _ in range(r.randint(0, 4))]
            return ({"type": "record", "name": self.name(), "fields": [{"name": n, "type": t} for n, t, _ in fields]},
                    lambda: {n: make() for n, _, make in fields})
        branches = [("null", lambda: None), ("string", self.text), ("long", self.number)]
        r.shuffle(branches)
        branches = branches[:r.randint(1, 3)]
        return [t for t, _ in branches], lambda: r.choice(branches)[1]()

    def textual(self, required, values=None):
        """A type that a text field can be read from: (schema, function: (value, text))."""
        r = self.rng
        symbols = values or ["alpha", "beta", "gamma_1"]

        def some():
            return r.choice(values) if values else self.text() or "x" if required else self.text()

        def of(kind):
            if kind == "string":
                return "string", lambda: (lambda s: (s, s))(some())
            if kind == "bytes":
                return "bytes", lambda: (lambda s: (s.encode(), s))(some())
            return ({"type": "enum", "name": self.name(), "symbols": symbols}, lambda: (lambda s: (s, s))(r.choice(symbols)))

        if r.random() < (.7 if required else .2):
            return of(r.choice(["string", "bytes", "enum"]))
        branches = [of(r.choice(["string", "bytes"]))]
        if not required or r.random() < .5:
            branches.append(("null", lambda: (None, None)))
        if r.random() < .3:
            branches.append(("double", lambda: (1.5, Refused)))
        r.shuffle(branches)
        use = [b for b in branches if not required or b[0] != "null"]
        return [t for t, _ in branches], lambda: r.choice(use)[1]()

    def moment(self):
        r = self.rng
        return r.choice([
            (lambda t: ("long", lambda: (lambda v: (v, v))(t())))(lambda: r.randint(0, 2**42)),
            ("int", lambda: (lambda v: (v, v))(r.randint(0, 2**31 - 1))),
            ({"type": "long", "logicalType": "timestamp-millis"}, lambda: (lambda v: (v, v))(r.randint(0, 2**41))),
            ({"type": "long", "logicalType": "local-timestamp-millis"}, lambda: (lambda v: (v, v))(r.randint(0, 2**41))),
            ({"type": "long", "logicalType": "timestamp-micros"}, lambda: (lambda v: (v, v // 1000))(r.randint(0, 2**51))),
            ("string", lambda: ("2026-11-22T11:30:00.25+01:00", 1795343400250)),
            ("string", lambda: ("1795343400250", 1795343400250)),
            (["null", "long"], lambda: (lambda v: (v, v))(r.randint(0, 2**41))),
        ])

    def attributes(self):
        r = self.rng
        if r.random() < .3:
            fields = [(self.name(), *self.scalar()) for _ in range(r.randint(0, 5))]

            def record():
                made = [(n, make()) for n, _, make in fields]
                return {n: v for n, (v, _) in made}, {n: t for n, (_, t) in made if t is not None}
            return {"type": "record", "name": self.name(), "fields": [{"name": n, "type": t} for n, t, _ in fields]}, record
        values, make = self.scalar()

        def entries():
            made = {self.text(): make() for _ in range(r.choice([0, 1, 2, 7, 40]))}
            return {k: v for k, (v, _) in made.items()}, {k: t for k, (_, t) in made.items() if t is not None}
        return {"type": "map", "values": values}, entries

    def scalar(self):
        r = self.rng
        choices = {
            "string": lambda: (lambda s: (s, s))(self.text()),
            "long": lambda: (lambda v: (v, str(v)))(self.number()),
            "boolean": lambda: r.choice([(True, "true"), (False, "false")]),
            "double": lambda: (lambda v: (v, v))(r.choice([r.uniform(-1e6, 1e6), 0.1, 250.0])),
            "null": lambda: (None, None),
        }
        if r.random() < .5:
            kind = r.choice(list(choices))
            return kind, choices[kind]
        kinds = r.sample(list(choices), r.randint(1, 5))

        def branch():
            kind = r.choice(kinds)
            value, text = choices[kind]()
            return (kind, value), text  # fastavro's way to name the branch
        return kinds, branch


Refused = object()


def make_case(rng):
    """Writer schema, map, function that makes (datum, expected)."""
    m = Maker(rng)
    wanted = {}
    for f in REQUIRED:
        wanted[f] = m.textual(True, ["page_viewed", "form_submitted", "made_up"] if f == "type" else None)
    wanted["occurred_at"] = m.moment()
    for f in TEXT_FIELDS:
        if rng.random() < .6:
            wanted[f] = m.textual(False)
    if rng.random() < .5:
        wanted["machine"] = "boolean", lambda: (lambda b: (b, b))(rng.random() < .5)
    if rng.random() < .7:
        wanted["attributes"] = m.attributes()
    paths, members, nested = {}, [], []
    aliases = {"event_id": ["eventId"], "contact_id": ["contactId"], "occurred_at": ["occurredAt"], "type": ["event_type", "eventType"]}
    for f, (schema, make) in wanted.items():
        how = rng.random()
        name = f
        if how < .15:
            name = paths[f] = m.name()
        elif how < .3:
            name = m.name()
            paths[f] = "user.inner." + name
            nested.append((f, name, schema, make))
            continue
        elif how < .4 and f in aliases:
            name = rng.choice(aliases[f])
        members.append((f, name, schema, make))
    junk = [(None, m.name(), *m.junk()) for _ in range(rng.randint(0, 6))]
    inner = nested + [(None, m.name(), *m.junk()) for _ in range(rng.randint(0, 2))] if nested else []
    rng.shuffle(inner)

    def record(name, fields):
        return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for _, n, t, _ in fields]}

    def fill(fields, expected):
        out = {}
        for f, n, _, make in fields:
            value = make()
            if f is None:
                out[n] = value
            else:
                out[n], expected[f] = value
        return out

    fields = members + junk
    if inner:
        inner_schema = record(m.name(), inner)
        user = {"type": "record", "name": m.name(), "fields": [{"name": "inner", "type": rng.choice([inner_schema, ["null", inner_schema]])}]}
        fields.append(("__user", "user", user, None))
    rng.shuffle(fields)

    def datum():
        expected = {}
        plain = [x for x in fields if x[0] != "__user"]
        out = fill(plain, expected)
        if inner:
            out["user"] = {"inner": fill(inner, expected)}
        return out, expected

    return {**record("W", fields), "namespace": rng.choice(["", "a.b"]) or "z"}, paths, datum


def write(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


def check_event(expected, got):
    if any(v is Refused for v in expected.values()):
        assert got["status"] == "decode" and "cannot be read as this field" in got["message"], got
        return
    assert got["status"] == "ok", got
    for f in REQUIRED + TEXT_FIELDS + ["occurred_at"]:
        assert got[f] == expected.get(f), (f, expected.get(f), got[f])
    assert got["machine"] == expected.get("machine", False)
    attributes = expected.get("attributes") or {}
    assert set(got["attributes"]) == set(attributes), (attributes, got["attributes"])
    for k, v in attributes.items():
        have = got["attributes"][k]
        assert (float(have) == v) if isinstance(v, float) else (have == v), (k, v, have)


def differential(dump, rng, rounds):
    for _ in range(rounds):
        schema, paths, datum = make_case(rng)
        text, parsed = json.dumps(schema), fastavro.parse_schema(json.loads(json.dumps(schema)))
        dump.tell("M")
        for f, path in paths.items():
            dump.tell(f"M {f}={path}")
        try:
            answer = dump.ask("S " + text)
            assert answer == "ok", answer
            want = int.from_bytes(bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")), "little")
            assert int(dump.ask("F " + text)) == want, "fingerprint"
            for _ in range(4):
                value, expected = datum()
                wire = write(parsed, value)
                check_event(expected, json.loads(dump.ask("D " + wire.hex()), strict=False))
                for cut in {rng.randrange(len(wire)), len(wire) - 1}:
                    got = json.loads(dump.ask("D " + wire[:cut].hex()))
                    assert got["status"] != "ok", f"cut at {cut} of {len(wire)} was read: {got}"
                assert json.loads(dump.ask("D " + wire.hex() + "00"))["status"] != "ok", "a byte too many was read"
                broken = bytearray(wire)
                broken[rng.randrange(len(wire))] ^= 1 << rng.randrange(8)
                json.loads(dump.ask("D " + broken.hex()), strict=False)  # any answer will do, but an answer
        except AssertionError:
            print("schema:", text, "\npaths:", paths)
            raise


def millis(value):
    return round(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def records(dump, folder, rng, rounds):
    for command, file, schema_id in (("T", "stage_transition.avsc", 0x01020304), ("C", "contact_state.avsc", 3),
                                     ("A", "alert.avsc", 4)):
        schema = fastavro.schema.load_schema(os.path.join(folder, file))
        for _ in range(rounds):
            wire, _, expected = dump.ask(f"{command} {rng.randrange(2**62)}").partition(" ")
            wire, expected = bytes.fromhex(wire), json.loads(expected)
            assert wire[0] == 0 and int.from_bytes(wire[1:5], "big") == schema_id
            body = io.BytesIO(wire[5:])
            got = fastavro.schemaless_reader(body, schema)
            assert body.read() == b"", "bytes left over"
            if command == "C":
                assert got.pop("engine") == b"\x00\x01opaque"
            got = {k: millis(v) for k, v in got.items()}
            assert got == expected, "\n".join(f"{k}: {got.get(k)!r} {expected.get(k)!r}" for k in set(got) | set(expected)
                                              if got.get(k) != expected.get(k))


def main():
    seed = int(os.environ.get("HL_SEED", "20261122"), 0)
    print("HL_SEED =", seed, flush=True)
    rng = random.Random(seed)
    dump = Dump(sys.argv[1])
    differential(dump, rng, int(os.environ.get("HL_ROUNDS", "250")))
    records(dump, sys.argv[2], rng, 60)
    dump.p.stdin.close()
    assert dump.p.wait() == 0
    print("ok")


main()
