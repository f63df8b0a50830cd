"""A second model beside the live one: its figures are those of simulate and of the reference on the same events, and nothing of it leaves the process."""
import collections
import json
import os
import subprocess
import time
import unittest

import gen_events
import harness
import reference
import servers
from test_reload import A, B, await_reload, hup

COOLING = (A.replace("mql: {enter: 40.5}, sql: {enter: 90.5}", "mql: {enter: 40.5, exit: 38.5}, sql: {enter: 60.5, exit: 55.5}").replace("half_life: 10d", "half_life: 2d"))
WARMER = COOLING.replace('"it.1"', '"it.3"').replace("exit: 38.5", "exit: 35.5").replace("mql: {enter: 40.5", "mql: {enter: 36.5")


def moves(transitions):
    return collections.Counter((t["from"], t["to"]) for t in transitions)


class Shadow(unittest.TestCase):
    def shadowed(self, live=A, shadow=B, **config):
        setup = harness.Setup(shadow={"model": "shadow.yaml"}, **config)
        (setup.dir / "model.yaml").write_text(live)
        (setup.dir / "shadow.yaml").write_text(shadow)
        return setup

    def told(self, h, limit=1000):
        status, body = h.get(f"/v1/shadow?limit={limit}")
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def simulated(self, setup, events):
        path = setup.dir / "events.jsonl"
        path.write_text("".join(json.dumps(ev) + "\n" for ev in events))
        got = subprocess.run([harness.binary(), "simulate", "--model", setup.dir / "model.yaml", "--against", setup.dir / "shadow.yaml", "-o", "json", path],
                             capture_output=True, text=True, timeout=120)
        self.assertEqual(got.returncode, 0, got.stderr)
        return json.loads(got.stdout)

    def agrees(self, told, h, live, shadow, least=10):
        """Both scorers of the reference: stages, who differs, moves; in the answer and in the metrics."""
        known = {c.id: c.stage for c in live.contacts.values()}
        other = {c.id: c.stage for c in shadow.contacts.values()}
        pairs = collections.Counter((stage, other[c]) for c, stage in known.items())
        self.assertEqual({(p["live"], p["shadow"]): p["contacts"] for p in told["pairs"]}, pairs)
        differ = {c for c in known if known[c] != other[c]}
        self.assertGreaterEqual(len(differ), least)
        self.assertEqual((told["contacts"], told["differ"]), (len(known), len(differ)))
        self.assertLessEqual({d["contact_id"]: (d["live"], d["shadow"]) for d in told["differing"]}.items(), {c: (known[c], other[c]) for c in differ}.items())
        self.assertEqual(len(told["differing"]), min(1000, len(differ)))
        for column, scorer in (("live_only", live), ("shadow_only", shadow)):
            self.assertEqual({(t["from"], t["to"]): t["both"] + t[column] for t in told["transitions"] if t["both"] + t[column]}, moves(scorer.transitions))
        for p in told["pairs"]:
            self.assertEqual(h.metric("hotlead_shadow_contacts", live=p["live"], shadow=p["shadow"]), p["contacts"])
        for t in told["transitions"]:
            for under, key in (("both", "both"), ("live", "live_only"), ("shadow", "shadow_only")):
                self.assertEqual(h.metric("hotlead_shadow_transitions_total", **{"from": t["from"], "to": t["to"], "under": under}), t[key])

    def test_it_counts_what_simulate_counts_and_changes_nothing(self):
        work, setup = harness.workload(30_000, 1500), self.shadowed()
        shadow = reference.run(B, work.events, True, int(time.time() * 1000), follow=False)
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        with setup.run() as h:
            setup.wait_done(h)
            told, sim = self.told(h), self.simulated(setup, work.events)
            self.assertEqual([(s["stage"], s["live"], s["shadow"], s["change"]) for s in told["stages"]],
                             [(s["stage"], s["a"], s["b"], s["change"]) for s in sim["stages"]])
            self.assertEqual((told["contacts"], told["differ"]), (sim["contacts"], sim["differ"]["stage"]))
            self.assertEqual((told["live"], told["shadow"], told["refused"]), (sim["a"], sim["b"], None))
            self.agrees(told, h, work.scorer, shadow)
            self.assertEqual(sum(t["both"] for t in told["transitions"]) + sum(t["live_only"] for t in told["transitions"]), len(work.scorer.transitions))
            self.assertEqual(len(self.told(h, 3)["differing"]), 3)
            self.assertEqual(h.metric("hotlead_shadow_model_info", model="integration", version="it.2"), 1)
            self.assertEqual(h.stop(), 0)
        out = setup.transitions()
        wrong = harness.differences(work.scorer.transitions, [o.value for o in out])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual({o.value["model_version"] for o in out}, {"it.1"})

    def test_time_acts_on_both(self):
        for live, shadow in ((COOLING, WARMER), (A, WARMER)):
            setup = self.shadowed(live, shadow, partitions=1, inputs=["web.engagement"], threads=1)
            events = list(gen_events.Generator(5, 2000, harness.start_of_events(), n=20_000))
            until = int(time.time() * 1000)
            ref = [reference.run(text, events, time_acts=True, until=until) for text in (live, shadow)]
            self.assertGreater(sum(t["cause"] == "decay" for t in ref[1].transitions), 10)
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(events, setup.inputs))
            with setup.run() as h:
                setup.wait_done(h)
                done = lambda: h.metric("hotlead_shadow_transitions_total", under="both") + h.metric("hotlead_shadow_transitions_total", under="shadow") >= len(ref[1].transitions)
                servers.wait_for("moves by time", done, 60)
                self.agrees(self.told(h), h, *ref, least=1)
                self.assertEqual(h.stop(), 0)
            wrong = harness.differences(ref[0].transitions, [o.value for o in setup.transitions()])
            self.assertEqual(wrong, [], "\n".join(wrong))

    def test_it_begins_anew_from_the_live_contacts(self):
        """After a restart, with a new shadow, and with a new live model; a bad shadow stays away."""
        work, setup = harness.workload(20_000, 1500), self.shadowed()
        gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
        with setup.run() as h:
            setup.wait_done(h)
            self.assertGreater(self.told(h)["differ"], 0)
            self.assertEqual(h.stop(), 0)
        with setup.run() as h:
            h.wait_ready()
            told = self.told(h)
            self.assertEqual((told["differ"], told["transitions"], told["differing"]), (0, [], []))
            self.assertGreater(told["contacts"], 500)
            self.assertAlmostEqual(told["since"] / 1000, time.time(), delta=60)
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
            setup.wait_done(h)
            apart = self.told(h)
            self.assertGreater(apart["differ"], 0)
            self.replace(setup, "shadow.yaml", "model: [")
            hup(h)
            servers.wait_for("a refusal", lambda: h.metric("hotlead_model_reloads_total", role="shadow", result="refused") == 1, 30)
            self.assertEqual(h.metric("hotlead_model_last_reload_successful", role="live"), 1)
            self.assertEqual(h.metric("hotlead_model_last_reload_successful", role="shadow"), 0)
            self.assertRegex(h.log(), r"event=model_refused role=shadow reason=.*shadow\.yaml:\d")
            told = self.told(h)
            self.assertRegex(told["refused"], r"shadow\.yaml:\d")
            self.assertEqual((told["differ"], told["shadow"]["version"]), (apart["differ"], "it.2"))
            self.replace(setup, "shadow.yaml", B.replace('"it.2"', '"it.4"'))
            hup(h)
            servers.wait_for("a new shadow", lambda: h.metric("hotlead_model_reloads_total", role="shadow", result="applied") == 1, 30)
            told = self.told(h)
            self.assertEqual((told["differ"], told["contacts"], told["shadow"]["version"], told["refused"]), (0, apart["contacts"], "it.4", None))
            self.assertGreater(told["since"], apart["since"])
            self.replace(setup, "model.yaml", A.replace('"it.1"', '"it.5"'))
            hup(h)
            servers.wait_for("a new live model", lambda: h.metric("hotlead_model_reloads_total", role="live", result="applied") == 1, 30)
            servers.wait_for("the contacts", lambda: self.told(h)["contacts"] == apart["contacts"], 30)
            self.assertEqual(h.stop(), 0)
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))

    @staticmethod
    def replace(setup, name, text):
        (setup.dir / "new").write_text(text)
        os.replace(setup.dir / "new", setup.dir / name)

    def test_an_erased_contact_leaves_it_and_old_events_bring_nobody_back(self):
        setup, now = self.shadowed(shadow=A, partitions=1, inputs=["web.engagement"], threads=1), int(time.time() * 1000)
        form = lambda who, at: harness.event(who, "form_submitted", occurred_at=at, attributes=harness.GOOD_FIT, form="newsletter")
        with setup.run() as h:
            h.wait_ready()
            for events, contacts in (([form("ann", now - 5000), form("bob", now - 5000)], 2), ([harness.event("ann", "contact_erased", occurred_at=now - 3000)], 1),
                                     ([form("ann", now - 4000)], 1), ([form("ann", now - 1000)], 2), ([form("ann", now - 3500)], 2)):
                gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(events, setup.inputs))
                setup.wait_done(h)
                self.assertEqual(self.told(h)["contacts"], contacts)
            self.assertEqual(self.told(h)["differ"], 0)
            self.assertEqual(h.stop(), 0)

    def test_kill_9_and_a_rebalance_leave_the_live_outcome_alone(self):
        work, setup = harness.workload(40_000, 1500), self.shadowed()
        gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
        with setup.run() as one:
            one.wait_ready()
            with setup.run("two") as two:
                two.wait_ready()
                servers.wait_for("both to hold contacts", lambda: self.told(one)["contacts"] and self.told(two)["contacts"], 60)
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
                two.kill()
            with setup.run("two") as two:
                setup.wait_done(one)
                sums = lambda: self.told(one)["contacts"] + self.told(two)["contacts"]
                servers.wait_for("every contact in one of the two", lambda: sums() == len({ev["contact_id"] for ev in work.events}), 60)
                self.assertEqual((one.stop(), two.stop()), (0, 0))
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_without_one_there_is_nothing_of_it_and_a_bad_one_is_named(self):
        setup = harness.Setup(partitions=1, threads=1)
        with setup.run() as h:
            h.wait_ready()
            status, body = h.get("/v1/shadow")
            self.assertEqual((status, json.loads(body)["detail"]), (404, "no second model is tried; shadow.model of the configuration names one"))
            self.assertNotIn("\nhotlead_shadow_", h.get("/metrics")[1].replace("\n# HELP hotlead_shadow_", "").replace("\n# TYPE hotlead_shadow_", ""))
            self.assertEqual(h.stop(), 0)
        setup = self.shadowed(shadow=B.replace("points: 20}", "pionts: 20}"))
        with setup.run() as h:
            self.assertEqual(h.wait_exit(), 78)
            self.assertRegex(h.log(), r"shadow\.yaml:\d+:\d+: error: unknown key 'pionts'")
        got = subprocess.run([harness.binary(), "check", "-c", setup.dir / "one.yaml"], capture_output=True, text=True, timeout=30)
        self.assertEqual(got.returncode, 78)
        self.assertRegex(got.stderr, r"shadow\.yaml:\d+:\d+: error: unknown key 'pionts'")


if __name__ == "__main__":
    unittest.main()
