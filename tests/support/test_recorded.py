"""The check of long fault runs finds what it is there for: each kind of difference, made by hand."""
import pathlib
import sys
import tempfile
import unittest

import fastavro

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import recorded  # noqa: E402


def transition(contact, seq, **more):
    return {"transition_id": f"{contact}:{seq}", "contact_id": contact, "seq": seq, "to": "lead", **more}


def alert(clock, event, **more):
    return {"alert_id": f"{clock}:{event}", "contact_id": clock.split(":")[0], "event": event, **more}


def state(**more):
    return {"contact_id": "a", "stage": "lead", "kind": None, "visit": 1, "seq": 2, "grade": "A", "suspect": False, "owner": None, "fit": 1.0,
            "sla_due": None, "model_version": "1", "rows": [{"rule": "r", "points": 0.5, "count": 3}], **more}


class Recorded(unittest.TestCase):
    WANT = [transition("a", 1), transition("a", 2), transition("b", 1)]

    def found(self, look, *args):
        found = recorded.Found()
        look(*args, found)
        return found

    def transitions(self, got):
        return self.found(lambda want, have, found: found.records(want, have, "transition_id", "seq"), self.WANT, got)

    def finds(self, found, sentence, lost=0, doubled=0, unordered=0):
        self.assertEqual((found.lost, found.doubled, found.unordered), (lost, doubled, unordered), found.wrong)
        self.assertIn(sentence, found.wrong)

    def test_equal_records_are_equal_whatever_the_order_of_contacts(self):
        found = self.transitions([self.WANT[2], *self.WANT[:2]])
        self.assertEqual((found.wrong, found.lost, found.doubled, found.unordered), ([], 0, 0, 0))

    def test_transitions_that_are_lost_doubled_unordered_altered_or_made_up(self):
        a1, a2, b1 = self.WANT
        self.finds(self.transitions([a1, b1]), "a:2 is not there", lost=1)
        self.finds(self.transitions([a1, a2, b1, a2]), "a:2 comes twice", doubled=1)
        self.finds(self.transitions([a2, a1, b1]), "a:1 comes after seq 2", unordered=1)
        self.finds(self.transitions([a1, {**a2, "to": "mql"}, b1]), "a:2: to: 'lead' expected, got 'mql'")
        self.finds(self.transitions([*self.WANT, transition("b", 2)]), "b:2 is not expected")

    def test_alerts_of_a_clock(self):
        want = [alert("a:1:call", "due", at=1), alert("a:1:call", "met", at=2), alert("b:1:call", "due", at=1), alert("b:1:call", "breached", at=9)]
        alerts = lambda got: self.found(recorded.compare_alerts, want, got)
        self.assertEqual(alerts(want).wrong, [])
        self.assertEqual(alerts([*want[:3]]).wrong, [], "b's deadline was called off")
        self.assertEqual(alerts([want[0], alert("a:1:call", "breached", at=2), *want[2:]]).wrong, [], "a's had passed before the answer came")
        self.finds(alerts(want[1:]), "a:1:call:due is not there", lost=1, unordered=1)
        self.finds(alerts([want[0], *want[2:]]), "a:1:call has no end", lost=1)
        self.finds(alerts([*want, alert("b:1:call", "met", at=9)]), "b:1:call has 2 ends", doubled=1)
        self.finds(alerts([{**want[0], "at": 5}, *want[1:]]), "a:1:call:due: at: 1 expected, got 5")

    def test_states(self):
        states = lambda got: self.found(recorded.compare_states, [state()], got)
        self.assertEqual(states({"a": state()}).wrong, [])
        self.finds(states({}), "a has no state", lost=1)
        self.finds(states({"a": state(), "b": state(contact_id="b")}), "b has a state and no events")
        self.finds(states({"a": state(stage="mql")}), "state of a: stage: 'lead' expected, got 'mql'")
        self.finds(states({"a": state(rows=[{"rule": "r", "points": 0.5, "count": 2}])}), "state of a: scored {'r': 3} expected, got {'r': 2}")

    def test_the_container_file_is_one(self):
        schema = recorded.harness.schema("event")
        ev = {"event_id": "1", "contact_id": "a", "occurred_at": 1_700_000_000_000, "type": "page_viewed", "url": "/"}
        encoded = recorded.io.BytesIO()
        fastavro.schemaless_writer(encoded, schema, ev)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "events.avro"
            container = recorded.Container(path)
            for _ in range(5000):
                container.add(encoded.getvalue())
            container.close()
            with open(path, "rb") as f:
                read = list(fastavro.reader(f))
        self.assertEqual((container.count, len(read)), (5000, 5000))
        self.assertEqual({r["contact_id"] for r in read}, {"a"})
        self.assertEqual(recorded.event_of(b"\0\0\0\0\1" + encoded.getvalue())["occurred_at"], ev["occurred_at"])


if __name__ == "__main__":
    unittest.main()
