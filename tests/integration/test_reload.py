"""SIGHUP: another model scores from then on, without a restart and without losing an event; a bad one changes nothing.

What a reload does to contacts is what a restart with the other model does, so the two are run side by side and must agree in everything. Under load nobody
knows at which event the models change; there the other model differs in its version alone, and the outcome must be that of the reference."""
import collections
import json
import os
import re
import signal
import time
import unittest

import gen_events
import harness
import servers
from test_notify import Manager

A = harness.MODEL.read_text()
# Points, thresholds and a half-life are others; a rule is gone, one is new, one has another window; the hand-raise, a deadline and the country are others.
B = (A.replace('"it.1"', '"it.2"').replace("mql: {enter: 40.5}", "mql: {enter: 30.5}").replace("points: 10, group: web, max_times: 3 per 1d", "points: 14, group: web, max_times: 2 per 12h")
     .replace("    - {name: ebook, on: file_downloaded", "    - {name: papers, on: file_downloaded").replace("half_life: 5d}", "half_life: 8d}")
     .replace("    - {name: careers, on: page_viewed, path: \"/careers*\", points: -5, half_life: 2d}\n", "")
     .replace("- {name: chat, on: chat_started, valid_for: 1d}", "- {name: talk, on: chat_started, valid_for: 2d}")
     .replace("in: [US, CA, GB, NO]", "in: [US, CA, GB]").replace("- {name: nurture, stage: mql, within: 60d}", "- {name: grow, stage: mql, within: 50d}"))


def write_model(setup, text):
    """As an editor, or a mounted ConfigMap, does: a new file under the old name."""
    new = setup.dir / "model.yaml.new"
    new.write_text(text)
    os.replace(new, setup.dir / "model.yaml")


def hup(h):
    h.child.send_signal(signal.SIGHUP)


def reloads(h, result):
    return int(h.metric("hotlead_model_reloads_total", result=result))


def await_reload(h, result, n=1):
    def there():
        if h.child.poll() is not None:
            raise AssertionError(f"hotlead ended with {h.child.returncode}:\n{h.log()[-3000:]}")
        return reloads(h, result) >= n
    servers.wait_for(f"{n} reloads {result}", there, 60)


def versions(out):
    """{contact: versions of the model of its transitions, in order}"""
    found = collections.defaultdict(list)
    for o in out:
        found[o.value["contact_id"]].append(o.value["model_version"])
    return found


class Reload(unittest.TestCase):
    def feed(self, work, setup, h, part, parts):
        gen_events.produce(harness.kafka().bootstrap, work.records(setup, part, parts))
        setup.wait_done(h)

    def two_models(self, work, change, **config):
        """Half of the events under A, half under B: the transitions, the states and the alerts."""
        setup = harness.Setup(**config)
        h = setup.run()
        try:
            self.feed(work, setup, h, 0, 2)
            write_model(setup, B)
            h = change(setup, h)
            self.feed(work, setup, h, 1, 2)
            self.assertEqual(h.stop(), 0, h.log()[-2000:])
        finally:
            h.kill()
        strip = lambda records: sorted(({k: v for k, v in o.value.items() if k != "emitted_at"} for o in records), key=lambda r: json.dumps(r, sort_keys=True))
        states = {k: {n: v for n, v in s.items() if n not in ("applied", "engine")} for k, s in setup.states().items()}
        engines = {k: s["engine"] for k, s in setup.states().items()}
        return setup, strip(setup.transitions()), states, engines, strip(setup.alerts())

    @staticmethod
    def by_restart(setup, h):
        assert h.stop() == 0
        return setup.run()

    @staticmethod
    def by_reload(setup, h):
        hup(h)
        await_reload(h, "applied")
        return h

    def test_a_reload_comes_to_what_a_restart_comes_to(self):
        work = harness.workload(30_000, 1500)
        _, moved, states, engines, alerts = self.two_models(work, self.by_restart)
        setup, moved_too, states_too, engines_too, alerts_too = self.two_models(work, self.by_reload)
        self.assertEqual(collections.Counter(t["model_version"] for t in moved).keys(), {"it.1", "it.2"})
        self.assertEqual(moved_too, moved)
        self.assertEqual(states_too, states)
        self.assertEqual(engines_too, engines)   # to the bit: what the next reader would make of them
        started = lambda records: [a for a in records if a["event"] == "due"]   # how one ends depends on how far the stream time had come
        self.assertEqual(started(alerts_too), started(alerts))
        self.assertGreater(len(moved), 1000)

    def test_and_so_it_does_without_redis_and_at_the_bound_on_memory(self):
        work = harness.workload(30_000, 1500)
        _, moved, states, engines, _ = self.two_models(work, self.by_restart)
        for config in ({"redis": {"url": ""}}, {"memory": {"max_bytes": "1MiB"}}, {"delivery": "low_latency"}):
            with self.subTest(config):
                _, moved_too, states_too, engines_too, _ = self.two_models(work, self.by_reload, **config)
                self.assertEqual(moved_too, moved)
                self.assertEqual(states_too, states)
                self.assertEqual(engines_too, engines)

    def test_there_and_back_again_loses_nothing_of_contacts_that_were_not_written_meanwhile(self):
        """A model that drops a rule by mistake, and is taken back: the rows are those of before."""
        work = harness.workload(20_000, 1500)
        setup = harness.Setup()
        with setup.run() as h:
            self.feed(work, setup, h, 0, 1)
            for n, text in enumerate((B, A), 1):
                write_model(setup, text)
                hup(h)
                await_reload(h, "applied", n)
            self.assertEqual(h.stop(), 0)
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_a_storm_of_reloads_under_load_loses_nothing_and_mixes_nothing(self):
        work, setup = harness.workload(60_000, 2500), harness.Setup(checkpoint={"interval": "300ms"})
        sent, slices = 0, 16
        with setup.run() as h:
            h.wait_ready()
            for part in range(slices):
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, part, slices))
                for wait in (0, 0.03, 0.3):   # some come while the one before is at work
                    sent += 1
                    write_model(setup, A.replace('"it.1"', f'"{sent:06}"'))
                    for _ in range(1 + sent % 4):
                        hup(h)
                    time.sleep(wait)
                self.assertIsNone(h.child.poll(), h.log()[-3000:])
            setup.wait_done(h)
            applied, refused = reloads(h, "applied"), reloads(h, "refused")
            servers.wait_for("the last version", lambda: h.metric("hotlead_model_info", version=f"{sent:06}") == 1, 30)
            self.assertEqual(h.results()["scored"] + h.results()["ignored"] + h.results()["duplicate"], len(work.events))
            self.assertEqual(h.stop(), 0)
        self.assertEqual(refused, 0)
        self.assertGreater(applied, 3)
        out = setup.transitions()
        wrong = harness.differences(work.scorer.transitions, [o.value for o in out])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))
        seen = versions(out)
        self.assertGreater(len({v for vs in seen.values() for v in vs}), 3)
        for contact, of in seen.items():
            number = [0 if v == "it.1" else int(v) for v in of]
            self.assertEqual(number, sorted(number), f"{contact}: a model that was replaced scored again")
        of_event = collections.defaultdict(set)
        for o in out:
            of_event[o.value["contact_id"], o.value["trigger_event_id"]].add(o.value["model_version"])
            self.assertEqual(o.headers["model.version"].decode(), o.value["model_version"])
        self.assertEqual([e for e, v in of_event.items() if len(v) > 1 and e[1]], [], "one event under two models")
        print(f"    {sent} models, {applied} applied, {len({v for vs in seen.values() for v in vs})} seen on transitions")

    def test_a_bad_model_changes_nothing_and_says_what_is_wrong(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], threads=1)   # a second worker that joins late is a rebalance
        send = lambda who: gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(
            [harness.event(who, "form_submitted", attributes=harness.GOOD_FIT, form="demo")], setup.inputs))
        bad = {
            "a typing error": (A.replace("points: 20}", "pionts: 20}"), r"model\.yaml:18:\d+: .*'pionts'"),
            "no YAML": (A.replace("lists:", "lists: ["), r"model\.yaml:\d+:\d+: "),
            "half a file": (A[:300], r"model\.yaml:\d+:\d+: "),
            "nothing": ("", r"'model' is missing"),
            "what cannot be meant": (A.replace("at_least: 1001, points", "at_least: 1001, at_most: 5, points"), r"model\.yaml:20:\d+: .*no number can be both"),
        }
        with setup.run() as h:
            refused = lambda: [line for line in h.log().splitlines() if "event=model_refused" in line]
            h.wait_ready()
            self.assertEqual(h.metric("hotlead_model_last_reload_successful"), 1)
            for n, (what, (text, message)) in enumerate(bad.items(), 1):
                with self.subTest(what):
                    write_model(setup, text)
                    hup(h)
                    await_reload(h, "refused", n)
                    self.assertRegex(refused()[-1], "level=error event=model_refused .*effect=\"the model in use scores on\"")
                    self.assertRegex(h.log(), message)
                    self.assertRegex(json.loads(h.get("/v1/model")[1])["refused"], message)
                    self.assertRegex(json.loads(h.get("/v1/status")[1])["model_refused"], message)
                    self.assertEqual(h.metric("hotlead_model_last_reload_successful"), 0)
                    self.assertEqual(h.metric("hotlead_model_info", version="it.1"), 1)
                    self.assertEqual(h.get("/readyz")[0], 200)
            os.remove(setup.dir / "model.yaml")
            hup(h)
            await_reload(h, "refused", len(bad) + 1)
            self.assertIn("model.yaml: No such file or directory", refused()[-1])
            send("ann")
            setup.wait_done(h)
            write_model(setup, A)   # the old one again: nothing is refused any more
            hup(h)
            await_reload(h, "unchanged")
            self.assertIsNone(json.loads(h.get("/v1/model")[1])["refused"])
            self.assertEqual(h.metric("hotlead_model_last_reload_successful"), 1)
            self.assertEqual(reloads(h, "applied"), 0)
            write_model(setup, B)
            hup(h)
            await_reload(h, "applied")
            send("bob")
            setup.wait_done(h)
            told = json.loads(h.get("/v1/model")[1])
            self.assertEqual((told["model_version"], told["refused"]), ("it.2", None))
            self.assertAlmostEqual(told["since"] / 1000, time.time(), delta=60)
            self.assertEqual(h.metric("hotlead_model_info", version="it.2"), 1)
            self.assertEqual(h.metric("hotlead_model_info"), 1)
            self.assertAlmostEqual(h.metric("hotlead_model_since_timestamp_seconds"), time.time(), delta=60)
            self.assertRegex(h.log(), r"event=model_reloaded role=live model=integration model_version=it\.2 was=integration was_version=it\.1 seconds=\d")
            explained = json.loads(h.get("/v1/contacts/ann/explain")[1])
            self.assertEqual(explained["model_version"], "it.2")
            write_model(setup, B.replace("points: 14", "points: 15"))
            hup(h)
            await_reload(h, "applied", 2)
            self.assertRegex(h.log(), r"level=warn event=model_version_same role=live model=integration model_version=it\.2 ")
            self.assertEqual(h.stop(), 0)
        self.assertEqual({k: set(v) for k, v in versions(setup.transitions()).items()}, {"ann": {"it.1"}, "bob": {"it.2"}})

    def test_kill_9_around_a_reload_loses_nothing(self):
        work = harness.workload(60_000, 2500)
        for point in ("reload.begin=crash@2", "reload.committed=crash", "recovery.begin=crash@3", "recovery.in_redis=crash@100", "recovery.before_assign=crash@3", None):
            with self.subTest(point):
                setup = harness.Setup()
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
                h = setup.run(env={"HOTLEAD_FAILPOINTS": point} if point else None)
                try:
                    copies = lambda: len(harness.redis().keys(f"{{{setup.group}:*}}:marker"))
                    servers.wait_for("some commits, and a copy in Redis", lambda: h.child.poll() is not None
                                     or (setup.committed() > 5000 and copies() == setup.partitions), 60)
                    write_model(setup, A.replace('"it.1"', '"it.9"'))
                    hup(h)
                    if point:
                        self.assertEqual(h.wait_exit(), -signal.SIGKILL)
                    else:
                        await_reload(h, "applied")
                        h.kill()
                finally:
                    h.kill()
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
                with setup.run() as h:
                    setup.wait_done(h)
                    self.assertEqual(h.stop(), 0)
                out = setup.transitions()
                wrong = harness.differences(work.scorer.transitions, [o.value for o in out])
                self.assertEqual(wrong, [], "\n".join(wrong))
                wrong = harness.state_differences(work.scorer, setup.states())
                self.assertEqual(wrong, [], "\n".join(wrong))
                self.assertEqual({o.value["model_version"] for o in out}, {"it.1", "it.9"})

    def test_the_service_manager_hears_of_it(self):
        setup = harness.Setup(threads=1)
        manager = Manager(str(setup.dir / "notify"))
        self.addCleanup(manager.socket.close)
        with setup.run(env=manager.env) as h:
            manager.wait_for("STATUS=scoring")
            write_model(setup, "model: [")
            hup(h)
            await_reload(h, "refused")
            servers.wait_for("a status", lambda: any(re.match(r"STATUS=scoring; a new model was refused: .*model\.yaml:\d", w) for w in manager.listen()), 30)
            write_model(setup, B)
            hup(h)
            await_reload(h, "applied")
            servers.wait_for("its end", lambda: manager.listen().count("READY=1") == 3, 30)
            said = [w for w in manager.listen() if w == "READY=1" or w.startswith("RELOADING=1")]
            self.assertRegex(" ".join(said), r"^READY=1 RELOADING=1\nMONOTONIC_USEC=\d+ READY=1 RELOADING=1\nMONOTONIC_USEC=\d+ READY=1$")
            self.assertEqual(h.stop(), 0)


if __name__ == "__main__":
    unittest.main()
