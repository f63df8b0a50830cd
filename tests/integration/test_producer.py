"""What a producer can do to a worker: a commit that fails, one whose answer is not known, and one that does not come back."""
import os
import unittest
from unittest import mock

import gen_events
import harness


def run(setup, failpoints):
    with mock.patch.dict(os.environ, HOTLEAD_FAILPOINTS=failpoints):
        return setup.run()


class Producer(unittest.TestCase):
    def same(self, work, setup):
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def feed(self, work, setup, h, parts):
        for part in range(parts):
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, part, parts))
            setup.wait_done(h)

    def test_aborts_and_unanswered_commits_lose_nothing_and_repeat_nothing(self):
        work, setup = harness.workload(20_000, 1500), harness.Setup(threads=1)
        # the third is not done, and neither is the fifth, whose answer is not known; the seventh is done, and nobody hears of it
        with run(setup, "commit.before_offsets=error@3;commit.before_end=error@5;commit.after_end=error@7") as h:
            self.feed(work, setup, h, 8)
            log = h.log()
            for point in ("commit.before_offsets", "commit.before_end", "commit.after_end"):
                self.assertIn(f"failpoint name={point} action=error", log)
            self.assertEqual(h.metric("hotlead_txn_total", outcome="in_doubt"), 2)
            self.assertGreaterEqual(h.metric("hotlead_txn_total", outcome="aborted"), 1, log[-6000:])
            # tainted: replaced. After a clean abort the producer is the old one, but the abort is refused (INVALID_TXN_STATE, fatal to it) where
            # the broker had not yet taken a partition into the transaction
            self.assertIn(log.count("producer_renewed"), (2, 3), log[-6000:])
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)

    def test_livez_names_the_call_that_hangs_and_recovers(self):
        work, setup = harness.workload(20_000, 1500), harness.Setup(threads=1, http={"hung_after": "1s"})
        # longer than a transaction may take: the broker has aborted it when the call goes on
        with run(setup, "commit.before_end=sleep:20000@2") as h:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup))
            said = []

            def hung():
                status, text = h.get("/livez")
                said.append(text)
                return status == 503
            harness.servers.wait_for("/livez 503", hung, 60)
            self.assertRegex(said[-1], r"thread 0 waits for commit_transaction since \d+ s, and it may take 10 s")
            self.assertNotIn("producer_renewed", h.log())   # it said so while the call was on
            harness.servers.wait_for("/livez 200", lambda: h.get("/livez")[0] == 200, 60)
            setup.wait_done(h)
            self.assertEqual(h.get("/livez")[0], 200)
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)


if __name__ == "__main__":
    unittest.main()
