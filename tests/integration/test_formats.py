"""Other shapes on the wire: a schema registry with evolved writer schemas, JSON, the Segment shape, mapped fields, aliases."""
import json
import time
import unittest
from datetime import datetime, timezone

import gen_events
import harness
import servers
from harness import GOOD_FIT, event

CANONICAL = json.loads((harness.ROOT / "schemas" / "event.avsc").read_text())


def fields(**changes):
    """The canonical fields, some replaced."""
    return [changes.get(f["name"], f) for f in CANONICAL["fields"]]


LONG = {"type": "long", "logicalType": "timestamp-millis"}
WRITERS = {
    11: ("reordered", {**CANONICAL, "fields": list(reversed(CANONICAL["fields"]))}),
    12: ("added", {**CANONICAL, "fields": [{"name": "zeroth", "type": {"type": "array", "items": ["null", "double"]}}]
                   + CANONICAL["fields"] + [{"name": "last", "type": {"type": "record", "name": "X", "fields": [
                       {"name": "a", "type": {"type": "fixed", "name": "F", "size": 3}}, {"name": "b", "type": "bytes"}]}}]}),
    13: ("dropped", {**CANONICAL, "fields": [f for f in CANONICAL["fields"] if f["name"] not in ("machine", "reason", "campaign")]}),
    14: ("promoted", {**CANONICAL, "fields": fields(event_id={"name": "event_id", "type": "bytes"},
                                                    form={"name": "form", "type": "string"})}),
    15: ("aliased", {**CANONICAL, "fields": fields(contact_id={"name": "contactId", "type": "string"},
                                                   occurred_at={"name": "occurredAt", "type": LONG})}),
    16: ("null-last", {**CANONICAL, "fields": fields(form={"name": "form", "type": ["string", "null"], "default": "demo"})}),
}


class FromRegistry(unittest.TestCase):
    def record(self, topic, name, schema_id, schema):
        ev = event(name, "form_submitted", form="demo", attributes=GOOD_FIT)
        ev.update(zeroth=[1.5, None], last={"a": b"123", "b": b"456"}, contactId=name, occurredAt=ev["occurred_at"])
        if schema_id == 14:
            ev["event_id"] = ev["event_id"].encode()
        return topic, name, gen_events.AvroEncoder(schema, schema_id)(ev)

    def test_evolved_writer_schemas_resolve(self):
        with servers.Registry({i: s for i, (_, s) in WRITERS.items()}) as registry:
            setup = harness.Setup(partitions=2, inputs=["web.engagement"])
            setup.use_registry(registry)
            records = [self.record(setup.inputs[0], name, i, s) for i, (name, s) in WRITERS.items()] * 2
            gen_events.produce(harness.kafka().bootstrap, records)
            with setup.run() as h:
                setup.wait_done(h)
                self.assertEqual(h.stop(), 0)
        self.assertEqual([m.headers() for m in setup.dead_letters()], [])
        states = setup.states()
        self.assertEqual({n: s["stage"] for n, s in states.items()}, {name: "mql" for name, _ in WRITERS.values()})
        asked = [p.split("?")[0] for p in registry.asked if p.startswith("/schemas/ids/")]
        self.assertEqual(sorted(set(asked)), sorted(f"/schemas/ids/{i}" for i in WRITERS))
        print(f"    {len(asked)} requests for {len(WRITERS)} schemas")

    def test_an_id_that_the_registry_does_not_know_is_a_dead_letter(self):
        with servers.Registry({}) as registry:
            setup = harness.Setup(partitions=1, inputs=["web.engagement"], threads=1)
            setup.use_registry(registry)
            gen_events.produce(harness.kafka().bootstrap, [self.record(setup.inputs[0], "lost", 4711, CANONICAL)])
            with setup.run() as h:
                setup.wait_done(h)
                self.assertEqual(h.stop(), 0)
        self.assertEqual([dict(m.headers())["error.class"] for m in setup.dead_letters()], [b"schema"])

    def test_a_registry_that_is_away_pauses_and_loses_nothing(self):
        with servers.Registry({21: CANONICAL}) as registry:
            setup = harness.Setup(partitions=1, inputs=["web.engagement"], threads=1)
            setup.use_registry(registry)
            with setup.run() as h:
                h.wait_ready()
                registry.down = True
                gen_events.produce(harness.kafka().bootstrap, [self.record(setup.inputs[0], "waits", 21, CANONICAL)])
                servers.wait_for("request to the registry", lambda: "/schemas/ids/21" in "".join(registry.asked), 60)
                time.sleep(2)
                self.assertEqual((setup.committed(), len(setup.dead_letters())), (0, 0))
                self.assertEqual(h.get("/livez")[0], 200)
                registry.down = False
                setup.wait_done(h)
                self.assertEqual(h.stop(), 0)
            self.assertEqual(setup.dead_letters(), [])
            self.assertEqual([o.value["to"] for o in setup.transitions()], ["subscriber", "lead", "mql"])

    def test_a_registry_that_is_away_at_start_is_named(self):
        with servers.Registry({}) as registry:
            registry.down = True
            setup = harness.Setup(partitions=1, inputs=["web.engagement"], threads=1, kafka={"startup_timeout": "3s"})
            setup.use_registry(registry)
            with setup.run() as h:
                code = h.wait_exit()
        print("    " + h.log().strip().splitlines()[-1])
        self.assertEqual(code, 69)
        self.assertIn("registry", h.log())


class Json(unittest.TestCase):
    def score(self, records, format="json", **input_options):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], format=format)
        setup.config["inputs"][0].update(input_options)
        gen_events.produce(harness.kafka().bootstrap, [
            (setup.inputs[0], key, value if isinstance(value, bytes) else json.dumps(value).encode()) for key, value in records])
        with setup.run() as h:
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
            setup.log = h.log()
        return setup

    def lines(self, setup, name):
        return [line.partition(f" event={name} ")[2] for line in setup.log.splitlines() if f" event={name} " in line]

    def test_types_that_are_not_known_are_told_once_each_and_not_without_end(self):
        now = int(time.time() * 1000)
        types = ["page_view", "page_view"] + [f"strange_{i}" for i in range(30)]
        setup = self.score([(f"c{i}", event(f"c{i}", t, occurred_at=now)) for i, t in enumerate(types)])
        told = self.lines(setup, "unknown_type")
        self.assertEqual(len(told), 20)
        self.assertIn(f"topic={setup.inputs[0]} type=\"page_view\" message=\"events of this type are counted and ignored, did you mean 'page_viewed'?\"", told)
        self.assertEqual(self.lines(setup, "unknown_types"), ['told=20 message="further unknown types are counted, and not told"'])

    def test_seconds_that_are_taken_for_milliseconds_are_told_once(self):
        now = int(time.time())
        records = [(f"c{i}", {"id": str(i), "who": f"c{i}", "at": now + i, "what": "form_submitted"}) for i in range(6)]
        fields = {"event_id": "id", "contact_id": "who", "occurred_at": "at", "type": "what"}
        told = self.lines(self.score(records, fields=fields), "early_event")
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], r"^topic=\S+ occurred_at=1970-01-2\dT\S+Z message=\"before March 1973; if the numbers in 'at' count seconds, "
                                  r"set time_unit: s for this input\"$")
        self.assertEqual(self.lines(self.score(records, fields=fields, time_unit="s"), "early_event"), [])

    def stages(self, setup):
        return {n: s["stage"] for n, s in setup.states().items()}

    def test_canonical_names_equal_the_reference(self):
        work = harness.Workload(5000, 400, seed=3)
        setup = self.score([(ev["contact_id"], ev) for ev in work.events])
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_broken_json_is_a_dead_letter(self):
        setup = self.score([("a", b'{"event_id": "1", '), ("b", b"[1, 2]"), ("c", b"not json"), ("d", b'{"event_id": "1"}'),
                            ("e", event("e", "form_submitted"))])
        self.assertEqual({m.key(): dict(m.headers())["error.class"] for m in setup.dead_letters()},
                         {b"a": b"decode", b"b": b"decode", b"c": b"decode", b"d": b"missing-field"})
        self.assertEqual(self.stages(setup), {"e": "subscriber"})

    def test_the_segment_shape(self):
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        base = {"timestamp": now, "context": {"page": {"url": "https://www.example.com/pricing?x=1"}, "library": {"name": "js"}}}
        setup = self.score([
            ("ann", {**base, "messageId": "m1", "userId": "ann", "type": "identify", "traits": GOOD_FIT}),
            ("ann", {**base, "messageId": "m2", "userId": "ann", "anonymousId": "x", "type": "track", "event": "page_viewed",
                     "properties": {"plan": "pro", "nested": {"n": 1}}}),
            ("anon", {**base, "messageId": "m3", "anonymousId": "anon", "type": "track", "event": "Page Viewed", "properties": {}}),
        ], "segment", aliases={"Page Viewed": "page_viewed", "identify": "contact_identified"})
        states = setup.states()
        self.assertEqual([m.headers() for m in setup.dead_letters()], [])
        self.assertEqual(sorted(states), ["ann", "anon"])
        self.assertAlmostEqual(states["ann"]["fit"], 35)
        self.assertAlmostEqual(states["ann"]["behavior"], 11, delta=0.01)
        self.assertAlmostEqual(states["anon"]["behavior"], 11, delta=0.01)

    def test_mapped_fields(self):
        now = int(time.time() * 1000)
        setup = self.score([("bo", {"id": "1", "user": {"id": "bo"}, "ts": now, "event_name": "form_submitted",
                                    "data": {"form": "demo"}, "traits": GOOD_FIT})],
                           fields={"event_id": "id", "contact_id": "user.id", "occurred_at": "ts", "type": "event_name",
                                   "form": "data.form", "attributes": "traits"})
        self.assertEqual([m.headers() for m in setup.dead_letters()], [])
        self.assertEqual(self.stages(setup), {"bo": "mql"})

    def test_the_webhooks_of_a_mail_service_as_they_come(self):
        def click(n, **more):
            return ("cy@x.example", {"signature": {"token": "t"}, "event-data": {
                "id": str(n), "timestamp": time.time(), "recipient": "cy@x.example", "tags": ["spring"], "event": "clicked", **more}})

        setup = self.score([click(1, url="https://x.example/", **{"client-info": {"bot": ""}}), click(1), click(2, **{"client-info": {"bot": "apple"}}),
                            click(3, event="failed", severity="temporary"), click(4, timestamp="yesterday")],
                           mapping=str(harness.ROOT / "config" / "examples" / "inputs" / "mailgun.yaml"))
        dead = [dict(m.headers()) for m in setup.dead_letters()]
        self.assertEqual([d["error.class"] for d in dead], [b"decode"])
        self.assertIn(b"neither seconds nor RFC 3339", dead[0]["error.message"])
        state = setup.states()["cy@x.example"]
        self.assertAlmostEqual(state["behavior"], 3, delta=0.01)   # one click: not the same again, not a machine's


if __name__ == "__main__":
    unittest.main()
