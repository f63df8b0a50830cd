"""A start with much to restore says how far it is, reads many partitions at once, and heeds the group meanwhile."""
import os
import re
import time
import unittest
from unittest import mock

import gen_events
import harness


class Recovery(unittest.TestCase):
    def scored(self, setup, n=20_000, contacts=1500):
        work = harness.workload(n, contacts)
        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup))
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        return work

    def same(self, work, setup):
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_a_long_restore_is_told_in_the_log_by_readyz_and_in_the_metrics(self):
        setup = harness.Setup(redis={"url": ""})
        work = self.scored(setup)
        with mock.patch.dict(os.environ, HOTLEAD_FAILPOINTS="recovery.in_state=sleep:8"):
            h = setup.run()
        with h:
            told, left, restoring = set(), [], 0
            while h.get("/readyz")[0] != 200:
                told.add(h.get("/readyz")[1])
                restoring = max(restoring, h.metric("hotlead_restoring_partitions"))
                left.append(h.metric("hotlead_restore_left_offsets"))
                self.assertIsNone(h.child.poll(), h.log()[-2000:])
                time.sleep(0.2)
            shares = {int(n) for text in told for n in re.findall(r"restored 0 of \d+ partitions \((\d+) % is read, about \d+ s left\)", text)}
            print(f"    shares told: {sorted(shares)}")
            self.assertGreater(len(shares), 2)
            self.assertEqual(restoring, setup.partitions)
            self.assertGreater(max(left), 0)
            self.assertEqual(h.metric("hotlead_restoring_partitions"), 0)
            self.assertEqual(h.metric("hotlead_restore_left_offsets"), 0)
            self.assertGreaterEqual(h.metric("hotlead_restore_records_total", source="state"), h.metric("hotlead_contacts"))
            log = h.log()
            started = re.findall(r"restore_started worker=(\d+) partitions=(\d+) state_offsets=(\d+) input_offsets=0\b", log)
            last = {worker: (int(parts), int(offsets)) for worker, parts, offsets in started}   # a rebalance may have cut the first go short
            self.assertEqual(sum(parts for parts, _ in last.values()), setup.partitions, started)
            self.assertGreaterEqual(sum(offsets for _, offsets in last.values()), h.metric("hotlead_contacts"))
            self.assertRegex(log, r"restoring worker=\d percent=\d+ offsets=\d+ of=\d+ seconds=\d+ seconds_left=\d+")
            self.assertEqual(len(re.findall(r"event=restored worker=", log)), len(last))
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)

    def test_a_second_process_that_comes_while_the_first_restores_gets_its_share(self):
        setup = harness.Setup(redis={"url": ""})
        work = self.scored(setup)
        with mock.patch.dict(os.environ, HOTLEAD_FAILPOINTS="recovery.in_state=sleep:10"):
            first = setup.run()
        with first:
            harness.servers.wait_for("restore", lambda: "restore_started" in first.log(), 60)
            with setup.run("two") as second:
                second.wait_ready()
                first.wait_ready()
                # cut short: the first has begun twice at least, and its first go never ended
                self.assertGreater(first.log().count("restore_started"), first.log().count("event=restored worker="))
                held = sum(n for (name, _), n in second.metrics().items() if name == "hotlead_consumer_lag_records")
                self.assertEqual(held, 0)
                self.assertEqual(second.stop(), 0)
            self.assertEqual(first.stop(), 0)
        self.same(work, setup)


if __name__ == "__main__":
    unittest.main()
