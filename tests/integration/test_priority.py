"""An input of high priority on a real broker: its events do not wait behind the backlog of another topic, what comes out is what always came out,
and a flood of them does not stop the others. Order is read from the output topic, never from a clock."""
import functools
import itertools
import signal
import time
import unittest

import gen_events
import harness
import reference
from test_main_path import Compared, Feeder

TOPICS = ["web.engagement", "crm.activity"]
BULK, CRM = TOPICS


class Two:
    """Events of two topics, each of contacts of its own, so that the order between the topics does not matter to the outcome."""

    def __init__(self, bulk, crm):
        self.of = {BULK: list(gen_events.Generator(5, 6000, harness.start_of_events(), n=bulk)),
                   CRM: list(gen_events.Generator(6, 300, harness.start_of_events(), n=crm))}
        self.events = self.of[BULK] + self.of[CRM]
        self.scorer = reference.run(harness.MODEL.read_text(), self.events)
        self.encode = gen_events.AvroEncoder()

    def topic(self, setup, name, part=0, parts=1):
        events = self.of[name]
        for ev in events[len(events) * part // parts:len(events) * (part + 1) // parts]:
            yield setup.inputs[TOPICS.index(name)], ev["contact_id"], self.encode(ev)

    def records(self, setup, part=0, parts=1):
        """Both at once, for a feeder."""
        return itertools.chain(self.topic(setup, BULK, part, parts), self.topic(setup, CRM, part, parts))


two = functools.cache(Two)


def setup_of(high, **more):
    s = harness.Setup(inputs=TOPICS, **more)
    if high:
        s.config["inputs"][TOPICS.index(CRM)]["priority"] = "high"
    return s


def order(setup):
    """The transitions in the order of the one output partition: (input topic, offset of the event)."""
    return [(o.headers["source.topic"].decode(), int(o.headers["source.offset"])) for o in setup.transitions()]


class Order(Compared):
    """One partition and one thread: the output topic shows in which order records were scored."""

    def late_events(self, high):
        """A backlog of 300,000 records is being worked on, and most of it waits in the client, when CRM events come. How many of the 300,000
        were scored before the first and before the last of what they caused?"""
        work = two(300_000, 1000)
        setup = setup_of(high, partitions=1, threads=1, kafka={"queued.min.messages": 1_000_000, "fetch.message.max.bytes": 50_000_000})
        bulk, crm = setup.inputs
        gen_events.produce(harness.kafka().bootstrap, work.topic(setup, BULK))
        with setup.run() as h:
            harness.servers.wait_for("first commit", lambda: setup.committed() > 0, 60, every=0.005)
            h.child.send_signal(signal.SIGSTOP)   # so that the order of what follows is certain
            begun = setup.committed()
            gen_events.produce(harness.kafka().bootstrap, work.topic(setup, CRM))
            h.child.send_signal(signal.SIGCONT)
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        self.check(work, setup)
        before, seen = [], 0
        for topic, offset in order(setup):
            seen = max(seen, offset) if topic == bulk else seen
            if topic == crm:
                before.append(seen)
        print(f"    priority {'high' if high else 'normal'}: {begun} records committed when the events came, their transitions came after "
              f"{before[0]} to {before[-1]}")
        self.assertLess(begun, 100_000, "the backlog was gone before the events came")
        return before[0], before[-1]

    def test_events_of_high_priority_are_out_before_half_of_the_backlog_is_read(self):
        _, last = self.late_events(high=True)
        self.assertLess(last, 150_000)

    def test_without_it_they_wait_behind_what_was_fetched(self):
        first, _ = self.late_events(high=False)
        self.assertGreater(first, 150_000)

    def test_a_flood_of_high_priority_leaves_a_share_to_the_others(self):
        work = two(4000, 50_000)
        setup = setup_of(True, partitions=1, threads=1)
        gen_events.produce(harness.kafka().bootstrap, work.records(setup))
        with setup.run() as h:
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        self.check(work, setup)
        bulk, crm = setup.inputs
        at = order(setup)
        others = [i for i, (topic, _) in enumerate(at) if topic == bulk]   # where they begin is the broker's choice
        first, last = (max((offset for topic, offset in at[:i] if topic == crm), default=0) for i in (others[0], others[-1]))
        print(f"    4,000 others came while {first} to {last} of 50,000 of high priority came")
        self.assertLess(last - first, 25_000)


class Rebalance(Compared):
    def test_a_second_process_joins_and_one_is_killed(self):
        work, setup = two(60_000, 20_000), setup_of(True, partitions=4, threads=1)
        feeder = Feeder(work, setup, seconds=6.0)
        running = {"one": setup.run("one")}
        feeder.start()
        try:
            harness.servers.wait_for("first commit", lambda: setup.committed() > 0, 60, every=0.05)
            running["two"] = setup.run("two")
            running["two"].wait_ready()
            joined = setup.committed()
            harness.servers.wait_for("progress", lambda: setup.committed() > joined + 1000 or not feeder.is_alive(), 60, every=0.05)
            running["one"].kill()
            time.sleep(0.2)
            running["one"] = setup.run("one")
            feeder.join()
            self.assertIsNone(feeder.error)
            setup.wait_done(*running.values())
            for h in running.values():
                h.wait_ready()
            self.assertEqual([h.stop() for h in running.values()], [0, 0])
        finally:
            for h in running.values():
                h.kill()
            feeder.join()
        self.assertLess(joined, len(work.events), "the second process came after the end")
        self.check(work, setup)


if __name__ == "__main__":
    unittest.main()
