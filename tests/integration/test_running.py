"""A running process: its end on SIGTERM, its HTTP paths, what is in Redis, and that Redis is only a copy."""
import re
import time
import unittest

import gen_events
import harness
import reference
import servers


class Running(unittest.TestCase):
    def feed(self, work, setup, h, part=0, parts=1):
        gen_events.produce(harness.kafka().bootstrap, work.records(setup, part, parts))
        setup.wait_done(h)

    def same(self, work, setup):
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def replayed(self, h):
        """Input records that were read again before the start, as the log says for each partition."""
        found = [int(n) for n in re.findall(r"partition_restored.*?replayed=(\d+)", h.log())]
        self.assertTrue(found)
        return sum(found)

    def test_sigterm_drains_and_the_next_start_replays_nothing(self):
        work, setup = harness.workload(20_000, 1500), harness.Setup()
        with setup.run() as h:
            self.feed(work, setup, h, 0, 2)
            self.assertEqual(h.stop(), 0)
        kept = len(harness.read_all(setup.out["state"]))
        self.assertGreater(kept, 0)
        with setup.run() as h:
            h.wait_ready()
            self.assertEqual(sum(h.results().values()), 0, "events counted before any came")
            self.assertEqual(self.replayed(h), 0)
            self.feed(work, setup, h, 1, 2)
            self.assertEqual(sum(h.results().values()), len(work.events) // 2)
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)

    def test_sigterm_in_the_middle_of_the_work(self):
        work, setup = harness.workload(40_000, 2000), harness.Setup()
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        with setup.run() as h:
            h.wait_ready()
            harness.servers.wait_for("the first events", lambda: h.metric("hotlead_consumed_total"), 60, every=0.005)
            self.assertEqual(h.stop(), 0)
        print(f"    stopped at {setup.committed()} of {len(work.events)}")
        with setup.run() as h:
            h.wait_ready()   # there may be nothing left to be done
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)

    def test_livez_readyz_and_metrics_answer(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"])
        with setup.run() as h:
            h.wait_ready()
            self.assertEqual(h.get("/livez")[0], 200)
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(
                [harness.event("ann", "form_submitted", attributes=harness.GOOD_FIT, form="demo")], setup.inputs))
            setup.wait_done(h)
            servers.wait_for("the lag, which is looked at now and then",
                             lambda: "hotlead_consumer_lag_records" in {n for n, _ in h.metrics()}, 5)
            names = {n for n, _ in h.metrics()}
            for name in ("events_total", "transitions_total", "contacts", "consumer_lag_records", "redis_up", "model_info", "build_info"):
                self.assertIn(f"hotlead_{name}", names)
            self.assertEqual(h.metric("hotlead_contacts"), 1)
            self.assertEqual(h.metric("hotlead_transitions_total", to="mql"), 1)
            self.assertEqual(h.get("/nowhere")[0], 404)
            self.assertEqual(h.stop(), 0)

    def redis_run(self, flush):
        work, setup, redis = harness.workload(20_000, 1500), harness.Setup(), harness.redis()
        with setup.run() as h:
            self.feed(work, setup, h, 0, 2)
            self.assertEqual(h.stop(), 0)
        keys = redis.keys(f"{{{setup.group}:*")
        tags = {k.split(b"}")[0].decode() for k in keys}
        self.assertEqual(tags, {"{%s:%d" % (setup.group, p) for p in range(setup.partitions)})
        print(f"    {len(keys)} keys in Redis")
        if flush:
            redis.call("FLUSHALL")
        with setup.run() as h:
            self.feed(work, setup, h, 1, 2)
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)

    def test_start_with_the_copy_in_redis(self):
        self.redis_run(flush=False)

    def test_start_after_flushall(self):
        self.redis_run(flush=True)

    def test_redis_killed_and_back_while_running(self):
        work, setup, redis = harness.workload(20_000, 1500), harness.Setup(), harness.redis()
        with setup.run() as h:
            self.feed(work, setup, h, 0, 2)
            redis.kill()
            try:
                self.feed(work, setup, h, 1, 2)
            finally:
                redis.start()
            harness.servers.wait_for("redis_up 1", lambda: h.metric("hotlead_redis_up") == 1, 60, every=0.2)
            self.assertEqual(h.stop(), 0)
        self.same(work, setup)


class Decay(unittest.TestCase):
    """Time alone takes away: one topic that is read to its end, so that its stream time is now."""

    def test_passive_mqls_fall_and_deadlines_pass_at_their_moment(self):
        text = (harness.MODEL.read_text().replace("mql: {enter: 40.5}, sql: {enter: 90.5}", "mql: {enter: 40.5, exit: 38.5}, sql: {enter: 60.5, exit: 55.5}")
                .replace("half_life: 10d", "half_life: 2d"))
        setup = harness.Setup(partitions=1, inputs=["web.engagement"], threads=1)
        (setup.dir / "model.yaml").write_text(text)
        events = list(gen_events.Generator(5, 2000, harness.start_of_events(), n=20_000))
        scorer = reference.run(text, events, time_acts=True, until=int(time.time() * 1000))
        gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(events, setup.inputs))
        with setup.run() as h:
            setup.wait_done(h)
            decays = sum(1 for t in scorer.transitions if t["cause"] == "decay")
            self.assertGreater(decays, 10)
            harness.servers.wait_for(f"{decays} moves by time", lambda: h.metric("hotlead_transitions_total") >= len(scorer.transitions), 60)
            self.assertEqual(setup.finish(scorer, h), [0])
        wrong = harness.differences(scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        # One topic of one partition has the stream time of the reference, so breaches are exact, too. Clocks that a move by time started
        # are left out: they differ as the moves do.
        by_time = tuple(f"{t['contact_id']}:{t['seq']}:" for t in scorer.transitions if t["cause"] == "decay")
        exact = lambda alerts: [a for a in alerts if not a["alert_id"].startswith(by_time)]
        want, got = exact(scorer.alerts), exact(o.value for o in setup.alerts())
        self.assertGreater(sum(a["event"] == "breached" for a in want), 10)
        wrong = harness.alert_differences(want, got, early=want)
        self.assertEqual(wrong, [], "\n".join(wrong))


if __name__ == "__main__":
    unittest.main()
