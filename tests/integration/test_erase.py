"""Erasure on a real Kafka and Redis: a tombstone, a grave that does not name the contact, nothing comes back: not by late events, not by a restart,
not from Redis, not by a replay of the input after kill -9."""
import json
import signal
import unittest

import gen_events
import harness
import servers

T0 = 1_767_225_600_000
MINUTE = 60_000
GRAVE = b"\0grave:"


def event(n, contact, minute, kind, **attributes):
    return contact, json.dumps({"event_id": f"e{n}", "contact_id": contact, "occurred_at": T0 + minute * MINUTE, "type": kind,
                                "attributes": attributes}).encode()


class Erase(unittest.TestCase):
    def setUp(self):
        self.setup = harness.Setup(inputs=["web.engagement"], partitions=2, format="json", threads=1)
        self.n = 0

    def send(self, *events):
        records = []
        for contact, minute, kind, attributes in events:
            self.n += 1
            key, value = event(self.n, contact, minute, kind, **attributes)
            records.append((self.setup.inputs[0], key, value))
        gen_events.produce(harness.kafka().bootstrap, records)

    def of(self, what, contact):
        return [(o.value["seq"], o.value["to"]) for o in what() if o.value["contact_id"] == contact]

    def raw_state(self):
        last = {}
        for m in harness.read_all(self.setup.out["state"]):
            last[m.key()] = m.value()
        return last

    def life(self, *contacts):
        for c in contacts:
            self.send((c, 1, "form_submitted", {"country": "US", "email": f"{c}@corp.example"}), (c, 2, "page_viewed", {}))

    def test_nothing_comes_back(self):
        s = self.setup
        self.life("ann", "bob")
        h = s.run()
        s.wait_done(h)
        self.assertEqual([to for _, to in self.of(s.transitions, "ann")], [to for _, to in self.of(s.transitions, "bob")])
        before = self.of(s.transitions, "ann")
        self.assertTrue(before)
        self.send(("ann", 10, "contact_erased", {}), ("ann", 9, "form_submitted", {"country": "US"}))
        s.wait_done(h)
        servers.wait_for("a tombstone", lambda: b"ann" in self.raw_state() and self.raw_state()[b"ann"] is None, 30, every=0.3)
        state = self.raw_state()
        graves = [k for k in state if k.startswith(GRAVE)]
        self.assertEqual(len(graves), 1)
        self.assertNotIn(b"ann", graves[0] + state[graves[0]])
        self.assertEqual(h.get("/v1/contacts/ann")[0], 404)
        h.stop()
        # a restart from Redis, then late events, then one that is newer
        h = s.run()
        self.send(("ann", 8, "demo_requested", {"country": "US"}), ("ann", 10, "form_submitted", {}))
        s.wait_done(h)
        self.assertEqual(self.of(s.transitions, "ann"), before)
        self.assertIsNone(self.raw_state()[b"ann"])
        self.send(("ann", 11, "form_submitted", {"country": "US"}))
        s.wait_done(h)
        again = self.of(s.transitions, "ann")[len(before):]
        self.assertEqual(again[0], (1, "subscriber"))
        h.stop()
        self.assertIsNotNone(self.raw_state()[b"ann"])
        # from the state topic alone, with bob as he was
        harness.redis().call("FLUSHALL")
        h = s.run()
        self.send(("ann", 7, "page_viewed", {}), ("bob", 12, "page_viewed", {}))
        s.wait_done(h)
        self.assertEqual(self.of(s.transitions, "ann"), before + again)
        h.stop()
        self.assertIn("bob", {v["contact_id"] for v in s.states().values()})

    def test_a_crash_after_the_erasure_replays_nobody_back_to_life(self):
        s = self.setup
        s.config["checkpoint"] = {"interval": "60s", "max_replay": "120s"}
        self.life("ann", "bob")
        h = s.run()
        s.wait_done(h)
        self.send(("ann", 10, "contact_erased", {}), ("bob", 10, "page_viewed", {}))
        s.wait_done(h)
        before = self.of(s.transitions, "ann")
        h.child.send_signal(signal.SIGKILL)
        h.child.wait()
        h = s.run()
        h.wait_ready()
        self.send(("ann", 9, "form_submitted", {"country": "US"}), ("bob", 12, "page_viewed", {}))
        s.wait_done(h)
        h.stop()
        self.assertEqual(self.of(s.transitions, "ann"), before)
        self.assertIsNone(self.raw_state()[b"ann"])

    def test_an_id_that_begins_with_nul_is_a_dead_letter(self):
        s = self.setup
        self.send(("\0grave:" + "0" * 32, 1, "page_viewed", {}))
        h = s.run()
        s.wait_done(h)
        h.stop()
        self.assertIn(b"NUL byte", dict(s.dead_letters()[0].headers())["error.message"])


if __name__ == "__main__":
    unittest.main()
