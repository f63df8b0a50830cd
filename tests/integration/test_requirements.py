"""Requirements that take a running scorer to show. The others: tests/golden/test_requirements.py."""
import json
import subprocess
import time
import unittest

import gen_events
import harness

SAMPLE = harness.ROOT / "config" / "model.yaml"
MINUTE = 60_000


class Requirements(unittest.TestCase):
    def feed(self, setup, events):
        gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(events, setup.inputs))

    def ranked(self, setup, *args):
        got = subprocess.run([harness.binary(), "rank", "-c", setup.dir / "one.yaml", "-o", "json", *args],
                             capture_output=True, text=True, encoding="utf-8", timeout=30)
        self.assertEqual(got.returncode, 0, got.stderr)
        return [(c["contact_id"], c["score"]) for c in json.loads(got.stdout)["contacts"]]

    def test_R11_the_hottest_come_first_and_a_deadline_that_passes_is_told(self):
        setup, now = harness.Setup(model=SAMPLE, inputs=["crm.activity"], partitions=3), int(time.time() * 1000)

        def contact(name, points, *more, at=now - 20 * MINUTE):
            yield harness.event(name, "form_submitted", occurred_at=at, form="newsletter", attributes=harness.GOOD_FIT)
            yield harness.event(name, "score_adjusted", occurred_at=at, attributes={"points": str(points)})
            yield from (harness.event(name, kind, occurred_at=at) for kind in more)

        self.feed(setup, [*contact("warm", 62), *contact("hot", 90), *contact("raised", 62, "demo_requested"),
                          *contact("cold", 1), *contact("out", 500, "lead_disqualified"),
                          *contact("served", 70, "demo_requested", "lead_accepted")])
        fit = 15   # of GOOD_FIT: company_size
        with setup.run() as h:
            setup.wait_done(h)
            harness.servers.wait_for("breach", lambda: any(a["event"] == "breached" for a in self.alerts(setup)), 60, every=0.5)
            served = json.loads(h.get("/v1/rank?stage=mql")[1])
            self.assertEqual(h.stop(), 0)
        mqls = [("hot", 90 + fit), ("raised", 62 + fit), ("warm", 62 + fit)]
        self.assertEqual(self.ranked(setup, "--stage", "mql"), mqls, "who raised a hand is before who did not")
        self.assertEqual([(c["contact_id"], c["score"]) for c in served["contacts"]], mqls)
        self.assertEqual(self.ranked(setup), [mqls[0], ("served", 70 + fit), *mqls[1:], ("cold", 1 + fit)],
                         "the disqualified are left out")
        alerts = {(a["contact_id"], a["sla"], a["event"]): a for a in self.alerts(setup)}
        breach = alerts["raised", "first-contact", "breached"]
        self.assertEqual(harness.millis(breach["at"]), now - 15 * MINUTE, "five minutes after the hand was raised")
        self.assertEqual(breach["owner"], {o.key: o.value["owner"] for o in setup.transitions()}["raised"])
        self.assertIn(("served", "first-contact", "met"), alerts)
        self.assertNotIn(("warm", "follow-up", "breached"), alerts, "a day has not passed")

    def alerts(self, setup):
        return [harness.Out(m, "alert", 4).value for m in harness.read_all(setup.out["alerts"])]


if __name__ == "__main__":
    unittest.main()
