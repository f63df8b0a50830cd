"""200,000 Avro events over 4 topics of 8 partitions: what comes out equals the reference, without and with crashes."""
import collections
import random
import threading
import time
import unittest

import gen_events
import harness


class Compared(unittest.TestCase):
    """What every run of the whole workload is held to."""

    def check(self, work, setup, repeats=False, live=True):
        """live: events came while it ran, so that stream time could be now in between."""
        outs = setup.transitions()
        got = [o.value for o in outs]
        if repeats:   # at least once: the same id may come again, and then it must say the same
            first = {}
            for t in got:
                kept = first.setdefault(t["transition_id"], t)
                self.assertEqual({**kept, "emitted_at": 0}, {**t, "emitted_at": 0})
            print(f"    {len(got) - len(first)} repeated ids dropped")
            got = list(first.values())
        wrong = harness.differences(work.scorer.transitions, got)
        self.assertEqual(wrong, [], "transitions differ:\n" + "\n".join(wrong))
        self.check_headers(setup, outs)
        self.check_alerts(work, setup, outs, repeats, live)
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "final states differ:\n" + "\n".join(wrong))
        self.assertEqual(setup.dead_letters(), [])
        print(f"    {len(work.events)} events, {len(got)} transitions and {len(work.scorer.contacts)} contacts equal the reference")

    def check_alerts(self, work, setup, transitions, repeats, live):
        outs = setup.alerts()
        wrong = harness.alert_differences(work.scorer.alerts, [o.value for o in outs], None if live else work.early.alerts, repeats)
        self.assertEqual(wrong, [], "alerts differ:\n" + "\n".join(wrong))
        cause = {o.value["transition_id"]: o for o in transitions}
        for o in outs:
            started = cause[o.value["alert_id"].removesuffix(f":{o.value['sla']}:{o.value['event']}")]
            self.assertEqual((o.key, o.partition, o.headers["model.version"]), (o.value["contact_id"], started.partition, b"it.1"))
            if o.value["event"] == "due" and not repeats:
                self.assertEqual(o.headers, started.headers)
        print(f"    {dict(collections.Counter(o.value['event'] for o in outs))} alerts agree with the reference")

    def check_headers(self, setup, outs):
        """source.* lead to the very record whose event caused the transition, in the same partition."""
        wanted = collections.defaultdict(dict)
        for o in outs:
            h = {k: v.decode() for k, v in o.headers.items()}
            self.assertEqual(h["model.version"], "it.1")
            self.assertEqual(int(h["source.partition"]), o.partition, "output partition differs from input partition")
            self.assertEqual(o.key, o.value["contact_id"])
            wanted[h["source.topic"]][o.partition, int(h["source.offset"])] = o.value["trigger_event_id"]
        found = 0
        for topic in setup.inputs:
            for m in harness.read_all(topic):
                trigger = wanted[topic].get((m.partition(), m.offset()))
                if trigger is not None:
                    self.assertIn(trigger.encode(), m.value())
                    found += 1
        self.assertEqual(found, sum(len(v) for v in wanted.values()))


class MainPath(Compared):
    def test_200000_events_in_one_process_of_two_threads(self):
        work, setup = harness.workload(), harness.Setup()
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        began = time.monotonic()
        with setup.run() as h:
            setup.wait_done(h)
            print(f"    all records committed {time.monotonic() - began:.1f} s after start")
            results = h.results()
            self.assertEqual(setup.finish(work.scorer, h), [0])
        self.check(work, setup, live=False)
        counts = work.scorer.counts
        self.assertEqual(sum(results.values()), len(work.events), f"counters do not balance: {dict(results)}")
        self.assertEqual({k: results[k] for k in ("scored", "ignored", "duplicate")},
                         {k: counts[k] for k in ("scored", "ignored", "duplicate")})

    def test_low_latency_without_a_crash_is_exact_too(self):
        work, setup = harness.workload(40_000, 2000), harness.Setup(delivery="low_latency")
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        with setup.run() as h:
            self.assertEqual(setup.finish(work.scorer, h), [0])
        self.check(work, setup, live=False)

    def test_two_processes_share_the_work(self):
        work, setup = harness.workload(40_000, 2000), harness.Setup(threads=1)
        with setup.run("one") as a, setup.run("two") as b:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
            a.wait_ready()
            b.wait_ready()
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
            setup.wait_done(a, b)
            shares = [sum(h.results().values()) for h in (a, b)]
            self.assertEqual(setup.finish(work.scorer, a, b), [0, 0])
        self.assertTrue(all(shares), f"one process did all the work: {shares}")
        self.check(work, setup)


class Crash(Compared):
    """kill -9 at seeded moments while events keep coming."""

    def crash_run(self, instances, kills, seed, n=200_000, contacts=8000, repeats=False, **config):
        rng, work, setup = random.Random(seed), harness.workload(n, contacts), harness.Setup(**config)
        feeder = Feeder(work, setup, seconds=3.0 + 2.0 * kills)
        running = {name: setup.run(name) for name in instances}
        feeder.start()
        try:
            for _ in range(kills):
                before = setup.committed()
                self.progress(setup, before, running, end=n)
                time.sleep(rng.uniform(0.0, 0.7))
                victim = rng.choice(instances)
                running[victim].kill()
                print(f"    killed {victim} at {setup.committed()} of {n} records committed")
                time.sleep(rng.uniform(0.0, 0.3))
                running[victim] = setup.run(victim)
            feeder.join()
            self.assertIsNone(feeder.error)
            self.assertEqual(setup.finish(work.scorer, *running.values()), [0] * len(instances))
        finally:
            for h in running.values():
                h.kill()
            feeder.join()
        self.check(work, setup, repeats)

    def progress(self, setup, before, running, end=None):
        """Until something more is committed, so that a kill hits work in hand; at the end of the work at once."""
        def more():
            for h in running.values():
                if h.child.poll() is not None:
                    raise AssertionError(f"hotlead ended with {h.child.returncode}:\n{h.log()[-3000:]}")
            return setup.committed() > before or before == end
        harness.servers.wait_for("progress", more, 90, every=0.05)

    def test_kill_9_of_one_process_of_two_threads(self):
        self.crash_run(["one"], kills=4, seed=11)

    def test_kill_9_of_one_of_two_processes(self):
        self.crash_run(["one", "two"], kills=4, seed=12, n=40_000, contacts=2000, threads=1)

    def test_kill_9_at_low_latency_repeats_ids_and_loses_nothing(self):
        self.crash_run(["one"], kills=3, seed=13, n=40_000, contacts=2000, repeats=True, delivery="low_latency")

    def test_kill_9_of_the_broker(self):
        for attempt in range(4):
            work, setup = harness.workload(40_000, 2000), harness.Setup()
            with setup.run() as h:
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
                self.progress(setup, 0, {"one": h})
                harness.kafka().kill()
                harness.kafka().start()
                lost = self.ends_lost_by_the_broker(setup)
                if lost and attempt < 3:
                    print(f"    the broker lost the ends of transactions in {', '.join(lost)} (see HotleadRestoring in k8s/RUNBOOK.md): once more")
                    continue
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
                self.assertEqual(setup.finish(work.scorer, h), [0])
            return self.check(work, setup)

    def ends_lost_by_the_broker(self, setup):
        """Output partitions that a transaction hides for longer than one may last. A broker that comes back after kill -9, under load, may complete
        a commit without writing all of its ends: its list of transactions says CompleteCommit then, and the partition's producer that one is open."""
        end = time.monotonic() + 30
        while (hidden := harness.hidden(setup.out.values())) and time.monotonic() < end:
            time.sleep(0.5)
        return hidden


class Feeder(threading.Thread):
    """Produces the workload evenly over some seconds."""
    PARTS = 50

    def __init__(self, work, setup, seconds):
        super().__init__()
        self.work, self.setup, self.seconds, self.error = work, setup, seconds, None

    def records(self):
        for part in range(self.PARTS):
            yield from self.work.records(self.setup, part, self.PARTS)
            time.sleep(self.seconds / self.PARTS)

    def run(self):
        try:
            gen_events.produce(harness.kafka().bootstrap, self.records())
        except Exception as e:
            self.error = e


if __name__ == "__main__":
    unittest.main()
