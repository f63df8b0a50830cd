"""What `hotlead run` makes of events on a real Kafka is what `hotlead simulate` makes of the same events, and what it keeps in
Redis is explained to the last unit."""
import collections
import json
import subprocess
import time
import unittest

import gen_events
import harness

NOT_THE_SAME = {"emitted_at"}   # when it was written


def simulate(setup, events, *args):
    """Transitions; events: a list, or the text of JSON Lines."""
    lines = events if isinstance(events, str) else "".join(json.dumps(ev) + "\n" for ev in events)
    path = setup.dir / "events.jsonl"
    path.write_text(lines, encoding="utf-8")
    got = subprocess.run([harness.binary(), "simulate", "-m", setup.dir / "model.yaml", "-o", "json", *args, path],
                         capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert got.returncode == 0, got.stderr
    return [json.loads(line) for line in got.stdout.splitlines()]


def by_contact(transitions):
    found = collections.defaultdict(list)
    for t in transitions:
        same = {k: round(v, 9) if isinstance(v, float) else v for k, v in t.items() if k not in NOT_THE_SAME}
        for reason in same["reasons"]:
            reason["points"] = round(reason["points"], 9)   # simulate writes that many digits
        found[t["contact_id"]].append(same)
    return found


class SameAsSimulate(unittest.TestCase):
    def same(self, want, got):
        want, got = by_contact(want), by_contact(got)
        self.assertEqual(want.keys(), got.keys())
        for contact in want:
            self.assertEqual(want[contact], got[contact])

    def test_several_topics_and_partitions_give_the_transitions_of_simulate(self):
        """A contact's events are in one topic, so their order is known; time alone moves nobody under this model."""
        work, setup = harness.workload(40_000, 2000), harness.Setup()
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        with setup.run() as h:
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        want = simulate(setup, work.events)
        self.assertGreater(len(want), 1000)
        self.same(want, [o.value for o in setup.transitions()])

    def test_moves_by_time_are_those_of_simulate_in_each_partition(self):
        """Each partition of a single topic is a stream of its own, and its time is that of simulate."""
        setup = harness.Setup(partitions=4, inputs=["crm.activity"], format="json")
        text = harness.MODEL.read_text().replace("mql: {enter: 40.5}, sql: {enter: 90.5}",
                                                 "mql: {enter: 20.5, exit: 20.25}, sql: {enter: 40.5, exit: 40.25}")
        (setup.dir / "model.yaml").write_text(text.replace("half_life: 10d", "half_life: 12h"))
        events = gen_events.Generator(7, 2000, harness.start_of_events(), n=20_000)
        gen_events.produce(harness.kafka().bootstrap, ((setup.inputs[0], ev["contact_id"], json.dumps(ev)) for ev in events))
        partitions = collections.defaultdict(list)
        for m in harness.read_all(setup.inputs[0]):
            partitions[m.partition()].append(m.value().decode())
        until, want = int(time.time() * 1000), []
        for lines in partitions.values():
            want += simulate(setup, "\n".join(lines), "--until", str(until))
        self.assertEqual(len(partitions), 4)
        self.assertGreater(sum(t["cause"] == "decay" for t in want), 20)
        with setup.run() as h:
            setup.wait_done(h)
            harness.servers.wait_for(f"{len(want)} moves", lambda: h.metric("hotlead_transitions_total") >= len(want), 60)
            self.assertEqual(h.stop(), 0)
        self.same(want, [o.value for o in setup.transitions() if o.value["occurred_at"] <= until])

    def test_the_contacts_in_redis_are_explained_to_the_last_unit(self):
        work, setup = harness.workload(20_000, 1500), harness.Setup()
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        with setup.run() as h:
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        states = setup.states()
        some = sorted(states)[::len(states) // 100]
        for contact in some:
            got = self.explain(setup, contact, states[contact]["as_of"])
            units = got["fit_units"] + sum(r["now_units"] for r in got["rows"]) - sum(g["cap_units"] for g in got["groups"])
            self.assertEqual(units + got["manual_units"] + got["floor_units"], got["score_units"], contact)
            self.assertEqual(got["score_units"], round(states[contact]["score"] * 2 ** 32), contact)
            for key in ("stage", "kind", "visit", "seq", "grade"):
                self.assertEqual(got[key], states[contact][key], f"{key} of {contact}")
        print(f"    {len(some)} of {len(states)} contacts explained")

    def explain(self, setup, contact, at):
        command = [harness.binary(), "explain", contact, "-c", setup.dir / "one.yaml", "--at", str(at), "-o", "json"]
        got = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=30)
        self.assertEqual(got.returncode, 0, got.stderr)
        return json.loads(got.stdout)


if __name__ == "__main__":
    unittest.main()
