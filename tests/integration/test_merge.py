"""Contacts that become one, on a real Kafka and Redis: two processes share the partitions, are killed in the middle of it, and the outcome is that of
the reference, which merges at once."""
import collections
import json
import random
import signal
import subprocess
import time
import unittest

import gen_events
import harness
import reference
import servers
import test_rebuild

MINUTE, DAY = 60_000, 86_400_000
T0 = (int(time.time()) - 20 * 86_400) * 1000
FITS = {"email": "ann@corp.example", "country": "US"}


class Story:
    """Events as they come: to Kafka, and to the reference."""

    def __init__(self, **more):
        self.setup = harness.Setup(inputs=["web.engagement", "crm.activity"], partitions=6, format="json", threads=1, **more)
        self.scorer = reference.Scorer(harness.MODEL.read_text(), time_acts=True, follow=False)
        self.n, self.now, self.waiting = 0, T0, []

    def say(self, contact, kind, after=MINUTE, machine=False, **fields):
        self.n += 1
        self.now += after
        ev = {"event_id": f"e{self.n}", "contact_id": contact, "occurred_at": self.now, "type": kind, "machine": machine, **fields}
        self.scorer.apply(ev)
        self.waiting.append((gen_events.topic_of(contact, self.setup.inputs), contact, json.dumps(ev).encode()))

    def send(self):
        records, self.waiting = self.waiting, []
        gen_events.produce(harness.kafka().bootstrap, records)

    def settle(self, *running, seconds=90):
        """Until the inputs, and what they led to between the contacts, are committed."""
        self.send()
        self.setup.wait_done(*running, seconds=seconds)
        servers.wait_for("the merges", self.setup.merges_done, seconds, every=0.2)

    def check(self, case, *running):
        for h in running:
            h.wait_ready()
        self.settle(*running)
        self.scorer.advance_to(int(time.time() * 1000))
        case.assertEqual([h.stop() for h in running], [0] * len(running))
        wrong = harness.differences(self.scorer.transitions, [o.value for o in self.setup.transitions()])
        case.assertEqual(wrong, [], "transitions differ:\n" + "\n".join(wrong))
        states = self.setup.states()
        gone = {c: s["merged_into"] for c, s in states.items() if s["merged_into"]}
        case.assertEqual(gone, {c.id: c.merged_into for c in self.scorer.contacts.values() if c.merged_into})
        wrong = harness.state_differences(self.scorer, {c: s for c, s in states.items() if c not in gone and not c.startswith("\0")})
        case.assertEqual(wrong, [], "final states differ:\n" + "\n".join(wrong))


class Merge(unittest.TestCase):
    def test_anonymous_history_counts_when_the_contact_becomes_known(self):
        story = Story()
        with story.setup.run() as h:
            for _ in range(5):
                story.say("visitor-1", "page_viewed", url="/pricing", source="google")
                story.say("visitor-1", "file_downloaded", asset="ebook/x.pdf")
            story.settle(h)
            story.say("ann", "form_submitted", form="newsletter", attributes=FITS)
            story.say("ann", "contact_identified", attributes={"anonymous_id": "visitor-1"})
            story.settle(h)
            story.say("visitor-1", "page_viewed", url="/pricing")   # the browser still says who it was
            story.say("ann", "contact_identified", attributes={"anonymous_id": "visitor-1"})   # so it is told again and again
            story.settle(h)
            get = lambda path: json.loads(h.get(path)[1])
            self.assertEqual(get("/v1/contacts/ann")["merged"], ["visitor-1"])
            self.assertEqual(get("/v1/contacts/visitor-1")["merged_into"], "ann")
            self.assertNotIn("visitor-1", [c["contact_id"] for c in get("/v1/rank")["contacts"]])
            story.check(self, h)
        ann = [o for o in story.setup.transitions() if o.key == "ann"]
        self.assertEqual(ann[-1].value["to"], "mql", "the pages of the visitor made it hot")
        self.assertEqual(ann[-1].headers["source.topic"].decode(), story.setup.out["merges"])

    def test_chains_circles_and_erasure(self):
        story = Story()
        with story.setup.run("one") as a, story.setup.run("two") as b:
            for c in ("a", "b", "c", "d"):
                story.say(c, "form_submitted", form="newsletter", attributes={**FITS, "email": f"{c}@corp.example"})
                story.say(c, "file_downloaded", asset="ebook/x.pdf")
            story.settle(a, b)
            story.say("a", "contact_merged", attributes={"into": "b"})
            story.settle(a, b)
            story.say("b", "contact_merged", attributes={"into": "c"})
            story.settle(a, b)
            story.say("c", "contact_merged", attributes={"into": "a"})      # they are one already
            story.say("a", "demo_requested", form="demo")                  # by two pointers to c
            story.say("nobody", "contact_merged", attributes={"into": "d"})
            story.settle(a, b)
            story.say("nobody", "page_viewed", url="/pricing")
            story.settle(a, b)
            story.say("a", "contact_erased")                                # all that are one
            story.settle(a, b)
            servers.wait_for("tombstones", lambda: not story.setup.states().keys() & {"a", "b", "c"}, 30, every=0.3)
            story.say("b", "page_viewed", after=-3 * MINUTE, url="/pricing")   # from before it
            story.now += 4 * MINUTE
            story.say("b", "page_viewed", url="/pricing")                   # a new life
            story.check(self, a, b)
        everything = b"".join((m.key() or b"") + (m.value() or b"") for m in last_of_each(story.setup.out["state"]))
        self.assertNotIn(b"c@corp.example", everything)

    def test_two_at_once_that_go_into_each_other_end_as_one(self):
        for attempt in range(3):
            story = Story()
            with story.setup.run("one") as a, story.setup.run("two") as b:
                a.wait_ready(), b.wait_ready()
                for c in ("left", "right"):
                    story.say(c, "file_downloaded", asset="ebook/x.pdf")
                story.settle(a, b)
                story.say("left", "contact_merged", attributes={"into": "right"})
                story.say("right", "contact_merged", attributes={"into": "left"})
                story.settle(a, b)
                servers.wait_for("one of them", lambda: sum(bool(s["merged_into"]) for s in story.setup.states().values()) == 1, 30, every=0.3)
                story.say("left", "file_downloaded", asset="ebook/x.pdf")
                story.say("right", "file_downloaded", asset="ebook/x.pdf")
                story.settle(a, b)
                a.stop(), b.stop()
            states = story.setup.states()
            rows = collections.Counter()
            for s in states.values():
                rows.update({r["rule"]: r["count"] for r in s["rows"]})
            self.assertEqual([bool(s["merged_into"]) for s in states.values()].count(True), 1)
            self.assertEqual(set(rows.values()), {4}, f"all four downloads, and each once: {states}")

    def test_a_shadow_that_is_the_live_model_agrees_with_it(self):
        story = Story(shadow={"model": "model.yaml"})
        with story.setup.run() as h:
            for c in ("ann", "bob", "visitor"):
                story.say(c, "form_submitted", form="newsletter", attributes={**FITS, "email": f"{c}@corp.example"})
                for _ in range(2):
                    story.say(c, "file_downloaded", asset="ebook/x.pdf")
            story.settle(h)
            story.say("ann", "contact_identified", attributes={"anonymous_id": "visitor"})
            story.settle(h)
            story.say("bob", "contact_merged", attributes={"into": "ann"})
            story.settle(h)
            story.say("visitor", "demo_requested", form="demo")
            story.settle(h)
            told = json.loads(h.get("/v1/shadow")[1])
            self.assertEqual((told["contacts"], told["differ"]), (1, 0), told)
            story.check(self, h)

    def test_a_rebuild_makes_those_who_were_merged_anew(self):
        story = Story(kafka={"session.timeout.ms": 6000})
        rebuild = test_rebuild.Rebuild("test_run_kill_lose_everything_rebuild_and_run_on")
        config = rebuild.config(story.setup)
        with story.setup.run() as h:
            for c in ("ann", "bob", "visitor"):
                story.say(c, "form_submitted", form="newsletter", attributes={**FITS, "email": f"{c}@corp.example"})
                story.say(c, "file_downloaded", asset="ebook/x.pdf")
            story.settle(h)
            story.say("ann", "contact_identified", attributes={"anonymous_id": "visitor"})
            story.settle(h)
            story.say("visitor", "file_downloaded", asset="ebook/x.pdf")
            story.say("bob", "contact_merged", attributes={"into": "ann"})
            story.settle(h)
            self.assertEqual(h.stop(), 0)
        rebuild.wait_empty_group(story.setup)
        rebuild.lose_state(story.setup)
        done = rebuild.rebuild(config, "--yes")
        self.assertEqual((done["differ"], done["contacts"]), (0, 3), done)   # one, and two pointers
        with story.setup.run() as h:
            story.say("bob", "demo_requested", form="demo")
            story.say("visitor", "file_downloaded", asset="ebook/x.pdf")
            story.check(self, h)

    def test_bad_ones_are_dead_letters_that_name_the_field(self):
        story = Story()
        s = story.setup
        for n, (kind, attributes) in enumerate([("contact_merged", {}), ("contact_merged", {"into": ""}), ("event_voided", {}),
                                                ("contact_merged", {"into": "x" * 1025}), ("contact_merged", {"into": "\0grave"})]):
            story.waiting.append((s.inputs[0], "ann", json.dumps({"event_id": f"b{n}", "contact_id": "ann", "occurred_at": T0, "type": kind,
                                                                  "attributes": attributes}).encode()))
        story.waiting.append((s.out["merges"], "ann", b"not ours"))
        kafka_topic(s)
        with s.run() as h:
            story.settle(h)
            self.assertEqual(h.stop(), 0)
        told = sorted((dict(m.headers())["error.class"].decode(), dict(m.headers())["error.message"].decode()) for m in s.dead_letters())
        self.assertEqual(told, [
            ("decode", "contact_merged: field 'attributes.into' begins with a NUL byte, which no id may"),
            ("decode", "the record is none that hotlead writes there, or of a newer version"),
            ("missing-field", "contact_merged: field 'attributes.into' is empty"),
            ("missing-field", "contact_merged: field 'attributes.into' is missing or null"),
            ("missing-field", "event_voided: field 'attributes.event_id' is missing or null"),
            ("too-large", "contact_merged: field 'attributes.into' has 1025 bytes, at most 1024 are taken")])


def kafka_topic(setup):
    harness.kafka().create_topics(setup.out["merges"], partitions=setup.partitions)


def last_of_each(topic):
    last = {}
    for m in harness.read_all(topic):
        last[m.key()] = m
    return last.values()


class Crash(unittest.TestCase):
    """kill -9 while people turn out to be others."""

    def crowd(self, seed, **config):
        rng, story = random.Random(seed), Story(**config)
        # what has no cap: a cap goes by arrival, and between partitions there is no order
        kinds = [("page_viewed", {"url": "/blog/1"}), ("page_viewed", {"url": "/blog"}), ("file_downloaded", {"asset": "ebook/y.pdf"}),
                 ("email_clicked", {"campaign": "june"})]
        people = [f"person-{i}" for i in range(120)]
        visitors = {f"visitor-{i}": rng.choice(people) for i in range(400)}
        for c in people:
            story.say(c, "form_submitted", after=100, form="newsletter", attributes={"email": f"{c}@corp.example"})   # no fit yet: nobody moves far
        for _ in range(6000):
            kind, fields = rng.choice(kinds)
            story.say(rng.choice(list(visitors) + people), kind, after=rng.randrange(60_000), **fields)
        return rng, story, visitors

    def run_it(self, seed, kills, point=None, **config):
        """point: the failpoint at which they die; None: at any moment."""
        rng, story, visitors = self.crowd(seed, **config)
        names = ["one", "two"]
        running = {name: story.setup.run(name) for name in names}
        try:
            story.settle(*running.values())
            for k in range(kills):
                part = sorted(visitors)[k::kills]
                for v in part:
                    if rng.random() < 0.5:
                        story.say(v, "contact_merged", after=100, attributes={"into": visitors[v]})
                    else:
                        story.say(visitors[v], "contact_identified", after=100, attributes={"anonymous_id": v})
                victim = rng.choice(names)
                if point:
                    running[victim].kill()
                    running[victim] = story.setup.run(victim, env={"HOTLEAD_FAILPOINTS": f"{point}=crash@{rng.randint(1, 20)}"})
                    running[victim].wait_ready()   # with partitions: else the other one has done it all by then
                story.send()
                if point:
                    self.assertEqual(running[victim].wait_exit(60), -signal.SIGKILL, running[victim].log()[-2000:])
                time.sleep(0 if point else rng.uniform(0.0, 0.5))
                running[victim].kill()
                running[victim] = story.setup.run(victim)
                story.settle(*running.values())
                for v in rng.sample(sorted(visitors), 200):   # gone or not, they go on
                    story.say(v, "page_viewed", after=rng.randrange(60_000), url="/blog/2")
                story.settle(*running.values())
            for c in sorted(set(visitors.values())):          # now they fit, and what was gathered counts
                story.say(c, "contact_identified", after=100, attributes={"country": "US"})
            story.check(self, *running.values())
            print(f"    {story.n} events, {len(visitors)} visitors became {len(set(visitors.values()))} people, {len(story.scorer.transitions)} transitions")
        finally:
            for h in running.values():
                h.kill()

    def test_kill_9_of_one_of_two_processes(self):
        self.run_it(seed=5, kills=4)

    def test_kill_9_where_something_was_passed_on(self):
        out = subprocess.run([harness.binary(), "version", "-o", "json"], capture_output=True, text=True, check=True).stdout
        if not json.loads(out).get("failpoints"):
            self.skipTest("this build has no failpoints (HL_FAILPOINTS)")
        self.run_it(seed=7, kills=3, point="emit.after_onward")

    def test_kill_9_with_a_bound_on_memory(self):
        self.run_it(seed=6, kills=3, memory={"max_bytes": "64MiB"})


if __name__ == "__main__":
    unittest.main()
