"""Bad records, one test each: where they went, with their own bytes. One process meets them all, among good ones."""
import json
import shutil
import time
import unittest

import fastavro

import gen_events
import harness
from harness import event

HOUR = 3_600_000
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"   # W3C Trace Context
MIB = 1 << 20

ENUM_EVENT = {"type": "record", "name": "EnumEvent", "aliases": ["io.hotlead.Event"], "fields": [
    {"name": "event_id", "type": "string"}, {"name": "contact_id", "type": "string"}, {"name": "occurred_at", "type": "long"},
    {"name": "type", "type": {"type": "enum", "name": "Kind", "symbols": ["page_viewed", "form_submitted"]}}]}


def zigzag(n):
    n, out = (n << 1) ^ (n >> 63), bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def text(s):
    return zigzag(len(s.encode())) + s.encode()


class BadInput(unittest.TestCase):
    """setUpClass sends everything; each test looks at what became of its record, found by key."""

    @classmethod
    def setUpClass(cls):
        cls.setup = harness.Setup(partitions=2, inputs=["web.engagement", "crm.activity"])
        schemas = cls.setup.dir / "schemas"
        shutil.copytree(harness.ROOT / "schemas", schemas)
        (schemas / "enum_event.avsc").write_text(json.dumps(ENUM_EVENT))
        with open(schemas / "ids.yaml", "a") as ids:
            ids.write("7: enum_event.avsc\n")
        cls.setup.config["schemas"] = {"dir": str(schemas)}
        cls.now = int(time.time() * 1000)
        bad = cls.bad_records()
        cls.sent = bad | cls.good_records()
        cls.BAD = len(bad) + 2   # and two astray
        topic = cls.setup.inputs[0]
        records = [(topic, *pair, {"headers": {"traceparent": TRACE}}) for pair in cls.sent.values()]
        for name, key in (("astray", "astray"), ("other-key", "another-key")):
            value = gen_events.AvroEncoder()(event(name, "page_viewed", event_id="a1", occurred_at=cls.now))
            for partition in (0, 1):   # of these two one is where the contact belongs, and one is not
                records.append((topic, key, value, {"partition": partition, "headers": {"traceparent": TRACE}}))
            cls.sent[name] = (key, value)
        with cls.setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, records, **{"message.max.bytes": 3 * MIB})
            cls.setup.wait_done(h)
            cls.results = h.results()
            cls.by_class = {dict(ls).get("class"): v for (n, ls), v in h.metrics().items() if n == "hotlead_dead_letters_total" and v}
            cls.exit = h.stop()
        cls.log = h.log()
        cls.letters = cls.setup.dead_letters()
        cls.transitions = [o.value for o in cls.setup.transitions()]

    @classmethod
    def bad_records(cls):
        """name -> (key, value)"""
        avro = gen_events.AvroEncoder()
        ok = lambda name, **kw: avro(event(name, "page_viewed", url="/pricing", **kw))
        head = b"\0\0\0\0\1"
        sent = {
            "broken-framing": b"\1" + ok("broken-framing")[1:],
            "short-framing": b"\0\0\0",
            "empty-value": b"",
            "unknown-schema-id": b"\0\0\0\3\xe7" + ok("unknown-schema-id")[5:],
            "truncated": ok("truncated")[:-9],
            "negative-length": head + zigzag(-5) + b"abcdefgh",
            "huge-length": head + zigzag(1 << 40) + b"abcdefgh",
            "huge-map": ok("huge-map")[:-1] + zigzag(1 << 40) + b"\2a\2b",
            "endless-varint": head + b"\xff" * 12,
            "enum-out-of-range": b"\0\0\0\0\7" + text("e1") + text("enum-out-of-range") + zigzag(cls.now) + zigzag(9),
            "bad-union-branch": head + text("e2") + text("bad-union-branch") + zigzag(cls.now) + text("page_viewed") + zigzag(7),
            "invalid-utf8": head + text("e3") + text("invalid-utf8") + zigzag(cls.now) + text("page_viewed")
            + zigzag(1) + zigzag(4) + b"\xff\xfe/x" + zigzag(0) * 6 + b"\0\0",
            "missing-contact": avro(event("", "page_viewed")),
            "missing-event": avro({**event("missing-event", "page_viewed"), "event_id": ""}),
            "future": ok("future", occurred_at=cls.now + HOUR),
            "far-future": ok("far-future", occurred_at=1 << 60),
            "negative-time": ok("negative-time", occurred_at=-1),
            "null-value": None,
            "oversized": avro(event("oversized", "page_viewed", url="/" + "x" * (3 * MIB // 2))),
        }
        sent = {name: (name, value) for name, value in sent.items()}
        sent["null-key"] = (None, avro(event("null-key", "page_viewed", event_id="null-key")))
        return sent

    @classmethod
    def good_records(cls):
        avro = gen_events.AvroEncoder()
        sized = lambda n: avro(event("one-mib", "page_viewed", url="/pricing/" + "x" * n, event_id="one-mib-event"))
        length = MIB - 200
        while len(sized(length)) < MIB:
            length += 1
        enum = b"\0\0\0\0\7" + text("e4") + text("good-enum") + zigzag(cls.now) + zigzag(1)
        good = {
            "one-mib": sized(length),
            "good-enum": enum,
            "unknown-type": avro(event("unknown-type", "moon_landed")),
            "almost-future": avro(event("almost-future", "form_submitted", occurred_at=cls.now + 60_000)),
            "after-all": avro(event("after-all", "form_submitted", attributes=harness.GOOD_FIT, form="demo")),
        }
        return {name: (name, value) for name, value in good.items()}

    def letter(self, name):
        key, value = self.sent[name]
        found = [m for m in self.letters if (m.key() or b"") == (key or "").encode() and m.value() == value]
        self.assertEqual(len(found), 1, f"{len(found)} dead letters for {name}, of {len(self.letters)} in all")
        m = found[0]
        headers = {k: v.decode() for k, v in m.headers()}
        self.assertEqual(headers["source.topic"], self.setup.inputs[0])
        self.assertEqual(int(headers["source.partition"]), m.partition())
        self.assertGreaterEqual(int(headers["source.offset"]), 0)
        self.assertTrue(headers["error.message"])
        self.assertEqual(headers["traceparent"], TRACE)
        print(f"    {headers['error.class']}: {headers['error.message']}")
        return headers["error.class"]

    def dead(self, name, wanted):
        self.assertEqual(self.letter(name), wanted)

    def test_broken_framing(self):
        self.dead("broken-framing", "decode")

    def test_framing_cut_short(self):
        self.dead("short-framing", "decode")

    def test_empty_value(self):
        self.dead("empty-value", "decode")

    def test_unknown_schema_id(self):
        self.dead("unknown-schema-id", "schema")

    def test_truncated_record(self):
        self.dead("truncated", "decode")

    def test_negative_length(self):
        self.dead("negative-length", "decode")

    def test_length_beyond_the_record(self):
        self.dead("huge-length", "decode")

    def test_map_block_beyond_the_record(self):
        self.dead("huge-map", "decode")

    def test_varint_without_end(self):
        self.dead("endless-varint", "decode")

    def test_enum_out_of_range(self):
        self.dead("enum-out-of-range", "decode")

    def test_union_branch_out_of_range(self):
        self.dead("bad-union-branch", "decode")

    def test_invalid_utf8(self):
        self.dead("invalid-utf8", "decode")

    def test_missing_contact_id(self):
        self.dead("missing-contact", "missing-field")

    def test_missing_event_id(self):
        self.dead("missing-event", "missing-field")

    def test_null_key(self):
        self.dead("null-key", "missing-field")

    def test_a_record_in_a_partition_that_is_not_its_contact_s(self):
        self.dead("astray", "decode")
        self.dead("other-key", "decode")
        reasons = {m.key().decode(): dict(m.headers())["error.message"].decode() for m in self.letters if m.key()}
        self.assertIn("; its key is right, so its producer needs the murmur2 partitioner (librdkafka: murmur2_random)", reasons["astray"])
        self.assertIn("; its key is not its contact_id: key it by that, with the murmur2 partitioner", reasons["another-key"])

    def test_null_value(self):
        self.dead("null-value", "decode")

    def test_timestamp_in_the_future(self):
        self.dead("future", "clock")
        self.dead("far-future", "clock")

    def test_negative_timestamp(self):
        self.dead("negative-time", "clock")

    def test_oversized_record(self):
        self.dead("oversized", "too-large")

    def test_a_record_of_one_mebibyte_is_scored(self):
        self.assertEqual(len(self.sent["one-mib"][1]), MIB)
        state = self.setup.states()["one-mib"]
        self.assertAlmostEqual(state["score"], 8, delta=0.01)   # pricing, any-page, no-title

    def test_good_records_among_the_bad_ones_are_scored(self):
        moved = {t["contact_id"]: t["to"] for t in self.transitions}
        self.assertEqual(moved, {"good-enum": "subscriber", "almost-future": "subscriber", "after-all": "mql"})

    def test_nothing_else_is_a_dead_letter(self):
        self.assertEqual(len(self.letters), self.BAD)

    def test_the_trace_of_the_cause_is_passed_on(self):
        moved = [o for o in self.setup.transitions() if o.key == "after-all"]
        self.assertGreater(len(moved), 1)
        self.assertEqual({o.headers["traceparent"].decode() for o in moved}, {TRACE})

    def test_counters_balance(self):
        dead = sum(n for result, n in self.results.items() if result.startswith("dead"))
        print(f"    {dict(self.results)} {self.by_class}")
        self.assertEqual(dead, self.BAD)
        self.assertEqual(sum(self.by_class.values()), dead)
        self.assertEqual(sum(self.results.values()), len(self.sent) + 2)
        self.assertEqual(self.results["ignored"], 1)

    def test_it_ends_in_order_after_all_that(self):
        self.assertEqual(self.exit, 0, self.log[-2000:])


if __name__ == "__main__":
    unittest.main()
