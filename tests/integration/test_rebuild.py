"""The state topic and Redis are lost, the input is kept: `hotlead rebuild`, and then everything goes on as if nothing had happened."""
import functools
import json
import subprocess
import time
import unittest

import yaml
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

import gen_events
import harness
import live
import servers


def call(*words, timeout=120):
    """(exit status, stdout, stderr) of a command."""
    done = subprocess.run([harness.binary(), *map(str, words)], capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


class Rebuild(unittest.TestCase):
    @functools.cached_property
    def admin(self):
        return AdminClient({"bootstrap.servers": harness.kafka().bootstrap})

    def lose_state(self, setup):
        """The state topic is deleted, Redis is emptied."""
        harness.redis().call("FLUSHALL")
        self.admin.delete_topics([setup.out["state"]])[setup.out["state"]].result(30)
        servers.wait_for("deletion of the topic", lambda: setup.out["state"] not in self.admin.list_topics(timeout=10).topics, 30, every=0.2)

    def wait_empty_group(self, setup):
        """A member that was killed counts until its session is over."""
        members = lambda: len(self.admin.describe_consumer_groups([setup.group])[setup.group].result(10).members)
        servers.wait_for("end of the killed member's session", lambda: members() == 0, 60, every=0.5)

    def refused(self, got, code, *words):
        self.assertEqual(got[0], code, got)
        self.assertEqual(got[1], "")
        for word in words:
            self.assertIn(word, got[2])

    def config(self, setup, **more):
        path = setup.dir / "rebuild.yaml"
        path.write_text(yaml.safe_dump({**setup.config, **more}, sort_keys=False))
        return path

    def rebuild(self, config, *words):
        code, out, err = call("rebuild", "-c", config, "-o", "json", *words)
        self.assertEqual((code, err), (0, ""), (code, out[:300], err))
        return json.loads(out)

    def test_run_kill_lose_everything_rebuild_and_run_on(self):
        setup = harness.Setup(kafka={"session.timeout.ms": 6000})
        work = harness.workload(20_000, 1500)
        records, half = list(work.records(setup)), 9_000
        config = self.config(setup)
        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, records[:half])
            setup.wait_done(h)
            self.refused(call("rebuild", "-c", config, "--yes"), 75, f"group '{setup.group}' has", "members; stop them first")
            h.kill()
        self.lose_state(setup)
        before = setup.transitions()
        self.refused(call("rebuild", "-c", config), 64, "it writes over the state of all contacts: --dry-run says what would be done, --yes does it")
        self.wait_empty_group(setup)
        with setup.run() as h:   # nothing starts anew in silence
            self.assertEqual(h.wait_exit(), 65, h.log()[-3000:])
            self.assertRegex(h.log(), r"lead.state \[\d\] has reached offset \d+ and ends at 0 now: its contacts are lost. 'hotlead rebuild' makes them anew")
        self.wait_empty_group(setup)
        plan = self.rebuild(config, "--dry-run")
        self.assertEqual((plan["written"], plan["whole"], plan["gone"], plan["contacts"]), (False, True, 0, 0))
        self.assertEqual(sum(i["to"] - i["from"] for i in plan["inputs"]), setup.committed())
        done = self.rebuild(config, "--yes")
        print("    " + ", ".join(f"{k} {done[k]}" for k in ("events", "contacts", "evaluated_transitions", "with_transitions", "differ", "seconds")))
        self.assertEqual((done["written"], done["differ"], done["differing"], done["removed"], done["kept"]), (True, 0, [], 0, 0))
        self.assertEqual(done["events"], half)
        self.assertEqual(done["evaluated_transitions"], len(before))
        self.assertEqual(len(setup.transitions()), len(before))   # it said nothing
        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, records[half:])
            setup.wait_done(h)
            servers.wait_for("copy in Redis", lambda: not live.redis_differences(setup, harness.redis()), 60, every=0.3)
            self.assertEqual(h.stop(), 0)
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_a_gap_is_refused_and_what_was_said_is_kept_when_it_is_accepted(self):
        setup = harness.Setup(partitions=2, inputs=["crm"], format="json", kafka={"session.timeout.ms": 6000})
        config, now = self.config(setup), int(time.time() * 1000) - 60_000
        ids = [f"c-{i}" for i in range(40)]

        def send(kind, i, at, **fields):
            ev = {"event_id": f"{kind}-{i}", "contact_id": ids[i], "type": kind, "occurred_at": at, **fields}
            return setup.inputs[0], ids[i], json.dumps(ev).encode()

        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, [send("form_submitted", i, now, form="newsletter", attributes=harness.GOOD_FIT) for i in range(40)])
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        said = {}
        for o in setup.transitions():
            said[o.key] = o.value
        self.assertEqual(len(said), 40)
        self.lose_state(setup)
        self.wait_empty_group(setup)
        gone = [TopicPartition(setup.inputs[0], 0, 5), TopicPartition(setup.inputs[0], 1, 3)]
        for future in self.admin.delete_records(gone).values():
            future.result(30)
        self.refused(call("rebuild", "-c", config, "--yes"), 65, "the input does not reach back: 8 records are gone",
                     f"the first of them from {setup.inputs[0]} [0], which begins at offset 5", "--accept-gap goes on without them")
        self.assertEqual(self.rebuild(config, "--dry-run")["gone"], 8)
        done = self.rebuild(config, "--yes", "--accept-gap")
        self.assertEqual((done["whole"], done["gone"], done["differ"], done["from_transitions_alone"]), (False, 8, 8, 8))
        for d in done["differing"]:
            self.assertEqual((d["said"]["stage"], d["said"]["seq"]), (said[d["contact_id"]]["to"], said[d["contact_id"]]["seq"]))
        states = setup.states()
        self.assertEqual({k: (v["stage"], v["seq"], v["visit"]) for k, v in states.items()},
                         {k: (v["to"], v["seq"], v["visit"]) for k, v in said.items()})
        with setup.run() as h:   # who is known by his transitions only goes on with the next number
            gen_events.produce(harness.kafka().bootstrap, [send("demo_requested", i, now + 1000) for i in range(40)] +
                               [send("lead_disqualified", i, now + 2000, reason="no budget") for i in range(40)])
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        seqs = {}
        for o in setup.transitions():
            seqs.setdefault(o.key, []).append(o.value["seq"])
        self.assertEqual({k: v == list(range(1, len(v) + 1)) for k, v in seqs.items()}, dict.fromkeys(ids, True), seqs)
        self.assertTrue(all(len(v) > said[k]["seq"] for k, v in seqs.items()))

    def test_there_is_nothing_to_rebuild_for_a_group_that_never_ran(self):
        setup = harness.Setup(partitions=1, inputs=["crm"], format="json", redis={"url": ""})
        self.refused(call("rebuild", "-c", self.config(setup), "--yes"), 65, f"group '{setup.group}' has committed no offsets: it has nothing to rebuild")
        for words, why in ((["--yes", "--dry-run"], "either --yes or --dry-run"), (["--from", "soon", "--yes"], "--from wants a time"),
                           (["-o", "xml", "--yes"], "output is table or json, not xml"), (["now", "--yes"], "it takes options only")):
            self.refused(call("rebuild", *words), 64, why)


if __name__ == "__main__":
    unittest.main()
